// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Joins on their way into the log: every aggregator must accept them.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "log.h"

struct pending_join *leader_pending(const struct event *event, const struct weir_identity *identity)
{
	return key_table_get(&event->leader->pending, identity->bytes);
}

const char *leader_refused(const struct event *event, const struct weir_join *join)
{
	const struct refused_join *refused =
		key_table_get(&event->leader->refused, join->identity.bytes);

	return refused && !memcmp(&refused->digest, &join->digest, sizeof(join->digest))
		       ? refused->reason
		       : NULL;
}

static void pending_free(struct leader *leader, struct pending_join *pending)
{
	wait_list_wake(&pending->waiters);
	key_table_remove(&leader->pending, pending->join.identity.bytes);
	key_table_remove(&leader->by_digest, pending->join.digest.bytes);
	if (pending->previous)
		pending->previous->next = pending->next;
	else
		leader->pending_first = pending->next;
	if (pending->next)
		pending->next->previous = pending->previous;
	else
		leader->pending_last = pending->previous;
	free(pending->text);
	free(pending);
}

void leader_joins_clear(struct event *event)
{
	struct leader *leader = event->leader;

	while (leader->pending_first)
		pending_free(leader, leader->pending_first);
}

struct pending_join *leader_join(struct event *event, const struct weir_join *join,
	const char *text, const uint8_t signature[WEIR_SIGNATURE_SIZE],
	const uint8_t acceptance[WEIR_SIGNATURE_SIZE])
{
	struct leader *leader = event->leader;
	struct pending_join *pending = calloc(1,
		sizeof(*pending) + event->terms.aggregator_count * sizeof(*pending->acceptances));

	if (!pending)
		return NULL;
	pending->text = strdup(text);
	if (!pending->text || key_table_put(&leader->pending, join->identity.bytes, pending)) {
		free(pending->text);
		free(pending);
		return NULL;
	}
	if (key_table_put(&leader->by_digest, join->digest.bytes, pending)) {
		key_table_remove(&leader->pending, join->identity.bytes);
		free(pending->text);
		free(pending);
		return NULL;
	}
	pending->join = *join;
	pending->sequence = ++leader->join_sequence;
	memcpy(pending->signature, signature, sizeof(pending->signature));
	memcpy(pending->acceptances[0], acceptance, WEIR_SIGNATURE_SIZE);
	pending->accepted = 1;
	pending->previous = leader->pending_last;
	if (leader->pending_last)
		leader->pending_last->next = pending;
	else
		leader->pending_first = pending;
	leader->pending_last = pending;
	wait_list_wake(&leader->join_waiters);
	event_stir(event);
	return pending;
}

void leader_acceptance(struct event *event, size_t a, const struct weir_digest *join,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	struct pending_join *pending = key_table_get(&event->leader->by_digest, join->bytes);

	if (!pending || (pending->accepted >> a & 1))
		return;
	memcpy(pending->acceptances[a], signature, WEIR_SIGNATURE_SIZE);
	pending->accepted |= (uint16_t)(1u << a);
	event_stir(event);
}

static void refuse(struct event *event, struct pending_join *pending, const char *reason)
{
	struct leader *leader = event->leader;
	struct refused_join *refused =
		key_table_get(&leader->refused, pending->join.identity.bytes);

	if (!refused) {
		refused = calloc(1, sizeof(*refused));
		if (refused &&
			key_table_put(&leader->refused, pending->join.identity.bytes, refused)) {
			free(refused);
			refused = NULL;
		}
	}
	if (refused) {
		refused->digest = pending->join.digest;
		snprintf(refused->reason, sizeof(refused->reason), "%s", reason);
	}
	pending_free(leader, pending);
}

void leader_join_refusal(
	struct event *event, size_t a, const struct weir_digest *join, const char *reason)
{
	struct pending_join *pending = key_table_get(&event->leader->by_digest, join->bytes);
	char text[256], name[64];

	if (!pending)
		return;
	snprintf(text, sizeof(text), "%s: %.180s",
		control_name(event->control, &event->terms.aggregators[a], name, sizeof(name)),
		reason);
	refuse(event, pending, text);
}

// Which acceptance is not by its aggregator; the count if none.
static size_t first_bad_acceptance(struct event *event, const struct pending_join *pending)
{
	size_t a = 0;

	while (a < event->terms.aggregator_count &&
		weir_acceptance_verify(&event->terms.aggregators[a], &event->digest,
			&pending->join.digest, pending->acceptances[a]))
		a++;
	return a;
}

static void log_join(struct event *event, struct pending_join *pending)
{
	struct weir_log_entry entry = {.type = WEIR_ENTRY_JOIN,
		.client = (uint32_t)event->machine.client_count,
		.join = pending->join,
		.acceptance_count = event->terms.aggregator_count};
	size_t bad;
	char name[64];

	entry.join_text.text = strdup(pending->text);
	if (!entry.join_text.text)
		return;
	memcpy(entry.join_text.signature, pending->signature, sizeof(pending->signature));
	memcpy(entry.acceptances, pending->acceptances,
		entry.acceptance_count * sizeof(*entry.acceptances));
	if (!event_append(event, &entry)) {
		pending_free(event->leader, pending);
		return;
	}
	bad = first_bad_acceptance(event, pending);
	if (bad < event->terms.aggregator_count)
		leader_fail(event, "%s signed an acceptance that does not verify",
			control_name(event->control, &event->terms.aggregators[bad], name,
				sizeof(name)));
	refuse(event, pending, "the join could not be logged");
}

void leader_log_joins(struct event *event)
{
	uint16_t all = (uint16_t)((1u << event->terms.aggregator_count) - 1);
	struct pending_join *pending = event->leader->pending_first, *next;

	for (; pending; pending = next) {
		next = pending->next;
		if (pending->accepted == all)
			log_join(event, pending);
	}
}
