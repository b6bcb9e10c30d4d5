// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "aead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>

#include "random.h"

// ipsec-mb's key schedule lives in ours, so that headers need not show its types.
_Static_assert(sizeof(struct gcm_key_data) <= sizeof(struct weir_aead_key),
	"weir_aead_key is too small for ipsec-mb's key schedule");
_Static_assert(_Alignof(struct weir_aead_key) >= _Alignof(struct gcm_key_data),
	"weir_aead_key is not aligned enough for ipsec-mb's key schedule");

struct weir_aead {
	IMB_MGR *manager; // the direct API only reads its function pointers
};

struct weir_aead *weir_aead_new(void)
{
	struct weir_aead *aead = calloc(1, sizeof(*aead));
	if (aead == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	aead->manager = alloc_mb_mgr(0);
	if (aead->manager == NULL) {
		free(aead);
		errno = ENOMEM;
		return NULL;
	}
	// Without AES instructions ipsec-mb falls back to table lookups, whose timing depends on
	// the key: that is refused, not used.
	const uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
	init_mb_mgr_auto(aead->manager, NULL);
	if (imb_get_errno(aead->manager) != 0 || (aead->manager->features & needed) != needed ||
		(aead->manager->features & IMB_FEATURE_AESNI_EMU) != 0) {
		weir_aead_free(aead);
		errno = ENODEV;
		return NULL;
	}
	return aead;
}

void weir_aead_free(struct weir_aead *aead)
{
	if (aead == NULL)
		return;
	free_mb_mgr(aead->manager);
	free(aead);
}

static const struct gcm_key_data *schedule_of(const struct weir_aead_key *key)
{
	return (const struct gcm_key_data *)(const void *)key->schedule;
}

void weir_aead_expand(const struct weir_aead *aead, const uint8_t key[WEIR_AEAD_KEY_SIZE],
	struct weir_aead_key *out)
{
	IMB_AES256_GCM_PRE(aead->manager, key, (struct gcm_key_data *)(void *)out->schedule);
}

void weir_aead_seal(const struct weir_aead *aead, const struct weir_aead_key *key,
	const uint8_t nonce[WEIR_AEAD_NONCE_SIZE], const void *associated, size_t associated_length,
	const void *plaintext, size_t length, void *ciphertext, uint8_t tag[WEIR_AEAD_TAG_SIZE])
{
	struct gcm_context_data context;
	IMB_AES256_GCM_ENC(aead->manager, schedule_of(key), &context, ciphertext, plaintext, length,
		nonce, associated, associated_length, tag, WEIR_AEAD_TAG_SIZE);
	weir_wipe(&context, sizeof(context));
}

bool weir_aead_open(const struct weir_aead *aead, const struct weir_aead_key *key,
	const uint8_t nonce[WEIR_AEAD_NONCE_SIZE], const void *associated, size_t associated_length,
	const void *ciphertext, size_t length, void *plaintext,
	const uint8_t tag[WEIR_AEAD_TAG_SIZE])
{
	struct gcm_context_data context;
	uint64_t computed[2], received[2];
	_Static_assert(sizeof(computed) == WEIR_AEAD_TAG_SIZE, "a tag is two words");
	IMB_AES256_GCM_DEC(aead->manager, schedule_of(key), &context, plaintext, ciphertext, length,
		nonce, associated, associated_length, (uint8_t *)computed, WEIR_AEAD_TAG_SIZE);
	memcpy(received, tag, sizeof(received));
	// Both words always: where the first difference is must not show in the time.
	const uint64_t difference = (computed[0] ^ received[0]) | (computed[1] ^ received[1]);
	// The right tag of a forgery is a secret, and the context holds an encrypted counter block.
	weir_wipe(computed, sizeof(computed));
	weir_wipe(&context, sizeof(context));
	return difference == 0;
}
