// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "crypto_test.h"
#include "fec.h"

enum { LENGTH_MAX = 1500, ALL_MAX = WEIR_FEC_DATA_MAX + WEIR_FEC_PARITY_MAX };

// One group with its parity: what was sent, what is there, and where the rest is to go.
struct group {
	uint32_t n, parity;
	size_t length;
	uint8_t sent[ALL_MAX][LENGTH_MAX];
	uint8_t found[WEIR_FEC_DATA_MAX][LENGTH_MAX];
	const void *chunks[WEIR_FEC_DATA_MAX], *spare[WEIR_FEC_PARITY_MAX];
	void *out[WEIR_FEC_DATA_MAX];
};

static void fill(struct group *group, const struct weir_fec *fec, uint32_t n, uint32_t parity,
	size_t length, uint64_t *state)
{
	void *made[WEIR_FEC_PARITY_MAX];

	group->n = n;
	group->parity = parity;
	group->length = length;
	for (uint32_t i = 0; i < n; i++) {
		group->chunks[i] = group->sent[i];
		group->out[i] = group->found[i];
		for (size_t k = 0; k < length; k++)
			group->sent[i][k] = (uint8_t)next_random(state);
	}
	for (uint32_t j = 0; j < parity; j++)
		group->spare[j] = made[j] = group->sent[n + j];
	weir_fec_encode(fec, n, length, group->chunks, made);
}

// present(i): bit i of all n + parity chunks. Recovers and compares every missing chunk.
static int recover(struct group *group, const struct weir_fec *fec, const bool *present)
{
	int status;

	for (uint32_t i = 0; i < group->n; i++) {
		group->chunks[i] = present[i] ? group->sent[i] : NULL;
		memset(group->found[i], GUARD_FILL, group->length);
	}
	for (uint32_t j = 0; j < group->parity; j++)
		group->spare[j] = present[group->n + j] ? group->sent[group->n + j] : NULL;
	status = weir_fec_recover(
		fec, group->n, group->length, group->chunks, group->spare, group->out);
	for (uint32_t i = 0; i < group->n; i++) {
		bool written = status == 0 && !present[i];

		for (size_t k = 0; !written && k < group->length; k++)
			cr_assert_eq(group->found[i][k], GUARD_FILL, "chunk %u was written", i);
		if (written)
			cr_assert_arr_eq(
				group->found[i], group->sent[i], group->length, "chunk %u", i);
	}
	return status;
}

Test(fec, every_erasure_pattern_of_small_groups)
{
	struct group *group = malloc(sizeof(*group));
	uint64_t state = 1, patterns = 0;

	for (uint32_t data = 1; data <= 6; data++) {
		for (uint32_t parity = 1; parity <= 4; parity++) {
			struct weir_fec *fec =
				weir_fec_new((struct weir_fec_parameters){data, parity});
			cr_assert_not_null(fec);
			for (uint32_t n = 1; n <= data; n++) { // short groups too
				fill(group, fec, n, parity, 40, &state);
				for (uint32_t bits = 0; bits < 1u << (n + parity); bits++) {
					bool present[10], enough;

					for (uint32_t i = 0; i < n + parity; i++)
						present[i] = bits >> i & 1;
					enough = (uint32_t)__builtin_popcount(bits) >= n;
					cr_assert_eq(recover(group, fec, present),
						enough ? 0 : -ENODATA,
						"data %u of %u, parity %u, pattern %x", n, data,
						parity, bits);
					patterns++;
				}
			}
			weir_fec_free(fec);
		}
	}
	cr_log_info("%llu patterns", (unsigned long long)patterns);
	free(group);
}

// The worst of large ones: as many data chunks lost as there is parity, taken at random.
Test(fec, random_patterns_of_large_groups)
{
	static const struct weir_fec_parameters sizes[] = {{32, 8}, {64, 16}, {100, 7},
		{WEIR_FEC_DATA_MAX, WEIR_FEC_PARITY_MAX}, {1, WEIR_FEC_PARITY_MAX},
		{WEIR_FEC_DATA_MAX, 1}};
	struct group *group = malloc(sizeof(*group));
	uint64_t state = 2;

	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		uint32_t n = sizes[s].data, parity = sizes[s].parity, all = n + parity;
		struct weir_fec *fec = weir_fec_new(sizes[s]);
		cr_assert_not_null(fec);
		fill(group, fec, n, parity, 64, &state);
		for (int round = 0; round < 100; round++) {
			bool present[ALL_MAX];

			memset(present, 1, sizeof(present));
			for (uint32_t lost = 0; lost < parity;) {
				uint32_t i = (uint32_t)(next_random(&state) % all);
				lost += present[i];
				present[i] = false;
			}
			cr_assert_eq(recover(group, fec, present), 0);
			for (uint32_t i = 0;; i++) { // one more than it can bear
				if (!present[i])
					continue;
				present[i] = false;
				break;
			}
			cr_assert_eq(recover(group, fec, present), -ENODATA);
		}
		weir_fec_free(fec);
	}
	free(group);
}

// Multiplication in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1, bit by bit.
static uint8_t slow_multiply(uint8_t a, uint8_t b)
{
	uint8_t product = 0;

	for (int bit = 0; bit < 8; bit++) {
		product ^= b >> bit & 1 ? a : 0;
		a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1d : 0));
	}
	return product;
}

static uint8_t slow_inverse(uint8_t a)
{
	for (unsigned b = 1; b < 256; b++)
		if (slow_multiply(a, (uint8_t)b) == 1)
			return (uint8_t)b;
	return 0;
}

// The code itself, as dataplane/README.md has it, at every length and at the end of a page.
Test(fec, is_the_documented_code_at_every_length)
{
	struct weir_fec *fec = weir_fec_new((struct weir_fec_parameters){5, 3});
	struct guarded in[4], out[3];
	const void *chunks[4];
	void *parity[3];
	uint64_t state = 3;

	for (int i = 0; i < 4; i++)
		in[i] = guarded_new(300);
	for (int j = 0; j < 3; j++)
		out[j] = guarded_new(300);
	for (size_t length = 1; length <= 300; length++) {
		for (int i = 0; i < 4; i++) {
			uint8_t *bytes = guarded_tail(&in[i], length);
			for (size_t k = 0; k < length; k++)
				bytes[k] = (uint8_t)next_random(&state);
			chunks[i] = bytes;
		}
		for (int j = 0; j < 3; j++)
			parity[j] = guarded_tail(&out[j], length);
		weir_fec_encode(fec, 4, length, chunks, parity);
		for (uint32_t j = 0; j < 3; j++) {
			cr_assert(guarded_is_intact(&out[j], parity[j]));
			for (size_t k = 0; k < length; k++) {
				uint8_t sum = 0;
				for (uint32_t i = 0; i < 4; i++)
					sum ^= slow_multiply(slow_inverse((uint8_t)((5 + j) ^ i)),
						((const uint8_t *)chunks[i])[k]);
				cr_assert_eq(((uint8_t *)parity[j])[k], sum);
			}
		}
	}
	for (int i = 0; i < 4; i++)
		guarded_free(&in[i]);
	for (int j = 0; j < 3; j++)
		guarded_free(&out[j]);
	weir_fec_free(fec);
}

Test(fec, only_what_is_wanted_is_written)
{
	struct weir_fec *fec = weir_fec_new((struct weir_fec_parameters){4, 2});
	struct group *group = malloc(sizeof(*group));
	uint64_t state = 4;

	fill(group, fec, 4, 2, 100, &state);
	group->chunks[1] = group->chunks[2] = NULL;
	group->out[0] = group->out[1] = group->out[3] = NULL;
	cr_assert_eq(weir_fec_recover(fec, 4, 100, group->chunks, group->spare, group->out), 0);
	cr_assert_arr_eq(group->found[2], group->sent[2], 100);
	cr_assert_eq(
		weir_fec_recover(fec, 0, 100, group->chunks, group->spare, group->out), -EINVAL);
	cr_assert_eq(
		weir_fec_recover(fec, 5, 100, group->chunks, group->spare, group->out), -EINVAL);
	weir_fec_free(fec);
	free(group);
}

Test(fec, parameters)
{
	static const struct weir_fec_parameters bad[] = {
		{0, 1}, {1, 0}, {WEIR_FEC_DATA_MAX + 1, 1}, {1, WEIR_FEC_PARITY_MAX + 1}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_assert(!weir_fec_parameters_valid(bad[i]));
		errno = 0;
		cr_assert_null(weir_fec_new(bad[i]));
		cr_assert_eq(errno, EINVAL);
	}
	weir_fec_free(NULL);
}

// Every chunk is in one group, at the next position, and groups differ by one chunk at most.
Test(fec, groups)
{
	for (uint32_t data = 1; data <= 9; data++) {
		for (uint32_t chunks = 1; chunks <= 100; chunks++) {
			uint32_t groups = weir_fec_group_count(chunks, data), sum = 0;
			uint32_t size[100] = {0};

			for (uint32_t c = 0; c < chunks; c++)
				cr_assert_eq(size[c % groups]++, c / groups);
			for (uint32_t g = 0; g < groups; g++) {
				cr_assert_eq(size[g], weir_fec_group_size(chunks, groups, g));
				cr_assert_leq(size[g], data);
				cr_assert_geq(size[g], size[0] - 1);
				sum += size[g];
			}
			cr_assert_eq(sum, chunks);
		}
	}
	cr_assert_eq(weir_fec_group_count(UINT32_MAX, 1), UINT32_MAX);
}

// Of so many chunks, each lost with that probability, more than `most` are.
static double more_lost_than(uint32_t most, uint32_t all, double loss)
{
	double sum = 0;

	for (uint32_t k = most + 1; k <= all; k++)
		sum += exp(lgamma(all + 1.0) - lgamma(k + 1.0) - lgamma(all - k + 1.0) +
			   k * log(loss) + (all - k) * log1p(-loss));
	return sum;
}

static double completes(
	struct weir_fec_parameters parameters, uint32_t chunks, unsigned aggregators, double loss)
{
	uint32_t groups = weir_fec_group_count(chunks, parameters.data);
	double log_completes = 0;

	for (uint32_t g = 0; g < groups; g++)
		log_completes += log1p(-more_lost_than(parameters.parity,
			weir_fec_group_size(chunks, groups, g) + parameters.parity, loss));
	return exp(aggregators * log_completes);
}

// What README and config/job.cfg promise of the default: with 5 % random loss a client that sends once
// and listens to nothing completes with a probability above 99.9 %.
Test(fec, default_completes_at_five_percent_loss)
{
	const struct weir_fec_parameters usual = {WEIR_FEC_DATA_DEFAULT, WEIR_FEC_PARITY_DEFAULT};

	cr_assert_gt(completes(usual, 1, 2, 0.05), 0.999999);
	cr_assert_gt(completes(usual, 64, 2, 0.05), 0.99999);
	cr_assert_gt(completes(usual, 2841, 3, 0.05), 0.999);  // a million u32, three aggregators
	cr_assert_gt(completes(usual, 28410, 2, 0.05), 0.999); // ten million, two
	// Without parity even one group is lost nearly always.
	cr_assert_lt(pow(1 - 0.05, 64 * 2), 0.002);
}
