// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "event_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "follower.h"
#include "log.h"

void event_changed(struct event *event)
{
	struct control *control = event->control;
	uint64_t sequence;

	if (weir_store_counter_next(control->store, "event_sequence", &sequence) ||
		weir_store_event_set_state(control->store, &event->digest,
			weir_event_state_name(event->state), event->reason, sequence))
		log_event(event, "its change of state could not be written");
	else
		event->sequence = control->book.sequence = sequence;
	control_dirty(control);
	if (event->state != WEIR_EVENT_DRAFT && event_book_note_collectors(control, &event->terms))
		log_event(event, "out of memory: its collectors cannot list events");
	wait_list_wake(&control->book.change_waiters);
	if (event_ended(event))
		participant_wipe_stored_key(event);
	if (event_ended(event) || event->participant.share_durable)
		wait_list_wake(&event->share_waiters);
}

enum weir_event_state event_state_parse(const char *name)
{
	for (enum weir_event_state state = WEIR_EVENT_DRAFT; state <= WEIR_EVENT_FAILED; state++)
		if (!strcmp(weir_event_state_name(state), name))
			return state;
	return WEIR_EVENT_FAILED;
}

static void action_free(struct action *action)
{
	weir_log_entry_clear(&action->entry);
	free(action);
}

void event_log_clear(struct event *event)
{
	struct action *action;

	while ((action = event->actions)) {
		event->actions = action->next;
		action_free(action);
	}
	event->last_action = &event->actions;
}

static void action_queue(struct event *event, struct action *action)
{
	struct event_book *book = &event->control->book;

	if (!event->actions) {
		event->next_acting = book->acting;
		book->acting = event;
	}
	action->next = NULL;
	*event->last_action = action;
	event->last_action = &action->next;
	event->control->restless = true;
}

static int queue_without_entry(struct event *event, bool resume)
{
	struct action *action = calloc(1, sizeof(*action));

	if (!action)
		return -ENOMEM;
	action->resume = resume;
	action_queue(event, action);
	return 0;
}

int event_share_written(struct event *event)
{
	return queue_without_entry(event, false);
}

int event_reopened(struct event *event)
{
	return queue_without_entry(event, true);
}

// ROLLBACK and SEALED name a batch; whoever acts on them wants its clients, and the machine forgets
// them.
static int keep_batch(const struct weir_event_machine *machine, struct weir_log_entry *entry)
{
	size_t size = machine->open_count * sizeof(*entry->clients);

	if ((entry->type != WEIR_ENTRY_ROLLBACK && entry->type != WEIR_ENTRY_SEALED) || !size)
		return 0;
	entry->clients = malloc(size);
	if (!entry->clients)
		return -ENOMEM;
	memcpy(entry->clients, machine->open_clients, size);
	entry->client_count = machine->open_count;
	return 0;
}

void event_open_totals(const struct weir_event_machine *machine, struct event_totals *totals)
{
	totals->count = machine->counts[WEIR_CLIENT_SEALED] + machine->open_count;
	totals->weight = machine->sealed_weight;
	for (size_t i = 0; i < machine->open_count; i++)
		totals->weight += machine->clients[machine->open_clients[i]].join.weight;
	totals->set_digest = machine->set_digest;
}

// Applies and stores; the entry moves into an action. On error the entry is still the caller's.
static int take_entry(struct event *event, struct weir_log_entry *entry, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], struct weir_document_error *error)
{
	struct weir_event_machine *machine = &event->machine;
	struct action *action = calloc(1, sizeof(*action));
	struct weir_log_entry batch = {.type = entry->type};
	int status = action ? keep_batch(machine, &batch) : -ENOMEM;

	if (!status)
		status = weir_event_machine_apply(machine, entry, error);
	else
		snprintf(error->message, sizeof(error->message), "out of memory");
	if (status) {
		free(batch.clients);
		free(action);
		return status;
	}
	status = weir_store_log_append(
		event->control->store, &event->digest, entry->index, text, signature);
	control_dirty(event->control);
	if (status) {
		// The machine is ahead of the store now: nothing can go on from here.
		snprintf(error->message, sizeof(error->message), "entry %llu could not be written",
			(unsigned long long)entry->index);
		event->control->failure = status;
		free(batch.clients);
		free(action);
		return status;
	}
	action->entry = *entry;
	*entry = (struct weir_log_entry){0};
	if (batch.clients) {
		action->entry.clients = batch.clients;
		action->entry.client_count = batch.client_count;
	}
	if (action->entry.type == WEIR_ENTRY_COMMIT)
		event_open_totals(machine, &action->after);
	if (machine->state != event->state) {
		event->state = machine->state;
		snprintf(event->reason, sizeof(event->reason), "%s", machine->reason);
		event_changed(event);
	}
	action_queue(event, action);
	return 0;
}

int event_append(struct event *event, struct weir_log_entry *entry)
{
	struct weir_document_error error = {"out of memory"};
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	enum weir_entry_type type = entry->type;
	int status = -ENOMEM;
	char *text;

	entry->index = event->machine.next_index;
	entry->previous = event->machine.last_hash;
	text = weir_log_entry_format(entry);
	if (text)
		status = weir_log_sign(event->control->key, text, signature);
	if (!status)
		status = take_entry(event, entry, text, signature, &error);
	if (status)
		log_event(event, "cannot append %s: %s", weir_entry_type_name(type), error.message);
	free(text);
	weir_log_entry_clear(entry);
	return status;
}

// What the machine cannot know: that the announcement is of the event we offered for, with our offer.
static int check_announcement(const struct event *event, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	const struct weir_announcement *announcement = &entry->announcement;
	const char *offer = event->participant.offer;

	if (entry->type != WEIR_ENTRY_ANNOUNCE)
		return 0;
	if (memcmp(&announcement->event_digest, &event->digest, sizeof(event->digest)))
		snprintf(error->message, sizeof(error->message), "announces another event");
	else if (offer && strcmp(announcement->signed_offers[event->self].text, offer))
		snprintf(error->message, sizeof(error->message),
			"carries an offer that is not ours");
	else
		return 0;
	return -EBADMSG;
}

int event_follow(struct event *event, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], struct weir_document_error *error)
{
	struct weir_log_entry entry = {0};
	int status = 0;

	if (!weir_log_verify(&event->terms.aggregators[0], text, signature)) {
		snprintf(error->message, sizeof(error->message), "not signed by the leader");
		return -EBADMSG;
	}
	status = weir_log_entry_parse(text, &entry, error);
	if (status)
		return status;
	if (entry.index < event->machine.next_index) {
		status = weir_store_log_append(
			event->control->store, &event->digest, entry.index, text, signature);
		if (status == -EEXIST)
			status = 0;
		else
			snprintf(error->message, sizeof(error->message),
				"the log forks: entry %llu differs from ours",
				(unsigned long long)entry.index);
	} else {
		status = check_announcement(event, &entry, error);
		if (!status)
			status = take_entry(event, &entry, text, signature, error);
	}
	weir_log_entry_clear(&entry);
	return status;
}

static void end_part(struct event *event)
{
	event->state = WEIR_EVENT_FAILED;
	snprintf(event->reason, sizeof(event->reason), "%s", event->participant.broken);
	event_changed(event);
	participant_end(event);
	follower_leave(event);
}

void event_abandon(struct event *event, const char *reason)
{
	participant_break(event, "following the log stops: %.180s", reason);
	end_part(event);
}

int event_quit(struct event *event, const char *reason)
{
	if (event->participant.share_stored)
		return -EALREADY;
	participant_break(event, "%s", reason);
	end_part(event);
	return 0;
}

struct replay {
	struct event *event;
	size_t entries;
};

static int replay_one(void *context, uint64_t index, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	struct replay *replay = context;
	struct weir_document_error error;
	struct weir_log_entry entry = {0};
	int status = weir_log_entry_parse(text, &entry, &error);

	if (!status)
		status = weir_event_machine_apply(&replay->event->machine, &entry, &error);
	if (status)
		log_event(replay->event, "entry %llu of its log in the store: %s",
			(unsigned long long)index, error.message);
	replay->entries++;
	weir_log_entry_clear(&entry);
	return status;
}

static int verify_last(void *context, uint64_t index, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	const struct event *event = context;

	if (weir_log_verify(&event->terms.aggregators[0], text, signature))
		return 0;
	log_event(event, "entry %llu of its log in the store is not what its leader signed",
		(unsigned long long)index);
	return -EBADMSG;
}

int event_log_replay(struct event *event, size_t most)
{
	struct weir_event_machine *machine = &event->machine;
	struct weir_store *store = event->control->store;
	struct replay replay = {event, 0};
	int status;

	machine->trusted = true;
	status = weir_store_log_read(
		store, &event->digest, machine->next_index, most, replay_one, &replay);
	machine->trusted = false;
	if (status)
		return status;
	if (replay.entries == most)
		return 1;
	if (machine->next_index)
		status = weir_store_log_read(
			store, &event->digest, machine->next_index - 1, 1, verify_last, event);
	if (status)
		return status;
	// A helper that has left an event stays out, however far the log goes.
	if (!event_ended(event))
		event->state = event->machine.state;
	if (!event->reason[0])
		snprintf(event->reason, sizeof(event->reason), "%s", event->machine.reason);
	return 0;
}

static void note_durable(struct event *event, enum weir_entry_type type)
{
	static const struct {
		enum weir_entry_type type; // 0: our aggregate share
		enum event_step step;
	} steps[] = {
		{WEIR_ENTRY_COMMIT, EVENT_STEP_commit},
		{WEIR_ENTRY_SEALED, EVENT_STEP_sealed},
		{WEIR_ENTRY_FREEZE, EVENT_STEP_freeze},
		{0, EVENT_STEP_share},
		{WEIR_ENTRY_PUBLISHED, EVENT_STEP_published},
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].type == type)
			event_timing_durable(&event->timing, steps[i].step, &event->control->sync);
}

// By its log; who has left it may have to tell the leader still.
static bool ended_by_log(const struct event *event)
{
	return event->machine.state == WEIR_EVENT_PUBLISHED ||
	       event->machine.state == WEIR_EVENT_FAILED;
}

void event_book_act(struct control *control)
{
	struct event *acting = control->book.acting;

	control->book.durable = control->book.sequence;
	control->book.acting = NULL;
	for (struct event *event = acting; event; event = acting) {
		struct action *actions = event->actions, *action;

		acting = event->next_acting;
		event->actions = NULL;
		event->last_action = &event->actions;
		while ((action = actions)) {
			actions = action->next;
			if (!action->resume)
				note_durable(event, action->entry.type);
			participant_act(event, action);
			if (event->leader)
				leader_act(event, action);
			action_free(action);
		}
		participant_flush(event);
		wait_list_wake(&event->log_waiters);
		if (event->follower && ended_by_log(event))
			follower_stop(event);
		else
			event_stir(event);
	}
}
