// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The validator by itself: type and length together, on bytes that end where the datagram does.

#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#include "frames.h"
#include "recovery.h"

TestSuite(datagram, .init = desk_start, .fini = desk_stop, .timeout = 120);

static enum weir_counter validate(const uint8_t *datagram, size_t length, struct datagram *out)
{
	uint8_t *exact = malloc(length ? length : 1);

	cr_assert_not_null(exact);
	memcpy(exact, datagram, length);
	enum weir_counter reason = validate_datagram(&desk.events, exact, length, out);
	free(exact);
	return reason;
}

static enum weir_counter expected(unsigned type, size_t length)
{
	static const size_t right[16] = {
		[WEIR_PACKET_REQUEST] = 72, [WEIR_PACKET_SHARE] = 104, [WEIR_PACKET_QUERY] = 200};

	if (length < WEIR_PACKET_OVERHEAD)
		return WEIR_COUNTER_drop_packet_short;
	if (type == WEIR_PACKET_PARITY)
		return WEIR_COUNTER_drop_parity;
	if (right[type] == 0)
		return WEIR_COUNTER_drop_packet_type;
	return length == right[type] ? DATAGRAM_VALID : WEIR_COUNTER_drop_packet_length;
}

// Every type and every length: of a type that is for an aggregator, one length is right.
Test(datagram, each_type_has_one_length)
{
	uint8_t bytes[300] = {WEIR_PACKET_VERSION, 0, 0, 0, DESK_EVENT, 0, 0, 0, 3};
	struct datagram out;

	for (unsigned type = 0; type < 16; type++) {
		bytes[1] = (uint8_t)type;
		bytes[15] = (uint8_t)(type << 4);
		for (size_t length = 0; length < sizeof(bytes); length++)
			cr_expect_eq(validate(bytes, length, &out), expected(type, length),
				"type %u, length %zu", type, length);
	}
}

Test(datagram, the_result_is_written_only_if_valid)
{
	uint8_t bytes[104] = {WEIR_PACKET_VERSION, WEIR_PACKET_SHARE, 0, 0, DESK_EVENT, 0, 0, 0,
		3, [12] = 5, [15] = 0x30};
	struct datagram out = {.client = 99};

	cr_expect_eq(validate(bytes, 103, &out), WEIR_COUNTER_drop_packet_length);
	cr_expect_eq(out.client, 99);
	cr_expect_eq(validate(bytes, 104, &out), DATAGRAM_VALID);
	cr_expect_eq(out.event, &desk.event);
	cr_expect_eq(out.client, 3);
	cr_expect_eq(out.chunk, 5);
	cr_expect_eq(out.body_length, 64);
	cr_expect_eq(out.type, WEIR_PACKET_SHARE);
}

// The largest chunk that a datagram can hold, and a short one of wide elements.
Test(datagram, lengths_follow_the_event)
{
	static uint8_t bytes[65507] = {
		WEIR_PACKET_VERSION, WEIR_PACKET_SHARE, 0, 0, DESK_EVENT, 0, 0, 0, 3, [15] = 0x30};
	struct datagram out;

	desk.event.element_size = 8;
	desk.event.chunk_elements = 8176;
	desk.event.dimension = 8177;
	desk.event.chunk_count = 2;
	cr_expect_eq(validate(bytes, 40 + 8176 * 8, &out), DATAGRAM_VALID);
	cr_expect_eq(out.body_length, 8176 * 8);
	bytes[12] = 1;
	cr_expect_eq(validate(bytes, 48, &out), DATAGRAM_VALID);
	cr_expect_eq(out.body_length, 8);
	bytes[12] = 2;
	cr_expect_eq(validate(bytes, 48, &out), WEIR_COUNTER_drop_chunk_range);
}

// Parity is as long as the first chunk, however short the last one, and there are so many of it.
Test(datagram, parity_in_an_event_that_has_it)
{
	uint8_t bytes[300] = {WEIR_PACKET_VERSION, WEIR_PACKET_PARITY, 0, 0, DESK_EVENT, 0, 0, 0,
		3, [15] = WEIR_PACKET_PARITY << 4};
	struct recovery recovery = {.chunk_count = 200, .chunk_bytes = 64};
	struct datagram out;

	desk.event.recovery = &recovery;
	for (size_t length = 40; length < sizeof(bytes); length++)
		cr_expect_eq(validate(bytes, length, &out),
			length == 104 ? DATAGRAM_VALID : WEIR_COUNTER_drop_packet_length);
	bytes[12] = 199;
	cr_expect_eq(validate(bytes, 104, &out), DATAGRAM_VALID);
	cr_expect_eq(out.type, WEIR_PACKET_PARITY);
	cr_expect_eq(out.chunk, 199);
	cr_expect_eq(out.body_length, 64);
	bytes[12] = 200;
	cr_expect_eq(validate(bytes, 104, &out), WEIR_COUNTER_drop_chunk_range);
	desk.event.recovery = NULL;
	cr_expect_eq(validate(bytes, 104, &out), WEIR_COUNTER_drop_parity);
}
