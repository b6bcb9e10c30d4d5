// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Vectors as .npy and as raw numbers.

#include <string.h>

#include "fuzz.h"
#include "vector_file.h"

static void check(int status, struct weir_file_vector *vector, const char *message)
{
	if (status == 0) {
		FUZZ_CHECK(vector->vector.count * 8 <= vector->bytes);
		weir_file_free(vector);
	} else {
		FUZZ_CHECK(message[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char message[WEIR_FILE_MESSAGE_SIZE] = "";
	struct weir_file_vector vector = {0};

	check(weir_npy_read("input.npy", data, size, &vector, message), &vector, message);
	check(weir_raw_read("input.raw", data, size, size & 1, &vector, message), &vector, message);
	return 0;
}
