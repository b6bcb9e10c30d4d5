// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include <criterion/hooks.h>

#include "commit.h"
#include "shared_memory_file.h"

_Atomic unsigned rig_rings;
_Atomic uint64_t rig_last_ring;

// In place of the worker's own, which needs a ring and a control thread behind it.
void worker_ring_doorbell(struct worker *worker, uint32_t event, uint32_t client)
{
	(void)worker;
	rig_last_ring = (uint64_t)event << 32 | client;
	rig_rings++;
}

// A test's process is the runner's child, so that the runner knows its folders by its own number.
void rig_folder(char folder[RIG_FOLDER], const char *parent)
{
	int length = snprintf(folder, RIG_FOLDER, "%s/weir-test-%d-XXXXXX", parent, (int)getppid());

	cr_assert(length > 0 && length < RIG_FOLDER);
	cr_assert_not_null(mkdtemp(folder));
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
	char command[128];

	(void)stats;
	snprintf(command, sizeof(command), "rm -rf /tmp/weir-test-%d-* /dev/shm/weir-test-%d-*",
		(int)getpid(), (int)getpid());
	if (system(command) != 0)
		fprintf(stderr, "cannot remove what crashed tests left: %s\n", command);
}

void rig_make(struct rig *rig, uint64_t arena_bytes)
{
	rig_make_in(rig, arena_bytes, "none");
}

void rig_make_in(struct rig *rig, uint64_t arena_bytes, const char *folder)
{
	struct weir_dataplane_config config = {
		.hugepages = WEIR_HUGEPAGES_OFF,
		.arena = arena_bytes,
		.max_events = 4,
		.max_clients = 1000,
	};

	memset(rig, 0, sizeof(*rig));
	strcpy(config.memory, folder);
	strcpy(config.socket, "rig.sock");
	strcpy(config.file_prefix, "rig");
	cr_assert_eq(event_table_create(&rig->table, &config, RIG_WORKERS), 0);
	rig->doorbell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	cr_assert_geq(rig->doorbell, 0);
	for (unsigned i = 0; i < RIG_WORKERS; i++) {
		struct weir_shm_header *memory = rig->table.memory;

		rig->workers[i].index = i;
		rig->workers[i].events = &rig->table;
		rig->workers[i].doorbell_descriptor = rig->doorbell;
		rig->workers[i].counters =
			(uint64_t *)((uint8_t *)memory + memory->counters_offset +
				     i * memory->counter_stride);
	}
}

void rig_free(struct rig *rig)
{
	close(rig->doorbell);
	event_table_destroy(&rig->table);
}

void rig_abandon(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->table.capacity; i++) {
		struct event *event = atomic_load(&rig->table.events[i]);

		if (event)
			event_leave(&rig->table, event->number);
	}
	free(rig->table.memory_path);
	rig->table.memory_path = NULL;
	rig_free(rig);
}

uint64_t rig_count(const struct rig *rig, enum weir_counter counter)
{
	return rig->workers[0].counters[counter] + rig->workers[1].counters[counter];
}

struct weir_link_event_open rig_request(uint32_t number, enum weir_modulus modulus,
	uint64_t dimension, uint32_t chunk_elements, uint32_t clients, uint32_t slots)
{
	return (struct weir_link_event_open){
		.number = number,
		.modulus = modulus,
		.dimension = dimension,
		.chunk_elements = chunk_elements,
		.max_clients = clients,
		.slot_count = slots,
		.max_weight = WEIR_WEIGHT_MAX,
		.window = 16,
	};
}

struct event *rig_open(struct rig *rig, const struct weir_link_event_open *request)
{
	struct event *event;

	cr_assert_eq(event_open(&rig->table, request), 0);
	event = event_lookup(&rig->table, request->number);
	cr_assert_not_null(event);
	return event;
}

struct weir_link_client rig_client(uint32_t index, uint32_t weight)
{
	struct weir_link_client client = {.index = index, .weight = weight};

	for (unsigned i = 0; i < 32; i++) {
		client.key_to_aggregator[i] = (uint8_t)(index * 31 + i * 7 + 1);
		client.key_to_client[i] = (uint8_t)(index * 37 + i * 11 + 2);
	}
	return client;
}

void rig_join(struct rig *rig, uint32_t event, uint32_t index, uint32_t weight)
{
	struct weir_link_client client = rig_client(index, weight);
	uint32_t refused;

	cr_assert_eq(event_add_clients(&rig->table, event, &client, 1, &refused), 0);
}

void rig_admit(struct rig *rig, uint32_t event, uint32_t index)
{
	uint32_t refused;

	cr_assert_eq(event_admit(&rig->table, event, &index, 1, &refused), 0);
}

uint32_t rig_state(const struct event *event, uint32_t client)
{
	return atomic_load(&event->clients[client].state);
}

uint64_t rig_element(enum weir_modulus modulus, uint32_t client, uint64_t i)
{
	uint64_t x = (client + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15) +
		     i * UINT64_C(0xbf58476d1ce4e5b9);
	uint64_t max = weir_modulus_max(modulus);

	x = (x ^ x >> 31) * UINT64_C(0x94d049bb133111eb);
	x ^= x >> 29;
	if (x % 7 == 0)
		return max;
	if (x % 11 == 0)
		return 0;
	return max == UINT64_MAX ? x : x % (max + 1);
}

static void put(void *vector, size_t element_size, uint64_t i, uint64_t element)
{
	if (element_size == 4)
		((uint32_t *)vector)[i] = (uint32_t)element;
	else
		((uint64_t *)vector)[i] = element;
}

void *rig_vector(const struct event *event, uint32_t client)
{
	void *vector = malloc(event->dimension * event->element_size);

	cr_assert_not_null(vector);
	for (uint64_t i = 0; i < event->dimension; i++)
		put(vector, event->element_size, i, rig_element(event->modulus, client, i));
	return vector;
}

static struct rte_mbuf *seal(const struct rig *rig, struct event *event, uint32_t client,
	enum weir_packet_type type, uint32_t chunk, const void *plaintext, uint16_t body)
{
	size_t size = sizeof(struct rte_mbuf) + sizeof(struct packet) + WEIR_PACKET_OVERHEAD + body;
	struct rte_mbuf *mbuf = aligned_alloc(64, RTE_ALIGN_CEIL(size, 64));
	struct weir_link_client keys = rig_client(client, 1);
	struct weir_packet_header header = {
		.version = WEIR_PACKET_VERSION,
		.type = (uint8_t)type,
		.event = event->number,
		.client = client,
		.chunk = weir_packet_chunk_field(type, chunk),
		.nonce = client * UINT64_C(0x123456789) + 5,
	};
	struct weir_aead_key key;
	struct packet *packet;

	cr_assert_not_null(mbuf);
	memset(mbuf, 0, size);
	packet = packet_of(mbuf);
	*packet = (struct packet){
		.event = event,
		.datagram = (uint8_t *)(packet + 1),
		.client = client,
		.chunk = chunk,
		.datagram_length = (uint16_t)(body + WEIR_PACKET_OVERHEAD),
		.body_length = body,
		.kind = type == WEIR_PACKET_SHARE ? PACKET_SHARE : PACKET_PARITY,
	};
	memcpy(packet->datagram, &header, sizeof(header));
	weir_aead_expand(rig->table.aead, keys.key_to_aggregator, &key);
	weir_aead_seal(rig->table.aead, &key,
		packet->datagram + offsetof(struct weir_packet_header, chunk), packet->datagram,
		sizeof(header), plaintext, body, packet->datagram + sizeof(header),
		packet->datagram + sizeof(header) + body);
	return mbuf;
}

struct rte_mbuf *rig_share(const struct rig *rig, struct event *event, uint32_t client,
	uint32_t chunk, const void *vector)
{
	uint16_t body =
		(uint16_t)(weir_chunk_length(event->dimension, event->chunk_elements, chunk) *
			   event->element_size);
	const uint8_t *plaintext = (const uint8_t *)vector +
				   (uint64_t)chunk * event->chunk_elements * event->element_size;

	return seal(rig, event, client, WEIR_PACKET_SHARE, chunk, plaintext, body);
}

struct rte_mbuf *rig_parity(const struct rig *rig, struct event *event, uint32_t client,
	uint32_t chunk, const void *bytes, uint16_t length)
{
	return seal(rig, event, client, WEIR_PACKET_PARITY, chunk, bytes, length);
}

void rig_stage(struct rig *rig, unsigned worker, struct rte_mbuf *share)
{
	stage_burst(&rig->workers[worker], &share, 1);
}

void rig_stage_all(struct rig *rig, struct event *event, uint32_t client)
{
	void *vector = rig_vector(event, client);

	for (uint32_t chunk = 0; chunk < event->chunk_count; chunk++) {
		struct rte_mbuf *share = rig_share(rig, event, client, chunk, vector);

		rig_stage(rig, 0, share);
		free(share);
	}
	free(vector);
}

void rig_complete(struct rig *rig, struct event *event, uint32_t client, uint32_t weight)
{
	rig_join(rig, event->number, client, weight);
	rig_admit(rig, event->number, client);
	rig_stage_all(rig, event, client);
	cr_assert_eq(rig_state(event, client), WEIR_CLIENT_COMPLETE);
}

struct weir_link_commit rig_commit(
	const struct event *event, uint32_t batch, const uint32_t *clients, uint32_t count)
{
	uint64_t held = atomic_load(&event->shared->held);
	const struct weir_shm_accumulator *before = &event->shared->accumulators[held & 1];
	struct weir_link_commit commit = {
		.event = event->number,
		.batch = batch,
		.count_after = before->count + count,
		.weight_after = before->weight,
		.count = count,
	};

	for (uint32_t i = 0; i < count; i++)
		commit.weight_after += event->clients[clients[i]].weight;
	memset(commit.set_digest_after, (int)batch, sizeof(commit.set_digest_after));
	return commit;
}

void rig_commit_now(
	struct rig *rig, struct event *event, uint32_t batch, const uint32_t *clients, uint32_t n)
{
	struct weir_link_commit commit = rig_commit(event, batch, clients, n);
	enum commit_outcome outcome;
	uint32_t refused, number, finished;

	cr_assert_eq(commit_open(&rig->table, &commit, clients, &refused, &outcome), 0);
	cr_assert_eq(outcome, COMMIT_RUNNING);
	while (commit_slice(&rig->workers[0]))
		;
	cr_assert(commit_finish_next(&rig->table, &number, &finished));
	cr_assert_eq(number, event->number);
	cr_assert_eq(finished, batch);
}

uint64_t rig_held(const struct rig *rig, const struct event *event, uint64_t i)
{
	uint64_t held = atomic_load(&event->shared->held);
	const uint8_t *vector =
		(const uint8_t *)rig->table.memory + event->shared->accumulators[held & 1].offset;

	return event->element_size == 4 ? ((const uint32_t *)vector)[i]
					: ((const uint64_t *)vector)[i];
}

uint64_t rig_add(enum weir_modulus modulus, uint64_t sum, uint64_t weight, uint64_t element)
{
	unsigned __int128 p = (unsigned __int128)weir_modulus_max(modulus) + 1;

	return (uint64_t)(((unsigned __int128)weight * element + sum) % p);
}
