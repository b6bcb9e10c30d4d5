// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Linked with --wrap=weir_verify: signatures are good unless they begin with ffff, so that mutations
// get behind them. That only good ones are taken is for the unit tests of crypto/.

#include "identity.h"

bool __wrap_weir_verify(const struct weir_identity *identity, const char *context,
	const void *message, size_t length, const uint8_t signature[WEIR_SIGNATURE_SIZE]);

bool __wrap_weir_verify(const struct weir_identity *identity, const char *context,
	const void *message, size_t length, const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	(void)identity, (void)context, (void)message, (void)length;
	return signature[0] != 0xff || signature[1] != 0xff;
}
