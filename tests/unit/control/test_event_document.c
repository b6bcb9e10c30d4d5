// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// README "Event": what is refused, and that nothing else is.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "control_test.h"
#include "refusals.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct test_event event;
static char *text;
static json_t *root;

static void set_up(void)
{
	test_event_init(&event, 2);
	text = weir_event_format(&event.terms);
	root = json_loads(text, 0, NULL);
	cr_assert_not_null(root);
}

static void tear_down(void)
{
	json_decref(root);
	free(text);
	test_event_clear(&event);
}

TestSuite(event_document, .init = set_up, .fini = tear_down, .timeout = 60);

static int parse(const char *json)
{
	struct {
		struct weir_event_terms terms;
		struct weir_digest digest;
	} output;
	struct weir_document_error error = {""};
	memset(&output, 0xff, sizeof(output));
	const int rc = weir_event_parse(json, &output.terms, &output.digest, &error);
	check_outcome(rc, error.message, &output, sizeof(output));
	return rc;
}

static void make_fixed_point(void)
{
	json_object_set_new(root, "encoding",
		json_pack("{s:s, s:b, s:f, s:f, s:I}", "kind", "fixed", "signed", 1, "scale",
			1000.0, "clip", 0.0625, "bound", (json_int_t)62));
}

Test(event_document, is_strict)
{
	assert_strict(parse, root, root);
	assert_strict(parse, root, json_object_get(root, "encoding"));
	make_fixed_point();
	assert_strict(parse, root, json_object_get(root, "encoding"));
}

// The one key that may be missing: then the text is as if there were no such thing.
Test(event_document, forward_error_correction)
{
	struct weir_event_terms parsed;
	struct weir_digest digest;
	struct weir_document_error error;

	cr_assert_null(strstr(text, "fec"));
	free(text);
	event.terms.fec = (struct weir_fec_parameters){128, 64};
	text = weir_event_format(&event.terms);
	cr_assert_not_null(text);
	cr_assert_not_null(strstr(text, ",\"fec\":{\"data\":128,\"parity\":64},\"encoding\":"));
	cr_assert_eq(weir_event_parse(text, &parsed, &digest, &error), 0, "%s", error.message);
	cr_assert_eq(parsed.fec.data, 128);
	cr_assert_eq(parsed.fec.parity, 64);
	event.terms.fec.parity = 0;
	cr_assert_null(weir_event_format(&event.terms));
	json_decref(root);
	root = json_loads(text, 0, NULL);
	assert_strict(parse, root, json_object_get(root, "fec"));
}

Test(event_document, whole_texts)
{
	assert_whole_texts_refused(parse, text);
	assert_limit(parse, text, 64 << 10);
	assert_survives_noise(parse, text, 20000);
}

static const struct {
	const char *key, *raw;
	bool accepted;
} values[] = {
	{"version", "0", false},
	{"version", "2", false},
	{"kind", "\"mean\"", false},
	{"kind", "\"\"", false},
	{"kind", "\"summation\"", false},
	{"job", "\"a\"", true},
	{"job", "\"A.z_0-9\"", true},
	{"job", "\"\"", false},
	{"job", "\"a b\"", false},
	{"job", "\"a/b\"", false},
	{"job", "\"<b>\"", false},
	{"job", "\"\\u00e4\"", false},
	{"job", "\"a\\n\"", false},
	{"job", "\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789a\"", true},
	{"job", "\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789ab\"", false},
	{"round", "0", true},
	{"round", "4294967295", true},
	{"round", "4294967296", false},
	{"modulus", "\"2^31-1\"", true},
	{"modulus", "\"2^32\"", true},
	{"modulus", "\"2^64\"", true},
	{"modulus", "\"2^31\"", false},
	{"modulus", "\"2^61-1 \"", false},
	{"modulus", "\"\"", false},
	{"dimension", "0", false},
	{"dimension", "1", true},
	{"dimension", "47244640256", true},  // 2^28 chunks of 176
	{"dimension", "47244640257", false}, // and one more
	{"dimension", "9223372036854775807", false},
	{"fec", "{\"data\":1,\"parity\":1}", true},
	{"fec", "{\"data\":128,\"parity\":64}", true},
	{"fec", "{\"data\":129,\"parity\":1}", false},
	{"fec", "{\"data\":1,\"parity\":65}", false},
	{"fec", "{\"data\":0,\"parity\":1}", false},
	{"fec", "{\"data\":1,\"parity\":0}", false},
	{"fec", "{\"data\":0,\"parity\":0}", false},
	{"fec", "{\"data\":1}", false},
	{"fec", "null", false},
	{"fec", "[64,16]", false},
	{"chunk_elements", "0", false},
	{"chunk_elements", "8", false},
	{"chunk_elements", "16", true},
	{"chunk_elements", "17", false},
	{"chunk_elements", "8176", true}, // 65408 bytes and 40
	{"chunk_elements", "8192", false},
	{"chunk_elements", "4294967280", false},
	{"max_clients", "0", false},
	{"max_clients", "1", false}, // below min_clients
	{"max_clients", "2", true},
	{"max_clients", "4294967295", true},
	{"max_weight", "0", false},
	{"max_weight", "2147483647", true},
	{"max_weight", "2147483648", false},
	{"min_clients", "0", false},
	{"min_clients", "1", true},
	{"min_clients", "50", true},
	{"min_clients", "51", false},
	{"target_clients", "0", true},
	{"target_clients", "1", false},
	{"target_clients", "2", true},
	{"target_clients", "50", true},
	{"target_clients", "51", false},
	{"announced_ms", "0", true},
	{"announced_ms", "1999", true},
	{"announced_ms", "2000", false},
	{"deadline_ms", "9223372036854775807", true},
	{"deadline_ms", "1000", false},
	{"deadline_ms", "0", false},
	{"admit_timeout_ms", "0", false},
	{"admit_timeout_ms", "1", true},
	{"aggregators", "[]", false},
	{"collectors", "[]", false},
	{"collectors", "[\"00\"]", false},
};

Test(event_document, ranges)
{
	for (size_t i = 0; i < COUNT(values); i++)
		(values[i].accepted ? assert_value_accepted : assert_value_refused)(
			parse, root, root, values[i].key, values[i].raw);
}

static const struct {
	const char *key, *raw;
	bool accepted;
} fixed_values[] = {
	{"kind", "\"integer\"", false}, // which has no scale
	{"kind", "\"float\"", false},
	{"signed", "false", false},
	{"scale", "1000", true}, // other languages write it so
	{"scale", "1e3", true},
	{"scale", "999.9", true}, // 62.49375
	{"scale", "1001", false}, // 62.5625
	{"scale", "0", false},
	{"scale", "-1000.0", false},
	{"clip", "0.0624", true}, // 62.4
	{"clip", "0.0625001", false},
	{"clip", "-0.0625", false},
	{"clip", "1e300", false},
	{"bound", "61", false},
	{"bound", "63", false},
	{"bound", "0", false},
};

Test(event_document, fixed_point)
{
	make_fixed_point();
	json_t *encoding = json_object_get(root, "encoding");
	for (size_t i = 0; i < COUNT(fixed_values); i++)
		(fixed_values[i].accepted ? assert_value_accepted : assert_value_refused)(
			parse, root, encoding, fixed_values[i].key, fixed_values[i].raw);
	// 62.5 to even is 62; 63.5 is 64
	assert_value_accepted(parse, root, encoding, "scale", "1000.0");
	json_object_set_new(encoding, "clip", json_real(0.0635));
	assert_value_accepted(parse, root, encoding, "bound", "64");
	assert_value_refused(parse, root, encoding, "bound", "63");
	// an integer encoding has neither
	json_object_set_new(root, "encoding",
		json_pack("{s:s, s:b, s:i}", "kind", "integer", "signed", 0, "bound", 5));
	encoding = json_object_get(root, "encoding");
	assert_value_accepted(parse, root, encoding, "signed", "false");
	assert_value_refused(parse, root, encoding, "scale", "1.0");
}

static void assert_headroom(const char *modulus, const char *is_signed, const char *clients,
	const char *weight, const char *bound, bool fits)
{
	char *made = NULL;
	cr_assert_geq(
		asprintf(&made,
			"{\"version\":1,\"kind\":\"sum\",\"job\":\"j\",\"round\":1,"
			"\"modulus\":\"%s\",\"dimension\":1,\"chunk_elements\":16,\"encoding\":"
			"{\"kind\":\"integer\",\"signed\":%s,\"bound\":%s},\"max_clients\":%s,"
			"\"max_weight\":%s,\"min_clients\":1,\"target_clients\":0,"
			"\"announced_ms\":0,\"deadline_ms\":1,\"admit_timeout_ms\":1,"
			"\"aggregators\":[\"%064d\",\"%064d\"],\"collectors\":[\"%064d\"]}",
			modulus, is_signed, bound, clients, weight, 1, 2, 1),
		0);
	(fits ? assert_accepted : assert_refused)(parse, made);
	free(made);
}

Test(event_document, a_sum_never_wraps)
{
	// (2^61 - 2) / 2 = 2^60 - 1 = 5 x 230584300921369395
	assert_headroom("2^61-1", "true", "5", "1", "230584300921369395", true);
	assert_headroom("2^61-1", "true", "5", "1", "230584300921369396", false);
	assert_headroom("2^61-1", "true", "1", "5", "230584300921369396", false);
	// 2^61 - 2 = 2 x (2^60 - 1)
	assert_headroom("2^61-1", "false", "2", "1", "1152921504606846975", true);
	assert_headroom("2^61-1", "false", "2", "1", "1152921504606846976", false);
	assert_headroom("2^31-1", "true", "1", "1", "1073741823", true);
	assert_headroom("2^31-1", "true", "1", "1", "1073741824", false);
	assert_headroom("2^31-1", "false", "1", "1", "2147483646", true);
	assert_headroom("2^31-1", "false", "1", "1", "2147483647", false);
	assert_headroom("2^32", "true", "1", "1", "2147483647", true);
	assert_headroom("2^32", "true", "1", "1", "2147483648", false);
	assert_headroom("2^32", "false", "4294967295", "1", "1", true);
	assert_headroom("2^32", "false", "4294967295", "2", "1", false);
	assert_headroom("2^64", "true", "1", "1", "9223372036854775807", true);
	assert_headroom("2^64", "true", "2", "1", "9223372036854775807", false);
	assert_headroom("2^64", "false", "2", "1", "9223372036854775807", true);
	assert_headroom("2^64", "false", "3", "1", "9223372036854775807", false);
	// products that would wrap 64 bits
	assert_headroom("2^64", "false", "4294967295", "2147483647", "4294967296", false);
	assert_headroom("2^64", "false", "4294967295", "2147483647", "9223372036854775807", false);
}

static void set_identities(const char *key, size_t count, size_t same_as_first)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		char hex[65];
		snprintf(hex, sizeof(hex), "%064zu", i == same_as_first ? 0 : i);
		json_array_append_new(list, json_string(hex));
	}
	json_object_set_new(root, key, list);
}

static void assert_list(const char *key, size_t count, size_t same_as_first, bool accepted)
{
	set_identities(key, count, same_as_first);
	char *made = json_dumps(root, 0);
	(accepted ? assert_accepted : assert_refused)(parse, made);
	free(made);
}

Test(event_document, aggregators)
{
	assert_list("aggregators", 1, 99, false);
	assert_list("aggregators", 2, 99, true);
	assert_list("aggregators", 16, 99, true);
	assert_list("aggregators", 17, 99, false);
	assert_list("aggregators", 2, 1, false);
	assert_list("aggregators", 16, 15, false);
}

Test(event_document, collectors)
{
	assert_list("collectors", 1, 99, true);
	assert_list("collectors", 64, 99, true);
	assert_list("collectors", 65, 99, false);
	assert_list("collectors", 64, 63, false);
	set_identities("aggregators", 2, 99); // who may be collectors as well
	assert_list("collectors", 2, 99, true);
}

static bool same_encoding(const struct weir_encoding *a, const struct weir_encoding *b)
{
	return a->is_fixed_point == b->is_fixed_point && a->is_signed == b->is_signed &&
	       a->bound == b->bound &&
	       (!a->is_fixed_point || (a->scale == b->scale && a->clip == b->clip));
}

static void assert_round_trip(const struct weir_event_terms *terms)
{
	struct weir_event_terms parsed;
	struct weir_digest digest;
	struct weir_document_error error;
	char *made = weir_event_format(terms);
	cr_assert_not_null(made);
	cr_assert_eq(weir_event_parse(made, &parsed, &digest, &error), 0, "%s", error.message);
	cr_assert_str_eq(parsed.job, terms->job);
	cr_assert_eq(parsed.round, terms->round);
	cr_assert_eq(parsed.modulus, terms->modulus);
	cr_assert_eq(parsed.dimension, terms->dimension);
	cr_assert_eq(parsed.chunk_elements, terms->chunk_elements);
	cr_assert(same_encoding(&parsed.encoding, &terms->encoding), "%s", made);
	cr_assert_eq(parsed.max_clients, terms->max_clients);
	cr_assert_eq(parsed.max_weight, terms->max_weight);
	cr_assert_eq(parsed.min_clients, terms->min_clients);
	cr_assert_eq(parsed.target_clients, terms->target_clients);
	cr_assert_eq(parsed.announced_ms, terms->announced_ms);
	cr_assert_eq(parsed.deadline_ms, terms->deadline_ms);
	cr_assert_eq(parsed.admit_timeout_ms, terms->admit_timeout_ms);
	cr_assert_eq(parsed.aggregator_count, terms->aggregator_count);
	cr_assert_eq(parsed.collector_count, terms->collector_count);
	cr_assert_eq(memcmp(parsed.aggregators, terms->aggregators, sizeof(parsed.aggregators)), 0);
	cr_assert_eq(memcmp(parsed.collectors, terms->collectors, sizeof(parsed.collectors)), 0);
	free(made);
}

Test(event_document, round_trip)
{
	struct weir_event_terms *terms = &event.terms;
	assert_round_trip(terms);
	terms->modulus = WEIR_MODULUS_R64;
	terms->max_clients = UINT32_MAX;
	terms->round = UINT32_MAX;
	terms->deadline_ms = INT64_MAX;
	terms->admit_timeout_ms = INT64_MAX;
	assert_round_trip(terms);
	// every double comes back as it was
	terms->max_clients = 2;
	for (unsigned i = 1; i < 2000; i++) {
		terms->encoding = (struct weir_encoding){.is_fixed_point = true,
			.is_signed = true,
			.scale = 1.0 / i + 1e-9,
			.clip = i * 3.1};
		cr_assert_eq(weir_fixed_point_bound(terms->encoding.scale, terms->encoding.clip,
				     &terms->encoding.bound),
			0);
		assert_round_trip(terms);
	}
}

Test(event_document, integers_and_reals_are_written_as_such)
{
	event.terms.encoding = (struct weir_encoding){.is_fixed_point = true,
		.is_signed = true,
		.scale = 1000,
		.clip = 0.1,
		.bound = 100};
	char *made = weir_event_format(&event.terms);
	cr_assert_not_null(strstr(made, "\"round\":1,"));
	cr_assert_not_null(strstr(made, "\"scale\":1000.0,"));
	cr_assert_not_null(strstr(made, "\"clip\":0.10000000000000001,"), "%s", made);
	free(made);
}

Test(event_document, wrong_terms_are_not_formatted)
{
	struct weir_document_error error;
	const struct weir_event_terms right = event.terms;
	struct weir_event_terms wrong[12];
	for (size_t i = 0; i < COUNT(wrong); i++)
		wrong[i] = right;
	memset(wrong[0].job, 'a', sizeof(wrong[0].job)); // no NUL
	wrong[1].modulus = 0;
	wrong[2].dimension = 0;
	wrong[3].encoding.bound = UINT64_MAX;
	wrong[4].deadline_ms = UINT64_MAX;
	wrong[5].admit_timeout_ms = UINT64_MAX;
	wrong[6].aggregator_count = 17;
	wrong[7].collector_count = 0;
	wrong[8].collector_count = 65;
	wrong[9].aggregators[1] = wrong[9].aggregators[0];
	wrong[10].modulus = 5;
	wrong[11].encoding.is_fixed_point = true;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		errno = 0;
		cr_assert_null(weir_event_format(&wrong[i]), "%zu", i);
		cr_assert_eq(errno, EINVAL);
		cr_assert_eq(weir_event_terms_check(&wrong[i], &error), -EBADMSG);
	}
	cr_assert_eq(weir_event_terms_check(&right, &error), 0);
}

Test(event_document, the_digest_is_of_the_exact_bytes)
{
	struct weir_event_terms terms;
	struct weir_digest first, second;
	struct weir_document_error error;
	char *spaced = NULL;
	cr_assert_geq(asprintf(&spaced, "%s ", text), 0);
	cr_assert_eq(weir_event_parse(text, &terms, &first, &error), 0);
	cr_assert_eq(weir_event_parse(spaced, &terms, &second, &error), 0);
	cr_assert_neq(memcmp(&first, &second, sizeof(first)), 0);
	free(spaced);
}

Test(event_document, a_message_is_printable_whatever_the_key)
{
	assert_value_refused(parse, root, root, "line\nbreak\x1b[31m\xc3\xa4", "1");
}
