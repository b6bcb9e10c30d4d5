// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// An event table with workers, clients whose keys and vectors follow from their index, and packets
// as a client would send them; for tests of what happens to shares. Needs no EAL. Every function
// that cannot do what it says fails the test.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <rte_mbuf.h>

#include "event.h"
#include "kernels.h"
#include "worker.h"

#define RIG_WORKERS 2

struct rig {
	struct event_table table;
	struct worker workers[RIG_WORKERS];
	int doorbell; // eventfd
};

// The number of times that worker_ring_doorbell was called, and with what last.
extern _Atomic unsigned rig_rings;
extern _Atomic uint64_t rig_last_ring; // event << 32 | client

void rig_make(struct rig *rig, uint64_t arena_bytes);
// The same with the setting memory. A rig made in the same folder later finds the file again.
void rig_make_in(struct rig *rig, uint64_t arena_bytes, const char *folder);
void rig_free(struct rig *rig);
// As if the process were killed: nothing is written to the memory or removed.
void rig_abandon(struct rig *rig);

#define RIG_FOLDER 64

// A new folder in `parent` (/tmp, or /dev/shm for memory). The test removes it; where one has crashed or
// is given up, the runner does at its end.
void rig_folder(char folder[RIG_FOLDER], const char *parent);

uint64_t rig_count(const struct rig *rig, enum weir_counter counter); // of all workers

// An event that would be accepted; to be changed where the test wants.
struct weir_link_event_open rig_request(uint32_t number, enum weir_modulus modulus,
	uint64_t dimension, uint32_t chunk_elements, uint32_t clients, uint32_t slots);
struct event *rig_open(struct rig *rig, const struct weir_link_event_open *request);

struct weir_link_client rig_client(uint32_t index, uint32_t weight);
void rig_join(struct rig *rig, uint32_t event, uint32_t index, uint32_t weight);
void rig_admit(struct rig *rig, uint32_t event, uint32_t index);
uint32_t rig_state(const struct event *event, uint32_t client);

// Element i of the client's vector: canonical, and the largest or 0 now and then.
uint64_t rig_element(enum weir_modulus modulus, uint32_t client, uint64_t i);
// The whole vector as it goes into packets; free() it.
void *rig_vector(const struct event *event, uint32_t client);

// A SHARE as parse hands it to stage; free() it.
struct rte_mbuf *rig_share(const struct rig *rig, struct event *event, uint32_t client,
	uint32_t chunk, const void *vector);

// PARITY number `chunk` with these bytes, likewise.
struct rte_mbuf *rig_parity(const struct rig *rig, struct event *event, uint32_t client,
	uint32_t chunk, const void *bytes, uint16_t length);

void rig_stage(struct rig *rig, unsigned worker, struct rte_mbuf *share);
// All chunks of the client's vector, by worker 0.
void rig_stage_all(struct rig *rig, struct event *event, uint32_t client);
// Joins, admits and stages.
void rig_complete(struct rig *rig, struct event *event, uint32_t client, uint32_t weight);

// A COMMIT of these clients on top of what is held; the message is for commit_open and the link.
struct weir_link_commit rig_commit(
	const struct event *event, uint32_t batch, const uint32_t *clients, uint32_t count);
// commit_open, compute by worker 0 and finish.
void rig_commit_now(
	struct rig *rig, struct event *event, uint32_t batch, const uint32_t *clients, uint32_t n);

// The element of the held accumulator.
uint64_t rig_held(const struct rig *rig, const struct event *event, uint64_t i);
// weight x element, added to sum modulo the modulus, in integers of 128 bits.
uint64_t rig_add(enum weir_modulus modulus, uint64_t sum, uint64_t weight, uint64_t element);
