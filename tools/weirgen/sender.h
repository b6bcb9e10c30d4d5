// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A worker: sends the shares of its clients on its own queue of every port, some at a time. sender.c
// is the loop; sender_slots.c the shares under way, sender_receive.c the answers, transmit.c the
// way out.
#pragma once

#include <stdatomic.h>
#include <rte_ring.h>

#include "arrival.h"
#include "chance.h"
#include "fault.h"
#include "generator_config.h"
#include "latency.h"
#include "load_event.h"
#include "pacer.h"
#include "prebuilt.h"
#include "share_frame.h"
#include "tally.h"
#include "upload.h"

#define SENDER_BURST 32
#define SENDER_STASH 1024 // a power of two
#define SENDER_NONE  UINT32_MAX

// Key schedules, apart from the rest so that those in use lie close together.
struct sender_keys {
	struct weir_aead_key *seal; // [slots] to the aggregator
	struct weir_aead_key *open; // [slots] from it
};

// A share under way.
struct sender_slot {
	struct upload upload;
	struct traffic_client traffic;
	const struct load_aggregator *aggregator;
	struct frame_head head;
	uint64_t message_nonce;
	uint32_t unit;
	uint32_t client; // its number here, not its index in the event
	bool is_ready;   // in the ring
} __rte_cache_aligned;

// Frames on their way out of one port.
struct sender_lane {
	const struct port *port;
	uint16_t count;
	struct rte_mbuf *frames[2 * SENDER_BURST];
};

// A frame that came in while the port took none.
struct sender_received {
	struct rte_mbuf *frame;
	unsigned port;
};

// A frame that is late on purpose.
struct fault_held {
	struct rte_mbuf *frame; // NULL: none
	unsigned port;
	uint32_t frames_left; // leaves after so many others
};

// What all workers share.
struct sender_shared {
	const struct weir_generator_config *config;
	struct load_event *event;
	const struct port *ports;
	unsigned port_count, worker_count;
	uint32_t *slot_of; // [units]; the unit's worker: rw, other workers do not look
	bool is_blind;
	bool repeats; // the clients begin again when all have been: without questions only
	struct pacer_rate rate;
	struct arrival_pattern arrival;
	struct fault_mix faults;
	uint64_t seed;
	const struct prebuilt *prebuilt; // NULL: SHAREs are sealed as they are sent
	struct capture *capture;         // NULL: frames are sent
	_Atomic bool closing;            // main: set; begin no more shares
	_Atomic bool stop;               // main: set; leave
	struct sender *others;           // [worker_count]
};

struct sender {
	struct sender_shared *shared;
	unsigned index, lcore;
	struct weir_aead *aead;
	struct rte_mempool *pool; // of frames to send
	struct rte_mbuf *spare[SENDER_BURST];
	unsigned spare_count;
	struct sender_lane lanes[WEIR_PORTS_MAX];
	uint64_t run_nonce;     // of REQUESTs and QUERYs, random
	struct rte_ring *inbox; // answers that another worker received; any: in, this one: out

	struct sender_received stash[SENDER_STASH]; // ring
	uint32_t stash_head, stash_tail;

	uint32_t slot_count;
	struct sender_slot *slots;
	struct sender_keys keys;
	uint64_t *wakes; // [slots] when each wants to be looked at
	uint64_t *bitmaps;
	uint32_t *free_slots, free_count;
	uint32_t *ready, ready_mask, ready_head, ready_tail; // ring of slots that can send

	uint32_t next_client; // first of its own that has not begun
	uint32_t ended_units, own_units;
	struct upload_clock clock;
	struct pacer pacer;
	struct arrival arrival;
	uint64_t started, next_arrival;
	uint64_t random;
	bool has_faults; // that touch frames
	unsigned held_count;
	struct fault_held held[FAULT_HELD_MAX];
	void *scratch; // a chunk
	uint64_t next_tick;
	uint64_t first_share, last_share, last_sealed; // when; 0: not yet
	_Atomic bool finished;                         // this worker: set

	struct tally tally;
	uint64_t moves;                             // goes up with everything that is progress
	struct latency grant_latency, seal_latency; // nanoseconds
} __rte_cache_aligned;

// Allocates what the worker needs. Returns 0, or -errno after a line. sender is zeroed before.
int sender_open(struct sender *sender, struct sender_shared *shared, unsigned index);
void sender_close(struct sender *sender);

// rte_eal_remote_launch's function: runs until all its shares have ended, or stop.
int sender_run(void *sender);

// ---- sender_slots.c
int sender_slots_open(struct sender *sender);
void sender_slots_close(struct sender *sender);
// After the worker has stopped: the phases of what is still under way, as its end.
void sender_note_ends(struct sender *sender);
// Begins shares while slots are free.
void sender_begin(struct sender *sender, uint64_t now);
// When the next client to begin arrives; once for each.
uint64_t sender_next_arrival(struct sender *sender);
// Looks at those whose time has come.
void sender_tick(struct sender *sender, uint64_t now);
// Frames of those that can send, until the burst is full or nothing may leave.
void sender_fill(struct sender *sender, uint64_t now);
// After anything has happened to the slot's upload: puts it in the right place, or ends it.
void sender_settle(struct sender *sender, uint32_t slot, uint64_t now);

// ---- sender_requests.c
// A REQUEST of every client, for whoever plays a file of frames: nobody answers now.
void sender_request_all(struct sender *sender);

// ---- sender_receive.c
void sender_receive(struct sender *sender);
// Takes frames in for the next sender_receive, so that the ring does not overflow meanwhile.
void sender_stash(struct sender *sender);

// ---- transmit.c
// An empty mbuf; NULL if there is none.
struct rte_mbuf *transmit_take(struct sender *sender);
// One that was taken last and is not needed after all.
void transmit_give_back(struct sender *sender, struct rte_mbuf *frame);
// The frame, past the faults that are wanted. The pacer knows of it already.
void transmit(struct sender *sender, unsigned port, struct rte_mbuf *frame);
void transmit_now(struct sender *sender, unsigned port, struct rte_mbuf *frame);
void transmit_flush(struct sender *sender);

// ---- fault.c
void fault_transmit(struct sender *sender, unsigned port, struct rte_mbuf *frame);
// One frame more has left: those that waited for it leave; or all do.
void fault_release(struct sender *sender, bool all);
