// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Private keys in PEM.

#include <errno.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size);
	uint8_t signature[WEIR_SIGNATURE_SIZE];

	FUZZ_CHECK(chmod(path, 0600) == 0);
	struct weir_signing_key *key = weir_signing_key_load(path);
	if (key) {
		FUZZ_CHECK(weir_sign(key, "fuzz", data, size, signature) == 0);
		FUZZ_CHECK(
			weir_verify(weir_signing_key_identity(key), "fuzz", data, size, signature));
	} else {
		FUZZ_CHECK(errno == EBADMSG || errno == EFBIG);
	}
	weir_signing_key_free(key);
	return 0;
}
