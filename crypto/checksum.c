// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "checksum.h"

#include <isa-l/crc.h>

// ISA-L's crc32_iscsi is the bare shift register: it neither inverts its start value nor its
// result, takes a length of type int, and forgets const.
enum { PIECE = 1 << 30 };

uint32_t weir_crc32c(uint32_t crc, const void *bytes, size_t length)
{
	unsigned char *next = (unsigned char *)(uintptr_t)bytes;
	uint32_t state = ~crc;
	while (length > 0) {
		const size_t piece = length < PIECE ? length : PIECE;
		state = crc32_iscsi(next, (int)piece, state);
		next += piece;
		length -= piece;
	}
	return ~state;
}
