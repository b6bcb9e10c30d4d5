// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Rates as they are written, and what leaves when.
#include <criterion/criterion.h>
#include <errno.h>

#include "pacer.h"

#define HZ UINT64_C(2600000000)

Test(pacer, rates)
{
	struct pacer_rate rate;

	cr_expect_eq(pacer_parse("3 Mpps", 0, &rate), 0);
	cr_expect_float_eq(rate.frames_per_second, 3e6, 1e-3);
	cr_expect_eq(rate.bits_per_second, 0);
	cr_expect_eq(pacer_parse("2.5Gbit/s", 0, &rate), 0);
	cr_expect_float_eq(rate.bits_per_second, 2.5e9, 1);
	cr_expect_eq(rate.overhead_bytes, 0);
	cr_expect_eq(pacer_parse("50 %", 1250000000, &rate), 0);
	cr_expect_float_eq(rate.bits_per_second, 5e9, 1);
	cr_expect_eq(rate.overhead_bytes, 24);
	cr_expect_eq(pacer_parse("50 %", 0, &rate), -EDOM);

	static const char *const bad[] = {"", "3", "Mpps", "3 mpps", "0 pps", "-1 pps", "nan pps",
		"inf pps", "3 Mpps x", "3 MB/s"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(pacer_parse(bad[i], 1, &rate), -EINVAL, "'%s'", bad[i]);
}

// Sends whatever may be sent at each of many moments. Returns how many frames.
static uint64_t send_for(
	struct pacer *pacer, uint64_t from, uint64_t to, uint64_t step, uint32_t bytes)
{
	uint64_t frames = 0;

	for (uint64_t now = from; now < to; now += step) {
		(void)pacer_forgive(pacer, now);
		while (pacer_may_send(pacer, now)) {
			pacer_sent(pacer, bytes);
			frames++;
		}
	}
	return frames;
}

Test(pacer, keeps_a_rate_in_frames)
{
	struct pacer pacer;

	pacer_start(&pacer, &(struct pacer_rate){.frames_per_second = 1e6}, 1, HZ, 1000);
	uint64_t frames = send_for(&pacer, 1000, 1000 + HZ / 10, 3000, 64);
	cr_expect(frames >= 99990 && frames <= 100010, "%lu", frames);
}

Test(pacer, keeps_a_part_of_a_rate_in_bits)
{
	struct pacer pacer;

	pacer_start(&pacer, &(struct pacer_rate){.bits_per_second = 1e9, .overhead_bytes = 24}, 0.5,
		HZ, 0);
	uint64_t frames = send_for(&pacer, 0, HZ / 10, 3000, 976);
	// 1000 bytes each with the overhead, half of 1e9 bit/s: 62500 a second.
	cr_expect(frames >= 6245 && frames <= 6255, "%lu", frames);
}

Test(pacer, does_not_make_good_a_long_pause)
{
	struct pacer pacer;

	pacer_start(&pacer, &(struct pacer_rate){.frames_per_second = 1e6}, 1, HZ, 0);
	cr_expect(pacer_forgive(&pacer, HZ));
	cr_expect_eq(send_for(&pacer, HZ, HZ + 1, 1, 64), 1);
	cr_expect_not(pacer_forgive(&pacer, HZ + HZ / 20000));
	uint64_t frames = send_for(&pacer, HZ + HZ / 20000, HZ + HZ / 20000 + 1, 1, 64);
	cr_expect(frames >= 48 && frames <= 51, "%lu: a short one is made good", frames);
}

Test(pacer, is_off_without_a_rate)
{
	struct pacer pacer;

	pacer_start(&pacer, &(struct pacer_rate){0}, 1, HZ, HZ);
	cr_expect(pacer_may_send(&pacer, 0));
	cr_expect_not(pacer_forgive(&pacer, UINT64_MAX));
}
