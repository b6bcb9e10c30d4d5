// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "dataplane_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "arena.h"
#include "commit.h"
#include "fuzz.h"
#include "shared_memory_file.h"

#define DOORBELLS 1024

struct dataplane_rig rig;

// In place of the worker's own, which needs a ring and a control thread behind it.
void worker_ring_doorbell(struct worker *worker, uint32_t event, uint32_t client)
{
	(void)worker, (void)event, (void)client;
}

void rig_make(uint64_t arena_bytes, uint32_t max_clients)
{
	struct weir_dataplane_config config = {
		.hugepages = WEIR_HUGEPAGES_OFF,
		.arena = arena_bytes,
		.max_events = RIG_EVENTS,
		.max_clients = max_clients,
	};

	FUZZ_CHECK(event_table_create(&rig.table, &config, 1) == 0);
	struct weir_shm_header *memory = rig.table.memory;
	rig.worker = (struct worker){
		.events = &rig.table,
		.doorbell_descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
		.counters = (uint64_t *)((uint8_t *)memory + memory->counters_offset),
		.reply_nonce = UINT64_C(0x1122334455667788),
		.wait_ms = 20,
	};
	rig.doorbells = aligned_alloc(64, (size_t)rte_ring_get_memsize(DOORBELLS));
	FUZZ_CHECK(rig.doorbells);
	FUZZ_CHECK(rte_ring_init(rig.doorbells, "fuzz", DOORBELLS, 0) == 0);
}

void rig_close_events(void)
{
	for (uint32_t i = 0; i < RIG_EVENTS; i++) {
		struct event *event = atomic_load(&rig.table.events[i]);

		if (event)
			FUZZ_CHECK(event_close(&rig.table, event->number) == 0);
	}
}
