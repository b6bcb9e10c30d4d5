// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "dataplane_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane_commands.h"
#include "log.h"
#include "random.h"

#define RETRY_MS   250
#define ERRNO_MOST 4095

struct dataplane_link {
	struct sockaddr_un address;
	struct timers *timers;
	struct timer retry;
	struct dataplane_link_handlers handlers;
	int socket; // -1: none
	bool complained;
	uint32_t sequence;
	struct dataplane_memory memory;
	struct command_queue to_send, to_answer;
	_Alignas(8) uint8_t incoming[WEIR_LINK_MESSAGE_MAX];
};

bool dataplane_link_awaits(const struct dataplane_link *link, const void *context)
{
	return command_queue_has(&link->to_send, context) ||
	       command_queue_has(&link->to_answer, context);
}

static void hang_up(struct dataplane_link *link, const char *reason)
{
	struct command_queue lost[2] = {link->to_answer, link->to_send};
	bool was_up = link->memory.header;
	struct command *command;

	if (link->to_answer.last == &link->to_answer.first)
		command_queue_init(&lost[0]);
	if (link->to_send.last == &link->to_send.first)
		command_queue_init(&lost[1]);
	command_queue_init(&link->to_answer);
	command_queue_init(&link->to_send);
	if (link->socket >= 0)
		close(link->socket);
	link->socket = -1;
	dataplane_memory_unmap(&link->memory);
	for (size_t i = 0; i < 2; i++)
		while ((command = command_queue_pop(&lost[i])))
			command_finish(command, -ENOTCONN, 0);
	if (was_up || !link->complained)
		log_line("%s: no dataplane: %s; trying again", link->address.sun_path, reason);
	link->complained = true;
	timer_set(link->timers, &link->retry, clock_monotonic_ms() + RETRY_MS);
	if (was_up)
		link->handlers.down(link->handlers.context, reason);
}

// Takes the message and the descriptor over.
static void send_with_descriptor(struct dataplane_link *link, enum weir_link_type type,
	struct weir_link_header *message, size_t length, int descriptor, dataplane_link_done *done,
	void *context)
{
	struct command *command = message ? calloc(1, sizeof(*command)) : NULL;

	if (!command || link->socket < 0 || (!link->memory.header && type != WEIR_LINK_HELLO)) {
		int status = command ? -ENOTCONN : -ENOMEM;

		if (message)
			weir_wipe(message, length);
		free(message);
		free(command);
		if (descriptor >= 0)
			close(descriptor);
		if (done)
			done(context, status, 0);
		return;
	}
	*message = (struct weir_link_header){.version = WEIR_LINK_VERSION,
		.type = (uint16_t)type,
		.sequence = ++link->sequence,
		.length = (uint32_t)length};
	*command = (struct command){.done = done,
		.context = context,
		.sequence = message->sequence,
		.type = (uint16_t)type,
		.length = (uint32_t)length,
		.message = message,
		.descriptor = descriptor};
	command_queue_push(&link->to_send, command);
}

static void send_command(struct dataplane_link *link, enum weir_link_type type,
	struct weir_link_header *message, size_t length, dataplane_link_done *done, void *context)
{
	send_with_descriptor(link, type, message, length, -1, done, context);
}

static void say_hello(struct dataplane_link *link)
{
	send_command(link, WEIR_LINK_HELLO, calloc(1, sizeof(struct weir_link_hello)),
		sizeof(struct weir_link_hello), NULL, NULL);
}

static void try_connect(void *context)
{
	struct dataplane_link *link = context;

	link->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->socket < 0 || connect(link->socket, (const struct sockaddr *)&link->address,
					sizeof(link->address)))
		hang_up(link, strerror(errno));
	else
		say_hello(link);
}

struct dataplane_link *dataplane_link_open(const char *socket_path, struct timers *timers,
	const struct dataplane_link_handlers *handlers)
{
	struct dataplane_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	if (strlen(socket_path) >= sizeof(link->address.sun_path)) {
		free(link);
		errno = ENAMETOOLONG;
		return NULL;
	}
	link->address.sun_family = AF_UNIX;
	strcpy(link->address.sun_path, socket_path);
	link->timers = timers;
	link->handlers = *handlers;
	link->socket = -1;
	command_queue_init(&link->to_send);
	command_queue_init(&link->to_answer);
	timer_init(&link->retry, try_connect, link);
	timer_set(timers, &link->retry, clock_monotonic_ms());
	return link;
}

void dataplane_link_close(struct dataplane_link *link)
{
	struct command *command;

	if (!link)
		return;
	timer_stop(link->timers, &link->retry);
	while ((command = command_queue_pop(&link->to_send)) ||
		(command = command_queue_pop(&link->to_answer))) {
		command_forget(command);
		free(command);
	}
	if (link->socket >= 0)
		close(link->socket);
	dataplane_memory_unmap(&link->memory);
	free(link);
}

int dataplane_link_descriptor(const struct dataplane_link *link, short *events)
{
	*events = POLLIN | (link->to_send.first ? POLLOUT : 0);
	return link->socket;
}

const struct dataplane_memory *dataplane_link_memory(const struct dataplane_link *link)
{
	return &link->memory;
}

static ssize_t send_one(int socket, const struct command *command)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} rights = {0};
	struct iovec part = {command->message, command->length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (command->descriptor >= 0) {
		struct cmsghdr *control;

		message.msg_control = &rights;
		message.msg_controllen = sizeof(rights.bytes);
		control = CMSG_FIRSTHDR(&message);
		control->cmsg_level = SOL_SOCKET;
		control->cmsg_type = SCM_RIGHTS;
		control->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(control), &command->descriptor, sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL);
}

static void send_waiting(struct dataplane_link *link)
{
	while (link->socket >= 0 && link->to_send.first) {
		struct command *command = link->to_send.first;

		if (send_one(link->socket, command) < 0) {
			if (errno != EAGAIN && errno != EINTR)
				hang_up(link, strerror(errno));
			return;
		}
		command_queue_pop(&link->to_send);
		command_forget(command);
		command_queue_push(&link->to_answer, command);
	}
}

// Maps the memory that came with the answer to HELLO. Takes the descriptor over.
static void take_memory(struct dataplane_link *link, int status, int descriptor)
{
	int error = status ? status : descriptor < 0 ? -EPROTO : 0;

	if (!error)
		error = dataplane_memory_map(&link->memory, descriptor);
	if (descriptor >= 0)
		close(descriptor);
	if (error) {
		hang_up(link, error == -EPROTO ? "its shared memory is of another version"
					       : strerror(-error));
		return;
	}
	log_line("%s: connected to the dataplane", link->address.sun_path);
	link->complained = false;
	link->handlers.up(link->handlers.context);
}

static void take_result(
	struct dataplane_link *link, const struct weir_link_result *result, int descriptor)
{
	struct command *command = command_queue_pop(&link->to_answer);

	if (!command || command->sequence != result->header.sequence) {
		if (command)
			command_finish(command, -ENOTCONN, 0);
		hang_up(link, "it answers out of order");
	} else if (command->type == WEIR_LINK_HELLO) {
		free(command);
		take_memory(link, result->status, descriptor);
		return;
	} else {
		command_finish(command, result->status, result->detail);
	}
	if (descriptor >= 0)
		close(descriptor);
}

// What it says of a command or batch goes on to strerror and comparisons: 0 or a negative errno.
static bool is_status(int32_t status)
{
	return status <= 0 && status >= -ERRNO_MOST;
}

static void take_message(struct dataplane_link *link, size_t length, int descriptor)
{
	const struct weir_link_header *header = (const void *)link->incoming;
	const struct weir_link_result *result = (const void *)link->incoming;
	const struct weir_link_batch *batch = (const void *)link->incoming;
	const struct weir_link_list *list = (const void *)link->incoming;
	bool good = length >= sizeof(*header) && header->version == WEIR_LINK_VERSION &&
		    header->length == length;

	if (good && header->type == WEIR_LINK_RESULT && length == sizeof(*result) &&
		is_status(result->status)) {
		take_result(link, result, descriptor);
		return;
	}
	if (descriptor >= 0)
		close(descriptor);
	if (good) {
		if (header->type == WEIR_LINK_COMMITTED && length == sizeof(*batch) &&
			is_status(batch->status)) {
			link->handlers.committed(
				link->handlers.context, batch->event, batch->batch, batch->status);
			return;
		}
		if (header->type == WEIR_LINK_DOORBELL && length >= sizeof(*list) &&
			length == sizeof(*list) + (size_t)list->count * sizeof(uint32_t)) {
			link->handlers.doorbell(link->handlers.context, list->event,
				(const uint32_t *)(list + 1), list->count);
			return;
		}
	}
	hang_up(link, "it sent a message that is not of this version of the link");
}

// The first descriptor that came with a message, or -1. Any more, which nobody asked for, are closed.
static int take_descriptor(struct msghdr *message)
{
	int taken = -1;

	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control;
		control = CMSG_NXTHDR(message, control)) {
		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= control->cmsg_len;
			at += sizeof(int)) {
			int descriptor;

			memcpy(&descriptor, CMSG_DATA(control) + at, sizeof(descriptor));
			if (taken < 0)
				taken = descriptor;
			else
				close(descriptor);
		}
	}
	return taken;
}

// One message, with the descriptor that may have come with it. False: nothing there, or hung up.
static bool receive_one(struct dataplane_link *link)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} rights;
	struct iovec part = {link->incoming, sizeof(link->incoming)};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = rights.bytes,
		.msg_controllen = sizeof(rights.bytes)};
	ssize_t length = recvmsg(link->socket, &message, MSG_CMSG_CLOEXEC);
	int descriptor = length < 0 ? -1 : take_descriptor(&message);

	if (length <= 0) {
		if (descriptor >= 0)
			close(descriptor);
		if (length == 0 || (errno != EAGAIN && errno != EINTR))
			hang_up(link, length ? strerror(errno) : "it closed the link");
		return false;
	}
	take_message(link, (size_t)length, descriptor);
	return link->socket >= 0;
}

void dataplane_link_run(struct dataplane_link *link)
{
	send_waiting(link);
	while (link->socket >= 0 && receive_one(link))
		;
	send_waiting(link);
}

void dataplane_link_event_open(struct dataplane_link *link, struct weir_link_event_open *open,
	dataplane_link_done *done, void *context)
{
	struct weir_link_event_open *message = malloc(sizeof(*message));

	if (message)
		*message = *open;
	send_command(link, WEIR_LINK_EVENT_OPEN, (struct weir_link_header *)message,
		sizeof(*message), done, context);
}

static void send_list(struct dataplane_link *link, enum weir_link_type type, uint32_t number,
	const void *entries, uint32_t count, size_t entry_size, dataplane_link_done *done,
	void *context)
{
	size_t length = sizeof(struct weir_link_list) + count * entry_size;
	struct weir_link_list *message = calloc(1, length);

	if (message) {
		message->event = number;
		message->count = count;
		memcpy(message + 1, entries, count * entry_size);
	}
	send_command(link, type, (struct weir_link_header *)message, length, done, context);
}

void dataplane_link_client_add(struct dataplane_link *link, uint32_t number,
	const struct weir_link_client *clients, uint32_t count, dataplane_link_done *done,
	void *context)
{
	send_list(link, WEIR_LINK_CLIENT_ADD, number, clients, count, sizeof(*clients), done,
		context);
}

void dataplane_link_clients(struct dataplane_link *link, enum weir_link_type type, uint32_t number,
	const uint32_t *clients, size_t count, dataplane_link_done *done, void *context)
{
	while (count) {
		uint32_t part = count < WEIR_LINK_LIST_MAX ? (uint32_t)count : WEIR_LINK_LIST_MAX;

		send_list(link, type, number, clients, part, sizeof(*clients), done, context);
		clients += part;
		count -= part;
	}
}

void dataplane_link_commit(struct dataplane_link *link, struct weir_link_commit *commit,
	const uint32_t *clients, dataplane_link_done *done, void *context)
{
	size_t length = sizeof(*commit) + commit->count * sizeof(*clients);
	struct weir_link_commit *message = malloc(length);

	if (message) {
		*message = *commit;
		memcpy(message + 1, clients, commit->count * sizeof(*clients));
	}
	send_command(
		link, WEIR_LINK_COMMIT, (struct weir_link_header *)message, length, done, context);
}

void dataplane_link_restore(struct dataplane_link *link, struct weir_link_restore *restore,
	int descriptor, dataplane_link_done *done, void *context)
{
	struct weir_link_restore *message = malloc(sizeof(*message));

	if (message)
		*message = *restore;
	send_with_descriptor(link, WEIR_LINK_RESTORE, (struct weir_link_header *)message,
		sizeof(*message), descriptor, done, context);
}

void dataplane_link_batch(struct dataplane_link *link, enum weir_link_type type, uint32_t number,
	uint32_t batch, dataplane_link_done *done, void *context)
{
	struct weir_link_batch *message = calloc(1, sizeof(*message));

	if (message) {
		message->event = number;
		message->batch = batch;
	}
	send_command(
		link, type, (struct weir_link_header *)message, sizeof(*message), done, context);
}
