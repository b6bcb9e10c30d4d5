// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The histogram keeps every value to within 1/64 of itself.
#include <criterion/criterion.h>
#include <stdlib.h>

#include "chance.h"
#include "latency.h"

static struct latency latency;

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

Test(latency, empty)
{
	cr_expect_eq(latency_quantile(&latency, 0.5), 0);
	cr_expect_eq(latency_quantile(&latency, 1), 0);
}

Test(latency, one_value_of_every_size)
{
	for (unsigned bits = 0; bits < 64; bits++) {
		for (int around = -1; around <= 1; around++) {
			uint64_t value = (UINT64_C(1) << bits) + (uint64_t)around;
			struct latency *one = calloc(1, sizeof(*one));
			latency_record(one, value);
			cr_expect_eq(latency_quantile(one, 0.5), value);
			cr_expect_eq(one->most, value);
			latency_record(one, UINT64_MAX);
			uint64_t found = latency_quantile(one, 0.5);
			cr_expect_geq(found, value);
			cr_expect_leq(found - value, value / 64, "%lu: %lu", value, found);
			free(one);
		}
	}
}

Test(latency, quantiles_of_many)
{
	enum { N = 100000 };
	static const double shares[] = {0, 0.001, 0.5, 0.9, 0.99, 0.999, 1};
	uint64_t *values = calloc(N, sizeof(*values)), random = 5;
	static struct latency halves[2], both;

	for (size_t i = 0; i < N; i++) {
		values[i] = chance_next(&random) >> chance_below(&random, 60);
		latency_record(&halves[i % 2], values[i]);
	}
	latency_add(&both, &halves[0]);
	latency_add(&both, &halves[1]);
	qsort(values, N, sizeof(*values), compare);
	cr_expect_eq(both.count, N);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		size_t rank = (size_t)(shares[i] * N);
		uint64_t exact = values[rank > 0 ? rank - 1 : 0];
		uint64_t found = latency_quantile(&both, shares[i]);
		cr_expect_geq(found, exact);
		cr_expect_leq(found - exact, exact / 64);
	}
	free(values);
}
