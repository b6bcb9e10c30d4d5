// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Receipts of other aggregators, verified a few at a time before they are kept, so that no client is
// shown one that it must refuse and nobody waits meanwhile.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "log.h"

#define VERIFICATIONS_A_TURN 4 // some 0.6 ms

struct receipt_check {
	struct receipt_check *next;
	size_t aggregator;
	uint32_t batch;
	size_t count, done;
	bool complained;
	struct reported_receipt receipts[]; // [count]
};

// Whether it is one that the leader still lacks.
static struct leader_client *lacking(
	struct event *event, const struct receipt_check *check, uint32_t index)
{
	const struct weir_event_machine *machine = &event->machine;
	struct leader_client *client;

	if (index >= machine->client_count || machine->clients[index].state != WEIR_CLIENT_SEALED ||
		machine->clients[index].batch != check->batch)
		return NULL;
	client = leader_client(event, index);
	return client && !(client->received >> check->aggregator & 1) ? client : NULL;
}

// Of that aggregator, those that wait to be verified.
static size_t waiting(const struct leader *leader, size_t aggregator)
{
	size_t count = 0;

	for (const struct receipt_check *check = leader->receipt_checks; check; check = check->next)
		if (check->aggregator == aggregator)
			count += check->count - check->done;
	return count;
}

// What the leader does not lack is forgotten at once. Who is honest reports a client once for each time that
// it was started, so twice as many as there are clients hardly ever wait.
int leader_receipts(struct event *event, size_t aggregator, uint32_t batch,
	const struct reported_receipt *receipts, size_t count)
{
	struct receipt_check **last = &event->leader->receipt_checks, *check;
	const struct receipt_check wanted = {.aggregator = aggregator, .batch = batch};
	size_t lacked = 0;

	if (event_ended(event))
		return 0; // nobody would verify them any more
	for (size_t i = 0; i < count; i++)
		lacked += lacking(event, &wanted, receipts[i].client) != NULL;
	if (!lacked)
		return 0;
	if (waiting(event->leader, aggregator) + lacked > 2 * (size_t)event->terms.max_clients)
		return -EBUSY;
	check = calloc(1, sizeof(*check) + lacked * sizeof(*receipts));
	if (!check)
		return -ENOMEM;
	check->aggregator = aggregator;
	check->batch = batch;
	for (size_t i = 0; i < count; i++)
		if (lacking(event, &wanted, receipts[i].client))
			check->receipts[check->count++] = receipts[i];
	while (*last)
		last = &(*last)->next;
	*last = check;
	event_work(event);
	return 0;
}

static bool verify(
	struct event *event, struct receipt_check *check, const struct reported_receipt *receipt)
{
	const struct weir_identity *aggregator = &event->terms.aggregators[check->aggregator];
	char name[64];

	if (weir_receipt_verify(aggregator, &event->digest,
		    &event->machine.clients[receipt->client].join.digest, check->batch,
		    receipt->signature))
		return true;
	if (!check->complained)
		log_event(event, "%s gave a receipt of client %u that does not verify: refused",
			control_name(event->control, aggregator, name, sizeof(name)),
			receipt->client);
	check->complained = true;
	return false;
}

// All of a report at once: each turn that writes waits for the disk.
static void keep_verified(struct event *event, const struct receipt_check *check)
{
	for (size_t i = 0; i < check->count; i++)
		if (check->receipts[i].verified)
			leader_receipt(event, check->aggregator, check->batch,
				check->receipts[i].client, check->receipts[i].signature);
}

void leader_receipts_work(struct event *event)
{
	struct leader *leader = event->leader;
	struct receipt_check *check = leader ? leader->receipt_checks : NULL;

	if (!check)
		return;
	for (int n = 0; n < VERIFICATIONS_A_TURN && check->done < check->count; check->done++) {
		struct reported_receipt *receipt = &check->receipts[check->done];

		receipt->verified = false;
		if (!lacking(event, check, receipt->client))
			continue;
		receipt->verified = verify(event, check, receipt);
		n++;
	}
	if (check->done == check->count) {
		keep_verified(event, check);
		leader->receipt_checks = check->next;
		free(check);
		event_stir(event);
	}
	if (leader->receipt_checks)
		event_work(event);
}

void leader_receipts_clear(struct leader *leader)
{
	struct receipt_check *check;

	while ((check = leader->receipt_checks)) {
		leader->receipt_checks = check->next;
		free(check);
	}
}
