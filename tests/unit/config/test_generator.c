// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// weirgen's file: the example, both kinds of events, and what is refused.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_test.h"
#include "generator_config.h"

TestSuite(generator, .init = make_folder, .fini = remove_folder);

#define SEED "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"

static const char static_text[] =
	"ports = ( { device = \"net_memif0,role=server\"; ipv4 = \"192.0.2.2\"; } );\n"
	"workers = [ 0 ];\n"
	"destination = \"192.0.2.1:9347\";\n"
	"static_event = { number = 7; modulus = \"2^31-1\"; dimension = 100; clients = 5;\n"
	"secret = \"" SEED "\"; };\n";

static const char announced_text[] =
	"ports = ( { device = \"net_memif0,role=server\"; ipv4 = \"192.0.2.2\"; } );\n"
	"workers = [ 0 ];\n"
	"clients = { seed = \"" SEED "\"; clients = 10; key = \"c.pem\";\n"
	"aggregators = ( { name = \"a\"; identity = \"" ID_A
	"\"; url = \"http://192.0.2.1:1\"; },\n"
	"{ name = \"b\"; identity = \"" ID_B "\"; url = \"http://192.0.2.3:1\"; } ); };\n";

static struct weir_generator_config *load(const char *text, struct weir_config_error *error)
{
	error->message[0] = '\0';
	write_file("test.cfg", text);
	return weir_generator_config_load(in_folder("test.cfg"), error);
}

Test(generator, the_example)
{
	char path[4096];
	struct weir_config_error error;

	snprintf(path, sizeof(path), "%s/weirgen.cfg", getenv("WEIR_CONFIG_EXAMPLES"));
	struct weir_generator_config *config = weir_generator_config_load(path, &error);
	cr_assert_not_null(config, "%s", error.message);
	cr_expect(config->has_static_event);
	cr_expect_eq(config->static_event.clients, 1000);
	cr_expect_eq(config->destination.s_addr, inet_addr("192.0.2.1"));
	weir_generator_config_free(config);
}

Test(generator, a_static_event_and_defaults)
{
	struct weir_config_error error;
	struct weir_generator_config *config = load(static_text, &error);

	cr_assert_not_null(config, "%s", error.message);
	cr_expect_str_eq(config->path, in_folder("test.cfg"));
	cr_expect(config->has_static_event && !config->has_emulated);
	cr_expect_eq(config->static_event.number, 7);
	cr_expect_eq(config->destination_port, 9347);
	cr_expect_not(config->has_mac);
	cr_expect_eq(config->active, 256);
	cr_expect_eq(config->interleave, 8);
	cr_expect_eq(config->ask_again_ms, 0);
	cr_expect_eq(config->line_rate, 0);
	cr_expect_eq(config->timeout_ms, 10000);
	cr_expect_eq(config->dataplane.hugepages, WEIR_HUGEPAGES_AUTO);
	cr_expect_eq(config->dataplane.packet_memory, UINT64_C(64) << 20);
	cr_expect_eq(config->dataplane.packet_buffers, 8192);
	cr_expect_str_eq(config->dataplane.file_prefix, "weirgen");
	weir_generator_config_free(config);
}

Test(generator, clients_of_an_announced_event)
{
	struct weir_config_error error;
	struct weir_generator_config *config = load(announced_text, &error);

	cr_assert_not_null(config, "%s", error.message);
	cr_expect(config->has_emulated && !config->has_static_event);
	cr_expect_eq(config->emulated.seed[31], 0x5e);
	cr_expect_eq(config->emulated.clients, 10);
	cr_expect_eq(config->emulated.first, 0);
	cr_expect_eq(config->emulated.max_weight, 1);
	cr_expect_eq(config->emulated.joins, 8);
	cr_expect_str_eq(config->emulated.key, in_folder("c.pem"));
	cr_expect_eq(config->emulated.aggregator_count, 2);
	cr_expect_str_eq(config->emulated.aggregators[1].identity, ID_B);
	weir_generator_config_free(config);
}

Test(generator, everything_can_be_set)
{
	struct weir_config_error error;
	char *text = replaced(static_text, "workers = [ 0 ];",
		"workers = [ 1, 2 ]; destination_mac = \"02:00:00:00:00:0a\"; active = 9; "
		"interleave = 1; ask_again = \"1 ms\"; line_rate = \"10 Gbit/s\"; timeout = \"1 "
		"s\"; "
		"hugepages = \"off\"; packet_memory = \"1 GiB\"; packet_buffers = 4096; "
		"file_prefix = \"g\"; eal_arguments = [ \"--log-level=info\" ];");
	struct weir_generator_config *config = load(text, &error);

	cr_assert_not_null(config, "%s", error.message);
	cr_expect_eq(config->dataplane.worker_count, 2);
	cr_expect(config->has_mac);
	cr_expect_eq(config->mac[5], 10);
	cr_expect_eq(config->active, 9);
	cr_expect_eq(config->ask_again_ms, 1);
	cr_expect_eq(config->line_rate, 1250000000);
	cr_expect_eq(config->timeout_ms, 1000);
	cr_expect_eq(config->dataplane.hugepages, WEIR_HUGEPAGES_OFF);
	cr_expect_eq(config->dataplane.eal_argument_count, 1);
	weir_generator_config_free(config);
	free(text);
}

Test(generator, refusals)
{
	static const struct {
		const char *base, *old, *new, *words;
	} cases[] = {
		{static_text, "destination = \"192.0.2.1:9347\";", "", "destination is missing"},
		{static_text, "192.0.2.1:9347", "192.0.2.1", "an address and a port"},
		{static_text, "192.0.2.1:9347", "[2001:db8::1]:9347", "IPv4"},
		{static_text, "ipv4 = \"192.0.2.2\"", "ipv6 = \"2001:db8::2\"", "without ipv4"},
		{static_text, "workers = [ 0 ];", "", "no setting workers"},
		{static_text, "workers = [ 0 ];", "workers = [ 0 ]; wrokers = 1;", "wrokers"},
		{static_text, "workers = [ 0 ];", "workers = [ 0 ]; destination_mac = \"x\";",
			"Ethernet address"},
		{static_text, "workers = [ 0 ];", "workers = [ 0 ]; interleave = 33;", "1 to 32"},
		{static_text, "number = 7; ", "", "no setting number"},
		{announced_text, "workers = [ 0 ];",
			"workers = [ 0 ]; destination = \"1.2.3.4:5\";", "remove it"},
		{announced_text, "seed = \"5e", "seed = \"xx", "not a seed"},
		{announced_text, "clients = 10; ", "", "no setting clients"},
		{announced_text, "name = \"b\"", "name = \"a\"", "name"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_config_error error;
		char *text = replaced(cases[i].base, cases[i].old, cases[i].new);
		struct weir_generator_config *config = load(text, &error);

		cr_expect_null(config, "case %zu", i);
		cr_expect_not_null(
			strstr(error.message, cases[i].words), "case %zu: %s", i, error.message);
		weir_generator_config_free(config);
		free(text);
	}
	struct weir_config_error error;
	char *both = replaced(static_text, "workers", strstr(announced_text, "clients = {"));
	cr_expect_null(load(both, &error));
	free(both);
}
