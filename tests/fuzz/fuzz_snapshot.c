// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Snapshot files, as a control process looks for one that the dataplane lost. FIX in the first byte
// repairs the checksum, HEADER writes the header that is wanted over the file's first.

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checksum.h"
#include "fuzz.h"
#include "snapshot.h"

enum { FIX = 1, HEADER = 2 };

#define DIMENSION 5

static const struct snapshot_header wanted = {.magic = SNAPSHOT_MAGIC,
	.version = SNAPSHOT_VERSION,
	.count = 2,
	.weight = 3,
	.dimension = DIMENSION,
	.modulus = WEIR_MODULUS_M31,
	.batch = 7};
static char path[256];

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	snprintf(path, sizeof(path), "%s/snapshot-%064d-%d", fuzz_folder(), 0, 7);
	return 0;
}

static void write_file(const uint8_t *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

static void repair(uint8_t *bytes, size_t size, uint8_t flags)
{
	struct snapshot_header header = wanted;

	if (size < sizeof(header))
		return;
	if (!(flags & HEADER))
		memcpy(&header, bytes, sizeof(header));
	header.crc = 0;
	memcpy(bytes, &header, sizeof(header));
	header.crc = weir_crc32c(0, bytes, size);
	memcpy(bytes, &header, sizeof(header));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snapshot_header header;
	struct stat status;
	uint8_t *bytes;
	int fd;

	if (size == 0)
		return 0;
	bytes = malloc(size);
	FUZZ_CHECK(bytes);
	memcpy(bytes, data + 1, size - 1);
	if (data[0] & FIX)
		repair(bytes, size - 1, data[0]);
	write_file(bytes, size - 1);
	free(bytes);
	fd = snapshot_open(fuzz_folder(), &wanted);
	if (fd < 0) {
		FUZZ_CHECK(fd == -EBADMSG);
		return 0;
	}
	FUZZ_CHECK(fstat(fd, &status) == 0 &&
		   status.st_size == (off_t)(sizeof(header) + DIMENSION * sizeof(uint32_t)));
	FUZZ_CHECK(pread(fd, &header, sizeof(header), 0) == sizeof(header));
	header.crc = 0;
	FUZZ_CHECK(!memcmp(&header, &wanted, sizeof(header)));
	close(fd);
	return 0;
}
