// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <criterion/criterion.h>

#include "sample.h"

Test(sample, median_and_quartiles)
{
	double odd[] = {5, 1, 4, 2, 3}, even[] = {4, 3, 2, 1}, one[] = {7};
	struct sample_summary summary = sample_summarize(odd, 5);

	cr_assert(summary.median == 3 && summary.low == 2 && summary.high == 4);
	summary = sample_summarize(even, 4);
	cr_assert(summary.median == 2.5 && summary.low == 1.75 && summary.high == 3.25);
	summary = sample_summarize(one, 1);
	cr_assert(summary.median == 7 && summary.low == 7 && summary.high == 7);
}
