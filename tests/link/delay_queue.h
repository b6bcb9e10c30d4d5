// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Frames waiting for their time to leave: a binary heap by due time. Frames due at the same time
// leave in the order they came.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct link_frame; // frame.h; owned by the queue while inside

struct delay_entry {
	uint64_t due_ns;
	uint64_t number; // order of arrival in the queue
	struct link_frame *frame;
};

struct delay_queue {
	struct delay_entry *entries;
	size_t count, capacity;
	uint64_t next_number;
};

// Room for capacity frames, ever. Returns 0 or -ENOMEM.
int delay_queue_init(struct delay_queue *queue, size_t capacity);

// Frees the frames inside too.
void delay_queue_free(struct delay_queue *queue);

// Returns 0, or -ENOSPC when full; the frame then stays the caller's.
int delay_queue_push(struct delay_queue *queue, uint64_t due_ns, struct link_frame *frame);

// The first frame that is due at now_ns, which becomes the caller's, or NULL.
struct link_frame *delay_queue_pop(struct delay_queue *queue, uint64_t now_ns);

// When the next frame is due; UINT64_MAX when the queue is empty.
uint64_t delay_queue_next(const struct delay_queue *queue);
