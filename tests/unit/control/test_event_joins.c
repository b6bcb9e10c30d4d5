// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// README "The log": whose joins an event takes.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "machine_test.h"

TestSuite(event_joins, .init = machine_set_up, .fini = machine_tear_down, .timeout = 60);

Test(event_joins, joins_count_up)
{
	announce_and_join(1);
	struct weir_log_entry entry = join("bob", 0);
	entry.client = 0;
	refused(entry);
	entry = join("bob", 0);
	entry.client = 2;
	refused(entry);
	accepted(join("bob", 0));
	cr_assert_eq(machine.client_count, 2);
}

Test(event_joins, no_more_joins_than_max_clients)
{
	announce_and_join(5);
	accepted(ABORT(4));
	accepted(join("erin", 1));
	refused(join("frank", 0)); // the aborted one keeps its index
	cr_assert_eq(machine.client_count, 6);
}

// Formats a join that says something else, signed and accepted like any other.
static struct weir_log_entry join_saying(struct weir_join other)
{
	struct weir_log_entry entry = join("alice", 0);
	struct weir_signing_key *key = test_key("alice");
	free(entry.join_text.text);
	entry.join_text = test_sign(key, "weir-join", weir_join_format(&other));
	cr_assert_eq(weir_join_parse(entry.join_text.text, &entry.join, &error), 0);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(
			weir_acceptance_sign(event.aggregators[i], &event.announcement.event_digest,
				&entry.join.digest, entry.acceptances[i]),
			0);
	weir_signing_key_free(key);
	return entry;
}

Test(event_joins, a_join_is_for_this_event_and_these_offers)
{
	accepted(announce());
	struct weir_join other = test_join(&event, "alice", 0);
	other.event.bytes[0] ^= 1;
	refused(join_saying(other));
	other = test_join(&event, "alice", 0);
	other.offers.bytes[0] ^= 1;
	refused(join_saying(other));
	other = test_join(&event, "alice", 0);
	other.weight = 6;
	refused(join_saying(other)); // above max_weight
	other.weight = 5;
	accepted(join_saying(other));
	cr_assert_eq(machine.clients[0].join.weight, 5);
}

Test(event_joins, all_signatures_of_a_join_count)
{
	accepted(announce());
	struct weir_log_entry entry = join("alice", 0);
	entry.join_text.signature[0] ^= 1;
	refused(entry);
	for (size_t i = 0; i < 2; i++) {
		entry = join("alice", 0);
		entry.acceptances[i][63] ^= 1;
		refused(entry);
	}
	entry = join("alice", 0); // of the other aggregator
	memcpy(entry.acceptances[0], entry.acceptances[1], WEIR_SIGNATURE_SIZE);
	refused(entry);
	entry = join("alice", 0);
	entry.acceptance_count = 1;
	refused(entry);
	entry = join("alice", 0);
	entry.acceptance_count = 3;
	refused(entry);
	entry = join("alice", 0); // signed by another client
	struct weir_signing_key *bob = test_key("bob");
	cr_assert_eq(weir_sign(bob, "weir-join", entry.join_text.text, strlen(entry.join_text.text),
			     entry.join_text.signature),
		0);
	refused(entry);
	entry = join("alice", 0); // an offer's context
	struct weir_signing_key *alice = test_key("alice");
	cr_assert_eq(weir_sign(alice, "weir-offer", entry.join_text.text,
			     strlen(entry.join_text.text), entry.join_text.signature),
		0);
	refused(entry);
	entry = join("alice", 0); // an acceptance of another event
	const struct weir_digest other = {{1}};
	cr_assert_eq(weir_acceptance_sign(event.aggregators[1], &other, &entry.join.digest,
			     entry.acceptances[1]),
		0);
	refused(entry);
	weir_signing_key_free(alice);
	weir_signing_key_free(bob);
	accepted(join("alice", 0));
}

Test(event_joins, one_live_join_an_identity)
{
	announce_and_join(2);
	refused(join("alice", 1)); // joined
	accepted(ADMIT(0));
	refused(join("alice", 1)); // admitted
	accepted(commit(1, LIST(0)));
	refused(join("alice", 1)); // committed
	accepted(SEALED(1));
	refused(join("alice", 1)); // sealed
	accepted(ABORT(1));
	refused(join("bob", 0)); // the same join again
	accepted(join("bob", 1));
	struct weir_signing_key *bob = test_key("bob");
	const struct weir_join first = test_join(&event, "bob", 0);
	cr_assert_eq(weir_event_machine_find(&machine, weir_signing_key_identity(bob)), 2);
	char *text = weir_join_format(&first);
	struct weir_join parsed;
	cr_assert_eq(weir_join_parse(text, &parsed, &error), 0);
	cr_assert_eq(weir_event_machine_find_join(&machine, &parsed.digest), 1);
	cr_assert_eq(weir_event_machine_find_join(&machine, &machine.clients[2].join.digest), 2);
	cr_assert_eq(weir_event_machine_find(&machine, &event.terms.aggregators[0]), -ENOENT);
	accepted(ABORT(2));
	refused(join("bob", 0));
	refused(join("bob", 1));
	weir_signing_key_free(bob);
	free(text);
}
