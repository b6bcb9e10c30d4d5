// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Answer: replies byte by byte, and what they do to a client's state.

#include <endian.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "answer.h"
#include "frames.h"
#include "parse.h"

#define FRAME_MAX 2048

TestSuite(answer, .init = desk_start, .fini = desk_stop, .timeout = 120);

static const struct wrapping ipv4 = {0};
static const struct wrapping ipv6 = {.ipv6 = true};
static const struct weir_packet_request request;

// Parses and answers the frame. Returns the reply's length, copied over the frame; 0 if there is none.
static size_t ask(uint8_t *frame, size_t length)
{
	struct rte_mbuf *mbuf = desk_mbuf(frame, length);

	desk_mark();
	parse_burst(&desk.worker, &desk.queue, &mbuf, 1);
	size_t reply = 0;
	if (answer_packet(&desk.worker, &desk.port, mbuf)) {
		reply = rte_pktmbuf_pkt_len(mbuf);
		memcpy(frame, rte_pktmbuf_mtod(mbuf, void *), reply);
		cr_expect(memcmp(frame + 6, &desk.port.mac, 6) == 0);
	}
	rte_pktmbuf_free(mbuf);
	return reply;
}

Test(answer, arp_says_where_the_address_is)
{
	const struct wrapping on_wire = {.pad_to = 60};
	static const uint8_t expected[28] = {0, 1, 8, 0, 6, 4, 0, 2, //
		0, 0, 0, 0, 0, 0, 192, 0, 2, 1, 2, 0x70, 0x65, 0x65, 0x72, 1, 192, 0, 2, 99};
	uint8_t frame[FRAME_MAX], arp[28];

	cr_assert_eq(ask(frame, frame_arp(frame, &on_wire)), 60);
	memcpy(arp, expected, sizeof(arp));
	memcpy(arp + 8, &desk.port.mac, 6);
	cr_expect_arr_eq(frame, desk_peer_mac, 6);
	cr_expect_arr_eq(frame + 14, arp, 28);
	cr_expect_eq(desk_counted(WEIR_COUNTER_arp_replies), 1);
}

static void expect_advertisement(const uint8_t *frame, size_t length, uint8_t flags)
{
	uint8_t expected[32] = {136, 0, 0, 0, flags};

	cr_assert_eq(length, 14 + 40 + 32);
	memcpy(expected + 8, desk.port.ipv6, 16);
	expected[24] = 2;
	expected[25] = 1;
	memcpy(expected + 26, &desk.port.mac, 6);
	memcpy(expected + 2, frame + 56, 2);
	cr_expect_arr_eq(frame + 54, expected, 32);
	cr_expect_eq(frame[19], 32, "payload length");
	cr_expect_eq(frame[21], 255, "hop limit");
	cr_expect_arr_eq(frame + 22, desk.port.ipv6, 16);
	cr_expect_eq(rte_ipv6_udptcp_cksum((const void *)(frame + 14), frame + 54), 0);
	cr_expect_eq(desk_counted(WEIR_COUNTER_nd_replies), 1);
}

Test(answer, solicitations_get_an_advertisement)
{
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	const struct wrapping long_one = {.pad_to = 120};
	uint8_t frame[FRAME_MAX];

	expect_advertisement(frame, ask(frame, frame_neighbour(frame, &ipv4, false, true)), 0x60);
	cr_expect_arr_eq(frame, desk_peer_mac, 6);
	cr_expect_arr_eq(frame + 38, desk_peer_ipv6, 16);

	// Without an option the question is shorter; with padding the frame is longer.
	expect_advertisement(frame, ask(frame, frame_neighbour(frame, &ipv4, false, false)), 0x60);
	expect_advertisement(
		frame, ask(frame, frame_neighbour(frame, &long_one, false, true)), 0x60);

	expect_advertisement(frame, ask(frame, frame_neighbour(frame, &ipv4, true, false)), 0x20);
	cr_expect_arr_eq(frame, all_nodes_mac, 6);
	cr_expect_arr_eq(frame + 38, all_nodes, 16);
}

static void expect_ipv4_return(const uint8_t *frame)
{
	cr_expect_arr_eq(frame, desk_peer_mac, 6);
	cr_expect_eq(frame[22], 64, "time to live");
	cr_expect_eq(rte_raw_cksum(frame + 14, 20), 0xffff);
	cr_expect_arr_eq(frame + 26, ((const uint8_t[]){192, 0, 2, 1, 192, 0, 2, 99}), 8);
}

static void expect_ipv6_return(const uint8_t *frame)
{
	cr_expect_arr_eq(frame, desk_peer_mac, 6);
	cr_expect_eq(frame[21], 64, "hop limit");
	cr_expect_arr_eq(frame + 22, desk.port.ipv6, 16);
	cr_expect_arr_eq(frame + 38, desk_peer_ipv6, 16);
}

Test(answer, ping_is_answered_at_every_size)
{
	uint8_t frame[FRAME_MAX], payload[1472];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 31 + i / 256);
	for (size_t length = 0; length <= sizeof(payload); length += length < 70 ? 1 : 233) {
		size_t sent = frame_echo(frame, &ipv4, payload, length);

		cr_assert_eq(ask(frame, sent), sent);
		expect_ipv4_return(frame);
		cr_expect_eq(frame[34], 0);
		cr_expect_arr_eq(frame + 38, ((const uint8_t[]){0x12, 0x34, 0, 5}), 4);
		cr_expect(memcmp(frame + 42, payload, length) == 0);
		cr_expect_eq(rte_raw_cksum(frame + 34, 8 + length), 0xffff);
		if (length > 1452)
			continue;
		sent = frame_echo(frame, &ipv6, payload, length);
		cr_assert_eq(ask(frame, sent), sent);
		expect_ipv6_return(frame);
		cr_expect_eq(frame[54], 129);
		cr_expect(memcmp(frame + 62, payload, length) == 0);
		cr_expect_eq(rte_ipv6_udptcp_cksum((const void *)(frame + 14), frame + 54), 0);
	}
	cr_expect_eq(desk_counted(WEIR_COUNTER_echo_replies), 1);
}

// Checksums whose update carries or borrows.
Test(answer, ping_checksum_survives_every_payload)
{
	uint8_t frame[FRAME_MAX], payload[2];

	for (unsigned value = 0; value < 65536; value += 1 + value % 7) {
		payload[0] = (uint8_t)(value >> 8);
		payload[1] = (uint8_t)value;
		cr_assert_gt(ask(frame, frame_echo(frame, &ipv4, payload, 2)), 0);
		cr_assert_eq(rte_raw_cksum(frame + 34, 10), 0xffff, "%x", value);
		cr_assert_gt(ask(frame, frame_echo(frame, &ipv6, payload, 2)), 0);
		cr_assert_eq(rte_ipv6_udptcp_cksum((const void *)(frame + 14), frame + 54), 0);
	}
}

// Checks and opens a reply in the frame; where it begins depends on how it is wrapped.
static void open_reply(const uint8_t *frame, const struct wrapping *how, enum weir_packet_type type,
	uint32_t client, void *body, size_t length)
{
	const uint8_t *datagram = frame + 14 + (how->vlan ? 4 : 0) + (how->ipv6 ? 40 : 20) + 8;
	struct weir_packet_header header;
	struct weir_aead_key key;

	memcpy(&header, datagram, sizeof(header));
	cr_expect_eq(header.version, WEIR_PACKET_VERSION);
	cr_expect_eq(header.type, type);
	cr_expect_eq(header.flags, 0);
	cr_expect_eq(le32toh(header.event), DESK_EVENT);
	cr_expect_eq(le32toh(header.client), client);
	cr_expect_eq(le32toh(header.chunk) >> 28, type);
	weir_aead_expand(desk.events.aead, desk.keys[client].to_client, &key);
	cr_assert(weir_aead_open(desk.events.aead, &key, datagram + 12, datagram, 24, datagram + 24,
		length, body, datagram + 24 + length));
}

static struct weir_packet_grant ask_grant(const struct wrapping *how, uint32_t client)
{
	uint8_t frame[FRAME_MAX];
	struct weir_packet_grant grant;
	size_t length = frame_message(frame, how, WEIR_PACKET_REQUEST, client, 0x0123456, &request);

	cr_assert_eq(ask(frame, length), length);
	open_reply(frame, how, WEIR_PACKET_GRANT, client, &grant, sizeof(grant));
	cr_expect_eq(desk_counted(WEIR_COUNTER_requests), 1);
	return grant;
}

Test(answer, a_first_request_asks_for_admission)
{
	struct weir_packet_grant grant = ask_grant(&ipv4, WEIR_CLIENT_JOINED);
	void *entry = NULL;
	eventfd_t rings = 0;

	cr_expect_eq(grant.state, WEIR_CLIENT_REQUESTED);
	cr_expect_eq(le32toh(grant.echo), 0x0123456);
	cr_expect_eq(le32toh(grant.wait_ms), DESK_WAIT_MS);
	cr_expect_eq(le32toh(grant.window), DESK_WINDOW);
	cr_expect_eq(le64toh(grant.rate), DESK_RATE);
	cr_expect_eq(grant.received, 0);
	cr_expect_eq(desk.clients[WEIR_CLIENT_JOINED].state, WEIR_CLIENT_REQUESTED);
	cr_assert_eq(rte_ring_dequeue(desk.worker.doorbells, &entry), 0);
	cr_expect_eq((uintptr_t)entry, (uintptr_t)DESK_EVENT << 32 | WEIR_CLIENT_JOINED);
	cr_expect(desk.worker.rang);
	cr_expect_eq(eventfd_read(desk.worker.doorbell_descriptor, &rings), -1, "not yet");

	// Asked again, nothing rings.
	desk.worker.rang = false;
	grant = ask_grant(&ipv4, WEIR_CLIENT_JOINED);
	cr_expect_eq(grant.state, WEIR_CLIENT_REQUESTED);
	cr_expect_eq(le32toh(grant.wait_ms), DESK_WAIT_MS);
	cr_expect_eq(rte_ring_count(desk.worker.doorbells), 0);
	cr_expect(!desk.worker.rang);
}

static void *run_worker(void *unused)
{
	(void)worker_run(&desk.worker);
	return NULL;
}

// The worker's loop, with nothing to receive.
Test(answer, who_rang_wakes_the_control_thread)
{
	struct pollfd descriptor = {.fd = desk.worker.doorbell_descriptor, .events = POLLIN};
	pthread_t thread;

	desk.events.quiescence = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(1));
	cr_assert_eq(rte_rcu_qsbr_init(desk.events.quiescence, 1), 0);
	worker_ring_doorbell(&desk.worker, DESK_EVENT, 1);
	cr_assert_eq(poll(&descriptor, 1, 0), 0);
	cr_assert_eq(pthread_create(&thread, NULL, run_worker, NULL), 0);
	cr_expect_eq(poll(&descriptor, 1, 5000), 1);
	atomic_store(&desk.stop, true);
	pthread_join(thread, NULL);
	cr_expect(!desk.worker.rang);
	free(desk.events.quiescence);
}

Test(answer, a_full_doorbell_ring_loses_no_request)
{
	while (rte_ring_enqueue(desk.worker.doorbells, &desk) == 0)
		;
	cr_expect_eq(ask_grant(&ipv4, WEIR_CLIENT_JOINED).state, WEIR_CLIENT_REQUESTED);
	cr_expect_eq(desk.clients[WEIR_CLIENT_JOINED].state, WEIR_CLIENT_REQUESTED);
}

Test(answer, later_states_are_told_and_kept)
{
	for (uint32_t state = WEIR_CLIENT_REQUESTED; state <= WEIR_CLIENT_ABORTED; state++) {
		desk.clients[state].received = 100 + state;
		struct weir_packet_grant grant = ask_grant(&ipv6, state);

		cr_expect_eq(grant.state, state);
		cr_expect_eq(
			le32toh(grant.wait_ms), state == WEIR_CLIENT_REQUESTED ? DESK_WAIT_MS : 0);
		cr_expect_eq(le32toh(grant.received), 100 + state);
		cr_expect_eq(desk.clients[state].state, state);
		cr_expect_eq(rte_ring_count(desk.worker.doorbells), 0);
	}
}

Test(answer, the_reply_goes_back_where_it_came_from)
{
	uint8_t frame[FRAME_MAX];
	const struct wrapping tagged = {.ipv6 = true, .vlan = 42};
	size_t length = frame_message(frame, &ipv4, WEIR_PACKET_REQUEST, 1, 1, &request);

	cr_assert_eq(ask(frame, length), length);
	expect_ipv4_return(frame);
	cr_expect_arr_eq(frame + 34,
		((const uint8_t[]){9347 >> 8, 9347 & 255, 156, 64, 0, 80, 0, 0}), 8,
		"ports, length, no checksum");

	length = frame_message(frame, &ipv6, WEIR_PACKET_REQUEST, 1, 1, &request);
	cr_assert_eq(ask(frame, length), length);
	expect_ipv6_return(frame);
	cr_expect_arr_eq(frame + 54, ((const uint8_t[]){9347 >> 8, 9347 & 255, 156, 64, 0, 80}), 6);
	// The sum over what carries its own checksum is nothing; IPv6 knows no "none".
	uint16_t sum = rte_ipv6_udptcp_cksum((const void *)(frame + 14), frame + 54);
	cr_expect(sum == 0 || sum == 0xffff);
	cr_expect(frame[60] != 0 || frame[61] != 0);

	desk.port.vlan = 42;
	length = frame_message(frame, &tagged, WEIR_PACKET_REQUEST, 1, 1, &request);
	cr_assert_eq(ask(frame, length), length);
	cr_expect_arr_eq(frame + 12, ((const uint8_t[]){0x81, 0, 0, 42, 0x86, 0xdd}), 6);
	struct weir_packet_grant grant;
	open_reply(frame, &tagged, WEIR_PACKET_GRANT, 1, &grant, sizeof(grant));
	cr_expect_eq(ask(frame, frame_echo(frame, &tagged, "x", 1)), 18 + 40 + 8 + 1);
	cr_expect_gt(ask(frame, frame_neighbour(frame, &tagged, false, false)), 0);
	cr_expect_arr_eq(frame + 12, ((const uint8_t[]){0x81, 0, 0, 42, 0x86, 0xdd}), 6);
}

Test(answer, replies_never_share_a_nonce)
{
	uint8_t first[FRAME_MAX], second[FRAME_MAX];
	size_t length = frame_message(first, &ipv4, WEIR_PACKET_REQUEST, 3, 1, &request);

	memcpy(second, first, length);
	cr_assert_gt(ask(first, length), 0);
	cr_assert_gt(ask(second, length), 0);
	cr_expect(memcmp(first + 54, second + 54, 12) != 0);

	// The counter's last value is used, then new random bytes take over.
	desk.worker.reply_counter = WEIR_CHUNK_NUMBER_MASK;
	length = frame_message(first, &ipv4, WEIR_PACKET_REQUEST, 3, 1, &request);
	memcpy(second, first, length);
	cr_assert_gt(ask(first, length), 0);
	cr_expect_arr_eq(first + 54, ((const uint8_t[]){0xff, 0xff, 0xff, 0x2f, 0x88, 0x77}), 6);
	cr_assert_gt(ask(second, length), 0);
	cr_expect_arr_eq(second + 54, ((const uint8_t[]){0, 0, 0, 0x20}), 4);
	cr_expect(memcmp(first + 58, second + 58, 8) != 0);
}

// Any bit of header, ciphertext or tag.
Test(answer, tampered_questions_change_nothing)
{
	uint8_t good[FRAME_MAX], frame[FRAME_MAX];
	size_t length = frame_message(good, &ipv4, WEIR_PACKET_REQUEST, 1, 1, &request);

	for (size_t at = 42 + 12; at < length; at++) {
		memcpy(frame, good, length);
		frame[at] ^= 1;
		cr_expect_eq(ask(frame, length), 0);
		cr_expect_eq(desk_reason(), WEIR_COUNTER_drop_tag, "byte %zu", at);
	}
	memcpy(frame, good, length);
	frame[50] = WEIR_CLIENT_ADMITTED; // another client's key
	cr_expect_eq(ask(frame, length), 0);
	cr_expect_eq(desk_reason(), WEIR_COUNTER_drop_tag);
	cr_expect_eq(desk.clients[WEIR_CLIENT_JOINED].state, WEIR_CLIENT_JOINED);
	cr_expect_eq(rte_ring_count(desk.worker.doorbells), 0);
}

Test(answer, bad_bodies_change_nothing)
{
	uint8_t frame[FRAME_MAX];
	struct weir_packet_request dirty;
	struct weir_packet_query query = {0};

	for (size_t at = 0; at < sizeof(dirty); at++) {
		memset(&dirty, 0, sizeof(dirty));
		dirty.zero[at] = 1;
		cr_expect_eq(
			ask(frame, frame_message(frame, &ipv4, WEIR_PACKET_REQUEST, 1, 1, &dirty)),
			0);
		cr_expect_eq(desk_reason(), WEIR_COUNTER_drop_body);
	}
	cr_expect_eq(desk.clients[WEIR_CLIENT_JOINED].state, WEIR_CLIENT_JOINED);

	const uint32_t bad[] = {1, 63, 65, DESK_CHUNKS, 2048, UINT32_MAX - 63};
	for (size_t i = 0; i < RTE_DIM(bad); i++) {
		query.first = htole32(bad[i]);
		cr_expect_eq(
			ask(frame, frame_message(frame, &ipv4, WEIR_PACKET_QUERY, 3, 1, &query)),
			0);
		cr_expect_eq(desk_reason(), WEIR_COUNTER_drop_body, "first %u", bad[i]);
	}
	for (size_t at = 0; at < sizeof(query.zero); at++) {
		query = (struct weir_packet_query){0};
		query.zero[at] = 0x80;
		cr_expect_eq(
			ask(frame, frame_message(frame, &ipv4, WEIR_PACKET_QUERY, 3, 1, &query)),
			0);
		cr_expect_eq(desk_reason(), WEIR_COUNTER_drop_body);
	}
}

static struct weir_packet_state ask_state(uint32_t client, uint32_t first)
{
	struct weir_packet_query query = {.first = htole32(first)};
	struct weir_packet_state state;
	uint8_t frame[FRAME_MAX];
	size_t length = frame_message(frame, &ipv4, WEIR_PACKET_QUERY, client, 0x777, &query);

	cr_assert_eq(ask(frame, length), length);
	open_reply(frame, &ipv4, WEIR_PACKET_STATE, client, &state, sizeof(state));
	cr_expect_eq(desk_counted(WEIR_COUNTER_queries), 1);
	cr_expect_eq(le32toh(state.echo), 0x777);
	cr_expect_eq(le32toh(state.first), first);
	cr_expect_eq(le32toh(state.window), DESK_WINDOW);
	cr_expect_eq(le64toh(state.rate), DESK_RATE);
	cr_expect_eq(state.state, client);
	return state;
}

static bool bit(const struct weir_packet_state *state, uint32_t i)
{
	return state->bitmap[i / 8] >> i % 8 & 1;
}

Test(answer, a_query_tells_which_chunks_are_here)
{
	static const uint32_t firsts[] = {0, 64, 960, 1024, 1984};
	_Atomic uint64_t *received = desk.event.received + 1 * desk.event.bitmap_words; // slot 1

	// All else is somebody else's.
	memset((void *)desk.event.received, 0xff, 3 * desk.event.bitmap_words * 8);
	memset((void *)received, 0, desk.event.bitmap_words * 8);
	for (uint32_t chunk = 0; chunk < DESK_CHUNKS; chunk++) {
		if (chunk % 3 == 0 || chunk % 7 == 0)
			received[chunk / 64] |= UINT64_C(1) << chunk % 64;
	}
	desk.clients[WEIR_CLIENT_ADMITTED].received = 857;
	for (size_t i = 0; i < RTE_DIM(firsts); i++) {
		struct weir_packet_state state = ask_state(WEIR_CLIENT_ADMITTED, firsts[i]);

		cr_expect_eq(le32toh(state.received), 857);
		cr_expect_eq(state.wait_ms, 0);
		for (uint32_t j = 0; j < WEIR_STATE_BITMAP_CHUNKS; j++) {
			uint32_t chunk = firsts[i] + j;
			cr_expect_eq(bit(&state, j),
				chunk < DESK_CHUNKS && (chunk % 3 == 0 || chunk % 7 == 0),
				"chunk %u of %u", chunk, firsts[i]);
		}
	}
}

Test(answer, without_a_slot_there_is_no_bitmap)
{
	static const uint8_t none[128];

	memset((void *)desk.event.received, 0xff, 3 * desk.event.bitmap_words * 8);
	for (uint32_t client = WEIR_CLIENT_JOINED; client <= WEIR_CLIENT_ABORTED; client++) {
		struct weir_packet_state state = ask_state(client, 0);

		if (client == WEIR_CLIENT_ADMITTED || client == WEIR_CLIENT_COMPLETE)
			cr_expect(bit(&state, 0));
		else
			cr_expect_arr_eq(state.bitmap, none, sizeof(none));
		cr_expect_eq(
			le32toh(state.wait_ms), client <= WEIR_CLIENT_REQUESTED ? DESK_WAIT_MS : 0);
		cr_expect_eq(desk.clients[client].state, client);
	}
	cr_expect_eq(
		rte_ring_count(desk.worker.doorbells), 0, "a question for the state is no request");
}

// The ring port hands back what it was given.
Test(answer, bursts_are_sent_and_freed)
{
	uint8_t frame[FRAME_MAX];
	static const uint8_t payload[BURST_MAX];
	struct rte_mbuf *burst[BURST_MAX], *back[BURST_MAX];
	unsigned available = rte_mempool_avail_count(desk.port.pool);

	for (unsigned i = 0; i < BURST_MAX; i++) {
		size_t length = i % 4 == 0   ? frame_echo(frame, &ipv4, payload, i)
				: i % 4 == 1 ? frame_message(frame, &ipv4, WEIR_PACKET_REQUEST, 3,
						       i, &request)
				: i % 4 == 2 ? frame_share(frame, &ipv4, 3, i)
					     : frame_share(frame, &ipv4, 0, i);
		burst[i] = desk_mbuf(frame, length);
	}
	desk_mark();
	parse_burst(&desk.worker, &desk.queue, burst, BURST_MAX);
	answer_burst(&desk.worker, &desk.queue, burst, BURST_MAX);
	cr_expect_eq(desk_counted(WEIR_COUNTER_tx_packets), BURST_MAX / 2);
	cr_expect_gt(desk_counted(WEIR_COUNTER_tx_bytes), 42 * BURST_MAX / 2);
	cr_assert_eq(receive_burst(&desk.worker, &desk.queue, back), BURST_MAX / 2);
	cr_expect_eq(desk_counted(WEIR_COUNTER_rx_packets), BURST_MAX / 2);
	cr_expect_eq(desk_counted(WEIR_COUNTER_rx_bytes), desk_counted(WEIR_COUNTER_tx_bytes));
	rte_pktmbuf_free_bulk(back, BURST_MAX / 2);
	cr_expect_eq(rte_mempool_avail_count(desk.port.pool), available);
}

Test(answer, what_a_full_port_refuses_is_counted_and_freed)
{
	uint8_t frame[FRAME_MAX];
	size_t length = frame_echo(frame, &ipv4, "x", 1);
	unsigned available = rte_mempool_avail_count(desk.port.pool), rounds = 0;
	struct rte_mbuf *burst[BURST_MAX];
	uint16_t n;

	desk_mark();
	for (; rounds < 100 && desk_counted(WEIR_COUNTER_drop_tx_full) == 0; rounds++) {
		for (unsigned i = 0; i < BURST_MAX; i++)
			burst[i] = desk_mbuf(frame, length);
		parse_burst(&desk.worker, &desk.queue, burst, BURST_MAX);
		answer_burst(&desk.worker, &desk.queue, burst, BURST_MAX);
	}
	cr_assert_gt(desk_counted(WEIR_COUNTER_drop_tx_full), 0);
	cr_expect_eq(
		desk_counted(WEIR_COUNTER_drop_tx_full) + desk_counted(WEIR_COUNTER_tx_packets),
		rounds * BURST_MAX);
	while ((n = receive_burst(&desk.worker, &desk.queue, burst)) > 0)
		rte_pktmbuf_free_bulk(burst, n);
	cr_expect_eq(rte_mempool_avail_count(desk.port.pool), available);
}
