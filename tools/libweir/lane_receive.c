// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a lane learns from an aggregator's answers. A datagram that is not exactly an authentic answer
// to a question that is open changes nothing.

#include <errno.h>
#include <string.h>

#include "lane.h"

#define TIMEOUT_LEAST_US  10000
#define TIMEOUT_MOST_US   2000000
#define WAIT_LEAST_US     1000
#define WAIT_MOST_US      5000000
#define SLOW_ASK_US       20000 // after an answer that leaves nothing to send
#define GRANULARITY_US    2000
#define DATAGRAMS_AT_ONCE 64 // then the other lanes have their turn

static void take_rtt(struct weir_lane *lane, uint64_t rtt_us)
{
	// RFC 6298, section 2. Every question has a counter of its own: no sample is ambiguous.
	if (lane->rtt_us == 0) {
		lane->rtt_us = rtt_us;
		lane->rtt_deviation_us = rtt_us / 2;
	} else {
		uint64_t off =
			lane->rtt_us > rtt_us ? lane->rtt_us - rtt_us : rtt_us - lane->rtt_us;
		lane->rtt_deviation_us = (3 * lane->rtt_deviation_us + off) / 4;
		lane->rtt_us = (7 * lane->rtt_us + rtt_us) / 8;
	}
	// A queue that fills within a round trip must not pass for silence.
	uint64_t slack = 4 * lane->rtt_deviation_us;
	if (slack < lane->rtt_us / 2)
		slack = lane->rtt_us / 2;
	uint64_t timeout = lane->rtt_us + (slack < GRANULARITY_US ? GRANULARITY_US : slack);
	lane->timeout_us = timeout < TIMEOUT_LEAST_US  ? TIMEOUT_LEAST_US
			   : timeout > TIMEOUT_MOST_US ? TIMEOUT_MOST_US
						       : timeout;
}

// A later state than receiving. True if there is nothing more to read in the answer.
static bool take_end(struct weir_lane *lane, uint8_t state)
{
	if (state == WEIR_CLIENT_ABORTED)
		lane->phase = WEIR_LANE_ABORTED;
	else if (state >= WEIR_CLIENT_COMPLETE)
		lane->phase = WEIR_LANE_DONE;
	return lane->phase >= WEIR_LANE_DONE;
}

static void take_limits(struct weir_lane *lane, uint32_t window, uint64_t rate)
{
	lane->window = window;
	lane->rate = rate;
}

static void wait_for_slot(struct weir_lane *lane, uint32_t wait_ms, uint64_t now_us)
{
	uint64_t wait_us = (uint64_t)wait_ms * 1000;
	lane->phase = WEIR_LANE_REQUEST;
	lane->ask_us = now_us + (wait_us < WAIT_LEAST_US         ? WAIT_LEAST_US
					: wait_us > WAIT_MOST_US ? WAIT_MOST_US
								 : wait_us);
}

static void start_probe(struct weir_lane *lane, uint64_t at_us)
{
	weir_lane_forget_chunks(lane);
	lane->phase = WEIR_LANE_PROBE;
	lane->ask_us = at_us;
}

static void take_grant(
	struct weir_lane *lane, const struct weir_packet_grant *grant, uint64_t now_us)
{
	if (take_end(lane, grant->state) || lane->phase != WEIR_LANE_REQUEST)
		return;
	if (grant->wait_ms != 0 || grant->state != WEIR_CLIENT_ADMITTED) {
		wait_for_slot(lane, grant->wait_ms, now_us);
		return;
	}
	take_limits(lane, grant->window, grant->rate);
	lane->was_granted = true;
	lane->tokens = 0;
	lane->tokens_us = now_us;
	if (grant->received > 0) {
		start_probe(lane, now_us);
		return;
	}
	weir_lane_forget_chunks(lane);
	lane->phase = WEIR_LANE_SEND;
	lane->ask_us = now_us + lane->timeout_us;
}

struct round {
	uint32_t arrived, lost;
};

static struct round take_bitmap(struct weir_lane *lane, const struct weir_packet_state *state,
	const struct weir_question *question)
{
	struct round round = {0};
	uint32_t end = state->first + WEIR_STATE_BITMAP_CHUNKS;
	if (end > lane->chunk_count)
		end = lane->chunk_count;
	for (uint32_t chunk = state->first; chunk < end; chunk++) {
		uint32_t i = chunk - state->first;
		bool here = state->bitmap[i / 8] >> i % 8 & 1;
		bool known = weir_lane_has(lane, chunk);
		if (here && !known) {
			lane->received[chunk / 8] |= (uint8_t)(1u << chunk % 8);
			lane->received_count++;
			round.arrived++;
		}
		if (lane->sent[chunk] == 0 || (!here && lane->sent[chunk] > question->sequence))
			continue;
		lane->sent[chunk] = 0;
		lane->in_flight--;
		round.lost += !here;
	}
	while (lane->first_missing < lane->chunk_count && weir_lane_has(lane, lane->first_missing))
		lane->first_missing++;
	return round;
}

static void take_state(struct weir_lane *lane, const struct weir_packet_state *state,
	const struct weir_question *question, bool is_newest, uint64_t now_us)
{
	if (take_end(lane, state->state) || lane->phase == WEIR_LANE_REQUEST || !is_newest)
		return;
	if (state->state != WEIR_CLIENT_ADMITTED) {
		wait_for_slot(lane, state->wait_ms, now_us);
		return;
	}
	take_limits(lane, state->window, state->rate);
	struct round round = take_bitmap(lane, state, question);
	if (lane->phase == WEIR_LANE_PROBE) {
		// A late answer about another part is welcome, but moves nothing on.
		if (state->first == lane->probe_first) {
			lane->probe_first += WEIR_STATE_BITMAP_CHUNKS;
			lane->ask_us = now_us;
		}
		if (lane->probe_first >= lane->chunk_count) {
			lane->phase = WEIR_LANE_SEND;
			lane->ask_us = now_us + SLOW_ASK_US;
		}
		return;
	}
	weir_congestion_answer(&lane->congestion, round.arrived, round.lost, question->sequence,
		lane->sequence, lane->window);
	lane->ask_us = now_us + lane->timeout_us;
	if (lane->received_count == lane->chunk_count) {
		// Everything was there, but not now (the slot was lost and given anew): find out what.
		if (state->received < lane->chunk_count)
			start_probe(lane, now_us + SLOW_ASK_US);
		else
			lane->ask_us = now_us + SLOW_ASK_US;
	}
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	uint8_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= bytes[i];
	return any == 0;
}

// The question that a decrypted answer is about, or NULL.
static struct weir_question *match(struct weir_lane *lane, uint8_t type, const uint8_t *plaintext)
{
	const struct weir_packet_grant *grant = (const void *)plaintext;
	const struct weir_packet_state *state = (const void *)plaintext;
	uint8_t asked = type == WEIR_PACKET_GRANT ? WEIR_PACKET_REQUEST : WEIR_PACKET_QUERY;
	struct weir_question *question = &lane->questions[grant->echo % WEIR_LANE_QUESTIONS];
	if (!question->is_open || question->counter != grant->echo || question->type != asked)
		return NULL;
	if (grant->state < WEIR_CLIENT_JOINED || grant->state > WEIR_CLIENT_ABORTED ||
		!all_zero(grant->zero, sizeof(grant->zero)))
		return NULL;
	if (type == WEIR_PACKET_GRANT)
		return grant->zero2 == 0 && grant->received <= lane->chunk_count ? question : NULL;
	return state->first == question->first && state->received <= lane->chunk_count ? question
										       : NULL;
}

// Checks and decrypts. Returns the answer's type, 0 if it is none.
static uint8_t open_answer(struct weir_lane *lane, const struct weir_aead *aead,
	const uint8_t *datagram, size_t length, uint8_t *plaintext)
{
	struct weir_packet_header header;
	if (length < WEIR_PACKET_OVERHEAD)
		return 0;
	memcpy(&header, datagram, sizeof(header));
	size_t wanted = header.type == WEIR_PACKET_GRANT   ? sizeof(struct weir_packet_grant)
			: header.type == WEIR_PACKET_STATE ? sizeof(struct weir_packet_state)
							   : 0;
	if (header.version != WEIR_PACKET_VERSION || header.flags != 0 || wanted == 0 ||
		length != WEIR_PACKET_OVERHEAD + wanted || header.event != lane->event ||
		header.client != lane->client ||
		header.chunk >> WEIR_CHUNK_TYPE_SHIFT != header.type)
		return 0;
	bool authentic = weir_aead_open(aead, &lane->open_key,
		datagram + offsetof(struct weir_packet_header, chunk), datagram, sizeof(header),
		datagram + sizeof(header), wanted, plaintext, datagram + sizeof(header) + wanted);
	return authentic ? header.type : 0;
}

static void take(struct weir_lane *lane, const struct weir_aead *aead, const uint8_t *datagram,
	size_t length, uint64_t now_us)
{
	_Alignas(8) uint8_t plaintext[sizeof(struct weir_packet_state)];
	uint8_t type = open_answer(lane, aead, datagram, length, plaintext);
	struct weir_question *open = type == 0 ? NULL : match(lane, type, plaintext);
	if (open == NULL) {
		lane->counts.ignored++;
		return;
	}
	struct weir_question question = *open;
	open->is_open = false;
	lane->counts.answers++;
	lane->heard_us = now_us;
	lane->last_error = 0;
	lane->unanswered = 0;
	take_rtt(lane, now_us - question.sent_us);
	weir_congestion_rtt(&lane->congestion, now_us, now_us - question.sent_us);
	bool is_newest = !lane->has_answer || question.counter > lane->newest_answer;
	if (is_newest) {
		lane->has_answer = true;
		lane->newest_answer = question.counter;
		// What was asked before this needs no answer any more.
		for (size_t i = 0; i < WEIR_LANE_QUESTIONS; i++)
			if (lane->questions[i].counter < question.counter)
				lane->questions[i].is_open = false;
	}
	if (type == WEIR_PACKET_GRANT)
		take_grant(lane, (const void *)plaintext, now_us);
	else
		take_state(lane, (const void *)plaintext, &question, is_newest, now_us);
}

void weir_lane_receive(struct weir_lane *lane, const struct weir_aead *aead, uint64_t now_us)
{
	uint8_t datagram[WEIR_PACKET_OVERHEAD + sizeof(struct weir_packet_state) + 1];
	for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		ssize_t length = recv(lane->socket, datagram, sizeof(datagram), 0);
		if (length < 0) {
			if (errno != EAGAIN && errno != EINTR)
				lane->last_error = errno;
			return;
		}
		take(lane, aead, datagram, (size_t)length, now_us);
	}
}
