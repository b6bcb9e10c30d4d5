// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance_config.h"
#include "config_test.h"
#include "share_packet.h"

TestSuite(appliance, .init = make_folder, .fini = remove_folder);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct weir_appliance_config *load(const char *text)
{
	struct weir_config_error error;
	write_file("test.cfg", text);
	struct weir_appliance_config *config =
		weir_appliance_config_load(in_folder("test.cfg"), &error);
	cr_assert_not_null(config, "%s", error.message);
	cr_expect_str_empty(error.message);
	return config;
}

Test(appliance, values_and_defaults)
{
	struct weir_appliance_config *config = load(valid_texts[CONFIG_APPLIANCE]);
	const struct weir_dataplane_config *dataplane = &config->dataplane;
	const struct weir_control_config *control = &config->control;

	cr_expect_str_eq(config->path, in_folder("test.cfg"));
	cr_assert_eq(dataplane->port_count, 2);
	cr_expect_str_eq(dataplane->ports[0].device, "net_null0");
	cr_expect(dataplane->ports[0].has_ipv4 && !dataplane->ports[0].has_ipv6);
	cr_expect(!dataplane->ports[1].has_ipv4 && dataplane->ports[1].has_ipv6);
	cr_expect_eq(dataplane->ports[0].ipv4.s_addr, inet_addr("192.0.2.1"));
	cr_expect_eq(dataplane->ports[1].ipv6.s6_addr[15], 1);
	cr_expect_eq(dataplane->ports[0].mtu, 1500);
	cr_expect_eq(dataplane->ports[0].vlan, 0);
	cr_expect_eq(dataplane->ports[0].queues, 0);
	cr_expect_eq(dataplane->ports[0].descriptors, 1024);
	cr_expect_eq(dataplane->udp_port, WEIR_DEFAULT_PORT);
	cr_assert_eq(dataplane->worker_count, 2);
	cr_expect_eq(dataplane->workers[0], 0);
	cr_expect_eq(dataplane->workers[1], 1);
	cr_expect_eq(dataplane->idle, WEIR_IDLE_SLEEP);
	cr_expect_eq(dataplane->hugepages, WEIR_HUGEPAGES_AUTO);
	cr_expect_eq(dataplane->packet_memory, 64 << 20);
	cr_expect_eq(dataplane->packet_buffers, 16384);
	cr_expect_eq(dataplane->arena, 256 << 20);
	cr_expect_str_eq(dataplane->memory, "auto");
	cr_expect_eq(dataplane->max_events, 16);
	cr_expect_eq(dataplane->max_clients, 100000);
	cr_expect_eq(dataplane->window, 256);
	cr_expect_eq(dataplane->rate, 0);
	cr_expect_eq(dataplane->wait_ms, 20);
	cr_expect_str_eq(dataplane->socket, "/run/weir/dataplane.sock");
	cr_expect_str_eq(dataplane->file_prefix, "weir");
	cr_expect_eq(dataplane->eal_argument_count, 0);
	cr_expect_str_empty(dataplane->kernels_mask);

	cr_expect_str_eq(control->identity_file, in_folder("a.pem"));
	cr_expect_str_eq(control->state, "/state");
	cr_expect_str_eq(control->url, "http://192.0.2.2:9347");
	cr_expect_str_eq(control->endpoint, "192.0.2.1:9347");
	cr_expect_eq(control->min_clients, 2);
	cr_expect(!control->allow_single_client);
	cr_expect_eq(control->slots, 64);
	cr_expect_eq(control->max_weight, 1000000);
	cr_expect_eq(control->poll_ms, 20000);
	cr_expect_eq(control->durability, WEIR_DURABILITY_PROCESS);
	cr_assert_eq(control->peer_count, 2);
	cr_expect_str_eq(control->peers[1].name, "c");
	cr_expect_str_eq(control->peers[1].identity, ID_C);
	cr_expect_str_eq(control->peers[1].url, "http://[2001:db8::4]:9347");
	cr_assert_eq(control->roster_count, 2);
	cr_expect_str_eq(control->roster[0].identity, ID_D);
	cr_expect_str_empty(control->roster[0].name);
	cr_expect_str_eq(control->roster[1].name, "eve");
	cr_expect_eq(control->operator_count, 0);
	weir_appliance_config_free(config);
}

Test(appliance, everything_can_be_set)
{
	char *text = replaced(valid_texts[CONFIG_APPLIANCE], "  idle = \"sleep\";\n",
		"udp_port = 1234; idle = \"poll\"; hugepages = \"off\"; packet_memory = \"1 GiB\";"
		"packet_buffers = 8192; arena = \"3 GB\"; memory = \"here\"; max_events = 2;"
		"max_clients = 7; window = 9;"
		"rate = \"100 Mbit/s\"; wait = \"1.5 s\"; socket = \"run/s\"; file_prefix = \"x\";"
		"eal_arguments = [ \"--a\", \"-b\" ]; kernels_mask = \"avx2\";");
	char *more = replaced(text, "  slots = 64;\n",
		"slots = 3; url = \"https://weir.example\"; endpoint = \"[2001:db8::9]:1234\";"
		"min_clients = 1; allow_single_client = true; max_weight = 2147483647;"
		"poll = \"5 s\"; durability = \"disk\"; operators = ( { identity = \"" ID_D
		"\"; name = \"D\"; } );");
	char *all = replaced(
		more, "mtu = 1500;", "mtu = 9000; vlan = 7; queues = 1; descriptors = 512;");
	struct weir_appliance_config *config = load(all);
	const struct weir_dataplane_config *dataplane = &config->dataplane;
	const struct weir_control_config *control = &config->control;

	cr_expect_eq(dataplane->ports[0].mtu, 9000);
	cr_expect_eq(dataplane->ports[0].vlan, 7);
	cr_expect_eq(dataplane->ports[0].queues, 1);
	cr_expect_eq(dataplane->ports[0].descriptors, 512);
	cr_expect_eq(dataplane->udp_port, 1234);
	cr_expect_eq(dataplane->idle, WEIR_IDLE_POLL);
	cr_expect_eq(dataplane->hugepages, WEIR_HUGEPAGES_OFF);
	cr_expect_eq(dataplane->packet_memory, 1 << 30);
	cr_expect_eq(dataplane->packet_buffers, 8192);
	cr_expect_eq(dataplane->arena, 3000000000);
	cr_expect_str_eq(dataplane->memory, in_folder("here"));
	cr_expect_eq(dataplane->max_events, 2);
	cr_expect_eq(dataplane->max_clients, 7);
	cr_expect_eq(dataplane->window, 9);
	cr_expect_eq(dataplane->rate, 12500000);
	cr_expect_eq(dataplane->wait_ms, 1500);
	cr_expect_str_eq(dataplane->socket, in_folder("run/s"));
	cr_expect_str_eq(dataplane->file_prefix, "x");
	cr_assert_eq(dataplane->eal_argument_count, 2);
	cr_expect_str_eq(dataplane->eal_arguments[1], "-b");
	cr_expect_str_eq(dataplane->kernels_mask, "avx2");
	cr_expect_eq(control->slots, 3);
	cr_expect_str_eq(control->url, "https://weir.example");
	cr_expect_str_eq(control->endpoint, "[2001:db8::9]:1234");
	cr_expect_eq(control->min_clients, 1);
	cr_expect(control->allow_single_client);
	cr_expect_eq(control->max_weight, 2147483647);
	cr_expect_eq(control->poll_ms, 5000);
	cr_expect_eq(control->durability, WEIR_DURABILITY_DISK);
	cr_assert_eq(control->operator_count, 1);
	cr_expect_str_eq(control->operators[0].name, "D");
	weir_appliance_config_free(config);
	free(all);
	free(more);
	free(text);
}

Test(appliance, endpoint_of_an_ipv6_port)
{
	char *text = replaced(
		valid_texts[CONFIG_APPLIANCE], "ipv4 = \"192.0.2.1\"", "ipv6 = \"2001:db8::2\"");
	struct weir_appliance_config *config = load(text);

	cr_expect_str_eq(config->control.endpoint, "[2001:db8::2]:9347");
	weir_appliance_config_free(config);
	free(text);
}

Test(appliance, refuses_bad_ports)
{
	static const struct refusal refusals[] = {
		{"\"net_null0\"", "\"eth0\"", 3, {"dataplane.ports[0].device", "not a device"}},
		{"\"net_null0\"", "\"0000:3b:00\"", 3, {"PCI address"}},
		{"\"net_null1\"", "\"net_null0,no-rx=1\"", 5,
			{"ports[1].device", "each device once"}},
		{"ipv4 = \"192.0.2.1\";", "", 3, {"ports[0] has no address"}},
		{"\"192.0.2.1\"", "\"192.0.2\"", 3, {"ports[0].ipv4", "not an IPv4 address"}},
		{"\"192.0.2.1\"", "\"2001:db8::1\"", 3, {"not an IPv4 address"}},
		{"\"192.0.2.1\"", "\"0.0.0.0\"", 3, {"not a host's address"}},
		{"\"192.0.2.1\"", "\"224.0.0.1\"", 3, {"not a host's address"}},
		{"\"2001:db8::1\"", "\"192.0.2.9\"", 5, {"ports[1].ipv6", "not an IPv6 address"}},
		{"\"2001:db8::1\"", "\"::\"", 5, {"not a host's address"}},
		{"\"2001:db8::1\"; }", "\"2001:db8::1\"; mtu = 1000; }", 5, {"mtu", "1280"}},
		{"ipv6 = \"2001:db8::1\"", "ipv4 = \"192.0.2.1\"", 5, {"ports[1].ipv4", "its own"}},
		{"mtu = 1500", "ipv6 = \"2001:db8::1\"", 5, {"ports[1].ipv6", "its own"}},
		{"mtu = 1500", "mtu = 575", 4, {"ports[0].mtu is 575", "576 to 9600"}},
		{"mtu = 1500", "mtu = -1", 4, {"ports[0].mtu is -1"}},
		{"mtu = 1500", "mtu = 1500.5", 4, {"mtu", "whole number"}},
		{"mtu = 1500", "vlan = 4095", 4, {"vlan is 4095", "4094"}},
		{"mtu = 1500", "queues = 33", 4, {"queues is 33", "0 to 32"}},
		{"mtu = 1500", "queues = -2", 4, {"queues is -2"}},
		{"mtu = 1500", "descriptors = 1000", 4, {"descriptors is 1000", "power of two"}},
		{"mtu = 1500", "descriptors = 32", 4, {"descriptors is 32", "64 to 32768"}},
		{"mtu = 1500", "speed = 10", 4, {"ports[0].speed is not a setting", "descriptors"}},
	};
	expect_refusals(CONFIG_APPLIANCE, refusals, COUNT(refusals));
}

Test(appliance, refuses_a_bad_dataplane)
{
	static const struct refusal refusals[] = {
		{"workers = [ 0,\n    1 ]", "workers = [ ]", 7, {"dataplane.workers", "1 to 32"}},
		{"[ 0,\n    1 ]", "[ 0,\n    0 ]", 8, {"workers[1] is CPU 0", "CPU of its own"}},
		{"[ 0,\n    1 ]", "[ 0,\n    -1 ]", 8, {"workers[1] is -1", "0 to 1023"}},
		{"[ 0,\n    1 ]", "[ 0,\n    1024 ]", 8, {"workers[1] is 1024"}},
		{"[ 0,\n    1 ]", "( 0,\n    1.5 )", 8, {"workers[1]", "whole number"}},
		{"[ 0,\n    1 ]", "2", 7, {"workers", "must be a list"}},
		{"\"sleep\"", "\"nap\"", 9, {"dataplane.idle", "\"nap\"", "\"sleep\", \"poll\""}},
		{"\"sleep\"", "3", 9, {"dataplane.idle", "\"sleep\", \"poll\""}},
		{"idle = \"sleep\"", "hugepages = \"yes\"", 9, {"\"auto\", \"on\", \"off\""}},
		{"idle = \"sleep\"", "udp_port = 0", 9, {"udp_port is 0", "1 to 65535"}},
		{"idle = \"sleep\"", "udp_port = 65536", 9, {"udp_port is 65536", "1 to 65535"}},
		{"idle = \"sleep\"", "udp_port = -1", 9, {"udp_port is -1"}},
		{"idle = \"sleep\"", "udp_port = \"9347\"", 9, {"udp_port", "whole number"}},
		{"idle = \"sleep\"", "arena = \"64 mb\"", 9, {"arena", "not understood", "MiB"}},
		{"idle = \"sleep\"", "arena = 64", 9, {"arena", "size in quotes", "\"256 MiB\""}},
		{"idle = \"sleep\"", "arena = \"1 kB\"", 9, {"arena", "out of range"}},
		{"idle = \"sleep\"", "arena = \"99999999999 GiB\"", 9, {"arena", "out of range"}},
		{"idle = \"sleep\"", "rate = \"10 Mb/s\"", 9, {"rate", "bit/s"}},
		{"idle = \"sleep\"", "wait = \"0 ms\"", 9, {"wait", "out of range"}},
		{"idle = \"sleep\"", "wait = 20", 9, {"wait", "duration in quotes", "\"20 ms\""}},
		{"idle = \"sleep\"", "window = 0", 9, {"window is 0"}},
		{"idle = \"sleep\"", "max_clients = 0", 9, {"max_clients is 0"}},
		{"idle = \"sleep\"", "max_clients = 4294967297L", 9, {"max_clients is 4294967297"}},
		{"idle = \"sleep\"", "packet_buffers = 4096", 9,
			{"packet_buffers is 4096", "4096 descriptors", "packet_buffers = 8192"}},
		{"idle = \"sleep\"", "packet_memory = \"16 MiB\"", 9,
			{"packet_memory", "16384 packet_buffers", "mtu 1500",
				"at least \"32 MiB\""}},
		{"idle = \"sleep\"", "socket = \"\"", 9, {"socket is empty"}},
		{"idle = \"sleep\"", "file_prefix = \"a/b\"", 9, {"file_prefix", "not a name"}},
		{"idle = \"sleep\"", "eal_arguments = [ \"\" ]", 9,
			{"eal_arguments[0]", "is empty"}},
		{"idle = \"sleep\"", "eal_arguments = [ 1 ]", 9, {"eal_arguments[0]", "text"}},
		{"idle = \"sleep\"", "kernels_mask = \"avx3\"", 9, {"kernels_mask", "avx512"}},
		{"idle = \"sleep\"", "threads = 9", 9, {"dataplane.threads is not a setting"}},
	};
	expect_refusals(CONFIG_APPLIANCE, refusals, COUNT(refusals));
}

Test(appliance, refuses_more_queues_than_a_worker_can_own)
{
	char *one = replaced(valid_texts[CONFIG_APPLIANCE], "[ 0,\n    1 ]", "[ 0 ]");
	char *two = replaced(one, "mtu = 1500", "queues = 32; descriptors = 64");
	static const char *const words[] = {"dataplane.ports", "33, above 32"};

	expect_refused(CONFIG_APPLIANCE, two, "test.cfg", 2, words, 2);
	free(two);
	free(one);
}

Test(appliance, refuses_a_socket_longer_than_an_address)
{
	char long_path[160];
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	char setting[200];
	snprintf(setting, sizeof(setting), "socket = \"%s\"", long_path);
	char *text = replaced(valid_texts[CONFIG_APPLIANCE], "idle = \"sleep\"", setting);
	static const char *const words[] = {"dataplane.socket is too long", "107"};

	expect_refused(CONFIG_APPLIANCE, text, "test.cfg", 9, words, 2);
	free(text);
}

Test(appliance, refuses_a_bad_control)
{
	static const struct refusal refusals[] = {
		{"\"192.0.2.2:9347\"", "\"192.0.2.2\"", 14,
			{"control.listen", "address and a port"}},
		{"\"192.0.2.2:9347\"", "\"192.0.2.2:0\"", 14, {"port that is not 1 to 65535"}},
		{"\"192.0.2.2:9347\"", "\"192.0.2.2:65536\"", 14, {"port that is not 1 to 65535"}},
		{"\"192.0.2.2:9347\"", "\"192.0.2.2:93x\"", 14, {"port that is not 1 to 65535"}},
		{"\"192.0.2.2:9347\"", "\"192.0.2.2:\"", 14, {"port that is not 1 to 65535"}},
		{"\"192.0.2.2:9347\"", "\"host:9347\"", 14, {"not an address and a port"}},
		{"\"192.0.2.2:9347\"", "\"2001:db8::1:9347\"", 14, {"not an address and a port"}},
		{"\"192.0.2.2:9347\"", "\"[192.0.2.2]:9347\"", 14, {"not an address and a port"}},
		{"\"192.0.2.2:9347\"", "\"[2001:db8::1]\"", 14, {"not an address and a port"}},
		{"\"192.0.2.2:9347\"", "\"0.0.0.0:9347\"", 14, {"add url"}},
		{"\"192.0.2.2:9347\"", "\"[::]:9347\"", 14, {"add url"}},
		{"slots = 64", "endpoint = \"0.0.0.0:9347\"", 25, {"clients can send to"}},
		{"slots = 64", "endpoint = \"192.0.2.1\"", 25, {"control.endpoint"}},
		{"slots = 64", "url = \"192.0.2.2:9347\"", 25, {"control.url", "http://HOST:PORT"}},
		{"slots = 64", "url = \"http://h:70000\"", 25, {"1 to 65535"}},
		{"slots = 64", "url = \"http://h:1/v1\"", 25, {"nothing behind it"}},
		{"slots = 64", "url = \"http://\"", 25, {"control.url"}},
		{"slots = 64", "slots = 0", 25, {"control.slots is 0"}},
		{"slots = 64", "slots = 1.0", 25, {"control.slots", "slots = 64;"}},
		{"slots = 64", "min_clients = 1", 25, {"min_clients is 1", "allow_single_client"}},
		{"slots = 64", "min_clients = 0", 25, {"min_clients is 0"}},
		{"slots = 64", "allow_single_client = 1", 25, {"true or false"}},
		{"slots = 64", "max_weight = 2147483648L", 25, {"max_weight", "2147483647"}},
		{"slots = 64", "durability = \"tape\"", 25,
			{"control.durability", "\"process\", \"disk\""}},
		{"slots = 64", "poll = \"1 day\"", 25, {"control.poll", "not understood"}},
		{"slots = 64", "key_file = \"x\"", 25,
			{"control.key_file is not a setting", "key, "}},
		{"\"a.pem\"", "\"\"", 12, {"control.key is empty"}},
		{"\"a.pem\"", "7", 12, {"control.key", "path in quotes"}},
		{"  key = \"a.pem\";\n", "", 11, {"control has no setting key", "add key = "}},
	};
	expect_refusals(CONFIG_APPLIANCE, refusals, COUNT(refusals));
}

Test(appliance, refuses_bad_people)
{
	static const struct refusal refusals[] = {
		{"\"" ID_C "\"", "\"" ID_B "\"", 18, {"peers[1].identity", ID_B, "element 0"}},
		{"name = \"c\"", "name = \"b\"", 18, {"peers[1].name", "element 0"}},
		{"http://[2001:db8::4]", "http://192.0.2.3", 19, {"peers[1].url", "element 0"}},
		{"name = \"c\"; ", "", 18, {"peers[1] has no setting name"}},
		{"\"" ID_D "\"", "\"" ID_E "\"", 23, {"control.roster[1].identity", "element 0"}},
		{"\"" ID_D "\"", "\"D" ID_D "\"", 22, {"roster[0].identity", "not an identity"}},
		{"\"" ID_D "\"", "\"\"", 22, {"64 lower-case hexadecimal digits"}},
		{"\"ddddd", "\"Ddddd", 22, {"64 lower-case hexadecimal digits"}},
		{"\"ddddd", "\"gdddd", 22, {"64 lower-case hexadecimal digits"}},
		{"\"ddddd", "\"dddd", 22, {"64 lower-case hexadecimal digits"}},
		{"\"" ID_D "\"", "5", 22, {"roster[0].identity", "text in quotes"}},
		{"{ identity = \"" ID_D "\"; }", "\"" ID_D "\"", 21, {"roster[0] must be a group"}},
		{"{ identity = \"" ID_D "\"; }", "{ }", 22, {"roster[0] has no setting identity"}},
		{"\"eve\"", "\"e\\x01e\"", 23, {"roster[1].name", "control character"}},
		{"name = \"eve\"", "mail = \"eve\"", 23, {"roster[1].mail is not a setting"}},
	};
	expect_refusals(CONFIG_APPLIANCE, refusals, COUNT(refusals));
}

Test(appliance, finds_a_duplicate_in_a_large_roster)
{
	const unsigned n = 20000;
	char *text = malloc(200 + n * 90);
	const char *end = strstr(valid_texts[CONFIG_APPLIANCE], "  peers");
	size_t at = (size_t)(end - valid_texts[CONFIG_APPLIANCE]);
	memcpy(text, valid_texts[CONFIG_APPLIANCE], at);
	at += (size_t)sprintf(text + at, "roster = (\n");
	for (unsigned i = 0; i < n; i++)
		at += (size_t)sprintf(text + at, "{ identity = \"%064x\"; }%s\n",
			i == n - 1 ? 77 : i * 7919 % n, i == n - 1 ? " ); };" : ",");
	static const char *const words[] = {"control.roster[19999].identity"};

	expect_refused(CONFIG_APPLIANCE, text, "test.cfg", 15 + n, words, 1);
	free(text);
}

Test(appliance, says_what_cannot_be_read)
{
	struct weir_config_error error;

	cr_expect_null(weir_appliance_config_load(in_folder("none.cfg"), &error));
	cr_expect_eq(errno, ENOENT);
	cr_expect_not_null(strstr(error.message, "none.cfg: cannot be read: no such file"));
	cr_expect_null(weir_appliance_config_load(folder, &error));
	cr_expect_eq(errno, EINVAL);
	cr_expect_not_null(strstr(error.message, "not a regular file"));
}
