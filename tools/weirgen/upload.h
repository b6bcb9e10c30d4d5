// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One client's share on its way to one aggregator: what to send next, as the share protocol
// (dataplane/README.md) has it. Free of DPDK and of sockets; time is in ticks of the caller's clock.
//
// A question (REQUEST or QUERY) is open until its answer; there is one at a time. Whatever had been
// sent when a QUERY was asked and is missing in its answer is sent again.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "share_packet.h"

#define UPLOAD_NO_CHUNK   UINT32_MAX
#define UPLOAD_WINDOW_MAX 896 // chunks; with the first one rounded down to 64 fits one STATE

enum upload_phase {
	UPLOAD_FREE,
	UPLOAD_REQUESTING, // asks for a slot
	UPLOAD_SENDING,
	UPLOAD_SEALING, // everything has arrived; waits to be counted
	UPLOAD_SEALED,  // the end: counted
	UPLOAD_ABORTED, // the end: the aggregator gave it up
	UPLOAD_ABANDONED, // the end: stopped on purpose before the last chunk, or sent without questions
};

enum upload_question { UPLOAD_NO_QUESTION, UPLOAD_REQUEST, UPLOAD_QUERY };

struct upload {
	enum upload_phase phase;
	bool is_open; // a question is
	uint32_t chunk_count;
	uint32_t limit;      // chunks that it sends for the first time before it is abandoned
	uint32_t next;       // first chunk that was never sent
	uint32_t low;        // every chunk below has been received
	uint32_t unreported; // sent for the first time, and not yet reported as received
	uint32_t since_question;
	uint32_t resend_count, resend_from;
	uint32_t window;
	uint32_t counter;     // of the last question
	uint32_t first, upto; // chunks that the open QUERY is about
	uint32_t retries;     // of the open question
	uint32_t received;    // as last told
	uint64_t wake;        // when to look again; UINT64_MAX: when an answer comes
	uint64_t interval;    // ticks for a chunk at the granted rate; 0: no limit
	uint64_t next_send;   // with a granted rate
	uint64_t requested, last_share, completed; // when; 0: not yet
	uint64_t *arrived, *missing;               // bitmaps of chunks: reported; to send again
};

struct upload_clock {
	uint64_t per_ms;
	uint32_t ask_again_ms; // 0: as the aggregator says
};

// Words of a bitmap for so many chunks.
static inline uint32_t upload_words(uint32_t chunk_count)
{
	return (chunk_count + 63) / 64;
}

// Begins: a request is due at once. arrived and missing are set and zeroed here. limit: chunk_count,
// or fewer for a client that is to be abandoned.
void upload_start(struct upload *upload, uint32_t chunk_count, uint32_t limit, uint64_t *arrived,
	uint64_t *missing);

// Begins with a slot and a window without end, and asks nothing.
void upload_start_blind(
	struct upload *upload, uint32_t chunk_count, uint64_t *arrived, uint64_t *missing);

// Whether there is a chunk to send now.
bool upload_can_send(const struct upload *upload, uint64_t now);

// The chunk to send now, UPLOAD_NO_CHUNK if there is none. It counts as sent.
uint32_t upload_next_chunk(struct upload *upload, uint64_t now);

// The question that is due now, if any.
enum upload_question upload_due(const struct upload *upload, uint64_t now);

// It is being asked: counts it (upload->counter is its number), sets when to ask again. A QUERY is
// about upload->first.
void upload_ask(struct upload *upload, enum upload_question question, uint64_t now,
	const struct upload_clock *clock);

// An authentic answer. Returns false, with nothing changed, if it is not to the open question.
// datagram_bytes: of a SHARE, for the rate.
bool upload_grant(struct upload *upload, const struct weir_packet_grant *grant, uint64_t now,
	uint32_t datagram_bytes, const struct upload_clock *clock);
bool upload_state(struct upload *upload, const struct weir_packet_state *state, uint64_t now,
	uint32_t datagram_bytes, const struct upload_clock *clock);

static inline bool upload_has_ended(const struct upload *upload)
{
	return upload->phase >= UPLOAD_SEALED;
}
