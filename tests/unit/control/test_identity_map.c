// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "identity_map.h"

static void key_of(uint64_t number, uint8_t key[WEIR_MAP_KEY_SIZE])
{
	memset(key, 0, WEIR_MAP_KEY_SIZE);
	memcpy(key + 16, &number, sizeof(number));
}

static uint64_t openssl_siphash(const uint8_t seed[16], const uint8_t key[WEIR_MAP_KEY_SIZE])
{
	uint64_t hash = 0;
	size_t size = 0, hash_size = 8;
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
	OSSL_PARAM parameters[2] = {
		OSSL_PARAM_construct_size_t("size", &hash_size), OSSL_PARAM_construct_end()};
	cr_assert(EVP_MAC_init(context, seed, 16, parameters));
	cr_assert(EVP_MAC_update(context, key, WEIR_MAP_KEY_SIZE));
	cr_assert(EVP_MAC_final(context, (uint8_t *)&hash, &size, sizeof(hash)));
	cr_assert_eq(size, 8);
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
	return hash;
}

Test(identity_map, hashes_as_siphash_does)
{
	uint8_t seed[16], key[WEIR_MAP_KEY_SIZE];
	for (uint8_t i = 0; i < 16; i++)
		seed[i] = i;
	for (uint8_t i = 0; i < WEIR_MAP_KEY_SIZE; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 100; i++) {
		cr_assert_eq(weir_siphash_32(seed, key), openssl_siphash(seed, key));
		key[i % WEIR_MAP_KEY_SIZE] ^= (uint8_t)(i * 31 + 1);
		seed[i % 16] ^= (uint8_t)(i * 17 + 1);
	}
}

Test(identity_map, keeps_what_was_put)
{
	struct weir_identity_map *map = weir_identity_map_new();
	uint8_t key[WEIR_MAP_KEY_SIZE];
	for (uint64_t i = 0; i < 1000; i++) {
		key_of(i, key);
		cr_assert_eq(weir_identity_map_get(map, key), -ENOENT);
		cr_assert_eq(weir_identity_map_reserve(map), 0);
		weir_identity_map_put(map, key, (uint32_t)i);
		cr_assert_eq(weir_identity_map_get(map, key), (int64_t)i);
	}
	key_of(7, key);
	weir_identity_map_put(map, key, UINT32_MAX); // known already: needs no reserve
	cr_assert_eq(weir_identity_map_get(map, key), UINT32_MAX);
	for (uint64_t i = 0; i < 1000; i++) {
		key_of(i, key);
		cr_assert_eq(weir_identity_map_get(map, key), i == 7 ? UINT32_MAX : (int64_t)i);
	}
	weir_identity_map_free(map);
	weir_identity_map_free(NULL);
}

// Seconds for so many keys, each put and looked for.
static double seconds_for(uint64_t count)
{
	struct weir_identity_map *map = weir_identity_map_new();
	struct timespec start, end;
	uint8_t key[WEIR_MAP_KEY_SIZE];
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (uint64_t i = 0; i < count; i++) {
		key_of(i << 32, key); // alike where a weak hash would look
		cr_assert_eq(weir_identity_map_reserve(map), 0);
		weir_identity_map_put(map, key, (uint32_t)i);
	}
	for (uint64_t i = 0; i < count; i++) {
		key_of(i << 32, key);
		cr_assert_eq(weir_identity_map_get(map, key), (int64_t)i);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	weir_identity_map_free(map);
	return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9;
}

Test(identity_map, is_linear, .timeout = 60)
{
	const double small = seconds_for(50000), large = seconds_for(800000);
	// 16 times as many; 256 times as long if it were quadratic
	cr_assert_lt(large, 100 * small + 1, "%f s and %f s", small, large);
}
