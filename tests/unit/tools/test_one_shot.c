// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What leaves a client that sends once: every chunk and every parity chunk, one time each, and the parity is
// what dataplane/README.md says it is.

#include "tools_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "one_shot.h"
#include "share_packet.h"
#include "sharing.h"

enum { CHUNK = 32, DIMENSION = 20 * CHUNK + 3, CHUNKS = 21, BYTES = CHUNK * 8 };

static const struct weir_fec_parameters fec = {8, 3}; // groups of 7, 7 and 7

// The aggregator's end: the plaintexts by number.
struct ear {
	int socket;
	struct weir_sender_peer peer;
	uint8_t chunks[CHUNKS][BYTES], parity[9][BYTES];
	unsigned heard[CHUNKS], spare[9];
};

static atomic_bool cancelled;
static uint64_t share[DIMENSION];

static void listen_to(struct ear *ear)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	memset(ear, 0, sizeof(*ear));
	ear->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	cr_assert_eq(bind(ear->socket, (const struct sockaddr *)&address, length), 0);
	cr_assert_eq(getsockname(ear->socket, (struct sockaddr *)&address, &length), 0);
	memcpy(&ear->peer.address, &address, sizeof(address));
	ear->peer.address_length = length;
	ear->peer.name = "ear";
	ear->peer.event = 9;
	ear->peer.share = share;
	memset(ear->peer.keys.to_aggregator, 3, WEIR_PACKET_KEY_SIZE);
}

static int send_to(const struct ear *ear, char *message)
{
	const struct weir_sender_setup setup = {.peers = &ear->peer,
		.peer_count = 1,
		.client = 5,
		.modulus = WEIR_MODULUS_M61,
		.dimension = DIMENSION,
		.chunk_elements = CHUNK,
		.share_nonce = 0xfeed,
		.cancelled = &cancelled};
	return weir_one_shot(&setup, fec, 10000000, message);
}

static void take(
	struct ear *ear, const struct weir_aead *aead, const uint8_t *datagram, size_t size)
{
	struct weir_packet_header header;
	struct weir_aead_key key;
	memcpy(&header, datagram, sizeof(header));
	uint32_t number = header.chunk & WEIR_CHUNK_NUMBER_MASK;
	bool is_share = header.type == WEIR_PACKET_SHARE;
	cr_assert(is_share || header.type == WEIR_PACKET_PARITY);
	cr_assert_eq(header.chunk >> WEIR_CHUNK_TYPE_SHIFT, header.type);
	cr_assert(header.event == 9 && header.client == 5 && header.nonce == 0xfeed);
	cr_assert_lt(number, is_share ? CHUNKS : 9);
	size_t bytes = is_share && number == CHUNKS - 1 ? 24 : BYTES;
	cr_assert_eq(size, WEIR_PACKET_OVERHEAD + bytes);
	weir_aead_expand(aead, ear->peer.keys.to_aggregator, &key);
	cr_assert(weir_aead_open(aead, &key, datagram + WEIR_PACKET_NONCE_OFFSET, datagram,
		WEIR_PACKET_HEADER_SIZE, datagram + WEIR_PACKET_HEADER_SIZE, bytes,
		is_share ? ear->chunks[number] : ear->parity[number], datagram + size - 16));
	(is_share ? ear->heard : ear->spare)[number]++;
}

static void hear_all(struct ear *ear)
{
	struct weir_aead *aead = weir_aead_new();
	uint8_t datagram[2000];
	ssize_t size;
	while ((size = recv(ear->socket, datagram, sizeof(datagram), 0)) >= 0)
		take(ear, aead, datagram, (size_t)size);
	weir_aead_free(aead);
}

Test(one_shot, everything_once_with_parity)
{
	struct weir_fec *coder = weir_fec_new(fec);
	char message[WEIR_CLIENT_TEXT_SIZE];
	struct ear ear;
	listen_to(&ear);
	cr_assert_eq(weir_uniform_vector(WEIR_MODULUS_M61, share, DIMENSION), 0);
	cr_assert_eq(send_to(&ear, message), 0, "%s", message);
	hear_all(&ear);
	for (uint32_t c = 0; c < CHUNKS; c++)
		cr_assert_eq(ear.heard[c], 1, "chunk %u came %u times", c, ear.heard[c]);
	for (uint32_t p = 0; p < 9; p++)
		cr_assert_eq(ear.spare[p], 1, "parity %u came %u times", p, ear.spare[p]);
	cr_assert_arr_eq(ear.chunks[0], share, DIMENSION * sizeof(*share));
	for (uint32_t g = 0; g < 3; g++) { // the last of each group's three are lost
		const void *chunks[7], *parity[3];
		uint8_t found[3][BYTES];
		void *out[7] = {0};
		for (uint32_t i = 0; i < 7; i++)
			chunks[i] = i < 4 ? ear.chunks[i * 3 + g] : NULL;
		for (uint32_t j = 0; j < 3; j++) {
			parity[j] = ear.parity[j * 3 + g];
			out[4 + j] = found[j];
		}
		cr_assert_eq(weir_fec_recover(coder, 7, BYTES, chunks, parity, out), 0);
		for (uint32_t j = 0; j < 3; j++)
			cr_assert_arr_eq(found[j], ear.chunks[(4 + j) * 3 + g], BYTES);
	}
	close(ear.socket);
	weir_fec_free(coder);
}

Test(one_shot, a_closed_port_changes_nothing)
{
	char message[WEIR_CLIENT_TEXT_SIZE];
	struct ear ear;
	listen_to(&ear);
	close(ear.socket);
	cr_assert_eq(send_to(&ear, message), 0, "%s", message);
}

Test(one_shot, can_be_cancelled)
{
	char message[WEIR_CLIENT_TEXT_SIZE];
	struct ear ear;
	listen_to(&ear);
	cancelled = true;
	cr_assert_eq(send_to(&ear, message), -ECANCELED);
	cr_assert_str_eq(message, "interrupted");
	close(ear.socket);
}
