// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The appliance itself: description, health, figures, roster.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "metrics.h"

void api_appliance(struct request *request)
{
	const struct weir_control_config *config = &request->control->config->control;
	char identity[WEIR_HEX_SIZE(WEIR_IDENTITY_SIZE)];

	weir_hex_encode(
		request->control->identity.bytes, sizeof(request->control->identity), identity);
	request_answer(request, 200,
		json_pack("{s:s, s:s, s:s, s:s, s:I}", "version", WEIR_VERSION, "identity",
			identity, "url", config->url, "endpoint", config->endpoint, "time_ms",
			(json_int_t)clock_wall_ms()));
}

static void answer_text(struct request *request, unsigned status, char *text)
{
	if (text)
		request_bytes(request, status, "text/plain; charset=utf-8", text, strlen(text));
	else
		request_error(request, 500, "memory", "out of memory");
}

void api_health(struct request *request)
{
	if (dataplane_link_memory(request->control->link)->header)
		answer_text(request, 200, strdup("ok\n"));
	else
		answer_text(request, 503, strdup("no dataplane\n"));
}

void api_metrics(struct request *request)
{
	answer_text(request, 200, metrics_text(request->control));
}

void api_stats(struct request *request)
{
	request_answer(request, 200, metrics_json(request->control));
}

void api_roster(struct request *request)
{
	request_answer(
		request, 200, json_pack("{s:o}", "roster", roster_list(&request->control->roster)));
}

// With counts it is done, without (NULL) only checked.
static int add_members(struct control *control, json_t *list, struct roster_counts *counts,
	struct weir_document_error *error)
{
	struct weir_identity identity;
	char name[64];
	const struct weir_json_field fields[] = {
		{"identity", WEIR_JSON_HEX, identity.bytes, sizeof(identity.bytes)},
		{"name", WEIR_JSON_TEXT, name, sizeof(name)},
	};
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		int status = weir_json_read(item, "add", fields, 2, error);

		if (!status && counts) {
			counts->added += !roster_has(&control->roster, &identity);
			status = roster_add(&control->roster, &identity, name);
		}
		if (status)
			return status;
	}
	return 0;
}

static int remove_members(struct control *control, json_t *list, struct roster_counts *counts,
	struct weir_document_error *error)
{
	struct weir_identity identity;
	const struct weir_json_field field = {
		"remove", WEIR_JSON_HEX, identity.bytes, sizeof(identity.bytes)};
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		int status = weir_json_read_value(item, "body", &field, error);

		if (!status && counts) {
			counts->removed += roster_has(&control->roster, &identity);
			status = roster_remove(&control->roster, &identity);
		}
		if (status)
			return status;
	}
	return 0;
}

static void answer_change(struct request *request, const struct roster_counts *counts)
{
	request_answer(request, 200,
		json_pack("{s:I, s:I, s:I}", "members",
			(json_int_t)roster_size(&request->control->roster), "added",
			(json_int_t)counts->added, "removed", (json_int_t)counts->removed));
}

// Sees to it that no request changes the roster twice. False: answered.
static bool is_new_change(struct request *request, struct roster_counts **counts)
{
	struct roster *roster = &request->control->roster;
	const char *hex =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Weir-Signature");
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	int error = weir_hex_decode(hex, signature, sizeof(signature));

	if (!error)
		error = roster_note_change(roster, signature, counts);
	if (error == -EEXIST)
		answer_change(request, *counts);
	else if (error)
		request_error(request, 503, "memory", "out of memory; try again");
	return !error;
}

static int change_members(struct control *control, json_t *add, json_t *removed,
	struct roster_counts *counts, struct weir_document_error *error)
{
	int status = add_members(control, add, counts, error);

	return status ? status : remove_members(control, removed, counts, error);
}

// All of it or nothing: first everything is checked.
void api_roster_change(struct request *request)
{
	struct control *control = request->control;
	struct weir_document_error error = {"the roster could not be written"};
	json_t *root, *add = NULL, *removed = NULL;
	struct roster_counts *counts;
	int status;

	if (!api_body(request, &root, NULL, 0))
		return;
	add = json_object_get(root, "add");
	removed = json_object_get(root, "remove");
	if ((add && !json_is_array(add)) || (removed && !json_is_array(removed)) ||
		json_object_size(root) != (size_t) !!add + (size_t) !!removed) {
		request_error(request, 400, "body",
			"the body must be an object with the arrays add and remove");
		json_decref(root);
		return;
	}
	status = change_members(control, add, removed, NULL, &error);
	if (!status) {
		if (!is_new_change(request, &counts)) {
			json_decref(root);
			return;
		}
		status = change_members(control, add, removed, counts, &error);
		if (status)
			roster_forget_change(&control->roster);
		control_dirty(control);
	}
	if (status)
		request_error(request, status == -EBADMSG ? 400 : 500, "body", "%s", error.message);
	else
		answer_change(request, counts);
	json_decref(root);
}
