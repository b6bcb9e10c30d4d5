// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "share_source.h"

#include <errno.h>
#include <stdlib.h>

#include "share_packet.h"

// The finalizer of the SplitMix64 generator (Steele, Lea, Flood 2014).
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

// Uniform by rejection; *state walks on.
static uint64_t next_element(uint64_t *state, uint64_t max)
{
	uint64_t mask = UINT64_MAX >> __builtin_clzll(max);
	uint64_t element;

	do
		element = mix((*state)++) & mask;
	while (element > max);
	return element;
}

static void fill(struct share_source *source)
{
	size_t size = weir_modulus_element_size(source->modulus);
	size_t count = SHARE_SOURCE_ROWS * (size_t)source->chunk_elements;
	uint64_t max = weir_modulus_max(source->modulus);
	uint64_t state = mix(source->seed);

	for (size_t i = 0; i < count; i++) {
		uint64_t element = next_element(&state, max);

		if (size == sizeof(uint32_t))
			((uint32_t *)(void *)source->rows)[i] = (uint32_t)element;
		else
			((uint64_t *)(void *)source->rows)[i] = element;
	}
}

int share_source_init(struct share_source *source, enum weir_modulus modulus, uint64_t dimension,
	uint32_t chunk_elements, uint64_t seed)
{
	*source = (struct share_source){
		.modulus = modulus,
		.dimension = dimension,
		.chunk_elements = chunk_elements,
		.chunk_count = weir_chunk_count(dimension, chunk_elements),
		.seed = seed,
		.row_bytes = chunk_elements * weir_modulus_element_size(modulus),
	};
	source->rows = aligned_alloc(64, (SHARE_SOURCE_ROWS * source->row_bytes + 63) / 64 * 64);
	if (!source->rows)
		return -ENOMEM;
	fill(source);
	return 0;
}

void share_source_free(struct share_source *source)
{
	free(source->rows);
	*source = (struct share_source){0};
}

const void *share_source_chunk(const struct share_source *source, uint32_t client, uint32_t chunk)
{
	uint64_t hash = mix((uint64_t)client << 32 | chunk);

	return source->rows + hash % SHARE_SOURCE_ROWS * source->row_bytes;
}

int share_source_add(const struct share_source *source, const struct weir_kernels *kernels,
	const uint32_t *clients, const uint32_t *weights, uint32_t count, void *sum)
{
	const struct weir_vector_ops *ops = &kernels->ops[source->modulus];
	const void **chunks = calloc(count ? count : 1, sizeof(*chunks));

	if (!chunks)
		return -ENOMEM;
	for (uint32_t chunk = 0; chunk < source->chunk_count; chunk++) {
		uint8_t *place = (uint8_t *)sum + chunk * source->row_bytes;
		size_t n = weir_chunk_length(source->dimension, source->chunk_elements, chunk);

		for (uint32_t i = 0; i < count; i++)
			chunks[i] = share_source_chunk(source, clients[i], chunk);
		if (weights)
			ops->add_weighted(place, chunks, weights, count, n);
		else
			ops->add_many(place, chunks, count, n);
	}
	free(chunks);
	return 0;
}
