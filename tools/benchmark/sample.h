// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Repeated measurements of one thing.
#pragma once

#include <stddef.h>

struct sample_summary {
	double median;
	double low, high; // the quartiles
};

// Sorts the values. count > 0; a quantile between two values is interpolated.
struct sample_summary sample_summarize(double *values, size_t count);
