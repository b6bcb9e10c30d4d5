// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "link_rig.h"

#include "commit.h"
#include "dataplane_rig.h"
#include "fuzz.h"
#include "link_server.h"

static struct link_server *server;

void link_rig_open(const char *path)
{
	rig_make(UINT64_C(1) << 20, 256);
	server = link_server_open(&rig.table, path);
	FUZZ_CHECK(server);
}

bool link_rig_turn(void)
{
	struct pollfd descriptors[LINK_SERVER_DESCRIPTORS];
	uint32_t number, batch;
	bool moved;

	link_server_prepare(server, descriptors);
	moved = poll(descriptors, LINK_SERVER_DESCRIPTORS, 0) > 0;
	link_server_turn(server, descriptors);
	while (commit_slice(&rig.worker))
		moved = true;
	while (link_server_has_room(server) && commit_finish_next(&rig.table, &number, &batch)) {
		link_server_committed(server, number, batch, 0);
		moved = true;
	}
	return moved;
}

void link_rig_client(uint32_t number, uint32_t client, bool complete)
{
	struct event *event = event_lookup(&rig.table, number);
	uint32_t before = complete ? WEIR_CLIENT_ADMITTED : WEIR_CLIENT_JOINED;

	if (event && client < event->max_clients && event->clients[client].state == before) {
		event->clients[client].state =
			complete ? WEIR_CLIENT_COMPLETE : WEIR_CLIENT_REQUESTED;
		link_server_doorbell(server, number, &client, 1);
	}
}

unsigned link_rig_events(void)
{
	unsigned open = 0;

	for (uint32_t i = 0; i < RIG_EVENTS; i++)
		open += atomic_load(&rig.table.events[i]) != NULL;
	return open;
}
