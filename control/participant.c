// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "participant.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agreement.h"
#include "control.h"
#include "log.h"
#include "random.h"
#include "report.h"

#define UDP_IPV4_OVERHEAD 28
#define UDP_IPV6_OVERHEAD 48

__attribute__((format(printf, 2, 3))) static int refuse(
	struct weir_document_error *reason, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason->message, sizeof(reason->message), format, arguments);
	va_end(arguments);
	return -EPERM;
}

static int check_aggregators(const struct control *control, const struct weir_event_terms *terms,
	struct weir_document_error *reason)
{
	bool included = false;
	char name[64];

	for (size_t i = 0; i < terms->aggregator_count; i++) {
		const struct weir_identity *identity = &terms->aggregators[i];

		if (weir_identity_equal(identity, &control->identity))
			included = true;
		else if (!control_peer(control, identity))
			return refuse(reason, "%s is not one of this appliance's peers",
				control_name(control, identity, name, sizeof(name)));
	}
	return included ? 0 : refuse(reason, "this appliance is not one of the aggregators");
}

// A SHARE of a whole chunk must fit into a frame of every port.
static int check_chunk(const struct control *control, const struct weir_event_terms *terms,
	struct weir_document_error *reason)
{
	const struct weir_dataplane_config *config = &control->config->dataplane;
	uint64_t longest = weir_chunk_length(terms->dimension, terms->chunk_elements, 0);
	uint64_t chunk = longest * weir_modulus_element_size(terms->modulus);

	for (size_t i = 0; i < config->port_count; i++) {
		const struct weir_port_config *port = &config->ports[i];
		size_t overhead = port->has_ipv6 ? UDP_IPV6_OVERHEAD : UDP_IPV4_OVERHEAD;

		if (chunk + WEIR_PACKET_OVERHEAD + overhead > port->mtu)
			return refuse(reason,
				"chunks of %u elements do not fit the port's MTU of %u",
				terms->chunk_elements, port->mtu);
	}
	return 0;
}

int participant_policy(const struct control *control, const struct weir_event_terms *terms,
	struct weir_document_error *reason)
{
	const struct weir_control_config *config = &control->config->control;
	int error = check_aggregators(control, terms, reason);

	if (!error)
		error = check_chunk(control, terms, reason);
	if (error)
		return error;
	if (terms->min_clients < 2 && !config->allow_single_client)
		return refuse(reason, "min_clients is %u and this appliance takes part from 2 on",
			terms->min_clients);
	if (terms->max_clients < config->min_clients)
		return refuse(reason,
			"max_clients is %u and this appliance never publishes for fewer than %u",
			terms->max_clients, config->min_clients);
	if (terms->max_weight > config->max_weight)
		return refuse(reason, "max_weight is %u and this appliance's limit is %u",
			terms->max_weight, config->max_weight);
	if (terms->max_clients > control->config->dataplane.max_clients)
		return refuse(reason, "max_clients is %u and this appliance's limit is %u",
			terms->max_clients, control->config->dataplane.max_clients);
	if (terms->deadline_ms <= clock_wall_ms())
		return refuse(reason, "the deadline has passed (by this appliance's clock)");
	return 0;
}

static bool number_in_use(const struct control *control, uint32_t number)
{
	uint32_t capacity = dataplane_link_memory(control->link)->header->event_capacity;

	for (const struct event *event = control->book.first; event; event = event->next)
		if (!event_ended(event) && event->number % capacity == number % capacity)
			return true;
	return false;
}

uint32_t participant_number(struct control *control, struct weir_document_error *reason)
{
	const struct dataplane_memory *memory = dataplane_link_memory(control->link);
	uint64_t number;

	if (!memory->header) {
		refuse(reason, "the dataplane is not connected");
		return 0;
	}
	for (uint32_t tries = 0; tries <= memory->event_capacity; tries++) {
		if (weir_store_counter_next(control->store, "event_number", &number))
			break;
		control_dirty(control);
		if ((uint32_t)number && !number_in_use(control, (uint32_t)number) &&
			dataplane_memory_number_free(memory, (uint32_t)number))
			return (uint32_t)number;
	}
	refuse(reason, "%u events are open already; see dataplane.max_events in the config",
		memory->event_capacity);
	return 0;
}

void participant_break(struct event *event, const char *format, ...)
{
	struct participant *participant = &event->participant;
	va_list arguments;

	if (participant->broken[0] || event_ended(event))
		return;
	va_start(arguments, format);
	vsnprintf(participant->broken, sizeof(participant->broken), format, arguments);
	va_end(arguments);
	log_event(event, "cannot go on: %s", participant->broken);
	report_refused(event, participant->broken);
}

void participant_forget(struct participant *participant)
{
	if (participant->adding)
		weir_wipe(participant->adding, WEIR_LINK_ADD_MAX * sizeof(*participant->adding));
	accepted_joins_clear(&participant->accepted);
	receipts_clear(&participant->receipts);
	free(participant->adding);
	free(participant->reported);
	participant->adding = NULL;
	participant->adding_count = 0;
	participant->reported = NULL;
	participant->reported_capacity = 0;
	index_list_clear(&participant->requested);
	index_list_clear(&participant->complete);
	index_list_clear(&participant->admitted);
}

void participant_wipe_stored_key(struct event *event)
{
	if (event->participant.key_wiped)
		return;
	event->participant.key_wiped = true;
	if (weir_store_key_wipe(event->control->store, &event->digest) == -EIO)
		log_event(event, "its key could not be wiped from the store");
	control_dirty(event->control);
}

void participant_clear(struct participant *participant)
{
	participant_forget(participant);
	weir_wipe(participant->key, sizeof(participant->key));
	free(participant->offer);
	*participant = (struct participant){0};
}

// The offer and its key; both are durable before the offer leaves.
static int make_offer(struct event *event)
{
	const struct weir_control_config *config = &event->control->config->control;
	struct participant *participant = &event->participant;
	struct weir_offer offer = {.event = event->digest,
		.aggregator = event->control->identity,
		.number = event->number,
		.slots = participant->slots,
		.min_clients = config->min_clients};
	struct weir_agreement_pair pair;
	int error = weir_agreement_generate(&pair);

	if (error)
		return error;
	memcpy(offer.key, pair.public_key, sizeof(offer.key));
	memcpy(participant->key, pair.private_key, sizeof(participant->key));
	weir_wipe(&pair, sizeof(pair));
	participant->has_key = true;
	snprintf(offer.endpoint, sizeof(offer.endpoint), "%s", config->endpoint);
	snprintf(offer.url, sizeof(offer.url), "%s", config->url);
	control_dirty(event->control);
	error = weir_store_key_put(event->control->store, &event->digest, participant->key);
	if (error)
		return error;
	participant->offer = weir_offer_format(&offer);
	if (!participant->offer)
		return -errno;
	error = weir_store_offer_put(event->control->store, &event->digest, participant->offer);
	if (error)
		return error;
	return weir_sign(event->control->key, "weir-offer", participant->offer,
		strlen(participant->offer), participant->offer_signature);
}

static void ask_for_slots(struct event *event);

static void cannot_open(struct event *event, int status)
{
	struct participant *participant = &event->participant;
	char reason[256];

	if (status == -ENOSPC)
		snprintf(reason, sizeof(reason),
			"the dataplane has no room for it; see dataplane.arena and max_clients");
	else
		snprintf(reason, sizeof(reason), "the dataplane cannot open it: %s",
			strerror(-status));
	if (participant->offer) {
		participant_break(event, "%s", reason);
		return;
	}
	snprintf(participant->broken, sizeof(participant->broken), "%s", reason);
	log_event(event, "no offer: %s", reason);
	report_offer_refused(event, reason);
}

static void opened(void *context, int status, uint32_t detail)
{
	struct event *event = context;
	struct participant *participant = &event->participant;

	if (status == -ENOTCONN)
		return; // asked again when the link is up again
	if (status == -ENOSPC && participant->slots > 1 && !participant->offer &&
		!event_ended(event)) {
		participant->slots /= 2;
		ask_for_slots(event);
		return;
	}
	if (!status && (event_ended(event) || participant->share_durable)) { // meanwhile
		dataplane_link_batch(
			event->control->link, WEIR_LINK_EVENT_CLOSE, event->number, 0, NULL, NULL);
		return;
	}
	participant->opened = !status;
	if (!status && !participant->offer)
		status = make_offer(event);
	if (!status)
		status = event_reopened(event);
	if (status)
		cannot_open(event, status);
	else if (event->state == WEIR_EVENT_DRAFT)
		report_offer(event);
}

static void ask_for_slots(struct event *event)
{
	const struct weir_dataplane_config *config = &event->control->config->dataplane;
	struct weir_link_event_open open = {.number = event->number,
		.modulus = event->terms.modulus,
		.dimension = event->terms.dimension,
		.chunk_elements = event->terms.chunk_elements,
		.max_clients = event->terms.max_clients,
		.slot_count = event->participant.slots,
		.max_weight = event->terms.max_weight,
		.window = config->window,
		.fec = event->terms.fec.data << 16 | event->terms.fec.parity,
		.rate = config->rate};

	dataplane_link_event_open(event->control->link, &open, opened, event);
}

void participant_open(struct event *event)
{
	uint32_t slots = event->control->config->control.slots;

	// What was offered stays reserved, whatever the config says by now.
	if (!event->participant.offer)
		event->participant.slots =
			slots < event->terms.max_clients ? slots : event->terms.max_clients;
	ask_for_slots(event);
}

// Agrees on the keys: a low-order point would leave the join without a secret, and that is better
// refused now than when the log says that the client is in.
static int accept_join(struct event *event, const struct weir_join *join,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], uint8_t acceptance[WEIR_SIGNATURE_SIZE],
	struct weir_document_error *reason)
{
	struct participant *participant = &event->participant;
	struct weir_verified_join verified = {.self = event->self};
	struct weir_packet_keys keys;

	if (weir_agree(participant->key, join->key, &event->digest, &join->identity,
		    &event->control->identity, &keys))
		return refuse(reason, "the join's key is not usable");
	if (weir_acceptance_sign(event->control->key, &event->digest, &join->digest, acceptance)) {
		weir_wipe(&keys, sizeof(keys));
		return refuse(reason, "the acceptance could not be signed");
	}
	memcpy(verified.signature, signature, sizeof(verified.signature));
	memcpy(verified.acceptance, acceptance, sizeof(verified.acceptance));
	accepted_joins_add(&participant->accepted, &join->digest, &verified, &keys);
	weir_wipe(&keys, sizeof(keys));
	return 0;
}

int participant_consider(struct event *event, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], struct weir_join *join,
	uint8_t acceptance[WEIR_SIGNATURE_SIZE], struct weir_document_error *reason)
{
	const struct weir_event_machine *machine = &event->machine;
	struct participant *participant = &event->participant;

	if (weir_join_parse(text, join, reason))
		return -EPERM;
	if (participant->broken[0])
		return refuse(reason, "this aggregator cannot go on: %.200s", participant->broken);
	if (event->state != WEIR_EVENT_OPEN || !participant->has_key)
		return refuse(reason, "the event is not open here");
	if (memcmp(&join->event, &event->digest, sizeof(join->event)))
		return refuse(reason, "the join is for another event");
	if (memcmp(&join->offers, &machine->announcement.offers_digest, sizeof(join->offers)))
		return refuse(reason, "the join is for other offers than were announced");
	if (join->weight < 1 || join->weight > event->terms.max_weight)
		return refuse(reason, "weight %u is not within 1 and %u", join->weight,
			event->terms.max_weight);
	if (!roster_has(&event->control->roster, &join->identity))
		return refuse(reason,
			"the identity is not in this aggregator's roster; its operator "
			"can add it (weirctl roster add)");
	if (!weir_verify(&join->identity, "weir-join", text, strlen(text), signature))
		return refuse(reason, "the join's signature is not by its identity");
	return accept_join(event, join, signature, acceptance, reason);
}
