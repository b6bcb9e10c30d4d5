// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The ICMP and ICMPv6 messages that are understood and answered (RFC 792, 4443, 4861), as they lie
// in a frame: packed, because a frame's headers need not be aligned.
#pragma once

#include <stdint.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#define ICMP_ECHO_REQUEST              8
#define ICMP_ECHO_REPLY                0
#define ICMPV6_ECHO_REQUEST            128
#define ICMPV6_ECHO_REPLY              129
#define ICMPV6_NEIGHBOUR_SOLICITATION  135
#define ICMPV6_NEIGHBOUR_ADVERTISEMENT 136

#define NEIGHBOUR_HOP_LIMIT      255 // proof that the message comes from this link
#define NEIGHBOUR_FLAG_SOLICITED 0x40
#define NEIGHBOUR_FLAG_OVERRIDE  0x20
#define NEIGHBOUR_OPTION_SOURCE  1
#define NEIGHBOUR_OPTION_TARGET  2
#define NEIGHBOUR_OPTION_UNIT    8 // an option's length byte counts these

struct icmp_header {
	uint8_t type;
	uint8_t code;
	rte_be16_t checksum;
	rte_be16_t identifier;
	rte_be16_t sequence;
} __rte_packed;

// Solicitation and advertisement; options follow.
struct neighbour_message {
	uint8_t type;
	uint8_t code;
	rte_be16_t checksum;
	uint8_t flags; // advertisement only
	uint8_t reserved[3];
	uint8_t target[16];
} __rte_packed;

// Source or target link-layer address.
struct neighbour_option {
	uint8_t type;
	uint8_t length; // in units of 8 bytes
	uint8_t mac[6];
} __rte_packed;

_Static_assert(sizeof(struct icmp_header) == 8, "RFC 792");
_Static_assert(sizeof(struct neighbour_message) == 24, "RFC 4861");
_Static_assert(sizeof(struct neighbour_option) == NEIGHBOUR_OPTION_UNIT, "RFC 4861");
