// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "lane.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "random.h"

#define TIMEOUT_START_US 50000
#define TIMEOUT_MOST_US  2000000
#define TIMEOUT_ALIVE_US 250000 // ... while answers have come lately: it is the path that loses
#define ALIVE_US         5000000
#define PATIENT_TIMEOUTS 1      // one lost question or answer says nothing yet
#define BLOCKED_US       1000   // after ENOBUFS
#define UNREACHABLE_US   100000 // after ECONNREFUSED and the like
#define BURST_S          0.01   // tokens for so long may be saved up
#define BURST_LEAST      4.0    // chunks
#define SOCKET_BUFFER    (1 << 20)
#define DATAGRAM_MOST    65507

// Datagrams larger than the path's MTU must be an error: the appliance drops fragments.
static int open_socket(const struct weir_sender_peer *peer)
{
	int on = IP_PMTUDISC_DO, size = SOCKET_BUFFER;
	int fd = socket(
		peer->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	int level = peer->address.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int option = level == IPPROTO_IPV6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER;
	// The system's limits may keep the buffers smaller; that only costs speed.
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (setsockopt(fd, level, option, &on, sizeof(on)) != 0 ||
		connect(fd, (const struct sockaddr *)&peer->address, peer->address_length) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int weir_lane_open(struct weir_lane *lane, const struct weir_aead *aead,
	const struct weir_sender_setup *setup, const struct weir_sender_peer *peer)
{
	memset(lane, 0, sizeof(*lane));
	lane->socket = -1;
	lane->name = peer->name;
	lane->share = peer->share;
	lane->event = peer->event;
	lane->client = setup->client;
	lane->share_nonce = setup->share_nonce;
	lane->element_size = weir_modulus_element_size(setup->modulus);
	lane->dimension = setup->dimension;
	lane->chunk_elements = setup->chunk_elements;
	lane->datagram_size = WEIR_PACKET_OVERHEAD + lane->chunk_elements * lane->element_size;
	if (lane->datagram_size > DATAGRAM_MOST ||
		(setup->dimension - 1) / setup->chunk_elements >= WEIR_CHUNK_COUNT_MAX)
		return -EMSGSIZE;
	lane->chunk_count = weir_chunk_count(setup->dimension, setup->chunk_elements);
	weir_congestion_init(&lane->congestion);
	lane->timeout_us = TIMEOUT_START_US;
	lane->received = calloc(1, lane->chunk_count / 8 + 1);
	lane->sent = calloc(lane->chunk_count, sizeof(*lane->sent));
	int error = lane->received == NULL || lane->sent == NULL ? -ENOMEM : 0;
	if (error == 0)
		error = weir_random_bytes(&lane->message_nonce, sizeof(lane->message_nonce));
	if (error == 0)
		error = lane->socket = open_socket(peer);
	if (error < 0) {
		weir_lane_close(lane);
		return error;
	}
	weir_aead_expand(aead, peer->keys.to_aggregator, &lane->seal_key);
	weir_aead_expand(aead, peer->keys.to_client, &lane->open_key);
	return 0;
}

void weir_lane_close(struct weir_lane *lane)
{
	if (lane->socket >= 0)
		close(lane->socket);
	free(lane->received);
	free(lane->sent);
	weir_wipe(lane, sizeof(*lane));
	lane->socket = -1;
}

void weir_lane_forget_chunks(struct weir_lane *lane)
{
	memset(lane->received, 0, lane->chunk_count / 8 + 1);
	memset(lane->sent, 0, lane->chunk_count * sizeof(*lane->sent));
	lane->received_count = lane->in_flight = lane->first_missing = lane->probe_first = 0;
}

void weir_lane_doubt(struct weir_lane *lane)
{
	if (lane->phase == WEIR_LANE_ABORTED)
		return;
	lane->phase = WEIR_LANE_REQUEST;
	lane->ask_us = lane->heard_us = 0;
}

void weir_lane_seal(struct weir_lane *lane, const struct weir_aead *aead,
	enum weir_packet_type type, uint32_t number, uint64_t nonce, const void *plaintext,
	size_t length, uint8_t *datagram)
{
	struct weir_packet_header header = {
		.version = WEIR_PACKET_VERSION,
		.type = (uint8_t)type,
		.event = lane->event,
		.client = lane->client,
		.chunk = weir_packet_chunk_field(type, number),
		.nonce = nonce,
	};
	memcpy(datagram, &header, sizeof(header));
	weir_aead_seal(aead, &lane->seal_key, datagram + offsetof(struct weir_packet_header, chunk),
		datagram, sizeof(header), plaintext, length, datagram + sizeof(header),
		datagram + sizeof(header) + length);
}

// What an error of the socket means: 0 if it may pass (it is then not used for a while).
static int on_socket_error(struct weir_lane *lane, int error, uint64_t now_us)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
	case ENOBUFS: lane->blocked_us = now_us + BLOCKED_US; return 0;
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
	case EPERM: // a packet filter's word for no
		lane->last_error = error;
		lane->blocked_us = now_us + UNREACHABLE_US;
		return 0;
	default: return -error;
	}
}

static struct weir_question *oldest_question(struct weir_lane *lane)
{
	struct weir_question *oldest = NULL;
	for (size_t i = 0; i < WEIR_LANE_QUESTIONS; i++)
		if (lane->questions[i].is_open && !lane->questions[i].is_late &&
			(oldest == NULL || lane->questions[i].sent_us < oldest->sent_us))
			oldest = &lane->questions[i];
	return oldest;
}

// Counters must never repeat under one nonce: at the end a new nonce starts.
static int next_counter(struct weir_lane *lane)
{
	if (lane->counter < WEIR_CHUNK_NUMBER_MASK)
		return 0;
	lane->counter = 0;
	lane->has_answer = false;
	memset(lane->questions, 0, sizeof(lane->questions));
	return weir_random_bytes(&lane->message_nonce, sizeof(lane->message_nonce));
}

// Sends REQUEST, or QUERY from `first` on.
static int ask(struct weir_lane *lane, const struct weir_aead *aead, enum weir_packet_type type,
	uint32_t first, uint64_t now_us)
{
	static const struct weir_packet_request request;
	struct weir_packet_query query = {.first = first};
	uint8_t datagram[WEIR_PACKET_OVERHEAD + sizeof(query)];
	int error = next_counter(lane);
	if (error != 0)
		return error;
	const void *plaintext = type == WEIR_PACKET_REQUEST ? (const void *)&request : &query;
	size_t length = type == WEIR_PACKET_REQUEST ? sizeof(request) : sizeof(query);
	uint32_t counter = lane->counter++;
	weir_lane_seal(lane, aead, type, counter, lane->message_nonce, plaintext, length, datagram);
	struct weir_question *question = &lane->questions[counter % WEIR_LANE_QUESTIONS];
	*question = (struct weir_question){.is_open = true,
		.type = (uint8_t)type,
		.counter = counter,
		.first = first,
		.sequence = lane->sequence,
		.sent_us = now_us};
	lane->asked_sequence = lane->sequence;
	lane->ask_us = now_us + lane->timeout_us;
	lane->counts.messages++;
	if (send(lane->socket, datagram, WEIR_PACKET_OVERHEAD + length, 0) < 0)
		return on_socket_error(lane, errno, now_us);
	return 0;
}

// No answer in time: ask again; later each time and with less under way if it happens again.
static void on_timeout(struct weir_lane *lane, uint64_t now_us)
{
	bool is_alive = lane->counts.answers > 0 && now_us - lane->heard_us < ALIVE_US;
	uint64_t most = is_alive ? TIMEOUT_ALIVE_US + 4 * lane->rtt_us : TIMEOUT_MOST_US;
	for (size_t i = 0; i < WEIR_LANE_QUESTIONS; i++)
		lane->questions[i].is_late = true;
	if (lane->unanswered++ < PATIENT_TIMEOUTS)
		return;
	lane->timeout_us *= 2;
	if (lane->timeout_us > most)
		lane->timeout_us = most;
	lane->timeout_us = weir_jitter(lane->timeout_us);
	if (lane->phase == WEIR_LANE_SEND)
		weir_congestion_silence(&lane->congestion);
}

static uint32_t window_of(const struct weir_lane *lane)
{
	double own = lane->congestion.window;
	uint32_t window = own < lane->window ? (uint32_t)own : lane->window;
	return window == 0 ? 1 : window;
}

static uint32_t query_first(const struct weir_lane *lane)
{
	uint32_t chunk = lane->first_missing < lane->chunk_count ? lane->first_missing
								 : lane->chunk_count - 1;
	return chunk / 64 * 64;
}

// Bytes a second that may be sent: what was granted and what the path carries; 0: no limit.
static double pace_of(const struct weir_lane *lane)
{
	double own =
		weir_congestion_rate(&lane->congestion, lane->rtt_us, (double)lane->datagram_size);
	double granted = (double)lane->rate;
	return own == 0 || (granted != 0 && granted < own) ? granted : own;
}

static void refill(struct weir_lane *lane, double pace, uint64_t now_us)
{
	double most = pace * BURST_S;
	double least = BURST_LEAST * (double)lane->datagram_size;
	lane->tokens += pace * (double)(now_us - lane->tokens_us) / 1e6;
	lane->tokens_us = now_us;
	if (lane->tokens > (most > least ? most : least))
		lane->tokens = most > least ? most : least;
}

// When there are tokens for a few chunks at once: fewer and larger steps cost less.
static uint64_t paced_until(const struct weir_lane *lane, uint64_t now_us)
{
	double wanted = BURST_LEAST / 2 * (double)lane->datagram_size;
	return now_us + 1 + (uint64_t)((wanted - lane->tokens) * 1e6 / pace_of(lane));
}

static bool is_paced(const struct weir_lane *lane)
{
	return pace_of(lane) != 0 && lane->tokens < (double)lane->datagram_size;
}

// Chunks to send now: due, inside window and pace, and within what one QUERY can ask about.
static unsigned choose(struct weir_lane *lane, uint32_t *chunks, uint64_t now_us)
{
	uint32_t window = window_of(lane), end = query_first(lane) + WEIR_STATE_BITMAP_CHUNKS;
	unsigned room = lane->in_flight >= window ? 0 : window - lane->in_flight;
	unsigned count = 0;
	double pace = pace_of(lane);
	refill(lane, pace, now_us);
	if (pace != 0) {
		double paced = lane->tokens / (double)lane->datagram_size;
		room = paced < room ? (unsigned)(paced < 0 ? 0 : paced) : room;
	}
	if (room > WEIR_LANE_BATCH)
		room = WEIR_LANE_BATCH;
	if (end > lane->chunk_count)
		end = lane->chunk_count;
	for (uint32_t chunk = lane->first_missing; chunk < end && count < room; chunk++)
		if (!weir_lane_has(lane, chunk) && lane->sent[chunk] == 0)
			chunks[count++] = chunk;
	lane->congestion.was_full |= lane->in_flight + count >= window;
	return count;
}

// Seals and sends up to a batch. Returns how many went out, or -errno.
static int send_chunks(struct weir_lane *lane, const struct weir_aead *aead, uint64_t now_us)
{
	uint32_t chunks[WEIR_LANE_BATCH];
	struct mmsghdr messages[WEIR_LANE_BATCH];
	struct iovec pieces[WEIR_LANE_BATCH];
	unsigned count = choose(lane, chunks, now_us);
	if (count == 0)
		return 0;
	uint8_t *datagrams = malloc(count * lane->datagram_size);
	if (datagrams == NULL)
		return -ENOMEM;
	memset(messages, 0, sizeof(messages));
	for (unsigned i = 0; i < count; i++) {
		uint8_t *datagram = datagrams + i * lane->datagram_size;
		size_t length = lane->element_size *
				weir_chunk_length(lane->dimension, lane->chunk_elements, chunks[i]);
		const uint8_t *from =
			lane->share + (size_t)chunks[i] * lane->chunk_elements * lane->element_size;
		weir_lane_seal(lane, aead, WEIR_PACKET_SHARE, chunks[i], lane->share_nonce, from,
			length, datagram);
		pieces[i] = (struct iovec){datagram, WEIR_PACKET_OVERHEAD + length};
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	int sent = sendmmsg(lane->socket, messages, count, 0);
	int error = sent < 0 ? on_socket_error(lane, errno, now_us) : 0;
	for (int i = 0; i < sent; i++) {
		lane->sent[chunks[i]] = ++lane->sequence;
		lane->in_flight++;
		lane->counts.shares++;
		lane->tokens -= (double)pieces[i].iov_len;
		if (chunks[i] < lane->highest)
			lane->counts.resent++;
		else
			lane->highest = chunks[i] + 1;
	}
	free(datagrams);
	return error != 0 ? error : sent < 0 ? 0 : sent;
}

static bool wants_answer(const struct weir_lane *lane, bool is_stuck)
{
	uint64_t since = lane->sequence - lane->asked_sequence;
	uint32_t often = window_of(lane) / 4;
	return since > 0 && (is_stuck || since >= (often < 8 ? 8 : often));
}

static int send_phase(struct weir_lane *lane, const struct weir_aead *aead, uint64_t now_us)
{
	for (;;) {
		int sent = send_chunks(lane, aead, now_us);
		if (sent < 0)
			return sent;
		if (lane->blocked_us > now_us)
			return 0;
		bool is_stuck = sent == 0 && lane->in_flight > 0 && !is_paced(lane);
		if (wants_answer(lane, is_stuck)) {
			int error = ask(lane, aead, WEIR_PACKET_QUERY, query_first(lane), now_us);
			if (error != 0)
				return error;
		}
		if (sent == 0)
			return 0;
	}
}

static void want(uint64_t *next_us, uint64_t at_us)
{
	if (at_us < *next_us)
		*next_us = at_us;
}

int weir_lane_send(
	struct weir_lane *lane, const struct weir_aead *aead, uint64_t now_us, uint64_t *next_us)
{
	if (lane->phase >= WEIR_LANE_DONE)
		return 0;
	if (lane->heard_us == 0)
		lane->heard_us = now_us;
	if (lane->blocked_us > now_us) {
		want(next_us, lane->blocked_us);
		return 0;
	}
	struct weir_question *oldest = oldest_question(lane);
	if (oldest != NULL && now_us - oldest->sent_us >= lane->timeout_us) {
		on_timeout(lane, now_us);
		lane->ask_us = now_us;
	}
	int error = 0;
	if (lane->phase == WEIR_LANE_SEND)
		error = send_phase(lane, aead, now_us);
	if (error == 0 && now_us >= lane->ask_us) {
		if (lane->phase == WEIR_LANE_REQUEST)
			error = ask(lane, aead, WEIR_PACKET_REQUEST, 0, now_us);
		else
			error = ask(lane, aead, WEIR_PACKET_QUERY,
				lane->phase == WEIR_LANE_PROBE ? lane->probe_first
							       : query_first(lane),
				now_us);
	}
	oldest = oldest_question(lane);
	want(next_us, lane->ask_us);
	if (oldest != NULL)
		want(next_us, oldest->sent_us + lane->timeout_us);
	if (lane->phase == WEIR_LANE_SEND && is_paced(lane))
		want(next_us, paced_until(lane, now_us));
	if (lane->blocked_us > now_us)
		want(next_us, lane->blocked_us);
	return error;
}
