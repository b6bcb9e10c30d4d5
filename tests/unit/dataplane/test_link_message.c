// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <criterion/criterion.h>

#include "control_link.h"
#include "link_message.h"

static struct weir_link_header header(enum weir_link_type type, uint32_t sequence, size_t length)
{
	return (struct weir_link_header){.version = WEIR_LINK_VERSION,
		.type = type,
		.sequence = sequence,
		.length = (uint32_t)length};
}

// Every well-formed command has one length; these are what is around it.
static const struct shape {
	enum weir_link_type type;
	uint32_t count, maximum;
	size_t fixed, entry;
} shapes[] = {
	{WEIR_LINK_HELLO, 0, 0, 16, 0},
	{WEIR_LINK_EVENT_OPEN, 0, 0, 64, 0},
	{WEIR_LINK_CLIENT_ADD, 3, 512, 24, 72},
	{WEIR_LINK_CLIENT_ADMIT, 3, 8192, 24, 4},
	{WEIR_LINK_CLIENT_ABORT, 3, 8192, 24, 4},
	{WEIR_LINK_COMMIT, 3, 8192, 80, 4},
	{WEIR_LINK_ROLLBACK, 0, 0, 32, 0},
	{WEIR_LINK_SEAL, 0, 0, 32, 0},
	{WEIR_LINK_FREEZE, 0, 0, 32, 0},
	{WEIR_LINK_EVENT_CLOSE, 0, 0, 32, 0},
	{WEIR_LINK_RESTORE, 0, 0, 80, 0},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static _Alignas(8) uint8_t bytes[WEIR_LINK_MESSAGE_MAX + 8];
static struct weir_link_header *const head = (void *)bytes;

static uint32_t *count_of(const struct shape *shape)
{
	struct weir_link_list *list = (void *)bytes;
	struct weir_link_commit *commit = (void *)bytes;

	return shape->type == WEIR_LINK_COMMIT ? &commit->count : &list->count;
}

// A good message of that shape; returns its length.
static size_t write_message(const struct shape *shape)
{
	size_t length = shape->fixed + shape->count * shape->entry;
	struct weir_link_batch *batch = (void *)bytes;

	memset(bytes, 0, sizeof(bytes));
	*head = header(shape->type, 1, length);
	if (shape->count)
		*count_of(shape) = shape->count;
	if (shape->type == WEIR_LINK_ROLLBACK || shape->type == WEIR_LINK_SEAL ||
		shape->type == WEIR_LINK_RESTORE) // batch is at one place
		batch->batch = 4;
	return length;
}

Test(link_message, has_one_length)
{
	for (size_t i = 0; i < SHAPES; i++) {
		size_t length = write_message(&shapes[i]);

		cr_assert_eq(link_message_check(bytes, length), 0, "type %d", shapes[i].type);
		for (size_t other = 0; other < 1000; other++) {
			if (other == length)
				continue;
			cr_assert_eq(link_message_check(bytes, other), -EPROTO);
			head->length = (uint32_t)other;
			cr_assert_eq(link_message_check(bytes, other), -EPROTO);
			cr_assert_eq(link_message_check(bytes, length), -EPROTO);
			head->length = (uint32_t)length;
		}
	}
}

Test(link_message, has_a_version_and_a_zero)
{
	for (size_t i = 0; i < SHAPES; i++) {
		size_t length = write_message(&shapes[i]);

		head->version++;
		cr_assert_eq(link_message_check(bytes, length), -EPROTO);
		head->version--;
		head->zero = 1;
		cr_assert_eq(link_message_check(bytes, length), -EPROTO);
	}
}

Test(link_message, counts_its_entries)
{
	static const uint32_t counts[] = {0, 1, 2, 4, UINT32_MAX, 0x40000003, 0x80000003};

	for (size_t i = 0; i < SHAPES; i++) {
		const struct shape *shape = &shapes[i];
		size_t length = write_message(shape);

		if (!shape->count)
			continue;
		for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
			*count_of(shape) = counts[c];
			cr_assert_eq(link_message_check(bytes, length), -EPROTO);
		}
		for (uint32_t n = shape->maximum; n <= shape->maximum + 1; n++) {
			size_t full = shape->fixed + n * shape->entry;

			*count_of(shape) = n;
			head->length = (uint32_t)full;
			cr_assert_eq(
				link_message_check(bytes, full), n == shape->maximum ? 0 : -EPROTO);
		}
	}
}

Test(link_message, refuses_other_types_and_misplaced_batches)
{
	struct weir_link_batch *batch = (void *)bytes;

	for (unsigned type = 0; type < 0x10000; type++) {
		bool known = type >= 1 && type <= 14 && type != WEIR_LINK_RESULT &&
			     type != WEIR_LINK_COMMITTED && type != WEIR_LINK_DOORBELL;

		memset(bytes, 0, sizeof(bytes));
		*head = header(type, 1, 16);
		cr_assert(known || link_message_check(bytes, 16) == -EPROTO);
		head->length = 32;
		cr_assert(known || link_message_check(bytes, 32) == -EPROTO);
	}
	memset(bytes, 0, sizeof(bytes));
	*head = header(WEIR_LINK_SEAL, 1, 32); // without a batch
	cr_assert_eq(link_message_check(bytes, 32), -EPROTO);
	*head = header(WEIR_LINK_RESTORE, 1, 80);
	cr_assert_eq(link_message_check(bytes, 80), -EPROTO);
	*head = header(WEIR_LINK_FREEZE, 1, 32);
	batch->batch = 1; // with one
	cr_assert_eq(link_message_check(bytes, 32), -EPROTO);
}
