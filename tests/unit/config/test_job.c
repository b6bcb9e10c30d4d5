// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_test.h"
#include "job_config.h"
#include "share_packet.h"

TestSuite(job, .init = make_folder, .fini = remove_folder);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct weir_job_config *load(const char *text)
{
	struct weir_config_error error;
	write_file("test.cfg", text);
	struct weir_job_config *config = weir_job_config_load(in_folder("test.cfg"), &error);
	cr_assert_not_null(config, "%s", error.message);
	return config;
}

static struct weir_job_config *load_with(const char *old, const char *new)
{
	char *text = replaced(valid_texts[CONFIG_JOB], old, new);
	struct weir_job_config *config = load(text);
	free(text);
	return config;
}

Test(job, values_and_defaults)
{
	struct weir_job_config *job = load(valid_texts[CONFIG_JOB]);

	cr_expect_str_eq(job->path, in_folder("test.cfg"));
	cr_expect_str_eq(job->job, "trial");
	cr_expect_eq(job->round, 1);
	cr_expect_eq(job->rounds, 1);
	cr_expect_eq(job->modulus, WEIR_MODULUS_M31);
	cr_expect_eq(job->dimension, 1000);
	cr_expect_eq(job->chunk_elements, 352);
	cr_expect(job->fec.data == 0 && job->fec.parity == 0);
	cr_expect(!job->encoding.is_fixed_point && !job->encoding.is_signed);
	cr_expect_eq(job->encoding.bound, 1000);
	cr_expect_eq(job->max_clients, 100);
	cr_expect_eq(job->max_weight, 1);
	cr_expect_eq(job->min_clients, 2);
	cr_expect_eq(job->target_clients, 0);
	cr_expect_eq(job->duration_ms, 10000);
	cr_expect_eq(job->admit_timeout_ms, 30000);
	cr_assert_eq(job->aggregator_count, 2);
	cr_expect_str_eq(job->aggregators[0], ID_A);
	cr_expect_str_eq(job->aggregators[1], ID_B);
	cr_assert_eq(job->collector_count, 1);
	cr_expect_str_eq(job->collectors[0], ID_C);
	weir_job_config_free(job);
}

Test(job, everything_can_be_set)
{
	struct weir_job_config *job = load_with("max_clients = 100;",
		"max_clients = 100; round = 3; rounds = 4; chunk_elements = 2048; max_weight = 5;"
		"min_clients = 6; target_clients = 7; admit_timeout = \"8 s\";");

	cr_expect_eq(job->round, 3);
	cr_expect_eq(job->rounds, 4);
	cr_expect_eq(job->chunk_elements, 2048);
	cr_expect_eq(job->max_weight, 5);
	cr_expect_eq(job->min_clients, 6);
	cr_expect_eq(job->target_clients, 7);
	cr_expect_eq(job->admit_timeout_ms, 8000);
	weir_job_config_free(job);
}

Test(job, forward_error_correction)
{
	static const char *const texts[] = {"max_clients = 100; fec = { };",
		"max_clients = 100; fec = { data = 128; parity = 64; };",
		"max_clients = 100; fec = { parity = 3; };"};
	static const struct weir_fec_parameters wanted[] = {{64, 16}, {128, 64}, {64, 3}};

	for (size_t i = 0; i < 3; i++) {
		struct weir_job_config *job = load_with("max_clients = 100;", texts[i]);

		cr_expect_eq(job->fec.data, wanted[i].data);
		cr_expect_eq(job->fec.parity, wanted[i].parity);
		weir_job_config_free(job);
	}
}

Test(job, chunks_of_wide_elements_are_half_as_many)
{
	struct weir_job_config *job = load_with("2^31-1", "2^64");

	cr_expect_eq(job->chunk_elements, 176);
	weir_job_config_free(job);
}

Test(job, fixed_point_implies_signed_and_a_bound)
{
	struct weir_job_config *job = load_with("{ kind = \"integer\";\n  bound = 1000; }",
		"{ kind = \"fixed\"; scale = 1e3; clip = 2; }");

	cr_expect(job->encoding.is_fixed_point && job->encoding.is_signed);
	cr_expect_eq(job->encoding.scale, 1000.0);
	cr_expect_eq(job->encoding.clip, 2.0);
	cr_expect_eq(job->encoding.bound, 2000);
	weir_job_config_free(job);
}

Test(job, large_bounds_need_an_l)
{
	char *wide = replaced(valid_texts[CONFIG_JOB], "2^31-1", "2^61-1");
	char *with_l = replaced(wide, "bound = 1000;", "bound = 1000000000000L;");
	char *without = replaced(wide, "bound = 1000;", "bound = 1000000000000;");
	static const char *const words[] = {"write it with an L behind it (1000000000000L)"};
	struct weir_job_config *job = load(with_l);

	cr_expect_eq(job->encoding.bound, 1000000000000);
	weir_job_config_free(job);
	expect_refused(CONFIG_JOB, without, "test.cfg", 5, words, 1);
	free(with_l);
	free(without);
	free(wide);
}

Test(job, refuses_bad_values)
{
	static const struct refusal refusals[] = {
		{"\"trial\"", "\"\"", 1, {"job", "not a name"}},
		{"\"trial\"", "\"a b\"", 1, {"job", "not a name"}},
		{"\"trial\"",
			"\"0123456789012345678901234567890123456789012345678901234567890123\"", 1,
			{"job is 64 bytes long", "at most 63"}},
		{"\"2^31-1\"", "\"2^31\"", 2, {"not a modulus", "\"2^61-1\""}},
		{"\"2^31-1\"", "2147483647", 2, {"modulus", "text in quotes"}},
		{"dimension = 1000", "dimension = 0", 3, {"dimension is 0"}},
		{"dimension = 1000", "dimension = -5", 3, {"dimension is -5"}},
		{"dimension = 1000", "dimension = 1e3", 3, {"dimension", "whole number"}},
		{"dimension = 1000", "dimension = 94489280161L", 3,
			{"dimension 94489280161 needs 268435456 chunks of 352", "268435455"}},
		{"max_clients = 100;", "max_clients = 100; fec = { data = 129; };", 6,
			{"fec.data is 129", "128"}},
		{"max_clients = 100;", "max_clients = 100; fec = { parity = 0; };", 6,
			{"fec.parity is 0"}},
		{"max_clients = 100;", "max_clients = 100; chunk_elements = 350;", 6,
			{"chunk_elements is 350", "multiple of 16", "352"}},
		{"max_clients = 100;", "max_clients = 100; chunk_elements = 8;", 6,
			{"multiple of 16"}},
		{"max_clients = 100;", "max_clients = 100; chunk_elements = 0;", 6,
			{"chunk_elements is 0"}},
		{"max_clients = 100;", "max_clients = 100; chunk_elements = 16368;", 6,
			{"chunk_elements is 16368", "65512 bytes, above 65507", "at most 16352",
				"352 fit"}},
		{"max_clients = 100", "max_clients = 0", 6, {"max_clients is 0"}},
		{"max_clients = 100", "max_clients = 1", 1, {"min_clients", "above max_clients 1"}},
		{"max_clients = 100;", "max_clients = 100;\nmin_clients = 101;", 7,
			{"min_clients is 101", "max_clients 100"}},
		{"max_clients = 100;", "max_clients = 100; target_clients = 101;", 6,
			{"target_clients is 101", "max_clients 100"}},
		{"max_clients = 100;", "max_clients = 100; target_clients = 1;", 6,
			{"target_clients is 1", "min_clients 2"}},
		{"max_clients = 100;", "max_clients = 100; max_weight = 0;", 6,
			{"max_weight is 0"}},
		{"max_clients = 100;", "max_clients = 100; round = 0;", 6, {"round is 0"}},
		{"max_clients = 100;", "max_clients = 100; round = 2;\nrounds = 4294967295L;", 7,
			{"rounds is 4294967295", "round 2"}},
		{"\"10 s\"", "\"10\"", 7, {"duration", "ms, s, min or h"}},
		{"\"10 s\"", "\"-10 s\"", 7, {"duration", "not understood"}},
		{"\"10 s\"", "\"10000 h\"", 7, {"duration", "out of range"}},
	};
	expect_refusals(CONFIG_JOB, refusals, COUNT(refusals));
}

Test(job, refuses_bad_encodings)
{
	static const struct refusal refusals[] = {
		{"kind = \"integer\";", "", 4, {"encoding has no setting kind"}},
		{"\"integer\"", "\"float\"", 4, {"encoding.kind", "\"integer\", \"fixed\""}},
		{"\"integer\"", "1", 4, {"encoding.kind", "\"integer\", \"fixed\""}},
		{"bound = 1000;", "", 4, {"encoding has no setting bound", "bound = 1000"}},
		{"bound = 1000;", "bound = 0;", 5, {"encoding.bound is 0"}},
		{"bound = 1000;", "bound = -1;", 5, {"encoding.bound is -1"}},
		{"bound = 1000;", "bound = 10; scale = 1.0;", 5,
			{"encoding.scale is not a setting"}},
		{"bound = 1000;", "bound = 10; signed = 1;", 5,
			{"encoding.signed", "true or false"}},
		{"\"integer\";\n  bound = 1000;", "\"fixed\"; scale = 1.0;", 4,
			{"encoding has no setting clip"}},
		{"\"integer\";\n  bound = 1000;", "\"fixed\"; clip = 1.0;", 4,
			{"encoding has no setting scale"}},
		{"\"integer\";\n  bound = 1000;", "\"fixed\";\nscale = 0.0; clip = 1.0;", 5,
			{"encoding.scale is 0", "above 0"}},
		{"\"integer\";\n  bound = 1000;", "\"fixed\"; scale = 1.0;\nclip = -1.0;", 5,
			{"encoding.clip is -1"}},
		{"\"integer\";\n  bound = 1000;", "\"fixed\"; scale = 1e999;\nclip = 1.0;", 4,
			{"encoding.scale is inf"}},
		{"\"integer\";\n  bound = 1000;", "\"fixed\"; scale = \"1\";\nclip = 1.0;", 4,
			{"encoding.scale must be a number"}},
		{"\"integer\";\n  bound = 1000;", "\"fixed\"; clip = 1e10;\nscale = 1e10;", 5,
			{"encoding.scale 1e+10 x clip 1e+10", "2^53"}},
		{"\"integer\";\n  bound = 1000;", "\"fixed\"; clip = 0.1;\nscale = 1;", 5,
			{"encoding.scale 1 x clip 0.1"}},
		{"\"integer\";\n  bound = 1000;",
			"\"fixed\"; clip = 1.0; scale = 1; signed = true;", 4,
			{"encoding.signed is not a setting"}},
	};
	expect_refusals(CONFIG_JOB, refusals, COUNT(refusals));
}

// The three factors and the limit, for each modulus, at the limit and one beyond.
Test(job, refuses_sums_that_could_wrap)
{
	static const struct {
		const char *modulus, *is_signed, *fits, *beyond, *limit;
	} rows[] = {
		{"2^31-1", "false", "21474836", "21474837", "2147483646, the largest unsigned"},
		{"2^31-1", "true", "10737418", "10737419", "1073741823, the largest signed"},
		{"2^32", "false", "42949672", "42949673", "4294967295, the largest unsigned"},
		{"2^32", "true", "21474836", "21474837", "2147483647, the largest signed"},
		{"2^61-1", "false", "23058430092136939L", "23058430092136940L",
			"2305843009213693950,"},
		{"2^61-1", "true", "11529215046068469L", "11529215046068470L",
			"1152921504606846975,"},
		{"2^64", "false", "184467440737095516L", "184467440737095517L",
			"18446744073709551615,"},
		{"2^64", "true", "92233720368547758L", "92233720368547759L",
			"9223372036854775807,"},
	};
	char encoding[100], factors[100], modulo[40];

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = replaced(valid_texts[CONFIG_JOB], "2^31-1", rows[i].modulus);
		char *clients =
			replaced(text, "max_clients = 100;", "max_clients = 50; max_weight = 2;");
		snprintf(encoding, sizeof(encoding), "signed = %s; bound = %s;", rows[i].is_signed,
			rows[i].fits);
		char *fits = replaced(clients, "bound = 1000;", encoding);
		snprintf(encoding, sizeof(encoding), "signed = %s; bound = %s;", rows[i].is_signed,
			rows[i].beyond);
		char *beyond = replaced(clients, "bound = 1000;", encoding);
		snprintf(factors, sizeof(factors),
			"max_clients 50 x max_weight 2 x bound %.*s is above",
			(int)strspn(rows[i].beyond, "0123456789"), rows[i].beyond);
		snprintf(modulo, sizeof(modulo), "modulo %s; lower", rows[i].modulus);
		const char *const words[] = {factors, rows[i].limit, modulo};

		expect_loads(CONFIG_JOB, fits);
		expect_refused(CONFIG_JOB, beyond, "test.cfg", 6, words, 3);
		free(beyond);
		free(fits);
		free(clients);
		free(text);
	}
}

Test(job, refuses_bad_identities)
{
	static const struct refusal refusals[] = {
		{ID_B, ID_A, 8, {"aggregators[1]", ID_A, "element 0"}},
		{"  \"" ID_B "\"\n", "  \"b\"\n", 8,
			{"aggregators[1]", "\"b\"", "not an identity"}},
		{"  \"" ID_A "\",\n", "", 8, {"aggregators has length 1", "2 to 16"}},
		{"\"" ID_C "\"", "", 12, {"collectors has length 0", "1 to"}},
		{"\"" ID_C "\"", "5", 12, {"collectors[0]", "text in quotes"}},
		{"\"" ID_C "\"", "\"" ID_C "\", \"" ID_C "\"", 12, {"collectors[1]", "element 0"}},
		{"[ \"" ID_C "\" ]", "\"" ID_C "\"", 12, {"collectors must be a list"}},
	};
	expect_refusals(CONFIG_JOB, refusals, COUNT(refusals));
}

// job_config.c may not include the dataplane's header; the limits must be the same nevertheless.
Test(job, limits_are_those_of_the_packet_format)
{
	char text[40];
	unsigned chunk = (65507 - WEIR_PACKET_OVERHEAD) / 4 / 16 * 16;

	snprintf(text, sizeof(text), "chunk_elements = %u; max_clients", chunk);
	weir_job_config_free(load_with("max_clients", text));
	snprintf(text, sizeof(text), "dimension = %lluL",
		(unsigned long long)WEIR_CHUNK_NUMBER_MASK * 352);
	weir_job_config_free(load_with("dimension = 1000", text));
	cr_expect_leq(352 * 4 + WEIR_PACKET_OVERHEAD + 8 + 40, 1500);
	cr_expect_leq(2048 * 4 + WEIR_PACKET_OVERHEAD + 8 + 40, 9000);
}
