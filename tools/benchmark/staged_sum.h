// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The least that a private sum costs: SHARE datagrams are opened into slots, checked, and full slots
// are summed. One thread, no I/O, no protocol around it. What the dataplane is measured against, and
// what the receiver over kernel sockets does with its datagrams.
//
// Exactly-once like the dataplane: a bitmap for each slot; a chunk that is there, or whose tag or
// elements are wrong, is refused.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aead.h"
#include "kernels.h"
#include "share_source.h"
#include "static_event.h"

#define STAGED_SUM_BURST 32

struct staged_datagram {
	const uint8_t *bytes;
	size_t length;
};

struct staged_sum;

// For clients first_client .. first_client + clients - 1 of the event. NULL: errno.
struct staged_sum *staged_sum_new(const struct weir_aead *aead, const struct weir_kernels *kernels,
	const struct weir_static_event_config *event, uint32_t first_client, uint32_t clients);
void staged_sum_free(struct staged_sum *sum); // NULL is allowed

// Takes at most STAGED_SUM_BURST datagrams. Whenever so many slots as a batch has are full, they are
// summed.
void staged_sum_burst(struct staged_sum *sum, const struct staged_datagram *datagrams, unsigned n);

// Sums the slots that are full.
void staged_sum_flush(struct staged_sum *sum);

// Vectors in the sum, all in all; refused datagrams; seconds spent on adding slots.
uint64_t staged_sum_vectors(const struct staged_sum *sum);
uint64_t staged_sum_refused(const struct staged_sum *sum);
double staged_sum_adding(const struct staged_sum *sum);

// All clients may send once more. Returns false if one of them is not in the sum.
bool staged_sum_again(struct staged_sum *sum);

// True if the sum is that of the shares of all clients, each as often as `passes` says.
bool staged_sum_verify(
	const struct staged_sum *sum, const struct share_source *source, uint32_t passes);
