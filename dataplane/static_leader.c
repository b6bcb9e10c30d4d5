// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "static_leader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commit.h"
#include "console.h"
#include "random.h"
#include "static_event.h"
#include "static_keys.h"
#include "static_output.h"

#define SWEEP_MS 100 // for clients that are late and doorbells that were lost

enum heard { HEARD_NOTHING, HEARD_REQUEST, HEARD_COMPLETE };

// Who was given a slot last, and when.
struct holder {
	uint32_t client;
	uint64_t admitted_ms; // 0: nobody yet
};

// One event. Lists hold client indexes.
struct led_event {
	const struct weir_static_event_config *config;
	uint8_t *heard;    // [clients]: enum heard
	uint32_t *waiting; // [clients]: have asked for a slot, in that order; from waiting_first on
			   // they have none yet
	uint32_t waiting_first, waiting_end;
	struct holder *holders; // [slots]
	uint32_t *complete;     // [slots]: wait for the next batch
	uint32_t complete_count;
	uint64_t complete_since_ms; // of the first of them, or later
	uint32_t *batch;            // [batch]: the clients of the open batch
	uint32_t batch_count;       // 0: none is open
	uint32_t batch_number;      // the last one opened
	uint64_t weight;            // of all that are sealed or in the open batch
	uint32_t sealed, aborted;
	uint64_t swept_ms;
	bool ended;
};

struct static_leader {
	struct event_table *events;
	struct led_event *led;
	size_t led_count;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct event *event_of(const struct static_leader *leader, const struct led_event *led)
{
	return event_lookup(leader->events, led->config->number);
}

static uint32_t state_of(const struct event *event, uint32_t client)
{
	return atomic_load_explicit(&event->clients[client].state, memory_order_acquire);
}

// Joins clients first .. first + count - 1; count is at most WEIR_LINK_ADD_MAX.
static int join_some(struct static_leader *leader, const struct led_event *led, uint32_t first,
	uint32_t count, struct weir_link_client *clients)
{
	uint32_t refused;

	for (uint32_t i = 0; i < count; i++) {
		struct weir_packet_keys keys;
		int error = weir_static_keys(
			led->config->secret, led->config->number, first + i, &keys);

		if (error)
			return error;
		clients[i].index = first + i;
		clients[i].weight = weir_static_weight(led->config, first + i);
		memcpy(clients[i].key_to_aggregator, keys.to_aggregator,
			sizeof(keys.to_aggregator));
		memcpy(clients[i].key_to_client, keys.to_client, sizeof(keys.to_client));
		weir_wipe(&keys, sizeof(keys));
	}
	return event_add_clients(leader->events, led->config->number, clients, count, &refused);
}

static int join_all(struct static_leader *leader, const struct led_event *led)
{
	struct weir_link_client clients[WEIR_LINK_ADD_MAX] = {0};
	int error = 0;

	for (uint32_t first = 0; error == 0 && first < led->config->clients;
		first += WEIR_LINK_ADD_MAX)
		error = join_some(leader, led, first,
			RTE_MIN(led->config->clients - first, (uint32_t)WEIR_LINK_ADD_MAX),
			clients);
	weir_wipe(clients, sizeof(clients));
	return error;
}

static void free_lists(struct led_event *led)
{
	free(led->heard);
	free(led->waiting);
	free(led->holders);
	free(led->complete);
	free(led->batch);
}

static int make_lists(struct led_event *led)
{
	const struct weir_static_event_config *config = led->config;

	led->heard = calloc(config->clients, sizeof(*led->heard));
	led->waiting = calloc(config->clients, sizeof(*led->waiting));
	led->holders = calloc(config->slots, sizeof(*led->holders));
	led->complete = calloc(config->slots, sizeof(*led->complete));
	led->batch = calloc(config->batch, sizeof(*led->batch));
	return led->heard && led->waiting && led->holders && led->complete && led->batch ? 0
											 : -ENOMEM;
}

static void announce(const struct static_leader *leader, const struct led_event *led)
{
	const struct weir_static_event_config *config = led->config;

	console("static event %" PRIu32 ": open (clients: %" PRIu32 ", elements: %" PRIu64
		", slots: %" PRIu32 ")",
		config->number, config->clients, config->dimension, config->slots);
	if (config->cipher == WEIR_CIPHER_NONE)
		console("LABORATORY: static event %" PRIu32
			" has NO CIPHER; anybody can read and forge its shares",
			config->number);
}

static int open_event(struct static_leader *leader, struct led_event *led,
	const struct weir_dataplane_config *dataplane)
{
	const struct weir_static_event_config *config = led->config;
	const struct weir_link_event_open request = {
		.number = config->number,
		.modulus = config->modulus,
		.dimension = config->dimension,
		.chunk_elements = config->chunk_elements,
		.max_clients = config->clients,
		.slot_count = config->slots,
		.max_weight = config->max_weight,
		.window = dataplane->window,
		.rate = dataplane->rate,
	};
	int error = make_lists(led);

	// What a killed process left of it is of no use: who was admitted when and what it had summed are
	// known to the leader alone.
	if (error == 0)
		error = event_close(leader->events, config->number);
	if (error == 0)
		error = event_open(leader->events, &request);
	if (error == 0) {
		struct event *event = event_of(leader, led);

		// No client is known yet, so no worker looks at these.
		event->is_static = true;
		event->without_cipher = config->cipher == WEIR_CIPHER_NONE;
		leader->events->memory->without_cipher |= event->without_cipher;
		error = join_all(leader, led);
	}
	if (error == 0)
		announce(leader, led);
	else
		console("static event %" PRIu32
			": cannot be opened: %s; it needs about (slots + 2) x "
			"dimension x element size of arena, and max_clients for all events "
			"together",
			config->number, strerror(-error));
	return error;
}

struct static_leader *static_leader_new(
	struct event_table *events, const struct weir_dataplane_config *config)
{
	struct static_leader *leader = calloc(1, sizeof(*leader));

	if (!leader)
		return NULL;
	leader->events = events;
	leader->led = calloc(config->static_event_count + 1, sizeof(*leader->led));
	if (!leader->led) {
		free(leader);
		return NULL;
	}
	for (size_t i = 0; i < config->static_event_count; i++) {
		struct led_event *led = &leader->led[leader->led_count++];

		led->config = &config->static_events[i];
		int error = open_event(leader, led, config);
		if (error) {
			static_leader_free(leader);
			errno = -error;
			return NULL;
		}
	}
	return leader;
}

void static_leader_free(struct static_leader *leader)
{
	if (!leader)
		return;
	for (size_t i = 0; i < leader->led_count; i++)
		free_lists(&leader->led[i]);
	free(leader->led);
	free(leader);
}

// A client is heard twice: when it asks for a slot, and when its slot is complete.
static void hear(struct static_leader *leader, struct led_event *led, uint32_t client)
{
	uint32_t state = state_of(event_of(leader, led), client);

	if (state == WEIR_CLIENT_REQUESTED && led->heard[client] == HEARD_NOTHING) {
		led->heard[client] = HEARD_REQUEST;
		led->waiting[led->waiting_end++] = client;
	} else if (state == WEIR_CLIENT_COMPLETE && led->heard[client] != HEARD_COMPLETE) {
		led->heard[client] = HEARD_COMPLETE;
		if (led->complete_count == 0)
			led->complete_since_ms = now_ms();
		led->complete[led->complete_count++] = client;
	}
}

bool static_leader_ring(struct static_leader *leader, uint32_t event, uint32_t client)
{
	for (size_t i = 0; leader && i < leader->led_count; i++) {
		if (leader->led[i].config->number != event)
			continue;
		hear(leader, &leader->led[i], client);
		return true;
	}
	return false;
}

static void admit(struct static_leader *leader, struct led_event *led, struct event *event)
{
	uint64_t now = now_ms();
	uint32_t n = RTE_MIN(led->waiting_end - led->waiting_first, event->free_slot_count);
	const uint32_t *clients = led->waiting + led->waiting_first;
	uint32_t refused;

	if (n == 0 || event_admit(leader->events, event->number, clients, n, &refused))
		return;
	led->waiting_first += n;
	for (uint32_t i = 0; i < n; i++)
		led->holders[event->clients[clients[i]].slot] =
			(struct holder){.client = clients[i], .admitted_ms = now};
}

// Moves complete clients, but those aborted in the meantime, to the batch.
static void fill_batch(struct led_event *led, const struct event *event)
{
	uint32_t most = RTE_MIN(led->config->batch, led->config->target_clients - led->sealed);
	uint32_t at = 0;

	led->batch_count = 0;
	for (; at < led->complete_count && led->batch_count < most; at++)
		if (state_of(event, led->complete[at]) == WEIR_CLIENT_COMPLETE)
			led->batch[led->batch_count++] = led->complete[at];
	led->complete_count -= at;
	memmove(led->complete, led->complete + at, led->complete_count * sizeof(*led->complete));
	led->complete_since_ms = now_ms();
}

static bool batch_is_due(const struct led_event *led)
{
	return led->complete_count >= led->config->batch ||
	       led->sealed + led->complete_count >= led->config->target_clients ||
	       (led->complete_count > 0 &&
		       now_ms() - led->complete_since_ms >= led->config->batch_wait_ms);
}

static void commit(struct static_leader *leader, struct led_event *led, const struct event *event)
{
	struct weir_link_commit request = {.event = event->number, .batch = led->batch_number + 1};
	enum commit_outcome outcome;
	uint32_t refused;

	if (led->batch_count > 0 || !batch_is_due(led))
		return;
	fill_batch(led, event);
	if (led->batch_count == 0)
		return;
	request.count = led->batch_count;
	request.count_after = led->sealed + led->batch_count;
	request.weight_after = led->weight;
	for (uint32_t i = 0; i < led->batch_count; i++)
		request.weight_after += event->clients[led->batch[i]].weight;
	int error = commit_open(leader->events, &request, led->batch, &refused, &outcome);
	if (error || outcome != COMMIT_RUNNING) {
		console("static event %" PRIu32 ": batch %" PRIu32 " is refused: %s; trying again",
			event->number, request.batch, strerror(-error));
		for (uint32_t i = 0; i < led->batch_count; i++)
			led->heard[led->batch[i]] = HEARD_REQUEST;
		led->batch_count = 0;
		return;
	}
	led->batch_number++;
	led->weight = request.weight_after;
}

static void seal(struct static_leader *leader, struct led_event *led, const struct event *event)
{
	if (led->batch_count == 0 ||
		atomic_load_explicit(&event->shared->held, memory_order_relaxed) >> 1 !=
			led->batch_number)
		return;
	if (commit_seal(leader->events, event->number, led->batch_number) != 0)
		return;
	led->sealed += led->batch_count;
	led->batch_count = 0;
}

// Slots whose holders are late. A client that completes at this very moment is aborted all the same.
static void abort_late(struct static_leader *leader, struct led_event *led, struct event *event)
{
	uint64_t now = now_ms();
	uint32_t refused;

	for (uint32_t slot = 0; slot < led->config->slots; slot++) {
		const struct holder *holder = &led->holders[slot];

		if (holder->admitted_ms == 0 ||
			now - holder->admitted_ms < led->config->admit_timeout_ms ||
			event->clients[holder->client].slot != slot ||
			state_of(event, holder->client) != WEIR_CLIENT_ADMITTED)
			continue;
		if (event_abort(leader->events, event->number, &holder->client, 1, &refused) == 0)
			led->aborted++;
	}
}

// The doorbells' ring may have been full: what is in shared memory counts.
static void look_everywhere(struct static_leader *leader, struct led_event *led)
{
	for (uint32_t client = 0; client < led->config->clients; client++)
		hear(leader, led, client);
}

static void sweep(struct static_leader *leader, struct led_event *led, struct event *event)
{
	uint64_t now = now_ms();

	if (now - led->swept_ms < SWEEP_MS)
		return;
	led->swept_ms = now;
	abort_late(leader, led, event);
	look_everywhere(leader, led);
}

// Whoever is not in the sum gets to know it.
static void abort_rest(struct static_leader *leader, struct led_event *led, struct event *event)
{
	uint32_t refused, n = 0;
	uint32_t *rest = calloc(led->config->clients, sizeof(*rest));

	if (!rest)
		return;
	for (uint32_t client = 0; client < led->config->clients; client++)
		if (state_of(event, client) < WEIR_CLIENT_SEALED)
			rest[n++] = client;
	if (n > 0 && event_abort(leader->events, event->number, rest, n, &refused) == 0)
		led->aborted += n;
	free(rest);
}

static void end(struct static_leader *leader, struct led_event *led, struct event *event)
{
	if (led->batch_count > 0 || (led->sealed < led->config->target_clients &&
					    led->sealed + led->aborted < led->config->clients))
		return;
	if (event_freeze(leader->events, event->number) != 0)
		return;
	led->ended = true;
	abort_rest(leader, led, event);
	static_output(led->config, leader->events, event);
}

int static_leader_turn(struct static_leader *leader)
{
	int wait_ms = SWEEP_MS;

	for (size_t i = 0; leader && i < leader->led_count; i++) {
		struct led_event *led = &leader->led[i];
		struct event *event = event_of(leader, led);

		if (led->ended)
			continue;
		seal(leader, led, event);
		admit(leader, led, event);
		commit(leader, led, event);
		sweep(leader, led, event);
		end(leader, led, event);
		if (led->complete_count > 0 && led->batch_count == 0)
			wait_ms = 1;
	}
	return wait_ms;
}
