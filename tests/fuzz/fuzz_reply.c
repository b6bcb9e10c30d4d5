// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Datagrams that a client receives from an aggregator. An input is a sequence of records: a byte of
// flags, a length (u16) and that many bytes. SEAL encrypts them under the lane's key, ECHO makes them an
// answer to the newest question first, HEADER writes the header that the lane expects. Between them time
// passes and the lane sends.

#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "lane.h"

enum { SEAL = 1, ECHO = 2, HEADER = 4, GRANT = 8, SLOW = 16 };

#define DIMENSION    (16 * 1100 + 3)
#define DATAGRAM_MAX 1500
#define RECORDS_MOST 100

static struct weir_aead *aead;
static int aggregator; // the socket at the other end
static struct weir_sender_peer peer = {.name = "a0", .event = 7};
static struct weir_aead_key key;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	struct sockaddr_in *address = (struct sockaddr_in *)&peer.address;
	static uint8_t share[DIMENSION * 4];

	(void)count, (void)arguments;
	aead = weir_aead_new();
	FUZZ_CHECK(aead);
	aggregator = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer.address_length = sizeof(*address);
	FUZZ_CHECK(bind(aggregator, (struct sockaddr *)address, sizeof(*address)) == 0);
	FUZZ_CHECK(getsockname(aggregator, (struct sockaddr *)address, &peer.address_length) == 0);
	peer.share = share;
	weir_aead_expand(aead, peer.keys.to_client, &key);
	return 0;
}

static uint32_t newest_question(const struct weir_lane *lane)
{
	return lane->counter ? lane->counter - 1 : 0;
}

static void make_header(const struct weir_lane *lane, uint8_t type, uint8_t *datagram)
{
	const struct weir_packet_header header = {.version = WEIR_PACKET_VERSION,
		.type = type,
		.event = lane->event,
		.client = lane->client,
		.chunk = weir_packet_chunk_field(type, 1),
		.nonce = 5};

	memcpy(datagram, &header, sizeof(header));
}

static size_t make_datagram(const struct weir_lane *lane, uint8_t flags, struct fuzz_input *input,
	uint8_t datagram[DATAGRAM_MAX])
{
	uint8_t type = flags & GRANT ? WEIR_PACKET_GRANT : WEIR_PACKET_STATE;
	size_t body =
		flags & GRANT ? sizeof(struct weir_packet_grant) : sizeof(struct weir_packet_state);
	uint32_t echo = newest_question(lane);
	uint16_t length;

	fuzz_take(input, &length, sizeof(length));
	length %= DATAGRAM_MAX - WEIR_PACKET_OVERHEAD;
	if (!(flags & HEADER)) {
		fuzz_take(input, datagram, length);
		if (flags & SEAL && length >= WEIR_PACKET_OVERHEAD)
			weir_aead_seal(aead, &key, datagram + WEIR_PACKET_NONCE_OFFSET, datagram,
				WEIR_PACKET_HEADER_SIZE, datagram + WEIR_PACKET_HEADER_SIZE,
				length - WEIR_PACKET_OVERHEAD, datagram + WEIR_PACKET_HEADER_SIZE,
				datagram + length - WEIR_AEAD_TAG_SIZE);
		return length;
	}
	make_header(lane, type, datagram);
	memset(datagram + WEIR_PACKET_HEADER_SIZE, 0, body);
	fuzz_take(input, datagram + WEIR_PACKET_HEADER_SIZE, length < body ? length : body);
	if (flags & ECHO)
		memcpy(datagram + WEIR_PACKET_HEADER_SIZE + 4, &echo, sizeof(echo));
	weir_aead_seal(aead, &key, datagram + WEIR_PACKET_NONCE_OFFSET, datagram,
		WEIR_PACKET_HEADER_SIZE, datagram + WEIR_PACKET_HEADER_SIZE, body,
		datagram + WEIR_PACKET_HEADER_SIZE, datagram + WEIR_PACKET_HEADER_SIZE + body);
	return WEIR_PACKET_OVERHEAD + body;
}

static void check(const struct weir_lane *lane)
{
	uint32_t received = 0, in_flight = 0;

	for (uint32_t chunk = 0; chunk < lane->chunk_count; chunk++) {
		received += weir_lane_has(lane, chunk);
		in_flight += lane->sent[chunk] != 0;
	}
	FUZZ_CHECK(received == lane->received_count && in_flight == lane->in_flight);
	FUZZ_CHECK(lane->first_missing <= lane->chunk_count);
	FUZZ_CHECK(lane->congestion.window >= 1);
}

// What the lane sends goes nowhere.
static void drain(void)
{
	uint8_t datagram[DATAGRAM_MAX];

	while (recv(aggregator, datagram, sizeof(datagram), MSG_DONTWAIT) >= 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct weir_sender_setup setup = {.client = 3,
		.modulus = WEIR_MODULUS_M31,
		.dimension = DIMENSION,
		.chunk_elements = 16,
		.share_nonce = 9};
	struct fuzz_input input = {data, size};
	struct sockaddr_storage own;
	socklen_t own_length = sizeof(own);
	uint64_t now_us = 1000000, next_us;
	struct weir_lane lane;

	FUZZ_CHECK(weir_lane_open(&lane, aead, &setup, &peer) == 0);
	for (unsigned i = 0; i < RECORDS_MOST && input.size; i++) {
		uint8_t datagram[DATAGRAM_MAX], flags = fuzz_byte(&input);
		size_t length;

		next_us = UINT64_MAX;
		weir_lane_send(&lane, aead, now_us, &next_us);
		drain();
		length = make_datagram(&lane, flags, &input, datagram);
		FUZZ_CHECK(getsockname(lane.socket, (struct sockaddr *)&own, &own_length) == 0);
		sendto(aggregator, datagram, length, MSG_DONTWAIT, (struct sockaddr *)&own,
			own_length);
		now_us += flags & SLOW ? 3000000 : 1000;
		weir_lane_receive(&lane, aead, now_us);
		check(&lane);
	}
	weir_lane_close(&lane);
	return 0;
}
