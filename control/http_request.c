// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What handlers do with a request: answer it or let it wait.

#include "http_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "control.h"

// While connections are scarce, clients are answered soon instead of being held, so that aggregators
// always find a free one.
#define CROWDED_WAIT_MS 500

static void list_put(struct request **first, struct request *request)
{
	request->next = *first;
	request->link = first;
	if (*first)
		(*first)->link = &request->next;
	*first = request;
}

void request_unlink(struct request *request)
{
	if (!request->link)
		return;
	*request->link = request->next;
	if (request->next)
		request->next->link = request->link;
	request->link = NULL;
	request->next = NULL;
}

static void waiting_leave(struct request *request)
{
	if (!request->waiting)
		return;
	*request->waiting = request->next_waiting;
	if (request->next_waiting)
		request->next_waiting->waiting = request->waiting;
	request->waiting = NULL;
	request->server->waiting_count--;
}

static void waiting_enter(struct request *request)
{
	struct http_server *server = request->server;

	request->next_waiting = server->waiting;
	request->waiting = &server->waiting;
	if (server->waiting)
		server->waiting->waiting = &request->next_waiting;
	server->waiting = request;
	server->waiting_count++;
	if (!server->deadline.due_ms || request->deadline_ms < server->deadline.due_ms)
		timer_set(&request->control->timers, &server->deadline, request->deadline_ms);
}

void request_ready(struct request *request)
{
	waiting_leave(request);
	request_unlink(request);
	list_put(&request->server->ready, request);
	request->control->restless = true;
}

void request_hold(struct request *request)
{
	list_put(&request->server->held, request);
}

void request_free(struct request *request)
{
	waiting_leave(request);
	request_unlink(request);
	if (request->response)
		MHD_destroy_response(request->response);
	request->server->body_bytes -= request->charged;
	if (request->open)
		http_connection_discharge(request->open, request->charged);
	if (request->event)
		request->event->requests--;
	free(request->target);
	free(request->body);
	free(request);
}

void wait_list_add(struct wait_list *list, struct request *request)
{
	list_put(&list->first, request);
}

void wait_list_wake(struct wait_list *list)
{
	while (list->first)
		request_ready(list->first);
}

// The caller has talked to a process before this one, and has more to tell than it knows.
static bool knows_another_start(const struct request *request)
{
	const char *instance =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Weir-Instance");

	return instance && strcmp(instance, request->control->instance) != 0;
}

// Of the config's poll time, or what the server can afford.
static uint64_t longest_wait_ms(const struct request *request)
{
	bool crowded = http_connections_crowded(request->server->connections) &&
		       !(request->access & API_AGGREGATOR);
	uint64_t poll_ms = request->control->config->control.poll_ms;

	return crowded && poll_ms > CROWDED_WAIT_MS ? CROWDED_WAIT_MS : poll_ms;
}

static bool wait_at_most(struct request *request, struct wait_list *list, uint64_t wait_ms)
{
	uint64_t now = clock_monotonic_ms();

	if (!request->deadline_ms)
		request->deadline_ms = now + wait_ms;
	if (request->server->closing || request->deadline_ms <= now)
		return false;
	wait_list_add(list, request);
	waiting_enter(request);
	return true;
}

bool request_wait(struct request *request, struct wait_list *list, uint64_t default_s)
{
	uint64_t wait_ms = 1000 * (request->wait_s ? request->wait_s : default_s);
	uint64_t longest_ms = longest_wait_ms(request);

	if (knows_another_start(request))
		return false;
	return wait_at_most(request, list, wait_ms < longest_ms ? wait_ms : longest_ms);
}

bool request_delay(struct request *request, struct wait_list *list)
{
	return wait_at_most(request, list, longest_wait_ms(request));
}

static void respond(
	struct request *request, unsigned status, const char *type, void *bytes, size_t size)
{
	request->response = MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_FREE);
	if (!request->response) {
		free(bytes);
		return;
	}
	MHD_add_response_header(request->response, "Content-Type", type);
	MHD_add_response_header(request->response, "Cache-Control", "no-store");
	request->status = status;
	request->server->requests++;
	if (status >= 400)
		request->server->refused++;
}

void request_bytes(
	struct request *request, unsigned status, const char *type, void *bytes, size_t size)
{
	respond(request, status, type, bytes, size);
}

void request_answer(struct request *request, unsigned status, json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	json_decref(body);
	if (!text) {
		text = strdup("{\"error\":\"out of memory\",\"code\":\"memory\"}");
		status = 500;
	}
	if (text)
		respond(request, status, "application/json", text, strlen(text));
}

void request_error(
	struct request *request, unsigned status, const char *code, const char *format, ...)
{
	char sentence[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	request_answer(request, status, json_pack("{s:s, s:s}", "error", sentence, "code", code));
}
