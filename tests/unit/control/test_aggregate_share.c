// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// README "Aggregate share": layout, signature, and what a collector refuses.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "aggregate_share.h"
#include "control_test.h"

static struct weir_signing_key *key;
static struct weir_document_error error;

static void set_up(void)
{
	key = test_key("leader");
}

static void tear_down(void)
{
	weir_signing_key_free(key);
}

TestSuite(aggregate_share, .init = set_up, .fini = tear_down, .timeout = 60);

static struct weir_aggregate_share some_share(
	enum weir_modulus modulus, const void *elements, uint64_t dimension)
{
	return (struct weir_aggregate_share){
		.event = {{1}},
		.aggregator = *weir_signing_key_identity(key),
		.set_digest = {{2}},
		.count = 3,
		.weight = 4,
		.modulus = modulus,
		.dimension = dimension,
		.elements = elements,
	};
}

Test(aggregate_share, round_trip)
{
	static const uint64_t dimensions[] = {1, 2, 353, 1000003};
	uint64_t *elements = calloc(1000003, 8);
	for (int modulus = WEIR_MODULUS_FIRST; modulus <= WEIR_MODULUS_LAST; modulus++)
		for (size_t i = 0; i < 4; i++) {
			struct weir_aggregate_share share, read;
			const size_t size = weir_aggregate_share_size(modulus, dimensions[i]);
			const size_t element = weir_modulus_element_size(modulus);
			uint8_t *file = malloc(size);
			elements[dimensions[i] / 2] = 77;
			share = some_share(modulus, elements, dimensions[i]);
			cr_assert_eq(size, 136 + dimensions[i] * element + 64);
			cr_assert_eq(weir_aggregate_share_write(&share, key, file), 0);
			cr_assert_eq(weir_aggregate_share_read(file, size, &read, &error), 0, "%s",
				error.message);
			cr_assert_eq(memcmp(&read.event, &share.event, 32), 0);
			cr_assert(weir_identity_equal(&read.aggregator, &share.aggregator));
			cr_assert_eq(memcmp(&read.set_digest, &share.set_digest, 32), 0);
			cr_assert_eq(read.count, 3);
			cr_assert_eq(read.weight, 4);
			cr_assert_eq(read.modulus, share.modulus);
			cr_assert_eq(read.dimension, dimensions[i]);
			cr_assert_eq(read.elements, file + 136);
			cr_assert_eq(memcmp(read.elements, elements, dimensions[i] * element), 0);
			free(file);
		}
	free(elements);
}

Test(aggregate_share, elements_may_be_in_place)
{
	uint64_t file[25 + 4] = {0}; // 136 + 4 x 8 + 64 bytes
	struct weir_aggregate_share share, read;
	for (size_t i = 0; i < 4; i++)
		file[17 + i] = i + 1;
	share = some_share(WEIR_MODULUS_M61, &file[17], 4);
	cr_assert_eq(weir_aggregate_share_write(&share, key, file), 0);
	cr_assert_eq(weir_aggregate_share_read(file, sizeof(file), &read, &error), 0);
	cr_assert_eq(((const uint64_t *)read.elements)[3], 4);
}

static void assert_refused(const uint8_t *file, size_t size)
{
	struct weir_aggregate_share share;
	uint8_t *copy = malloc(size); // exactly as large: the sanitizer sees what is read beyond
	memcpy(copy, file, size);
	memset(&share, 0xff, sizeof(share));
	error.message[0] = '\0';
	cr_assert_eq(weir_aggregate_share_read(copy, size, &share, &error), -EBADMSG);
	cr_assert_neq(error.message[0], '\0');
	cr_assert_null(share.elements);
	cr_assert_eq(share.dimension, 0);
	free(copy);
}

Test(aggregate_share, every_byte_is_covered)
{
	const uint32_t elements[3] = {1, 2, 3};
	struct weir_aggregate_share share = some_share(WEIR_MODULUS_R32, elements, 3);
	uint8_t file[136 + 12 + 64];
	cr_assert_eq(weir_aggregate_share_write(&share, key, file), 0);
	for (size_t i = 0; i < sizeof(file); i++) {
		file[i] ^= 0x20;
		assert_refused(file, sizeof(file));
		file[i] ^= 0x20;
	}
}

Test(aggregate_share, the_length_is_exact)
{
	const uint32_t elements[3] = {1, 2, 3};
	struct weir_aggregate_share share = some_share(WEIR_MODULUS_R32, elements, 3);
	uint8_t file[136 + 12 + 64 + 8] = {0};
	cr_assert_eq(weir_aggregate_share_write(&share, key, file), 0);
	for (size_t size = 0; size <= sizeof(file); size++)
		if (size != 136 + 12 + 64)
			assert_refused(file, size);
}

// A header field changed and everything signed anew: refused for what it says, not for its signature.
static void assert_header_refused(size_t offset, uint64_t value, size_t bytes)
{
	const uint32_t elements[4] = {1, 2, 3, 4};
	struct weir_aggregate_share share = some_share(WEIR_MODULUS_M31, elements, 4), read;
	uint8_t file[136 + 16 + 64], message[136 + 32];
	struct weir_digest digest;
	cr_assert_eq(weir_aggregate_share_write(&share, key, file), 0);
	cr_assert_eq(weir_aggregate_share_read(file, sizeof(file), &read, &error), 0);
	memcpy(file + offset, &value, bytes);
	cr_assert_eq(weir_sha256(file + 136, 16, &digest), 0);
	memcpy(message, file, 136);
	memcpy(message + 136, digest.bytes, 32);
	cr_assert_eq(
		weir_sign(key, "weir-aggregate-share", message, sizeof(message), file + 152), 0);
	assert_refused(file, sizeof(file));
	cr_assert_null(strstr(error.message, "signature"), "%s", error.message);
}

Test(aggregate_share, what_is_signed_must_also_be_right)
{
	assert_header_refused(0, 'w', 1);
	assert_header_refused(7, '2', 1);
	assert_header_refused(120, 0, 4);
	assert_header_refused(120, 5, 4);
	assert_header_refused(120, 2, 4); // then 4 elements would be longer
	assert_header_refused(124, 1, 4);
	assert_header_refused(128, 0, 8);
	assert_header_refused(128, 3, 8);
	assert_header_refused(128, UINT64_MAX, 8);
	assert_header_refused(128, (UINT64_MAX - 200) / 4 + 55, 8); // wraps to this size
	assert_header_refused(136, 0x7fffffff, 4);                  // the modulus itself
}

Test(aggregate_share, one_of_no_elements_is_none)
{
	const uint32_t elements[1] = {0};
	struct weir_aggregate_share share = some_share(WEIR_MODULUS_M31, elements, 1);
	uint8_t file[136 + 4 + 64], message[136 + 32];
	struct weir_digest digest;
	cr_assert_eq(weir_aggregate_share_write(&share, key, file), 0);
	memset(file + 128, 0, 8);
	cr_assert_eq(weir_sha256("", 0, &digest), 0);
	memcpy(message, file, 136);
	memcpy(message + 136, digest.bytes, 32);
	cr_assert_eq(
		weir_sign(key, "weir-aggregate-share", message, sizeof(message), file + 136), 0);
	assert_refused(file, 136 + 64);
}

Test(aggregate_share, the_signature_is_of_its_context_and_aggregator)
{
	const uint64_t elements[1] = {9};
	struct weir_aggregate_share share = some_share(WEIR_MODULUS_R64, elements, 1);
	struct weir_signing_key *other = test_key("helper");
	uint8_t file[136 + 8 + 64], message[136 + 32];
	struct weir_digest digest;
	cr_assert_eq(weir_aggregate_share_write(&share, other, file), -EINVAL);
	cr_assert_eq(weir_aggregate_share_write(&share, key, file), 0);
	cr_assert_eq(weir_sha256(file + 136, 8, &digest), 0);
	memcpy(message, file, 136);
	memcpy(message + 136, digest.bytes, 32);
	cr_assert_eq(weir_sign(key, "weir-receipt", message, sizeof(message), file + 144), 0);
	assert_refused(file, sizeof(file));
	cr_assert_eq(
		weir_sign(other, "weir-aggregate-share", message, sizeof(message), file + 144), 0);
	assert_refused(file, sizeof(file));
	weir_signing_key_free(other);
}

Test(aggregate_share, a_wrong_one_is_not_written)
{
	const uint32_t elements[2] = {0x7fffffff, 0};
	uint8_t file[136 + 8 + 64];
	struct weir_aggregate_share share = some_share(WEIR_MODULUS_M31, elements, 2);
	cr_assert_eq(weir_aggregate_share_write(&share, key, file), -EINVAL, "not canonical");
	share = some_share(0, elements, 1);
	cr_assert_eq(weir_aggregate_share_write(&share, key, file), -EINVAL);
	share = some_share(WEIR_MODULUS_R32, elements, 0);
	cr_assert_eq(weir_aggregate_share_write(&share, key, file), -EINVAL);
	share = some_share(WEIR_MODULUS_R32, elements, UINT64_MAX);
	cr_assert_eq(weir_aggregate_share_write(&share, key, file), -EINVAL);
}

Test(aggregate_share, sizes)
{
	cr_assert_eq(weir_aggregate_share_size(WEIR_MODULUS_M31, 0), 200);
	cr_assert_eq(weir_aggregate_share_size(WEIR_MODULUS_M61, 1), 208);
	cr_assert_eq(weir_aggregate_share_size(WEIR_MODULUS_R64, (SIZE_MAX - 200) / 8 + 1), 0);
	cr_assert_eq(weir_aggregate_share_size(WEIR_MODULUS_R32, UINT64_MAX), 0);
}
