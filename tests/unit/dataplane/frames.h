// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A worker on a desk: EAL without hugepages, one port that is a pair of rings, one event, and frames
// made by hand.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <rte_mbuf.h>

#include "agreement.h"
#include "datagram.h"
#include "event.h"
#include "icmp.h"
#include "packet.h"
#include "port.h"
#include "worker.h"

#define DESK_EVENT          7
#define DESK_CLIENTS        8    // client c has state c: NONE, JOINED, ... ABORTED
#define DESK_CHUNK_ELEMENTS 16   // 64 bytes
#define DESK_CHUNKS         2000 // the last one has 4 elements
#define DESK_UDP_PORT       9347
#define DESK_WAIT_MS        25
#define DESK_WINDOW         99
#define DESK_RATE           UINT64_C(5000000000)

struct desk {
	struct port port;
	struct worker worker;
	struct worker_queue queue;
	struct event_table events;
	struct event event;
	struct event *_Atomic table[4];
	struct weir_shm_client clients[DESK_CLIENTS];
	struct weir_packet_keys keys[DESK_CLIENTS];
	uint64_t counters[WEIR_COUNTER_COUNT];
	uint64_t before[WEIR_COUNTER_COUNT];
	_Atomic bool stop;
};

extern struct desk desk; // a test is a process

extern const uint8_t desk_peer_mac[6];
extern const uint8_t desk_peer_ipv6[16];

void desk_start(void); // for TestSuite(.init)
void desk_stop(void);

// Forgets the counts so far.
void desk_mark(void);
// How often a counter counted since.
uint64_t desk_counted(enum weir_counter counter);
// The one drop reason that counted since, or GOOD; fails the test if there are several.
enum weir_counter desk_reason(void);

// How a frame is to be wrapped.
struct wrapping {
	bool ipv6;
	uint16_t vlan;     // 0: no tag
	uint16_t pad_to;   // 60: as on a wire
	uint16_t udp_port; // 0: DESK_UDP_PORT
};

// Each writes a frame and returns its length.
size_t frame_udp(uint8_t *frame, const struct wrapping *how, const void *payload, size_t length);
size_t frame_echo(uint8_t *frame, const struct wrapping *how, const void *payload, size_t length);
size_t frame_arp(uint8_t *frame, const struct wrapping *how);
size_t frame_neighbour(uint8_t *frame, const struct wrapping *how, bool from_nobody, bool option);
size_t frame_share(uint8_t *frame, const struct wrapping *how, uint32_t client, uint32_t chunk);
size_t frame_message(uint8_t *frame, const struct wrapping *how, enum weir_packet_type type,
	uint32_t client, uint32_t counter, const void *body);

// Repairs the IPv4 header checksum, or the ICMPv6 one, after a change.
void frame_fix_ipv4(uint8_t *frame, size_t l2_length);
void frame_fix_icmpv6(uint8_t *frame, size_t l2_length);

// An mbuf of the port's pool with the frame in it.
struct rte_mbuf *desk_mbuf(const uint8_t *frame, size_t length);

// Parses the frame from a buffer that ends where the frame does, so that the address sanitizer sees
// any read behind it. Returns the reason or GOOD, and what parse made of it.
enum weir_counter desk_parse(const uint8_t *frame, size_t length, struct packet *packet);
