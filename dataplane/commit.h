// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A batch, from COMMIT to SEAL or ROLLBACK: old accumulator + the slots of its clients, each times
// its weight, becomes the other accumulator. The control thread opens, finishes and ends batches;
// the workers compute them (commit_slice, worker.h).
//
// The vector is cut into tiles that stay in the cache while all slots are added to them. A worker
// that has time takes the next tile nobody has taken, and adds COMMIT_SOURCES slots to it before it
// looks at the clock again: 8 x 16 KiB to read, about 6 microseconds. A tile and what streams past it
// fit the first-level cache; were it smaller, each slot would be read in more, shorter pieces, and
// the hardware would fetch less of it ahead.
//
// A freed slot keeps its bytes until it is overwritten or the event is closed: whoever could read
// it there has the event's key too, and with that the packets; both go at the close.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control_link.h"

#define COMMIT_TILE_BYTES 16384 // 4096 or 2048 elements; accumulators are whole tiles
#define COMMIT_SOURCES    8     // slots added to a tile at once

struct event;
struct event_table;
struct commit_job;

// What COMMIT has led to, besides its error code.
enum commit_outcome {
	COMMIT_RUNNING, // COMMITTED will follow when commit_finish_next finds it
	COMMIT_HELD,    // it is in the accumulator already
	COMMIT_LOST,    // a client is not complete here; nothing has changed
};

// Opens the batch and hands it to the workers. request->count clients follow it; each is complete,
// none is named twice, and count_after and weight_after must be what they make, else EINVAL. Errors
// as in control_link.h. *outcome is set when 0 is returned.
int commit_open(struct event_table *table, const struct weir_link_commit *request,
	const uint32_t *clients, uint32_t *refused, enum commit_outcome *outcome);

// Flips one batch that the workers have computed into the held accumulator and names it. Returns
// false if there is none.
bool commit_finish_next(struct event_table *table, uint32_t *number, uint32_t *batch);

// Undoes the open batch, computed or not: the accumulator before it is held again, bit for bit, and
// its clients are complete again. A batch that is not open is only never to start again.
int commit_rollback(struct event_table *table, uint32_t number, uint32_t batch);

// Ends the open batch: its clients are sealed and their slots free.
int commit_seal(struct event_table *table, uint32_t number, uint32_t batch);

// Puts what a sealed batch had led to into the accumulator, from the file behind the descriptor, -1 for none,
// which stays open. Errors as in control_link.h; what is held is unchanged then.
int commit_restore(
	struct event_table *table, const struct weir_link_restore *request, int descriptor);

// Takes the event's batch, if it is being computed, away from the workers. They may be at it until
// the next quiescence.
void commit_withdraw(struct event_table *table, struct event *event);

// For an event that the memory held when this process found it. Is what it says of batches something that
// a dataplane leaves behind at any moment?
bool commit_is_sound(const struct event *event);

// Takes up where that dataplane was: a batch that was flipped is open as before, one that was being
// computed has never been; it can be opened again. The clients are sound. Returns 0 or -ENOMEM.
int commit_resume(struct event *event);

// Finishes a SEAL or ROLLBACK in whose middle it was.
void commit_settle(struct event_table *table, struct event *event);

// NULL is allowed.
void commit_job_free(struct commit_job *job);
