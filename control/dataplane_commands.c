// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "dataplane_commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "random.h"

void command_queue_init(struct command_queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

void command_queue_push(struct command_queue *queue, struct command *command)
{
	command->next = NULL;
	*queue->last = command;
	queue->last = &command->next;
}

struct command *command_queue_pop(struct command_queue *queue)
{
	struct command *command = queue->first;

	if (command) {
		queue->first = command->next;
		if (!queue->first)
			queue->last = &queue->first;
	}
	return command;
}

bool command_queue_has(const struct command_queue *queue, const void *context)
{
	for (const struct command *command = queue->first; command; command = command->next)
		if (command->context == context)
			return true;
	return false;
}

void command_forget(struct command *command)
{
	if (command->message)
		weir_wipe(command->message, command->length);
	free(command->message);
	command->message = NULL;
	if (command->descriptor >= 0)
		close(command->descriptor);
	command->descriptor = -1;
}

void command_finish(struct command *command, int status, uint32_t detail)
{
	command_forget(command);
	if (command->done)
		command->done(command->context, status, detail);
	else if (status && status != -ENOTCONN)
		log_line("the dataplane refused command %u: %s", command->type, strerror(-status));
	free(command);
}
