// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Answer, the share protocol: REQUEST -> GRANT, QUERY -> STATE. A question is as long as its answer,
// so the answer takes its place in the frame.
//
// These are a few packets for each client, so their key is expanded when it is needed; expanded keys
// are kept for slot holders' SHAREs only.

#include <endian.h>
#include <string.h>

#include "answer.h"
#include "random.h"

static const uint8_t zeros[sizeof(struct weir_packet_query)];

static bool open_body(const struct worker *worker, const struct packet *packet, void *body)
{
	const uint8_t *header = packet->datagram;
	const uint8_t *ciphertext = packet->datagram + WEIR_PACKET_HEADER_SIZE;
	struct weir_aead_key key;

	if (packet->event->without_cipher) {
		memcpy(body, ciphertext, packet->body_length);
		return true;
	}
	weir_aead_expand(
		worker->events->aead, packet->event->keys[packet->client].to_aggregator, &key);
	bool authentic = weir_aead_open(worker->events->aead, &key,
		header + WEIR_PACKET_NONCE_OFFSET, header, WEIR_PACKET_HEADER_SIZE, ciphertext,
		packet->body_length, body, ciphertext + packet->body_length);
	weir_wipe(&key, sizeof(key));
	return authentic;
}

// The next GCM nonce of this worker, in the header. Returns false if there is none to be had: then
// nothing may be sent, for a nonce never comes twice.
static bool take_nonce(
	struct worker *worker, enum weir_packet_type type, struct weir_packet_header *header)
{
	if (worker->reply_counter > WEIR_CHUNK_NUMBER_MASK) {
		if (weir_random_bytes(&worker->reply_nonce, sizeof(worker->reply_nonce)) != 0)
			return false;
		worker->reply_counter = 0;
	}
	header->chunk = htole32(weir_packet_chunk_field(type, worker->reply_counter++));
	header->nonce = htole64(worker->reply_nonce);
	return true;
}

static bool seal_reply(struct worker *worker, const struct packet *packet,
	enum weir_packet_type type, const void *body)
{
	struct weir_packet_header *header = (struct weir_packet_header *)packet->datagram;
	uint8_t *ciphertext = packet->datagram + WEIR_PACKET_HEADER_SIZE;
	struct weir_aead_key key;

	if (!take_nonce(worker, type, header)) {
		count(worker, WEIR_COUNTER_drop_reply_memory, 1);
		return false;
	}
	header->type = type;
	if (packet->event->without_cipher) {
		memcpy(ciphertext, body, packet->body_length);
		memset(ciphertext + packet->body_length, 0, WEIR_PACKET_TAG_SIZE);
		return true;
	}
	weir_aead_expand(worker->events->aead, packet->event->keys[packet->client].to_client, &key);
	weir_aead_seal(worker->events->aead, &key, packet->datagram + WEIR_PACKET_NONCE_OFFSET,
		packet->datagram, WEIR_PACKET_HEADER_SIZE, body, packet->body_length, ciphertext,
		ciphertext + packet->body_length);
	weir_wipe(&key, sizeof(key));
	return true;
}

// 0: send, or there is nothing left to wait for.
static uint32_t wait_ms(const struct worker *worker, uint32_t state)
{
	return state == WEIR_CLIENT_JOINED || state == WEIR_CLIENT_REQUESTED ? worker->wait_ms : 0;
}

// A client that asks for the first time is one that the leader may admit.
static uint32_t ask_for_slot(struct worker *worker, const struct packet *packet)
{
	struct weir_shm_client *client = &packet->event->clients[packet->client];
	uint32_t state = WEIR_CLIENT_JOINED;

	if (!atomic_compare_exchange_strong_explicit(&client->state, &state, WEIR_CLIENT_REQUESTED,
		    memory_order_acq_rel, memory_order_acquire))
		return state;
	worker_ring_doorbell(worker, packet->event->number, packet->client);
	return WEIR_CLIENT_REQUESTED;
}

static bool answer_request(struct worker *worker, const struct packet *packet, const uint8_t *body)
{
	const struct event *event = packet->event;
	struct weir_shm_client *client = &event->clients[packet->client];

	if (memcmp(body, zeros, sizeof(struct weir_packet_request)) != 0) {
		count(worker, WEIR_COUNTER_drop_body, 1);
		return false;
	}

	uint32_t state = ask_for_slot(worker, packet);
	struct weir_packet_grant grant = {
		.state = (uint8_t)state,
		.echo = htole32(packet->chunk),
		.wait_ms = htole32(wait_ms(worker, state)),
		.window = htole32(atomic_load_explicit(&event->window, memory_order_relaxed)),
		.rate = htole64(atomic_load_explicit(&event->rate, memory_order_relaxed)),
		.received = htole32(atomic_load_explicit(&client->received, memory_order_relaxed)),
	};
	if (!seal_reply(worker, packet, WEIR_PACKET_GRANT, &grant))
		return false;
	count(worker, WEIR_COUNTER_requests, 1);
	return true;
}

// The slot is the client's as long as this worker has not passed a quiescent point since it saw the
// state, even if the client is aborted meanwhile.
static void copy_bitmap(const struct event *event, const struct weir_shm_client *client,
	uint32_t first, uint8_t bitmap[WEIR_STATE_BITMAP_CHUNKS / 8])
{
	uint32_t slot = client->slot;
	uint64_t word = first / 64;

	if (slot >= event->slot_count)
		return;
	for (uint64_t i = 0; i < WEIR_STATE_BITMAP_CHUNKS / 64; i++, word++) {
		if (word >= event->bitmap_words)
			return;
		uint64_t chunks = htole64(atomic_load_explicit(
			&event->received[slot * event->bitmap_words + word], memory_order_relaxed));
		memcpy(bitmap + i * sizeof(chunks), &chunks, sizeof(chunks));
	}
}

static bool answer_query(struct worker *worker, const struct packet *packet, const uint8_t *body)
{
	const struct event *event = packet->event;
	const struct weir_shm_client *client = &event->clients[packet->client];
	struct weir_packet_query query;

	memcpy(&query, body, sizeof(query));
	uint32_t first = le32toh(query.first);
	if (first % 64 != 0 || first >= event->chunk_count ||
		memcmp(query.zero, zeros, sizeof(query.zero)) != 0) {
		count(worker, WEIR_COUNTER_drop_body, 1);
		return false;
	}

	uint32_t state = atomic_load_explicit(&client->state, memory_order_acquire);
	struct weir_packet_state reply = {
		.state = (uint8_t)state,
		.echo = htole32(packet->chunk),
		.first = htole32(first),
		.received = htole32(atomic_load_explicit(&client->received, memory_order_relaxed)),
		.window = htole32(atomic_load_explicit(&event->window, memory_order_relaxed)),
		.wait_ms = htole32(wait_ms(worker, state)),
		.rate = htole64(atomic_load_explicit(&event->rate, memory_order_relaxed)),
	};
	if (state == WEIR_CLIENT_ADMITTED || state == WEIR_CLIENT_COMPLETE)
		copy_bitmap(event, client, first, reply.bitmap);
	if (!seal_reply(worker, packet, WEIR_PACKET_STATE, &reply))
		return false;
	count(worker, WEIR_COUNTER_queries, 1);
	return true;
}

bool answer_message(struct worker *worker, const struct packet *packet)
{
	uint8_t body[sizeof(struct weir_packet_query)];

	if (!open_body(worker, packet, body)) {
		count(worker, WEIR_COUNTER_drop_tag, 1);
		return false;
	}
	return packet->kind == PACKET_REQUEST ? answer_request(worker, packet, body)
					      : answer_query(worker, packet, body);
}
