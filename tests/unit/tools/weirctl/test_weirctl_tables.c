// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What people see: tables of events and counters, the status, ages and quantities.

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "event_list.h"
#include "plain_text.h"
#include "stats_table.h"
#include "status.h"

static char *text;
static size_t text_size;

static FILE *begin(void)
{
	FILE *out = open_memstream(&text, &text_size);

	cr_assert_not_null(out);
	return out;
}

static void expect_text(FILE *out, const char *wanted)
{
	fclose(out);
	cr_expect_str_eq(text, wanted, "printed:\n%s\nnot:\n%s", text, wanted);
	free(text);
}

static json_t *json(const char *source)
{
	json_error_t error;
	json_t *value = json_loads(source, 0, &error);

	cr_assert_not_null(value, "%s in %s", error.text, source);
	return value;
}

Test(tables, events_line_up)
{
	json_t *events =
		json("[{\"id\":\"0123456789abcdef0123\",\"state\":\"open\",\"job\":\"heart-rates\","
		     "\"round\":12,\"reason\":\"\",\"announced_ms\":1000,"
		     "\"counts\":{\"joined\":3,\"admitted\":64,\"committed\":0,\"sealed\":12345,"
		     "\"aborted\":1}},"
		     "{\"id\":\"fedcba9876543210\",\"state\":\"failed\",\"job\":\"j\",\"round\":1,"
		     "\"reason\":\"too \\u001b[31mfew\",\"announced_ms\":null,\"counts\":null}]");
	FILE *out = begin();

	event_list_print(out, events, 181000);
	expect_text(out, "EVENT             STATE      JOB          ROUND  JOINED  ADMITTED  "
			 "COMMITTED  SEALED  "
			 "ABORTED     AGE\n"
			 "0123456789abcdef  open       heart-rates     12       3        64        "
			 "  0   12345  "
			 "      1   3 min\n"
			 "fedcba9876543210  failed     j                1       -         -        "
			 "  -       -  "
			 "      -       -  too ?[31mfew\n");
	json_decref(events);
}

Test(tables, a_draft_says_whose_offers_it_waits_for)
{
	json_t *event = json("{\"id\":\"0123456789abcdef0123\",\"job\":\"j\",\"round\":1}");
	json_t *draft = json("{\"state\":\"draft\",\"reason\":\"\",\"counts\":null,"
			     "\"missing_offers\":[\"00112233445566778899\",\"\\u001b[31m\"]}");
	json_t *open = json("{\"state\":\"open\",\"reason\":\"\",\"counts\":null}");
	json_t *events = json_pack("[O]", event);
	FILE *out = begin();

	event_merge(event, draft);
	event_list_print(out, events, 0);
	event_merge(event, open);
	cr_expect_null(json_object_get(event, "missing_offers"));
	fclose(out);
	cr_expect_not_null(
		strstr(text, "-  without an offer of 001122334455, ?[31m\n"), "%s", text);
	free(text);
	json_decref(events);
	json_decref(event);
	json_decref(draft);
	json_decref(open);
}

Test(tables, no_events_is_said)
{
	json_t *events = json_array();
	FILE *out = begin();

	event_list_print(out, events, 0);
	expect_text(out, "no events\n");
	json_decref(events);
}

Test(tables, counters_of_one_worker)
{
	json_t *workers =
		json("[{\"rx_packets\":7,\"tx_packets\":0,\"drop_tag\":2,\"novelty\":1}]");
	FILE *out = begin();

	stats_table_print(out, workers, false);
	expect_text(out, "COUNTER                          ALL  MEANING\n"
			 "rx_packets                         7  frames received\n"
			 "drop_tag                           2  authentication failed\n"
			 "novelty                            1  \n");
	json_decref(workers);
}

Test(tables, counters_of_two_workers)
{
	json_t *workers =
		json("[{\"rx_packets\":7,\"tx_bytes\":0},{\"rx_packets\":5,\"tx_bytes\":0}]");
	FILE *out = begin();

	stats_table_print(out, workers, true);
	expect_text(out,
		"COUNTER                          ALL      WORKER 0        WORKER 1    MEANING\n"
		"rx_packets                        12               7               5  frames "
		"received\n"
		"tx_bytes                           0               0               0  bytes "
		"sent\n");
	cr_expect_eq(stats_total(workers, "rx_packets"), 12);
	json_decref(workers);
}

Test(tables, counters_that_are_all_zero)
{
	json_t *workers = json("[{\"rx_packets\":0}]");
	FILE *out = begin();

	stats_table_print(out, workers, false);
	expect_text(out, "COUNTER                          ALL  MEANING\nall counters are 0\n");
	json_decref(workers);
}

Test(tables, every_counter_is_explained)
{
	json_t *worker = json_object(), *workers = json_array();

	for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++)
		json_object_set_new(worker, weir_counter_name(i), json_integer(i + 1));
	json_array_append_new(workers, worker);
	FILE *out = begin();
	stats_table_print(out, workers, false);
	fclose(out);
	for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++)
		cr_expect_not_null(strstr(text, weir_counter_text(i)), "%s", weir_counter_name(i));
	free(text);
	json_decref(workers);
}

Test(tables, drops_add_up)
{
	json_t *workers = json("[{\"drop_a\":1,\"rx_packets\":100},{\"drop_a\":2,\"drop_b\":4}]");

	cr_expect_eq(stats_total_of(workers, "drop_"), 7);
	cr_expect_eq(stats_total_of(NULL, "drop_"), 0);
	json_decref(workers);
}

Test(tables, status_of_a_healthy_appliance)
{
	json_t *status = json(
		"{\"healthy\":true,\"reachable\":true,\"health\":\"ok\",\"url\":\"http://a:1\","
		"\"identity\":\"ab\",\"version\":\"1\",\"dataplane\":true,\"worker_count\":2,"
		"\"arena_bytes\":67108864,\"arena_used_bytes\":16777216,\"roster_members\":5,"
		"\"events\":{\"draft\":1,\"open\":2,\"frozen\":3},\"error\":null}");
	FILE *out = begin();

	status_print(out, status);
	expect_text(out, "appliance  http://a:1\n"
			 "identity   ab\n"
			 "version    1\n"
			 "health     ok\n"
			 "dataplane  connected, 2 workers, 16.0 of 64.0 MiB of the arena used\n"
			 "events     2 open, 1 draft, 3 frozen\n"
			 "roster     5 members\n");
	json_decref(status);
}

Test(tables, status_shouts_about_a_laboratory)
{
	json_t *status = json("{\"reachable\":true,\"health\":\"ok\",\"url\":\"u\","
			      "\"dataplane\":true,\"without_cipher\":true}");
	FILE *out = begin();

	status_print(out, status);
	expect_text(out, "appliance  u\nhealth     ok\n"
			 "dataplane  connected, 0 workers, 0.0 of 0.0 MiB of the arena used\n"
			 "LABORATORY a static event has NO CIPHER: anybody can read and forge its "
			 "shares\n");
	json_decref(status);
}

Test(tables, status_of_one_without_a_dataplane_and_of_a_dead_one)
{
	json_t *status = json("{\"reachable\":true,\"health\":\"no dataplane\",\"url\":\"u\","
			      "\"identity\":\"ab\",\"dataplane\":false}");
	FILE *out = begin();

	status_print(out, status);
	expect_text(out, "appliance  u\n"
			 "identity   ab\n"
			 "health     no dataplane\n"
			 "dataplane  not connected; does weir-dataplane run?\n");
	json_decref(status);
	status = json("{\"reachable\":false,\"health\":\"\",\"url\":\"u\",\"identity\":\"ab\"}");
	out = begin();
	status_print(out, status);
	expect_text(out, "appliance  u\nidentity   ab\nhealth     not reachable\n");
	json_decref(status);
}

Test(tables, plain_text_cannot_command_a_terminal)
{
	FILE *out = begin();

	plain_print(out, "a\x1b[2J\nb\x7f M\xc3\xbcller \xc2\x9bZ \xc2\xb5");
	plain_print(out, NULL);
	expect_text(out, "a?[2J?b? M\xc3\xbcller ?Z \xc2\xb5");
}

Test(tables, ages)
{
	static const struct {
		int64_t ms;
		const char *wanted;
	} cases[] = {{-5, "0 s"}, {999, "0 s"}, {119999, "119 s"}, {120000, "2 min"},
		{7199999, "119 min"}, {7200000, "2 h"}, {172799999, "47 h"}, {172800000, "2 d"}};
	char age[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		plain_age(cases[i].ms, age, sizeof(age));
		cr_expect_str_eq(age, cases[i].wanted);
	}
}

Test(tables, quantities)
{
	static const struct {
		double value;
		const char *wanted;
	} cases[] = {{0, "0 "}, {9999, "9999 "}, {10000, "10.0 k"}, {123456, "123 k"},
		{1234567, "1.23 M"}, {5e9, "5.00 G"}};
	char quantity[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		plain_quantity(cases[i].value, quantity, sizeof(quantity));
		cr_expect_str_eq(quantity, cases[i].wanted);
	}
}
