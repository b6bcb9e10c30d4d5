// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "identity.h"
#include "random.h"

#define KEY_SIZE     32
#define DIGITS       (2 * WEIR_DIGEST_SIZE)
#define LINE_SIZE    (3 * (DIGITS + 1))
#define LEDGER_LIMIT ((size_t)64 << 20)
#define BATCH        512

static int load_key(const struct weir_state_dir *dir, uint8_t key[KEY_SIZE])
{
	size_t length;
	char *bytes = weir_state_dir_read(dir, "ledger.key", KEY_SIZE, &length);
	if (bytes == NULL && errno == ENOENT) {
		int error = weir_random_bytes(key, KEY_SIZE);
		return error != 0 ? error : weir_state_dir_write(dir, "ledger.key", key, KEY_SIZE);
	}
	if (bytes == NULL)
		return errno == EFBIG ? -EBADMSG : -errno;
	int error = length == KEY_SIZE ? 0 : -EBADMSG;
	if (error == 0)
		memcpy(key, bytes, KEY_SIZE);
	weir_wipe(bytes, length);
	free(bytes);
	return error;
}

// A value as a number: whole ones in one form, whatever type they came in.
struct number {
	uint64_t kind; // 0 integer, 1 real, 2 integer above INT64_MAX
	uint64_t bits;
};

static struct number number_of(
	const struct weir_client_vector *vector, enum weir_modulus modulus, size_t i)
{
	struct number number = {0};
	double real;
	switch (vector->kind) {
	case WEIR_CLIENT_REALS:
		real = ((const double *)vector->values)[i];
		if (real == rint(real) && fabs(real) < 0x1p63) {
			number.bits = (uint64_t)(int64_t)real;
		} else {
			number.kind = 1;
			memcpy(&number.bits, &real, sizeof(real));
		}
		break;
	case WEIR_CLIENT_INTEGERS:
		number.bits = (uint64_t)((const int64_t *)vector->values)[i];
		break;
	case WEIR_CLIENT_UNSIGNED:
		number.bits = ((const uint64_t *)vector->values)[i];
		number.kind = number.bits > INT64_MAX ? 2 : 0;
		break;
	case WEIR_CLIENT_ELEMENTS:
		number.bits = weir_modulus_element_size(modulus) == 4
				      ? ((const uint32_t *)vector->values)[i]
				      : ((const uint64_t *)vector->values)[i];
		number.kind = number.bits > INT64_MAX ? 2 : 0;
		break;
	}
	return number;
}

static int add_numbers(struct weir_digest_stream *stream, const struct weir_client_vector *vector,
	enum weir_modulus modulus)
{
	struct number batch[BATCH];
	int error = 0;
	for (size_t at = 0; at < vector->count && error == 0; at += BATCH) {
		size_t n = vector->count - at < BATCH ? vector->count - at : BATCH;
		for (size_t i = 0; i < n; i++)
			batch[i] = number_of(vector, modulus, at + i);
		error = weir_digest_add(stream, batch, n * sizeof(batch[0]));
	}
	weir_wipe(batch, sizeof(batch));
	return error;
}

// Ends the inner hash and hashes it again under the key.
static int finish(struct weir_digest_stream *stream, int error, const char *context,
	const uint8_t key[KEY_SIZE], struct weir_digest *tag)
{
	uint8_t outer[KEY_SIZE + WEIR_DIGEST_SIZE];
	int ended = weir_digest_end(stream, tag);
	error = error != 0 ? error : ended;
	memcpy(outer, key, KEY_SIZE);
	memcpy(outer + KEY_SIZE, tag->bytes, WEIR_DIGEST_SIZE);
	if (error == 0)
		error = weir_digest(context, outer, sizeof(outer), tag);
	weir_wipe(outer, sizeof(outer));
	return error;
}

int weir_ledger_tag(const struct weir_state_dir *dir, const struct weir_client_vector *vector,
	enum weir_modulus modulus, const void *elements, struct weir_ledger_tags *tags)
{
	uint8_t key[KEY_SIZE];
	int error = load_key(dir, key);
	if (error != 0)
		return error;
	struct weir_digest_stream *stream = weir_digest_begin("weir-ledger-input");
	if (stream == NULL) {
		error = -errno;
		goto out;
	}
	error = weir_digest_add(stream, key, sizeof(key));
	if (error == 0)
		error = add_numbers(stream, vector, modulus);
	error = finish(stream, error, "weir-ledger-input-tag", key, &tags->input);
	if (error != 0)
		goto out;
	stream = weir_digest_begin("weir-ledger-elements");
	if (stream == NULL) {
		error = -errno;
		goto out;
	}
	uint32_t number = (uint32_t)modulus;
	error = weir_digest_add(stream, key, sizeof(key));
	if (error == 0)
		error = weir_digest_add(stream, &number, sizeof(number));
	if (error == 0)
		error = weir_digest_add(
			stream, elements, vector->count * weir_modulus_element_size(modulus));
	error = finish(stream, error, "weir-ledger-elements-tag", key, &tags->elements);
out:
	weir_wipe(key, sizeof(key));
	return error;
}

static int parse_line(const char *line, struct weir_digest fields[3])
{
	char hex[DIGITS + 1];
	for (int i = 0; i < 3; i++, line += DIGITS + 1) {
		memcpy(hex, line, DIGITS);
		hex[DIGITS] = '\0';
		if (line[DIGITS] != (i == 2 ? '\n' : ' ') ||
			weir_hex_decode(hex, fields[i].bytes, WEIR_DIGEST_SIZE) != 0)
			return -EBADMSG;
	}
	return 0;
}

static bool same(const struct weir_digest *a, const struct weir_digest *b)
{
	return memcmp(a->bytes, b->bytes, WEIR_DIGEST_SIZE) == 0;
}

int weir_ledger_check(const struct weir_state_dir *dir, const struct weir_ledger_tags *tags,
	const struct weir_digest *event, struct weir_digest *other)
{
	size_t length;
	struct weir_digest fields[3];
	char *bytes = weir_state_dir_read(dir, "ledger", LEDGER_LIMIT, &length);
	if (bytes == NULL)
		return errno == ENOENT ? 0 : -errno;
	int error = 0;
	for (size_t at = 0; at + LINE_SIZE <= length && error == 0; at += LINE_SIZE) {
		error = parse_line(bytes + at, fields);
		if (error == 0 && !same(&fields[2], event) &&
			(same(&fields[0], &tags->input) || same(&fields[1], &tags->elements))) {
			*other = fields[2];
			error = -EEXIST;
		}
	}
	free(bytes);
	return error;
}

int weir_ledger_record(const struct weir_state_dir *dir, const struct weir_ledger_tags *tags,
	const struct weir_digest *event)
{
	char line[LINE_SIZE + 1];
	struct stat status;
	weir_hex_encode(tags->input.bytes, WEIR_DIGEST_SIZE, line);
	weir_hex_encode(tags->elements.bytes, WEIR_DIGEST_SIZE, line + DIGITS + 1);
	weir_hex_encode(event->bytes, WEIR_DIGEST_SIZE, line + 2 * (DIGITS + 1));
	line[DIGITS] = line[2 * DIGITS + 1] = ' ';
	line[LINE_SIZE - 1] = '\n';
	int fd = openat(dir->fd, "ledger", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int error = 0;
	if (fstat(fd, &status) != 0)
		error = -errno;
	off_t end = error == 0 ? status.st_size / LINE_SIZE * LINE_SIZE : 0;
	if (error == 0 && (ftruncate(fd, end) != 0 || lseek(fd, end, SEEK_SET) != end))
		error = -errno;
	if (error == 0)
		error = weir_write_all(fd, line, LINE_SIZE);
	if (error == 0 && (fsync(fd) != 0 || fsync(dir->fd) != 0))
		error = -errno;
	close(fd);
	return error;
}
