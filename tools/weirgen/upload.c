// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "upload.h"

#include <endian.h>
#include <string.h>

#define RETRY_MS     20 // first pause before a question is asked again; doubles
#define RETRY_MS_MAX 500
#define SEAL_ASK_MS  1 // a complete client asks after so long, then after an eighth of its wait

static bool bit_is_set(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static void set_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static void clear_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

void upload_start(struct upload *upload, uint32_t chunk_count, uint32_t limit, uint64_t *arrived,
	uint64_t *missing)
{
	size_t size = upload_words(chunk_count) * sizeof(*arrived);

	*upload = (struct upload){
		.phase = UPLOAD_REQUESTING,
		.chunk_count = chunk_count,
		.limit = limit,
		.arrived = arrived,
		.missing = missing,
	};
	memset(arrived, 0, size);
	memset(missing, 0, size);
}

void upload_start_blind(
	struct upload *upload, uint32_t chunk_count, uint64_t *arrived, uint64_t *missing)
{
	upload_start(upload, chunk_count, chunk_count, arrived, missing);
	upload->phase = UPLOAD_SENDING;
	upload->window = UINT32_MAX;
	upload->is_open = true;
	upload->wake = UINT64_MAX;
}

// Chunks that the window and the reach of one STATE let through for the first time.
static bool may_send_new(const struct upload *upload)
{
	return upload->next < upload->limit && upload->unreported < upload->window &&
	       (upload->window == UINT32_MAX ||
		       upload->next - upload->low / 64 * 64 < WEIR_STATE_BITMAP_CHUNKS);
}

static bool has_chunk(const struct upload *upload)
{
	return upload->phase == UPLOAD_SENDING &&
	       (upload->resend_count > 0 || may_send_new(upload));
}

bool upload_can_send(const struct upload *upload, uint64_t now)
{
	return has_chunk(upload) && (upload->interval == 0 || now >= upload->next_send);
}

static uint32_t take_missing(struct upload *upload)
{
	uint32_t word = upload->resend_from / 64;

	while (upload->missing[word] == 0)
		word++;
	uint32_t chunk = word * 64 + (uint32_t)__builtin_ctzll(upload->missing[word]);
	clear_bit(upload->missing, chunk);
	upload->resend_from = chunk;
	upload->resend_count--;
	return chunk;
}

uint32_t upload_next_chunk(struct upload *upload, uint64_t now)
{
	uint32_t chunk;

	if (!upload_can_send(upload, now))
		return UPLOAD_NO_CHUNK;
	if (upload->resend_count > 0) {
		chunk = take_missing(upload);
	} else {
		chunk = upload->next++;
		upload->unreported++;
		if (upload->next == upload->limit &&
			(upload->limit < upload->chunk_count || upload->window == UINT32_MAX))
			upload->phase = UPLOAD_ABANDONED;
	}
	upload->since_question++;
	upload->last_share = now;
	if (upload->interval > 0) {
		// What a pause saved up is not sent in one burst.
		if (upload->next_send + 8 * upload->interval < now)
			upload->next_send = now - 8 * upload->interval;
		upload->next_send += upload->interval;
		if (!upload->is_open)
			upload->wake = upload->next_send;
	}
	return chunk;
}

enum upload_question upload_due(const struct upload *upload, uint64_t now)
{
	switch (upload->phase) {
	case UPLOAD_REQUESTING: return now >= upload->wake ? UPLOAD_REQUEST : UPLOAD_NO_QUESTION;
	case UPLOAD_SEALING: return now >= upload->wake ? UPLOAD_QUERY : UPLOAD_NO_QUESTION;
	case UPLOAD_SENDING:
		if (upload->is_open)
			return now >= upload->wake ? UPLOAD_QUERY : UPLOAD_NO_QUESTION;
		// Early enough that the window is open again before it is used up.
		if (upload->resend_count == 0 && upload->since_question > 0 &&
			upload->since_question >= upload->window / 2)
			return UPLOAD_QUERY;
		return has_chunk(upload) ? UPLOAD_NO_QUESTION : UPLOAD_QUERY;
	default: return UPLOAD_NO_QUESTION;
	}
}

static uint64_t retry_after(const struct upload *upload, const struct upload_clock *clock)
{
	uint64_t ms = RETRY_MS;

	for (uint32_t i = 0; i < upload->retries && ms < RETRY_MS_MAX; i++)
		ms *= 2;
	return (ms < RETRY_MS_MAX ? ms : RETRY_MS_MAX) * clock->per_ms;
}

void upload_ask(struct upload *upload, enum upload_question question, uint64_t now,
	const struct upload_clock *clock)
{
	upload->retries = upload->is_open ? upload->retries + 1 : 0;
	upload->is_open = true;
	upload->counter++;
	upload->wake = now + retry_after(upload, clock);
	if (question == UPLOAD_REQUEST) {
		if (upload->requested == 0)
			upload->requested = now;
		return;
	}
	upload->since_question = 0;
	upload->first = upload->low / 64 * 64;
	if (upload->first >= upload->chunk_count)
		upload->first = (upload->chunk_count - 1) / 64 * 64;
	upload->upto = upload->next;
}

// The end of the sending, or of everything. Returns false if the state is none of these.
static bool take_phase(
	struct upload *upload, uint8_t state, uint64_t now, const struct upload_clock *clock)
{
	switch (state) {
	case WEIR_CLIENT_COMPLETE:
	case WEIR_CLIENT_COMMITTED:
		if (upload->phase != UPLOAD_SEALING)
			upload->completed = now;
		upload->phase = UPLOAD_SEALING;
		upload->received = upload->chunk_count;
		upload->wake = now + SEAL_ASK_MS * clock->per_ms + (now - upload->completed) / 8;
		return true;
	case WEIR_CLIENT_SEALED:
		if (upload->completed == 0)
			upload->completed = now;
		upload->phase = UPLOAD_SEALED;
		upload->received = upload->chunk_count;
		return true;
	case WEIR_CLIENT_ABORTED: upload->phase = UPLOAD_ABORTED; return true;
	default: return false;
	}
}

static void wait_for_slot(
	struct upload *upload, uint32_t wait_ms, uint64_t now, const struct upload_clock *clock)
{
	if (clock->ask_again_ms > 0 && clock->ask_again_ms < wait_ms)
		wait_ms = clock->ask_again_ms;
	upload->phase = UPLOAD_REQUESTING;
	upload->wake = now + (wait_ms > 0 ? wait_ms : 1) * clock->per_ms;
}

static void take_terms(struct upload *upload, uint32_t window, uint64_t rate,
	uint32_t datagram_bytes, const struct upload_clock *clock)
{
	if (window == 0)
		window = 1;
	upload->window = window < UPLOAD_WINDOW_MAX ? window : UPLOAD_WINDOW_MAX;
	upload->interval = rate > 0 ? datagram_bytes * clock->per_ms * 1000 / rate : 0;
}

bool upload_grant(struct upload *upload, const struct weir_packet_grant *grant, uint64_t now,
	uint32_t datagram_bytes, const struct upload_clock *clock)
{
	if (!upload->is_open || upload->phase != UPLOAD_REQUESTING ||
		le32toh(grant->echo) != (upload->counter & WEIR_CHUNK_NUMBER_MASK))
		return false;
	upload->is_open = false;
	upload->received = le32toh(grant->received);
	if (take_phase(upload, grant->state, now, clock))
		return true;
	if (grant->wait_ms != 0 || grant->state != WEIR_CLIENT_ADMITTED) {
		wait_for_slot(upload, le32toh(grant->wait_ms), now, clock);
		return true;
	}
	upload->phase = upload->limit > 0 ? UPLOAD_SENDING : UPLOAD_ABANDONED;
	upload->wake = UINT64_MAX;
	take_terms(upload, le32toh(grant->window), le64toh(grant->rate), datagram_bytes, clock);
	return true;
}

// One chunk of a STATE: noted as received, or to be sent again.
static void take_chunk(struct upload *upload, uint32_t chunk, bool is_here)
{
	if (bit_is_set(upload->arrived, chunk))
		return;
	if (is_here) {
		set_bit(upload->arrived, chunk);
		if (chunk < upload->next && upload->unreported > 0)
			upload->unreported--;
		if (bit_is_set(upload->missing, chunk)) {
			clear_bit(upload->missing, chunk);
			upload->resend_count--;
		}
	} else if (chunk < upload->upto && !bit_is_set(upload->missing, chunk)) {
		set_bit(upload->missing, chunk);
		upload->resend_count++;
	}
}

static void take_bitmap(struct upload *upload, const struct weir_packet_state *state)
{
	uint32_t end = upload->first + WEIR_STATE_BITMAP_CHUNKS;

	if (end > upload->next)
		end = upload->next;
	for (uint32_t chunk = upload->first; chunk < end; chunk++) {
		uint32_t i = chunk - upload->first;
		take_chunk(upload, chunk, state->bitmap[i / 8] >> (i % 8) & 1);
	}
	while (upload->low < upload->next && bit_is_set(upload->arrived, upload->low))
		upload->low++;
	upload->resend_from = upload->first;
}

bool upload_state(struct upload *upload, const struct weir_packet_state *state, uint64_t now,
	uint32_t datagram_bytes, const struct upload_clock *clock)
{
	if (!upload->is_open || upload->phase == UPLOAD_REQUESTING || upload_has_ended(upload) ||
		le32toh(state->echo) != (upload->counter & WEIR_CHUNK_NUMBER_MASK) ||
		le32toh(state->first) != upload->first)
		return false;
	upload->is_open = false;
	upload->wake = UINT64_MAX;
	upload->received = le32toh(state->received);
	if (take_phase(upload, state->state, now, clock))
		return true;
	if (state->state != WEIR_CLIENT_ADMITTED) {
		wait_for_slot(upload, le32toh(state->wait_ms), now, clock);
		return true;
	}
	take_terms(upload, le32toh(state->window), le64toh(state->rate), datagram_bytes, clock);
	take_bitmap(upload, state);
	if (upload->interval > 0)
		upload->wake = upload->next_send;
	return true;
}
