// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DESCRIPTORS_LOOKED_AT 48

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_CHECK(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
	static int file = -1;
	static char path[64];

	if (file < 0) {
		file = memfd_create("input", MFD_CLOEXEC);
		FUZZ_CHECK(file >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	}
	FUZZ_CHECK(ftruncate(file, 0) == 0);
	FUZZ_CHECK(pwrite(file, data, size, 0) == (ssize_t)size);
	return path;
}

static char folder[64];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

static void remove_folder(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void)
{
	if (!folder[0]) {
		strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/weir-fuzz-XXXXXX"
							: "/dev/shm/weir-fuzz-XXXXXX");
		FUZZ_CHECK(mkdtemp(folder));
		atexit(remove_folder);
	}
	return folder;
}

unsigned fuzz_descriptors(void)
{
	unsigned open = 0;

	for (int i = 0; i < DESCRIPTORS_LOOKED_AT; i++)
		open += fcntl(i, F_GETFD) >= 0;
	return open;
}

char *fuzz_expand(const char *text, const struct fuzz_name *names, size_t count)
{
	char *out = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&out, &length);

	FUZZ_CHECK(stream);
	for (; *text; text++) {
		size_t i = 0;

		while (*text == '@' && i < count && names[i].name != text[1])
			i++;
		if (*text == '@' && i < count) {
			fputs(names[i].value, stream);
			text++;
		} else {
			fputc(*text, stream);
		}
	}
	fclose(stream);
	return out;
}

void fuzz_take(struct fuzz_input *input, void *out, size_t size)
{
	size_t have = size < input->size ? size : input->size;

	memset(out, 0, size);
	if (have)
		memcpy(out, input->data, have);
	input->data += have;
	input->size -= have;
}
