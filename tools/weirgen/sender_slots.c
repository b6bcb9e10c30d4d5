// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The shares under way: begun, filled into frames, asked about, ended.

#include <errno.h>
#include <stdlib.h>
#include <rte_common.h>
#include <rte_cycles.h>

#include "random.h"
#include "say.h"
#include "sender.h"

static void *zeroed(size_t count, size_t size)
{
	void *memory = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(count * size, (size_t)RTE_CACHE_LINE_SIZE));

	if (memory)
		memset(memory, 0, count * size);
	return memory;
}

int sender_slots_open(struct sender *sender)
{
	const struct sender_shared *shared = sender->shared;
	uint32_t words = upload_words(shared->event->chunk_count);
	uint32_t n = (shared->config->active + shared->worker_count - 1) / shared->worker_count *
		     shared->event->aggregator_count;
	uint32_t ring = rte_align32pow2(n + 1);

	sender->slot_count = n;
	sender->slots = zeroed(n, sizeof(*sender->slots));
	sender->keys.seal = zeroed(n, sizeof(*sender->keys.seal));
	sender->keys.open = zeroed(n, sizeof(*sender->keys.open));
	sender->wakes = zeroed(n, sizeof(*sender->wakes));
	sender->bitmaps = zeroed((size_t)n * 2 * words, sizeof(*sender->bitmaps));
	sender->free_slots = zeroed(n, sizeof(*sender->free_slots));
	sender->ready = zeroed(ring, sizeof(*sender->ready));
	sender->ready_mask = ring - 1;
	sender->scratch = malloc(load_event_datagram_bytes(shared->event));
	if (!sender->slots || !sender->keys.seal || !sender->keys.open || !sender->wakes ||
		!sender->bitmaps || !sender->free_slots || !sender->ready || !sender->scratch) {
		say("no memory for %u shares at a time; lower active", n);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++) {
		sender->wakes[i] = UINT64_MAX;
		sender->free_slots[sender->free_count++] = n - 1 - i;
	}
	return 0;
}

void sender_slots_close(struct sender *sender)
{
	if (sender->keys.seal)
		weir_wipe(sender->keys.seal, sender->slot_count * sizeof(*sender->keys.seal));
	if (sender->keys.open)
		weir_wipe(sender->keys.open, sender->slot_count * sizeof(*sender->keys.open));
	free(sender->slots);
	free(sender->keys.seal);
	free(sender->keys.open);
	free(sender->wakes);
	free(sender->bitmaps);
	free(sender->free_slots);
	free(sender->ready);
	free(sender->scratch);
}

// How many chunks the client sends: some give up before the last one.
static uint32_t limit_of(const struct sender *sender, uint32_t client)
{
	const struct sender_shared *shared = sender->shared;
	uint64_t state = shared->seed ^ (uint64_t)client << 32;

	if (!chance_of(&state, shared->faults.abandon))
		return shared->event->chunk_count;
	return chance_below(&state, shared->event->chunk_count);
}

static void begin_unit(struct sender *sender, uint32_t client, uint32_t aggregator, uint64_t now)
{
	const struct load_event *event = sender->shared->event;
	uint32_t words = upload_words(event->chunk_count);
	uint32_t i = sender->free_slots[--sender->free_count];
	struct sender_slot *slot = &sender->slots[i];
	uint64_t *bitmap = sender->bitmaps + (size_t)i * 2 * words;

	*slot = (struct sender_slot){
		.is_ready =
			slot->is_ready, // of the share before: its place in the ring is still there
		.aggregator = &event->aggregators[aggregator],
		.unit = client * event->aggregator_count + aggregator,
		.client = client,
	};
	if (event->keys) {
		const struct weir_packet_keys *keys = &event->keys[slot->unit];
		weir_aead_expand(sender->aead, keys->to_aggregator, &sender->keys.seal[i]);
		weir_aead_expand(sender->aead, keys->to_client, &sender->keys.open[i]);
	}
	slot->traffic = share_frame_client(event, client, aggregator, &sender->keys.seal[i]);
	share_frame_head(
		event, client, aggregator, sender->lanes[slot->aggregator->port].port, &slot->head);
	// Keys differ, so nonces need not; of static events they are the same in every run.
	slot->message_nonce = sender->run_nonce;
	if (sender->shared->is_blind)
		upload_start_blind(&slot->upload, event->chunk_count, bitmap, bitmap + words);
	else
		upload_start(&slot->upload, event->chunk_count, limit_of(sender, client), bitmap,
			bitmap + words);
	sender->shared->slot_of[slot->unit] = i;
	sender->tally.started++;
	sender_settle(sender, i, now);
}

uint64_t sender_next_arrival(struct sender *sender)
{
	double seconds =
		arrival_of(&sender->arrival, sender->next_client, sender->shared->worker_count);

	return sender->started + (uint64_t)(seconds * 1e3 * (double)sender->clock.per_ms);
}

void sender_begin(struct sender *sender, uint64_t now)
{
	const struct load_event *event = sender->shared->event;

	if (sender->shared->repeats && sender->next_client >= event->clients)
		sender->next_client = sender->index;
	while (sender->next_client < event->clients && now >= sender->next_arrival &&
		sender->free_count >= event->aggregator_count && !sender->shared->closing) {
		for (uint32_t i = 0; i < event->aggregator_count; i++)
			begin_unit(sender, sender->next_client, i, now);
		sender->next_client += sender->shared->worker_count;
		sender->next_arrival = sender_next_arrival(sender);
	}
}

static void end_unit(struct sender *sender, uint32_t i, uint64_t now)
{
	struct sender_slot *slot = &sender->slots[i];
	const struct upload *upload = &slot->upload;

	sender->shared->event->ends[slot->unit] = (uint8_t)upload->phase;
	sender->shared->slot_of[slot->unit] = SENDER_NONE;
	if (upload->phase == UPLOAD_SEALED) {
		sender->tally.sealed++;
		sender->last_sealed = now;
		if (upload->last_share > 0)
			latency_record(&sender->seal_latency,
				(uint64_t)((double)(now - upload->last_share) * 1e6 /
					   (double)sender->clock.per_ms));
	} else if (upload->phase == UPLOAD_ABORTED) {
		sender->tally.aborted++;
	} else {
		sender->tally.abandoned++;
	}
	slot->upload.phase = UPLOAD_FREE;
	sender->wakes[i] = UINT64_MAX;
	sender->free_slots[sender->free_count++] = i;
	sender->ended_units++;
	sender->moves++;
}

void sender_note_ends(struct sender *sender)
{
	for (uint32_t i = 0; i < sender->slot_count; i++) {
		const struct sender_slot *slot = &sender->slots[i];

		if (slot->upload.phase != UPLOAD_FREE)
			sender->shared->event->ends[slot->unit] = (uint8_t)slot->upload.phase;
	}
}

// Questions go out when they are due and not at the rate, which they would use up while many wait.
static void ask(struct sender *sender, uint32_t i, enum upload_question question, uint64_t now)
{
	struct sender_slot *slot = &sender->slots[i];
	struct rte_mbuf *frame = transmit_take(sender);
	union {
		struct weir_packet_request request;
		struct weir_packet_query query;
	} body = {0};
	size_t length = question == UPLOAD_REQUEST ? sizeof(body.request) : sizeof(body.query);

	upload_ask(&slot->upload, question, now, &sender->clock);
	sender->wakes[i] = slot->upload.wake;
	if (!frame)
		return; // it will be asked again
	if (question == UPLOAD_REQUEST) {
		sender->tally.requests++;
	} else {
		body.query.first = rte_cpu_to_le_32(slot->upload.first);
		sender->tally.queries++;
	}
	uint8_t *place =
		frame_put_head(frame, &slot->head, (uint16_t)(WEIR_PACKET_OVERHEAD + length));
	datagram_message(sender->aead, &slot->traffic,
		question == UPLOAD_REQUEST ? WEIR_PACKET_REQUEST : WEIR_PACKET_QUERY,
		slot->message_nonce, slot->upload.counter, &body, length, place);
	transmit(sender, slot->aggregator->port, frame);
}

void sender_settle(struct sender *sender, uint32_t i, uint64_t now)
{
	struct sender_slot *slot = &sender->slots[i];

	if (upload_has_ended(&slot->upload)) {
		end_unit(sender, i, now);
		return;
	}
	enum upload_question question = upload_due(&slot->upload, now);
	if (question != UPLOAD_NO_QUESTION)
		ask(sender, i, question, now);
	sender->wakes[i] = slot->upload.wake;
	if (!slot->is_ready && upload_can_send(&slot->upload, now)) {
		slot->is_ready = true;
		sender->ready[sender->ready_head++ & sender->ready_mask] = i;
	}
}

void sender_tick(struct sender *sender, uint64_t now)
{
	for (uint32_t i = 0; i < sender->slot_count; i++)
		if (sender->wakes[i] <= now)
			sender_settle(sender, i, now);
	sender_begin(sender, now);
	if (sender->held_count > 0)
		fault_release(sender, true);
}

// One that is authentic, and of no value: under another nonce, for it has other content.
static void put_non_canonical(struct sender *sender, struct sender_slot *slot, uint32_t chunk)
{
	const struct share_source *source = &slot->aggregator->source;
	struct rte_mbuf *frame = transmit_take(sender);
	uint64_t beyond = weir_modulus_max(source->modulus) + 1;
	size_t size = weir_modulus_element_size(source->modulus);
	uint32_t n = weir_chunk_length(source->dimension, source->chunk_elements, chunk);

	if (!frame)
		return;
	memcpy(sender->scratch, share_source_chunk(source, slot->traffic.index, chunk), n * size);
	memcpy((char *)sender->scratch + size * chance_below(&sender->random, n), &beyond, size);
	uint8_t *place =
		frame_put_head(frame, &slot->head, (uint16_t)(WEIR_PACKET_OVERHEAD + n * size));
	datagram_message(sender->aead, &slot->traffic, WEIR_PACKET_SHARE,
		chance_next(&sender->random), chunk, sender->scratch, n * size, place);
	sender->tally.non_canonical++;
	pacer_sent(&sender->pacer, frame->pkt_len);
	transmit(sender, slot->aggregator->port, frame);
}

static void put_share(
	struct sender *sender, struct sender_slot *slot, struct rte_mbuf *frame, uint32_t chunk)
{
	sender->tally.elements += share_frame_write(
		sender->aead, &slot->traffic, &slot->aggregator->source, &slot->head, chunk, frame);
	pacer_sent(&sender->pacer, frame->pkt_len);
	transmit(sender, slot->aggregator->port, frame);
}

static void put_prebuilt(struct sender *sender, const struct sender_slot *slot, uint32_t chunk)
{
	const struct share_source *source = &slot->aggregator->source;
	struct rte_mbuf *frame =
		prebuilt_frame(sender->shared->prebuilt, sender->shared->event, slot->unit, chunk);

	sender->tally.elements +=
		weir_chunk_length(source->dimension, source->chunk_elements, chunk);
	pacer_sent(&sender->pacer, frame->pkt_len);
	transmit(sender, slot->aggregator->port, frame);
}

// Up to so many chunks of one share. Returns how many; fewer if it has no more to send now, the rate
// is used up, or mbufs are.
static unsigned fill_from(
	struct sender *sender, struct sender_slot *slot, unsigned most, uint64_t now)
{
	struct upload *upload = &slot->upload;
	bool seals = !sender->shared->prebuilt;
	unsigned n = 0;

	while (n < most && pacer_may_send(&sender->pacer, now)) {
		struct rte_mbuf *frame = seals ? transmit_take(sender) : NULL;
		uint32_t first_time = upload->next, chunk;

		if (seals && !frame)
			break;
		chunk = upload_next_chunk(upload, now);
		if (chunk == UPLOAD_NO_CHUNK) {
			if (frame)
				transmit_give_back(sender, frame);
			break;
		}
		sender->tally.resent += chunk != first_time;
		if (chance_of(&sender->random, sender->shared->faults.non_canonical))
			put_non_canonical(sender, slot, chunk);
		if (seals)
			put_share(sender, slot, frame, chunk);
		else
			put_prebuilt(sender, slot, chunk);
		n++;
	}
	sender->tally.shares += n;
	if (n > 0) {
		sender->last_share = now;
		if (sender->first_share == 0)
			sender->first_share = now;
	}
	return n;
}

void sender_fill(struct sender *sender, uint64_t now)
{
	uint32_t turns = sender->ready_head - sender->ready_tail;
	unsigned room = SENDER_BURST;

	if (pacer_forgive(&sender->pacer, now))
		sender->tally.behind++;
	// Without mbufs nobody gets on, so turns are bounded.
	for (turns += SENDER_BURST; room > 0 && turns > 0; turns--) {
		if (sender->ready_tail == sender->ready_head ||
			!pacer_may_send(&sender->pacer, now))
			break;
		uint32_t i = sender->ready[sender->ready_tail++ & sender->ready_mask];
		struct sender_slot *slot = &sender->slots[i];

		slot->is_ready = false;
		room -= fill_from(
			sender, slot, RTE_MIN(room, sender->shared->config->interleave), now);
		sender_settle(sender, i, now);
	}
}
