// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "event_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

int64_t wall_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool event_has_ended(const json_t *event)
{
	const char *state = text_of(event, "state");

	return strcmp(state, "published") == 0 || strcmp(state, "failed") == 0;
}

// The times in an event document's text.
static void set_times(json_t *item, const char *text)
{
	static const char *const keys[] = {"announced_ms", "deadline_ms"};
	json_t *document = text == NULL ? NULL : json_loads(text, 0, NULL);

	for (size_t i = 0; i < 2; i++) {
		json_t *value = json_object_get(document, keys[i]);
		if (json_is_integer(value))
			json_object_set(item, keys[i], value);
		else if (json_object_get(item, keys[i]) == NULL)
			json_object_set_new(item, keys[i], json_null());
	}
	json_decref(document);
}

void event_merge(json_t *item, const json_t *event)
{
	static const char *const keys[] = {
		"state", "reason", "counts", "set_digest", "timings", "missing_offers"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(event, keys[i]) != NULL)
			json_object_set(item, keys[i], json_object_get(event, keys[i]));
	if (json_object_get(event, "missing_offers") == NULL) // no draft, or no longer
		json_object_del(item, "missing_offers");
	const json_t *announcement = json_object_get(event, "announcement");
	const char *text = json_string_value(json_object_get(announcement, "event"));
	if (text == NULL) // a draft: its aggregators are told the text in the list
		text = json_string_value(json_object_get(item, "event"));
	set_times(item, text);
	json_object_del(item, "event");
}

static bool is_id(const char *text)
{
	return strlen(text) == WEIR_HEX_ID - 1 &&
	       strspn(text, "0123456789abcdef") == WEIR_HEX_ID - 1;
}

int event_fetch(struct connection *connection, json_t *item)
{
	char target[128];
	json_t *event;

	if (!is_id(text_of(item, "id")))
		return weir_text_fail(connection->message, -EBADMSG,
			"%s: its list of events has one without an id", connection->peer.name);
	snprintf(target, sizeof(target), "/v1/events/%s", text_of(item, "id"));
	int error = connection_call(connection, "GET", target, 0, NULL, &event);
	if (error == 0)
		event_merge(item, event);
	json_decref(event);
	return error;
}

// An event that the appliance refuses, or cannot read itself, does not hide the others.
static int fetch_leniently(struct connection *connection, json_t *item)
{
	int error = event_fetch(connection, item);

	if (error == 0 || connection->code[0] == '\0')
		return error;
	event_merge(item, NULL);
	json_object_set_new(item, "counts", json_null());
	json_object_set_new(item, "reason", json_string(connection->message));
	return 0;
}

// Puts the changed where they belong now: at the end, each once.
static void take_changes(json_t *events, const json_t *changed)
{
	json_t *last = json_object(), *event;
	size_t at;

	json_array_foreach(changed, at, event)
		json_object_set_new(last, text_of(event, "id"), json_integer((json_int_t)at));
	for (at = json_array_size(events); at-- > 0;)
		if (json_object_get(last, text_of(json_array_get(events, at), "id")) != NULL)
			json_array_remove(events, at);
	json_array_foreach(changed, at,
		event) if (json_integer_value(json_object_get(last, text_of(event, "id"))) ==
			   (json_int_t)at) json_array_append(events, event);
	json_decref(last);
}

// One page of what changed after *next. *more: there are others.
static int fetch_page(struct connection *connection, json_t *changed, json_int_t *next, bool *more)
{
	char target[64];
	json_t *root;

	snprintf(target, sizeof(target), "/v1/events?after=%lld", (long long)*next);
	int error = connection_call(connection, "GET", target, 0, NULL, &root);
	if (error != 0)
		return error;
	const json_t *page = json_object_get(root, "events");
	json_int_t then = json_integer_value(json_object_get(root, "next"));
	*more = json_is_true(json_object_get(root, "more"));
	if (!json_is_array(page) || (*more && then <= *next))
		error = weir_text_fail(connection->message, -EBADMSG,
			"%s: /v1/events has no list of events; is that a weir-control?",
			connection->peer.name);
	else
		json_array_extend(changed, (json_t *)page);
	*next = then;
	json_decref(root);
	return error;
}

int event_list_update(struct connection *connection, json_t *events, json_int_t *next)
{
	json_t *changed = json_array();
	json_int_t known = *next;
	bool more = true;
	int error = 0;

	while (more && error == 0)
		error = fetch_page(connection, changed, next, &more);
	if (error == 0 && *next < known) { // it has lost its store
		json_array_clear(events);
		json_array_clear(changed);
		*next = 0;
		for (more = true; more && error == 0;)
			error = fetch_page(connection, changed, next, &more);
	}
	if (error == 0)
		take_changes(events, changed);
	json_decref(changed);
	return error;
}

size_t event_list_trim(json_t *events, size_t ended)
{
	size_t kept = 0, gone = 0;

	for (size_t i = json_array_size(events); i-- > 0;)
		if (event_has_ended(json_array_get(events, i)) && kept++ >= ended) {
			json_array_remove(events, i);
			gone++;
		}
	return gone;
}

int event_list_complete(struct connection *connection, json_t *events)
{
	int error = 0;

	for (size_t i = 0; i < json_array_size(events) && error == 0; i++)
		error = fetch_leniently(connection, json_array_get(events, i));
	return error;
}

size_t event_match(json_t *events, const char *text, json_t **found)
{
	size_t count = 0, i;
	json_t *event;

	*found = NULL;
	json_array_foreach(events, i, event)
	{
		if (strncmp(text_of(event, "id"), text, strlen(text)) == 0) {
			*found = event;
			count++;
		}
	}
	return count;
}

int event_find_id(struct connection *connection, const char *text, char id[WEIR_HEX_ID])
{
	json_t *events, *event;
	json_int_t next = 0;

	if (*text == '\0' || strspn(text, "0123456789abcdef") != strlen(text) ||
		strlen(text) >= WEIR_HEX_ID)
		return command_fail(EXIT_USAGE,
			"'%s' is not the id of an event or its beginning; weirctl events lists "
			"them",
			text);
	if (is_id(text)) {
		strcpy(id, text);
		return EXIT_DONE;
	}
	events = json_array();
	if (event_list_update(connection, events, &next) != 0) {
		json_decref(events);
		return connection_fail(connection);
	}
	size_t count = event_match(events, text, &event);
	bool is_good = count == 1 && is_id(text_of(event, "id"));
	if (is_good)
		strcpy(id, text_of(event, "id"));
	json_decref(events);
	if (is_good)
		return EXIT_DONE;
	if (count > 1)
		return command_fail(EXIT_FAILED,
			"the ids of %zu events begin with '%s'; write more of it", count, text);
	return command_fail(EXIT_FAILED,
		"%s has no event whose id begins with '%s'; weirctl events "
		"lists those that it has",
		connection->peer.name, text);
}
