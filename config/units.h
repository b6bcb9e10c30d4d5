// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Sizes, durations and rates as people write them: "64 MiB", "250 ms", "100 Mbit/s".
#pragma once

#include <stdint.h>

// Bytes: a number and one of B, kB, MB, GB (powers of 1000) or KiB, MiB, GiB (of 1024).
// Milliseconds: a number and one of ms, s, min, h. Bits a second (returned as bytes a second):
// bit/s, kbit/s, Mbit/s, Gbit/s. A decimal fraction is allowed where the result is whole; a space
// before the unit is optional. Return 0, or -EINVAL (not understood) or -ERANGE; *out unchanged.
int weir_parse_bytes(const char *text, uint64_t *out);
int weir_parse_duration(const char *text, uint64_t *out_ms);
int weir_parse_rate(const char *text, uint64_t *out_bytes_per_second);
