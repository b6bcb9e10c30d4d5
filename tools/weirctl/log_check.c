// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "log_check.h"

#include "json_read.h"

void log_check_init(struct log_check *check)
{
	weir_event_machine_init(&check->machine);
}

void log_check_clear(struct log_check *check)
{
	weir_event_machine_clear(&check->machine);
}

// Who leads is in the first entry, which is one that the leader signed, or worth nothing.
static int check_leader(const struct log_check *check, const struct weir_log_entry *entry,
	const char *text, const uint8_t signature[WEIR_SIGNATURE_SIZE],
	struct weir_document_error *error)
{
	const struct weir_announcement *announcement = entry->type == WEIR_ENTRY_ANNOUNCE
							       ? &entry->announcement
							       : &check->machine.announcement;

	if (announcement->terms.aggregator_count == 0)
		return weir_document_refuse(error, "no announcement before it says who leads");
	if (!weir_log_verify(&announcement->terms.aggregators[0], text, signature))
		return weir_document_refuse(error, "not signed by the leader");
	return 0;
}

int log_check_take(struct log_check *check, json_t *item, struct weir_document_error *error)
{
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	const char *text;
	const struct weir_json_field fields[] = {
		{"entry", WEIR_JSON_STRING, &text, WEIR_ENTRY_TEXT_MAX},
		{"signature", WEIR_JSON_HEX, signature, sizeof(signature)},
	};
	struct weir_log_entry entry;
	int status = weir_json_read(item, "log entry", fields, 2, error);

	if (status == 0)
		status = weir_log_entry_parse(text, &entry, error);
	if (status != 0)
		return status;
	status = check_leader(check, &entry, text, signature, error);
	if (status == 0)
		status = weir_event_machine_apply(&check->machine, &entry, error);
	weir_log_entry_clear(&entry);
	return status;
}

int log_check_line(struct log_check *check, const char *line, struct weir_document_error *error)
{
	json_t *item;
	int status = weir_json_load(line, LOG_LINE_MAX, "log entry", &item, error);

	if (status == 0)
		status = log_check_take(check, item, error);
	json_decref(item);
	return status;
}
