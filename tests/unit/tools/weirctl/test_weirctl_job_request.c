// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A job becomes an event document by what the leader adds; the document's own parser reads it here.

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "documents.h"
#include "job_request.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define ID_D "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

static struct weir_job_config *load(const char *text)
{
	struct weir_config_error error;
	char path[] = "/tmp/weirctl-job-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	struct weir_job_config *job = weir_job_config_load(path, &error);
	unlink(path);
	cr_assert_not_null(job, "%s", error.message);
	return job;
}

// As the leader does (control/README.md, POST /v1/events).
static struct weir_event_terms terms_of(const struct weir_job_config *job, uint32_t round)
{
	json_t *body = job_request(job, round);
	struct weir_document_error error = {""};
	struct weir_event_terms terms;
	struct weir_digest digest;

	cr_assert_not_null(body);
	const json_t *duration = json_object_get(body, "duration_ms");
	cr_assert(json_is_integer(duration));
	cr_expect_eq(json_integer_value(duration), (json_int_t)job->duration_ms);
	json_object_set_new(body, "version", json_integer(1));
	json_object_set_new(body, "announced_ms", json_integer(1000));
	json_object_set_new(body, "deadline_ms", json_integer(1000 + json_integer_value(duration)));
	json_object_del(body, "duration_ms");
	char *text = json_dumps(body, JSON_COMPACT);
	cr_assert_eq(
		weir_event_parse(text, &terms, &digest, &error), 0, "%s: %s", error.message, text);
	free(text);
	json_decref(body);
	return terms;
}

static void expect_identity(const struct weir_identity *identity, const char *wanted)
{
	char hex[WEIR_HEX_ID];

	weir_hex_encode(identity->bytes, sizeof(identity->bytes), hex);
	cr_expect_str_eq(hex, wanted);
}

Test(job_request, says_all_that_the_job_says)
{
	struct weir_job_config *job = load(
		"job = \"a.b-c_1\"; round = 3; rounds = 5; modulus = \"2^64\"; dimension = 353;\n"
		"chunk_elements = 32; fec = { data = 20; parity = 5; }; encoding = { kind = "
		"\"integer\"; signed = true; bound = 900; "
		"};\n"
		"max_clients = 70; max_weight = 11; min_clients = 5; target_clients = 60;\n"
		"duration = \"90 s\"; admit_timeout = \"7 s\";\n"
		"aggregators = [\"" ID_B "\", \"" ID_A "\"];\n"
		"collectors = [\"" ID_C "\", \"" ID_D "\"];\n");
	struct weir_event_terms terms = terms_of(job, 4);

	cr_expect_str_eq(terms.job, "a.b-c_1");
	cr_expect_eq(terms.round, 4);
	cr_expect_eq(terms.modulus, WEIR_MODULUS_R64);
	cr_expect_eq(terms.dimension, 353);
	cr_expect_eq(terms.chunk_elements, 32);
	cr_expect_eq(terms.fec.data, 20);
	cr_expect_eq(terms.fec.parity, 5);
	cr_expect_not(terms.encoding.is_fixed_point);
	cr_expect(terms.encoding.is_signed);
	cr_expect_eq(terms.encoding.bound, 900);
	cr_expect_eq(terms.max_clients, 70);
	cr_expect_eq(terms.max_weight, 11);
	cr_expect_eq(terms.min_clients, 5);
	cr_expect_eq(terms.target_clients, 60);
	cr_expect_eq(terms.deadline_ms - terms.announced_ms, 90000);
	cr_expect_eq(terms.admit_timeout_ms, 7000);
	cr_assert_eq(terms.aggregator_count, 2);
	expect_identity(&terms.aggregators[0], ID_B);
	expect_identity(&terms.aggregators[1], ID_A);
	cr_assert_eq(terms.collector_count, 2);
	expect_identity(&terms.collectors[0], ID_C);
	expect_identity(&terms.collectors[1], ID_D);
	weir_job_config_free(job);
}

Test(job_request, keeps_fixed_point_to_the_last_bit)
{
	struct weir_job_config *job = load(
		"job = \"j\"; modulus = \"2^61-1\"; dimension = 1;\n"
		"encoding = { kind = \"fixed\"; scale = 1234567.1; clip = 0.3; };\n"
		"max_clients = 2; duration = \"1 s\"; aggregators = [\"" ID_A "\", \"" ID_B "\"];\n"
		"collectors = [\"" ID_C "\"];\n");
	struct weir_event_terms terms = terms_of(job, job->round);

	cr_expect(terms.encoding.is_fixed_point);
	cr_expect_eq(terms.encoding.scale, 1234567.1);
	cr_expect_eq(terms.encoding.clip, 0.3);
	cr_expect_eq(terms.encoding.bound, job->encoding.bound);
	cr_expect_eq(terms.round, 1);
	weir_job_config_free(job);
}

Test(job_request, the_shipped_example_becomes_an_event)
{
	struct weir_config_error error;
	char path[4096];

	snprintf(path, sizeof(path), "%s/job.cfg", getenv("WEIR_CONFIG_EXAMPLES"));
	struct weir_job_config *job = weir_job_config_load(path, &error);
	cr_assert_not_null(job, "%s", error.message);
	struct weir_event_terms terms = terms_of(job, 1);
	cr_expect_str_eq(terms.job, "heart-rates");
	weir_job_config_free(job);
}

Test(job_request, every_modulus_by_its_name)
{
	for (int modulus = WEIR_MODULUS_FIRST; modulus <= WEIR_MODULUS_LAST; modulus++) {
		char text[1024];

		snprintf(text, sizeof(text),
			"job = \"j\"; modulus = \"%s\"; dimension = 9; max_clients = 2;\n"
			"encoding = { kind = \"integer\"; signed = false; bound = 5; };\n"
			"duration = \"1 s\"; aggregators = [\"" ID_A "\", \"" ID_B "\"];\n"
			"collectors = [\"" ID_C "\"];\n",
			weir_modulus_name((enum weir_modulus)modulus));
		struct weir_job_config *job = load(text);
		struct weir_event_terms terms = terms_of(job, 1);
		cr_expect_eq((int)terms.modulus, modulus);
		cr_expect_not(terms.encoding.is_signed);
		weir_job_config_free(job);
	}
}
