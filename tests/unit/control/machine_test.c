// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "machine_test.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

struct test_event event;
struct weir_event_machine machine;
struct weir_document_error error;

void machine_set_up(void)
{
	test_event_init(&event, 2);
	event.terms.max_clients = 6;
	event.terms.max_weight = 5;
	event.offers[1].min_clients = 3;
	test_event_announce(&event);
	weir_event_machine_init(&machine);
}

void machine_tear_down(void)
{
	weir_event_machine_clear(&machine);
	test_event_clear(&event);
}

// Everything that the machine is, byte by byte.
struct image {
	struct weir_event_machine machine;
	struct weir_event_client clients[8];
	uint32_t open_clients[8];
};

static void take_image(struct image *image)
{
	memset(image, 0, sizeof(*image));
	memcpy(&image->machine, &machine, sizeof(machine));
	if (machine.client_count > 0)
		memcpy(image->clients, machine.clients,
			machine.client_count * sizeof(image->clients[0]));
	if (machine.open_count > 0)
		memcpy(image->open_clients, machine.open_clients,
			machine.open_count * sizeof(image->open_clients[0]));
}

void refused(struct weir_log_entry entry)
{
	static struct image before, after;
	take_image(&before);
	error.message[0] = '\0';
	cr_assert_eq(test_apply(&machine, &entry, &error), -EPROTO, "%s", error.message);
	cr_assert_neq(error.message[0], '\0');
	take_image(&after);
	cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0, "changed by: %s", error.message);
}

void accepted(struct weir_log_entry entry)
{
	const uint64_t index = machine.next_index;
	cr_assert_eq(test_apply(&machine, &entry, &error), 0, "%s", error.message);
	cr_assert_eq(machine.next_index, index + 1);
}

struct weir_log_entry announce(void)
{
	return test_announce_entry(&machine, &event);
}

struct weir_log_entry join(const char *name, unsigned attempt)
{
	return test_join_entry(&machine, &event, name, attempt);
}

struct weir_log_entry with_clients(enum weir_entry_type type, const int *clients)
{
	struct weir_log_entry entry = test_entry(&machine, type);
	test_entry_clients(&entry, clients);
	return entry;
}

struct weir_log_entry commit(uint32_t batch, const int *clients)
{
	struct weir_log_entry entry = with_clients(WEIR_ENTRY_COMMIT, clients);
	entry.batch = batch;
	return entry;
}

struct weir_log_entry batch_entry(enum weir_entry_type type, uint32_t batch)
{
	struct weir_log_entry entry = test_entry(&machine, type);
	entry.batch = batch;
	return entry;
}

// FREEZE as the machine itself would have it.
struct weir_log_entry freeze(void)
{
	struct weir_log_entry entry = test_entry(&machine, WEIR_ENTRY_FREEZE);
	entry.count = machine.counts[WEIR_CLIENT_SEALED];
	entry.weight = machine.sealed_weight;
	entry.set_digest = machine.sealed_digest;
	return entry;
}

struct weir_log_entry published(void)
{
	struct weir_log_entry entry = test_entry(&machine, WEIR_ENTRY_PUBLISHED);
	entry.set_digest = machine.sealed_digest;
	return entry;
}

struct weir_log_entry failed(const char *reason)
{
	struct weir_log_entry entry = test_entry(&machine, WEIR_ENTRY_FAILED);
	strcpy(entry.reason, reason);
	return entry;
}

void announce_and_join(int count)
{
	static const char *const names[] = {"alice", "bob", "carol", "dave", "erin", "frank"};
	accepted(announce());
	for (int i = 0; i < count; i++)
		accepted(join(names[i], 0));
}

void seal(uint32_t batch, const int *clients)
{
	accepted(commit(batch, clients));
	accepted(SEALED(batch));
}
