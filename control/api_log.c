// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What is read from an event: its log, joins to be judged, the aggregate share.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

#define LOG_ENTRIES 512        // in one answer
#define LOG_BYTES   (2u << 20) // and so many bytes, about
#define JOINS       256        // in one answer

struct log_answer {
	json_t *entries;
	size_t bytes;
};

static int add_entry(void *context, uint64_t index, const char *text,
	const uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	struct log_answer *answer = context;

	json_array_append_new(
		answer->entries, json_pack("{s:s, s:o}", "entry", text, "signature",
					 weir_json_hex(signature, WEIR_SIGNATURE_SIZE)));
	answer->bytes += strlen(text);
	return answer->bytes > LOG_BYTES; // the rest comes with the next request
}

void api_log(struct request *request)
{
	struct event *event = request->event;
	struct log_answer answer = {json_array(), 0};
	int status = weir_store_log_read(request->control->store, &event->digest, request->after,
		LOG_ENTRIES, add_entry, &answer);

	if (status < 0) {
		json_decref(answer.entries);
		request_error(request, 500, "store", "the event's log cannot be read");
		return;
	}
	if (!json_array_size(answer.entries) && !event_ended(event) &&
		request_wait(request, &event->log_waiters, 0)) {
		json_decref(answer.entries);
		return;
	}
	request_answer(request, 200, json_pack("{s:o}", "entries", answer.entries));
}

void api_joins(struct request *request)
{
	struct event *event = request->event;
	int aggregator = api_reporter(request);
	const struct pending_join *pending;
	uint64_t next = request->after;
	json_t *joins;

	if (aggregator < 0)
		return;
	if (event->state != WEIR_EVENT_OPEN) {
		request_error(request, 410, "closed", "the event takes no more joins");
		return;
	}
	joins = json_array();
	for (pending = event->leader->pending_first; pending && json_array_size(joins) < JOINS;
		pending = pending->next) {
		if (pending->sequence <= request->after || (pending->accepted >> aggregator & 1))
			continue;
		json_array_append_new(
			joins, json_pack("{s:s, s:o}", "join", pending->text, "signature",
				       weir_json_hex(pending->signature, WEIR_SIGNATURE_SIZE)));
		next = pending->sequence;
	}
	if (!json_array_size(joins) && request_wait(request, &event->leader->join_waiters, 0)) {
		json_decref(joins);
		return;
	}
	request_answer(
		request, 200, json_pack("{s:I, s:o}", "next", (json_int_t)next, "joins", joins));
}

void api_share(struct request *request)
{
	struct event *event = request->event;
	void *share;
	size_t size;
	int error;

	if (event->state == WEIR_EVENT_FAILED) {
		request_error(request, 410, "failed", "the event failed: %s", event->reason);
		return;
	}
	if (!event->participant.share_durable && event->state != WEIR_EVENT_PUBLISHED) {
		if (!request_wait(request, &event->share_waiters, 0))
			request_error(request, 409, "not_published",
				"this aggregator has not published its share yet");
		return;
	}
	error = weir_store_share_get(request->control->store, &event->digest, &share, &size);
	if (error)
		request_error(
			request, 500, "store", "the share cannot be read: %s", strerror(-error));
	else
		request_bytes(request, 200, "application/octet-stream", share, size);
}
