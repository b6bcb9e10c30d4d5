// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Documents: every parser reads every input. What is taken is written again and must be the same.

#include <string.h>

#include "documents.h"
#include "fuzz.h"
#include "log_entry.h"

static void check_error(const struct weir_document_error *error)
{
	FUZZ_CHECK(error->message[0]);
	for (const char *c = error->message; *c; c++)
		FUZZ_CHECK(*c >= ' ' && *c <= '~');
}

static void read_event(const char *text)
{
	struct weir_document_error error = {{0}};
	struct weir_event_terms terms, again;
	struct weir_digest digest;

	if (weir_event_parse(text, &terms, &digest, &error)) {
		check_error(&error);
		return;
	}
	char *written = weir_event_format(&terms);
	FUZZ_CHECK(written);
	FUZZ_CHECK(weir_event_parse(written, &again, &digest, &error) == 0);
	char *second = weir_event_format(&again);
	FUZZ_CHECK(second && !strcmp(written, second));
	free(written);
	free(second);
}

static void read_offer(const char *text)
{
	struct weir_document_error error = {{0}};
	struct weir_offer offer, again;

	if (weir_offer_parse(text, &offer, &error)) {
		check_error(&error);
		return;
	}
	char *written = weir_offer_format(&offer);
	FUZZ_CHECK(written);
	FUZZ_CHECK(weir_offer_parse(written, &again, &error) == 0);
	FUZZ_CHECK(again.number == offer.number && !strcmp(again.url, offer.url));
	free(written);
}

static void read_join(const char *text)
{
	struct weir_document_error error = {{0}};
	struct weir_join join, again;

	if (weir_join_parse(text, &join, &error)) {
		check_error(&error);
		return;
	}
	char *written = weir_join_format(&join);
	FUZZ_CHECK(written);
	FUZZ_CHECK(weir_join_parse(written, &again, &error) == 0);
	FUZZ_CHECK(again.weight == join.weight);
	free(written);
}

static void read_announcement(const char *text)
{
	struct weir_document_error error = {{0}};
	struct weir_announcement announcement, again;

	if (weir_announcement_parse(text, &announcement, &error)) {
		check_error(&error);
		return;
	}
	char *written = weir_announcement_format(&announcement);
	FUZZ_CHECK(written);
	FUZZ_CHECK(weir_announcement_parse(written, &again, &error) == 0);
	weir_announcement_clear(&again);
	weir_announcement_clear(&announcement);
	free(written);
}

static void read_entry(const char *text)
{
	struct weir_document_error error = {{0}};
	struct weir_log_entry entry, again;

	if (weir_log_entry_parse(text, &entry, &error)) {
		check_error(&error);
		return;
	}
	char *written = weir_log_entry_format(&entry);
	FUZZ_CHECK(written);
	FUZZ_CHECK(weir_log_entry_parse(written, &again, &error) == 0);
	FUZZ_CHECK(again.client_count == entry.client_count && again.batch == entry.batch);
	weir_log_entry_clear(&again);
	weir_log_entry_clear(&entry);
	free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	read_event(text);
	read_offer(text);
	read_join(text);
	read_announcement(text);
	read_entry(text);
	free(text);
	return 0;
}
