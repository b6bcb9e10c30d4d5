// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Descriptors that a dataplane sends where none, or only one, belongs are closed: a control process
// that runs for months must not end without any left.

#include "dataplane_link.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/weir-link-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct timers timers;
static struct dataplane_link *link_;
static int listener, peer, extra;

static void on_up(void *context)
{
	(void)context;
}

static void on_down(void *context, const char *reason)
{
	(void)context, (void)reason;
}

static void on_committed(void *context, uint32_t number, uint32_t batch, int status)
{
	(void)context, (void)number, (void)batch, (void)status;
}

static void start(void)
{
	static const struct dataplane_link_handlers handlers = {
		.up = on_up, .down = on_down, .committed = on_committed};
	struct weir_link_hello hello;

	cr_assert_not_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(listener, 1), 0);
	extra = memfd_create("extra", 0);
	link_ = dataplane_link_open(address.sun_path, &timers, &handlers);
	timers_run(&timers, UINT64_MAX - 1);
	peer = accept(listener, NULL, NULL);
	dataplane_link_run(link_);
	cr_assert_eq(recv(peer, &hello, sizeof(hello), 0), sizeof(hello));
}

static void stop(void)
{
	dataplane_link_close(link_);
	unlink(address.sun_path);
	rmdir(directory);
}

TestSuite(dataplane_link, .init = start, .fini = stop);

static unsigned open_descriptors(void)
{
	unsigned open = 0;

	for (int i = 0; i < 64; i++)
		open += fcntl(i, F_GETFD) >= 0;
	return open;
}

// The message, and so many descriptors with it; the control process reads it.
static void send_message(void *bytes, size_t size, unsigned count)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(2 * sizeof(int))];
	} rights = {0};
	struct iovec part = {bytes, size};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = CMSG_SPACE(count * sizeof(int))};

	rights.align.cmsg_level = SOL_SOCKET;
	rights.align.cmsg_type = SCM_RIGHTS;
	rights.align.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&rights.align), (int[]){extra, extra}, count * sizeof(int));
	cr_assert_eq(sendmsg(peer, &message, 0), (ssize_t)size);
	dataplane_link_run(link_);
}

static bool connected(void)
{
	short events;

	return dataplane_link_descriptor(link_, &events) >= 0;
}

Test(dataplane_link, closes_a_second_descriptor)
{
	struct weir_link_batch committed = {
		.header = {WEIR_LINK_VERSION, WEIR_LINK_COMMITTED, 0, sizeof(committed), 0}};
	unsigned before = open_descriptors();

	send_message(&committed, sizeof(committed), 2);
	cr_assert(connected());
	cr_assert_eq(open_descriptors(), before);
}

Test(dataplane_link, closes_descriptors_that_come_with_nothing)
{
	unsigned before = open_descriptors();

	send_message(NULL, 0, 1);
	cr_assert_not(connected());
	cr_assert_eq(open_descriptors(), before - 1, "only the link's own socket is gone");
}

Test(dataplane_link, closes_descriptors_of_a_malformed_message)
{
	uint8_t bytes[3] = {0};
	unsigned before = open_descriptors();

	send_message(bytes, sizeof(bytes), 2);
	cr_assert_not(connected());
	cr_assert_eq(open_descriptors(), before - 1, "only the link's own socket is gone");
}

// It could not even be negated.
Test(dataplane_link, hangs_up_on_a_status_that_is_none)
{
	struct weir_link_batch committed = {
		.header = {WEIR_LINK_VERSION, WEIR_LINK_COMMITTED, 0, sizeof(committed), 0},
		.status = INT32_MIN};

	send_message(&committed, sizeof(committed), 1);
	cr_assert_not(connected());
}

static const struct weir_shm_header good = {.magic = WEIR_SHM_MAGIC,
	.version = WEIR_SHM_VERSION,
	.worker_count = 1,
	.total_size = 4096,
	.counter_count = WEIR_COUNTER_COUNT,
	.counter_stride = 1024,
	.counters_offset = 128,
	.event_capacity = 1,
	.events_offset = 2048};

// A table of events or a counter at an odd address is not followed.
Test(dataplane_link, refuses_memory_that_is_not_aligned)
{
	struct weir_shm_header header = good;
	struct dataplane_memory memory = {0};

	cr_assert_eq(ftruncate(extra, 4096), 0);
	for (unsigned i = 0; i < 4; i++) {
		header = good;
		header.events_offset += i == 1;
		header.counters_offset += i == 2;
		header.counter_stride += i == 3;
		cr_assert_eq(pwrite(extra, &header, sizeof(header), 0), sizeof(header));
		cr_expect_eq(dataplane_memory_map(&memory, extra), i ? -EPROTO : 0, "%u", i);
		dataplane_memory_unmap(&memory);
	}
}

// What a dataplane writes over its header afterwards moves nothing.
Test(dataplane_link, does_not_follow_a_header_that_changes)
{
	struct weir_shm_header header = good;
	struct dataplane_memory memory = {0};

	cr_assert_eq(ftruncate(extra, 4096), 0);
	cr_assert_eq(pwrite(extra, &header, sizeof(header), 0), sizeof(header));
	cr_assert_eq(dataplane_memory_map(&memory, extra), 0);
	header.worker_count = header.event_capacity = UINT32_MAX;
	header.events_offset = header.counters_offset = UINT64_C(1) << 40;
	cr_assert_eq(pwrite(extra, &header, sizeof(header), 0), sizeof(header));
	cr_expect_null(dataplane_memory_entry(&memory, 1));
	cr_expect_not_null(dataplane_memory_entry(&memory, 0));
	cr_expect_null(dataplane_memory_event(&memory, 5));
	cr_expect(dataplane_memory_number_free(&memory, 5));
	cr_expect_eq(dataplane_memory_counter(&memory, 0, 0), 0);
	cr_expect_eq(dataplane_memory_counter(&memory, 1, 0), 0);
	dataplane_memory_unmap(&memory);
}
