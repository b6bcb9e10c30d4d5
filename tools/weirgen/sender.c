// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "sender.h"

#include <errno.h>
#include <string.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "eal.h"
#include "random.h"
#include "say.h"

#define TICKS_EVERY_US 50
#define INBOX          4096 // a power of two
#define POOL_CACHE     64

// Frames that a port may hold back, which may have made its ring larger than asked for, and those that
// are being filled: a port gives frames back only when it is given others, so there must be others.
static unsigned frames_needed(const struct sender_shared *shared)
{
	unsigned frames = 2 * SENDER_BURST + 2 * POOL_CACHE;

	for (unsigned i = 0; i < shared->port_count; i++)
		frames += 2 * shared->config->dataplane.ports[i].descriptors + 2 * SENDER_BURST;
	return frames;
}

static int make_pool(struct sender *sender)
{
	uint32_t frame = FRAME_HEAD_MAX + load_event_datagram_bytes(sender->shared->event);
	uint32_t smallest =
		FRAME_HEAD_MAX + WEIR_PACKET_OVERHEAD + sizeof(struct weir_packet_query);
	uint16_t room = (uint16_t)RTE_ALIGN_CEIL(RTE_MAX(frame, smallest), 64U);
	unsigned count = frames_needed(sender->shared);
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "weirgen_tx%u", sender->index);
	sender->pool = rte_pktmbuf_pool_create(
		name, count, POOL_CACHE, 0, (uint16_t)(room + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY);
	if (sender->pool)
		return 0;
	say("%u frames of %u bytes do not fit in packet_memory; raise it, or lower descriptors",
		count, room);
	return -ENOMEM;
}

static int make_inbox(struct sender *sender)
{
	char name[RTE_RING_NAMESIZE];

	if (sender->shared->worker_count == 1)
		return 0;
	snprintf(name, sizeof(name), "weirgen_in%u", sender->index);
	sender->inbox = rte_ring_create(name, INBOX, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (sender->inbox)
		return 0;
	say("no memory for a ring between workers: %s", rte_strerror(rte_errno));
	return -ENOMEM;
}

int sender_open(struct sender *sender, struct sender_shared *shared, unsigned index)
{
	const struct load_event *event = shared->event;

	sender->shared = shared;
	sender->index = index;
	sender->lcore = eal_lcore_of_worker(index);
	sender->clock = (struct upload_clock){
		.per_ms = rte_get_tsc_hz() / 1000,
		.ask_again_ms = shared->config->ask_again_ms,
	};
	sender->next_client = index;
	sender->has_faults = fault_touches_frames(&shared->faults);
	sender->random = shared->seed * UINT64_C(0x9e3779b97f4a7c15) + index;
	for (uint32_t client = index; client < event->clients; client += shared->worker_count)
		sender->own_units += event->aggregator_count;
	for (unsigned i = 0; i < shared->port_count; i++)
		sender->lanes[i].port = &shared->ports[i];
	sender->aead = weir_aead_new();
	if (!sender->aead) {
		int error = -errno;
		say("AES-GCM is not available: %s", strerror(errno));
		return error;
	}
	int error = weir_random_bytes(&sender->run_nonce, sizeof(sender->run_nonce));
	if (error == 0)
		error = make_pool(sender);
	if (error == 0)
		error = make_inbox(sender);
	if (error == 0)
		error = sender_slots_open(sender);
	return error;
}

void sender_close(struct sender *sender)
{
	sender_slots_close(sender);
	rte_ring_free(sender->inbox);
	rte_mempool_free(sender->pool);
	weir_aead_free(sender->aead);
}

int sender_run(void *argument)
{
	struct sender *sender = argument;
	struct sender_shared *shared = sender->shared;
	uint64_t ticks = sender->clock.per_ms * TICKS_EVERY_US / 1000;

	if (shared->capture)
		sender_request_all(sender);
	sender->started = rte_rdtsc();
	pacer_start(&sender->pacer, &shared->rate, 1.0 / shared->worker_count, rte_get_tsc_hz(),
		sender->started);
	arrival_start(&sender->arrival, &shared->arrival, shared->event->clients,
		shared->seed + sender->index);
	sender->next_arrival = sender_next_arrival(sender);
	while (!shared->stop) {
		sender_receive(sender);
		uint64_t now = rte_rdtsc();

		if (now >= sender->next_tick) {
			sender_tick(sender, now);
			sender->next_tick = now + ticks;
		}
		sender_fill(sender, now);
		transmit_flush(sender);
		if (sender->ended_units >= sender->own_units && !shared->repeats)
			atomic_store_explicit(&sender->finished, true, memory_order_release);
	}
	rte_pktmbuf_free_bulk(sender->spare, sender->spare_count);
	sender->spare_count = 0;
	fault_release(sender, true);
	transmit_flush(sender);
	while (sender->stash_tail != sender->stash_head)
		rte_pktmbuf_free(sender->stash[sender->stash_tail++ % SENDER_STASH].frame);
	return 0;
}
