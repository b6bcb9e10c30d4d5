// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The pcap file that is replayed, whoever made it: what of it may be sent.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <pcap/pcap.h>

#include "load_event.h"

// Times in nanoseconds. NULL after a line: no such file, no pcap, or not of Ethernet frames.
pcap_t *replay_file_open(const char *path);
// Whether the frame is whole, at most room bytes long, and UDP over IPv4 to the receiver and nobody else.
bool replay_file_is_for(const struct load_aggregator *to, const struct pcap_pkthdr *header,
	const uint8_t *bytes, uint32_t room);
// Whether there are frames in the file, and all are so. Returns 0, or -EINVAL after a line.
int replay_file_check(const char *path, const struct load_aggregator *to, uint32_t room);
