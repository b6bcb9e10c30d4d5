// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The order in which the process comes up; it goes down the other way round.

#include "dataplane.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <rte_errno.h>
#include <rte_launch.h>

#include "console.h"
#include "control_thread.h"
#include "dataplane_sandbox.h"
#include "eal.h"
#include "random.h"
#include "shared_memory_file.h"

#define DOORBELLS 16384 // a power of two

static void nothing(struct dataplane *dataplane)
{
}

static int keep_what_opening_needs(struct dataplane *dataplane)
{
	return dataplane_sandbox_begin();
}

static int drop_in_threads(struct dataplane *dataplane)
{
	return dataplane->sandbox ? dataplane_sandbox_threads(dataplane->user) : 0;
}

static int enter_sandbox(struct dataplane *dataplane)
{
	int error = dataplane_sandbox_user(dataplane->user, dataplane->config->socket);

	return error || !dataplane->sandbox ? error : dataplane_sandbox_enter();
}

static int start_eal(struct dataplane *dataplane)
{
	return eal_start(dataplane->config, &dataplane->hugepages);
}

static void stop_eal(struct dataplane *dataplane)
{
	eal_stop();
}

// Memory holds keys and shares: it must not end up in a core file, nor be read by another process of
// the same user. After EAL, which reads /proc/self.
static int forbid_dumps(struct dataplane *dataplane)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0)
		return 0;
	int error = -errno;
	console("cannot switch core dumps off: %s", strerror(errno));
	return error;
}

// By now secrets are wiped, and leak checkers want to look.
static void allow_dumps(struct dataplane *dataplane)
{
	(void)prctl(PR_SET_DUMPABLE, 1);
}

static int create_events(struct dataplane *dataplane)
{
	return event_table_create(
		&dataplane->events, dataplane->config, (unsigned)dataplane->config->worker_count);
}

static void destroy_events(struct dataplane *dataplane)
{
	event_table_destroy(&dataplane->events);
}

static void remove_doorbells(struct dataplane *dataplane)
{
	rte_ring_free(dataplane->doorbells);
	if (dataplane->doorbell_descriptor >= 0)
		close(dataplane->doorbell_descriptor);
}

static int make_doorbells(struct dataplane *dataplane)
{
	dataplane->doorbells =
		rte_ring_create("doorbells", DOORBELLS, SOCKET_ID_ANY, RING_F_SC_DEQ);
	dataplane->doorbell_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dataplane->doorbells && dataplane->doorbell_descriptor >= 0)
		return 0;
	int error = dataplane->doorbells ? -errno : -rte_errno;
	console("cannot make the doorbells: %s", strerror(-error));
	remove_doorbells(dataplane);
	return error;
}

static void close_ports(struct dataplane *dataplane)
{
	for (size_t i = dataplane->config->port_count; i-- > 0;)
		port_close(&dataplane->ports[i]);
}

static int open_ports(struct dataplane *dataplane)
{
	const struct weir_dataplane_config *config = dataplane->config;
	unsigned buffers = config->packet_buffers / (unsigned)config->port_count;

	for (unsigned i = 0; i < config->port_count; i++) {
		int error = port_open(&dataplane->ports[i], &config->ports[i], i,
			(unsigned)config->worker_count, buffers);
		if (error != 0) {
			close_ports(dataplane);
			return error;
		}
	}
	port_wait_for_links(dataplane->ports, (unsigned)config->port_count);
	return 0;
}

// Queues go to the workers in turn, over all ports, so that ports with one queue each are spread too.
static int share_out_queues(struct dataplane *dataplane)
{
	unsigned workers = (unsigned)dataplane->config->worker_count, next = 0;

	for (size_t i = 0; i < dataplane->config->port_count; i++) {
		for (uint16_t queue = 0; queue < dataplane->ports[i].queue_count; queue++) {
			struct worker *worker = &dataplane->workers[next++ % workers];

			if (worker->queue_count == WORKER_QUEUES_MAX) {
				console("more than %u queues for one worker; add workers or lower "
					"queues",
					WORKER_QUEUES_MAX);
				return -ENOSPC;
			}
			worker->queues[worker->queue_count++] =
				(struct worker_queue){&dataplane->ports[i], queue};
		}
	}
	if (next < workers)
		console("%u queues for %u workers: the last %u only sum", next, workers,
			workers - next);
	return 0;
}

static int prepare_worker(struct dataplane *dataplane, unsigned index)
{
	const struct weir_dataplane_config *config = dataplane->config;
	const struct weir_shm_header *memory = dataplane->events.memory;
	struct worker *worker = &dataplane->workers[index];

	*worker = (struct worker){
		.index = index,
		.lcore = eal_lcore_of_worker(index),
		.events = &dataplane->events,
		.idle = config->idle,
		.udp_port = rte_cpu_to_be_16(config->udp_port),
		.wait_ms = config->wait_ms,
		.doorbells = dataplane->doorbells,
		.doorbell_descriptor = dataplane->doorbell_descriptor,
		.stop = dataplane->stop,
		.counters =
			(uint64_t *)((uint8_t *)dataplane->events.memory + memory->counters_offset +
				     (uint64_t)index * memory->counter_stride),
	};
	int error = weir_random_bytes(&worker->reply_nonce, sizeof(worker->reply_nonce));
	if (error != 0)
		console("no random bytes for nonces: %s", strerror(-error));
	return error;
}

static void stop_workers(struct dataplane *dataplane)
{
	atomic_store(dataplane->stop, true);
	for (unsigned i = 0; i < dataplane->workers_launched; i++)
		rte_eal_wait_lcore(dataplane->workers[i].lcore);
	dataplane->workers_launched = 0;
}

static int launch_workers(struct dataplane *dataplane)
{
	int error = 0;

	for (unsigned i = 0; error == 0 && i < dataplane->config->worker_count; i++)
		error = prepare_worker(dataplane, i);
	if (error == 0)
		error = share_out_queues(dataplane);
	for (unsigned i = 0; error == 0 && i < dataplane->config->worker_count; i++) {
		error = rte_eal_remote_launch(
			worker_run, &dataplane->workers[i], dataplane->workers[i].lcore);
		if (error == 0)
			dataplane->workers_launched++;
		else
			console("worker %u does not start: %s", i, strerror(-error));
	}
	if (error != 0)
		stop_workers(dataplane);
	return error;
}

static int open_static_events(struct dataplane *dataplane)
{
	dataplane->static_leader = static_leader_new(&dataplane->events, dataplane->config);
	return dataplane->static_leader ? 0 : -errno;
}

static void leave_static_events(struct dataplane *dataplane)
{
	static_leader_free(dataplane->static_leader);
	dataplane->static_leader = NULL;
}

static int open_link(struct dataplane *dataplane)
{
	dataplane->server = link_server_open(&dataplane->events, dataplane->config->socket);
	return dataplane->server ? 0 : -errno;
}

static void close_link(struct dataplane *dataplane)
{
	link_server_close(dataplane->server);
	dataplane->server = NULL;
}

static const struct init_step {
	int (*start)(struct dataplane *dataplane);
	void (*stop)(struct dataplane *dataplane);
} steps[] = {
	{keep_what_opening_needs, nothing},
	{start_eal, stop_eal},
	{forbid_dumps, allow_dumps},
	{create_events, destroy_events},
	{make_doorbells, remove_doorbells},
	{open_ports, close_ports},
	{drop_in_threads, nothing},
	{launch_workers, stop_workers},
	{open_static_events, leave_static_events},
	{open_link, close_link},
	{enter_sandbox, nothing},
};

static void undo(struct dataplane *dataplane, size_t taken)
{
	while (taken-- > 0)
		steps[taken].stop(dataplane);
}

int dataplane_start(struct dataplane *dataplane)
{
	for (size_t i = 0; i < RTE_DIM(steps); i++) {
		int error = steps[i].start(dataplane);
		if (error != 0) {
			undo(dataplane, i);
			return error;
		}
	}
	return 0;
}

void dataplane_run(struct dataplane *dataplane)
{
	const struct weir_dataplane_config *config = dataplane->config;

	for (size_t i = 0; i < config->port_count; i++) {
		const struct port *port = &dataplane->ports[i];
		console("%s: " RTE_ETHER_ADDR_PRT_FMT ", queues: %u", port->name,
			RTE_ETHER_ADDR_BYTES(&port->mac), port->queue_count);
	}
	console("running (ports: %zu, workers: %zu, packets in %s, shares in %s); control link at "
		"%s",
		config->port_count, config->worker_count,
		dataplane->hugepages ? "hugepages" : "ordinary pages",
		dataplane->events.memory->uses_hugepages ? "hugepages" : "ordinary pages",
		config->socket);
	control_thread_run(&dataplane->events, dataplane->server, dataplane->static_leader,
		dataplane->doorbells, dataplane->doorbell_descriptor, dataplane->stop);
}

void dataplane_stop(struct dataplane *dataplane)
{
	undo(dataplane, RTE_DIM(steps));
}
