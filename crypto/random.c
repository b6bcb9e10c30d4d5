// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "random.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

// The kernel's generator directly: no state of ours that a fork or a snapshot could duplicate.
int weir_random_bytes(void *bytes, size_t length)
{
	uint8_t *next = bytes;
	size_t missing = length;
	while (missing > 0) {
		const ssize_t got = getrandom(next, missing, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			weir_wipe(bytes, length);
			return -EIO;
		}
		next += got;
		missing -= (size_t)got;
	}
	return 0;
}

void weir_wipe(void *bytes, size_t length)
{
	if (length > 0)
		explicit_bzero(bytes, length);
}
