// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Vectors as CSV: the first byte chooses the row and whether cells are integers.

#include <string.h>

#include "fuzz.h"
#include "vector_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char message[WEIR_FILE_MESSAGE_SIZE] = "";
	struct weir_file_vector vector = {0};

	if (size == 0)
		return 0;
	struct weir_file_options options = {.row = data[0] >> 1 & 7, .integers = data[0] & 1};
	char *text = fuzz_text(data + 1, size - 1);
	if (weir_csv_read("input.csv", text, size - 1, &options, &vector, message) == 0) {
		FUZZ_CHECK(vector.vector.count * 8 <= vector.bytes);
		weir_file_free(&vector);
	} else {
		FUZZ_CHECK(message[0]);
	}
	free(text);
	return 0;
}
