// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Spreads frames evenly over time: each costs so many ticks and the next may leave when they have
// passed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// A rate as given: frames a second, bits a second, or a part of the line, where each frame counts
// with its preamble, checksum and gap.
struct pacer_rate {
	double frames_per_second; // 0: not by frames
	double bits_per_second;   // 0: not by bits
	uint32_t overhead_bytes;  // counted with each frame
};

struct pacer {
	bool is_on;
	double ticks_per_frame, ticks_per_byte;
	uint32_t overhead_bytes;
	double next;   // when the next frame may leave
	double behind; // more than that is forgiven, not made good in a burst
};

// "3 Mpps", "10 Gbit/s", "50 %". line_bytes_per_second: 0 if unknown. Returns 0, -EINVAL (not
// understood) or -EDOM (percent of an unknown line).
int pacer_parse(const char *text, uint64_t line_bytes_per_second, struct pacer_rate *rate);

// share: of the rate that this pacer keeps, for several workers.
void pacer_start(struct pacer *pacer, const struct pacer_rate *rate, double share,
	uint64_t ticks_per_second, uint64_t now);

static inline bool pacer_may_send(const struct pacer *pacer, uint64_t now)
{
	return !pacer->is_on || pacer->next <= (double)now;
}

static inline void pacer_sent(struct pacer *pacer, uint32_t frame_bytes)
{
	pacer->next += pacer->ticks_per_frame +
		       pacer->ticks_per_byte * (frame_bytes + pacer->overhead_bytes);
}

// Time that cannot be made good is given up. Returns whether there was any.
static inline bool pacer_forgive(struct pacer *pacer, uint64_t now)
{
	if (!pacer->is_on || pacer->next + pacer->behind >= (double)now)
		return false;
	pacer->next = (double)now;
	return true;
}
