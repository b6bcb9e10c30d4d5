// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A static event from its opening to its end, with this test in the place of clients and workers.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "commit.h"
#include "datagram_builder.h"
#include "rig.h"
#include "static_keys.h"
#include "static_leader.h"

#define CLIENTS 7
#define SLOTS   3

static struct rig rig;
static struct weir_static_event_config description;
static struct weir_dataplane_config config;
static struct static_leader *leader;
static struct share_source source;
static struct event *event;

static void setup(void)
{
	rig_make(&rig, UINT64_C(8) << 20);
	description = (struct weir_static_event_config){
		.number = 9,
		.modulus = WEIR_MODULUS_M31,
		.dimension = 100,
		.chunk_elements = 32,
		.clients = CLIENTS,
		.target_clients = CLIENTS,
		.max_weight = 3,
		.slots = SLOTS,
		.batch = 2,
		.batch_wait_ms = 0,
		.admit_timeout_ms = 60000,
		.secret = {1, 2, 3},
	};
	config = (struct weir_dataplane_config){
		.static_events = &description, .static_event_count = 1, .window = 16};
	cr_assert_eq(share_source_init(&source, description.modulus, description.dimension,
			     description.chunk_elements, 5),
		0);
}

static void teardown(void)
{
	static_leader_free(leader);
	share_source_free(&source);
	rig_free(&rig);
}

TestSuite(static_leader, .init = setup, .fini = teardown, .timeout = 60);

static void lead(void)
{
	leader = static_leader_new(&rig.table, &config);
	cr_assert_not_null(leader);
	event = event_lookup(&rig.table, description.number);
	cr_assert_not_null(event);
}

// As when the client's REQUEST is answered.
static void ask(uint32_t client)
{
	uint32_t state = WEIR_CLIENT_JOINED;

	cr_assert(atomic_compare_exchange_strong(
		&event->clients[client].state, &state, WEIR_CLIENT_REQUESTED));
	cr_assert(static_leader_ring(leader, event->number, client));
}

static void send_chunk(uint32_t client, uint32_t chunk)
{
	_Alignas(64) uint8_t memory[sizeof(struct rte_mbuf) + sizeof(struct packet) + 512] = {0};
	struct rte_mbuf *mbuf = (struct rte_mbuf *)(void *)memory;
	struct packet *packet = packet_of(mbuf);
	struct weir_packet_keys keys;
	struct weir_aead_key key;
	struct traffic_client sender = {event->number, client, 77, &key};

	cr_assert_eq(weir_static_keys(description.secret, event->number, client, &keys), 0);
	weir_aead_expand(rig.table.aead, keys.to_aggregator, &key);
	if (description.cipher == WEIR_CIPHER_NONE)
		sender.key = NULL;
	*packet = (struct packet){.event = event,
		.datagram = (uint8_t *)(packet + 1),
		.client = client,
		.chunk = chunk,
		.kind = PACKET_SHARE};
	packet->datagram_length =
		(uint16_t)datagram_share(rig.table.aead, &sender, &source, chunk, packet->datagram);
	packet->body_length = packet->datagram_length - WEIR_PACKET_OVERHEAD;
	rig_stage(&rig, 0, mbuf);
}

static void send_all(uint32_t client)
{
	for (uint32_t chunk = 0; chunk < event->chunk_count; chunk++)
		send_chunk(client, chunk);
	cr_assert_eq(rig_state(event, client), WEIR_CLIENT_COMPLETE, "client %u", client);
	cr_assert(static_leader_ring(leader, event->number, client));
}

// A turn of the control thread, and what workers compute between two.
static void turn(void)
{
	uint32_t number, batch;

	static_leader_turn(leader);
	while (commit_slice(&rig.workers[0]))
		;
	while (commit_finish_next(&rig.table, &number, &batch))
		;
	static_leader_turn(leader);
}

static void expect_sum_of(const uint32_t *clients, uint32_t count)
{
	uint32_t weights[CLIENTS];
	uint32_t *sum = calloc(description.dimension, sizeof(*sum));

	for (uint32_t i = 0; i < count; i++)
		weights[i] = weir_static_weight(&description, clients[i]);
	cr_assert_eq(share_source_add(&source, rig.table.kernels, clients, weights, count, sum), 0);
	for (uint64_t i = 0; i < description.dimension; i++)
		cr_assert_eq(rig_held(&rig, event, i), sum[i], "element %lu", (unsigned long)i);
	free(sum);
}

static bool is_frozen(void)
{
	return atomic_load(&event->shared->state) == WEIR_SHM_EVENT_FROZEN;
}

Test(static_leader, sums_every_client_and_freezes)
{
	static const uint32_t order[CLIENTS] = {3, 1, 0, 6, 5, 2, 4};

	lead();
	for (uint32_t i = 0; i < CLIENTS; i++)
		ask(order[i]);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		cr_assert(!is_frozen());
		turn();
		cr_assert_eq(rig_state(event, order[i]), WEIR_CLIENT_ADMITTED,
			"client %u is admitted in its turn", order[i]);
		send_all(order[i]);
		turn();
		turn();
	}
	cr_assert(is_frozen());
	for (uint32_t i = 0; i < CLIENTS; i++)
		cr_assert_eq(rig_state(event, i), WEIR_CLIENT_SEALED);
	expect_sum_of(order, CLIENTS);
}

Test(static_leader, admits_no_more_than_there_are_slots)
{
	lead();
	for (uint32_t i = 0; i < CLIENTS; i++)
		ask(i);
	turn();
	for (uint32_t i = 0; i < CLIENTS; i++)
		cr_expect_eq(rig_state(event, i),
			i < SLOTS ? WEIR_CLIENT_ADMITTED : WEIR_CLIENT_REQUESTED);
}

Test(static_leader, freezes_at_the_target_and_aborts_the_rest)
{
	static const uint32_t in[] = {0, 1};

	description.target_clients = 2;
	lead();
	for (uint32_t i = 0; i < 4; i++)
		ask(i);
	turn();
	for (uint32_t i = 0; i < 3; i++)
		send_all(i);
	turn();
	turn();
	cr_assert(is_frozen());
	expect_sum_of(in, 2);
	for (uint32_t i = 2; i < CLIENTS; i++)
		cr_expect_eq(rig_state(event, i), WEIR_CLIENT_ABORTED, "client %u", i);
}

Test(static_leader, takes_the_slot_of_who_does_not_finish)
{
	static const uint32_t in[] = {0, 2, 3, 4, 5, 6};

	description.admit_timeout_ms = 150;
	lead();
	for (uint32_t i = 0; i < CLIENTS; i++)
		ask(i);
	turn();
	send_chunk(1, 0);
	for (unsigned tries = 0; tries < 100 && !is_frozen(); tries++) {
		for (uint32_t i = 0; i < CLIENTS; i++)
			if (i != 1 && rig_state(event, i) == WEIR_CLIENT_ADMITTED)
				send_all(i);
		turn();
		usleep(10000);
	}
	cr_assert(is_frozen());
	cr_assert_eq(rig_state(event, 1), WEIR_CLIENT_ABORTED);
	expect_sum_of(in, 6);
}

// Rings get lost when there are too many.
Test(static_leader, hears_clients_whose_doorbells_were_lost)
{
	lead();
	atomic_store(&event->clients[4].state, WEIR_CLIENT_REQUESTED);
	for (unsigned tries = 0; tries < 100 && rig_state(event, 4) != WEIR_CLIENT_ADMITTED;
		tries++) {
		turn();
		usleep(10000);
	}
	cr_assert_eq(rig_state(event, 4), WEIR_CLIENT_ADMITTED);
}

Test(static_leader, needs_no_cipher_in_a_laboratory)
{
	static const uint32_t in[] = {2};

	description.cipher = WEIR_CIPHER_NONE;
	description.target_clients = 1;
	lead();
	cr_assert_eq(rig.table.memory->without_cipher, 1);
	ask(2);
	turn();
	send_all(2);
	turn();
	turn();
	cr_assert(is_frozen());
	expect_sum_of(in, 1);
}

Test(static_leader, writes_the_aggregate_share)
{
	char folder[] = "/tmp/weir-static-XXXXXX", header[128];
	uint32_t element;

	cr_assert_not_null(mkdtemp(folder));
	snprintf(description.output, sizeof(description.output), "%s/share.npy", folder);
	description.target_clients = 1;
	lead();
	ask(6);
	turn();
	send_all(6);
	turn();
	turn();
	FILE *file = fopen(description.output, "r");
	cr_assert_not_null(file);
	cr_assert_eq(fread(header, sizeof(header), 1, file), 1);
	cr_expect_eq(memcmp(header, "\x93NUMPY\x01\x00\x76\x00", 10), 0);
	cr_expect_eq(memcmp(header + 10,
			     "{'descr': '<u4', 'fortran_order': False, 'shape': (100,), }", 59),
		0);
	cr_expect_eq(header[127], '\n');
	for (uint64_t i = 0; i < description.dimension; i++) {
		cr_assert_eq(fread(&element, sizeof(element), 1, file), 1);
		cr_assert_eq(element, rig_held(&rig, event, i));
	}
	cr_expect_eq(fgetc(file), EOF);
	fclose(file);
	unlink(description.output);
	rmdir(folder);
}

Test(static_leader, leaves_other_events_to_the_control_process)
{
	lead();
	cr_expect(!static_leader_ring(leader, description.number + 1, 0));
	cr_expect(!static_leader_ring(NULL, description.number, 0));
}

Test(static_leader, refuses_what_does_not_fit)
{
	description.dimension = 10000000;
	cr_assert_null(static_leader_new(&rig.table, &config));
}
