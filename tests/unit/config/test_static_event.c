// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Static events in a dataplane's section, and the example of a load test.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance_config.h"
#include "config_test.h"

TestSuite(static_event, .init = make_folder, .fini = remove_folder);

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// No control section: static events need none.
static const char text[] =
	"dataplane = {\n"
	"  ports = ( { device = \"net_null0\"; ipv4 = \"192.0.2.1\"; } );\n"
	"  workers = [ 0 ];\n"
	"  static_events = (\n"
	"    { number = 1; modulus = \"2^31-1\"; dimension = 1000;\n"
	"      clients = 50; secret = \"" SECRET "\"; },\n"
	"    { number = 2; modulus = \"2^64\"; dimension = 10; chunk_elements = 16; clients = 5;\n"
	"      target_clients = 4; max_weight = 3; slots = 2; batch_wait = \"7 ms\";\n"
	"      admit_timeout = \"1 s\"; cipher = \"none\"; output = \"a.npy\"; secret = \"" SECRET
	"\"; } );\n"
	"  lab = true;\n"
	"};\n";

Test(static_event, settings_and_defaults)
{
	struct weir_config_error error;

	write_file("a.cfg", text);
	struct weir_appliance_config *config =
		weir_appliance_config_load(in_folder("a.cfg"), &error);
	cr_assert_not_null(config, "%s", error.message);
	cr_expect(!weir_appliance_has_control(config));
	cr_expect(config->dataplane.lab);
	cr_assert_eq(config->dataplane.static_event_count, 2);
	const struct weir_static_event_config *event = config->dataplane.static_events;
	cr_expect_eq(event->number, 1);
	cr_expect_eq(event->modulus, WEIR_MODULUS_M31);
	cr_expect_eq(event->dimension, 1000);
	cr_expect_eq(event->chunk_elements, 352);
	cr_expect_eq(event->clients, 50);
	cr_expect_eq(event->target_clients, 50);
	cr_expect_eq(event->max_weight, 1);
	cr_expect_eq(event->slots, 64);
	cr_expect_eq(event->batch, 64);
	cr_expect_eq(event->batch_wait_ms, 2);
	cr_expect_eq(event->admit_timeout_ms, 10000);
	cr_expect_eq(event->cipher, WEIR_CIPHER_AES_256_GCM);
	cr_expect_eq(event->secret[0], 0x01);
	cr_expect_eq(event->secret[31], 0xef);
	cr_expect_str_empty(event->output);

	event++;
	cr_expect_eq(event->modulus, WEIR_MODULUS_R64);
	cr_expect_eq(event->chunk_elements, 16);
	cr_expect_eq(event->target_clients, 4);
	cr_expect_eq(event->slots, 2);
	cr_expect_eq(event->batch, 2, "no more than there are slots");
	cr_expect_eq(event->batch_wait_ms, 7);
	cr_expect_eq(event->admit_timeout_ms, 1000);
	cr_expect_eq(event->cipher, WEIR_CIPHER_NONE);
	cr_expect_str_eq(event->output, in_folder("a.npy"));
	cr_expect_eq(weir_static_weight(event, 0), 1);
	cr_expect_eq(weir_static_weight(event, 4), 2);
	weir_appliance_config_free(config);
}

Test(static_event, chunks_of_eight_byte_elements_fit_a_frame_too)
{
	struct weir_config_error error;
	char *without = replaced(text, "chunk_elements = 16; ", "");

	write_file("a.cfg", without);
	free(without);
	struct weir_appliance_config *config =
		weir_appliance_config_load(in_folder("a.cfg"), &error);
	cr_assert_not_null(config, "%s", error.message);
	cr_expect_eq(config->dataplane.static_events[1].chunk_elements, 176);
	weir_appliance_config_free(config);
}

Test(static_event, refusals)
{
	static const struct refusal refusals[] = {
		{"lab = true", "lab = false", 9, {"cipher", "\"none\"", "lab = true"}},
		{"number = 2", "number = 1", 7, {"number is 1", "element 0"}},
		{"number = 2", "number = 17", 7, {"number is 17", "max_events = 16"}},
		{"number = 1", "number = 0", 5, {"number is 0"}},
		{"\"2^31-1\"", "\"2^31\"", 5, {"modulus", "not a modulus"}},
		{"dimension = 1000", "dimension = 0", 5, {"dimension is 0"}},
		{"dimension = 10;", "dimension = 1099511627776L;", 7,
			{"dimension", "chunks of 16"}},
		{"chunk_elements = 16", "chunk_elements = 24", 7, {"chunk_elements is 24", "16"}},
		{"chunk_elements = 16", "chunk_elements = 8192", 7, {"chunk_elements is 8192"}},
		{"target_clients = 4", "target_clients = 6", 8,
			{"target_clients is 6", "5 clients"}},
		{"max_weight = 3", "max_weight = 0", 8, {"max_weight is 0"}},
		{"\"none\"", "\"rot13\"", 9, {"cipher", "\"aes-256-gcm\""}},
		{"clients = 50; secret = \"0", "clients = 50; secret = \"g", 6, {"not a secret"}},
		{"clients = 50; ", "", 5, {"has no setting clients"}},
		{"slots = 2", "slot = 2", 8, {"slot is not a setting"}},
	};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		char *spoilt = replaced(text, refusals[i].old, refusals[i].new);

		expect_refused(CONFIG_APPLIANCE, spoilt, "test.cfg", refusals[i].line,
			refusals[i].words, 4);
		free(spoilt);
	}
}

Test(static_event, the_example_of_a_load_test_is_good)
{
	struct weir_config_error error;
	char path[4096];

	snprintf(path, sizeof(path), "%s/load_test.cfg", getenv("WEIR_CONFIG_EXAMPLES"));
	struct weir_appliance_config *config = weir_appliance_config_load(path, &error);
	cr_assert_not_null(config, "%s", error.message);
	cr_expect(!weir_appliance_has_control(config));
	cr_expect_eq(config->dataplane.static_event_count, 1);
	cr_expect_eq(config->dataplane.static_events[0].target_clients, 1000);
	weir_appliance_config_free(config);
}
