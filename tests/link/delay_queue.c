// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "delay_queue.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

int delay_queue_init(struct delay_queue *queue, size_t capacity)
{
	*queue = (struct delay_queue){.capacity = capacity};
	queue->entries = calloc(capacity, sizeof(*queue->entries));
	return queue->entries ? 0 : -ENOMEM;
}

void delay_queue_free(struct delay_queue *queue)
{
	for (size_t i = 0; i < queue->count; i++)
		free(queue->entries[i].frame);
	free(queue->entries);
	*queue = (struct delay_queue){0};
}

static bool leaves_before(const struct delay_entry *a, const struct delay_entry *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

int delay_queue_push(struct delay_queue *queue, uint64_t due_ns, struct link_frame *frame)
{
	if (queue->count == queue->capacity)
		return -ENOSPC;

	struct delay_entry added = {due_ns, queue->next_number++, frame};
	size_t hole = queue->count++;
	while (hole > 0 && leaves_before(&added, &queue->entries[(hole - 1) / 2])) {
		queue->entries[hole] = queue->entries[(hole - 1) / 2];
		hole = (hole - 1) / 2;
	}
	queue->entries[hole] = added;
	return 0;
}

struct link_frame *delay_queue_pop(struct delay_queue *queue, uint64_t now_ns)
{
	if (queue->count == 0 || queue->entries[0].due_ns > now_ns)
		return NULL;

	struct link_frame *first = queue->entries[0].frame;
	struct delay_entry last = queue->entries[--queue->count];
	size_t hole = 0, child;
	while ((child = 2 * hole + 1) < queue->count) {
		if (child + 1 < queue->count &&
			leaves_before(&queue->entries[child + 1], &queue->entries[child]))
			child++;
		if (!leaves_before(&queue->entries[child], &last))
			break;
		queue->entries[hole] = queue->entries[child];
		hole = child;
	}
	queue->entries[hole] = last;
	return first;
}

uint64_t delay_queue_next(const struct delay_queue *queue)
{
	return queue->count ? queue->entries[0].due_ns : UINT64_MAX;
}
