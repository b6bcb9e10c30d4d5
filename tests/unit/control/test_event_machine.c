// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// README "The log": which entries have a place where, and that the others leave no trace.

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "machine_test.h"

TestSuite(event_machine, .init = machine_set_up, .fini = machine_tear_down, .timeout = 60);

// Every type of entry, as right as it can be in the present state.
static void nothing_is_accepted_but(unsigned types)
{
	const struct {
		enum weir_entry_type type;
		struct weir_log_entry entry;
	} entries[] = {
		{WEIR_ENTRY_ANNOUNCE, announce()},
		{WEIR_ENTRY_JOIN, join("zoe", 0)},
		{WEIR_ENTRY_ADMIT, ADMIT(0)},
		{WEIR_ENTRY_COMMIT, commit(machine.last_batch + 1, LIST(0))},
		{WEIR_ENTRY_ROLLBACK, ROLLBACK(machine.last_batch + 1)},
		{WEIR_ENTRY_SEALED, SEALED(machine.last_batch + 1)},
		{WEIR_ENTRY_ABORT, ABORT(0)},
		{WEIR_ENTRY_FREEZE, freeze()},
		{WEIR_ENTRY_PUBLISHED, published()},
		{WEIR_ENTRY_FAILED, failed("late")},
	};
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct weir_log_entry entry = entries[i].entry;
		if (types & 1u << entries[i].type)
			weir_log_entry_clear(&entry);
		else
			refused(entry);
	}
}

#define OF(type) (1u << WEIR_ENTRY_##type)

Test(event_machine, a_draft_takes_its_announcement_or_fails)
{
	cr_assert_eq(machine.state, WEIR_EVENT_DRAFT);
	cr_assert_lt(weir_event_machine_find(&machine, &(struct weir_identity){{1}}), 0);
	cr_assert_lt(weir_event_machine_find_join(&machine, &(struct weir_digest){{1}}), 0);
	nothing_is_accepted_but(OF(ANNOUNCE) | OF(FAILED));
	accepted(failed("a helper refused"));
	cr_assert_eq(machine.state, WEIR_EVENT_FAILED);
	nothing_is_accepted_but(0);
}

Test(event_machine, an_empty_event_takes_joins_and_its_end)
{
	accepted(announce());
	cr_assert_eq(machine.state, WEIR_EVENT_OPEN);
	cr_assert_str_eq(machine.announcement.event_text, event.announcement.event_text);
	nothing_is_accepted_but(OF(JOIN) | OF(FAILED));
}

Test(event_machine, joined)
{
	announce_and_join(1);
	cr_assert_eq(machine.clients[0].state, WEIR_CLIENT_JOINED);
	nothing_is_accepted_but(OF(JOIN) | OF(ADMIT) | OF(ABORT) | OF(FAILED));
}

Test(event_machine, admitted)
{
	announce_and_join(1);
	accepted(ADMIT(0));
	cr_assert_eq(machine.clients[0].state, WEIR_CLIENT_ADMITTED);
	nothing_is_accepted_but(OF(JOIN) | OF(COMMIT) | OF(ABORT) | OF(FAILED));
}

Test(event_machine, committed)
{
	announce_and_join(2);
	accepted(ADMIT(0, 1));
	accepted(commit(1, LIST(1, 0)));
	cr_assert_eq(machine.clients[0].state, WEIR_CLIENT_COMMITTED);
	cr_assert_eq(machine.clients[0].batch, 1);
	cr_assert_eq(machine.open_count, 2);
	cr_assert_eq(machine.open_clients[0], 1);
	nothing_is_accepted_but(OF(JOIN) | OF(FAILED));
	refused(ROLLBACK(2));
	refused(SEALED(2));
	refused(commit(2, LIST(0)));
	refused(ABORT(1));
}

Test(event_machine, sealed)
{
	announce_and_join(1);
	accepted(ADMIT(0));
	seal(1, LIST(0));
	cr_assert_eq(machine.clients[0].state, WEIR_CLIENT_SEALED);
	cr_assert_eq(machine.clients[0].batch, 1);
	nothing_is_accepted_but(OF(JOIN) | OF(FAILED));
	refused(ROLLBACK(1)); // not after SEALED
	refused(SEALED(1));
}

Test(event_machine, aborted)
{
	announce_and_join(1);
	accepted(ABORT(0));
	nothing_is_accepted_but(OF(JOIN) | OF(FAILED));
}

Test(event_machine, frozen)
{
	announce_and_join(4);
	accepted(ADMIT(0, 1, 2));
	seal(1, LIST(0, 1, 2));
	accepted(freeze());
	cr_assert_eq(machine.state, WEIR_EVENT_FROZEN);
	nothing_is_accepted_but(OF(PUBLISHED) | OF(FAILED));
	accepted(published());
	cr_assert_eq(machine.state, WEIR_EVENT_PUBLISHED);
	nothing_is_accepted_but(0);
}

Test(event_machine, failed_in_the_middle_of_a_batch)
{
	announce_and_join(1);
	accepted(ADMIT(0));
	accepted(commit(1, LIST(0)));
	accepted(failed("lost beyond recovery"));
	cr_assert_eq(machine.state, WEIR_EVENT_FAILED);
	cr_assert_str_eq(machine.reason, "lost beyond recovery");
	nothing_is_accepted_but(0);
	refused(ROLLBACK(1));
	refused(SEALED(1));
}

Test(event_machine, failed_once_frozen)
{
	announce_and_join(3);
	accepted(ADMIT(0, 1, 2));
	seal(1, LIST(0, 1, 2));
	accepted(freeze());
	accepted(failed("too few"));
	nothing_is_accepted_but(0);
}

Test(event_machine, entries_form_one_chain)
{
	struct weir_log_entry entry = announce();
	entry.index = 1;
	refused(entry);
	entry = announce();
	entry.previous.bytes[0] = 1;
	refused(entry);
	accepted(announce());
	const struct weir_digest before = machine.last_hash;
	accepted(join("alice", 0));
	entry = ADMIT(0);
	entry.previous = before;
	refused(entry);
	entry = ADMIT(0);
	entry.index--;
	refused(entry);
	entry = ADMIT(0);
	entry.index++;
	refused(entry);
	entry = ADMIT(0);
	entry.previous.bytes[31] ^= 1;
	refused(entry);
	accepted(ADMIT(0));
}

Test(event_machine, a_type_that_is_none_is_refused)
{
	struct weir_log_entry entry = test_entry(&machine, 0);
	cr_assert_eq(weir_event_machine_apply(&machine, &entry, &error), -EBADMSG);
	entry.type = 11;
	cr_assert_eq(weir_event_machine_apply(&machine, &entry, &error), -EBADMSG);
}

Test(event_machine, slots_are_the_fewest_of_any_offer)
{
	announce_and_join(6);
	cr_assert_eq(weir_event_machine_slot_limit(&machine), 4);
	refused(ADMIT(0, 1, 2, 3, 4));
	accepted(ADMIT(0, 1, 2));
	cr_assert_eq(weir_event_machine_slots_held(&machine), 3);
	refused(ADMIT(3, 4));
	refused(ADMIT(2)); // admitted already
	accepted(ADMIT(3));
	refused(ADMIT(4));
	accepted(commit(1, LIST(3, 0)));
	cr_assert_eq(weir_event_machine_slots_held(&machine), 4);
	refused(ADMIT(4)); // the batch holds its slots until it is sealed
	accepted(SEALED(1));
	cr_assert_eq(weir_event_machine_slots_held(&machine), 2);
	accepted(ADMIT(5, 4));
	accepted(ABORT(4));
	cr_assert_eq(weir_event_machine_slots_held(&machine), 3);
	refused(ADMIT(6)); // never joined
}

Test(event_machine, one_wrong_client_spoils_the_list)
{
	announce_and_join(4);
	accepted(ADMIT(0, 1));
	refused(ADMIT(2, 0));
	refused(commit(1, LIST(0, 1, 2)));
	refused(commit(1, LIST(0, 7)));
	accepted(commit(1, LIST(0)));
	refused(ABORT(3, 0));
	cr_assert_eq(machine.clients[3].state, WEIR_CLIENT_JOINED);
}

Test(event_machine, batch_numbers_are_never_reused)
{
	announce_and_join(2);
	accepted(ADMIT(0, 1));
	refused(commit(2, LIST(0)));
	accepted(commit(1, LIST(0)));
	accepted(ROLLBACK(1));
	refused(commit(1, LIST(0)));
	refused(commit(3, LIST(0)));
	accepted(commit(2, LIST(0, 1)));
	accepted(SEALED(2));
	refused(commit(2, LIST(1)));
	cr_assert_eq(machine.last_batch, 2);
}

Test(event_machine, a_rollback_returns_everything)
{
	announce_and_join(3);
	accepted(ADMIT(0, 1, 2));
	seal(1, LIST(2));
	const struct weir_digest before = machine.set_digest;
	accepted(commit(2, LIST(0, 1)));
	cr_assert_neq(memcmp(&machine.set_digest, &before, sizeof(before)), 0);
	cr_assert_eq(memcmp(&machine.sealed_digest, &before, sizeof(before)), 0);
	accepted(ROLLBACK(2));
	cr_assert_eq(memcmp(&machine.set_digest, &before, sizeof(before)), 0);
	cr_assert_eq(machine.clients[0].state, WEIR_CLIENT_ADMITTED);
	cr_assert_eq(machine.clients[0].batch, 0);
	cr_assert_eq(machine.clients[2].batch, 1);
	cr_assert_eq(machine.open_batch, 0);
	cr_assert_eq(machine.sealed_weight, 1);
	accepted(ABORT(0)); // as admitted ones may be
	refused(ROLLBACK(2));
	cr_assert_eq(machine.counts[WEIR_CLIENT_ABORTED], 1);
}

Test(event_machine, freeze_says_what_is_sealed)
{
	announce_and_join(6);
	accepted(ADMIT(0, 1, 2));
	seal(1, LIST(0, 1, 2));
	accepted(ADMIT(3));
	for (int i = 0; i < 5; i++) {
		struct weir_log_entry entry = freeze();
		entry.count += (uint64_t)(i == 0);
		entry.count -= (uint64_t)(i == 1);
		entry.weight += (uint64_t)(i == 2);
		entry.weight -= (uint64_t)(i == 3);
		entry.set_digest.bytes[17] ^= (uint8_t)(i == 4);
		refused(entry);
	}
	accepted(commit(2, LIST(3)));
	refused(freeze());
	accepted(ROLLBACK(2));
	accepted(freeze());
	cr_assert_eq(machine.clients[0].state, WEIR_CLIENT_SEALED);
	for (size_t i = 3; i < 6; i++)
		cr_assert_eq(machine.clients[i].state, WEIR_CLIENT_ABORTED);
	cr_assert_eq(machine.counts[WEIR_CLIENT_ABORTED], 3);
	cr_assert_eq(machine.counts[WEIR_CLIENT_ADMITTED], 0);
}

// Frozen is where every aggregator gives out its share: PUBLISHED would be too late.
Test(event_machine, nothing_freezes_with_too_few)
{
	announce_and_join(3);
	accepted(ADMIT(0, 1, 2));
	refused(freeze());
	seal(1, LIST(0, 1)); // enough for the event and the leader, not for the helper
	cr_assert_eq(weir_event_machine_least_clients(&machine), 3);
	refused(freeze());
	seal(2, LIST(2));
	accepted(freeze());
}

Test(event_machine, published_names_the_set)
{
	announce_and_join(3);
	accepted(ADMIT(0, 1, 2));
	seal(1, LIST(0, 1, 2));
	accepted(freeze());
	struct weir_log_entry entry = published();
	entry.set_digest.bytes[0] ^= 1;
	refused(entry);
	accepted(published());
}

Test(event_machine, names)
{
	cr_assert_str_eq(weir_event_state_name(WEIR_EVENT_DRAFT), "draft");
	cr_assert_str_eq(weir_event_state_name(WEIR_EVENT_FAILED), "failed");
	cr_assert_null(weir_event_state_name(5));
	cr_assert_str_eq(weir_client_state_name(WEIR_CLIENT_JOINED), "joined");
	cr_assert_str_eq(weir_client_state_name(WEIR_CLIENT_ABORTED), "aborted");
	cr_assert_null(weir_client_state_name(8));
}
