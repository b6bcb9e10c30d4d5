// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A rig whose memory is in a file, so that another one finds it: for the tests of restarts. Included by
// each test program once.
#pragma once

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "rig.h"

#define EVENT     6
#define CHUNK     32
#define DIMENSION (UINT64_C(70) * CHUNK + 5) // more chunks than a word of the bitmap has bits
#define SLOTS     4
#define CLIENTS   9

static struct rig rig;
static struct weir_link_event_open request;
static char folder[RIG_FOLDER];

static void setup(void)
{
	rig_folder(folder, "/dev/shm");
	rig_make_in(&rig, UINT64_C(8) << 20, folder);
	request = rig_request(EVENT, WEIR_MODULUS_M61, DIMENSION, CHUNK, CLIENTS, SLOTS);
}

static void teardown(void)
{
	event_close(&rig.table, EVENT);
	rig_free(&rig);
	cr_assert_eq(rmdir(folder), 0, "the file is left behind");
}

// Another process. The event is only found, not opened.
static void restart(void)
{
	rig_abandon(&rig);
	rig_make_in(&rig, UINT64_C(8) << 20, folder);
}

static struct event *reopen(void)
{
	restart();
	return rig_open(&rig, &request);
}

static void stage_some(struct event *event, uint32_t client, uint32_t first, uint32_t end)
{
	void *vector = rig_vector(event, client);

	for (uint32_t chunk = first; chunk < end; chunk++) {
		struct rte_mbuf *share = rig_share(&rig, event, client, chunk, vector);

		rig_stage(&rig, 0, share);
		free(share);
	}
	free(vector);
}

// Adds the clients again, as the control process does.
static void add_again(uint32_t first, uint32_t end)
{
	for (uint32_t client = first; client < end; client++)
		rig_join(&rig, EVENT, client, client + 1);
}

// The held accumulator is the sum of clients 0 .. end - 1, each times its weight.
static void check_sum(const struct event *event, uint32_t end)
{
	for (uint64_t i = 0; i < DIMENSION; i++) {
		uint64_t sum = 0;

		for (uint32_t client = 0; client < end; client++)
			sum = rig_add(event->modulus, sum, client + UINT64_C(1),
				rig_element(event->modulus, client, i));
		cr_assert_eq(rig_held(&rig, event, i), sum, "element %zu", (size_t)i);
	}
}
