// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Endpoints, URLs, identities, and names of moduli and units that stand alone on a line.

#include <string.h>

#include "endpoint.h"
#include "fuzz.h"
#include "identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct sockaddr_storage address, zero = {0};
	uint8_t bytes[WEIR_IDENTITY_SIZE];
	char hex[WEIR_HEX_SIZE(WEIR_IDENTITY_SIZE)];
	socklen_t length;

	if (weir_endpoint_parse(text, &address, &length) == 0)
		FUZZ_CHECK(address.ss_family == AF_INET || address.ss_family == AF_INET6);
	else
		FUZZ_CHECK(!memcmp(&address, &zero, sizeof(zero)));
	if (weir_url_is_valid(text))
		FUZZ_CHECK(!strncmp(text, "http://", 7) || !strncmp(text, "https://", 8));
	if (weir_hex_decode(text, bytes, sizeof(bytes)) == 0) {
		weir_hex_encode(bytes, sizeof(bytes), hex);
		FUZZ_CHECK(!strcmp(hex, text));
	}
	free(text);
	return 0;
}
