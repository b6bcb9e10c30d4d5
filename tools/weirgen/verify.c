// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"
#include "say.h"
#include "shared_view.h"
#include "upload.h"
#include "vector_file.h"

#define LOOK_EVERY_US 2000

void *verify_expected(const struct load_event *event, unsigned aggregator, const uint32_t *clients,
	uint32_t count)
{
	const struct weir_kernels *kernels = weir_kernels_select(NULL);
	void *sum = calloc(event->dimension, weir_modulus_element_size(event->modulus));
	uint32_t *weights = calloc(count ? count : 1, sizeof(*weights));
	uint32_t *indexes = calloc(count ? count : 1, sizeof(*indexes));

	for (uint32_t i = 0; weights && indexes && i < count; i++) {
		weights[i] = load_event_weight(event, clients[i]);
		indexes[i] = load_event_index(event, clients[i]);
	}
	if (!kernels || !sum || !weights || !indexes ||
		share_source_add(&event->aggregators[aggregator].source, kernels, indexes,
			event->max_weight > 1 ? weights : NULL, count, sum) != 0) {
		say("the true sum cannot be computed: %s",
			kernels ? "out of memory" : "no kernels");
		free(sum);
		sum = NULL;
	}
	free(weights);
	free(indexes);
	return sum;
}

uint32_t *verify_sealed(const struct load_event *event, uint32_t *count)
{
	uint32_t *clients = calloc(event->clients, sizeof(*clients));

	*count = 0;
	for (uint32_t i = 0; clients && i < event->clients; i++)
		if (load_event_any_ended(event, i, UPLOAD_SEALED))
			clients[(*count)++] = i;
	return clients;
}

static void take_digest(const struct load_event *event, const void *sum, struct verdict *verdict)
{
	struct weir_digest digest;

	(void)weir_sha256(
		sum, event->dimension * weir_modulus_element_size(event->modulus), &digest);
	weir_hex_encode(digest.bytes, sizeof(digest.bytes), verdict->digest);
}

void verify_describe(const struct load_event *event, const uint32_t *clients, uint32_t count,
	const void *sum, struct verdict *verdict)
{
	take_digest(event, sum, verdict);
	verdict->clients = count;
	verdict->weight = 0;
	for (uint32_t i = 0; i < count; i++)
		verdict->weight += load_event_weight(event, clients[i]);
}

// The expected share of the clients, with its digest, counts and weights in the verdict.
static void *expect(const struct load_event *event, const uint32_t *clients, uint32_t count,
	struct verdict *verdict)
{
	void *sum = clients ? verify_expected(event, 0, clients, count) : NULL;

	if (sum)
		verify_describe(event, clients, count, sum, verdict);
	return sum;
}

int verify_nothing(const struct load_event *event, struct verdict *verdict)
{
	uint32_t count, *clients = verify_sealed(event, &count);
	void *sum = expect(event, clients, count, verdict);

	free(clients);
	free(sum);
	return sum ? 0 : -ENOMEM;
}

// Says where the first difference is, and how many there are.
static bool same_elements(const struct load_event *event, const void *expected, const void *found)
{
	size_t size = weir_modulus_element_size(event->modulus);
	uint64_t differences = 0, first = 0;

	for (uint64_t i = 0; i < event->dimension; i++) {
		if (memcmp((const char *)expected + i * size, (const char *)found + i * size,
			    size) == 0)
			continue;
		if (differences++ == 0)
			first = i;
	}
	if (differences > 0)
		say("the sum is WRONG: %" PRIu64 " of %" PRIu64 " elements differ, the first is "
		    "element %" PRIu64 " (chunk %" PRIu64 ")",
			differences, event->dimension, first, first / event->chunk_elements);
	return differences == 0;
}

// Each client's own story against what the memory says of it.
static bool same_clients(const struct load_event *event, const struct shared_view *view)
{
	uint64_t missing = 0, surplus = 0;

	for (uint32_t client = 0; client < event->clients; client++) {
		bool in_sum = shared_view_state(view, client) == WEIR_CLIENT_SEALED;

		missing += !in_sum && event->ends[client] == UPLOAD_SEALED;
		surplus += in_sum && (event->ends[client] == UPLOAD_ABANDONED ||
					     event->ends[client] == UPLOAD_ABORTED);
	}
	if (missing > 0)
		say("%" PRIu64 " clients were told that they are sealed, and are not", missing);
	if (surplus > 0)
		say("%" PRIu64 " clients are in the sum that abandoned it or were aborted",
			surplus);
	return missing == 0 && surplus == 0;
}

static bool compare_memory(
	const struct load_event *event, const struct shared_view *view, struct verdict *verdict)
{
	const struct weir_shm_accumulator *accumulator = shared_view_accumulator(view);
	uint32_t *clients = calloc(event->clients, sizeof(*clients)), count = 0;

	for (uint32_t i = 0; clients && i < event->clients; i++)
		if (shared_view_state(view, i) == WEIR_CLIENT_SEALED)
			clients[count++] = i;
	void *sum = expect(event, clients, count, verdict);
	free(clients);
	if (!sum)
		return false;
	bool equal = same_elements(event, sum, shared_view_vector(view, accumulator));
	free(sum);
	if (accumulator->count != verdict->clients || accumulator->weight != verdict->weight) {
		say("the accumulator says %" PRIu64 " clients of weight %" PRIu64 ", but %" PRIu64
		    " of weight %" PRIu64 " are sealed",
			accumulator->count, accumulator->weight, verdict->clients, verdict->weight);
		equal = false;
	}
	return same_clients(event, view) && equal;
}

int verify_memory(const struct load_event *event, const char *path, uint64_t timeout_ms,
	struct verdict *verdict)
{
	struct shared_view view;
	int error = shared_view_open(&view, path, event->aggregators[0].event_number);

	if (error != 0)
		return error;
	for (uint64_t us = 0; !shared_view_is_quiet(&view); us += LOOK_EVERY_US) {
		if (us / 1000 > timeout_ms) {
			say("%s: a batch has been open for %" PRIu64 " ms", path, timeout_ms);
			shared_view_close(&view);
			return -ETIMEDOUT;
		}
		usleep(LOOK_EVERY_US);
	}
	verdict->compared = true;
	if (view.event->modulus != event->modulus || view.event->dimension != event->dimension ||
		view.event->max_clients != event->clients) {
		say("%s: its event has another modulus, dimension or number of clients", path);
		verdict->equal = false;
	} else {
		verdict->equal = compare_memory(event, &view, verdict);
	}
	shared_view_close(&view);
	return 0;
}

static bool compare_file(const struct load_event *event, const struct weir_client_vector *vector,
	struct verdict *verdict)
{
	size_t size = weir_modulus_element_size(event->modulus);
	uint32_t count, *clients = verify_sealed(event, &count);
	void *sum = expect(event, clients, count, verdict);
	bool equal = false;

	free(clients);
	if (!sum)
		return false;
	if (vector->count != event->dimension) {
		say("the file has %zu elements instead of %" PRIu64, vector->count,
			event->dimension);
	} else {
		// The reader makes every integer 8 bytes long.
		uint8_t *narrow = malloc(event->dimension * size);
		for (size_t i = 0; narrow && i < event->dimension; i++)
			memcpy(narrow + i * size, (const uint64_t *)vector->values + i, size);
		equal = narrow && same_elements(event, sum, narrow);
		free(narrow);
	}
	free(sum);
	return equal;
}

int verify_file(const struct load_event *event, const char *path, uint64_t timeout_ms,
	struct verdict *verdict)
{
	struct weir_file_options options = {.format = WEIR_FILE_NPY};
	char message[WEIR_FILE_MESSAGE_SIZE];
	struct weir_file_vector vector;

	for (uint64_t us = 0; access(path, R_OK) != 0 && us / 1000 < timeout_ms;
		us += LOOK_EVERY_US)
		usleep(LOOK_EVERY_US);
	int error = weir_file_read(path, &options, &vector, message);
	if (error != 0) {
		say("%s", message);
		return error;
	}
	verdict->compared = true;
	verdict->equal = compare_file(event, &vector.vector, verdict);
	weir_file_free(&vector);
	return 0;
}
