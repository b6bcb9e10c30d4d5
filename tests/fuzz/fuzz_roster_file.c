// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Roster files, as weirctl roster reads them.

#include <string.h>

#include "fuzz.h"
#include "roster_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_config_error error = {{0}};
	struct roster_file file;

	if (roster_file_read(fuzz_file(data, size), &file, &error)) {
		FUZZ_CHECK(error.message[0] && !strchr(error.message, '\n'));
		return 0;
	}
	for (size_t i = 0; i < file.count; i++) {
		FUZZ_CHECK(strlen(file.lines[i].identity) == WEIR_HEX_ID - 1);
		FUZZ_CHECK(!roster_check_name(file.lines[i].name));
	}
	roster_file_free(&file);
	return 0;
}
