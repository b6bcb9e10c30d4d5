// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "udp_aggregator.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools_test.h"

#define DATAGRAM 2048

struct from {
	struct sockaddr_storage address;
	socklen_t length;
};

static bool chance(struct udp_aggregator *aggregator, unsigned percent)
{
	return next_random(&aggregator->seed) % 100 < percent;
}

static void transmit(
	struct udp_aggregator *aggregator, const struct from *to, const void *bytes, size_t length)
{
	if (chance(aggregator, aggregator->loss))
		return;
	for (int copies = chance(aggregator, aggregator->duplicates) ? 2 : 1; copies > 0; copies--)
		sendto(aggregator->socket, bytes, length, 0, (const struct sockaddr *)&to->address,
			to->length);
}

static size_t seal(struct udp_aggregator *aggregator, const struct weir_aead_key *key,
	enum weir_packet_type type, const void *plaintext, size_t length, uint8_t *datagram)
{
	struct weir_packet_header header = {
		.version = WEIR_PACKET_VERSION,
		.type = (uint8_t)type,
		.event = aggregator->event,
		.client = aggregator->client,
		.chunk = weir_packet_chunk_field(type, aggregator->counter++),
		.nonce = aggregator->nonce,
	};
	memcpy(datagram, &header, sizeof(header));
	weir_aead_seal(aggregator->aead, key, datagram + 12, datagram, sizeof(header), plaintext,
		length, datagram + sizeof(header), datagram + sizeof(header) + length);
	return WEIR_PACKET_OVERHEAD + length;
}

// Everything that a third party, or an aggregator of another client, could send.
static void send_forgeries(struct udp_aggregator *aggregator, const struct from *to,
	enum weir_packet_type type, const void *plaintext, size_t length)
{
	uint8_t datagram[DATAGRAM], lie[sizeof(struct weir_packet_state)], wrong[32] = {1};
	struct weir_aead_key other;
	size_t size = seal(aggregator, &aggregator->to_client, type, plaintext, length, datagram);
	for (size_t at = 0; at < size; at += 5) {
		datagram[at] ^= 1;
		sendto(aggregator->socket, datagram, size, 0, (const struct sockaddr *)&to->address,
			to->length);
		datagram[at] ^= 1;
	}
	sendto(aggregator->socket, datagram, size - 1, 0, (const struct sockaddr *)&to->address,
		to->length);
	sendto(aggregator->socket, "", 0, 0, (const struct sockaddr *)&to->address, to->length);
	memcpy(lie, plaintext, length);
	lie[0] = WEIR_CLIENT_COMPLETE;
	weir_aead_expand(aggregator->aead, wrong, &other);
	size = seal(aggregator, &other, type, lie, length, datagram);
	sendto(aggregator->socket, datagram, size, 0, (const struct sockaddr *)&to->address,
		to->length);
	// The client's own key: its direction, not ours.
	size = seal(aggregator, &aggregator->from_client, type, lie, length, datagram);
	sendto(aggregator->socket, datagram, size, 0, (const struct sockaddr *)&to->address,
		to->length);
}

// Authentic, "complete", but about a question that is not open, or not what was asked.
static void send_wrong_echoes(struct udp_aggregator *aggregator, const struct from *to,
	enum weir_packet_type type, const void *plaintext, size_t length)
{
	uint8_t datagram[DATAGRAM], lie[sizeof(struct weir_packet_state)];
	// The question before is closed if it was answered, else it may be answered still.
	bool answers = aggregator->misbehaviour == WRONG_ECHO;
	const uint32_t offsets[] = {16, 1 << 20, answers ? UINT32_MAX : 17};
	struct weir_packet_grant *grant = (void *)lie;
	for (size_t i = 0; i < 5; i++) {
		memcpy(lie, plaintext, length);
		grant->state = WEIR_CLIENT_COMPLETE;
		if (i < 3)
			grant->echo += offsets[i];
		else if (i == 3)
			grant->zero[1] = 1;
		else if (type == WEIR_PACKET_STATE)
			((struct weir_packet_state *)lie)->first += 64;
		else
			grant->zero2 = 1;
		size_t size = seal(aggregator, &aggregator->to_client, type, lie, length, datagram);
		sendto(aggregator->socket, datagram, size, 0, (const struct sockaddr *)&to->address,
			to->length);
	}
}

static void answer(struct udp_aggregator *aggregator, const struct from *to,
	enum weir_packet_type type, const void *plaintext, size_t length)
{
	uint8_t datagram[DATAGRAM];
	if (aggregator->misbehaviour == SILENT)
		return;
	if (aggregator->misbehaviour == FORGE_ANSWERS || aggregator->misbehaviour == ONLY_FORGED)
		send_forgeries(aggregator, to, type, plaintext, length);
	if (aggregator->misbehaviour == WRONG_ECHO || aggregator->misbehaviour == ONLY_FORGED)
		send_wrong_echoes(aggregator, to, type, plaintext, length);
	if (aggregator->misbehaviour == ONLY_FORGED)
		return;
	size_t size = seal(aggregator, &aggregator->to_client, type, plaintext, length, datagram);
	transmit(aggregator, to, datagram, size);
}

static void on_request(struct udp_aggregator *aggregator, const struct from *from, uint32_t counter)
{
	struct weir_packet_grant grant = {.echo = counter,
		.window = aggregator->window,
		.rate = aggregator->rate,
		.received = aggregator->received};
	if (aggregator->state < WEIR_CLIENT_ADMITTED) {
		aggregator->state = WEIR_CLIENT_REQUESTED;
		if (aggregator->waits > 0) {
			aggregator->waits--;
			grant.wait_ms = 5;
		} else {
			aggregator->state = WEIR_CLIENT_ADMITTED;
		}
	}
	grant.state = aggregator->state;
	answer(aggregator, from, WEIR_PACKET_GRANT, &grant, sizeof(grant));
}

static void on_query(struct udp_aggregator *aggregator, const struct from *from, uint32_t counter,
	const struct weir_packet_query *query)
{
	struct weir_packet_state state = {.state = aggregator->state,
		.echo = counter,
		.first = query->first,
		.received = aggregator->received,
		.window = aggregator->window,
		.rate = aggregator->rate};
	if (query->first % 64 != 0 || query->first >= aggregator->chunk_count) {
		aggregator->bad++;
		return;
	}
	if (state.state == WEIR_CLIENT_REQUESTED)
		state.wait_ms = 5;
	for (uint32_t i = 0; i < WEIR_STATE_BITMAP_CHUNKS; i++)
		if (query->first + i < aggregator->chunk_count &&
			aggregator->here[query->first + i])
			state.bitmap[i / 8] |= (uint8_t)(1 << i % 8);
	aggregator->since_report = 0;
	answer(aggregator, from, WEIR_PACKET_STATE, &state, sizeof(state));
}

// What happens once, when half or all of the chunks are here.
static void misbehave(struct udp_aggregator *aggregator)
{
	bool half = aggregator->received * 2 >= aggregator->chunk_count;
	bool all = aggregator->received == aggregator->chunk_count;
	if (aggregator->misbehaved)
		return;
	if (aggregator->misbehaviour == ABORT_HALFWAY && half) {
		aggregator->state = WEIR_CLIENT_ABORTED;
		aggregator->misbehaved = true;
	}
	if (aggregator->misbehaviour == LOSE_THE_SLOT && half) {
		memset(aggregator->here, 0, aggregator->chunk_count * sizeof(bool));
		aggregator->received = 0;
		aggregator->state = WEIR_CLIENT_JOINED;
		aggregator->waits = 3;
		aggregator->misbehaved = true;
	}
	if (aggregator->misbehaviour == LOSE_CHUNKS && all) {
		for (uint32_t i = 0; i < aggregator->chunk_count; i += 3) {
			aggregator->here[i] = false;
			aggregator->received--;
		}
		aggregator->misbehaved = true;
	}
}

static void on_share(struct udp_aggregator *aggregator, const uint8_t *datagram, size_t length,
	uint32_t chunk, uint64_t nonce, const void *plaintext)
{
	size_t element = weir_modulus_element_size(aggregator->modulus);
	size_t stride = WEIR_PACKET_OVERHEAD + aggregator->chunk_elements * element;
	if (chunk >= aggregator->chunk_count || aggregator->state < WEIR_CLIENT_ADMITTED ||
		aggregator->state == WEIR_CLIENT_ABORTED ||
		length != WEIR_PACKET_OVERHEAD + element * weir_chunk_length(aggregator->dimension,
								   aggregator->chunk_elements,
								   chunk) ||
		(aggregator->has_nonce && nonce != aggregator->share_nonce)) {
		// After a lost slot or an abort, shares that were under way are no mistake.
		if (!aggregator->misbehaved)
			aggregator->bad++;
		return;
	}
	uint8_t *copy = aggregator->first_copy + chunk * stride;
	aggregator->has_nonce = true;
	aggregator->share_nonce = nonce;
	aggregator->shares++;
	if (++aggregator->since_report > aggregator->most_unreported)
		aggregator->most_unreported = aggregator->since_report;
	if (copy[0] != 0 && memcmp(copy, datagram, length) != 0)
		aggregator->bad++; // the same chunk must be the same bytes
	memcpy(copy, datagram, length);
	if (aggregator->here[chunk]) {
		aggregator->duplicate_shares++;
		return;
	}
	aggregator->here[chunk] = true;
	aggregator->received++;
	memcpy(aggregator->slot + (size_t)chunk * aggregator->chunk_elements * element, plaintext,
		length - WEIR_PACKET_OVERHEAD);
	misbehave(aggregator);
	if (aggregator->received == aggregator->chunk_count &&
		aggregator->state == WEIR_CLIENT_ADMITTED)
		aggregator->state = WEIR_CLIENT_COMPLETE;
}

static void on_datagram(struct udp_aggregator *aggregator, const struct from *from,
	const uint8_t *datagram, size_t length)
{
	struct weir_packet_header header;
	_Alignas(8) uint8_t plaintext[DATAGRAM];
	if (length < WEIR_PACKET_OVERHEAD) {
		aggregator->bad++;
		return;
	}
	memcpy(&header, datagram, sizeof(header));
	size_t body = length - WEIR_PACKET_OVERHEAD;
	if (header.version != WEIR_PACKET_VERSION || header.flags != 0 ||
		header.event != aggregator->event || header.client != aggregator->client ||
		header.chunk >> WEIR_CHUNK_TYPE_SHIFT != header.type ||
		!weir_aead_open(aggregator->aead, &aggregator->from_client, datagram + 12, datagram,
			sizeof(header), datagram + sizeof(header), body, plaintext,
			datagram + sizeof(header) + body)) {
		aggregator->bad++;
		return;
	}
	uint32_t number = header.chunk & WEIR_CHUNK_NUMBER_MASK;
	if (header.type == WEIR_PACKET_REQUEST && body == sizeof(struct weir_packet_request))
		on_request(aggregator, from, number);
	else if (header.type == WEIR_PACKET_QUERY && body == sizeof(struct weir_packet_query))
		on_query(aggregator, from, number, (const void *)plaintext);
	else if (header.type == WEIR_PACKET_SHARE)
		on_share(aggregator, datagram, length, number, header.nonce, plaintext);
	else
		aggregator->bad++;
}

// The path from the client: loses, doubles, and swaps a datagram with the next one.
static void arrive(struct udp_aggregator *aggregator, const struct from *from, uint8_t *datagram,
	ssize_t length)
{
	if (chance(aggregator, aggregator->loss))
		return;
	if (aggregator->held_back_length == 0 && chance(aggregator, aggregator->reordered)) {
		memcpy(aggregator->held_back, datagram, (size_t)length);
		aggregator->held_back_length = length;
		return;
	}
	on_datagram(aggregator, from, datagram, (size_t)length);
	if (chance(aggregator, aggregator->duplicates))
		on_datagram(aggregator, from, datagram, (size_t)length);
	if (aggregator->held_back_length > 0) {
		ssize_t held = aggregator->held_back_length;
		aggregator->held_back_length = 0;
		on_datagram(aggregator, from, aggregator->held_back, (size_t)held);
	}
}

static void *run(void *opaque)
{
	struct udp_aggregator *aggregator = opaque;
	uint8_t datagram[DATAGRAM];
	while (!atomic_load(&aggregator->stop)) {
		struct from from = {.length = sizeof(from.address)};
		struct pollfd wait = {.fd = aggregator->socket, .events = POLLIN};
		if (poll(&wait, 1, 20) <= 0)
			continue;
		ssize_t length = recvfrom(aggregator->socket, datagram, sizeof(datagram), 0,
			(struct sockaddr *)&from.address, &from.length);
		pthread_mutex_lock(&aggregator->lock);
		if (length >= 0)
			arrive(aggregator, &from, datagram, length);
		pthread_mutex_unlock(&aggregator->lock);
	}
	return NULL;
}

static void bind_socket(struct udp_aggregator *aggregator)
{
	struct sockaddr_in6 *six = (void *)&aggregator->address;
	struct sockaddr_in *four = (void *)&aggregator->address;
	int size = 1 << 22;
	aggregator->address_length = aggregator->is_ipv6 ? sizeof(*six) : sizeof(*four);
	if (aggregator->is_ipv6) {
		six->sin6_family = AF_INET6;
		six->sin6_addr = in6addr_loopback;
	} else {
		four->sin_family = AF_INET;
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	aggregator->socket =
		socket(aggregator->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert_geq(aggregator->socket, 0);
	setsockopt(aggregator->socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	cr_assert_eq(bind(aggregator->socket, (const struct sockaddr *)&aggregator->address,
			     aggregator->address_length),
		0);
	cr_assert_eq(getsockname(aggregator->socket, (struct sockaddr *)&aggregator->address,
			     &aggregator->address_length),
		0);
}

void udp_aggregator_start(struct udp_aggregator *aggregator)
{
	size_t element = weir_modulus_element_size(aggregator->modulus);
	aggregator->chunk_count =
		weir_chunk_count(aggregator->dimension, aggregator->chunk_elements);
	aggregator->slot = calloc(aggregator->dimension, element);
	aggregator->here = calloc(aggregator->chunk_count, sizeof(bool));
	aggregator->first_copy = calloc(aggregator->chunk_count,
		WEIR_PACKET_OVERHEAD + aggregator->chunk_elements * element);
	aggregator->held_back = calloc(1, DATAGRAM);
	aggregator->state = WEIR_CLIENT_JOINED;
	aggregator->nonce = 0x1122334455667788;
	aggregator->seed |= 1;
	for (uint32_t i = 0; i < aggregator->held; i++)
		aggregator->here[i] = true;
	aggregator->received = aggregator->held;
	if (aggregator->held > 0)
		aggregator->state = WEIR_CLIENT_ADMITTED;
	aggregator->aead = weir_aead_new();
	cr_assert_neq(aggregator->aead, NULL);
	weir_aead_expand(
		aggregator->aead, aggregator->keys.to_aggregator, &aggregator->from_client);
	weir_aead_expand(aggregator->aead, aggregator->keys.to_client, &aggregator->to_client);
	bind_socket(aggregator);
	pthread_mutex_init(&aggregator->lock, NULL);
	cr_assert_eq(pthread_create(&aggregator->thread, NULL, run, aggregator), 0);
}

void udp_aggregator_lose(struct udp_aggregator *aggregator, uint32_t kept, uint8_t state)
{
	pthread_mutex_lock(&aggregator->lock);
	for (uint32_t i = kept; i < aggregator->chunk_count; i++)
		aggregator->here[i] = false;
	aggregator->received = kept;
	aggregator->state = state;
	aggregator->misbehaved = true; // shares that are still under way are no mistake
	pthread_mutex_unlock(&aggregator->lock);
}

void udp_aggregator_grant(struct udp_aggregator *aggregator)
{
	pthread_mutex_lock(&aggregator->lock);
	aggregator->waits = 0;
	pthread_mutex_unlock(&aggregator->lock);
}

void udp_aggregator_stop(struct udp_aggregator *aggregator)
{
	atomic_store(&aggregator->stop, true);
	pthread_join(aggregator->thread, NULL);
	close(aggregator->socket);
}

void udp_aggregator_free(struct udp_aggregator *aggregator)
{
	weir_aead_free(aggregator->aead);
	free(aggregator->slot);
	free(aggregator->here);
	free(aggregator->first_copy);
	free(aggregator->held_back);
}
