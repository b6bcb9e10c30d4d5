// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <criterion/criterion.h>
#include <string.h>

#include "decide.h"

#define FRAMES 200000

Test(random_stream, gives_the_published_numbers)
{
	// xoshiro256** from the state 1, 2, 3, 4, as the generator's other implementations test it.
	struct random_stream stream = {{1, 2, 3, 4}};
	static const uint64_t expected[] = {
		11520, 0, 1509978240, 1215971899390074240, 1216172134540287360};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		cr_assert_eq(random_stream_next(&stream), expected[i], "number %zu", i);
}

Test(random_stream, differs_by_seed_and_by_number)
{
	struct random_stream streams[3];

	random_stream_init(&streams[0], 7, 0);
	random_stream_init(&streams[1], 7, 1);
	random_stream_init(&streams[2], 8, 0);
	cr_assert_neq(memcmp(&streams[0], &streams[1], sizeof(streams[0])), 0);
	cr_assert_neq(memcmp(&streams[0], &streams[2], sizeof(streams[0])), 0);
	cr_assert_neq(memcmp(&streams[1], &streams[2], sizeof(streams[0])), 0);
}

Test(random_stream, fraction_stays_below_one)
{
	cr_assert_eq(random_fraction(0), 0);
	cr_assert_lt(random_fraction(UINT64_MAX), 1);
	cr_assert_eq(random_fraction(1ULL << 63), 0.5);
}

static struct link_parameters parameters_of(const char *changes)
{
	struct link_parameters parameters;
	char error[256];

	link_parameters_init(&parameters);
	cr_assert_eq(link_parameters_change(&parameters, changes, error, sizeof(error)), 0);
	return parameters;
}

Test(decide, perfect_link_does_nothing)
{
	struct link_parameters parameters = parameters_of("clear");
	struct random_stream stream;

	random_stream_init(&stream, 1, 0);
	for (int i = 0; i < 1000; i++) {
		struct link_verdict verdict = link_decide(&stream, &parameters);
		cr_assert(!verdict.cut && !verdict.lost && !verdict.duplicated && !verdict.held);
		cr_assert(!verdict.corrupted && verdict.wait_ns == 0);
	}
}

Test(decide, same_seed_same_verdicts)
{
	struct link_parameters parameters =
		parameters_of("loss=5%,dup=2%,reorder=10%,corrupt=1%,delay=1ms,jitter=3ms");
	struct random_stream streams[2];

	random_stream_init(&streams[0], 42, 1);
	random_stream_init(&streams[1], 42, 1);
	for (int i = 0; i < 10000; i++) {
		struct link_verdict a = link_decide(&streams[0], &parameters);
		struct link_verdict b = link_decide(&streams[1], &parameters);
		cr_assert_eq(a.lost, b.lost);
		cr_assert_eq(a.duplicated, b.duplicated);
		cr_assert_eq(a.held, b.held);
		cr_assert_eq(a.corrupt_draw, b.corrupt_draw);
		cr_assert_eq(a.wait_ns, b.wait_ns);
	}
}

Test(decide, one_parameter_leaves_the_others_fates)
{
	struct link_parameters with = parameters_of("dup=20%,reorder=20%,loss=30%");
	struct link_parameters without = parameters_of("dup=20%,reorder=20%");
	struct random_stream streams[2];
	int compared = 0;

	random_stream_init(&streams[0], 3, 0);
	random_stream_init(&streams[1], 3, 0);
	for (int i = 0; i < 10000; i++) {
		struct link_verdict a = link_decide(&streams[0], &with);
		struct link_verdict b = link_decide(&streams[1], &without);
		if (a.lost)
			continue;
		cr_assert_eq(a.duplicated, b.duplicated);
		cr_assert_eq(a.held, b.held);
		compared++;
	}
	cr_assert_gt(compared, 6000);
	cr_assert_lt(compared, 8000);
}

// Five standard deviations: a false alarm once in a million seeds, and the seed is fixed.
static void assert_near(int count, int of, double probability, const char *what)
{
	double expected = of * probability;
	double margin = 5 * __builtin_sqrt(expected * (1 - probability));

	cr_assert(count > expected - margin && count < expected + margin, "%s: %d of %d", what,
		count, of);
}

Test(decide, rates_are_those_asked_for)
{
	struct link_parameters parameters =
		parameters_of("loss=5%,dup=2%,reorder=10%,corrupt=0.5%,delay=2ms,jitter=1ms");
	struct random_stream stream;
	int lost = 0, duplicated = 0, held = 0, corrupted = 0;
	double jitter_sum = 0;

	random_stream_init(&stream, 11, 0);
	for (int i = 0; i < FRAMES; i++) {
		struct link_verdict verdict = link_decide(&stream, &parameters);
		lost += verdict.lost;
		duplicated += verdict.duplicated;
		held += verdict.held;
		corrupted += verdict.corrupted;
		if (verdict.lost)
			continue;
		cr_assert(verdict.wait_ns >= 2000000 && verdict.wait_ns < 3000000);
		jitter_sum += (double)(verdict.wait_ns - 2000000);
	}
	int passed = FRAMES - lost;
	assert_near(lost, FRAMES, 0.05, "lost");
	assert_near(duplicated, passed, 0.02, "duplicated");
	assert_near(held, passed, 0.10, "held");
	assert_near(corrupted, passed, 0.005, "corrupted");
	cr_assert_float_eq(jitter_sum / passed, 500000, 5000);
}

Test(decide, fates_are_independent_of_each_other)
{
	struct link_parameters parameters = parameters_of("dup=20%,reorder=20%,corrupt=20%");
	struct random_stream stream;
	int duplicated_and_held = 0, held_and_corrupted = 0, corrupted_and_duplicated = 0;

	random_stream_init(&stream, 13, 0);
	for (int i = 0; i < FRAMES; i++) {
		struct link_verdict verdict = link_decide(&stream, &parameters);
		duplicated_and_held += verdict.duplicated && verdict.held;
		held_and_corrupted += verdict.held && verdict.corrupted;
		corrupted_and_duplicated += verdict.corrupted && verdict.duplicated;
	}
	assert_near(duplicated_and_held, FRAMES, 0.04, "duplicated and held");
	assert_near(held_and_corrupted, FRAMES, 0.04, "held and corrupted");
	assert_near(corrupted_and_duplicated, FRAMES, 0.04, "corrupted and duplicated");
}

Test(decide, certainty_is_certain)
{
	struct link_parameters all = parameters_of("loss=100%");
	struct link_parameters cut = parameters_of("loss=100%,cut");
	struct random_stream stream;

	random_stream_init(&stream, 5, 0);
	for (int i = 0; i < 10000; i++)
		cr_assert(link_decide(&stream, &all).lost);
	struct link_verdict verdict = link_decide(&stream, &cut);
	cr_assert(verdict.cut && !verdict.lost);
}
