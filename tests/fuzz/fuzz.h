// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What the harnesses share. A harness is one file with LLVMFuzzerTestOneInput, and perhaps
// LLVMFuzzerInitialize for what is made once: README.md.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What must hold whatever the input is.
#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,          \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

// The bytes and a NUL, malloc'd to that size, so that a read behind them is seen.
char *fuzz_text(const uint8_t *data, size_t size);

// The path of a file in memory with these bytes; good until the next call.
const char *fuzz_file(const uint8_t *data, size_t size);

// A new folder for this process, mode 0700, in /dev/shm if there is one; removed at its end.
const char *fuzz_folder(void);

// How many descriptors are open, of the lowest: one that leaks is among them.
unsigned fuzz_descriptors(void);

// A malloc'd copy of text in which every name (one character behind a '@') is its value.
struct fuzz_name {
	char name;
	const char *value;
};
char *fuzz_expand(const char *text, const struct fuzz_name *names, size_t count);

// Bytes taken from the front of an input; zeros once it is used up.
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};
void fuzz_take(struct fuzz_input *input, void *out, size_t size);
static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	uint8_t byte;
	fuzz_take(input, &byte, 1);
	return byte;
}
