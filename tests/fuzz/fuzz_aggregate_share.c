// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Aggregate shares, as a collector gets them. The first two bytes say how long the first of two shares
// is. FIX (in the third) writes the event's own header over each, so that mutations of elements and
// single fields are not all refused for the same reason.

#include <string.h>

#include "collect.h"
#include "fuzz.h"

#define DIMENSION 3

static struct weir_client client;
static struct weir_announcement announcement;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	struct weir_event_terms *terms = &announcement.terms;

	(void)count, (void)arguments;
	client.kernels = weir_kernels_select(NULL);
	client.aggregator_count = terms->aggregator_count = 2;
	for (uint8_t i = 0; i < 2; i++) {
		terms->aggregators[i].bytes[0] = (uint8_t)(i + 1);
		client.aggregators[i].identity = terms->aggregators[i];
		strcpy(client.aggregators[i].name, "a");
	}
	terms->modulus = WEIR_MODULUS_M61;
	terms->dimension = DIMENSION;
	terms->min_clients = 2;
	terms->max_clients = 100;
	terms->max_weight = 5;
	return 0;
}

static void fix(uint8_t *bytes, size_t size, uint8_t which)
{
	static const struct weir_digest zero;
	const uint64_t dimension = DIMENSION;
	const uint32_t modulus[2] = {WEIR_MODULUS_M61, 0};

	if (size < WEIR_AGGREGATE_SHARE_HEADER)
		return;
	memcpy(bytes, "WEIRAGG1", 8);
	memcpy(bytes + 8, &zero, sizeof(zero));
	memcpy(bytes + 40, &announcement.terms.aggregators[which], WEIR_IDENTITY_SIZE);
	memcpy(bytes + 120, modulus, sizeof(modulus));
	memcpy(bytes + 128, &dimension, sizeof(dimension));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct weir_collected collected = {0};
	struct weir_aggregate_share share, header;
	struct weir_document_error error = {{0}};
	void *elements = NULL;
	uint16_t first;
	uint8_t flags;

	fuzz_take(&input, &first, sizeof(first));
	flags = fuzz_byte(&input);
	collected.size[0] = first < input.size ? first : input.size;
	collected.size[1] = input.size - collected.size[0];
	for (uint8_t i = 0; i < 2; i++) {
		collected.bytes[i] = malloc(collected.size[i] ? collected.size[i] : 1);
		FUZZ_CHECK(collected.bytes[i]);
		fuzz_take(&input, collected.bytes[i], collected.size[i]);
		if (flags >> i & 1)
			fix(collected.bytes[i], collected.size[i], i);
		if (weir_aggregate_share_read(
			    collected.bytes[i], collected.size[i], &share, &error) == 0)
			FUZZ_CHECK(weir_aggregate_share_size(share.modulus, share.dimension) ==
				   collected.size[i]);
		else
			FUZZ_CHECK(error.message[0]);
	}
	if (weir_collect_sum(&client, &announcement, &collected, &elements, &header) == 0) {
		FUZZ_CHECK(header.count >= 2 && header.count <= 100);
		FUZZ_CHECK(client.kernels->ops[WEIR_MODULUS_M61].is_canonical(elements, DIMENSION));
		free(elements);
	}
	free(collected.bytes[0]);
	free(collected.bytes[1]);
	return 0;
}
