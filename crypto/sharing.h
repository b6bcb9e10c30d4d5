// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Exact additive secret sharing: m - 1 uniform vectors and the difference.
//
// Uniform means exactly uniform over [0, modulus): rejection sampling from a CSPRNG key stream
// (AES-256-CTR under a fresh key from the operating system's generator), never a biased modulo.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

// Fills vector with n uniform canonical elements. Returns 0, or -EIO if the CSPRNG failed, with
// the vector zeroed.
int weir_uniform_vector(enum weir_modulus modulus, void *vector, size_t n);

// Splits secret (n elements) into share_count >= 2 shares of n elements each, fresh randomness at
// every call. shares[0 .. count-2] are uniform, the last is secret minus their sum. Any
// share_count - 1 of them are jointly uniform and independent of the secret.
// Returns 0; -EINVAL for fewer than two shares; -EDOM if the secret is not canonical; -EIO if the
// CSPRNG failed. On error every share is zeroed.
int weir_split(const struct weir_kernels *kernels, enum weir_modulus modulus, const void *secret,
	size_t n, void *const *shares, size_t share_count);

// secret = sum of the shares, mod p. Returns 0; -EINVAL for fewer than two shares; -EDOM if one is
// not canonical. On error secret is zeroed.
int weir_reconstruct(const struct weir_kernels *kernels, enum weir_modulus modulus,
	const void *const *shares, size_t share_count, void *secret, size_t n);
