// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "round.h"

#include <stdio.h>
#include <string.h>

#include "job_request.h"

// The leader announces; a job file names it first.
static int check_leader(const struct connection *connection, const struct weir_job_config *job)
{
	struct weir_identity first;

	if (weir_hex_decode(job->aggregators[0], first.bytes, sizeof(first.bytes)) == 0 &&
		weir_identity_equal(&first, &connection->peer.identity))
		return EXIT_DONE;
	return command_fail(EXIT_USAGE,
		"%s: aggregators[0], %s, is not the appliance %s; announce at the leader or list "
		"this one first",
		job->path, job->aggregators[0], connection->peer.name);
}

int round_announce(struct connection *connection, const struct weir_job_config *job, uint32_t round,
	char id[WEIR_HEX_ID])
{
	json_t *root, *request;
	int code = check_leader(connection, job);

	if (code != EXIT_DONE)
		return code;
	request = job_request(job, round);
	if (request == NULL)
		return command_fail(EXIT_FAILED, "out of memory");
	if (connection_call(connection, "POST", "/v1/events", 0, request, &root) != 0) {
		if (strcmp(connection->code, "round") == 0)
			return command_fail(EXIT_FAILED,
				"%s refused: round %u of job %s was announced before; choose "
				"another "
				"with --round",
				connection->peer.name, round, job->job);
		return connection_fail(connection);
	}
	const char *told = json_string_value(json_object_get(root, "id"));
	bool is_id = told != NULL && strlen(told) == WEIR_HEX_ID - 1 &&
		     strspn(told, "0123456789abcdef") == WEIR_HEX_ID - 1;
	if (is_id)
		strcpy(id, told);
	json_decref(root);
	return is_id ? EXIT_DONE
		     : command_fail(EXIT_FAILED,
			       "%s accepted the event but told no id; see weirctl events",
			       connection->peer.name);
}
