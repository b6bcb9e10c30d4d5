// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What clients ask the leader: to join, and how it goes.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

#define JOIN_WAIT_S   10
#define JOIN_TEXT_MAX 4096

static void answer_joined(struct request *request, uint32_t index)
{
	const struct weir_event_client *client = &request->event->machine.clients[index];

	request_answer(request, 200,
		json_pack("{s:I, s:s}", "client", (json_int_t)index, "state",
			weir_client_state_name(client->state)));
}

// A client that is not going to ask any dataplane gets its slots first.
static void answer_admitted(struct request *request, uint32_t index)
{
	struct leader_client *client = leader_client(request->event, index);

	if (request->event->state == WEIR_EVENT_FAILED) {
		request_error(
			request, 410, "failed", "the event failed: %s", request->event->reason);
		return;
	}
	leader_ask(request->event, index);
	if (leader_is_admitted(request->event, index))
		answer_joined(request, index);
	else if (!client || !request_wait(request, &client->waiters, JOIN_WAIT_S))
		request_answer(request, 202, json_pack("{s:b}", "pending", 1));
}

static bool event_takes_joins(const struct event *event)
{
	return event->state == WEIR_EVENT_OPEN && !event->leader->failure[0] &&
	       clock_wall_ms() < event->terms.deadline_ms;
}

// A join that is not known yet: judged here like at every aggregator, then put before the others.
static struct pending_join *submit(
	struct request *request, const char *text, const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	struct event *event = request->event;
	uint8_t acceptance[WEIR_SIGNATURE_SIZE];
	struct weir_document_error reason;
	struct pending_join *pending;
	struct weir_join join;

	if (participant_consider(event, text, signature, &join, acceptance, &reason)) {
		request_error(request, 403, "refused", "%s", reason.message);
		return NULL;
	}
	pending = leader_join(event, &join, text, signature, acceptance);
	if (!pending)
		request_error(request, 503, "memory", "out of memory; try again");
	return pending;
}

static void join(struct request *request, const struct weir_join *wanted, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], bool admit_now)
{
	struct event *event = request->event;
	struct leader *leader = event->leader;
	int64_t index = weir_event_machine_find_join(&event->machine, &wanted->digest);
	struct pending_join *pending = leader_pending(event, &wanted->identity);
	const char *refused = leader_refused(event, wanted);

	if (index >= 0) {
		if (admit_now)
			answer_admitted(request, (uint32_t)index);
		else
			answer_joined(request, (uint32_t)index);
		return;
	}
	if (refused) {
		request_error(request, 403, "refused", "%s", refused);
		return;
	}
	if (!event_takes_joins(event)) {
		request_error(request, 410, "closed", "the event takes no more joins");
		return;
	}
	index = weir_event_machine_find(&event->machine, &wanted->identity);
	if ((pending && memcmp(&pending->join.digest, &wanted->digest, sizeof(wanted->digest))) ||
		(index >= 0 && event->machine.clients[index].state != WEIR_CLIENT_ABORTED)) {
		request_error(request, 409, "joined", "this identity has joined already");
		return;
	}
	if (!pending &&
		event->machine.client_count + leader->pending.count >= event->terms.max_clients) {
		request_error(request, 429, "full", "%u clients have joined already",
			event->terms.max_clients);
		return;
	}
	if (!pending)
		pending = submit(request, text, signature);
	if (pending && !request_wait(request, &pending->waiters, JOIN_WAIT_S))
		request_answer(request, 202, json_pack("{s:b}", "pending", 1));
}

void api_join(struct request *request)
{
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	struct weir_document_error reason;
	struct weir_join wanted;
	const char *text, *admit = NULL;
	const struct weir_json_field fields[] = {
		{"join", WEIR_JSON_STRING, &text, JOIN_TEXT_MAX},
		{"signature", WEIR_JSON_HEX, signature, sizeof(signature)},
		{"admit", WEIR_JSON_STRING, &admit, 8}, // may be missing
	};
	json_t *root;

	if (!event_leads(request->event)) {
		request_error(request, 409, "leader", "this appliance does not lead the event");
		return;
	}
	if (!request->event->leader) {
		request_error(request, 410, "closed", "the event takes no more joins");
		return;
	}
	if (!api_body(request, &root, NULL, 0))
		return;
	if (weir_json_read(root, "body", fields, json_object_get(root, "admit") ? 3 : 2, &reason))
		request_error(request, 400, "body", "%s", reason.message);
	else if (admit && strcmp(admit, "now"))
		request_error(request, 400, "body", "admit can only be now");
	else if (admit && !request->event->terms.fec.data)
		request_error(request, 400, "admit",
			"the event has no forward error correction: clients ask its dataplanes");
	else if (weir_join_parse(text, &wanted, &reason))
		request_error(request, 403, "refused", "%s", reason.message);
	else if (!weir_identity_equal(&wanted.identity, &request->caller))
		request_error(request, 403, "refused", "the join is of another identity");
	else
		join(request, &wanted, text, signature, admit);
	json_decref(root);
}

static void add_receipt(json_t *list, const struct weir_identity *aggregator,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	json_array_append_new(
		list, json_pack("{s:o, s:o}", "aggregator",
			      weir_json_hex(aggregator->bytes, sizeof(aggregator->bytes)),
			      "signature", weir_json_hex(signature, WEIR_SIGNATURE_SIZE)));
}

struct stored_receipts {
	const struct event *event;
	uint32_t client;
	uint16_t found; // bit i: aggregator i's
	uint8_t signatures[WEIR_AGGREGATORS_MAX][WEIR_SIGNATURE_SIZE];
};

static int note_stored(void *context, uint32_t client, const struct weir_identity *aggregator,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	struct stored_receipts *receipts = context;
	int a = client == receipts->client ? event_aggregator(receipts->event, aggregator) : -1;

	if (a >= 0) {
		memcpy(receipts->signatures[a], signature, WEIR_SIGNATURE_SIZE);
		receipts->found |= (uint16_t)(1u << a);
	}
	return client > receipts->client; // they come in order
}

// Those that are here already, in the order of the aggregators; of events that ended before this
// process began, from the store.
static json_t *receipts_json(struct event *event, uint32_t index)
{
	struct stored_receipts stored = {.event = event, .client = index};
	const struct leader *leader = event->leader;
	const struct leader_client *client =
		leader && index < leader->client_capacity ? leader->clients[index] : NULL;
	json_t *list = json_array();

	if (!leader)
		weir_store_receipts(
			event->control->store, &event->digest, index, note_stored, &stored);
	for (size_t a = 0; a < event->terms.aggregator_count; a++) {
		if (client && (client->received >> a & 1))
			add_receipt(list, &event->terms.aggregators[a], client->receipts[a]);
		else if (stored.found >> a & 1)
			add_receipt(list, &event->terms.aggregators[a], stored.signatures[a]);
	}
	return list;
}

static int take_reason(void *context, uint64_t index, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	struct weir_log_entry entry = {0};
	struct weir_document_error error;

	if (!weir_log_entry_parse(text, &entry, &error) && entry.type == WEIR_ENTRY_ABORT)
		memcpy(context, entry.reason, sizeof(entry.reason));
	weir_log_entry_clear(&entry);
	return 0;
}

// Why the client is not in the sum, if that is settled.
static void find_reason(struct event *event, uint32_t index, char reason[WEIR_REASON_SIZE])
{
	const struct weir_event_client *client = &event->machine.clients[index];

	reason[0] = '\0';
	if (event->state == WEIR_EVENT_FAILED) {
		snprintf(reason, WEIR_REASON_SIZE, "%s", event->reason);
	} else if (client->state == WEIR_CLIENT_ABORTED) {
		strcpy(reason, client->aborted_entry
				       ? "aborted"
				       : "not complete at every aggregator when the event froze");
		if (client->aborted_entry)
			weir_store_log_read(event->control->store, &event->digest,
				client->aborted_entry, 1, take_reason, reason);
	}
}

static void answer_client(struct request *request, const struct weir_event_client *client)
{
	struct event *event = request->event;
	// In a failed event nobody is in a sum, however far they had come.
	bool nowhere = event->state == WEIR_EVENT_FAILED && client->state != WEIR_CLIENT_SEALED;
	char reason[WEIR_REASON_SIZE];

	find_reason(event, request->index, reason);
	request_answer(request, 200,
		json_pack("{s:I, s:s, s:o, s:I, s:o, s:s}", "client", (json_int_t)request->index,
			"state",
			weir_client_state_name(nowhere ? WEIR_CLIENT_ABORTED : client->state),
			"join",
			weir_json_hex(client->join.digest.bytes, sizeof(client->join.digest)),
			"batch", (json_int_t)client->batch, "receipts",
			receipts_json(event, request->index), "reason", reason));
}

void api_client(struct request *request)
{
	struct event *event = request->event;
	const struct weir_event_machine *machine = &event->machine;
	uint16_t all = (uint16_t)((1u << event->terms.aggregator_count) - 1);
	const struct weir_event_client *client;
	struct leader_client *record;
	bool settled;

	if (request->index >= machine->client_count ||
		(!(request->access & API_OPERATOR) &&
			!weir_identity_equal(&machine->clients[request->index].join.identity,
				&request->caller))) {
		request_error(request, 403, "identity", "there is no such client of this identity");
		return;
	}
	client = &machine->clients[request->index];
	record = event->leader ? leader_client(event, request->index) : NULL;
	settled = event_ended(event) || client->state == WEIR_CLIENT_ABORTED ||
		  (client->state == WEIR_CLIENT_SEALED && record && record->received == all);
	if (!settled && record && request_wait(request, &record->waiters, 0))
		return;
	answer_client(request, client);
}
