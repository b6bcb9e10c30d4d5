// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Logs as weirctl log verify sees them: one that is good, and what is wrong with others.

#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log_check.h"
#include "machine_test.h"

#define ENTRIES_MAX 16

static struct weir_signed_text lines[ENTRIES_MAX]; // in an exported log
static size_t line_count;

static char *line_of(const char *text, const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	char hex[WEIR_HEX_SIZE(WEIR_SIGNATURE_SIZE)];

	weir_hex_encode(signature, WEIR_SIGNATURE_SIZE, hex);
	json_t *item = json_pack("{s:s, s:s}", "entry", text, "signature", hex);
	char *line = json_dumps(item, JSON_COMPACT);
	json_decref(item);
	return line;
}

static void write_entry(struct weir_log_entry entry, const struct weir_signing_key *leader)
{
	struct weir_signed_text *written = &lines[line_count++];
	uint8_t signature[WEIR_SIGNATURE_SIZE];

	char *text = weir_log_entry_format(&entry);
	cr_assert_not_null(text);
	cr_assert_eq(weir_log_sign(leader, text, signature), 0);
	written->text = line_of(text, signature);
	free(text);
	accepted(entry);
}

static void set_up(void)
{
	machine_set_up();
	const struct weir_signing_key *leader = event.aggregators[0];
	write_entry(announce(), leader);
	write_entry(join("alice", 0), leader);
	write_entry(join("bob", 0), leader);
	write_entry(join("carol", 0), leader);
	write_entry(ADMIT(0, 1, 2), leader);
	write_entry(commit(1, LIST(0, 1)), leader);
	write_entry(ROLLBACK(1), leader);
	write_entry(commit(2, LIST(0, 1, 2)), leader);
	write_entry(SEALED(2), leader);
	write_entry(freeze(), leader);
	write_entry(published(), leader);
}

static void tear_down(void)
{
	while (line_count > 0)
		free(lines[--line_count].text);
	machine_tear_down();
}

TestSuite(log_check, .init = set_up, .fini = tear_down);

// Where the log is wrong, or -1.
static int64_t first_fault(void)
{
	struct weir_document_error message;
	struct log_check check;
	int64_t fault = -1;

	log_check_init(&check);
	for (size_t i = 0; i < line_count && fault < 0; i++)
		if (log_check_line(&check, lines[i].text, &message) != 0)
			fault = (int64_t)check.machine.next_index;
	if (fault < 0)
		cr_expect_eq(check.machine.next_index, line_count);
	log_check_clear(&check);
	return fault;
}

Test(log_check, takes_a_good_log)
{
	cr_assert_eq(first_fault(), -1);
}

// One bit of every seventh byte, another one each time: an entry is a thousand bytes.
Test(log_check, sees_every_byte_that_was_changed, .timeout = 600)
{
	for (size_t i = 0; i < line_count; i++) {
		const size_t length = strlen(lines[i].text);

		for (size_t at = 0; at < length; at += 7) {
			char *byte = &lines[i].text[at], before = *byte;

			*byte ^= (char)(1 << at / 7 % 7);
			const int64_t fault = first_fault();
			*byte = before;
			cr_assert_eq(fault, (int64_t)i, "byte %zu of entry %zu", at, i);
		}
	}
	cr_assert_eq(first_fault(), -1);
}

Test(log_check, sees_entries_that_are_missing_doubled_or_exchanged)
{
	for (size_t i = 0; i + 1 < line_count; i++) {
		const struct weir_signed_text one = lines[i], next = lines[i + 1];

		lines[i] = next;
		cr_expect_eq(first_fault(), (int64_t)i, "entry %zu missing", i);
		lines[i + 1] = one;
		cr_expect_eq(first_fault(), (int64_t)i, "entry %zu exchanged", i);
		lines[i] = one;
		cr_expect_eq(first_fault(), (int64_t)i + 1, "entry %zu doubled", i);
		lines[i + 1] = next;
	}
	cr_assert_eq(first_fault(), -1);
}

// By another, whose signature is good.
Test(log_check, sees_an_entry_that_the_leader_did_not_sign)
{
	struct weir_document_error message;
	struct log_check check;
	struct weir_log_entry entry = failed("by a helper");
	uint8_t signature[WEIR_SIGNATURE_SIZE];

	log_check_init(&check);
	cr_assert_eq(log_check_line(&check, lines[0].text, &message), 0);
	entry.index = check.machine.next_index;
	entry.previous = check.machine.last_hash;
	char *text = weir_log_entry_format(&entry);
	cr_assert_eq(weir_log_sign(event.aggregators[1], text, signature), 0);
	char *line = line_of(text, signature);
	cr_expect_neq(log_check_line(&check, line, &message), 0);
	cr_expect_not_null(strstr(message.message, "not signed by the leader"));
	free(line);
	cr_assert_eq(weir_log_sign(event.aggregators[0], text, signature), 0);
	line = line_of(text, signature);
	cr_expect_eq(log_check_line(&check, line, &message), 0);
	free(line);
	free(text);
	weir_log_entry_clear(&entry);
	log_check_clear(&check);
}

// Signed by the leader and in the chain, but no event may go on so.
Test(log_check, sees_what_the_event_machine_does_not_allow)
{
	struct weir_document_error message;
	struct log_check check;
	uint8_t signature[WEIR_SIGNATURE_SIZE];

	log_check_init(&check);
	for (size_t i = 0; i < 9; i++)
		cr_assert_eq(log_check_line(&check, lines[i].text, &message), 0);
	struct weir_log_entry entry = {.type = WEIR_ENTRY_ROLLBACK,
		.batch = 2,
		.index = check.machine.next_index,
		.previous = check.machine.last_hash};
	char *text = weir_log_entry_format(&entry);
	cr_assert_eq(weir_log_sign(event.aggregators[0], text, signature), 0);
	char *line = line_of(text, signature);
	cr_expect_eq(log_check_line(&check, line, &message), -EPROTO);
	free(line);
	free(text);
	log_check_clear(&check);
}
