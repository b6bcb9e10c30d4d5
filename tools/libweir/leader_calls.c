// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "leader_calls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "announcement_json.h"

#define JOIN_PAUSE_LEAST_MS 50
#define JOIN_PAUSE_MOST_MS  1000
#define JOIN_TELL_MS        3000

static const struct weir_http_peer *leader_of(const struct weir_client *client)
{
	return &client->aggregators[0];
}

int weir_event_id(struct weir_client *client, const char *text, struct weir_digest *event)
{
	if (text == NULL || weir_hex_decode(text, event->bytes, WEIR_DIGEST_SIZE) != 0)
		return weir_client_fail(client, -EINVAL,
			"'%.80s' is not an event's id (64 hexadecimal digits); weir events lists "
			"them",
			text == NULL ? "" : text);
	return 0;
}

static void copy_text(char *out, size_t size, const json_t *root, const char *key)
{
	const char *text = json_string_value(json_object_get(root, key));
	snprintf(out, size, "%s", text == NULL ? "" : text);
}

static uint64_t get_count(const json_t *root, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(root, key));
	return value < 0 ? 0 : (uint64_t)value;
}

void weir_event_view_clear(struct weir_event_view *view)
{
	weir_announcement_clear(&view->announcement);
	memset(view, 0, sizeof(*view));
}

// What the leader says must be what every aggregator signed, and the aggregators the required ones.
static int check_announcement(struct weir_client *client, const struct weir_digest *event,
	json_t *announcement, struct weir_event_view *view)
{
	struct weir_document_error error;
	struct weir_identity required[WEIR_AGGREGATORS_MAX];
	int result = weir_announcement_from_json(announcement, &view->announcement, &error);
	if (result != 0)
		return weir_client_fail(client, result,
			"the announcement does not verify: %s; do not submit to it", error.message);
	if (memcmp(view->announcement.event_digest.bytes, event->bytes, WEIR_DIGEST_SIZE) != 0)
		return weir_client_fail(client, -EBADMSG,
			"%s answered with the announcement of another event",
			leader_of(client)->name);
	for (size_t i = 0; i < client->aggregator_count; i++)
		required[i] = client->aggregators[i].identity;
	if (!weir_announcement_requires(&view->announcement, required, client->aggregator_count))
		return weir_client_fail(client, -EBADMSG,
			"the event's %zu aggregators are not exactly the %zu that the config "
			"requires "
			"(leader first); nothing is sent to it",
			view->announcement.terms.aggregator_count, client->aggregator_count);
	return 0;
}

int weir_leader_event(
	struct weir_client *client, const struct weir_digest *event, struct weir_event_view *view)
{
	char target[128], hex[WEIR_CLIENT_ID_SIZE];
	json_t *root;
	memset(view, 0, sizeof(*view));
	weir_hex_encode(event->bytes, WEIR_DIGEST_SIZE, hex);
	snprintf(target, sizeof(target), "/v1/events/%s", hex);
	const struct weir_http_request request = {.method = "GET", .target = target};
	int error = weir_http_call(
		client->http, leader_of(client), &request, &root, NULL, NULL, client->message);
	if (error != 0)
		return error;
	json_t *announcement = json_object_get(root, "announcement");
	const json_t *counts = json_object_get(root, "counts");
	copy_text(view->state, sizeof(view->state), root, "state");
	copy_text(view->reason, sizeof(view->reason), root, "reason");
	copy_text(view->set_digest, sizeof(view->set_digest), root, "set_digest");
	view->under_way = get_count(counts, "joined") + get_count(counts, "admitted") +
			  get_count(counts, "committed");
	view->sealed = get_count(counts, "sealed");
	view->aborted = get_count(counts, "aborted");
	if (json_is_object(announcement))
		error = check_announcement(client, event, announcement, view);
	else
		error = weir_client_fail(client, -EAGAIN,
			"event %.16s... is not open: its state is '%s'%s%s", hex, view->state,
			view->reason[0] == '\0' ? "" : ": ", view->reason);
	json_decref(root);
	if (error != 0)
		weir_event_view_clear(view);
	return error;
}

// One POST of a join: 0 accepted, 1 pending, or -errno.
static int post_join(
	struct weir_client *client, const char *target, const char *body, uint32_t *index)
{
	json_t *root;
	long status;
	const struct weir_http_request request = {.method = "POST", .target = target, .body = body};
	int error = weir_http_call(
		client->http, leader_of(client), &request, &root, &status, NULL, client->message);
	if (error != 0)
		return error;
	if (status == 202) {
		json_decref(root);
		return 1;
	}
	const json_t *number = json_object_get(root, "client");
	const char *state = json_string_value(json_object_get(root, "state"));
	if (!json_is_integer(number) || json_integer_value(number) < 0 ||
		json_integer_value(number) > UINT32_MAX || state == NULL)
		error = weir_client_fail(client, -EBADMSG,
			"%s: the answer to a join lacks `client`", leader_of(client)->name);
	else if (strcmp(state, "aborted") == 0)
		error = weir_client_fail(client, -ECONNABORTED, "this join was aborted");
	else
		*index = (uint32_t)json_integer_value(number);
	json_decref(root);
	return error;
}

int weir_leader_join(struct weir_client *client, const struct weir_digest *event, const char *join,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], bool admit_now, uint32_t *index)
{
	char target[128], hex[WEIR_CLIENT_ID_SIZE],
		signature_hex[WEIR_HEX_SIZE(WEIR_SIGNATURE_SIZE)];
	weir_hex_encode(event->bytes, WEIR_DIGEST_SIZE, hex);
	weir_hex_encode(signature, WEIR_SIGNATURE_SIZE, signature_hex);
	snprintf(target, sizeof(target), "/v1/events/%s/join", hex);
	json_t *root = json_pack("{s:s, s:s, s:s*}", "join", join, "signature", signature_hex,
		"admit", admit_now ? "now" : NULL);
	char *body = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (body == NULL)
		return weir_client_fail(client, -ENOMEM, "out of memory");
	uint64_t pause = JOIN_PAUSE_LEAST_MS, start = weir_monotonic_ms();
	uint64_t give_up = start + client->timeout_ms;
	bool told = false;
	int result;
	while ((result = post_join(client, target, body, index)) == 1) {
		if (weir_monotonic_ms() + pause > give_up) {
			result = weir_client_fail(client, -ETIMEDOUT,
				"the join is still waiting for %s after %" PRIu64
				" s; run the same command again to continue",
				admit_now ? "an aggregator's acceptance or a slot"
					  : "an aggregator's acceptance",
				client->timeout_ms / 1000);
			break;
		}
		if (!told && weir_monotonic_ms() - start > JOIN_TELL_MS) {
			weir_client_tell(client, admit_now ? "not every aggregator has accepted "
							     "the join or has a slot for it "
							     "yet; asking again"
							   : "not every aggregator has accepted "
							     "the join yet; asking again");
			told = true;
		}
		result = weir_client_pause(client, weir_jitter(pause));
		if (result != 0)
			break;
		pause = pause * 2 > JOIN_PAUSE_MOST_MS ? JOIN_PAUSE_MOST_MS : pause * 2;
	}
	free(body);
	return result;
}

static void read_receipt(
	const struct weir_client *client, const json_t *one, struct weir_client_view *view)
{
	struct weir_identity aggregator;
	const char *identity = json_string_value(json_object_get(one, "aggregator"));
	const char *signature = json_string_value(json_object_get(one, "signature"));
	if (identity == NULL || signature == NULL ||
		weir_hex_decode(identity, aggregator.bytes, WEIR_IDENTITY_SIZE) != 0)
		return;
	for (size_t i = 0; i < client->aggregator_count; i++)
		if (weir_identity_equal(&client->aggregators[i].identity, &aggregator))
			view->has_receipt[i] = weir_hex_decode(signature, view->receipts[i],
						       WEIR_SIGNATURE_SIZE) == 0;
}

int weir_leader_client(struct weir_client *client, const struct weir_digest *event, uint32_t index,
	unsigned wait_s, struct weir_client_view *view)
{
	char target[160], hex[WEIR_CLIENT_ID_SIZE];
	json_t *root, *one;
	size_t i;
	memset(view, 0, sizeof(*view));
	weir_hex_encode(event->bytes, WEIR_DIGEST_SIZE, hex);
	snprintf(target, sizeof(target), "/v1/events/%s/clients/%" PRIu32 "?wait=%u", hex, index,
		wait_s);
	const struct weir_http_request request = {
		.method = "GET", .target = target, .wait_s = wait_s};
	int error = weir_http_call(
		client->http, leader_of(client), &request, &root, NULL, NULL, client->message);
	if (error != 0)
		return error;
	copy_text(view->state, sizeof(view->state), root, "state");
	copy_text(view->reason, sizeof(view->reason), root, "reason");
	view->batch = (uint32_t)get_count(root, "batch");
	const char *join = json_string_value(json_object_get(root, "join"));
	if (view->state[0] == '\0' || join == NULL ||
		weir_hex_decode(join, view->join.bytes, WEIR_DIGEST_SIZE) != 0)
		error = weir_client_fail(client, -EBADMSG,
			"%s: the answer about this client lacks its state or its join",
			leader_of(client)->name);
	json_array_foreach(json_object_get(root, "receipts"), i, one)
		read_receipt(client, one, view);
	json_decref(root);
	return error;
}
