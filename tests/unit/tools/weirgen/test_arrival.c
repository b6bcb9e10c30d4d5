// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// When clients arrive, by every pattern.
#include <criterion/criterion.h>
#include <math.h>

#include "arrival.h"

#define CLIENTS 20000

static struct arrival started(const char *text, uint64_t seed)
{
	struct arrival_pattern pattern;
	struct arrival arrival;

	cr_assert_eq(arrival_parse(text, &pattern), 0, "%s", text);
	arrival_start(&arrival, &pattern, CLIENTS, seed);
	return arrival;
}

Test(arrival, at_once)
{
	struct arrival arrival = started("at-once", 1);

	for (uint32_t i = 0; i < 10; i++)
		cr_expect_eq(arrival_of(&arrival, i, 1), 0);
}

Test(arrival, uniform)
{
	struct arrival arrival = started("uniform:10s", 1);

	cr_expect_eq(arrival_of(&arrival, 0, 1), 0);
	cr_expect_float_eq(arrival_of(&arrival, CLIENTS / 2, 1), 5, 1e-9);
	cr_expect_lt(arrival_of(&arrival, CLIENTS - 1, 1), 10);
}

Test(arrival, bursts)
{
	struct arrival arrival = started("bursts:64/100ms", 1);

	cr_expect_eq(arrival_of(&arrival, 63, 1), 0);
	cr_expect_float_eq(arrival_of(&arrival, 64, 1), 0.1, 1e-9);
	cr_expect_float_eq(arrival_of(&arrival, 640, 1), 1, 1e-9);
}

// Gaps of a Poisson process: their mean is 1 / rate, and so is their standard deviation.
Test(arrival, poisson)
{
	struct arrival arrival = started("poisson:500/s", 7);
	double before = 0, sum = 0, squares = 0;

	for (uint32_t i = 0; i < CLIENTS; i++) {
		double at = arrival_of(&arrival, i, 1), gap = at - before;
		cr_assert_geq(gap, 0);
		sum += gap;
		squares += gap * gap;
		before = at;
	}
	double mean = sum / CLIENTS, deviation = sqrt(squares / CLIENTS - mean * mean);
	cr_expect_float_eq(mean, 1.0 / 500, 0.1 / 500);
	cr_expect_float_eq(deviation, 1.0 / 500, 0.1 / 500);
}

// Of two workers each has half of the rate, and a stream of its own.
Test(arrival, poisson_of_two_workers)
{
	struct arrival one = started("poisson:500/s", 1), two = started("poisson:500/s", 2);
	double at_one = 0, at_two = 0;

	for (uint32_t i = 0; i < CLIENTS; i += 2) {
		at_one = arrival_of(&one, i, 2);
		at_two = arrival_of(&two, i + 1, 2);
	}
	cr_expect_float_eq(at_one, CLIENTS / 500.0, 2);
	cr_expect_float_eq(at_two, CLIENTS / 500.0, 2);
	cr_expect_neq(at_one, at_two);
}

Test(arrival, refused)
{
	static const char *const bad[] = {"", "later", "uniform", "uniform:", "uniform:0s",
		"uniform:5", "poisson:5", "poisson:0/s", "poisson:-1/s", "poisson:nan/s",
		"poisson:5/s ", "bursts:0/1s", "bursts:5", "bursts:5/", "bursts:5/0s"};
	struct arrival_pattern pattern = {.kind = ARRIVAL_BURSTS};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_neq(arrival_parse(bad[i], &pattern), 0, "'%s'", bad[i]);
		cr_expect_eq(pattern.kind, ARRIVAL_BURSTS);
	}
}
