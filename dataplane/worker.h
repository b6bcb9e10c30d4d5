// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One worker: a pinned lcore with its queues and everything it writes. Nothing here is shared for
// writing with another worker.
#pragma once

#include <stdint.h>
#include <rte_common.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "appliance_config.h"
#include "counters.h"
#include "event.h"
#include "packet.h"

#define BURST_MAX         32
#define WORKER_QUEUES_MAX 32 // of all ports together

struct port; // port.h

// One receive queue of a port that a worker owns.
struct worker_queue {
	const struct port *port;
	uint16_t queue; // receive and transmit queue number
};

struct worker {
	// Set at start.
	unsigned index; // 0 .. worker_count - 1; reader id in the quiescence object
	unsigned lcore;
	struct worker_queue queues[WORKER_QUEUES_MAX];
	unsigned queue_count;
	struct event_table *events;
	enum weir_idle_policy idle;
	uint16_t udp_port;          // big-endian, as in the packet
	uint32_t wait_ms;           // "ask again after" in answers
	struct rte_ring *doorbells; // to the control thread: event number << 32 | client index
	int doorbell_descriptor;    // eventfd that wakes the control thread
	const _Atomic bool *stop;

	// worker: rw
	uint64_t *counters;          // this worker's block in shared memory
	uint64_t reply_nonce;        // random, of this start; new when reply_counter is used up
	uint32_t reply_counter;      // 28 bits, never wraps
	uint32_t empty_turns;        // since the last packet or commit work
	bool packets_wait;           // a queue gave a whole burst in this turn: there are more
	uint32_t turns_without_step; // of a commit, while packets wait
	uint64_t next_wake;          // TSC; the control thread is not woken before it
	bool rang;                   // it has not been woken for it yet
} __rte_cache_aligned;

// Counters have one writer, so a plain store will do; readers see each value whole.
static inline void count(struct worker *worker, enum weir_counter counter, uint64_t n)
{
	worker->counters[counter] += n;
}

// Rings the control thread's doorbell for a client whose state in shared memory has changed. It wakes
// at the end of this turn, or half a millisecond after it was last woken.
void worker_ring_doorbell(struct worker *worker, uint32_t event, uint32_t client);

// The stages. Each takes a burst and leaves it to the next; bursts are at most BURST_MAX.
uint16_t receive_burst(struct worker *worker, const struct worker_queue *queue,
	struct rte_mbuf **burst); // returns how many
void parse_burst(struct worker *worker, const struct worker_queue *queue, struct rte_mbuf **burst,
	uint16_t n); // fills packet_of() of each; PACKET_DROPPED are counted but not freed
void stage_burst(struct worker *worker, struct rte_mbuf **burst, uint16_t n); // PACKET_SHARE only
void answer_burst(struct worker *worker, const struct worker_queue *queue, struct rte_mbuf **burst,
	uint16_t n); // takes the burst: sends replies in the same mbufs, frees all others
// Adds for at most about 10 microseconds to the open commits; less, and not in every turn, while packets
// wait. Returns true if it added something.
bool commit_slice(struct worker *worker);

// The loop: runs until *worker->stop.
int worker_run(void *worker);
