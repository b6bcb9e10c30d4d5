// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "link_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "commit.h"
#include "console.h"
#include "control_link.h"
#include "link_message.h"
#include "random.h"

#define OUTGOING_MAX      64
#define COMMANDS_PER_TURN 16

// An answer that waits for the socket.
struct outgoing {
	union {
		struct weir_link_header header;
		struct weir_link_result result;
		struct weir_link_batch batch;
	};
	bool with_memory; // the memory's descriptor goes with it
};

struct link_server {
	struct event_table *events;
	struct sockaddr_un address;
	dev_t device; // of the socket file that is ours
	ino_t inode;
	int listener;
	int peer;             // -1: none
	int memory_read_only; // what peers get of the memory
	int received;         // descriptor that came with the command, -1: none
	bool complained;      // about this peer
	uint32_t sequence;    // of unasked messages
	struct outgoing outgoing[OUTGOING_MAX];
	unsigned outgoing_first, outgoing_count;
	_Alignas(8) uint8_t message[WEIR_LINK_MESSAGE_MAX + 8];
};

static void hang_up(struct link_server *server)
{
	if (server->peer >= 0)
		close(server->peer);
	server->peer = -1;
	server->outgoing_count = 0;
	server->complained = false;
}

// A socket file without a listener is what a killed dataplane leaves behind. Connecting with another
// socket type tells the two apart without disturbing a listener's peer.
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat status;
	int probe, error;

	if (lstat(address->sun_path, &status))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return -errno;
	error = connect(probe, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
	close(probe);
	if (error != -ECONNREFUSED)
		return error && error != -EPROTOTYPE ? error : -EADDRINUSE;
	return unlink(address->sun_path) ? -errno : 0;
}

// The last folder only: more of the path missing is more likely a mistake in it.
static int make_folder(const struct sockaddr_un *address)
{
	char folder[sizeof(address->sun_path)];
	char *slash;

	strcpy(folder, address->sun_path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	return mkdir(folder, 0755) && errno != EEXIST ? -errno : 0;
}

// The mode is set on the socket before the file exists, so that there is no moment at which anybody
// else could connect.
static int start_listening(struct link_server *server)
{
	struct stat status;
	int error = make_folder(&server->address);

	if (!error)
		error = remove_stale(&server->address);
	if (error)
		return error;
	server->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->listener < 0)
		return -errno;
	if (fchmod(server->listener, 0600) ||
		bind(server->listener, (const struct sockaddr *)&server->address,
			sizeof(server->address)))
		return -errno;
	if (chmod(server->address.sun_path, 0600) || stat(server->address.sun_path, &status) ||
		listen(server->listener, 4)) {
		error = -errno;
		unlink(server->address.sun_path);
		return error;
	}
	server->device = status.st_dev;
	server->inode = status.st_ino;
	return 0;
}

struct link_server *link_server_open(struct event_table *events, const char *socket_path)
{
	struct link_server *server = calloc(1, sizeof(*server));
	char memory_path[64];
	int error;

	if (!server)
		return NULL;
	server->events = events;
	server->listener = server->peer = server->received = -1;
	server->address.sun_family = AF_UNIX;
	snprintf(memory_path, sizeof(memory_path), "/proc/self/fd/%d", events->memory_descriptor);
	server->memory_read_only = open(memory_path, O_RDONLY | O_CLOEXEC);
	if (server->memory_read_only < 0) {
		error = errno;
		console("cannot open the shared memory for reading: %s; is /proc mounted?",
			strerror(error));
		goto fail;
	}
	if (strlen(socket_path) >= sizeof(server->address.sun_path)) {
		error = ENAMETOOLONG;
	} else {
		strcpy(server->address.sun_path, socket_path);
		error = -start_listening(server);
	}
	if (error) {
		console("%s: cannot listen for weir-control: %s; %s", socket_path, strerror(error),
			error == EADDRINUSE ? "is another weir-dataplane running?"
					    : "see dataplane.socket in the config");
		goto fail;
	}
	return server;

fail:
	link_server_close(server);
	errno = error;
	return NULL;
}

void link_server_close(struct link_server *server)
{
	struct stat status;

	if (!server)
		return;
	hang_up(server);
	if (server->inode && !stat(server->address.sun_path, &status) &&
		status.st_dev == server->device && status.st_ino == server->inode)
		unlink(server->address.sun_path);
	if (server->listener >= 0)
		close(server->listener);
	if (server->memory_read_only >= 0)
		close(server->memory_read_only);
	free(server);
}

static void drop_descriptor(struct link_server *server)
{
	if (server->received >= 0)
		close(server->received);
	server->received = -1;
}

static int send_one(const struct link_server *server, const struct outgoing *outgoing)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} rights = {0};
	struct iovec part = {(void *)(uintptr_t)outgoing, outgoing->header.length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (outgoing->with_memory) {
		struct cmsghdr *control;

		message.msg_control = &rights;
		message.msg_controllen = sizeof(rights.bytes);
		control = CMSG_FIRSTHDR(&message);
		control->cmsg_level = SOL_SOCKET;
		control->cmsg_type = SCM_RIGHTS;
		control->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(control), &server->memory_read_only, sizeof(int));
	}
	if (sendmsg(server->peer, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static void flush(struct link_server *server)
{
	while (server->peer >= 0 && server->outgoing_count) {
		int error = send_one(server, &server->outgoing[server->outgoing_first]);

		if (error == -EINTR)
			continue;
		if (error == -EAGAIN || error == -ENOBUFS)
			return;
		if (error) {
			hang_up(server);
			return;
		}
		server->outgoing_first = (server->outgoing_first + 1) % OUTGOING_MAX;
		server->outgoing_count--;
	}
}

static struct outgoing *queue(
	struct link_server *server, uint16_t type, uint32_t sequence, uint32_t length)
{
	unsigned at = (server->outgoing_first + server->outgoing_count++) % OUTGOING_MAX;
	struct outgoing *outgoing = &server->outgoing[at];

	memset(outgoing, 0, sizeof(*outgoing));
	outgoing->header = (struct weir_link_header){
		.version = WEIR_LINK_VERSION, .type = type, .sequence = sequence, .length = length};
	return outgoing;
}

// A command queues two answers at most, and none is read while answers wait.
bool link_server_has_room(const struct link_server *server)
{
	return server->outgoing_count < OUTGOING_MAX - 2;
}

void link_server_committed(
	struct link_server *server, uint32_t event, uint32_t batch, int32_t status)
{
	struct outgoing *outgoing;

	if (server->peer < 0)
		return;
	outgoing = queue(
		server, WEIR_LINK_COMMITTED, server->sequence++, sizeof(struct weir_link_batch));
	outgoing->batch.event = event;
	outgoing->batch.batch = batch;
	outgoing->batch.status = status;
	flush(server);
}

void link_server_doorbell(
	struct link_server *server, uint32_t event, const uint32_t *clients, uint32_t count)
{
	struct weir_link_list list = {
		.header = {.version = WEIR_LINK_VERSION,
			.type = WEIR_LINK_DOORBELL,
			.sequence = server->sequence++,
			.length = (uint32_t)(sizeof(list) + count * sizeof(*clients))},
		.event = event,
		.count = count,
	};
	struct iovec parts[2] = {
		{&list, sizeof(list)}, {(void *)(uintptr_t)clients, count * sizeof(*clients)}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	if (server->peer < 0 || server->outgoing_count)
		return;
	// A doorbell that finds no room is lost, as it may be; a peer that is gone shows when read.
	(void)!sendmsg(server->peer, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int carry_out_commit(struct link_server *server, uint32_t *refused, int *committed)
{
	const struct weir_link_commit *commit = (const void *)server->message;
	const uint32_t *clients = (const void *)(server->message + sizeof(*commit));
	enum commit_outcome outcome;
	int error = commit_open(server->events, commit, clients, refused, &outcome);

	if (!error && outcome != COMMIT_RUNNING)
		*committed = outcome == COMMIT_HELD ? 0 : -ENODATA;
	return error;
}

// Every command but HELLO has the event's number behind its header.
_Static_assert(
	offsetof(struct weir_link_event_open, number) == sizeof(struct weir_link_header) &&
		offsetof(struct weir_link_list, event) == sizeof(struct weir_link_header) &&
		offsetof(struct weir_link_commit, event) == sizeof(struct weir_link_header) &&
		offsetof(struct weir_link_restore, event) == sizeof(struct weir_link_header) &&
		offsetof(struct weir_link_batch, event) == sizeof(struct weir_link_header),
	"link layout");

// A static event is not for weir-control to change.
static bool is_static(const struct event_table *events, const void *message)
{
	const struct weir_link_header *header = message;
	const struct weir_link_batch *batch = message;

	if (header->type == WEIR_LINK_HELLO)
		return false;
	const struct event *event = event_lookup(events, batch->event);
	return event && event->is_static;
}

// *committed: the status of a COMMITTED that is to follow at once, or 1 for none.
static int carry_out(struct link_server *server, uint32_t *refused, int *committed)
{
	struct event_table *events = server->events;
	const void *message = server->message;
	const struct weir_link_header *header = message;
	const struct weir_link_list *list = message;
	const struct weir_link_batch *batch = message;
	const void *entries = list + 1;

	if (is_static(events, message))
		return -EEXIST;
	switch (header->type) {
	case WEIR_LINK_HELLO: return 0;
	case WEIR_LINK_EVENT_OPEN: return event_open(events, message);
	case WEIR_LINK_CLIENT_ADD:
		return event_add_clients(events, list->event, entries, list->count, refused);
	case WEIR_LINK_CLIENT_ADMIT:
		return event_admit(events, list->event, entries, list->count, refused);
	case WEIR_LINK_CLIENT_ABORT:
		return event_abort(events, list->event, entries, list->count, refused);
	case WEIR_LINK_COMMIT: return carry_out_commit(server, refused, committed);
	case WEIR_LINK_ROLLBACK: return commit_rollback(events, batch->event, batch->batch);
	case WEIR_LINK_SEAL: return commit_seal(events, batch->event, batch->batch);
	case WEIR_LINK_RESTORE: return commit_restore(events, message, server->received);
	case WEIR_LINK_FREEZE: return event_freeze(events, batch->event);
	case WEIR_LINK_EVENT_CLOSE: return event_close(events, batch->event);
	}
	return -EPROTO;
}

static void complain(struct link_server *server, size_t length)
{
	const struct weir_link_header *header = (const void *)server->message;

	if (server->complained)
		return;
	server->complained = true;
	console("%s: refused a malformed message (version %u, type %u, %zu bytes); are "
		"weir-control "
		"and weir-dataplane of the same version?",
		server->address.sun_path, length < sizeof(*header) ? 0 : header->version,
		length < sizeof(*header) ? 0 : header->type, length);
}

static void answer(struct link_server *server, size_t length)
{
	const struct weir_link_header *header = (const void *)server->message;
	const struct weir_link_commit *commit = (const void *)server->message;
	struct outgoing *outgoing;
	uint32_t refused = 0;
	int committed = 1;
	int status = link_message_check(server->message, length);

	if (status)
		complain(server, length);
	else
		status = carry_out(server, &refused, &committed);
	outgoing = queue(server, WEIR_LINK_RESULT, length < sizeof(*header) ? 0 : header->sequence,
		sizeof(struct weir_link_result));
	outgoing->result.status = status;
	outgoing->result.detail = refused;
	outgoing->with_memory = status == 0 && header->type == WEIR_LINK_HELLO;
	flush(server);
	if (committed <= 0)
		link_server_committed(server, commit->event, commit->batch, committed);
}

// Keeps the last of the descriptors that came with a message and closes all others.
static void take_descriptors(struct link_server *server, struct msghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	for (; control; control = CMSG_NXTHDR(message, control)) {
		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + CMSG_LEN(sizeof(int)) <= control->cmsg_len;
			at += sizeof(int)) {
			drop_descriptor(server);
			memcpy(&server->received, CMSG_DATA(control) + at, sizeof(int));
		}
	}
}

// Reads and answers one command. Returns false when there is none or no peer any more. Whatever a
// message held, keys perhaps, is wiped.
static bool take_command(struct link_server *server)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} rights;
	struct iovec part = {server->message, WEIR_LINK_MESSAGE_MAX};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights.bytes)};
	ssize_t length =
		recvmsg(server->peer, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (length >= 0)
		take_descriptors(server, &message);
	if (length <= 0) {
		drop_descriptor(server);
		hang_up(server);
		return false;
	}
	answer(server, (size_t)length);
	drop_descriptor(server);
	weir_wipe(server->message,
		length < WEIR_LINK_MESSAGE_MAX ? (size_t)length : WEIR_LINK_MESSAGE_MAX);
	return true;
}

// The newest peer is the control process: an older one is dead or about to be.
static void accept_peer(struct link_server *server)
{
	int peer = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (peer < 0)
		return;
	hang_up(server);
	server->peer = peer;
}

void link_server_prepare(
	const struct link_server *server, struct pollfd descriptors[LINK_SERVER_DESCRIPTORS])
{
	descriptors[0] = (struct pollfd){.fd = server->listener, .events = POLLIN};
	descriptors[1] = (struct pollfd){
		.fd = server->peer, .events = server->outgoing_count ? POLLOUT : POLLIN};
}

void link_server_turn(
	struct link_server *server, const struct pollfd descriptors[LINK_SERVER_DESCRIPTORS])
{
	if (descriptors[1].revents) {
		flush(server);
		for (unsigned i = 0;
			i < COMMANDS_PER_TURN && server->peer >= 0 && !server->outgoing_count;
			i++) {
			if (!take_command(server))
				break;
		}
	}
	if (descriptors[0].revents)
		accept_peer(server);
}
