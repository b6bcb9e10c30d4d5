// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "emulate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fixed_point.h"
#include "identity.h"
#include "say.h"
#include "statistics.h"
#include "upload.h"
#include "verify.h"

// Seconds until the event ends at the latest, and some for its end.
static unsigned wait_seconds(const struct emulation *emulation)
{
	uint64_t deadline = emulation->view.announcement.terms.deadline_ms;
	uint64_t now = (uint64_t)time(NULL) * 1000;

	return (unsigned)((deadline > now ? deadline - now : 0) / 1000 +
			  emulation->config->timeout_ms / 1000 + 1);
}

// The sum of the aggregators' sums, as elements.
static void *expected_aggregate(
	const struct load_event *event, const uint32_t *clients, uint32_t count)
{
	const struct weir_kernels *kernels = weir_kernels_select(NULL);
	void *sum = verify_expected(event, 0, clients, count);

	for (uint32_t i = 1; sum && i < event->aggregator_count; i++) {
		void *more = verify_expected(event, i, clients, count);

		if (!more) {
			free(sum);
			return NULL;
		}
		const void *sources[] = {more};
		kernels->ops[event->modulus].add_many(sum, sources, 1, event->dimension);
		free(more);
	}
	return sum;
}

static bool same(const struct load_event *event, const void *expected,
	const struct weir_client_aggregate *aggregate)
{
	uint64_t differences = 0, first = 0;

	for (uint64_t i = 0; i < event->dimension; i++) {
		int64_t value = weir_decode_element(event->modulus, aggregate->terms.is_signed,
			weir_element_get(event->modulus, expected, i));
		if (value != aggregate->integers[i] && differences++ == 0)
			first = i;
	}
	if (differences > 0)
		say("the aggregate is WRONG: %" PRIu64 " of %" PRIu64
		    " elements differ, the first is element %" PRIu64,
			differences, event->dimension, first);
	return differences == 0;
}

static int compare(const struct load_event *event, const struct weir_client_aggregate *aggregate,
	struct verdict *verdict)
{
	uint32_t count, *clients = verify_sealed(event, &count);
	void *sum = clients ? expected_aggregate(event, clients, count) : NULL;

	if (sum) {
		verify_describe(event, clients, count, sum, verdict);
		verdict->compared = true;
		verdict->equal =
			aggregate->dimension == event->dimension && same(event, sum, aggregate);
		if (aggregate->clients != verdict->clients ||
			aggregate->weight != verdict->weight) {
			say("the aggregate is of %" PRIu64 " clients of weight %" PRIu64
			    ", but %" PRIu64 " of weight %" PRIu64 " were told that they are in it",
				aggregate->clients, aggregate->weight, verdict->clients,
				verdict->weight);
			verdict->equal = false;
		}
	}
	free(clients);
	free(sum);
	return sum ? 0 : -ENOMEM;
}

static void *collect(void *opaque)
{
	struct emulation *emulation = opaque;

	emulation->collect_error = weir_client_collect(emulation->collector, emulation->id,
		wait_seconds(emulation), &emulation->aggregate);
	emulation->collected_ns = statistics_now_ns();
	atomic_store(&emulation->has_collected, true);
	return NULL;
}

int emulation_collect(struct emulation *emulation)
{
	int error = pthread_create(&emulation->collecting, NULL, collect, emulation);

	emulation->is_collecting = error == 0;
	if (error != 0)
		say("no thread could be started: %s", strerror(error));
	return -error;
}

// What the leader says of one client, asked in its own name.
static int ask_leader(
	struct emulation *emulation, const struct load_event *event, uint32_t client, bool *sealed)
{
	const struct weir_emulated_config *config = &emulation->config->emulated;
	struct weir_signing_key *key = emulate_key(config, config->first + client);
	struct weir_client *context =
		key ? emulate_context(config, key, emulation->interrupted) : NULL;
	struct weir_client_view view;

	if (!context)
		return -EIO;
	int error = weir_leader_client(context, &emulation->view.announcement.event_digest,
		event->indexes[client], 0, &view);
	if (error != 0)
		say("client %" PRIu32 ": %s", client, weir_client_error(context));
	*sealed = error == 0 && strcmp(view.state, "sealed") == 0;
	weir_client_close(context);
	return error;
}

int emulation_settle(struct emulation *emulation, struct load_event *event)
{
	int settled = 0;

	for (uint32_t client = 0; client < event->clients; client++) {
		uint8_t *ends = &event->ends[(uint64_t)client * event->aggregator_count];
		bool sealed = load_event_any_ended(event, client, UPLOAD_SEALED);

		if (!load_event_any_ended(event, client, UPLOAD_SEALING))
			continue;
		if (!sealed) {
			int error = ask_leader(emulation, event, client, &sealed);
			if (error != 0)
				return error;
		}
		for (uint32_t i = 0; sealed && i < event->aggregator_count; i++) {
			settled += ends[i] == UPLOAD_SEALING;
			ends[i] = UPLOAD_SEALED;
		}
	}
	return settled;
}

int emulation_verify(
	struct emulation *emulation, const struct load_event *event, struct verdict *verdict)
{
	while (!atomic_load(&emulation->has_collected)) {
		if (atomic_load(emulation->interrupted))
			atomic_store(&emulation->cancelled, true);
		usleep(10000);
	}
	if (emulation->collect_error != 0) {
		say("%s", weir_client_error(emulation->collector));
		return emulation->collect_error;
	}
	return compare(event, &emulation->aggregate, verdict);
}
