// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Config files: every loader reads every input. What is refused comes with one line that names it.

#include <errno.h>
#include <string.h>

#include "appliance_config.h"
#include "client_config.h"
#include "fuzz.h"
#include "generator_config.h"
#include "job_config.h"

// libconfig 1.5 forgets the string it was reading when a file does not parse.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static char path[128];

static void write_file(const char *name, const void *bytes, size_t size)
{
	snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), name);
	FILE *file = fopen(path, "w");
	FUZZ_CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

// What the example configs include.
int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	static const char roster[] =
		"roster = ( { name = \"alice\"; identity = "
		"\"6000f61655ccc25a92a24f507d7ae961ac459742440ee9666c5f438448f6d411\"; } );\n";
	static const char event[] =
		"number = 1; modulus = \"2^31-1\"; dimension = 1000; clients = 10;\nsecret = "
		"\"6000f61655ccc25a92a24f507d7ae961ac459742440ee9666c5f438448f6d411\";\n";

	(void)count, (void)arguments;
	write_file("roster.cfg", roster, sizeof(roster) - 1);
	write_file("static_event.cfg", event, sizeof(event) - 1);
	return 0;
}

static void check(const void *config, const struct weir_config_error *error)
{
	FUZZ_CHECK(config || error->message[0]);
	FUZZ_CHECK(!strchr(error->message, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_config_error error = {{0}};

	write_file("input.cfg", data, size);
	struct weir_appliance_config *appliance = weir_appliance_config_load(path, &error);
	check(appliance, &error);
	weir_appliance_config_free(appliance);

	struct weir_client_config *client = weir_client_config_load(path, &error);
	check(client, &error);
	weir_client_config_free(client);

	struct weir_job_config *job = weir_job_config_load(path, &error);
	check(job, &error);
	weir_job_config_free(job);

	struct weir_generator_config *generator = weir_generator_config_load(path, &error);
	check(generator, &error);
	weir_generator_config_free(generator);
	return 0;
}
