// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Sends the frames of a pcap file from the first port.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "load_event.h"
#include "pacer.h"
#include "port.h"
#include "tally.h"

#define REPLAY_PAUSE_MS 50 // pauses of the file that are kept even with a rate

struct replay {
	const char *path;
	const struct port *port;
	const struct load_aggregator *to; // every frame is UDP to it, or the file is refused
	const struct pacer_rate *rate;    // none: at the file's times
	const _Atomic bool *interrupted;
	void (*tick)(void *opaque, const struct tally *tally); // at least every few ms
	void *opaque;
};

// Sends all of it, each frame to the Ethernet address that is known of the receiver. Nothing is sent
// if a frame is for anybody else. Returns 0, or -errno after a line; -EINTR without one.
int replay_run(const struct replay *replay, struct tally *tally);
