// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The commands of dataplane_link.h on their way: in the order in which they are sent, and answered.
#pragma once

#include "dataplane_link.h"

struct command {
	struct command *next;
	dataplane_link_done *done;
	void *context;
	uint32_t sequence;
	uint16_t type;
	uint32_t length;
	struct weir_link_header *message; // malloc'd; NULL once sent
	int descriptor;                   // that goes with it; -1: none
};

struct command_queue {
	struct command *first, **last;
};

void command_queue_init(struct command_queue *queue);
void command_queue_push(struct command_queue *queue, struct command *command);
// NULL: it is empty.
struct command *command_queue_pop(struct command_queue *queue);
bool command_queue_has(const struct command_queue *queue, const void *context);

// Wipes and frees the message, which may carry keys, and closes the descriptor.
void command_forget(struct command *command);
// Tells whoever sent it what it came to, and frees it.
void command_finish(struct command *command, int status, uint32_t detail);
