// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One direction of a link: its parameters, its random stream, the frames under way, its counters.
// Time is an argument everywhere, so that tests can run it without a clock.
#pragma once

#include "decide.h"
#include "delay_queue.h"
#include "frame.h"

// Every counter, once: the name in the code and in the JSON line.
#define LINK_COUNTERS(COUNTER)                                                                     \
	COUNTER(received)     /* frames that came in */                                            \
	COUNTER(forwarded)    /* frames that went out, copies included */                          \
	COUNTER(cut)          /* dropped while the link was cut */                                 \
	COUNTER(lost)         /* dropped by chance */                                              \
	COUNTER(duplicated)   /* sent twice */                                                     \
	COUNTER(reordered)    /* held back to be overtaken */                                      \
	COUNTER(corrupted)    /* one bit flipped */                                                \
	COUNTER(queue_drops)  /* dropped because the bounded queue was full */                     \
	COUNTER(super_frames) /* crossed uncut: the sender's offloads are on */                    \
	COUNTER(overruns)     /* the kernel dropped before we could read: the result is void */    \
	COUNTER(send_errors)  /* the far interface refused it: down, or a smaller MTU */

struct link_counters {
#define COUNTER(name) uint64_t name;
	LINK_COUNTERS(COUNTER)
#undef COUNTER
};

struct link_direction {
	struct link_parameters parameters;
	struct random_stream stream;
	struct delay_queue queue;
	uint64_t line_free_ns; // when the rate limit lets the next frame begin
	uint64_t last_due_ns;  // frames not held back never overtake each other
	struct link_counters counters;
};

// index selects the random stream. Returns 0 or -ENOMEM.
int link_direction_init(struct link_direction *direction, uint64_t seed, uint32_t index);

void link_direction_free(struct link_direction *direction);

// Decides about a frame that came in at now_ns and queues what is left of it. Owns the frame.
void link_direction_receive(
	struct link_direction *direction, uint64_t now_ns, struct link_frame *frame);

// The next frame to send at now_ns, which the caller frees, or NULL.
struct link_frame *link_direction_send(struct link_direction *direction, uint64_t now_ns);

// Writes the counters as a JSON object, cut to size. Returns the length as snprintf does.
int link_counters_json(const struct link_counters *counters, char *text, size_t size);
