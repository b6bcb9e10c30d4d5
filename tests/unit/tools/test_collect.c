// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agreement.h"
#include "collect.h"
#include "sharing.h"

#define DIMENSION 5
#define M         FIXTURE_AGGREGATORS

static struct fixture *fixture;
static uint64_t secret[DIMENSION] = {1, 2, 3, 4, 5};
static uint64_t vectors[M][DIMENSION];
static struct weir_aggregate_share headers[M];
static struct weir_collected collected;

// Each test changes a header or a file before it asks for the sum.
static void set_up(void)
{
	const struct weir_event_terms terms = fixture_terms(DIMENSION);
	void *shares[M];
	fixture = fixture_make(&terms);
	for (size_t i = 0; i < M; i++) {
		shares[i] = vectors[i];
		headers[i] = (struct weir_aggregate_share){
			.event = fixture->announcement.event_digest,
			.aggregator = fixture->announcement.terms.aggregators[i],
			.count = 3,
			.weight = 7,
			.modulus = WEIR_MODULUS_M61,
			.dimension = DIMENSION,
			.elements = vectors[i],
		};
		memset(&headers[i].set_digest, 9, sizeof(headers[i].set_digest));
	}
	cr_assert_eq(
		weir_split(fixture->client.kernels, WEIR_MODULUS_M61, secret, DIMENSION, shares, M),
		0);
}

static void tear_down(void)
{
	for (size_t i = 0; i < M; i++)
		free(collected.bytes[i]);
	fixture_free(fixture);
}

TestSuite(collect, .init = set_up, .fini = tear_down);

static void write_share(size_t i, size_t signer)
{
	size_t size = weir_aggregate_share_size(headers[i].modulus, headers[i].dimension);
	free(collected.bytes[i]);
	collected.bytes[i] = malloc(size);
	collected.size[i] = size;
	cr_assert_eq(weir_aggregate_share_write(
			     &headers[i], fixture->aggregators[signer], collected.bytes[i]),
		0);
}

static int sum(uint64_t out[DIMENSION])
{
	struct weir_aggregate_share header;
	void *elements;
	int error = weir_collect_sum(
		&fixture->client, &fixture->announcement, &collected, &elements, &header);
	if (error == 0) {
		cr_assert_eq(header.count, 3);
		cr_assert_eq(header.weight, 7);
		memcpy(out, elements, DIMENSION * sizeof(uint64_t));
	} else {
		cr_assert_null(elements);
	}
	free(elements);
	return error;
}

static void write_all(void)
{
	for (size_t i = 0; i < M; i++)
		write_share(i, i);
}

static void expect_refusal(const char *wanted)
{
	uint64_t out[DIMENSION];
	cr_assert_eq(sum(out), -EBADMSG, "%s", wanted);
	cr_assert_neq(strstr(fixture->client.message, wanted), NULL, "'%s' does not say '%s'",
		fixture->client.message, wanted);
}

Test(collect, adds_up)
{
	uint64_t out[DIMENSION];
	write_all();
	cr_assert_eq(sum(out), 0, "%s", fixture->client.message);
	cr_assert_arr_eq(out, secret, sizeof(out));
}

Test(collect, refuses_different_sets)
{
	headers[2].set_digest.bytes[31] ^= 1;
	write_all();
	expect_refusal("aggregator-0 and aggregator-2 published sums of different sets");
}

Test(collect, refuses_different_counts_and_weights)
{
	headers[1].count = 4;
	write_all();
	expect_refusal("aggregator-0 and aggregator-1 published sums of different sets");
	headers[1].count = 3;
	headers[1].weight = 8;
	write_all();
	expect_refusal("aggregator-0 and aggregator-1");
}

Test(collect, refuses_counts_that_the_event_does_not_allow)
{
	for (size_t i = 0; i < M; i++)
		headers[i].count = headers[i].weight = 1;
	write_all();
	expect_refusal("counts 1 clients");
	for (size_t i = 0; i < M; i++) {
		headers[i].count = 2;
		headers[i].weight = 9;
	}
	write_all();
	expect_refusal("of weight 9");
}

Test(collect, refuses_another_event_modulus_or_dimension)
{
	headers[1].event.bytes[0] ^= 1;
	write_all();
	expect_refusal("aggregator-1: gave an aggregate share of another event");
	headers[1].event.bytes[0] ^= 1;
	headers[1].dimension = DIMENSION - 1;
	write_all();
	expect_refusal("aggregator-1: its aggregate share has another modulus or dimension");
	headers[1].dimension = DIMENSION;
	headers[1].modulus = WEIR_MODULUS_R64;
	write_all();
	expect_refusal("another modulus or dimension");
}

Test(collect, refuses_the_share_of_another_aggregator)
{
	write_all();
	headers[1].aggregator = headers[2].aggregator;
	write_share(1, 2);
	expect_refusal("aggregator-1: gave the aggregate share of another aggregator");
}

Test(collect, refuses_every_changed_byte)
{
	write_all();
	uint8_t *bytes = collected.bytes[1];
	for (size_t at = 0; at < collected.size[1]; at++) {
		uint64_t out[DIMENSION];
		bytes[at] ^= 4;
		cr_assert_eq(sum(out), -EBADMSG, "byte %zu", at);
		cr_assert_neq(strstr(fixture->client.message, "aggregator-1"), NULL);
		bytes[at] ^= 4;
	}
	uint64_t out[DIMENSION];
	cr_assert_eq(sum(out), 0);
}

Test(collect, refuses_short_long_and_missing_shares)
{
	size_t full;
	write_all();
	full = collected.size[2];
	for (collected.size[2] = 0; collected.size[2] < full; collected.size[2]++)
		expect_refusal("aggregator-2");
	free(collected.bytes[2]);
	collected.bytes[2] = NULL;
	collected.size[2] = 0;
	expect_refusal("aggregator-2");
}

Test(collect, gives_reals_by_the_scale)
{
	int64_t integers[] = {-1500, 250, 0};
	double reals[3];
	struct weir_client_aggregate aggregate = {.dimension = 3, .integers = integers};
	aggregate.terms.is_fixed_point = aggregate.terms.is_signed = true;
	aggregate.terms.scale = 1000;
	weir_client_aggregate_reals(&aggregate, reals);
	cr_assert_arr_eq(reals, ((const double[]){-1.5, 0.25, 0}), sizeof(reals));
	aggregate.terms = (struct weir_client_terms){.scale = 1};
	weir_client_aggregate_reals(&aggregate, reals);
	cr_assert_eq(reals[0], 18446744073709550116.0);
}
