// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Signed HTTP requests, control/README.md "Signed requests": what caller and server both compute.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "identity.h"

#define WEIR_REQUEST_TIME_WINDOW_MS 60000
// No clock is beyond this (in the year 287396): a peer that says so is not believed.
#define WEIR_REQUEST_TIME_MOST_MS (INT64_C(1) << 53)

// 0, -EINVAL (a line break in method or target) or -EIO; the signature is then zeroed.
int weir_request_sign(const struct weir_signing_key *key, const struct weir_identity *recipient,
	const char *method, const char *target, uint64_t time_ms, const void *body, size_t length,
	uint8_t signature[WEIR_SIGNATURE_SIZE]);

// 0; -EBADMSG bad signature; -ETIME if time_ms is more than the window from now_ms.
int weir_request_verify(const struct weir_identity *caller, const struct weir_identity *recipient,
	const char *method, const char *target, uint64_t time_ms, const void *body, size_t length,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], uint64_t now_ms);
