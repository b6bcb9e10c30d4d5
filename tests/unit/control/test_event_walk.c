// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Random walks: legal and illegal entries against a model that is too simple to be wrong in the same
// way, and the accepted ones replayed.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "control_test.h"

#define PEOPLE      9
#define CLIENTS_MAX 20
#define SLOTS       4
#define STEPS       350
#define WALKS       12

// The log as a person would keep it on paper.
struct model {
	enum weir_event_state state;
	struct {
		enum weir_client_state state;
		int person, attempt;
		uint32_t weight, batch;
	} clients[CLIENTS_MAX];
	int count;
	uint32_t open_batch, last_batch;
	int open[CLIENTS_MAX];
	int open_count;
	uint64_t sealed_weight;
	struct weir_digest sealed_digest, set_digest;
};

static struct test_event event;
static struct weir_event_machine machine;
static struct model model;
static uint64_t random_state;
static char *accepted_texts[STEPS + 1];
static size_t accepted_count;

static unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 20) % below);
}

static int in_state(enum weir_client_state state)
{
	int count = 0;
	for (int i = 0; i < model.count; i++)
		count += model.clients[i].state == state;
	return count;
}

// A list of clients, ended by -1: mostly of the right state, sometimes any.
static void pick_clients(
	int *list, enum weir_client_state state, enum weir_client_state other, int most)
{
	const bool careless = pick(6) == 0;
	int count = 0;
	for (int i = 0; i < model.count + (careless ? 1 : 0) && count < most; i++) {
		const bool fits = i < model.count && (model.clients[i].state == state ||
							     model.clients[i].state == other);
		if (careless ? pick(5) == 0 : fits && pick(3) != 0)
			list[count++] = i;
	}
	if (count > 1 && pick(2)) { // order is part of the digest
		const int first = list[0];
		list[0] = list[count - 1];
		list[count - 1] = first;
	}
	if (count == 0)
		list[count++] = (int)pick((unsigned)model.count + 2);
	list[count] = -1;
}

static bool all_in(const int *list, enum weir_client_state state, enum weir_client_state other)
{
	for (; *list >= 0; list++)
		if (*list >= model.count || (model.clients[*list].state != state &&
						    model.clients[*list].state != other))
			return false;
	return true;
}

static void set_all(const int *list, enum weir_client_state state)
{
	for (; *list >= 0; list++)
		model.clients[*list].state = state;
}

static int length(const int *list)
{
	int count = 0;
	while (list[count] >= 0)
		count++;
	return count;
}

// Each try_ makes an entry, says whether the model takes it, and changes the model if so.
static bool try_join(struct weir_log_entry *entry)
{
	const int person = (int)pick(PEOPLE), attempt = (int)pick(12);
	char name[16];
	snprintf(name, sizeof(name), "person %d", person);
	*entry = test_join_entry(&machine, &event, name, (unsigned)attempt);
	const bool misnumbered = pick(20) == 0, forged = pick(20) == 0;
	entry->client += misnumbered;
	if (forged)
		entry->acceptances[pick(2)][pick(64)] ^= 4;
	bool legal = model.state == WEIR_EVENT_OPEN && !misnumbered && !forged &&
		     model.count < CLIENTS_MAX && entry->join.weight <= 8;
	for (int i = 0; i < model.count; i++)
		if (model.clients[i].person == person &&
			(model.clients[i].state != WEIR_CLIENT_ABORTED ||
				model.clients[i].attempt == attempt))
			legal = false;
	if (legal) {
		model.clients[model.count].state = WEIR_CLIENT_JOINED;
		model.clients[model.count].person = person;
		model.clients[model.count].attempt = attempt;
		model.clients[model.count].batch = 0;
		model.clients[model.count++].weight = entry->join.weight;
	}
	return legal;
}

static bool try_admit(struct weir_log_entry *entry)
{
	int list[CLIENTS_MAX + 2];
	const int held = in_state(WEIR_CLIENT_ADMITTED) + in_state(WEIR_CLIENT_COMMITTED);
	const int room = SLOTS - held;
	pick_clients(list, WEIR_CLIENT_JOINED, WEIR_CLIENT_JOINED,
		room > 0 && pick(8) ? room : CLIENTS_MAX);
	*entry = test_entry(&machine, WEIR_ENTRY_ADMIT);
	test_entry_clients(entry, list);
	const bool legal = model.state == WEIR_EVENT_OPEN &&
			   all_in(list, WEIR_CLIENT_JOINED, WEIR_CLIENT_JOINED) &&
			   length(list) <= room;
	if (legal)
		set_all(list, WEIR_CLIENT_ADMITTED);
	return legal;
}

static void model_commit(const int *list, uint32_t batch)
{
	struct weir_set_member members[CLIENTS_MAX];
	model.open_batch = model.last_batch = batch;
	model.open_count = length(list);
	for (int i = 0; i < model.open_count; i++) {
		const struct weir_join *join = &machine.clients[list[i]].join;
		model.open[i] = list[i];
		model.clients[list[i]].batch = batch;
		members[i] = (struct weir_set_member){(uint32_t)list[i],
			model.clients[list[i]].weight, join->identity, join->digest};
	}
	model.open[model.open_count] = -1;
	cr_assert_eq(
		weir_set_digest_add(&model.set_digest, batch, members, (size_t)model.open_count),
		0);
	set_all(list, WEIR_CLIENT_COMMITTED);
}

static bool try_commit(struct weir_log_entry *entry)
{
	int list[CLIENTS_MAX + 2];
	pick_clients(list, WEIR_CLIENT_ADMITTED, WEIR_CLIENT_ADMITTED, CLIENTS_MAX);
	*entry = test_entry(&machine, WEIR_ENTRY_COMMIT);
	test_entry_clients(entry, list);
	entry->batch = pick(10) ? model.last_batch + 1 : 1 + pick(model.last_batch + 3);
	const bool legal = model.state == WEIR_EVENT_OPEN && model.open_batch == 0 &&
			   entry->batch == model.last_batch + 1 &&
			   all_in(list, WEIR_CLIENT_ADMITTED, WEIR_CLIENT_ADMITTED);
	if (legal)
		model_commit(list, entry->batch);
	return legal;
}

static bool try_close(struct weir_log_entry *entry, enum weir_entry_type type)
{
	*entry = test_entry(&machine, type);
	entry->batch =
		pick(10) && model.open_batch ? model.open_batch : 1 + pick(model.last_batch + 2);
	if (model.state != WEIR_EVENT_OPEN || model.open_batch != entry->batch)
		return false;
	for (int i = 0; i < model.open_count; i++)
		if (type == WEIR_ENTRY_SEALED)
			model.sealed_weight += model.clients[model.open[i]].weight;
		else
			model.clients[model.open[i]].batch = 0;
	set_all(model.open, type == WEIR_ENTRY_SEALED ? WEIR_CLIENT_SEALED : WEIR_CLIENT_ADMITTED);
	if (type == WEIR_ENTRY_SEALED)
		model.sealed_digest = model.set_digest;
	else
		model.set_digest = model.sealed_digest;
	model.open_batch = 0;
	model.open_count = 0;
	return true;
}

static bool try_abort(struct weir_log_entry *entry)
{
	int list[CLIENTS_MAX + 2];
	pick_clients(list, WEIR_CLIENT_ADMITTED, WEIR_CLIENT_JOINED, 1 + (int)pick(2));
	*entry = test_entry(&machine, WEIR_ENTRY_ABORT);
	test_entry_clients(entry, list);
	const bool legal = model.state == WEIR_EVENT_OPEN &&
			   all_in(list, WEIR_CLIENT_ADMITTED, WEIR_CLIENT_JOINED);
	if (legal)
		set_all(list, WEIR_CLIENT_ABORTED);
	return legal;
}

static bool try_freeze(struct weir_log_entry *entry)
{
	const bool wrong = pick(4) == 0;
	*entry = test_entry(&machine, WEIR_ENTRY_FREEZE);
	entry->count = (uint64_t)in_state(WEIR_CLIENT_SEALED);
	entry->weight = model.sealed_weight + wrong;
	entry->set_digest = model.sealed_digest;
	if (model.state != WEIR_EVENT_OPEN || model.open_batch != 0 || wrong ||
		in_state(WEIR_CLIENT_SEALED) < 2)
		return false;
	for (int i = 0; i < model.count; i++)
		if (model.clients[i].state != WEIR_CLIENT_SEALED)
			model.clients[i].state = WEIR_CLIENT_ABORTED;
	model.state = WEIR_EVENT_FROZEN;
	return true;
}

static bool try_end(struct weir_log_entry *entry, enum weir_entry_type type)
{
	*entry = test_entry(&machine, type);
	entry->set_digest = model.sealed_digest;
	const bool legal = type == WEIR_ENTRY_FAILED ? model.state < WEIR_EVENT_PUBLISHED
						     : model.state == WEIR_EVENT_FROZEN;
	if (legal)
		model.state = type == WEIR_ENTRY_FAILED ? WEIR_EVENT_FAILED : WEIR_EVENT_PUBLISHED;
	return legal;
}

static bool try_announce(struct weir_log_entry *entry)
{
	*entry = test_announce_entry(&machine, &event);
	if (model.state != WEIR_EVENT_DRAFT)
		return false;
	model.state = WEIR_EVENT_OPEN;
	model.set_digest = model.sealed_digest = (struct weir_digest){{0}};
	cr_assert_eq(
		weir_set_digest_start(&event.announcement.event_digest, &model.sealed_digest), 0);
	model.set_digest = model.sealed_digest;
	return true;
}

static bool try_something(struct weir_log_entry *entry, int step)
{
	const unsigned choice = step == 0 ? 999 : pick(1000);
	if (choice < 300)
		return try_join(entry);
	if (choice < 500)
		return try_admit(entry);
	if (choice < 700)
		return try_commit(entry);
	if (choice < 760)
		return try_close(entry, WEIR_ENTRY_ROLLBACK);
	if (choice < 880)
		return try_close(entry, WEIR_ENTRY_SEALED);
	if (choice < 970)
		return try_abort(entry);
	if (choice < 978)
		return try_freeze(entry);
	if (choice < 988)
		return try_end(entry, WEIR_ENTRY_PUBLISHED);
	if (choice < 990)
		return try_end(entry, WEIR_ENTRY_FAILED);
	return try_announce(entry);
}

static void assert_same_as_model(void)
{
	cr_assert_eq(machine.state, model.state);
	cr_assert_eq((int)machine.client_count, model.count);
	cr_assert_eq(machine.open_batch, model.open_batch);
	cr_assert_eq(machine.last_batch, model.last_batch);
	cr_assert_eq((int)machine.open_count, model.open_count);
	cr_assert_eq(machine.sealed_weight, model.sealed_weight);
	for (int i = 0; i < model.open_count; i++)
		cr_assert_eq((int)machine.open_clients[i], model.open[i]);
	for (int i = 0; i < model.count; i++) {
		cr_assert_eq(machine.clients[i].state, model.clients[i].state);
		cr_assert_eq(machine.clients[i].batch, model.clients[i].batch);
	}
	for (int state = WEIR_CLIENT_NONE; state <= WEIR_CLIENT_ABORTED; state++)
		cr_assert_eq((int)machine.counts[state], in_state((enum weir_client_state)state),
			"%s", weir_client_state_name(state));
	cr_assert_eq(memcmp(&machine.set_digest, &model.set_digest, 32), 0);
	cr_assert_eq(memcmp(&machine.sealed_digest, &model.sealed_digest, 32), 0);
	cr_assert_leq((int)weir_event_machine_slots_held(&machine), SLOTS);
}

static void step(int number)
{
	struct weir_log_entry entry, parsed;
	struct weir_document_error error;
	const uint64_t index = machine.next_index;
	const struct weir_digest hash = machine.last_hash;
	const bool legal = try_something(&entry, number);
	char *text = weir_log_entry_format(&entry);
	cr_assert_not_null(text);
	cr_assert_eq(weir_log_entry_parse(text, &parsed, &error), 0, "%s", error.message);
	cr_assert_eq(weir_event_machine_apply(&machine, &parsed, &error), legal ? 0 : -EPROTO,
		"step %d: %s\n%s", number, legal ? error.message : "was taken", text);
	cr_assert_eq(machine.next_index, index + legal);
	if (legal)
		accepted_texts[accepted_count++] = text;
	else
		free(text);
	cr_assert_eq(memcmp(&machine.last_hash, legal ? &parsed.hash : &hash, 32), 0);
	weir_log_entry_clear(&parsed);
	weir_log_entry_clear(&entry);
	assert_same_as_model();
}

// The accepted entries give the same state again; with one left out they do not.
static void replay(void)
{
	struct weir_event_machine again;
	struct weir_document_error error;
	const size_t omitted = pick((unsigned)accepted_count + 1);
	weir_event_machine_init(&again);
	for (size_t i = 0; i < accepted_count; i++) {
		struct weir_log_entry entry;
		cr_assert_eq(weir_log_entry_parse(accepted_texts[i], &entry, &error), 0);
		if (i == omitted + 1) {
			struct weir_event_machine copy = again;
			copy.next_index--; // as if the one before had not been
			cr_assert_eq(weir_event_machine_apply(&copy, &entry, &error), -EPROTO);
		}
		cr_assert_eq(
			weir_event_machine_apply(&again, &entry, &error), 0, "%s", error.message);
		weir_log_entry_clear(&entry);
		free(accepted_texts[i]);
	}
	weir_event_machine_clear(&machine);
	machine = again;
	assert_same_as_model();
}

static void walk(uint64_t seed)
{
	random_state = seed * 0x9e3779b97f4a7c15 + 1;
	memset(&model, 0, sizeof(model));
	accepted_count = 0;
	weir_event_machine_init(&machine);
	for (int i = 0; i < STEPS; i++)
		step(i);
	replay();
	weir_event_machine_clear(&machine);
}

Test(event_walk, the_machine_does_what_the_model_does, .timeout = 150)
{
	unsigned ends[WEIR_EVENT_FAILED + 1] = {0};
	test_event_init(&event, 2);
	event.terms.max_clients = CLIENTS_MAX;
	event.terms.max_weight = 8;
	test_event_announce(&event);
	for (uint64_t seed = 1; seed <= WALKS; seed++) {
		walk(seed);
		ends[model.state]++;
	}
	// the walks go far enough to mean something
	cr_assert_gt(ends[WEIR_EVENT_PUBLISHED] + ends[WEIR_EVENT_FROZEN], 0);
	test_event_clear(&event);
}
