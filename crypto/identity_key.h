// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a signing key is inside crypto/: identity.c signs with it, identity_file.c stores it.
#pragma once

#include <openssl/evp.h>

#include "identity.h"

struct weir_signing_key {
	EVP_PKEY *pkey;
	struct weir_identity identity;
};

// Wraps pkey, which must hold an Ed25519 private key, and owns it from now on: it is freed on
// failure too. NULL with errno EIO.
struct weir_signing_key *weir_signing_key_adopt(EVP_PKEY *pkey);
