// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "loop.h"
#include "peer_watch.h"
#include "random.h"

#define SCAN_MS 1000

struct peer *control_peer(const struct control *control, const struct weir_identity *identity)
{
	for (size_t i = 0; i < control->peer_count; i++)
		if (weir_identity_equal(&control->peers[i].identity, identity))
			return &control->peers[i];
	return NULL;
}

bool control_is_operator(const struct control *control, const struct weir_identity *identity)
{
	if (weir_identity_equal(&control->identity, identity))
		return true;
	for (size_t i = 0; i < control->operator_count; i++)
		if (weir_identity_equal(&control->operators[i], identity))
			return true;
	return false;
}

const char *control_name(const struct control *control, const struct weir_identity *identity,
	char *buffer, size_t size)
{
	const struct peer *peer = control_peer(control, identity);
	char hex[WEIR_HEX_SIZE(WEIR_IDENTITY_SIZE)];

	weir_hex_encode(identity->bytes, sizeof(identity->bytes), hex);
	if (peer && peer->config->name[0])
		snprintf(buffer, size, "aggregator %s", peer->config->name);
	else
		snprintf(buffer, size, "aggregator %.12s", hex);
	return buffer;
}

static struct event *event_by_number(const struct control *control, uint32_t number)
{
	for (struct event *event = control->book.first; event; event = event->next)
		if (event->number == number && !event_ended(event))
			return event;
	return NULL;
}

// What the dataplane still has open of events that have ended or need it no more.
static void close_leftovers(struct control *control)
{
	const struct dataplane_memory *memory = dataplane_link_memory(control->link);
	const struct weir_shm_event *shared;

	for (uint32_t i = 0; (shared = dataplane_memory_entry(memory, i)); i++) {
		uint32_t number = atomic_load(&shared->number);
		const struct event *event = event_by_number(control, number);

		if (number && (!event || event->participant.share_durable))
			dataplane_link_batch(
				control->link, WEIR_LINK_EVENT_CLOSE, number, 0, NULL, NULL);
	}
}

static void dataplane_up(void *context)
{
	struct control *control = context;

	close_leftovers(control);
	for (struct event *event = control->book.first; event; event = event->next)
		if (!event_ended(event) && !event->participant.share_durable)
			participant_open(event);
	peer_watch_restart(control);
}

// Events wait until it is there again, this start of it or the next.
static void dataplane_down(void *context, const char *reason)
{
	struct control *control = context;

	for (struct event *event = control->book.first; event; event = event->next)
		event->participant.opened = event->participant.resumed = false;
}

static void doorbell(void *context, uint32_t number, const uint32_t *clients, uint32_t count)
{
	struct event *event = event_by_number(context, number);

	if (event)
		participant_doorbell(event, clients, count);
}

static void committed(void *context, uint32_t number, uint32_t batch, int status)
{
	struct event *event = event_by_number(context, number);

	if (event)
		participant_committed(event, batch, status);
}

static void scan(void *context)
{
	struct control *control = context;

	for (struct event *event = control->book.first; event; event = event->next) {
		if (event->state == WEIR_EVENT_OPEN)
			participant_scan(event);
		else if (event->state == WEIR_EVENT_FROZEN && event->participant.share_durable)
			participant_wipe_stored_key(event);
	}
	event_book_trim(control);
	timer_set(&control->timers, &control->scan, clock_monotonic_ms() + SCAN_MS);
}

static int take_identities(struct control *control)
{
	const struct weir_control_config *config = &control->config->control;

	control->identity = *weir_signing_key_identity(control->key);
	control->peers = calloc(config->peer_count + 1, sizeof(*control->peers));
	control->operators = calloc(config->operator_count + 1, sizeof(*control->operators));
	if (!control->peers || !control->operators)
		return -ENOMEM;
	for (size_t i = 0; i < config->peer_count; i++) {
		struct peer *peer = &control->peers[control->peer_count];

		if (weir_hex_decode(
			    config->peers[i].identity, peer->identity.bytes, WEIR_IDENTITY_SIZE))
			return -EINVAL;
		peer->config = &config->peers[i];
		// A config shared by all appliances may list each one's own identity.
		if (!weir_identity_equal(&peer->identity, &control->identity))
			control->peer_count++;
	}
	for (size_t i = 0; i < config->operator_count; i++)
		if (weir_hex_decode(config->operators[i].identity, control->operators[i].bytes,
			    WEIR_IDENTITY_SIZE))
			return -EINVAL;
	control->operator_count = config->operator_count;
	return 0;
}

static int draw_instance(struct control *control)
{
	uint8_t bytes[(WEIR_INSTANCE_SIZE - 1) / 2];
	int error = weir_random_bytes(bytes, sizeof(bytes));

	if (!error)
		weir_hex_encode(bytes, sizeof(bytes), control->instance);
	return error;
}

static int cannot_start(int error)
{
	log_line("cannot start: %s", strerror(-error));
	return error;
}

// This and open_rest say themselves, in one line, what is wrong.
static int open_store(struct control *control)
{
	const char *directory = control->config->control.state;
	char message[512];

	control->store = weir_store_open(directory, message, sizeof(message));
	if (!control->store) {
		log_line("%s", message);
		return -EIO;
	}
	return roster_init(&control->roster, &control->config->control, control->store);
}

static int open_rest(struct control *control)
{
	const struct dataplane_link_handlers handlers = {.context = control,
		.up = dataplane_up,
		.down = dataplane_down,
		.doorbell = doorbell,
		.committed = committed};
	int error;

	control->client = http_client_open(control->key, &control->timers);
	control->link =
		dataplane_link_open(control->config->dataplane.socket, &control->timers, &handlers);
	if (!control->client || !control->link)
		return cannot_start(-errno);
	error = event_book_init(control);
	if (error)
		return cannot_start(error);
	error = event_book_restore(control);
	if (error)
		return error;
	participant_sweep_snapshots(control);
	control->server = http_server_open(control);
	if (!control->server)
		return -EADDRINUSE;
	timer_init(&control->scan, scan, control);
	timer_set(&control->timers, &control->scan, clock_monotonic_ms() + SCAN_MS);
	error = peer_watch_open(control);
	return error ? cannot_start(error) : 0;
}

struct control *control_open(
	const struct weir_appliance_config *config, struct weir_signing_key *key)
{
	struct control *control = calloc(1, sizeof(*control));
	int error;

	if (!control) {
		cannot_start(-ENOMEM);
		return NULL;
	}
	control->config = config;
	control->key = key;
	control->signals = -1;
	error = take_identities(control);
	if (!error)
		error = draw_instance(control);
	if (!error)
		error = loop_open(control);
	if (error)
		cannot_start(error);
	if (!error)
		error = open_store(control);
	if (!error)
		error = open_rest(control);
	if (error) {
		control_close(control);
		return NULL;
	}
	return control;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	peer_watch_close(control);
	http_server_close(control->server);
	event_book_clear(control);
	http_client_close(control->client);
	dataplane_link_close(control->link);
	roster_clear(&control->roster);
	weir_store_close(control->store);
	loop_close(control);
	free(control->peers);
	free(control->operators);
	free(control);
}
