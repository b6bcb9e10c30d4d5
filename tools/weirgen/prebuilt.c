// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "prebuilt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <rte_mbuf.h>

#include "say.h"
#include "share_frame.h"

#define ROOM_BEFORE 62 // so that the payload behind the usual head lies on a cache line
#define MIB         (UINT64_C(1) << 20)

// One frame's place in its pool.
static uint64_t bytes_each(uint32_t room)
{
	return room + sizeof(struct rte_mbuf) + RTE_CACHE_LINE_SIZE;
}

static int make_pool(struct prebuilt *prebuilt, const struct load_event *event)
{
	uint64_t count = (uint64_t)event->units * event->chunk_count;
	uint32_t room = RTE_ALIGN_CEIL(
		ROOM_BEFORE + FRAME_HEAD_MAX + load_event_datagram_bytes(event), 64U);

	if (count <= INT32_MAX) {
		prebuilt->pool = rte_pktmbuf_pool_create(
			"weirgen_prebuilt", (unsigned)count, 0, 0, (uint16_t)room, SOCKET_ID_ANY);
		prebuilt->frames = calloc(count, sizeof(struct rte_mbuf *));
	}
	if (prebuilt->pool && prebuilt->frames)
		return 0;
	say("--prebuilt: %" PRIu64 " frames need %" PRIu64 " MiB, which is not there; raise "
	    "packet_memory and reserve the hugepages, or lower clients or dimension",
		count, count * bytes_each(room) / MIB + 1);
	return -ENOMEM;
}

static int make_unit(struct prebuilt *prebuilt, const struct load_event *event,
	const struct port *ports, const struct weir_aead *aead, uint32_t unit)
{
	uint32_t client = unit / event->aggregator_count;
	unsigned to = unit % event->aggregator_count;
	const struct load_aggregator *aggregator = &event->aggregators[to];
	struct rte_mbuf **frames = prebuilt->frames + (uint64_t)unit * event->chunk_count;
	struct weir_aead_key key;
	struct frame_head head;

	if (event->keys)
		weir_aead_expand(aead, event->keys[unit].to_aggregator, &key);
	struct traffic_client traffic = share_frame_client(event, client, to, &key);

	share_frame_head(event, client, to, &ports[aggregator->port], &head);
	for (uint32_t chunk = 0; chunk < event->chunk_count; chunk++) {
		frames[chunk] = rte_pktmbuf_alloc(prebuilt->pool);
		if (!frames[chunk])
			return -ENOMEM;
		frames[chunk]->data_off = ROOM_BEFORE;
		share_frame_write(aead, &traffic, &aggregator->source, &head, chunk, frames[chunk]);
	}
	return 0;
}

int prebuilt_make(
	struct prebuilt *prebuilt, const struct load_event *event, const struct port *ports)
{
	struct weir_aead *aead = weir_aead_new();
	int error = aead ? make_pool(prebuilt, event) : -errno;

	for (uint32_t unit = 0; error == 0 && unit < event->units; unit++)
		error = make_unit(prebuilt, event, ports, aead, unit);
	weir_aead_free(aead);
	return error;
}

// The pool goes with all its frames.
void prebuilt_free(struct prebuilt *prebuilt)
{
	rte_mempool_free(prebuilt->pool);
	free(prebuilt->frames);
	*prebuilt = (struct prebuilt){0};
}
