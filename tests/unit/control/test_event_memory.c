// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Memory runs out at each allocation in turn: an entry then changes nothing, nothing leaks (the
// sanitizer looks), and with memory it is taken. The linker puts the functions here in front of the
// real ones (--wrap).

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "control_test.h"

static long until_failure = -1; // allocations that succeed before one fails; -1: all do

static bool runs_out(void)
{
	return until_failure >= 0 && until_failure-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
	return runs_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return runs_out() ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	return runs_out() ? NULL : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
	return runs_out() ? NULL : __real_strdup(text);
}

static struct test_event event;
static struct weir_event_machine machine;
static struct weir_document_error error;
static size_t failures;

// What must not change; the rest cannot without these.
static bool same(const struct weir_event_machine *before)
{
	return machine.state == before->state && machine.next_index == before->next_index &&
	       memcmp(&machine.last_hash, &before->last_hash, sizeof(machine.last_hash)) == 0 &&
	       machine.client_count == before->client_count &&
	       memcmp(machine.counts, before->counts, sizeof(machine.counts)) == 0 &&
	       machine.last_batch == before->last_batch &&
	       machine.open_batch == before->open_batch &&
	       machine.open_count == before->open_count &&
	       machine.open_clients == before->open_clients &&
	       memcmp(&machine.set_digest, &before->set_digest, sizeof(machine.set_digest)) == 0 &&
	       machine.announcement.event_text == before->announcement.event_text;
}

static void apply_short_of_memory(struct weir_log_entry entry)
{
	const struct weir_event_machine before = machine;
	struct weir_log_entry parsed;
	char *text = weir_log_entry_format(&entry);
	int rc = -1;
	for (long n = 0; rc != 0; n++) {
		cr_assert_lt(n, 1000);
		until_failure = n;
		rc = weir_log_entry_parse(text, &parsed, &error);
		if (rc == 0) {
			rc = weir_event_machine_apply(&machine, &parsed, &error);
			const bool ran_out = until_failure < 0;
			until_failure = -1;
			weir_log_entry_clear(&parsed);
			cr_assert(ran_out || rc == 0, "%s", error.message);
		}
		until_failure = -1;
		failures += rc != 0;
		cr_assert(rc == 0 || same(&before), "%s", error.message);
	}
	weir_log_entry_clear(&entry);
	free(text);
}

Test(event_memory, an_entry_is_taken_whole_or_not_at_all, .timeout = 100)
{
	char name[16];
	test_event_init(&event, 2);
	event.terms.max_clients = 200;
	test_event_announce(&event);
	weir_event_machine_init(&machine);
	apply_short_of_memory(test_announce_entry(&machine, &event));
	for (unsigned i = 0; i < 130; i++) { // the table and the maps grow several times
		snprintf(name, sizeof(name), "client %u", i);
		struct weir_log_entry entry = test_join_entry(&machine, &event, name, 0);
		if (i % 21 == 1 || i == 64 || i == 128)
			apply_short_of_memory(entry);
		else
			cr_assert_eq(test_apply(&machine, &entry, &error), 0);
	}
	struct weir_log_entry entry = test_entry(&machine, WEIR_ENTRY_ADMIT);
	test_entry_clients(&entry, (const int[]){3, 128, 64, -1});
	apply_short_of_memory(entry);
	entry = test_entry(&machine, WEIR_ENTRY_COMMIT);
	test_entry_clients(&entry, (const int[]){128, 3, -1});
	entry.batch = 1;
	apply_short_of_memory(entry);
	cr_assert_eq(machine.counts[WEIR_CLIENT_COMMITTED], 2);
	cr_assert_eq(machine.clients[128].state, WEIR_CLIENT_COMMITTED);
	cr_assert_gt(failures, 30);
	weir_event_machine_clear(&machine);
	test_event_clear(&event);
}
