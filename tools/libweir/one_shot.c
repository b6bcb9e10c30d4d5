// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "one_shot.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "lane.h"
#include "random.h"

#define BURST_S     0.002 // so much may leave at once
#define BLOCKED_MS  10    // before a full socket is tried again
#define STUBBORN    3     // times: an error may be an earlier datagram's
#define PROGRESS_NS UINT64_C(100000000)

struct one_shot {
	const struct weir_sender_setup *setup;
	struct weir_fec_parameters parameters;
	struct weir_fec *fec;
	struct weir_aead *aead;
	struct weir_lane lanes[WEIR_AGGREGATORS_MAX];
	size_t lane_count;
	uint32_t chunks, groups, parity;      // numbers of chunks
	size_t chunk_bytes;                   // of a whole one, and of parity
	uint8_t *spare[WEIR_AGGREGATORS_MAX]; // parity chunks of each lane's share
	uint8_t *last;                        // a short last chunk and its zeros
	uint8_t *datagram;
	uint64_t rate, start_ns, sent, reported_ns;
	char *message;
};

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static size_t length_of(const struct one_shot *shot, uint32_t chunk)
{
	return weir_chunk_length(shot->setup->dimension, shot->setup->chunk_elements, chunk) *
	       weir_modulus_element_size(shot->setup->modulus);
}

static const uint8_t *chunk_of(const struct one_shot *shot, size_t lane, uint32_t chunk)
{
	return shot->lanes[lane].share +
	       (size_t)chunk * shot->lanes[lane].chunk_elements * shot->lanes[lane].element_size;
}

static void make_parity(struct one_shot *shot, size_t lane)
{
	const void *chunks[WEIR_FEC_DATA_MAX];
	void *parity[WEIR_FEC_PARITY_MAX];
	for (uint32_t g = 0; g < shot->groups; g++) {
		uint32_t n = weir_fec_group_size(shot->chunks, shot->groups, g);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t chunk = i * shot->groups + g;
			size_t length = length_of(shot, chunk);
			chunks[i] = chunk_of(shot, lane, chunk);
			if (length == shot->chunk_bytes)
				continue;
			memset(shot->last, 0, shot->chunk_bytes);
			memcpy(shot->last, chunks[i], length);
			chunks[i] = shot->last;
		}
		for (uint32_t j = 0; j < shot->parameters.parity; j++)
			parity[j] = shot->spare[lane] +
				    ((size_t)j * shot->groups + g) * shot->chunk_bytes;
		weir_fec_encode(shot->fec, n, shot->chunk_bytes, chunks, parity);
	}
}

static int prepare(struct one_shot *shot)
{
	size_t size = (size_t)shot->parity * shot->chunk_bytes;
	shot->aead = weir_aead_new();
	if (shot->aead == NULL)
		return weir_text_fail(shot->message, -errno, "AES-GCM: %s", strerror(errno));
	shot->fec = weir_fec_new(shot->parameters);
	shot->last = malloc(shot->chunk_bytes);
	shot->datagram = malloc(WEIR_PACKET_OVERHEAD + shot->chunk_bytes);
	bool is_whole = shot->fec != NULL && shot->last != NULL && shot->datagram != NULL;
	for (size_t i = 0; i < shot->setup->peer_count && is_whole; i++) {
		const struct weir_sender_peer *peer = &shot->setup->peers[i];
		int error = weir_lane_open(&shot->lanes[i], shot->aead, shot->setup, peer);
		if (error != 0)
			return weir_text_fail(shot->message, error,
				"%s: cannot open a socket to it: %s", peer->name, strerror(-error));
		shot->lane_count++;
		shot->spare[i] = malloc(size);
		is_whole = shot->spare[i] != NULL;
		if (is_whole)
			make_parity(shot, i);
	}
	return is_whole ? 0 : weir_text_fail(shot->message, -ENOMEM, "out of memory");
}

static void give_back(struct one_shot *shot)
{
	for (size_t i = 0; i < shot->lane_count; i++) {
		weir_lane_close(&shot->lanes[i]);
		if (shot->spare[i] != NULL)
			weir_wipe(shot->spare[i], (size_t)shot->parity * shot->chunk_bytes);
		free(shot->spare[i]);
	}
	if (shot->last != NULL)
		weir_wipe(shot->last, shot->chunk_bytes);
	free(shot->last);
	free(shot->datagram);
	weir_fec_free(shot->fec);
	weir_aead_free(shot->aead);
}

// Waits until the rate allows another datagram. False: cancelled.
static bool wait_for_turn(struct one_shot *shot)
{
	const uint64_t burst = (uint64_t)((double)shot->rate * BURST_S);
	for (;;) {
		if (atomic_load_explicit(shot->setup->cancelled, memory_order_relaxed))
			return false;
		double due =
			(double)(shot->sent > burst ? shot->sent - burst : 0) / (double)shot->rate;
		double left = due - (double)(now_ns() - shot->start_ns) / 1e9;
		if (left <= 0)
			return true;
		struct timespec pause = {.tv_nsec = left > 0.1 ? 100000000 : (long)(left * 1e9)};
		nanosleep(&pause, NULL);
	}
}

// Nobody will ask for it again, so what the kernel has no room for waits; what a router or the peer said
// about earlier datagrams does not count.
static int send_datagram(const struct one_shot *shot, const struct weir_lane *lane, size_t length)
{
	for (int stubborn = STUBBORN; stubborn > 0;) {
		struct pollfd room = {.fd = lane->socket, .events = POLLOUT};
		if (send(lane->socket, shot->datagram, length, 0) >= 0)
			return 0;
		switch (errno) {
		case EINTR: break;
		case EAGAIN:
		case ENOBUFS:
			if (atomic_load_explicit(shot->setup->cancelled, memory_order_relaxed))
				return 0; // seen at the next turn
			poll(&room, errno == EAGAIN, BLOCKED_MS);
			break;
		case ECONNREFUSED:
		case EHOSTUNREACH:
		case EHOSTDOWN:
		case ENETUNREACH:
		case ENETDOWN:
		case EPERM: stubborn--; break;
		case EMSGSIZE:
			return weir_text_fail(shot->message, -EMSGSIZE,
				"%s: datagrams of %zu bytes do not fit the path's MTU; the event "
				"needs smaller chunk_elements",
				lane->name, length);
		default:
			return weir_text_fail(shot->message, -errno, "%s: cannot send: %s",
				lane->name, strerror(errno));
		}
	}
	return 0; // lost on the way, like others
}

static void report(struct one_shot *shot, uint64_t done, uint64_t all)
{
	uint64_t now = now_ns();
	if (shot->setup->progress == NULL || now - shot->reported_ns < PROGRESS_NS)
		return;
	shot->reported_ns = now;
	shot->setup->progress(shot->setup->opaque, done, all, false, (double)shot->rate);
}

static int send_all(struct one_shot *shot)
{
	shot->start_ns = now_ns();
	for (uint32_t k = 0; k < shot->chunks + shot->parity; k++) {
		bool is_share = k < shot->chunks;
		uint32_t number = is_share ? k : k - shot->chunks;
		size_t length = is_share ? length_of(shot, number) : shot->chunk_bytes;
		if (!wait_for_turn(shot))
			return weir_text_fail(shot->message, -ECANCELED, "interrupted");
		for (size_t i = 0; i < shot->lane_count; i++) {
			struct weir_lane *lane = &shot->lanes[i];
			const uint8_t *bytes =
				is_share ? chunk_of(shot, i, number)
					 : shot->spare[i] + (size_t)number * shot->chunk_bytes;
			weir_lane_seal(lane, shot->aead,
				is_share ? WEIR_PACKET_SHARE : WEIR_PACKET_PARITY, number,
				lane->share_nonce, bytes, length, shot->datagram);
			int error = send_datagram(shot, lane, WEIR_PACKET_OVERHEAD + length);
			if (error != 0)
				return error;
		}
		shot->sent += WEIR_PACKET_OVERHEAD + length; // to each
		report(shot, k, shot->chunks + shot->parity);
	}
	return 0;
}

int weir_one_shot(const struct weir_sender_setup *setup, struct weir_fec_parameters fec,
	uint64_t rate, char *message)
{
	struct one_shot *shot = aligned_alloc(64, (sizeof(*shot) + 63) / 64 * 64);
	if (shot == NULL)
		return weir_text_fail(message, -ENOMEM, "out of memory");
	memset(shot, 0, sizeof(*shot));
	shot->setup = setup;
	shot->parameters = fec;
	shot->rate = rate;
	shot->message = message;
	shot->chunks = weir_chunk_count(setup->dimension, setup->chunk_elements);
	shot->groups = weir_fec_group_count(shot->chunks, fec.data);
	shot->parity = shot->groups * fec.parity;
	shot->chunk_bytes = length_of(shot, 0);
	int error = prepare(shot);
	if (error == 0)
		error = send_all(shot);
	give_back(shot);
	free(shot);
	return error;
}
