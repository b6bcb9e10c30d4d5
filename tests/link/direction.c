// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "direction.h"

#include <stdio.h>
#include <stdlib.h>

// Bounds memory whatever delay and rate are asked for: about 100 MB of full-size frames.
#define FRAMES_UNDER_WAY 65536

int link_direction_init(struct link_direction *direction, uint64_t seed, uint32_t index)
{
	*direction = (struct link_direction){0};
	link_parameters_init(&direction->parameters);
	random_stream_init(&direction->stream, seed, index);
	return delay_queue_init(&direction->queue, FRAMES_UNDER_WAY);
}

void link_direction_free(struct link_direction *direction)
{
	delay_queue_free(&direction->queue);
}

// Returns when the frame has left the rate limiter, or UINT64_MAX if it finds the queue full.
static uint64_t pass_rate_limit(struct link_direction *direction, uint64_t now_ns, size_t length)
{
	const struct link_parameters *parameters = &direction->parameters;

	if (parameters->rate == 0)
		return now_ns;
	if (direction->line_free_ns < now_ns)
		direction->line_free_ns = now_ns;

	double ns_per_byte = 8e9 / (double)parameters->rate;
	double waiting = (double)(direction->line_free_ns - now_ns) / ns_per_byte;
	if (waiting + (double)length > (double)parameters->queue_bytes)
		return UINT64_MAX;
	direction->line_free_ns += (uint64_t)((double)length * ns_per_byte);
	return direction->line_free_ns;
}

static void queue_frame(struct link_direction *direction, uint64_t now_ns, struct link_frame *frame,
	const struct link_verdict *verdict, bool held)
{
	uint64_t due = pass_rate_limit(direction, now_ns, frame->length);

	if (due == UINT64_MAX)
		goto drop;
	due += verdict->wait_ns;
	if (due < direction->last_due_ns)
		due = direction->last_due_ns;
	else
		direction->last_due_ns = due;
	if (held)
		due += direction->parameters.hold_ns;
	if (delay_queue_push(&direction->queue, due, frame) == 0)
		return;
drop:
	direction->counters.queue_drops++;
	free(frame);
}

void link_direction_receive(
	struct link_direction *direction, uint64_t now_ns, struct link_frame *frame)
{
	struct link_verdict verdict = link_decide(&direction->stream, &direction->parameters);
	struct link_frame *copy = NULL;

	direction->counters.received++;
	direction->counters.cut += verdict.cut;
	direction->counters.lost += verdict.lost;
	direction->counters.duplicated += verdict.duplicated;
	direction->counters.reordered += verdict.held;
	direction->counters.corrupted += verdict.corrupted;
	if (verdict.cut || verdict.lost) {
		free(frame);
		return;
	}

	if (frame->offload.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		direction->counters.super_frames++;
	if (verdict.corrupted)
		link_frame_flip_bit(frame, verdict.corrupt_draw);
	if (verdict.duplicated)
		copy = link_frame_new(&frame->offload, frame->bytes, frame->length);
	queue_frame(direction, now_ns, frame, &verdict, verdict.held);
	if (copy)
		queue_frame(direction, now_ns, copy, &verdict, false);
}

struct link_frame *link_direction_send(struct link_direction *direction, uint64_t now_ns)
{
	// A cut takes what is on the cable too.
	struct link_frame *frame;

	while ((frame = delay_queue_pop(&direction->queue, now_ns)) != NULL) {
		if (!direction->parameters.cut)
			return frame;
		direction->counters.cut++;
		free(frame);
	}
	return NULL;
}

int link_counters_json(const struct link_counters *counters, char *text, size_t size)
{
	const struct {
		const char *name;
		uint64_t value;
	} list[] = {
#define COUNTER(name) {#name, counters->name},
		LINK_COUNTERS(COUNTER)
#undef COUNTER
	};
	int length = 0;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		size_t used = (size_t)length < size ? (size_t)length : size;
		length += snprintf(text + used, size - used, "%s\"%s\": %llu", i ? ", " : "{",
			list[i].name, (unsigned long long)list[i].value);
	}
	size_t used = (size_t)length < size ? (size_t)length : size;
	return length + snprintf(text + used, size - used, "}");
}
