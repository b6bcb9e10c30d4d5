// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "agreement.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/proverr.h>

#include "crypto_internal.h"
#include "random.h"

static const char INFO_LABEL[] = "weir share v1"; // without its NUL in the info

int weir_agreement_public(const uint8_t private_key[WEIR_AGREEMENT_KEY_SIZE],
	uint8_t public_key[WEIR_AGREEMENT_KEY_SIZE])
{
	size_t size = WEIR_AGREEMENT_KEY_SIZE;
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(
		EVP_PKEY_X25519, NULL, private_key, WEIR_AGREEMENT_KEY_SIZE);
	const bool ok = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, public_key, &size) == 1;
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return ok ? 0 : -EIO;
}

int weir_agreement_generate(struct weir_agreement_pair *pair)
{
	int rc = weir_random_bytes(pair->private_key, sizeof(pair->private_key));
	if (rc == 0)
		rc = weir_agreement_public(pair->private_key, pair->public_key);
	if (rc != 0)
		weir_wipe(pair, sizeof(*pair));
	return rc;
}

int weir_x25519(const uint8_t private_key[32], const uint8_t peer_public[32], uint8_t secret[32])
{
	static const uint8_t zero[32];
	size_t size = 32;
	int rc = -EIO;
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer_public, 32);
	EVP_PKEY_CTX *derivation = own == NULL ? NULL : EVP_PKEY_CTX_new(own, NULL);
	ERR_clear_error();
	if (peer == NULL || derivation == NULL || EVP_PKEY_derive_init(derivation) != 1 ||
		EVP_PKEY_derive_set_peer(derivation, peer) != 1)
		goto out;
	if (EVP_PKEY_derive(derivation, secret, &size) == 1)
		rc = CRYPTO_memcmp(secret, zero, sizeof(zero)) == 0 ? -EBADMSG : 0;
	else if (ERR_GET_REASON(ERR_peek_error()) == PROV_R_FAILED_DURING_DERIVATION)
		rc = -EBADMSG; // OpenSSL refuses the all-zero result itself
out:
	ERR_clear_error();
	EVP_PKEY_CTX_free(derivation);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(own);
	if (rc != 0)
		weir_wipe(secret, 32);
	return rc;
}

int weir_hkdf_sha256(const void *salt, size_t salt_length, const void *secret, size_t secret_length,
	const void *info, size_t info_length, void *out, size_t out_length)
{
	// OSSL_PARAM has no const, though these are only read; and no empty string without address.
	static char empty[1];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, secret_length),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
			salt_length == 0 ? empty : (void *)(uintptr_t)salt, salt_length),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
			info_length == 0 ? empty : (void *)(uintptr_t)info, info_length),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	const bool ok = context != NULL && EVP_KDF_derive(context, out, out_length, params) == 1;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	ERR_clear_error();
	if (!ok)
		weir_wipe(out, out_length);
	return ok ? 0 : -EIO;
}

// One direction's key from the agreed secret.
static int derive(const uint8_t secret[32], const struct weir_digest *event_digest,
	enum weir_direction direction, const struct weir_identity *client,
	const struct weir_identity *aggregator, uint8_t key[WEIR_PACKET_KEY_SIZE])
{
	uint8_t info[sizeof(INFO_LABEL) - 1 + 1 + 2 * WEIR_IDENTITY_SIZE];
	uint8_t *next = info;
	next = mempcpy(next, INFO_LABEL, sizeof(INFO_LABEL) - 1);
	*next++ = (uint8_t)direction;
	next = mempcpy(next, client->bytes, WEIR_IDENTITY_SIZE);
	memcpy(next, aggregator->bytes, WEIR_IDENTITY_SIZE);
	return weir_hkdf_sha256(event_digest->bytes, sizeof(event_digest->bytes), secret, 32, info,
		sizeof(info), key, WEIR_PACKET_KEY_SIZE);
}

int weir_agree(const uint8_t private_key[WEIR_AGREEMENT_KEY_SIZE],
	const uint8_t peer_public[WEIR_AGREEMENT_KEY_SIZE], const struct weir_digest *event_digest,
	const struct weir_identity *client, const struct weir_identity *aggregator,
	struct weir_packet_keys *keys)
{
	uint8_t secret[32];
	int rc = weir_x25519(private_key, peer_public, secret);
	if (rc == 0)
		rc = derive(secret, event_digest, WEIR_TO_AGGREGATOR, client, aggregator,
			keys->to_aggregator);
	if (rc == 0)
		rc = derive(
			secret, event_digest, WEIR_TO_CLIENT, client, aggregator, keys->to_client);
	weir_wipe(secret, sizeof(secret));
	if (rc != 0)
		weir_wipe(keys, sizeof(*keys));
	return rc;
}
