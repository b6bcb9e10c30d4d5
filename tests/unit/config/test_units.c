// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>

#include "units.h"

typedef int parser(const char *text, uint64_t *out);

static void expect_value(parser *parse, const char *text, uint64_t value)
{
	uint64_t out = 12345;
	int status = parse(text, &out);
	cr_expect_eq(status, 0, "\"%s\" gives %d", text, status);
	cr_expect_eq(out, value, "\"%s\" is %lu", text, (unsigned long)out);
}

static void expect_error(parser *parse, const char *text, int error)
{
	uint64_t out = 12345;
	int status = parse(text, &out);
	cr_expect_eq(status, error, "\"%s\" gives %d", text, status);
	cr_expect_eq(out, 12345, "\"%s\" changes the output", text);
}

Test(units, every_unit)
{
	expect_value(weir_parse_bytes, "0 B", 0);
	expect_value(weir_parse_bytes, "7 B", 7);
	expect_value(weir_parse_bytes, "7B", 7);
	expect_value(weir_parse_bytes, "2 kB", 2000);
	expect_value(weir_parse_bytes, "3 MB", 3000000);
	expect_value(weir_parse_bytes, "5 GB", 5000000000);
	expect_value(weir_parse_bytes, "2 KiB", 2048);
	expect_value(weir_parse_bytes, "64 MiB", 67108864);
	expect_value(weir_parse_bytes, "5 GiB", 5368709120);
	expect_value(weir_parse_duration, "250 ms", 250);
	expect_value(weir_parse_duration, "30s", 30000);
	expect_value(weir_parse_duration, "10 min", 600000);
	expect_value(weir_parse_duration, "2 h", 7200000);
	expect_value(weir_parse_rate, "8 bit/s", 1);
	expect_value(weir_parse_rate, "8 kbit/s", 1000);
	expect_value(weir_parse_rate, "100 Mbit/s", 12500000);
	expect_value(weir_parse_rate, "10Gbit/s", 1250000000);
	expect_value(weir_parse_rate, "0 bit/s", 0);
}

Test(units, fractions_that_are_whole)
{
	expect_value(weir_parse_bytes, "1.5 KiB", 1536);
	expect_value(weir_parse_bytes, "0.000000931322574615478515625 GiB", 1000);
	expect_value(weir_parse_bytes, "1.0 B", 1);
	expect_value(weir_parse_bytes, "01.50 kB", 1500);
	expect_value(weir_parse_duration, "0.25 s", 250);
	expect_value(weir_parse_duration, "1.001 s", 1001);
	expect_value(weir_parse_rate, "2.5 Gbit/s", 312500000);
	expect_value(weir_parse_rate, "0.008 kbit/s", 1);
}

Test(units, fractions_that_are_not)
{
	expect_error(weir_parse_bytes, "1.5 B", -EINVAL);
	expect_error(weir_parse_bytes, "0.3 KiB", -EINVAL);
	expect_error(weir_parse_duration, "0.5 ms", -EINVAL);
	expect_error(weir_parse_duration, "1.0001 s", -EINVAL);
	expect_error(weir_parse_rate, "4 bit/s", -EINVAL);
	expect_error(weir_parse_rate, "9 bit/s", -EINVAL);
	expect_error(weir_parse_bytes, "1.0000000000000000000000000001 GiB", -EINVAL);
}

Test(units, overflow)
{
	expect_value(weir_parse_bytes, "18446744073709551615 B", UINT64_MAX);
	expect_error(weir_parse_bytes, "18446744073709551616 B", -ERANGE);
	expect_error(weir_parse_bytes, "340282366920938463463374607431768211456 B", -ERANGE);
	expect_error(weir_parse_bytes, "340282366920938463463374607431768211457 GiB", -ERANGE);
	expect_value(weir_parse_bytes, "17179869183 GiB", UINT64_C(17179869183) << 30);
	expect_error(weir_parse_bytes, "17179869184 GiB", -ERANGE);
	expect_value(weir_parse_duration, "18446744073709551.615 s", UINT64_MAX);
	expect_error(weir_parse_duration, "18446744073709551.616 s", -ERANGE);
	expect_error(weir_parse_duration, "18446744073709551615 h", -ERANGE);
	expect_value(weir_parse_rate, "18446744073709551608 bit/s", UINT64_MAX / 8);
	expect_value(weir_parse_rate, "147573952589.676412864 Gbit/s", UINT64_MAX - 7);
	expect_error(weir_parse_rate, "147573952589.676412928 Gbit/s", -ERANGE);
}

Test(units, not_understood)
{
	static const char *const texts[] = {"", " ", "B", "64", "64 ", "-1 B", "+1 B", " 1 B",
		"1  B", "1 B ", "1 Bx", "1 b", "1 kb", "1 KB", "1 mib", "1,5 KiB", "1. KiB",
		".5 KiB", "1.5.1 KiB", "1e3 B", "0x10 B", "1\tB", "1 B\n", "1 s", "1 bit/s",
		"inf B", "nan B", "1 KiB/s", "1 TB"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect_error(weir_parse_bytes, texts[i], -EINVAL);
	expect_error(weir_parse_duration, "1 B", -EINVAL);
	expect_error(weir_parse_duration, "1 S", -EINVAL);
	expect_error(weir_parse_duration, "1 m", -EINVAL);
	expect_error(weir_parse_duration, "-1 s", -EINVAL);
	expect_error(weir_parse_duration, "", -EINVAL);
	expect_error(weir_parse_rate, "1 Mbps", -EINVAL);
	expect_error(weir_parse_rate, "1 MB/s", -EINVAL);
	expect_error(weir_parse_rate, "", -EINVAL);
}
