// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What is done to the traffic on purpose.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FAULT_HELD_MAX 32

// Probabilities, 0 to 1.
struct fault_mix {
	double loss;          // a frame is not sent
	double duplicate;     // it is sent twice
	double reorder;       // it is sent up to FAULT_HELD_MAX frames late
	double corrupt;       // one bit of its datagram is flipped
	double forge;         // of the SHAREs sent, those with a valid header and a wrong tag
	double non_canonical; // before a SHARE, an authentic one that is not canonical
	double abandon;       // a client stops somewhere before its last chunk
	double junk;          // of the frames sent, those of 64 bytes that mean nothing
};

// Whether frames are touched at all.
static inline bool fault_touches_frames(const struct fault_mix *mix)
{
	return mix->loss > 0 || mix->duplicate > 0 || mix->reorder > 0 || mix->corrupt > 0 ||
	       mix->forge > 0 || mix->junk > 0;
}
