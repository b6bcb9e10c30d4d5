// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What the leader appends next. Read it from the bottom: leader_step is the protocol.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "control_link.h"
#include "log.h"

// Completions come one by one; a batch of many costs hardly more than a batch of one.
#define COALESCE_MS   5
#define LOOK_AGAIN_MS 10000

static const char too_slow[] = "not complete at every aggregator within the admit timeout";

static uint16_t everybody(const struct event *event)
{
	return (uint16_t)((1u << event->terms.aggregator_count) - 1);
}

static enum weir_client_state state_of(const struct event *event, uint32_t client)
{
	return event->machine.clients[client].state;
}

// What the leader decided but cannot append must not be decided again for ever: the event fails.
static int append(struct event *event, struct weir_log_entry *entry)
{
	enum weir_entry_type type = entry->type;
	int error = event_append(event, entry);

	if (error)
		leader_fail(event, "the leader could not append %s", weir_entry_type_name(type));
	return error;
}

static int append_batch(struct event *event, enum weir_entry_type type, uint32_t batch)
{
	struct weir_log_entry entry = {.type = type, .batch = batch};

	return append(event, &entry);
}

static int append_clients(struct event *event, enum weir_entry_type type, uint32_t batch,
	const uint32_t *clients, size_t count, const char *reason)
{
	struct weir_log_entry entry = {.type = type, .batch = batch, .client_count = count};

	entry.clients = malloc(count * sizeof(*clients));
	if (!entry.clients)
		return -ENOMEM;
	memcpy(entry.clients, clients, count * sizeof(*clients));
	snprintf(entry.reason, sizeof(entry.reason), "%s", reason);
	return append(event, &entry);
}

static void announce(struct event *event)
{
	struct leader *leader = event->leader;
	struct weir_log_entry entry = {.type = WEIR_ENTRY_ANNOUNCE};
	struct weir_signed_text offers[WEIR_AGGREGATORS_MAX];
	struct weir_document_error error;

	if (leader->offered != everybody(event))
		return;
	for (size_t i = 0; i < event->terms.aggregator_count; i++) {
		offers[i].text = leader->offers[i];
		memcpy(offers[i].signature, leader->offer_signatures[i], WEIR_SIGNATURE_SIZE);
	}
	if (weir_announcement_make(event->text, offers, event->terms.aggregator_count,
		    event->control->key, &entry.announcement, &error))
		leader_fail(event, "cannot announce: %s", error.message);
	else
		append(event, &entry);
}

int leader_note_admissions(struct event *event, const uint32_t *clients, size_t count)
{
	struct leader *leader = event->leader;
	uint64_t now = clock_monotonic_ms();

	if (leader->admission_count + count > leader->admission_capacity) {
		size_t capacity = 2 * (leader->admission_count + count);
		struct admission *grown =
			realloc(leader->admissions, capacity * sizeof(*leader->admissions));

		if (!grown)
			return -ENOMEM;
		leader->admissions = grown;
		leader->admission_capacity = capacity;
	}
	for (size_t i = 0; i < count; i++) {
		struct leader_client *client = leader_client(event, clients[i]);

		if (!client)
			return -ENOMEM;
		client->admitted_ms = now;
		leader->admissions[leader->admission_count++] = (struct admission){clients[i], now};
	}
	return 0;
}

static void admit(struct event *event)
{
	struct index_list *asking = &event->leader->asking;
	size_t held = weir_event_machine_slots_held(&event->machine);
	size_t limit = weir_event_machine_slot_limit(&event->machine);
	size_t count = limit > held ? limit - held : 0;

	if (count > asking->count)
		count = asking->count;
	if (count > WEIR_LINK_LIST_MAX)
		count = WEIR_LINK_LIST_MAX;
	if (!count || leader_note_admissions(event, asking->items, count))
		return;
	append_clients(event, WEIR_ENTRY_ADMIT, 0, asking->items, count, "");
	index_list_drop(asking, count);
}

// The next to be overdue, past those that are admitted no more or anew.
static const struct admission *oldest_admission(struct event *event)
{
	struct leader *leader = event->leader;

	for (; leader->admission_first < leader->admission_count; leader->admission_first++) {
		const struct admission *admission = &leader->admissions[leader->admission_first];
		const struct leader_client *client = leader_client(event, admission->client);

		if (client && client->admitted_ms == admission->admitted_ms &&
			client->complete != everybody(event) &&
			state_of(event, admission->client) == WEIR_CLIENT_ADMITTED)
			return admission;
	}
	leader->admission_first = leader->admission_count = 0;
	return NULL;
}

static void abort_overdue(struct event *event)
{
	uint64_t now = clock_monotonic_ms();
	const struct admission *admission;
	struct index_list overdue = {0};

	while ((admission = oldest_admission(event)) &&
		admission->admitted_ms + event->terms.admit_timeout_ms <= now &&
		overdue.count < WEIR_LINK_LIST_MAX &&
		!index_list_add(&overdue, admission->client)) {
		event->leader->admission_first++;
	}
	if (overdue.count)
		append_clients(event, WEIR_ENTRY_ABORT, 0, overdue.items, overdue.count, too_slow);
	index_list_clear(&overdue);
}

// The clients of a batch that was undone are admitted still, with all their time before them.
static void roll_back(struct event *event)
{
	struct weir_event_machine *machine = &event->machine;
	struct leader *leader = event->leader;

	for (size_t i = 0; i < machine->open_count; i++) {
		struct leader_client *client = leader_client(event, machine->open_clients[i]);

		if (client)
			client->complete = 0;
	}
	if (leader_note_admissions(event, machine->open_clients, machine->open_count))
		return;
	log_event(event, "batch %u is rolled back: an aggregator lost a slot of it",
		machine->open_batch);
	if (!append_batch(event, WEIR_ENTRY_ROLLBACK, machine->open_batch))
		leader->lost = false;
}

static void settle_batch(struct event *event)
{
	struct leader *leader = event->leader;
	uint32_t batch = event->machine.open_batch;

	if (!batch)
		return;
	if (leader->lost)
		roll_back(event);
	else if (leader->acknowledged == everybody(event))
		append_batch(event, WEIR_ENTRY_SEALED, batch);
}

static bool past_deadline(const struct event *event)
{
	return clock_wall_ms() >= event->terms.deadline_ms;
}

// After a restart nothing ends for what the others have not had time to tell again.
static bool is_patient(const struct event *event)
{
	return clock_monotonic_ms() < event->leader->patience_ms &&
	       (event->state == WEIR_EVENT_DRAFT || event->machine.counts[WEIR_CLIENT_ADMITTED]);
}

// Aborted clients may still be in the list.
static void drop_not_admitted(struct event *event, struct index_list *ready)
{
	size_t kept = 0;

	for (size_t i = 0; i < ready->count; i++)
		if (state_of(event, ready->items[i]) == WEIR_CLIENT_ADMITTED)
			ready->items[kept++] = ready->items[i];
	ready->count = kept;
}

static void commit(struct event *event)
{
	struct weir_event_machine *machine = &event->machine;
	struct leader *leader = event->leader;
	size_t count;

	if (machine->open_batch || !leader->ready.count)
		return;
	drop_not_admitted(event, &leader->ready);
	count = leader->ready.count;
	if (!count || (count < machine->counts[WEIR_CLIENT_ADMITTED] && !past_deadline(event) &&
			      clock_monotonic_ms() < leader->ready_since_ms + COALESCE_MS))
		return;
	if (count > WEIR_LINK_LIST_MAX)
		count = WEIR_LINK_LIST_MAX;
	leader->acknowledged = 0;
	leader->lost = false;
	append_clients(
		event, WEIR_ENTRY_COMMIT, machine->last_batch + 1, leader->ready.items, count, "");
	index_list_drop(&leader->ready, count);
}

static void freeze_if_due(struct event *event)
{
	const struct weir_event_machine *machine = &event->machine;
	size_t sealed = machine->counts[WEIR_CLIENT_SEALED];
	uint32_t least = weir_event_machine_least_clients(machine);
	bool reached = event->terms.target_clients && sealed >= event->terms.target_clients;
	struct weir_log_entry entry = {.type = WEIR_ENTRY_FREEZE,
		.count = sealed,
		.weight = machine->sealed_weight,
		.set_digest = machine->sealed_digest};

	if (machine->open_batch || !(reached || (past_deadline(event) && !is_patient(event))))
		return;
	if (sealed < least) {
		leader_fail(event, "clients in the sum at the deadline: %zu, required: %u", sealed,
			least);
		return;
	}
	append(event, &entry);
}

static void publish(struct event *event)
{
	struct weir_log_entry entry = {
		.type = WEIR_ENTRY_PUBLISHED, .set_digest = event->machine.sealed_digest};

	// Receipts go before the report that it is published: all are kept by now, or being verified.
	if (event->leader->published == everybody(event) && !event->leader->receipt_checks)
		append(event, &entry);
}

static void fail(struct event *event)
{
	struct weir_log_entry entry = {.type = WEIR_ENTRY_FAILED};

	snprintf(entry.reason, sizeof(entry.reason), "%s", event->leader->failure);
	event_append(event, &entry);
}

// Names those whose offers are missing.
static void fail_if_never_offered(struct event *event)
{
	char name[64];

	if (!past_deadline(event) || is_patient(event))
		return;
	for (size_t i = 0; i < event->terms.aggregator_count; i++)
		if (!(event->leader->offered >> i & 1)) {
			leader_fail(event, "no offer from %s by the deadline",
				control_name(event->control, &event->terms.aggregators[i], name,
					sizeof(name)));
			return;
		}
}

static void set_timer(struct event *event)
{
	struct timers *timers = &event->control->timers;
	struct leader *leader = event->leader;
	uint64_t now = clock_monotonic_ms(), wall = clock_wall_ms(), due = UINT64_MAX, candidate;
	const struct admission *admission;

	if (event_ended(event) || event->state == WEIR_EVENT_FROZEN) {
		timer_stop(timers, &leader->timer);
		return;
	}
	if (event->terms.deadline_ms > wall)
		due = now + (event->terms.deadline_ms - wall);
	else if (is_patient(event))
		due = leader->patience_ms;
	if (event->state == WEIR_EVENT_OPEN) {
		admission = oldest_admission(event);
		candidate =
			admission ? admission->admitted_ms + event->terms.admit_timeout_ms : due;
		due = candidate < due ? candidate : due;
		candidate = leader->ready.count && !event->machine.open_batch
				    ? leader->ready_since_ms + COALESCE_MS
				    : due;
		due = candidate < due ? candidate : due;
	}
	// The deadline is by the wall clock, which may be set: look again now and then.
	timer_set(timers, &leader->timer, due < now + LOOK_AGAIN_MS ? due : now + LOOK_AGAIN_MS);
}

void leader_step(struct event *event)
{
	struct leader *leader = event->leader;

	if (!leader->failure[0]) {
		switch (event->state) {
		case WEIR_EVENT_DRAFT:
			announce(event);
			fail_if_never_offered(event);
			break;
		case WEIR_EVENT_OPEN:
			leader_log_joins(event);
			settle_batch(event);
			commit(event);
			abort_overdue(event);
			if (!past_deadline(event))
				admit(event);
			freeze_if_due(event);
			break;
		default: publish(event); break;
		}
	}
	if (leader->failure[0] && !event_ended(event))
		fail(event);
	if (event->state != WEIR_EVENT_OPEN)
		leader_joins_clear(event);
	set_timer(event);
}

static void wake_client(struct event *event, uint32_t index)
{
	struct leader_client *client =
		index < event->leader->client_capacity ? event->leader->clients[index] : NULL;

	if (client)
		wait_list_wake(&client->waiters);
}

void leader_act(struct event *event, const struct action *action)
{
	const struct weir_log_entry *entry = &action->entry;

	if (entry->type == WEIR_ENTRY_ABORT) {
		for (size_t i = 0; i < entry->client_count; i++)
			wake_client(event, entry->clients[i]);
	} else if (entry->type == WEIR_ENTRY_FREEZE || entry->type == WEIR_ENTRY_PUBLISHED ||
		   entry->type == WEIR_ENTRY_FAILED) {
		for (uint32_t i = 0; i < event->leader->client_capacity; i++)
			wake_client(event, i);
		wait_list_wake(&event->leader->join_waiters);
	}
}
