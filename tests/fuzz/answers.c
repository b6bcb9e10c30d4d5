// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "answers.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "client.h"

static char *rest;
static const struct fuzz_name *names;
static size_t name_count;

void answers_begin(char *lines)
{
	rest = lines;
}

void answers_name(const struct fuzz_name *known, size_t count)
{
	names = known;
	name_count = count;
}

void answers_check_plain(const char *text, bool lines)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		FUZZ_CHECK(*c >= ' ' || (lines && *c == '\n'));
		FUZZ_CHECK(*c != 0x7f && !(*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0));
	}
}

int __wrap_weir_http_exchange(struct weir_http *http, const struct weir_http_peer *peer,
	const struct weir_http_request *request, struct weir_http_answer *answer, char *message);
int __wrap_weir_http_call(struct weir_http *http, const struct weir_http_peer *peer,
	const struct weir_http_request *request, json_t **root, long *status, char *code,
	char *message);
int __wrap_weir_client_pause(struct weir_client *client, uint64_t ms);
void __wrap_connection_pause(uint64_t ms);
int __wrap_command_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

int __wrap_weir_http_exchange(struct weir_http *http, const struct weir_http_peer *peer,
	const struct weir_http_request *request, struct weir_http_answer *answer, char *message)
{
	char *line = strsep(&rest, "\n"), *end;

	(void)http;
	memset(answer, 0, sizeof(*answer));
	if (!line)
		return weir_text_fail(message, -ETIMEDOUT, "%s: no answer", peer->name);
	answer->status = strtol(line, &end, 10) % 1000;
	if (!request->any_status && answer->status >= 500)
		return weir_text_fail(message, -ETIMEDOUT, "%s: no good answer", peer->name);
	answer->body = fuzz_expand(end + (*end == ' '), names, name_count);
	answer->length = strlen(answer->body);
	return 0;
}

// As it stands in http.c, whose own call of the exchange is out of --wrap's reach.
int __wrap_weir_http_call(struct weir_http *http, const struct weir_http_peer *peer,
	const struct weir_http_request *request, json_t **root, long *status, char *code,
	char *message)
{
	struct weir_http_answer answer;
	int error;

	*root = NULL;
	if (code)
		code[0] = '\0';
	error = __wrap_weir_http_exchange(http, peer, request, &answer, message);
	if (error)
		return error;
	if (status)
		*status = answer.status;
	error = weir_http_json(peer, &answer, root, code, message);
	weir_http_answer_free(&answer);
	return error;
}

int __wrap_weir_client_pause(struct weir_client *client, uint64_t ms)
{
	(void)ms;
	return rest ? 0 : weir_client_fail(client, -ECANCELED, "no more answers");
}

// A line for the terminal. The exit code is handed back.
int __wrap_command_fail(int code, const char *format, ...)
{
	char line[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	answers_check_plain(line, false);
	return code;
}

void __wrap_connection_pause(uint64_t ms)
{
	(void)ms;
}
