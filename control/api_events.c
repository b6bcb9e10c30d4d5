// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Events: announce, look at, cancel.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "event_log.h"
#include "log.h"

// The body with what the leader adds, as terms. False: answered already.
static bool read_terms(struct request *request, struct weir_event_terms *terms)
{
	struct weir_document_error error = {"out of memory"};
	uint64_t now = clock_wall_ms(), duration_ms;
	const struct weir_json_field field = {
		"duration_ms", WEIR_JSON_U64, &duration_ms, 0, 1, UINT64_C(1) << 53};
	struct weir_digest digest;
	json_t *root;
	char *text = NULL;
	int status;

	if (!api_body(request, &root, NULL, 0))
		return false;
	status = weir_json_read_value(json_object_get(root, "duration_ms"), "body", &field, &error);
	if (!status && (json_object_get(root, "version") || json_object_get(root, "announced_ms") ||
			       json_object_get(root, "deadline_ms"))) {
		snprintf(error.message, sizeof(error.message),
			"version, announced_ms and deadline_ms are the leader's to set");
		status = -EBADMSG;
	}
	if (!status) {
		json_object_del(root, "duration_ms");
		json_object_set_new(root, "version", json_integer(1));
		json_object_set_new(root, "announced_ms", json_integer((json_int_t)now));
		json_object_set_new(
			root, "deadline_ms", json_integer((json_int_t)(now + duration_ms)));
		text = json_dumps(root, JSON_COMPACT);
		status = text ? weir_event_parse(text, terms, &digest, &error) : -ENOMEM;
	}
	free(text);
	json_decref(root);
	if (status)
		request_error(request, 400, "event", "%s", error.message);
	return !status;
}

// The event that this very request announced before.
static const struct event *announced_before(const struct request *request, const char *signature)
{
	const struct event *event = request->control->book.first;

	while (event && strcmp(event->announced_by, signature))
		event = event->next;
	return event;
}

static void answer_draft_error(
	struct request *request, int error, const struct weir_document_error *reason)
{
	switch (error) {
	case -EPERM: request_error(request, 403, "refused", "%s", reason->message); break;
	case -EEXIST: request_error(request, 409, "round", "%s", reason->message); break;
	case -EAGAIN: request_error(request, 503, "dataplane", "%s", reason->message); break;
	default: request_error(request, 500, "store", "%s", reason->message); break;
	}
}

void api_announce(struct request *request)
{
	const char *signature =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Weir-Signature");
	const struct event *before = announced_before(request, signature);
	struct weir_document_error reason;
	struct weir_event_terms terms;
	struct event *event;
	int error;

	if (before) {
		request_answer(request, 202, json_pack("{s:s}", "id", before->id));
		return;
	}
	if (!read_terms(request, &terms))
		return;
	if (!weir_identity_equal(&terms.aggregators[0], &request->control->identity)) {
		request_error(request, 400, "leader",
			"the first of the aggregators must be this appliance");
		return;
	}
	error = leader_draft(request->control, &terms, &event, &reason);
	if (error) {
		answer_draft_error(request, error, &reason);
		return;
	}
	snprintf(event->announced_by, sizeof(event->announced_by), "%s", signature);
	log_event(event, "drafted (%s, round %u)", terms.job, terms.round);
	request_answer(request, 202, json_pack("{s:s}", "id", event->id));
}

static json_t *announcement_json(const struct weir_event_machine *machine)
{
	char *text = machine->announcement.event_text
			     ? weir_announcement_format(&machine->announcement)
			     : NULL;
	json_t *announcement = text ? json_loads(text, 0, NULL) : json_null();

	free(text);
	return announcement;
}

static json_t *digest_json(const struct weir_digest *digest)
{
	return weir_json_hex(digest->bytes, sizeof(digest->bytes));
}

static json_t *count_json(const struct weir_event_machine *machine, enum weir_client_state state)
{
	return json_integer((json_int_t)machine->counts[state]);
}

// The aggregators that a draft waits for.
static json_t *missing_offers(const struct event *event)
{
	json_t *list = json_array();

	for (size_t a = 0; a < event->terms.aggregator_count; a++)
		if (!(event->leader->offered & 1u << a))
			json_array_append_new(
				list, weir_json_hex(event->terms.aggregators[a].bytes,
					      sizeof(event->terms.aggregators[a].bytes)));
	return list;
}

void api_event(struct request *request)
{
	struct event *event = request->event;
	const struct weir_event_machine *machine = &event->machine;
	json_t *answer;

	answer = json_pack("{s:s, s:s, s:s, s:o, s:{s:o, s:o, s:o, s:o, s:o}, s:o}", "id",
		event->id, "state", weir_event_state_name(event->state), "reason", event->reason,
		"announcement", announcement_json(machine), "counts", "joined",
		count_json(machine, WEIR_CLIENT_JOINED), "admitted",
		count_json(machine, WEIR_CLIENT_ADMITTED), "committed",
		count_json(machine, WEIR_CLIENT_COMMITTED), "sealed",
		count_json(machine, WEIR_CLIENT_SEALED), "aborted",
		count_json(machine, WEIR_CLIENT_ABORTED), "set_digest",
		digest_json(&machine->sealed_digest));
	if (answer && (request->access & API_OPERATOR)) {
		json_object_set_new(answer, "timings", event_timing_json(&event->timing));
		if (event->leader && event->state == WEIR_EVENT_DRAFT)
			json_object_set_new(answer, "missing_offers", missing_offers(event));
	}
	request_answer(request, 200, answer);
}

void api_cancel(struct request *request)
{
	struct event *event = request->event;

	if (event->state == WEIR_EVENT_PUBLISHED) {
		request_error(request, 409, "published", "the event has published already");
		return;
	}
	if (event_leads(event) && !event_ended(event))
		leader_fail(event, "cancelled by an operator");
	if (!event_ended(event) && !event_leads(event) &&
		event_quit(event, "left by this appliance's operator")) {
		request_error(request, 409, "share",
			"this appliance's aggregate share is published already; only the leader's "
			"operator can cancel the event");
		return;
	}
	request_answer(request, 200, json_pack("{s:s, s:s}", "id", event->id, "state", "failed"));
}

void api_result(struct request *request)
{
	struct event *event = request->event;
	const struct weir_event_machine *machine = &event->machine;

	request_answer(request, 200,
		json_pack("{s:s, s:o, s:I, s:o, s:s}", "state", weir_event_state_name(event->state),
			"count", count_json(machine, WEIR_CLIENT_SEALED), "weight",
			(json_int_t)machine->sealed_weight, "set_digest",
			digest_json(&machine->sealed_digest), "reason", event->reason));
}
