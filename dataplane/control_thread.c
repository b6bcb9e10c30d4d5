// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "control_thread.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "commit.h"
#include "control_link.h"
#include "link_server.h"
#include "recovery.h"

#define RINGS_MAX 4096 // doorbells looked at together

static int compare(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

_Static_assert(sizeof(uintptr_t) == sizeof(uint64_t), "a doorbell is one pointer in the ring");
_Static_assert(RINGS_MAX <= WEIR_LINK_LIST_MAX, "one event's doorbells fit one message");

// Those of static events stay here. Returns how many are left, at the front.
static unsigned keep_rings(struct static_leader *static_leader, uintptr_t *rings, unsigned n)
{
	unsigned left = 0;

	for (unsigned i = 0; i < n; i++)
		if (!static_leader_ring(
			    static_leader, (uint32_t)(rings[i] >> 32), (uint32_t)rings[i]))
			rings[left++] = rings[i];
	return left;
}

// Sorted, the rings of one event stand together, and a client that rang twice is named once.
static void send_rings(struct link_server *server, uintptr_t *rings, unsigned n)
{
	uint32_t clients[RINGS_MAX];
	uint32_t count = 0;

	qsort(rings, n, sizeof(*rings), compare);
	for (unsigned i = 0; i < n; i++) {
		if (i == 0 || rings[i] != rings[i - 1])
			clients[count++] = (uint32_t)rings[i];
		if (i + 1 == n || rings[i] >> 32 != rings[i + 1] >> 32) {
			link_server_doorbell(server, (uint32_t)(rings[i] >> 32), clients, count);
			count = 0;
		}
	}
}

static void forward_doorbells(struct link_server *server, struct static_leader *static_leader,
	struct rte_ring *doorbells, int doorbell_descriptor)
{
	uintptr_t rings[RINGS_MAX];
	eventfd_t ignored;
	unsigned n;

	// Read before the ring: whoever rings after that wakes us once more.
	eventfd_read(doorbell_descriptor, &ignored);
	n = rte_ring_dequeue_burst(doorbells, (void **)rings, RINGS_MAX, NULL);
	send_rings(server, rings, keep_rings(static_leader, rings, n));
	if (n == RINGS_MAX)
		eventfd_write(doorbell_descriptor, 1);
}

static void finish_commits(struct event_table *events, struct link_server *server)
{
	uint32_t event, batch;

	while (link_server_has_room(server) && commit_finish_next(events, &event, &batch))
		link_server_committed(server, event, batch, 0);
}

void control_thread_take_precedence(void)
{
	const struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};

	(void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &lowest);
}

void control_thread_give_precedence_back(void)
{
	const struct sched_param ordinary = {0};

	(void)pthread_setschedparam(pthread_self(), SCHED_OTHER, &ordinary);
}

void control_thread_run(struct event_table *events, struct link_server *server,
	struct static_leader *static_leader, struct rte_ring *doorbells, int doorbell_descriptor,
	const _Atomic bool *stop)
{
	struct pollfd descriptors[1 + LINK_SERVER_DESCRIPTORS] = {
		{.fd = doorbell_descriptor, .events = POLLIN}};
	int wait_ms = 0, recovery_ms;

	control_thread_take_precedence();
	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		link_server_prepare(server, descriptors + 1);
		if (poll(descriptors, RTE_DIM(descriptors), wait_ms) < 0)
			continue;
		if (descriptors[0].revents)
			forward_doorbells(server, static_leader, doorbells, doorbell_descriptor);
		finish_commits(events, server);
		wait_ms = static_leader_turn(static_leader);
		recovery_ms = recovery_turn(events, doorbells, doorbell_descriptor);
		wait_ms = RTE_MIN(wait_ms, recovery_ms);
		link_server_turn(server, descriptors + 1);
	}
	control_thread_give_precedence_back();
}
