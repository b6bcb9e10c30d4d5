// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The shipped examples: they load, and what they say about defaults is true.
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance_config.h"
#include "client_config.h"
#include "config_test.h"
#include "job_config.h"

TestSuite(examples, .init = make_folder, .fini = remove_folder);

static const char *example(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof(path), "%s/%s", getenv("WEIR_CONFIG_EXAMPLES"), name);
	return path;
}

// A copy of the example with every "# name = value;" taken for a setting; returns how many.
static unsigned write_uncommented(const char *name, const char *copy)
{
	char *text = read_file(example(name));
	regex_t pattern;
	regmatch_t match[2];
	unsigned n = 0;

	cr_assert_eq(
		regcomp(&pattern, "^[\t ]*(#) [a-z_]+ = [^;]*;", REG_EXTENDED | REG_NEWLINE), 0);
	for (char *at = text; regexec(&pattern, at, 2, match, 0) == 0; at += match[0].rm_eo, n++)
		at[match[1].rm_so] = ' ';
	write_file(copy, text);
	regfree(&pattern);
	free(text);
	return n;
}

static void copy_roster(void)
{
	char *text = read_file(example("roster.cfg"));
	write_file("roster.cfg", text);
	free(text);
}

Test(examples, appliance)
{
	struct weir_config_error error;
	struct weir_appliance_config *config, *written;

	config = weir_appliance_config_load(example("appliance.cfg"), &error);
	cr_assert_not_null(config, "%s", error.message);
	cr_expect_eq(config->control.roster_count, 3);
	cr_expect_eq(config->control.peer_count, 1);

	copy_roster();
	unsigned n = write_uncommented("appliance.cfg", "written.cfg");
	cr_expect_eq(n, 37, "%u defaults are shown", n);
	written = weir_appliance_config_load(in_folder("written.cfg"), &error);
	cr_assert_not_null(written, "%s", error.message);
	cr_expect_eq(memcmp(&config->dataplane, &written->dataplane, sizeof(config->dataplane)), 0);
	cr_expect_str_eq(config->user, written->user);
	cr_expect(config->sandbox && written->sandbox);
	cr_expect_str_eq(config->control.url, written->control.url);
	cr_expect_str_eq(config->control.endpoint, written->control.endpoint);
	cr_expect_eq(config->control.min_clients, written->control.min_clients);
	cr_expect_eq(config->control.allow_single_client, written->control.allow_single_client);
	cr_expect_eq(config->control.slots, written->control.slots);
	cr_expect_eq(config->control.max_weight, written->control.max_weight);
	cr_expect_eq(config->control.poll_ms, written->control.poll_ms);
	cr_expect_eq(config->control.connections, written->control.connections);
	cr_expect_eq(
		config->control.connections_per_address, written->control.connections_per_address);
	cr_expect_eq(config->control.request_timeout_ms, written->control.request_timeout_ms);
	cr_expect_eq(config->control.leader_timeout_ms, written->control.leader_timeout_ms);
	cr_expect_eq(written->control.operator_count, 0);
	weir_appliance_config_free(config);
	weir_appliance_config_free(written);
}

Test(examples, job)
{
	struct weir_config_error error;
	struct weir_job_config *config, *written;

	config = weir_job_config_load(example("job.cfg"), &error);
	cr_assert_not_null(config, "%s", error.message);
	cr_expect_eq(write_uncommented("job.cfg", "written.cfg"), 8);
	written = weir_job_config_load(in_folder("written.cfg"), &error);
	cr_assert_not_null(written, "%s", error.message);
	cr_expect_eq(config->round, written->round);
	cr_expect_eq(config->rounds, written->rounds);
	cr_expect_eq(config->chunk_elements, written->chunk_elements);
	cr_expect_eq(config->max_weight, written->max_weight);
	cr_expect_eq(config->min_clients, written->min_clients);
	cr_expect_eq(config->target_clients, written->target_clients);
	cr_expect_eq(config->admit_timeout_ms, written->admit_timeout_ms);
	weir_job_config_free(config);
	weir_job_config_free(written);
}

Test(examples, client)
{
	struct weir_config_error error;
	struct weir_client_config *config, *written;

	config = weir_client_config_load(example("client.cfg"), &error);
	cr_assert_not_null(config, "%s", error.message);
	cr_expect_eq(write_uncommented("client.cfg", "written.cfg"), 2);
	written = weir_client_config_load(in_folder("written.cfg"), &error);
	cr_assert_not_null(written, "%s", error.message);
	cr_expect_eq(config->timeout_ms, written->timeout_ms);
	cr_expect_str_eq(written->state, in_folder("state"));
	cr_expect_str_eq(config->state, example("state"));
	weir_client_config_free(config);
	weir_client_config_free(written);
}

// The examples fit each other: a client of the job's aggregators, an appliance among them.
Test(examples, belong_together)
{
	struct weir_config_error error;
	struct weir_job_config *job = weir_job_config_load(example("job.cfg"), &error);
	struct weir_client_config *client = weir_client_config_load(example("client.cfg"), &error);
	struct weir_appliance_config *appliance =
		weir_appliance_config_load(example("appliance.cfg"), &error);

	cr_assert(job && client && appliance, "%s", error.message);
	cr_assert_eq(job->aggregator_count, client->aggregator_count);
	for (size_t i = 0; i < job->aggregator_count; i++)
		cr_expect_str_eq(job->aggregators[i], client->aggregators[i].identity);
	cr_expect_str_eq(appliance->control.peers[0].identity, job->aggregators[1]);
	cr_expect_str_eq(appliance->control.url, client->aggregators[0].url);
	weir_job_config_free(job);
	weir_client_config_free(client);
	weir_appliance_config_free(appliance);
}
