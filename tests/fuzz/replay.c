// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Runs a harness over files, for builds without libFuzzer: the tests replay the corpora with it.

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

#define INPUT_MAX (1 << 20)

int __attribute__((weak)) LLVMFuzzerInitialize(int *count, char ***arguments);

static unsigned long inputs;

static void run_file(const char *path)
{
	static uint8_t buffer[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	uint8_t *exact;
	size_t size;

	if (!file) {
		perror(path);
		exit(1);
	}
	size = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);
	exact = malloc(size ? size : 1);
	FUZZ_CHECK(exact);
	memcpy(exact, buffer, size);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	inputs++;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void run_path(const char *path)
{
	struct dirent **entries;
	struct stat status;
	int count;

	if (stat(path, &status)) {
		perror(path);
		exit(1);
	}
	if (!S_ISDIR(status.st_mode)) {
		run_file(path);
		return;
	}
	count = scandir(path, &entries, is_visible, alphasort);
	for (int i = 0; i < count; i++) {
		char below[4096];

		snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name);
		run_path(below);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int main(int count, char **arguments)
{
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&count, &arguments);
	for (int i = 1; i < count; i++)
		run_path(arguments[i]);
	printf("%lu inputs replayed\n", inputs);
	return inputs ? 0 : 1;
}
