// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a client keeps on disk: the split of a join, the ledger and its key, receipts. The first byte
// chooses the file, and FIX whether its checksum is repaired.

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "checksum.h"
#include "fuzz.h"
#include "ledger.h"
#include "receipt.h"
#include "split_store.h"

enum { SPLIT, LEDGER, LEDGER_KEY, RECEIPT, FILES, FIX = 0x80 };

#define TRAILER 64 // of a split: checksum, zeros; then as much again is left for the position

static struct weir_state_dir dir;
static struct weir_client client;
static const struct weir_digest event;
static char split_name[128], receipt_name[128];

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	char message[WEIR_CLIENT_TEXT_SIZE], path[4096], *slash;

	(void)count, (void)arguments;
	FUZZ_CHECK(weir_state_dir_open(&dir, fuzz_folder(), message) == 0);
	FUZZ_CHECK(weir_split_name(&event, split_name, sizeof(split_name)) == 0);
	strcpy(client.state, fuzz_folder());
	weir_receipt_path(&client, &event, path, sizeof(path));
	slash = strrchr(path, '/');
	FUZZ_CHECK(slash && strlen(slash) <= sizeof(receipt_name));
	strcpy(receipt_name, slash + 1);
	client.aggregator_count = 2;
	client.aggregators[0].identity.bytes[0] = 1;
	client.aggregators[1].identity.bytes[0] = 2;
	return 0;
}

static void write_file(const char *name, const uint8_t *bytes, size_t size)
{
	int fd = openat(dir.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

static void read_split(uint8_t *bytes, size_t size, bool fix)
{
	struct weir_split split;
	uint32_t client_index;

	if (fix && size >= 4096 + 2 * sizeof(struct weir_split_position)) {
		size_t end = size - sizeof(struct weir_split_position);
		size_t covered = end - TRAILER;
		uint32_t checksum = weir_crc32c(0, bytes, covered);

		memset(bytes + covered, 0, TRAILER);
		memcpy(bytes + covered, &checksum, sizeof(checksum));
	}
	write_file(split_name, bytes, size);
	if (weir_split_open(&dir, &event, &split))
		return;
	for (size_t i = 0; i < split.header->share_count; i++) {
		const uint8_t *share = weir_split_share(&split, i);
		size_t length =
			split.header->dimension * weir_modulus_element_size(split.header->modulus);
		volatile uint8_t sum = 0;

		for (size_t k = 0; k < length; k++)
			sum = (uint8_t)(sum + share[k]);
	}
	FUZZ_CHECK(strlen(split.header->join) < WEIR_SPLIT_JOIN_SIZE);
	weir_split_get_client(&split, &client_index);
	weir_split_close(&dir, &split);
}

static void read_ledger(const char *name, const uint8_t *bytes, size_t size)
{
	const double values[2] = {1, -2.5};
	const struct weir_client_vector vector = {
		.kind = WEIR_CLIENT_REALS, .values = values, .count = 2};
	const uint32_t elements[2] = {1, 2};
	struct weir_ledger_tags tags = {0};
	struct weir_digest other;
	char hex[3 * 65 + 1];

	write_file(name, bytes, size);
	weir_ledger_tag(&dir, &vector, WEIR_MODULUS_M31, elements, &tags);
	weir_ledger_check(&dir, &tags, &event, &other);
	if (strcmp(name, "ledger") == 0 && weir_ledger_record(&dir, &tags, &event) == 0) {
		char *text = weir_state_dir_read(&dir, "ledger", 1 << 20, &size);

		FUZZ_CHECK(text && size % (sizeof(hex) - 1) == 0);
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_stored_receipt receipt;
	uint8_t *bytes;

	if (size == 0)
		return 0;
	bytes = malloc(size);
	FUZZ_CHECK(bytes);
	memcpy(bytes, data + 1, size - 1);
	switch ((data[0] & 0x7f) % FILES) {
	case SPLIT: read_split(bytes, size - 1, data[0] & FIX); break;
	case LEDGER: read_ledger("ledger", bytes, size - 1); break;
	case LEDGER_KEY: read_ledger("ledger.key", bytes, size - 1); break;
	default:
		write_file(receipt_name, bytes, size - 1);
		weir_receipt_load(&client, &dir, &event, &receipt);
		break;
	}
	free(bytes);
	return 0;
}
