// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The HTTP API of a leader, with a dataplane behind it. An input is lines, each of them one request or
// one thing that happens:
//
//   o GET /v1/stats            a request, signed by the operator (l the appliance itself, h the helper,
//                              a and b clients, c the collector, s a stranger; u: not signed)
//   o POST /v1/roster {...}    one with a body
//   =GET / HTTP/1.1|Host: x||  as it is, but for | which is a line break
//
// and what control_lines.h says.

#include <ctype.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control_lines.h"
#include "http_request.h"
#include "request_signature.h"

#define LINES_MOST     64
#define INPUTS_A_START 200 // then with a new store, so that nothing gets slower
#define PORT_DISCARDED 9

static unsigned inputs;
static uint32_t round_number;
static int connections[LINES_MOST]; // of requests that still wait
static unsigned connection_count;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	control_lines_start();
	return 0;
}

// Everything that has come. An answer is HTTP, and never a failure of our own.
static void read_answer(int connection)
{
	char answer[4096];
	ssize_t length = recv(connection, answer, sizeof(answer) - 1, MSG_DONTWAIT);

	if (length <= 0)
		return;
	answer[length] = '\0';
	if (control_lines_loud)
		fprintf(stderr, "%s\n", answer);
	FUZZ_CHECK(!strncmp(answer, "HTTP/1.", 7));
	FUZZ_CHECK(strncmp(answer + 8, " 500", 4) != 0);
	while (length > 0)
		length = recv(connection, answer, sizeof(answer), MSG_DONTWAIT);
}

static void send_bytes(const char *bytes, size_t size)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(PORT_DISCARDED)};
	int pair[2];

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	FUZZ_CHECK(MHD_add_connection(control->server->daemon, pair[1],
			   (const struct sockaddr *)&address, sizeof(address)) == MHD_YES);
	FUZZ_CHECK(send(pair[0], bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size);
	control_rig_turns();
	read_answer(pair[0]);
	connections[connection_count++] = pair[0];
}

static struct weir_signing_key *key_of(char caller)
{
	static const char letters[] = "lhoabcs";
	const char *at = strchr(letters, caller);

	return caller && at ? control_rig_keys[at - letters] : NULL;
}

static void send_request(char *line)
{
	struct weir_signing_key *key = key_of(line[0]);
	char *rest = line + 2, *method = strsep(&rest, " "), *target = strsep(&rest, " ");
	const char *body = rest ? rest : "";
	char identity[WEIR_HEX_ID] = "", signature[WEIR_HEX_SIZE(WEIR_SIGNATURE_SIZE)] = "";
	uint8_t bytes[WEIR_SIGNATURE_SIZE];
	uint64_t now = control_rig_wall_ms();
	char *request;
	int length;

	if (!target || !*method)
		return;
	if (key && weir_request_sign(key, weir_signing_key_identity(control_rig_keys[RIG_SELF]),
			   method, target, now, body, strlen(body), bytes) == 0) {
		weir_hex_encode(
			weir_signing_key_identity(key)->bytes, WEIR_IDENTITY_SIZE, identity);
		weir_hex_encode(bytes, sizeof(bytes), signature);
	}
	length = asprintf(&request,
		"%s %s HTTP/1.1\r\nHost: x\r\nWeir-Identity: %s\r\nWeir-Time: %llu\r\n"
		"Weir-Signature: %s\r\nContent-Length: %zu\r\n\r\n%s",
		method, target, identity, (unsigned long long)now, signature, strlen(body), body);
	FUZZ_CHECK(length > 0);
	send_bytes(request, (size_t)length);
	free(request);
}

static void send_raw(char *text)
{
	char *bytes = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&bytes, &size);

	FUZZ_CHECK(stream);
	for (; *text; text++)
		if (*text == '|')
			fputs("\r\n", stream);
		else
			fputc(*text, stream);
	fclose(stream);
	send_bytes(bytes, size);
	free(bytes);
}

static void take_line(char *text, const struct control_names *names)
{
	(void)names;
	if (text[0] == '=')
		send_raw(text + 1);
	else if (isalpha((unsigned char)text[0]) && text[1] == ' ')
		send_request(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	control_lines_run(data, size, LINES_MOST, ++round_number, take_line);
	control_rig_end_events();
	while (connection_count) {
		read_answer(connections[--connection_count]);
		close(connections[connection_count]);
	}
	control_rig_turns();
	if (++inputs % INPUTS_A_START == 0)
		control_rig_restart();
	return 0;
}
