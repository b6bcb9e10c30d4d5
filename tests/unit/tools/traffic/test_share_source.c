// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Generators and verifiers believe this sum, so it is made once more here, element by element.
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#include "share_packet.h"
#include "share_source.h"

#define CLIENTS 5

static uint64_t element_of(const struct share_source *source, uint32_t client, uint64_t i)
{
	const void *chunk =
		share_source_chunk(source, client, (uint32_t)(i / source->chunk_elements));
	uint64_t at = i % source->chunk_elements;

	return weir_modulus_element_size(source->modulus) == 4 ? ((const uint32_t *)chunk)[at]
							       : ((const uint64_t *)chunk)[at];
}

static uint64_t expected(const struct share_source *source, const uint32_t *clients,
	const uint32_t *weights, uint64_t i)
{
	unsigned __int128 p = (unsigned __int128)weir_modulus_max(source->modulus) + 1, sum = 0;

	for (unsigned c = 0; c < CLIENTS; c++)
		sum = (sum + (unsigned __int128)(weights ? weights[c] : 1) *
				      element_of(source, clients[c], i)) %
		      p;
	return (uint64_t)sum;
}

static void check(const struct share_source *source, const uint32_t *weights)
{
	static const uint32_t clients[CLIENTS] = {0, 3, 99999, 4, 1};
	const struct weir_kernels *kernels = weir_kernels_tier("reference");
	uint64_t *sum = calloc(source->dimension, sizeof(*sum));

	cr_assert_eq(share_source_add(source, kernels, clients, weights, CLIENTS, sum), 0);
	for (uint64_t i = 0; i < source->dimension; i++) {
		uint64_t got = weir_modulus_element_size(source->modulus) == 4
				       ? ((const uint32_t *)(const void *)sum)[i]
				       : sum[i];

		cr_assert_eq(got, expected(source, clients, weights, i), "element %lu",
			(unsigned long)i);
	}
	free(sum);
}

Test(share_source, knows_the_sum_of_any_clients)
{
	static const uint32_t weights[CLIENTS] = {1, 7, 2, 1000000, 3};

	for (int m = WEIR_MODULUS_FIRST; m <= WEIR_MODULUS_LAST; m++) {
		struct share_source source;

		cr_assert_eq(share_source_init(&source, (enum weir_modulus)m, 1000, 48, 3), 0);
		check(&source, NULL);
		check(&source, weights);
		share_source_free(&source);
	}
}

Test(share_source, makes_canonical_elements_the_same_for_the_same_seed)
{
	for (int m = WEIR_MODULUS_FIRST; m <= WEIR_MODULUS_LAST; m++) {
		struct share_source a, b, other;

		cr_assert_eq(share_source_init(&a, (enum weir_modulus)m, 500, 16, 1), 0);
		cr_assert_eq(share_source_init(&b, (enum weir_modulus)m, 500, 16, 1), 0);
		cr_assert_eq(share_source_init(&other, (enum weir_modulus)m, 500, 16, 2), 0);
		cr_expect_eq(memcmp(a.rows, b.rows, SHARE_SOURCE_ROWS * a.row_bytes), 0);
		cr_expect_neq(memcmp(a.rows, other.rows, a.row_bytes), 0);
		cr_expect(weir_kernels_tier("reference")
				  ->ops[m]
				  .is_canonical(a.rows, SHARE_SOURCE_ROWS * 16));
		share_source_free(&a);
		share_source_free(&b);
		share_source_free(&other);
	}
}

// What lands in another client's slot, or at another place, must show.
Test(share_source, chunks_differ_by_client_and_place)
{
	struct share_source source;
	unsigned same = 0;

	cr_assert_eq(share_source_init(&source, WEIR_MODULUS_M31, 16 * 2000, 16, 1), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		same += share_source_chunk(&source, 1, i) == share_source_chunk(&source, 1, i + 1);
		same += share_source_chunk(&source, i, 5) == share_source_chunk(&source, i + 1, 5);
	}
	cr_expect_lt(same, 20, "2000 of 512 rows: some 4");
	share_source_free(&source);
}
