// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One event in a dataplane's shared memory, read by whoever may connect to its control link.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control_link.h"
#include "shared_memory.h"

struct shared_view {
	const uint8_t *memory;
	uint64_t size;
	const struct weir_shm_event *event;
};

// Asks for the memory (HELLO) and finds the event in it. A weir-control that is connected loses its
// link, and connects again. Returns 0, or -errno after a line.
int shared_view_open(struct shared_view *view, const char *path, uint32_t event);
void shared_view_close(struct shared_view *view);

// No batch is open and no client is committed without being sealed.
bool shared_view_is_quiet(const struct shared_view *view);

// client: below the event's max_clients. enum weir_client_state.
uint32_t shared_view_state(const struct shared_view *view, uint32_t client);

// Clients in that state.
uint32_t shared_view_count(const struct shared_view *view, enum weir_client_state state);

const struct weir_shm_accumulator *shared_view_accumulator(const struct shared_view *view);
const void *shared_view_vector(
	const struct shared_view *view, const struct weir_shm_accumulator *accumulator);
