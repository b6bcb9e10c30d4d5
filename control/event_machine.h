// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The state of one event as a pure function of its log: no clock, no sockets, no database. The
// leader uses it to know what it may append, every aggregator to check what it is told.
//
//   ANNOUNCE ( JOIN | ADMIT | COMMIT | ROLLBACK | SEALED | ABORT )* FREEZE (PUBLISHED | FAILED)
//   and FAILED from any state that is not an end
#pragma once

#include "log_entry.h"
#include "share_packet.h"

enum weir_event_state {
	WEIR_EVENT_DRAFT = 0, // no ANNOUNCE yet
	WEIR_EVENT_OPEN,
	WEIR_EVENT_FROZEN,
	WEIR_EVENT_PUBLISHED,
	WEIR_EVENT_FAILED,
};

const char *weir_event_state_name(enum weir_event_state state);   // "draft", "open", ...
const char *weir_client_state_name(enum weir_client_state state); // "joined", "requested", ...

// A client as the log knows it: JOINED, ADMITTED, COMMITTED, SEALED or ABORTED.
struct weir_event_client {
	enum weir_client_state state;
	uint32_t batch; // that it was committed in; 0 if in none
	uint64_t
		aborted_entry; // the ABORT, which has the reason; 0 of a client that FREEZE aborted
	struct weir_join join;
};

// Signatures of a join that the machine's owner has verified or made itself, so that applying the JOIN
// need not do it again.
struct weir_verified_join {
	uint8_t signature[WEIR_SIGNATURE_SIZE];  // the client's
	uint8_t acceptance[WEIR_SIGNATURE_SIZE]; // of aggregator number self
	size_t self;
};
// What the owner knows of a join, or NULL.
typedef const struct weir_verified_join *weir_verified_join_find(
	void *context, const struct weir_digest *join);

struct weir_event_machine {
	weir_verified_join_find *find_verified; // set by the owner after init; NULL: verify all
	void *find_context;
	// The entries come from the owner's store, which took them once they were verified: signatures of and
	// in joins are not verified again. What the store holds is as it was if its last entry is signed by the
	// leader, for each has the hash of the one before.
	bool trusted;
	enum weir_event_state state;
	struct weir_announcement announcement;
	uint64_t next_index;
	struct weir_digest last_hash;
	struct weir_event_client *clients; // [client_count], by index
	size_t client_count;
	size_t client_capacity;
	size_t counts[WEIR_CLIENT_ABORTED + 1]; // clients in each state
	uint32_t last_batch;                    // highest ever used
	uint32_t open_batch;                    // 0 if none is open
	uint32_t sealed_batch;                  // the last that was sealed; 0 if none was
	uint32_t *open_clients;
	size_t open_count;
	struct weir_digest set_digest;    // with the open batch, if one is
	struct weir_digest sealed_digest; // without it
	uint64_t sealed_weight;
	char reason[WEIR_REASON_SIZE];         // FAILED
	struct weir_identity_map *by_identity; // latest join of each identity
	struct weir_identity_map *by_join;     // every join ever seen
};

void weir_event_machine_init(struct weir_event_machine *machine);
void weir_event_machine_clear(struct weir_event_machine *machine);

// Applies one entry that weir_log_entry_parse or _format has filled, or refuses it and changes
// nothing: index and hash chain, legality in the state,
// in a JOIN all signatures, the event and offers digests, the weight, one live join an identity,
// never the same join twice, never more clients than max_clients; in ADMIT never more slots held than the
// fewest any offer reserved; in COMMIT only admitted clients; in FREEZE the count, weight and digest,
// and everybody's min_clients; in PUBLISHED the digest.
// The leader's signature on the text is the caller's to check (weir_log_verify).
// Returns 0, -EBADMSG, -EPROTO (illegal here) or -ENOMEM, with a sentence in error.
int weir_event_machine_apply(struct weir_event_machine *machine, const struct weir_log_entry *entry,
	struct weir_document_error *error);

// Index of the latest join of that identity, or -ENOENT.
int64_t weir_event_machine_find(
	const struct weir_event_machine *machine, const struct weir_identity *identity);
// Index of the client with that join, or -ENOENT.
int64_t weir_event_machine_find_join(
	const struct weir_event_machine *machine, const struct weir_digest *join);
// Clients that hold a slot: admitted or in the open batch.
size_t weir_event_machine_slots_held(const struct weir_event_machine *machine);
// The fewest slots that any aggregator's offer reserved.
size_t weir_event_machine_slot_limit(const struct weir_event_machine *machine);
// The fewest clients that may be published: the most that the event or any offer asks for.
uint32_t weir_event_machine_least_clients(const struct weir_event_machine *machine);

bool weir_log_verify(const struct weir_identity *leader, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE]);
int weir_log_sign(const struct weir_signing_key *leader, const char *text,
	uint8_t signature[WEIR_SIGNATURE_SIZE]);
