// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The list of events: merging, prefixes of ids, which have ended.

#include <criterion/criterion.h>

#include <string.h>

#include "event_list.h"

static json_t *json(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, 0, &error);

	cr_assert_not_null(value, "%s in %s", error.text, text);
	return value;
}

// Merges what an event says of itself into its item of the list and compares the result.
static void expect_merged(const char *item_text, const char *event_text, const char *wanted_text)
{
	json_t *item = json(item_text), *event = event_text ? json(event_text) : NULL;
	json_t *wanted = json(wanted_text);

	event_merge(item, event);
	char *got = json_dumps(item, JSON_COMPACT);
	cr_expect(json_equal(item, wanted), "%s is not %s", got, wanted_text);
	free(got);
	json_decref(item);
	json_decref(event);
	json_decref(wanted);
}

Test(events, merges_what_the_event_says_of_itself)
{
	expect_merged("{\"sequence\":4,\"id\":\"ab\",\"state\":\"open\",\"job\":\"j\",\"round\":2}",
		"{\"id\":\"ab\",\"state\":\"frozen\",\"reason\":\"\",\"counts\":{\"joined\":1},"
		"\"set_digest\":\"cd\",\"announcement\":{\"event\":"
		"\"{\\\"announced_ms\\\":5,\\\"deadline_ms\\\":9,\\\"job\\\":\\\"j\\\"}\"}}",
		"{\"sequence\":4,\"id\":\"ab\",\"state\":\"frozen\",\"job\":\"j\",\"round\":2,"
		"\"reason\":\"\",\"counts\":{\"joined\":1},\"set_digest\":\"cd\","
		"\"announced_ms\":5,\"deadline_ms\":9}");
}

Test(events, takes_a_draft_from_the_list)
{
	expect_merged("{\"id\":\"ab\",\"state\":\"draft\","
		      "\"event\":\"{\\\"announced_ms\\\":5,\\\"deadline_ms\\\":9}\"}",
		"{\"state\":\"draft\",\"reason\":\"\",\"announcement\":null}",
		"{\"id\":\"ab\",\"state\":\"draft\",\"reason\":\"\",\"announced_ms\":5,"
		"\"deadline_ms\":9}");
	expect_merged("{\"id\":\"ab\",\"state\":\"draft\"}",
		"{\"state\":\"draft\",\"announcement\":null}",
		"{\"id\":\"ab\",\"state\":\"draft\",\"announced_ms\":null,\"deadline_ms\":null}");
}

Test(events, survives_documents_that_are_none)
{
	expect_merged("{\"id\":\"ab\"}", NULL,
		"{\"id\":\"ab\",\"announced_ms\":null,\"deadline_ms\":null}");
	expect_merged("{\"id\":\"ab\"}", "{\"announcement\":{\"event\":\"nonsense\"}}",
		"{\"id\":\"ab\",\"announced_ms\":null,\"deadline_ms\":null}");
	expect_merged("{\"id\":\"ab\"}",
		"{\"announcement\":{\"event\":\"{\\\"announced_ms\\\":\\\"5\\\"}\"}}",
		"{\"id\":\"ab\",\"announced_ms\":null,\"deadline_ms\":null}");
}

Test(events, keeps_the_times_it_knows)
{
	expect_merged("{\"id\":\"ab\",\"announced_ms\":5,\"deadline_ms\":9}",
		"{\"state\":\"failed\",\"announcement\":null}",
		"{\"id\":\"ab\",\"announced_ms\":5,\"deadline_ms\":9,\"state\":\"failed\"}");
}

Test(events, finds_an_event_by_the_beginning_of_its_id)
{
	json_t *events = json("[{\"id\":\"3f2a\"},{\"id\":\"3f2b\"},{\"id\":\"91\"},{}]");
	json_t *found;

	cr_expect_eq(event_match(events, "3f2a", &found), 1);
	cr_expect_eq(found, json_array_get(events, 0));
	cr_expect_eq(event_match(events, "3f", &found), 2);
	cr_expect_eq(event_match(events, "9", &found), 1);
	cr_expect_eq(found, json_array_get(events, 2));
	cr_expect_eq(event_match(events, "3f2aa", &found), 0);
	cr_expect_null(found);
	json_decref(events);
}

Test(events, knows_which_have_ended)
{
	static const struct {
		const char *text;
		bool ended;
	} cases[] = {{"{\"state\":\"draft\"}", false}, {"{\"state\":\"open\"}", false},
		{"{\"state\":\"frozen\"}", false}, {"{\"state\":\"published\"}", true},
		{"{\"state\":\"failed\"}", true}, {"{\"state\":7}", false}, {"{}", false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *event = json(cases[i].text);
		cr_expect_eq(event_has_ended(event), cases[i].ended, "%s", cases[i].text);
		json_decref(event);
	}
}
