// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "control_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

struct weir_signing_key *test_key(const char *name)
{
	struct weir_digest secret;
	cr_assert_eq(weir_digest("weir test key", name, strlen(name), &secret), 0);
	struct weir_signing_key *key = weir_signing_key_from_secret(secret.bytes);
	cr_assert_not_null(key);
	return key;
}

void test_event_init(struct test_event *event, size_t aggregator_count)
{
	static const char *const names[TEST_AGGREGATORS] = {"leader", "helper", "second helper"};
	struct weir_signing_key *collector = test_key("collector");
	memset(event, 0, sizeof(*event));
	event->aggregator_count = aggregator_count;
	event->terms = (struct weir_event_terms){
		.job = "job",
		.round = 1,
		.modulus = WEIR_MODULUS_M61,
		.dimension = 353,
		.chunk_elements = 176,
		.encoding = {.is_signed = true, .bound = 1000},
		.max_clients = 50,
		.max_weight = 10,
		.min_clients = 2,
		.announced_ms = 1000,
		.deadline_ms = 2000,
		.admit_timeout_ms = 100,
		.aggregator_count = aggregator_count,
		.collectors = {*weir_signing_key_identity(collector)},
		.collector_count = 1,
	};
	for (size_t i = 0; i < aggregator_count; i++) {
		event->aggregators[i] = test_key(names[i]);
		event->terms.aggregators[i] = *weir_signing_key_identity(event->aggregators[i]);
		event->offers[i] = (struct weir_offer){
			.key = {1 + (uint8_t)i},
			.endpoint = "192.0.2.1:9347",
			.url = "http://192.0.2.1:9347",
			.number = 5,
			.slots = 6 - 2 * (uint32_t)i,
			.min_clients = 2,
		};
	}
	weir_signing_key_free(collector);
}

struct weir_signed_text test_sign(
	const struct weir_signing_key *key, const char *context, char *text)
{
	struct weir_signed_text signed_text = {.text = text};
	cr_assert_not_null(text);
	cr_assert_eq(weir_sign(key, context, text, strlen(text), signed_text.signature), 0);
	return signed_text;
}

void test_event_announce(struct test_event *event)
{
	struct weir_signed_text offers[TEST_AGGREGATORS];
	struct weir_document_error error;
	char *text = weir_event_format(&event->terms);
	struct weir_digest digest;
	cr_assert_not_null(text);
	cr_assert_eq(weir_digest("weir-event", text, strlen(text), &digest), 0);
	for (size_t i = 0; i < event->aggregator_count; i++) {
		event->offers[i].event = digest;
		event->offers[i].aggregator = event->terms.aggregators[i];
		offers[i] = test_sign(
			event->aggregators[i], "weir-offer", weir_offer_format(&event->offers[i]));
	}
	cr_assert_eq(weir_announcement_make(text, offers, event->aggregator_count,
			     event->aggregators[0], &event->announcement, &error),
		0, "%s", error.message);
	for (size_t i = 0; i < event->aggregator_count; i++)
		free(offers[i].text);
	free(text);
}

void test_event_clear(struct test_event *event)
{
	for (size_t i = 0; i < event->aggregator_count; i++)
		weir_signing_key_free(event->aggregators[i]);
	weir_announcement_clear(&event->announcement);
}

struct weir_join test_join(const struct test_event *event, const char *name, unsigned attempt)
{
	struct weir_signing_key *key = test_key(name);
	struct weir_join join = {
		.event = event->announcement.event_digest,
		.offers = event->announcement.offers_digest,
		.identity = *weir_signing_key_identity(key),
		.key = {(uint8_t)attempt, (uint8_t)(attempt >> 8), 3},
		.weight = 1 + attempt % 10,
	};
	weir_signing_key_free(key);
	return join;
}

struct weir_log_entry test_entry(
	const struct weir_event_machine *machine, enum weir_entry_type type)
{
	return (struct weir_log_entry){
		.index = machine->next_index, .previous = machine->last_hash, .type = type};
}

struct weir_log_entry test_announce_entry(
	const struct weir_event_machine *machine, const struct test_event *event)
{
	struct weir_log_entry entry = test_entry(machine, WEIR_ENTRY_ANNOUNCE);
	struct weir_document_error error;
	char *json = weir_announcement_format(&event->announcement);
	cr_assert_eq(weir_announcement_parse(json, &entry.announcement, &error), 0);
	free(json);
	return entry;
}

struct weir_log_entry test_join_entry(const struct weir_event_machine *machine,
	const struct test_event *event, const char *name, unsigned attempt)
{
	struct weir_log_entry entry = test_entry(machine, WEIR_ENTRY_JOIN);
	struct weir_document_error error;
	struct weir_join join = test_join(event, name, attempt);
	struct weir_signing_key *key = test_key(name);
	entry.client = (uint32_t)machine->client_count;
	entry.join_text = test_sign(key, "weir-join", weir_join_format(&join));
	cr_assert_eq(weir_join_parse(entry.join_text.text, &entry.join, &error), 0);
	entry.acceptance_count = event->aggregator_count;
	for (size_t i = 0; i < event->aggregator_count; i++)
		cr_assert_eq(weir_acceptance_sign(event->aggregators[i],
				     &event->announcement.event_digest, &entry.join.digest,
				     entry.acceptances[i]),
			0);
	weir_signing_key_free(key);
	return entry;
}

void test_entry_clients(struct weir_log_entry *entry, const int *clients)
{
	entry->client_count = 0;
	free(entry->clients);
	entry->clients = malloc(100 * sizeof(*entry->clients));
	while (clients[entry->client_count] >= 0) {
		entry->clients[entry->client_count] = (uint32_t)clients[entry->client_count];
		entry->client_count++;
	}
}

int test_apply(struct weir_event_machine *machine, struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	struct weir_log_entry parsed;
	char *text = weir_log_entry_format(entry);
	cr_assert_not_null(text);
	int rc = weir_log_entry_parse(text, &parsed, error);
	cr_assert_eq(rc, 0, "%s", error->message);
	rc = weir_event_machine_apply(machine, &parsed, error);
	weir_log_entry_clear(&parsed);
	weir_log_entry_clear(entry);
	free(text);
	return rc;
}
