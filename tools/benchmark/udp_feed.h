// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Sends sealed datagrams to a UDP socket on this machine as fast as its owner takes them: a thread
// with sendmmsg, or with UDP segmentation offload (one call, one pass through the stack, up to 64
// datagrams of a length).
//
// It keeps no more under way than fits the receiver's buffer, so that nothing is lost and the
// receiver never has to ask again: the best case for kernel sockets.
#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet_store.h"

struct udp_feed {
	// Set before the start.
	const struct packet_store *store;
	const cpu_set_t *cpus;
	unsigned cpu; // index among them
	uint16_t port;
	bool segmentation;
	uint64_t window;  // datagrams under way at most
	uint64_t packets; // in all; the store again and again

	pthread_t thread;
	int error; // feed: rw; -errno

	_Alignas(64) _Atomic uint64_t sent;     // feed: rw
	_Alignas(64) _Atomic uint64_t received; // receiver: rw
	_Alignas(64) _Atomic bool stop;
};

// Returns 0 or -errno.
int udp_feed_start(struct udp_feed *feed);

// Waits for its end, which comes after all packets or after stop. Returns 0 or -errno.
int udp_feed_join(struct udp_feed *feed);

// A bound socket on the loopback device with a receive buffer of `buffer` bytes, or as many as the
// system allows without CAP_NET_ADMIN. Returns it, or -errno.
int udp_feed_socket(int buffer, uint16_t *port);
