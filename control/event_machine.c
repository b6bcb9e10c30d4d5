// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Each apply_ function checks everything, then takes what memory it needs, then changes the machine
// in steps that cannot fail: a refused entry leaves no trace.

#include "event_machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "identity_map.h"
#include "json_read.h"

#define FIRST_CLIENTS 64

void weir_event_machine_init(struct weir_event_machine *machine)
{
	memset(machine, 0, sizeof(*machine));
}

void weir_event_machine_clear(struct weir_event_machine *machine)
{
	weir_announcement_clear(&machine->announcement);
	free(machine->clients);
	free(machine->open_clients);
	weir_identity_map_free(machine->by_identity);
	weir_identity_map_free(machine->by_join);
	memset(machine, 0, sizeof(*machine));
}

int64_t weir_event_machine_find(
	const struct weir_event_machine *machine, const struct weir_identity *identity)
{
	return machine->by_identity != NULL
		       ? weir_identity_map_get(machine->by_identity, identity->bytes)
		       : -ENOENT;
}

int64_t weir_event_machine_find_join(
	const struct weir_event_machine *machine, const struct weir_digest *join)
{
	return machine->by_join != NULL ? weir_identity_map_get(machine->by_join, join->bytes)
					: -ENOENT;
}

size_t weir_event_machine_slots_held(const struct weir_event_machine *machine)
{
	return machine->counts[WEIR_CLIENT_ADMITTED] + machine->counts[WEIR_CLIENT_COMMITTED];
}

size_t weir_event_machine_slot_limit(const struct weir_event_machine *machine)
{
	const struct weir_announcement *announcement = &machine->announcement;
	size_t limit = announcement->offers[0].slots;

	for (size_t i = 1; i < announcement->terms.aggregator_count; i++)
		if (announcement->offers[i].slots < limit)
			limit = announcement->offers[i].slots;
	return limit;
}

uint32_t weir_event_machine_least_clients(const struct weir_event_machine *machine)
{
	const struct weir_announcement *announcement = &machine->announcement;
	uint32_t least = announcement->terms.min_clients;

	for (size_t i = 0; i < announcement->terms.aggregator_count; i++)
		if (announcement->offers[i].min_clients > least)
			least = announcement->offers[i].min_clients;
	return least;
}

// The entry is well formed but has no place here.
static int illegal(struct weir_document_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int illegal(struct weir_document_error *error, const char *format, ...)
{
	char sentence[sizeof(error->message)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	weir_document_refuse(error, "%s", sentence);
	return -EPROTO;
}

static void set_state(
	struct weir_event_machine *machine, uint32_t client, enum weir_client_state state)
{
	machine->counts[machine->clients[client].state]--;
	machine->counts[state]++;
	machine->clients[client].state = state;
}

static int copy_announcement(struct weir_announcement *to, const struct weir_announcement *from)
{
	*to = *from;
	to->event_text = strdup(from->event_text);
	bool complete = to->event_text != NULL;
	for (size_t i = 0; i < from->terms.aggregator_count; i++) {
		to->signed_offers[i].text = strdup(from->signed_offers[i].text);
		complete = complete && to->signed_offers[i].text != NULL;
	}
	if (!complete)
		weir_announcement_clear(to);
	return complete ? 0 : -ENOMEM;
}

static int apply_announce(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	struct weir_announcement announcement;
	struct weir_digest start;
	struct weir_identity_map *by_identity = weir_identity_map_new();
	struct weir_identity_map *by_join = weir_identity_map_new();

	if (by_identity == NULL || by_join == NULL ||
		weir_set_digest_start(&entry->announcement.event_digest, &start) != 0 ||
		copy_announcement(&announcement, &entry->announcement) != 0) {
		weir_identity_map_free(by_identity);
		weir_identity_map_free(by_join);
		return weir_document_no_memory(error);
	}
	machine->announcement = announcement;
	machine->by_identity = by_identity;
	machine->by_join = by_join;
	machine->set_digest = machine->sealed_digest = start;
	machine->state = WEIR_EVENT_OPEN;
	return 0;
}

static int check_join(const struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	const struct weir_announcement *announcement = &machine->announcement;
	const struct weir_join *join = &entry->join;

	if (entry->client != machine->client_count)
		return illegal(error, "JOIN of client %" PRIu32 ", but %zu is next", entry->client,
			machine->client_count);
	if (machine->client_count >= announcement->terms.max_clients)
		return illegal(
			error, "JOIN beyond max_clients %" PRIu32, announcement->terms.max_clients);
	if (memcmp(&join->event, &announcement->event_digest, sizeof(join->event)) != 0)
		return illegal(
			error, "JOIN of client %" PRIu32 " is for another event", entry->client);
	if (memcmp(&join->offers, &announcement->offers_digest, sizeof(join->offers)) != 0)
		return illegal(
			error, "JOIN of client %" PRIu32 " is for other offers", entry->client);
	if (join->weight > announcement->terms.max_weight)
		return illegal(error, "JOIN with weight %" PRIu32 ", above max_weight %" PRIu32,
			join->weight, announcement->terms.max_weight);
	if (weir_event_machine_find_join(machine, &join->digest) >= 0)
		return illegal(
			error, "JOIN of client %" PRIu32 " repeats an earlier join", entry->client);
	const int64_t other = weir_event_machine_find(machine, &join->identity);
	if (other >= 0 && machine->clients[other].state != WEIR_CLIENT_ABORTED)
		return illegal(error,
			"JOIN of client %" PRIu32 ", which is client %" PRId64 " already",
			entry->client, other);
	return 0;
}

static bool is_same(const uint8_t a[WEIR_SIGNATURE_SIZE], const uint8_t b[WEIR_SIGNATURE_SIZE])
{
	return memcmp(a, b, WEIR_SIGNATURE_SIZE) == 0;
}

static int check_join_signatures(const struct weir_event_machine *machine,
	const struct weir_log_entry *entry, struct weir_document_error *error)
{
	const struct weir_event_terms *terms = &machine->announcement.terms;
	const struct weir_verified_join *known =
		machine->find_verified
			? machine->find_verified(machine->find_context, &entry->join.digest)
			: NULL;
	const char *text = entry->join_text.text;

	if (entry->acceptance_count != terms->aggregator_count)
		return illegal(error, "JOIN with %zu acceptances of %zu aggregators",
			entry->acceptance_count, terms->aggregator_count);
	if (machine->trusted)
		return 0;
	if (!(known && is_same(known->signature, entry->join_text.signature)) &&
		!weir_verify(&entry->join.identity, WEIR_CONTEXT_JOIN, text, strlen(text),
			entry->join_text.signature))
		return illegal(
			error, "JOIN of client %" PRIu32 " has a bad signature", entry->client);
	for (size_t i = 0; i < terms->aggregator_count; i++)
		if (!(known && known->self == i &&
			    is_same(known->acceptance, entry->acceptances[i])) &&
			!weir_acceptance_verify(&terms->aggregators[i],
				&machine->announcement.event_digest, &entry->join.digest,
				entry->acceptances[i]))
			return illegal(error,
				"JOIN of client %" PRIu32 ": bad acceptance of aggregator %zu",
				entry->client, i);
	return 0;
}

// Room for one client more.
static int reserve_client(struct weir_event_machine *machine)
{
	if (machine->client_count == machine->client_capacity) {
		const size_t capacity = machine->client_capacity != 0 ? 2 * machine->client_capacity
								      : FIRST_CLIENTS;
		struct weir_event_client *clients =
			reallocarray(machine->clients, capacity, sizeof(*machine->clients));
		if (clients == NULL)
			return -ENOMEM;
		machine->clients = clients;
		machine->client_capacity = capacity;
	}
	const int rc = weir_identity_map_reserve(machine->by_identity);
	return rc == 0 ? weir_identity_map_reserve(machine->by_join) : rc;
}

static int apply_join(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	int rc = check_join(machine, entry, error);

	if (rc == 0)
		rc = check_join_signatures(machine, entry, error);
	if (rc != 0)
		return rc;
	if (reserve_client(machine) != 0)
		return weir_document_no_memory(error);
	machine->clients[entry->client] = (struct weir_event_client){
		.state = WEIR_CLIENT_JOINED,
		.join = entry->join,
	};
	machine->client_count++;
	machine->counts[WEIR_CLIENT_JOINED]++;
	weir_identity_map_put(machine->by_identity, entry->join.identity.bytes, entry->client);
	weir_identity_map_put(machine->by_join, entry->join.digest.bytes, entry->client);
	return 0;
}

// All listed clients must be in one of the two states.
static int check_clients(const struct weir_event_machine *machine,
	const struct weir_log_entry *entry, enum weir_client_state either,
	enum weir_client_state other, struct weir_document_error *error)
{
	const char *name = weir_entry_type_name(entry->type);

	for (size_t i = 0; i < entry->client_count; i++) {
		const uint32_t client = entry->clients[i];
		if (client >= machine->client_count)
			return illegal(error, "%s of client %" PRIu32 ", which never joined", name,
				client);
		const enum weir_client_state state = machine->clients[client].state;
		if (state != either && state != other)
			return illegal(error, "%s of client %" PRIu32 ", which is %s", name, client,
				weir_client_state_name(state));
	}
	return 0;
}

static int apply_admit(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	const int rc = check_clients(machine, entry, WEIR_CLIENT_JOINED, WEIR_CLIENT_JOINED, error);
	const size_t held = weir_event_machine_slots_held(machine);
	const size_t limit = weir_event_machine_slot_limit(machine);

	if (rc != 0)
		return rc;
	if (entry->client_count > limit || held > limit - entry->client_count)
		return illegal(error, "ADMIT of %zu clients, but %zu of %zu slots are held",
			entry->client_count, held, limit);
	for (size_t i = 0; i < entry->client_count; i++)
		set_state(machine, entry->clients[i], WEIR_CLIENT_ADMITTED);
	return 0;
}

// The committed-set digest once this COMMIT is in it.
static int digest_with(const struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_digest *digest)
{
	struct weir_set_member *members = calloc(entry->client_count, sizeof(*members));

	if (members == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < entry->client_count; i++) {
		const struct weir_join *join = &machine->clients[entry->clients[i]].join;
		members[i] = (struct weir_set_member){
			.index = entry->clients[i],
			.weight = join->weight,
			.identity = join->identity,
			.join = join->digest,
		};
	}
	*digest = machine->sealed_digest;
	const int rc = weir_set_digest_add(digest, entry->batch, members, entry->client_count);
	free(members);
	return rc;
}

static int apply_commit(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	struct weir_digest digest;

	if (machine->open_batch != 0)
		return illegal(error, "COMMIT of batch %" PRIu32 " while batch %" PRIu32 " is open",
			entry->batch, machine->open_batch);
	if (machine->last_batch == UINT32_MAX || entry->batch != machine->last_batch + 1)
		return illegal(error, "COMMIT of batch %" PRIu32 " after batch %" PRIu32,
			entry->batch, machine->last_batch);
	const int rc =
		check_clients(machine, entry, WEIR_CLIENT_ADMITTED, WEIR_CLIENT_ADMITTED, error);
	if (rc != 0)
		return rc;
	uint32_t *clients = malloc(entry->client_count * sizeof(*clients));
	if (clients == NULL || digest_with(machine, entry, &digest) != 0) {
		free(clients);
		return weir_document_no_memory(error);
	}
	memcpy(clients, entry->clients, entry->client_count * sizeof(*clients));
	for (size_t i = 0; i < entry->client_count; i++) {
		set_state(machine, clients[i], WEIR_CLIENT_COMMITTED);
		machine->clients[clients[i]].batch = entry->batch;
	}
	machine->open_clients = clients;
	machine->open_count = entry->client_count;
	machine->open_batch = machine->last_batch = entry->batch;
	machine->set_digest = digest;
	return 0;
}

static int check_open_batch(const struct weir_event_machine *machine,
	const struct weir_log_entry *entry, struct weir_document_error *error)
{
	const char *name = weir_entry_type_name(entry->type);

	if (machine->open_batch == 0)
		return illegal(
			error, "%s of batch %" PRIu32 ", but none is open", name, entry->batch);
	if (entry->batch != machine->open_batch)
		return illegal(error, "%s of batch %" PRIu32 ", but batch %" PRIu32 " is open",
			name, entry->batch, machine->open_batch);
	return 0;
}

static void close_batch(struct weir_event_machine *machine)
{
	free(machine->open_clients);
	machine->open_clients = NULL;
	machine->open_count = 0;
	machine->open_batch = 0;
}

static int apply_rollback(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	const int rc = check_open_batch(machine, entry, error);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < machine->open_count; i++) {
		set_state(machine, machine->open_clients[i], WEIR_CLIENT_ADMITTED);
		machine->clients[machine->open_clients[i]].batch = 0;
	}
	machine->set_digest = machine->sealed_digest;
	close_batch(machine);
	return 0;
}

static int apply_sealed(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	const int rc = check_open_batch(machine, entry, error);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < machine->open_count; i++) {
		set_state(machine, machine->open_clients[i], WEIR_CLIENT_SEALED);
		machine->sealed_weight += machine->clients[machine->open_clients[i]].join.weight;
	}
	machine->sealed_digest = machine->set_digest;
	machine->sealed_batch = machine->open_batch;
	close_batch(machine);
	return 0;
}

static int apply_abort(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	const int rc =
		check_clients(machine, entry, WEIR_CLIENT_JOINED, WEIR_CLIENT_ADMITTED, error);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < entry->client_count; i++) {
		set_state(machine, entry->clients[i], WEIR_CLIENT_ABORTED);
		machine->clients[entry->clients[i]].aborted_entry = entry->index;
	}
	return 0;
}

static int apply_freeze(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	const size_t sealed = machine->counts[WEIR_CLIENT_SEALED];

	if (machine->open_batch != 0)
		return illegal(
			error, "FREEZE while batch %" PRIu32 " is open", machine->open_batch);
	if (entry->count != sealed || entry->weight != machine->sealed_weight)
		return illegal(error,
			"FREEZE of %" PRIu64 " clients of weight %" PRIu64
			", but %zu of weight %" PRIu64 " are sealed",
			entry->count, entry->weight, sealed, machine->sealed_weight);
	if (memcmp(&entry->set_digest, &machine->sealed_digest, sizeof(entry->set_digest)) != 0)
		return illegal(error, "FREEZE with another committed-set digest");
	// Here and not only in PUBLISHED: aggregators give their shares out once it is frozen.
	if (sealed < weir_event_machine_least_clients(machine))
		return illegal(error,
			"FREEZE with %zu clients, below the %" PRIu32 " that are required", sealed,
			weir_event_machine_least_clients(machine));
	for (uint32_t i = 0; i < machine->client_count; i++)
		if (machine->clients[i].state != WEIR_CLIENT_SEALED)
			set_state(machine, i, WEIR_CLIENT_ABORTED);
	machine->state = WEIR_EVENT_FROZEN;
	return 0;
}

static int apply_published(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	if (memcmp(&entry->set_digest, &machine->sealed_digest, sizeof(entry->set_digest)) != 0)
		return illegal(error, "PUBLISHED with another committed-set digest");
	machine->state = WEIR_EVENT_PUBLISHED;
	return 0;
}

static int apply_failed(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	memcpy(machine->reason, entry->reason, sizeof(machine->reason));
	machine->state = WEIR_EVENT_FAILED;
	return 0;
}

#define IN(state) (1u << WEIR_EVENT_##state)

// In which states each entry has a place, and what it does there.
static const struct {
	unsigned states;
	int (*apply)(struct weir_event_machine *machine, const struct weir_log_entry *entry,
		struct weir_document_error *error);
} rules[] = {
	[WEIR_ENTRY_ANNOUNCE] = {IN(DRAFT), apply_announce},
	[WEIR_ENTRY_JOIN] = {IN(OPEN), apply_join},
	[WEIR_ENTRY_ADMIT] = {IN(OPEN), apply_admit},
	[WEIR_ENTRY_COMMIT] = {IN(OPEN), apply_commit},
	[WEIR_ENTRY_ROLLBACK] = {IN(OPEN), apply_rollback},
	[WEIR_ENTRY_SEALED] = {IN(OPEN), apply_sealed},
	[WEIR_ENTRY_ABORT] = {IN(OPEN), apply_abort},
	[WEIR_ENTRY_FREEZE] = {IN(OPEN), apply_freeze},
	[WEIR_ENTRY_PUBLISHED] = {IN(FROZEN), apply_published},
	[WEIR_ENTRY_FAILED] = {IN(DRAFT) | IN(OPEN) | IN(FROZEN), apply_failed},
};

int weir_event_machine_apply(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error)
{
	if (weir_entry_type_name(entry->type) == NULL)
		return weir_document_refuse(error, "an entry of unknown type");
	if (entry->index != machine->next_index)
		return illegal(error, "entry %" PRIu64 ", but %" PRIu64 " is next", entry->index,
			machine->next_index);
	if (memcmp(&entry->previous, &machine->last_hash, sizeof(entry->previous)) != 0)
		return illegal(
			error, "entry %" PRIu64 " does not follow the one before", entry->index);
	if ((rules[entry->type].states & 1u << machine->state) == 0)
		return illegal(error, "%s has no place in a %s event",
			weir_entry_type_name(entry->type), weir_event_state_name(machine->state));
	const int rc = rules[entry->type].apply(machine, entry, error);
	if (rc != 0)
		return rc;
	machine->next_index++;
	machine->last_hash = entry->hash;
	return 0;
}
