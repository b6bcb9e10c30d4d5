// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "report.h"

#include <stdio.h>

#include "control.h"
#include "follower.h"
#include "log.h"

// What our own leader refuses of our own reports is a defect worth a line.
static void check(struct event *event, int error, const struct weir_document_error *reason)
{
	if (error)
		log_event(event, "own report refused: %s", reason->message);
}

static json_t *hex(const void *bytes, size_t size)
{
	char text[WEIR_HEX_SIZE(WEIR_SIGNATURE_SIZE)];

	weir_hex_encode(bytes, size, text);
	return json_string(text);
}

void report_offer(struct event *event)
{
	const struct participant *participant = &event->participant;
	struct weir_document_error reason;

	if (event_leads(event))
		check(event,
			leader_offer(event, 0, participant->offer, participant->offer_signature,
				&reason),
			&reason);
	else
		follower_post(event, "offer",
			json_pack("{s:s, s:o}", "offer", participant->offer, "signature",
				hex(participant->offer_signature, WEIR_SIGNATURE_SIZE)));
}

void report_offer_refused(struct event *event, const char *reason)
{
	if (event_leads(event))
		leader_refusal(event, 0, reason);
	else
		follower_post(event, "offer", json_pack("{s:s}", "refused", reason));
}

bool report_idle(const struct event *event)
{
	return event_leads(event) || follower_idle(event);
}

void report_completions(struct event *event, const uint32_t *requested, size_t requested_count,
	const uint32_t *complete, size_t complete_count)
{
	if (event_leads(event))
		leader_completions(event, 0, requested, requested_count, complete, complete_count);
	else
		follower_post(event, "completions",
			json_pack("{s:o, s:o}", "requested",
				index_list_json(requested, requested_count), "complete",
				index_list_json(complete, complete_count)));
}

void report_admitted(struct event *event, const uint32_t *clients, size_t count)
{
	if (event_leads(event))
		leader_admitted(event, 0, clients, count);
	else
		follower_post(event, "completions",
			json_pack("{s:[], s:[], s:o}", "requested", "complete", "admitted",
				index_list_json(clients, count)));
}

void report_batch(struct event *event, uint32_t batch, bool lost)
{
	if (event_leads(event))
		leader_batch(event, 0, batch, lost);
	else
		follower_post(event, "batches",
			json_pack("{s:I, s:s}", "batch", (json_int_t)batch, "status",
				lost ? "lost" : "committed"));
}

void report_receipts(struct event *event, uint32_t batch, const uint32_t *clients, size_t count,
	const uint8_t (*signatures)[WEIR_SIGNATURE_SIZE])
{
	json_t *list;

	if (event_leads(event)) {
		for (size_t i = 0; i < count; i++)
			leader_receipt(event, 0, batch, clients[i], signatures[i]);
		return;
	}
	list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			list, json_pack("{s:I, s:o}", "client", (json_int_t)clients[i], "signature",
				      hex(signatures[i], WEIR_SIGNATURE_SIZE)));
	follower_post(event, "receipts",
		json_pack("{s:I, s:o}", "batch", (json_int_t)batch, "receipts", list));
}

void report_published(struct event *event, const struct weir_digest *set)
{
	if (event_leads(event))
		leader_published(event, 0, set);
	else
		follower_post(event, "published",
			json_pack("{s:o}", "set_digest", hex(set->bytes, sizeof(set->bytes))));
}

void report_refused(struct event *event, const char *reason)
{
	if (event_leads(event))
		leader_refusal(event, 0, reason);
	else
		follower_post(event, "published", json_pack("{s:s}", "refused", reason));
}
