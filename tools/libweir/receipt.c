// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "receipt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIPT_LIMIT (64u << 10)

static void name_of(const struct weir_digest *event, char *name, size_t size)
{
	char hex[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)];
	weir_hex_encode(event->bytes, WEIR_DIGEST_SIZE, hex);
	snprintf(name, size, "receipt-%s.json", hex);
}

void weir_receipt_path(
	const struct weir_client *client, const struct weir_digest *event, char *path, size_t size)
{
	char name[96];
	name_of(event, name, sizeof(name));
	snprintf(path, size, "%s/%s", client->state, name);
}

bool weir_receipts_verify(const struct weir_client *client, const struct weir_digest *event,
	const struct weir_digest *join, const struct weir_client_view *view, char *message)
{
	for (size_t i = 0; i < client->aggregator_count; i++) {
		const struct weir_http_peer *aggregator = &client->aggregators[i];
		if (!view->has_receipt[i]) {
			weir_text_fail(message, 0, "%s: its receipt is missing", aggregator->name);
			return false;
		}
		if (!weir_receipt_verify(
			    &aggregator->identity, event, join, view->batch, view->receipts[i])) {
			weir_text_fail(
				message, 0, "%s: its receipt does not verify", aggregator->name);
			return false;
		}
	}
	return true;
}

static json_t *hex_string(const void *bytes, size_t size)
{
	char hex[WEIR_HEX_SIZE(WEIR_SIGNATURE_SIZE)];
	weir_hex_encode(bytes, size, hex);
	return json_string(hex);
}

int weir_receipt_store(struct weir_client *client, const struct weir_state_dir *dir,
	const struct weir_digest *event, const struct weir_stored_receipt *receipt,
	const char *join, const uint8_t join_signature[WEIR_SIGNATURE_SIZE],
	const struct weir_client_view *view)
{
	char name[96];
	json_t *list = json_array();
	for (size_t i = 0; i < client->aggregator_count; i++)
		json_array_append_new(list,
			json_pack("{s:o, s:o}", "aggregator",
				hex_string(
					client->aggregators[i].identity.bytes, WEIR_IDENTITY_SIZE),
				"signature", hex_string(view->receipts[i], WEIR_SIGNATURE_SIZE)));
	json_t *root = json_pack("{s:i, s:o, s:I, s:I, s:s, s:o, s:o, s:I, s:o}", "version", 1,
		"event", hex_string(event->bytes, WEIR_DIGEST_SIZE), "client",
		(json_int_t)receipt->client, "batch", (json_int_t)receipt->batch, "join", join,
		"join_signature", hex_string(join_signature, WEIR_SIGNATURE_SIZE), "input",
		hex_string(receipt->input.bytes, WEIR_DIGEST_SIZE), "clipped",
		(json_int_t)receipt->clipped, "receipts", list);
	char *text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	name_of(event, name, sizeof(name));
	int error = text == NULL ? -ENOMEM : weir_state_dir_write(dir, name, text, strlen(text));
	free(text);
	if (error != 0)
		return weir_client_fail(client, error, "%s/%s: cannot store the receipts: %s%s",
			dir->path, name, strerror(-error), weir_room_advice(error));
	return 0;
}

static bool get_hex(const json_t *root, const char *key, uint8_t *bytes, size_t size)
{
	const char *hex = json_string_value(json_object_get(root, key));
	return hex != NULL && weir_hex_decode(hex, bytes, size) == 0;
}

// Fills receipt and view from the file's JSON. True if nothing is missing.
static bool read_fields(const struct weir_client *client, const json_t *root,
	struct weir_stored_receipt *receipt, struct weir_client_view *view,
	struct weir_digest *join)
{
	const json_t *one, *index = json_object_get(root, "client");
	const json_t *batch = json_object_get(root, "batch");
	const char *text = json_string_value(json_object_get(root, "join"));
	struct weir_identity aggregator;
	size_t i;
	if (!json_is_integer(index) || !json_is_integer(batch) || text == NULL ||
		!get_hex(root, "input", receipt->input.bytes, WEIR_DIGEST_SIZE) ||
		weir_digest(WEIR_CONTEXT_JOIN, text, strlen(text), join) != 0)
		return false;
	receipt->client = (uint32_t)json_integer_value(index);
	receipt->batch = view->batch = (uint32_t)json_integer_value(batch);
	receipt->clipped = (uint64_t)json_integer_value(json_object_get(root, "clipped"));
	json_array_foreach(json_object_get(root, "receipts"), i, one)
	{
		if (!get_hex(one, "aggregator", aggregator.bytes, WEIR_IDENTITY_SIZE))
			return false;
		for (size_t k = 0; k < client->aggregator_count; k++)
			if (weir_identity_equal(&client->aggregators[k].identity, &aggregator))
				view->has_receipt[k] = get_hex(
					one, "signature", view->receipts[k], WEIR_SIGNATURE_SIZE);
	}
	return true;
}

int weir_receipt_load(struct weir_client *client, const struct weir_state_dir *dir,
	const struct weir_digest *event, struct weir_stored_receipt *receipt)
{
	char name[96], why[WEIR_CLIENT_TEXT_SIZE] = "it is not a receipt";
	struct weir_client_view view = {0};
	struct weir_digest join;
	size_t length;
	name_of(event, name, sizeof(name));
	char *text = weir_state_dir_read(dir, name, RECEIPT_LIMIT, &length);
	if (text == NULL && errno == ENOENT)
		return -ENOENT;
	if (text == NULL)
		return weir_client_fail(
			client, -errno, "%s/%s: %s", dir->path, name, strerror(errno));
	json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	bool good = read_fields(client, root, receipt, &view, &join) &&
		    weir_receipts_verify(client, event, &join, &view, why);
	json_decref(root);
	if (!good)
		return weir_client_fail(client, -EBADMSG,
			"%s/%s is damaged (%.200s); move it away to go on", dir->path, name, why);
	return 0;
}
