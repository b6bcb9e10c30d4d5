// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "load_bytes.h"

#include <errno.h>
#include <stdio.h>

#include "appliance_config.h"
#include "client_config.h"
#include "job_config.h"

// libconfig 1.5 forgets the string it was reading when a file does not parse. Read by the leak
// sanitizer if there is one.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static int write_bytes(const char *path, const void *bytes, size_t length)
{
	FILE *stream = fopen(path, "w");
	if (!stream)
		return -errno;
	size_t written = fwrite(bytes, 1, length, stream);
	return fclose(stream) == 0 && written == length ? 0 : -EIO;
}

int config_load_bytes(enum config_kind kind, const char *path, const void *bytes, size_t length,
	struct weir_config_error *error)
{
	int status = write_bytes(path, bytes, length);
	if (status != 0)
		return status;

	errno = 0;
	if (kind == CONFIG_APPLIANCE) {
		struct weir_appliance_config *config = weir_appliance_config_load(path, error);
		weir_appliance_config_free(config);
		return config ? 0 : -errno;
	}
	if (kind == CONFIG_JOB) {
		struct weir_job_config *config = weir_job_config_load(path, error);
		weir_job_config_free(config);
		return config ? 0 : -errno;
	}
	struct weir_client_config *config = weir_client_config_load(path, error);
	weir_client_config_free(config);
	return config ? 0 : -errno;
}
