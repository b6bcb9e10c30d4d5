// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The dataplane's own view of open events: what the workers need for a packet in one place, beside
// the shared-memory entry that it points to.
//
// The control thread alone creates, changes and closes events. Workers look one up for each packet
// and may use it until their next quiescent point (rte_rcu_qsbr); nothing is freed or reused before
// every worker has passed one.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <rte_rcu_qsbr.h>

#include "aead.h"
#include "agreement.h"
#include "control_link.h"
#include "modulus.h"
#include "shared_memory.h"

struct commit_job; // commit.h
struct recovery;   // recovery.h

struct event {
	// Set at open, read by everybody.
	uint32_t number;
	enum weir_modulus modulus;
	uint32_t element_size;
	uint32_t chunk_elements;
	uint32_t chunk_count;
	uint32_t max_clients;
	uint32_t slot_count;
	uint32_t max_weight;
	uint64_t dimension;
	uint32_t fec;        // as in EVENT_OPEN
	bool is_static;      // led by this process (static_leader.h), not by weir-control
	bool without_cipher; // laboratories only: shares as they are, tags of zeros
	struct weir_shm_event *shared;
	struct weir_shm_client *clients; // [max_clients], shared memory
	struct weir_packet_keys *keys;   // [max_clients], private; control thread: rw before the
					 // client's state leaves NONE, then ro
	uint8_t *slots;                  // shared memory; slot s at + s * slot_stride
	uint64_t slot_stride;
	_Atomic uint64_t *received; // bitmaps, shared memory; slot s at + s * bitmap_words
	_Atomic uint64_t *claimed;  // the same shape, private: a chunk being decrypted or received
	uint64_t bitmap_words;
	struct weir_aead_key *slot_keys; // [slot_count], private: the holder's to_aggregator key

	// control thread: rw, workers: ro. What clients are granted, by the last EVENT_OPEN.
	_Atomic uint32_t window;
	_Atomic uint64_t rate;

	struct recovery *recovery; // NULL: no forward error correction

	// control thread: rw, workers: ro (acquire). The commit to be computed, NULL if none.
	struct commit_job *_Atomic commit;

	// control thread only
	uint32_t *free_slots; // stack: last in, first out
	uint32_t free_slot_count;
	bool *slot_in_batch;      // [slot_count]: its client is in the open batch
	struct commit_job *batch; // the open batch, COMMIT to SEAL or ROLLBACK; NULL if none
	uint32_t highest_batch;   // ever started or rolled back: no number up to it starts again
	uint32_t clients_joined;
	uint64_t arena_offset, arena_length;
	bool *awaits_keys; // [max_clients]: a client that the memory held, not added again yet;
			   // NULL unless the event was adopted
};

struct found_event; // event_adopt.h

// All open events and the memory they are made of.
struct event_table {
	struct weir_shm_header *memory; // the mapping
	int memory_descriptor;
	char *memory_path;         // of the file; NULL if it has no name and goes with the process
	struct found_event *found; // [capacity], event_adopt.h; control thread
	uint32_t capacity;
	uint32_t clients_free;           // control thread
	struct event *_Atomic *events;   // [capacity], by number % capacity
	struct rte_rcu_qsbr *quiescence; // one reader a worker
	struct weir_aead *aead;
	const struct weir_kernels *kernels;
	struct arena *arena;                 // arena.h
	_Atomic uint32_t commits_to_compute; // control thread: rw, workers: ro; events whose
					     // commit is not NULL
	_Atomic bool recoveries_due;         // workers set it, the control thread clears it
};

// The event of that number, or NULL. Workers and control thread.
static inline struct event *event_lookup(const struct event_table *table, uint32_t number)
{
	struct event *event = atomic_load_explicit(
		&table->events[number % table->capacity], memory_order_acquire);
	return event && event->number == number ? event : NULL;
}

// The commands of the control link, in its words and with its error codes; control thread only.
// Each may wait for all workers to pass a quiescent point. A command that is refused has changed
// nothing; *refused is then the index of the client in question, where there is one.
int event_open(struct event_table *table, const struct weir_link_event_open *request);
int event_add_clients(struct event_table *table, uint32_t number,
	const struct weir_link_client *clients, uint32_t count, uint32_t *refused);
int event_admit(struct event_table *table, uint32_t number, const uint32_t *clients, uint32_t count,
	uint32_t *refused);
int event_abort(struct event_table *table, uint32_t number, const uint32_t *clients, uint32_t count,
	uint32_t *refused);
int event_freeze(struct event_table *table, uint32_t number);
int event_close(struct event_table *table, uint32_t number);

// Forgets the event without touching what is in the memory, for whoever finds it there next. No worker
// runs any more.
void event_leave(struct event_table *table, uint32_t number);

// For commit and publish, control thread only. Returns once every worker has passed a quiescent
// point: no one uses any more what was unpublished before the call.
void event_quiesce(struct event_table *table);

// Takes a client's slot back; no worker may be able to reach it.
void event_release_slot(struct event *event, uint32_t client);
