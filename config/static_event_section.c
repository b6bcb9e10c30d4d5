// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "static_event_section.h"

#include <inttypes.h>
#include <string.h>

#include "checks.h"
#include "identity.h"
#include "kernels.h"

#define HOUR_MS         UINT64_C(3600000)
#define CHUNK_BYTES     1408  // fits a frame of 1500 bytes, IPv6 included
#define CHUNK_BYTES_MAX 65464 // of the largest UDP datagram, without header and tag
#define CHUNK_COUNT_MAX (UINT64_C(1) << 28)

// A static event as it is written: some settings still in words, zero for "the default".
struct written_event {
	struct weir_static_event_config event;
	char modulus[16];
	char secret[2 * sizeof(((struct weir_static_event_config *)0)->secret) + 1];
};

static const struct weir_static_event_config defaults = {
	.max_weight = 1,
	.slots = 64,
	.batch = 64,
	.batch_wait_ms = 2,
	.admit_timeout_ms = 10000,
};

static const struct setting_choice cipher_choices[] = {
	{"aes-256-gcm", WEIR_CIPHER_AES_256_GCM},
	{"none", WEIR_CIPHER_NONE},
	{NULL, 0},
};

static const char *check_secret(const char *text)
{
	uint8_t secret[32];

	return weir_hex_decode(text, secret, sizeof(secret)) == 0
		       ? NULL
		       : "is not a secret; write 64 lower-case hexadecimal digits, such as "
			 "`openssl "
			 "rand -hex 32` prints";
}

#define WRITTEN(field) SETTING_FIELD(struct written_event, field)

static const struct setting_rule rules[] = {
	{"number", SETTING_COUNT, true, WRITTEN(event.number), 1, UINT32_MAX, "1"},
	{"modulus", SETTING_TEXT, true, WRITTEN(modulus), .example = "\"2^31-1\"",
		.check = check_modulus},
	{"dimension", SETTING_COUNT, true, WRITTEN(event.dimension), 1, UINT64_C(1) << 40,
		"100000"},
	{"chunk_elements", SETTING_COUNT, false, WRITTEN(event.chunk_elements), 16,
		CHUNK_BYTES_MAX / 4, "352"},
	{"clients", SETTING_COUNT, true, WRITTEN(event.clients), 1, UINT64_C(1) << 26, "1000"},
	{"target_clients", SETTING_COUNT, false, WRITTEN(event.target_clients), 1,
		UINT64_C(1) << 26, "1000"},
	{"max_weight", SETTING_COUNT, false, WRITTEN(event.max_weight), 1, WEIR_WEIGHT_MAX, "1"},
	{"slots", SETTING_COUNT, false, WRITTEN(event.slots), 1, UINT64_C(1) << 20, "64"},
	{"batch", SETTING_COUNT, false, WRITTEN(event.batch), 1, 8192, "64"},
	{"batch_wait", SETTING_DURATION, false, WRITTEN(event.batch_wait_ms), 0, HOUR_MS,
		"\"2 ms\""},
	{"admit_timeout", SETTING_DURATION, false, WRITTEN(event.admit_timeout_ms), 1, HOUR_MS,
		"\"10 s\""},
	{"cipher", SETTING_CHOICE, false, WRITTEN(event.cipher), .choices = cipher_choices},
	{"secret", SETTING_TEXT, true, WRITTEN(secret), .example = "\"64 hexadecimal digits\"",
		.check = check_secret},
	{"output", SETTING_PATH, false, WRITTEN(event.output), .example = "\"share.npy\""},
};

static int check_chunks(struct config_file *file, const config_setting_t *group,
	struct weir_static_event_config *event)
{
	uint32_t size = (uint32_t)weir_modulus_element_size(event->modulus);

	if (event->chunk_elements == 0)
		event->chunk_elements = CHUNK_BYTES / size;
	if (event->chunk_elements % 16 != 0 || event->chunk_elements > CHUNK_BYTES_MAX / size)
		return setting_error_in(file, group, "chunk_elements",
			"is %" PRIu32 "; write a multiple of 16, at most %" PRIu32,
			event->chunk_elements, CHUNK_BYTES_MAX / size / 16 * 16);
	if (event->dimension > CHUNK_COUNT_MAX * event->chunk_elements)
		return setting_error_in(file, group, "dimension",
			"is %" PRIu64 ", more than %" PRIu64 " chunks of %" PRIu32 " elements",
			event->dimension, CHUNK_COUNT_MAX, event->chunk_elements);
	return 0;
}

int read_static_event(struct config_file *file, const config_setting_t *group,
	struct weir_static_event_config *event)
{
	struct written_event written = {.event = defaults};
	int status =
		setting_read_group(file, group, rules, sizeof(rules) / sizeof(rules[0]), &written);

	if (status != 0)
		return status;
	*event = written.event;
	// Both have been checked.
	(void)weir_modulus_parse(written.modulus, &event->modulus);
	(void)weir_hex_decode(written.secret, event->secret, sizeof(event->secret));
	if (event->target_clients == 0)
		event->target_clients = event->clients;
	if (event->target_clients > event->clients)
		return setting_error_in(file, group, "target_clients",
			"is %" PRIu32 ", but there are only %" PRIu32 " clients",
			event->target_clients, event->clients);
	if (event->batch > event->slots)
		event->batch = event->slots;
	return check_chunks(file, group, event);
}
