// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BODY_TEXT_MAX ((size_t)64 << 20)
#define WAIT_MAX_S    3600

struct route {
	const char *method, *path; // * stands for an event's id, # for a client's index
	unsigned access;           // any of these
	void (*handle)(struct request *request);
};

#define EVERYBODY (API_OPERATOR | API_MEMBER | API_AGGREGATOR | API_COLLECTOR)

static const struct route routes[] = {
	{"GET", "/v1/appliance", API_ANYONE, api_appliance},
	{"GET", "/healthz", API_ANYONE, api_health},
	{"GET", "/metrics", API_ANYONE, api_metrics},
	{"GET", "/v1/stats", API_OPERATOR, api_stats},
	{"GET", "/v1/roster", API_OPERATOR, api_roster},
	{"POST", "/v1/roster", API_OPERATOR, api_roster_change},
	{"GET", "/v1/events", EVERYBODY, api_events},
	{"POST", "/v1/events", API_OPERATOR, api_announce},
	{"GET", "/v1/events/*", EVERYBODY, api_event},
	{"DELETE", "/v1/events/*", API_OPERATOR, api_cancel},
	{"POST", "/v1/events/*/offer", API_AGGREGATOR, api_offer},
	{"POST", "/v1/events/*/join", API_MEMBER, api_join},
	{"GET", "/v1/events/*/joins", API_AGGREGATOR, api_joins},
	{"POST", "/v1/events/*/acceptances", API_AGGREGATOR, api_acceptances},
	{"GET", "/v1/events/*/log", API_AGGREGATOR | API_COLLECTOR, api_log},
	{"POST", "/v1/events/*/completions", API_AGGREGATOR, api_completions},
	{"POST", "/v1/events/*/batches", API_AGGREGATOR, api_batches},
	{"POST", "/v1/events/*/receipts", API_AGGREGATOR, api_receipts},
	{"POST", "/v1/events/*/published", API_AGGREGATOR, api_published},
	{"GET", "/v1/events/*/clients/#", EVERYBODY, api_client},
	{"GET", "/v1/events/*/aggregate-share", API_COLLECTOR, api_share},
	{"GET", "/v1/events/*/result", API_COLLECTOR | API_OPERATOR, api_result},
};

// Matches one segment of the path; both move behind it. For * and # the segment is noted.
static bool match_segment(const char **pattern, const char **path, const char *noted[2])
{
	if (**pattern == '*' || **pattern == '#') {
		noted[**pattern == '#'] = *path;
		*path += strcspn(*path, "/?");
		++*pattern;
		return true;
	}
	while (**pattern && **pattern != '/') {
		if (**pattern != **path)
			return false;
		++*pattern;
		++*path;
	}
	return true;
}

static bool match(const char *pattern, const char *path, const char *noted[2])
{
	while (*pattern == '/' && *path == '/') {
		pattern++;
		path++;
		if (!match_segment(&pattern, &path, noted))
			return false;
	}
	return !*pattern && (!*path || *path == '?');
}

// The event that the path names; unknown and malformed ids alike leave it NULL. False: answered already.
static bool find_event(struct request *request, const char *id)
{
	char hex[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)];
	struct weir_digest digest;
	int error;

	if (strcspn(id, "/?") != sizeof(hex) - 1)
		return true;
	memcpy(hex, id, sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = 0;
	if (weir_hex_decode(hex, digest.bytes, sizeof(digest.bytes)))
		return true;
	error = event_find(request->control, &digest, &request->event);
	if (error && error != -ENOENT) {
		// No 403: a helper would take that for an event that is not known here.
		request_error(request, 500, "store", "the event cannot be read");
		return false;
	}
	if (request->event)
		request->event->requests++;
	return true;
}

static bool parse_number(const char *text, uint64_t most, uint64_t *number)
{
	size_t length = strcspn(text, "/?");

	if (!length || length > 18 || strspn(text, "0123456789") != length)
		return false;
	*number = strtoull(text, NULL, 10);
	return *number <= most;
}

static unsigned access_of(const struct request *request, bool has_event)
{
	const struct control *control = request->control;
	const struct weir_identity *caller = &request->caller;
	const struct event *event = request->event;
	unsigned access = control_is_operator(control, caller) ? API_OPERATOR : 0;

	if (!has_event)
		return access | (roster_has(&control->roster, caller) ? API_MEMBER : 0) |
		       (control_peer(control, caller) ? API_AGGREGATOR : 0) |
		       (event_book_has_collector(control, caller) ? API_COLLECTOR : 0);
	if (!event)
		return access;
	if (event_aggregator(event, caller) >= 0)
		access |= API_AGGREGATOR;
	if (event->state == WEIR_EVENT_DRAFT)
		return access;
	// A client keeps its access when it leaves the roster after its join.
	if (roster_has(&control->roster, caller) ||
		weir_event_machine_find(&event->machine, caller) >= 0)
		access |= API_MEMBER;
	return access | (event_has_collector(event, caller) ? API_COLLECTOR : 0);
}

static bool parse_query(struct request *request)
{
	const struct {
		const char *key;
		uint64_t *out;
	} keys[] = {
		{"after", &request->after}, {"from", &request->after}, {"wait", &request->wait_s}};

	for (size_t i = 0; i < 3; i++) {
		const char *value = MHD_lookup_connection_value(
			request->connection, MHD_GET_ARGUMENT_KIND, keys[i].key);

		if (value && !parse_number(value, INT64_MAX, keys[i].out)) {
			request_error(request, 400, "query", "%s is not a number", keys[i].key);
			return false;
		}
	}
	if (request->wait_s > WAIT_MAX_S)
		request->wait_s = WAIT_MAX_S;
	return true;
}

static const struct route *find_route(struct request *request, const char *noted[2])
{
	bool path_known = false;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		noted[0] = noted[1] = NULL;
		if (!match(routes[i].path, request->target, noted))
			continue;
		if (!strcmp(routes[i].method, request->method))
			return &routes[i];
		path_known = true;
	}
	if (path_known)
		request_error(request, 405, "method", "this path does not know that method");
	else
		request_error(request, 404, "path", "there is no such path");
	return NULL;
}

// Whether its event can be asked. False: the request waits until the event's log has been read, or is
// answered.
static bool event_is_there(struct request *request)
{
	struct event *event = request->event;

	if (!event || event->loaded)
		return true;
	if (event->unreadable) {
		request_error(request, 500, "store", "the event's log cannot be read");
		return false;
	}
	event_load(event);
	if (!request_delay(request, &event->load_waiters))
		request_error(request, 503, "busy", "the event's log is being read; ask again");
	return false;
}

// Done again whenever the request has waited.
static void serve(struct request *request)
{
	if (!(request->route->access & API_ANYONE)) {
		if (!event_is_there(request))
			return;
		request->access = access_of(request, request->has_event);
		if (!(request->access & request->route->access)) {
			request_error(request, 403, "identity",
				"this identity has no access here, or there is no such event");
			return;
		}
		if (request->has_event && !request->event) {
			request_error(request, 404, "event", "there is no such event");
			return;
		}
	}
	if (request->bad_index) {
		request_error(request, 404, "client", "that is not the index of a client");
		return;
	}
	request->route->handle(request);
}

void api_dispatch(struct request *request)
{
	const char *noted[2];
	uint64_t index = 0;

	request->route = find_route(request, noted);
	if (!request->route || !parse_query(request))
		return;
	if (!(request->route->access & API_ANYONE) && !authenticate(request))
		return;
	request->has_event = noted[0];
	if (noted[0] && !find_event(request, noted[0]))
		return;
	request->bad_index = noted[1] && !parse_number(noted[1], UINT32_MAX, &index);
	request->index = (uint32_t)index;
	serve(request);
}

void api_handle_again(struct request *request)
{
	serve(request);
}

bool api_body(
	struct request *request, json_t **root, const struct weir_json_field *fields, size_t count)
{
	struct weir_document_error error;
	int status;

	*root = NULL;
	if (!request->body || strlen(request->body) != request->length) {
		request_error(request, 400, "body", "the body must be a JSON object");
		return false;
	}
	status = weir_json_load(request->body, BODY_TEXT_MAX, "body", root, &error);
	if (!status && count)
		status = weir_json_read(*root, "body", fields, count, &error);
	if (status) {
		json_decref(*root);
		*root = NULL;
		request_error(request, 400, "body", "%s", error.message);
	}
	return !status;
}

int api_reporter(struct request *request)
{
	int aggregator = event_aggregator(request->event, &request->caller);

	if (event_leads(request->event) && request->event->leader)
		return aggregator;
	if (event_leads(request->event))
		request_error(request, 410, "closed", "the event has ended");
	else
		request_error(request, 409, "leader", "this appliance does not lead the event");
	return -1;
}
