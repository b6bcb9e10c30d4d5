// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>

#include "agreement.h"
#include "crypto_internal.h"
#include "crypto_test.h"

static void assert_bytes(const uint8_t *bytes, size_t size, const char *hex)
{
	uint8_t expected[128];
	cr_assert_eq(unhex(hex, expected), size);
	cr_assert_arr_eq(bytes, expected, size);
}

// RFC 7748 section 5.2
Test(agreement, rfc_7748_scalar_multiplication)
{
	uint8_t k[32], u[32], result[32];
	unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", k);
	unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", u);
	cr_assert_eq(weir_x25519(k, u, result), 0);
	assert_bytes(
		result, 32, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

// RFC 7748 section 5.2, the iteration
Test(agreement, rfc_7748_a_thousand_times)
{
	uint8_t k[32] = {9}, u[32] = {9}, result[32];
	for (int i = 1; i <= 1000; i++) {
		cr_assert_eq(weir_x25519(k, u, result), 0);
		memcpy(u, k, 32);
		memcpy(k, result, 32);
		if (i == 1)
			assert_bytes(k, 32,
				"422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
	}
	assert_bytes(k, 32, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

// RFC 7748 section 6.1
Test(agreement, rfc_7748_diffie_hellman)
{
	static const char shared[] =
		"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
	uint8_t alice[32], bob[32], alice_public[32], bob_public[32], secret[32];
	unhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", alice);
	unhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", bob);
	cr_assert_eq(weir_agreement_public(alice, alice_public), 0);
	cr_assert_eq(weir_agreement_public(bob, bob_public), 0);
	assert_bytes(alice_public, 32,
		"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	assert_bytes(
		bob_public, 32, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	cr_assert_eq(weir_x25519(alice, bob_public, secret), 0);
	assert_bytes(secret, 32, shared);
	cr_assert_eq(weir_x25519(bob, alice_public, secret), 0);
	assert_bytes(secret, 32, shared);
}

static void fill_range(uint8_t *bytes, size_t size, uint8_t first)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(first + i);
}

// RFC 5869 appendices A.1, A.2 and A.3
Test(agreement, rfc_5869)
{
	uint8_t secret[80], salt[80], info[80], out[82];
	memset(secret, 0x0b, 22);
	fill_range(salt, 13, 0x00);
	fill_range(info, 10, 0xf0);
	cr_assert_eq(weir_hkdf_sha256(salt, 13, secret, 22, info, 10, out, 42), 0);
	assert_bytes(out, 42,
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
		"34007208d5b887185865");
	cr_assert_eq(weir_hkdf_sha256(NULL, 0, secret, 22, NULL, 0, out, 42), 0);
	assert_bytes(out, 42,
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
		"9d201395faa4b61a96c8");
	fill_range(secret, 80, 0x00);
	fill_range(salt, 80, 0x60);
	fill_range(info, 80, 0xb0);
	cr_assert_eq(weir_hkdf_sha256(salt, 80, secret, 80, info, 80, out, 82), 0);
	assert_bytes(out, 82,
		"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
		"59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
		"cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

// The inputs of agreement_answers.py beside this file, which computed the answers.
struct inputs {
	uint8_t client_private[32], aggregator_private[32];
	struct weir_digest event_digest;
	struct weir_identity client, aggregator;
};

static struct inputs counting_inputs(void)
{
	struct inputs in;
	fill_range(in.client_private, 32, 0);
	fill_range(in.aggregator_private, 32, 32);
	fill_range(in.event_digest.bytes, 32, 64);
	fill_range(in.client.bytes, 32, 96);
	fill_range(in.aggregator.bytes, 32, 128);
	return in;
}

Test(agreement, both_sides_derive_the_known_answer)
{
	const struct inputs in = counting_inputs();
	uint8_t client_public[32], aggregator_public[32];
	struct weir_packet_keys at_client, at_aggregator;
	cr_assert_eq(weir_agreement_public(in.client_private, client_public), 0);
	cr_assert_eq(weir_agreement_public(in.aggregator_private, aggregator_public), 0);
	cr_assert_eq(weir_agree(in.client_private, aggregator_public, &in.event_digest, &in.client,
			     &in.aggregator, &at_client),
		0);
	cr_assert_eq(weir_agree(in.aggregator_private, client_public, &in.event_digest, &in.client,
			     &in.aggregator, &at_aggregator),
		0);
	cr_assert_arr_eq(&at_client, &at_aggregator, sizeof(at_client));
	assert_bytes(at_client.to_aggregator, 32,
		"04b74a9d8b89184147530875eb77df89fecbe9dfa4a9594b5d740e5896000356");
	assert_bytes(at_client.to_client, 32,
		"7780bbfe9bfac7a684cd897a7b53742ad0d1ee1f94ddad7284bc3c12ef1cdac9");
}

Test(agreement, every_input_changes_the_keys)
{
	struct inputs in = counting_inputs();
	uint8_t aggregator_public[32];
	struct weir_packet_keys first, other;
	cr_assert_eq(weir_agreement_public(in.aggregator_private, aggregator_public), 0);
	cr_assert_eq(weir_agree(in.client_private, aggregator_public, &in.event_digest, &in.client,
			     &in.aggregator, &first),
		0);
	uint8_t *const bytes[] = {in.client_private + 31 - 15, in.event_digest.bytes,
		in.client.bytes + 31, in.aggregator.bytes + 7, aggregator_public + 3};
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		*bytes[i] ^= 0x10;
		cr_assert_eq(weir_agree(in.client_private, aggregator_public, &in.event_digest,
				     &in.client, &in.aggregator, &other),
			0);
		*bytes[i] ^= 0x10;
		cr_assert_neq(memcmp(first.to_aggregator, other.to_aggregator, 32), 0, "%zu", i);
		cr_assert_neq(memcmp(first.to_client, other.to_client, 32), 0, "%zu", i);
	}
}

// Points of order 1, 2, 4 and 8, canonical and not: every product with them is all zero.
Test(agreement, low_order_points_are_refused)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	const struct inputs in = counting_inputs();
	static const struct weir_packet_keys zero;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		uint8_t point[32];
		struct weir_packet_keys keys;
		unhex(points[i], point);
		memset(&keys, 0xff, sizeof(keys));
		cr_assert_eq(weir_agree(in.client_private, point, &in.event_digest, &in.client,
				     &in.aggregator, &keys),
			-EBADMSG, "%s", points[i]);
		cr_assert_arr_eq(&keys, &zero, sizeof(zero));
	}
}

Test(agreement, pairs_are_fresh_and_match)
{
	struct weir_agreement_pair a, b;
	uint8_t public_key[32];
	cr_assert_eq(weir_agreement_generate(&a), 0);
	cr_assert_eq(weir_agreement_generate(&b), 0);
	cr_assert_neq(memcmp(a.private_key, b.private_key, 32), 0);
	cr_assert_eq(weir_agreement_public(a.private_key, public_key), 0);
	cr_assert_arr_eq(public_key, a.public_key, 32);
}
