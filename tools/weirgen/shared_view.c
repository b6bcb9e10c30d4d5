// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "shared_view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "say.h"

#define ANSWER_SECONDS 5

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = ANSWER_SECONDS};

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	int link = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (link < 0)
		return -errno;
	if (setsockopt(link, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
		connect(link, (struct sockaddr *)&address, sizeof(address)) == 0)
		return link;
	int error = -errno;
	close(link);
	return error;
}

// HELLO, and the descriptor that comes with its RESULT; -errno.
static int ask_for_memory(int link)
{
	struct weir_link_hello hello = {{.version = WEIR_LINK_VERSION,
		.type = WEIR_LINK_HELLO,
		.sequence = 1,
		.length = sizeof(hello)}};
	struct weir_link_result result;
	struct iovec part = {&result, sizeof(result)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	int descriptor;

	if (send(link, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello))
		return -errno;
	ssize_t n = recvmsg(link, &message, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (n != sizeof(result) || result.header.type != WEIR_LINK_RESULT)
		return -EPROTO;
	if (result.status != 0)
		return result.status;
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	memcpy(&descriptor, CMSG_DATA(header), sizeof(descriptor));
	return descriptor;
}

static int map(struct shared_view *view, int descriptor)
{
	struct stat status;

	if (fstat(descriptor, &status) != 0)
		return -errno;
	if ((uint64_t)status.st_size < sizeof(struct weir_shm_header))
		return -EPROTO;
	void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
	if (memory == MAP_FAILED)
		return -errno;
	view->memory = memory;
	view->size = (uint64_t)status.st_size;
	const struct weir_shm_header *header = memory;
	return header->magic == WEIR_SHM_MAGIC && header->version == WEIR_SHM_VERSION ? 0 : -EPROTO;
}

static int find_event(struct shared_view *view, uint32_t number)
{
	const struct weir_shm_header *header = (const void *)view->memory;
	const struct weir_shm_event *events = (const void *)(view->memory + header->events_offset);
	const struct weir_shm_event *event = &events[number % header->event_capacity];

	if (atomic_load(&event->number) != number)
		return -ENOENT;
	view->event = event;
	return 0;
}

int shared_view_open(struct shared_view *view, const char *path, uint32_t event)
{
	*view = (struct shared_view){0};
	int link = connect_to(path);
	int error = link < 0 ? link : 0;
	int descriptor = -1;

	if (error == 0) {
		descriptor = ask_for_memory(link);
		error = descriptor < 0 ? descriptor : map(view, descriptor);
	}
	if (error != 0)
		say("%s: no shared memory from a dataplane there: %s", path, strerror(-error));
	else if ((error = find_event(view, event)) != 0)
		say("%s: the dataplane there has no event %" PRIu32, path, event);
	if (descriptor >= 0)
		close(descriptor);
	if (link >= 0)
		close(link);
	if (error != 0)
		shared_view_close(view);
	return error;
}

void shared_view_close(struct shared_view *view)
{
	if (view->memory)
		munmap((void *)(uintptr_t)view->memory, view->size);
	*view = (struct shared_view){0};
}

uint32_t shared_view_state(const struct shared_view *view, uint32_t client)
{
	const struct weir_shm_client *clients =
		(const void *)(view->memory + view->event->clients_offset);

	return atomic_load_explicit(&clients[client].state, memory_order_acquire);
}

uint32_t shared_view_count(const struct shared_view *view, enum weir_client_state state)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < view->event->max_clients; i++)
		count += shared_view_state(view, i) == state;
	return count;
}

bool shared_view_is_quiet(const struct shared_view *view)
{
	return atomic_load(&view->event->open_batch) == 0 &&
	       shared_view_count(view, WEIR_CLIENT_COMMITTED) == 0;
}

const struct weir_shm_accumulator *shared_view_accumulator(const struct shared_view *view)
{
	return &view->event->accumulators[atomic_load(&view->event->held) & 1];
}

const void *shared_view_vector(
	const struct shared_view *view, const struct weir_shm_accumulator *accumulator)
{
	return view->memory + accumulator->offset;
}
