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

static void check(const void *config, const struct weir_config_error *error)
{
	FUZZ_CHECK(config || error->message[0]);
	FUZZ_CHECK(!strchr(error->message, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size);
	struct weir_config_error error = {{0}};

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
