// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The control link: an input is a sequence of messages to the dataplane's end, through a real socket,
// and of worker turns between them. A record is a type (0: the worker computes), one byte of flags, a
// length (u16) and that many bytes, which come behind a good header, or are the whole message (RAW).
// FILE_TOO sends the descriptor of a file along: small elements in its first page, too large ones behind.
// Whatever is said, the dataplane answers, and everything can be closed and reused afterwards.

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "arena.h"
#include "commit.h"
#include "dataplane_rig.h"
#include "fuzz.h"
#include "link_server.h"

enum { RAW = 1, COUNT = 2, COMPLETE = 4, FILE_TOO = 8 };

#define MESSAGES_MOST 200
#define FILE_PAGE     4096

static struct link_server *server;
static int peer = -1, file = -1;

static void turn(void)
{
	struct pollfd descriptors[LINK_SERVER_DESCRIPTORS];

	link_server_prepare(server, descriptors);
	poll(descriptors, LINK_SERVER_DESCRIPTORS, 0);
	link_server_turn(server, descriptors);
}

static void make_file(void)
{
	uint8_t bytes[2 * FILE_PAGE];

	file = memfd_create("restore", MFD_CLOEXEC);
	memset(bytes, 0, FILE_PAGE);
	memset(bytes + FILE_PAGE, 0xff, FILE_PAGE);
	FUZZ_CHECK(file >= 0 && write(file, bytes, sizeof(bytes)) == sizeof(bytes));
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)count, (void)arguments;
	make_file();
	rig_make(UINT64_C(1) << 20, 64);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/link.sock", fuzz_folder());
	server = link_server_open(&rig.table, address.sun_path);
	peer = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	FUZZ_CHECK(server && peer >= 0);
	FUZZ_CHECK(connect(peer, (struct sockaddr *)&address, sizeof(address)) == 0);
	turn();
	return 0;
}

// Takes all answers. Returns how many RESULTs there were.
static unsigned take_answers(void)
{
	struct weir_link_batch answer;
	unsigned results = 0;
	uint8_t rights[CMSG_SPACE(sizeof(int))];

	for (;;) {
		struct iovec part = {&answer, sizeof(answer)};
		struct msghdr message = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = rights,
			.msg_controllen = sizeof(rights)};
		ssize_t length = recvmsg(peer, &message, MSG_DONTWAIT);

		if (length < 0)
			return results;
		FUZZ_CHECK(length >= (ssize_t)sizeof(answer.header) &&
			   answer.header.length == (size_t)length);
		results += answer.header.type == WEIR_LINK_RESULT;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
			close(*(int *)(void *)CMSG_DATA(c));
	}
}

static void compute(uint8_t flags)
{
	uint32_t number, batch;

	for (unsigned i = 0; i < 1000 && commit_slice(&rig.worker); i++)
		;
	while (commit_finish_next(&rig.table, &number, &batch))
		link_server_committed(server, number, batch, 0);
	if (!(flags & COMPLETE))
		return;
	// As if every chunk of every admitted client had come.
	for (uint32_t i = 0; i < RIG_EVENTS; i++) {
		struct event *event = atomic_load(&rig.table.events[i]);

		for (uint32_t c = 0; event && c < event->max_clients; c++)
			if (event->clients[c].state == WEIR_CLIENT_ADMITTED)
				event->clients[c].state = WEIR_CLIENT_COMPLETE;
	}
}

static void send_bytes(uint8_t flags, const void *bytes, size_t size)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} rights = {.align = {.cmsg_len = CMSG_LEN(sizeof(int)),
			    .cmsg_level = SOL_SOCKET,
			    .cmsg_type = SCM_RIGHTS}};
	struct iovec part = {(void *)(uintptr_t)bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (flags & FILE_TOO) {
		memcpy(CMSG_DATA(&rights.align), &file, sizeof(file));
		message.msg_control = &rights;
		message.msg_controllen = sizeof(rights.bytes);
	}
	FUZZ_CHECK(sendmsg(peer, &message, MSG_DONTWAIT) == (ssize_t)size);
}

static void send_message(uint8_t type, uint8_t flags, const uint8_t *body, size_t length)
{
	_Alignas(8) uint8_t message[WEIR_LINK_MESSAGE_MAX];
	struct weir_link_header header = {.version = WEIR_LINK_VERSION,
		.type = type,
		.sequence = 1,
		.length = (uint32_t)(sizeof(header) + length)};
	size_t entry = type == WEIR_LINK_CLIENT_ADD ? sizeof(struct weir_link_client) : 4;
	size_t head = sizeof(struct weir_link_list) - sizeof(header);

	if (flags & RAW) {
		if (!length) // which would hang up
			return;
		send_bytes(flags, body, length);
	} else {
		memcpy(message, &header, sizeof(header));
		memcpy(message + sizeof(header), body, length);
		if (flags & COUNT && length >= head) {
			struct weir_link_list *list = (void *)message;

			list->count = (uint32_t)((length - head) / entry);
		}
		send_bytes(flags, message, header.length);
	}
	turn();
	FUZZ_CHECK(take_answers() == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	const uint32_t clients_free = rig.table.clients_free;
	const unsigned descriptors = fuzz_descriptors();

	for (unsigned i = 0; input.size && i < MESSAGES_MOST; i++) {
		uint8_t type = fuzz_byte(&input) % 16, flags = fuzz_byte(&input);
		uint16_t length;

		fuzz_take(&input, &length, sizeof(length));
		if (length > input.size)
			length = (uint16_t)input.size;
		if (type == 0)
			compute(flags);
		else
			send_message(type, flags, input.data, length);
		input.data += length;
		input.size -= length;
	}
	rig_close_events();
	take_answers();
	FUZZ_CHECK(fuzz_descriptors() == descriptors);
	FUZZ_CHECK(rig.table.clients_free == clients_free);
	FUZZ_CHECK(rig.table.memory->arena_used == 0);
	return 0;
}
