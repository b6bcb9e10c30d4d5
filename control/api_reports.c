// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What the other aggregators report to the leader.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

#define OFFER_MAX  8192
#define REASON_MAX 1024
#define LIST_MAX   1000000

static void done(struct request *request)
{
	request_answer(request, 200, json_object());
}

// {"refused": reason}: true if that is what the body is, and answered.
static bool take_refusal(struct request *request, int aggregator, json_t *root)
{
	const char *reason = json_string_value(json_object_get(root, "refused"));

	if (!reason || json_object_size(root) != 1)
		return false;
	if (strlen(reason) > REASON_MAX) {
		request_error(request, 400, "body", "the reason is too long");
	} else {
		leader_refusal(request->event, (size_t)aggregator, reason);
		done(request);
	}
	return true;
}

// The body, once it is known that the caller may report here and has not refused. False: answered.
static bool begin(struct request *request, int *aggregator, json_t **root)
{
	*aggregator = api_reporter(request);
	if (*aggregator < 0 || !api_body(request, root, NULL, 0))
		return false;
	if (take_refusal(request, *aggregator, *root)) {
		json_decref(*root);
		return false;
	}
	return true;
}

static bool read_or_refuse(
	struct request *request, json_t *value, const struct weir_json_field *fields, size_t count)
{
	struct weir_document_error error;

	if (!weir_json_read(value, "body", fields, count, &error))
		return true;
	request_error(request, 400, "body", "%s", error.message);
	return false;
}

void api_offer(struct request *request)
{
	struct weir_document_error reason = {"out of memory"};
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	const char *text;
	const struct weir_json_field fields[] = {
		{"offer", WEIR_JSON_STRING, &text, OFFER_MAX},
		{"signature", WEIR_JSON_HEX, signature, sizeof(signature)},
	};
	int aggregator, error;
	json_t *root;

	if (!begin(request, &aggregator, &root))
		return;
	if (read_or_refuse(request, root, fields, 2)) {
		error = leader_offer(request->event, (size_t)aggregator, text, signature, &reason);
		if (error)
			request_error(request, error == -EEXIST ? 409 : 400, "offer", "%s",
				reason.message);
		else
			done(request);
	}
	json_decref(root);
}

static bool take_acceptance(struct request *request, int aggregator, json_t *item)
{
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	struct weir_digest join;
	const char *reason;
	const struct weir_json_field accepted[] = {
		{"join", WEIR_JSON_HEX, join.bytes, sizeof(join.bytes)},
		{"signature", WEIR_JSON_HEX, signature, sizeof(signature)},
	};
	const struct weir_json_field refused[] = {
		{"join", WEIR_JSON_HEX, join.bytes, sizeof(join.bytes)},
		{"refused", WEIR_JSON_STRING, &reason, REASON_MAX},
	};

	if (json_object_get(item, "refused")) {
		if (!read_or_refuse(request, item, refused, 2))
			return false;
		leader_join_refusal(request->event, (size_t)aggregator, &join, reason);
		return true;
	}
	if (!read_or_refuse(request, item, accepted, 2))
		return false;
	leader_acceptance(request->event, (size_t)aggregator, &join, signature);
	return true;
}

void api_acceptances(struct request *request)
{
	json_t *root, *list, *item;
	const struct weir_json_field field = {"acceptances", WEIR_JSON_ARRAY, &list, LIST_MAX};
	int aggregator;
	size_t i;

	if (!begin(request, &aggregator, &root))
		return;
	if (read_or_refuse(request, root, &field, 1)) {
		bool good = true;

		json_array_foreach(list, i, item)
		{
			good = take_acceptance(request, aggregator, item);
			if (!good)
				break;
		}
		if (good)
			done(request);
	}
	json_decref(root);
}

// A JSON array of client indexes as numbers. NULL with count 0 if it is empty; false: answered.
static bool read_indexes(struct request *request, json_t *array, uint32_t **indexes, size_t *count)
{
	json_t *item;
	size_t i;

	*count = json_array_size(array);
	*indexes = calloc(*count + 1, sizeof(**indexes));
	if (!*indexes) {
		request_error(request, 503, "memory", "out of memory; try again");
		return false;
	}
	json_array_foreach(array, i, item)
	{
		json_int_t value = json_integer_value(item);

		if (!json_is_integer(item) || value < 0 || value >= UINT32_MAX) {
			request_error(request, 400, "body", "that is no list of client indexes");
			return false;
		}
		(*indexes)[i] = (uint32_t)value;
	}
	return true;
}

void api_completions(struct request *request)
{
	json_t *root, *asked, *full, *held = NULL;
	const struct weir_json_field fields[] = {
		{"requested", WEIR_JSON_ARRAY, &asked, LIST_MAX},
		{"complete", WEIR_JSON_ARRAY, &full, LIST_MAX},
		{"admitted", WEIR_JSON_ARRAY, &held, LIST_MAX}, // may be missing
	};
	uint32_t *requested = NULL, *complete = NULL, *admitted = NULL;
	size_t requested_count, complete_count, admitted_count;
	int aggregator;

	if (!begin(request, &aggregator, &root))
		return;
	if (read_or_refuse(request, root, fields, json_object_get(root, "admitted") ? 3 : 2) &&
		read_indexes(request, asked, &requested, &requested_count) &&
		read_indexes(request, full, &complete, &complete_count) &&
		read_indexes(request, held, &admitted, &admitted_count)) {
		leader_admitted(request->event, (size_t)aggregator, admitted, admitted_count);
		leader_completions(request->event, (size_t)aggregator, requested, requested_count,
			complete, complete_count);
		done(request);
	}
	free(requested);
	free(complete);
	free(admitted);
	json_decref(root);
}

void api_batches(struct request *request)
{
	const char *status;
	uint32_t batch;
	const struct weir_json_field fields[] = {
		{"batch", WEIR_JSON_U32, &batch, 0, 1},
		{"status", WEIR_JSON_STRING, &status, 16},
	};
	int aggregator;
	json_t *root;

	if (!begin(request, &aggregator, &root))
		return;
	if (read_or_refuse(request, root, fields, 2)) {
		bool lost = !strcmp(status, "lost");

		if (!lost && strcmp(status, "committed")) {
			request_error(request, 400, "body", "status is committed or lost");
		} else {
			leader_batch(request->event, (size_t)aggregator, batch, lost);
			done(request);
		}
	}
	json_decref(root);
}

static bool read_receipt(struct request *request, json_t *item, struct reported_receipt *receipt)
{
	const struct weir_json_field fields[] = {
		{"client", WEIR_JSON_U32, &receipt->client},
		{"signature", WEIR_JSON_HEX, receipt->signature, sizeof(receipt->signature)},
	};

	return read_or_refuse(request, item, fields, 2);
}

static void take_receipts(struct request *request, int aggregator, uint32_t batch, json_t *list)
{
	size_t count = json_array_size(list), i = 0;
	struct reported_receipt *receipts = calloc(count + 1, sizeof(*receipts));
	int error = receipts ? 0 : -ENOMEM;

	while (receipts && i < count &&
		read_receipt(request, json_array_get(list, i), &receipts[i]))
		i++;
	if (receipts && i == count)
		error = leader_receipts(request->event, (size_t)aggregator, batch, receipts, count);
	if (error == -EBUSY)
		request_error(
			request, 503, "busy", "too many receipts wait to be verified; try again");
	else if (error)
		request_error(request, 503, "memory", "out of memory; try again");
	else if (i == count)
		done(request);
	free(receipts);
}

void api_receipts(struct request *request)
{
	uint32_t batch;
	json_t *root, *list;
	const struct weir_json_field fields[] = {
		{"batch", WEIR_JSON_U32, &batch, 0, 1},
		{"receipts", WEIR_JSON_ARRAY, &list, LIST_MAX},
	};
	int aggregator;

	if (!begin(request, &aggregator, &root))
		return;
	if (read_or_refuse(request, root, fields, 2))
		take_receipts(request, aggregator, batch, list);
	json_decref(root);
}

void api_published(struct request *request)
{
	struct weir_digest set;
	const struct weir_json_field field = {
		"set_digest", WEIR_JSON_HEX, set.bytes, sizeof(set.bytes)};
	int aggregator;
	json_t *root;

	if (!begin(request, &aggregator, &root))
		return;
	if (read_or_refuse(request, root, &field, 1)) {
		leader_published(request->event, (size_t)aggregator, &set);
		done(request);
	}
	json_decref(root);
}
