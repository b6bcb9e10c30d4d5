// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One aggregator's side of a sender: what has been sent, what is known to have arrived, when to ask.
//
// A lane asks for a slot (REQUEST), sends chunks in order within the window, and asks what arrived
// (QUERY) after every quarter of a window. Each question remembers how many SHAREs had been sent
// before it: a chunk sent earlier than the question and missing in the answer is lost and sent
// again. Answers are never waited for one by one, so that a long path stays full.
//
// It keeps to the aggregator's window and rate, and to what the path carries (congestion.h).
#pragma once

#include "congestion.h"
#include "sender.h"
#include "share_packet.h"

#define WEIR_LANE_QUESTIONS 16
#define WEIR_LANE_BATCH     32

enum weir_lane_phase {
	WEIR_LANE_REQUEST, // no slot yet
	WEIR_LANE_PROBE,   // a slot with chunks in it: find out which
	WEIR_LANE_SEND,
	WEIR_LANE_DONE,
	WEIR_LANE_ABORTED,
};

struct weir_question {
	bool is_open;
	bool is_late; // given up, but its answer still says something
	uint8_t type;
	uint32_t counter;
	uint32_t first;
	uint64_t sequence; // SHAREs sent before it
	uint64_t sent_us;
};

struct weir_lane {
	const char *name;
	int socket;
	struct weir_aead_key seal_key, open_key;
	const uint8_t *share;
	uint32_t event, client;
	uint64_t share_nonce, message_nonce;
	uint32_t counter; // of the next message

	size_t element_size;
	uint64_t dimension;
	uint32_t chunk_elements, chunk_count;
	size_t datagram_size; // of a full chunk
	uint8_t *received;    // bit a chunk
	uint64_t *sent;       // sequence of the copy under way; 0: none
	uint32_t received_count, in_flight;
	uint32_t first_missing;
	uint32_t highest; // chunks below it were sent at least once
	uint32_t probe_first;

	enum weir_lane_phase phase;
	bool was_granted;
	uint32_t window;
	struct weir_congestion congestion;
	uint64_t rate; // granted, bytes a second, 0 none
	double tokens; // bytes that may be sent now
	uint64_t tokens_us;

	uint64_t sequence;       // of the last SHARE
	uint64_t asked_sequence; // at the last QUERY
	struct weir_question questions[WEIR_LANE_QUESTIONS];
	uint32_t newest_answer; // counter of the newest question answered
	bool has_answer;
	unsigned unanswered; // questions timed out in a row
	uint64_t ask_us;     // when to ask next, if not before
	uint64_t rtt_us, rtt_deviation_us, timeout_us;
	uint64_t heard_us;   // the last authentic answer
	uint64_t blocked_us; // the socket takes nothing until then
	int last_error;      // of the socket, for the message
	struct weir_sender_counts counts;
};

// Returns 0 or -errno with everything undone.
int weir_lane_open(struct weir_lane *lane, const struct weir_aead *aead,
	const struct weir_sender_setup *setup, const struct weir_sender_peer *peer);
void weir_lane_close(struct weir_lane *lane);

// Sends what is due. Returns 0, or -EMSGSIZE and the like when sending can never work. *next_us is
// lowered to when the lane wants to be called again at the latest.
int weir_lane_send(
	struct weir_lane *lane, const struct weir_aead *aead, uint64_t now_us, uint64_t *next_us);

// Takes in all datagrams that are there.
void weir_lane_receive(struct weir_lane *lane, const struct weir_aead *aead, uint64_t now_us);

// Asks again from a REQUEST on (see weir_sender_doubt).
void weir_lane_doubt(struct weir_lane *lane);

// Writes the datagram: WEIR_PACKET_OVERHEAD bytes more than the plaintext.
void weir_lane_seal(struct weir_lane *lane, const struct weir_aead *aead,
	enum weir_packet_type type, uint32_t number, uint64_t nonce, const void *plaintext,
	size_t length, uint8_t *datagram);

// Inside the lane, between its two files.
void weir_lane_forget_chunks(struct weir_lane *lane);
static inline bool weir_lane_has(const struct weir_lane *lane, uint32_t chunk)
{
	return lane->received[chunk / 8] >> chunk % 8 & 1;
}
