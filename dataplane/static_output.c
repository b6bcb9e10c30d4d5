// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "static_output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "digest.h"
#include "identity.h"

#define NPY_MAGIC  "\x93NUMPY\x01\x00"
#define NPY_HEADER 128 // all of it, a multiple of 64

// Magic, version 1.0, the length of the rest, and the description, filled up with spaces.
static void make_npy_header(const struct event *event, char header[NPY_HEADER])
{
	const size_t prefix = sizeof(NPY_MAGIC) - 1 + 2;

	memset(header, ' ', NPY_HEADER);
	memcpy(header, NPY_MAGIC, sizeof(NPY_MAGIC) - 1);
	header[prefix - 2] = (char)(NPY_HEADER - prefix);
	header[prefix - 1] = 0;
	int length = snprintf(header + prefix, NPY_HEADER - prefix,
		"{'descr': '<u%" PRIu32 "', 'fortran_order': False, 'shape': (%" PRIu64 ",), }",
		event->element_size, event->dimension);
	header[prefix + (size_t)length] = ' '; // its NUL
	header[NPY_HEADER - 1] = '\n';
}

static int write_all(FILE *file, const struct event *event, const void *share)
{
	char header[NPY_HEADER];

	make_npy_header(event, header);
	if (fwrite(header, NPY_HEADER, 1, file) != 1 ||
		fwrite(share, event->element_size, event->dimension, file) != event->dimension ||
		fflush(file) != 0 || fsync(fileno(file)) != 0)
		return -errno;
	return 0;
}

static int write_file(const char *path, const struct event *event, const void *share)
{
	char beside[sizeof(((struct weir_static_event_config *)0)->output) + 8];
	int error;

	snprintf(beside, sizeof(beside), "%s.part", path);
	FILE *file = fopen(beside, "we");
	if (!file)
		return -errno;
	error = write_all(file, event, share);
	if (fclose(file) != 0 && error == 0)
		error = -errno;
	if (error == 0 && rename(beside, path) != 0)
		error = -errno;
	if (error != 0)
		(void)unlink(beside);
	return error;
}

void static_output(const struct weir_static_event_config *config, const struct event_table *events,
	const struct event *event)
{
	uint64_t held = atomic_load_explicit(&event->shared->held, memory_order_relaxed);
	const struct weir_shm_accumulator *accumulator = &event->shared->accumulators[held & 1];
	const uint8_t *share = (const uint8_t *)events->memory + accumulator->offset;
	struct weir_digest digest;
	char hex[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)];

	(void)weir_sha256(share, event->dimension * event->element_size, &digest);
	weir_hex_encode(digest.bytes, sizeof(digest.bytes), hex);
	console("static event %" PRIu32 ": frozen with %" PRIu64
		" clients; SHA-256 of the aggregate "
		"share: %s%s",
		event->number, accumulator->count, hex,
		event->without_cipher ? " (LABORATORY: without a cipher)" : "");
	if (config->output[0] == '\0')
		return;
	int error = write_file(config->output, event, share);
	if (error != 0)
		console("%s: cannot be written: %s", config->output, strerror(-error));
}
