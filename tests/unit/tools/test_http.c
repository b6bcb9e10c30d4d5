// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The HTTP client against a server that answers by a script, one connection a request.

#include "tools_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "request_signature.h"

#define STEPS       8
#define HANG_UP     "" // closes the connection without an answer
#define OK_JSON     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"fine\": 1}"
#define UNAVAILABLE "HTTP/1.1 503 Down\r\nConnection: close\r\n\r\nwait"

static struct weir_signing_key *key, *server_key;
static struct weir_http_peer peer;
static struct weir_http *http;
static atomic_bool cancelled;
static const char *script[STEPS];
static char requests[STEPS][4096];
static atomic_int served;
static int listener;
static pthread_t thread;
static char message[WEIR_CLIENT_TEXT_SIZE];

static bool is_whole(const char *request)
{
	const char *end = strstr(request, "\r\n\r\n");
	const char *length = strstr(request, "Content-Length: ");
	return end != NULL && strlen(end + 4) >= (length == NULL ? 0 : (size_t)atoi(length + 16));
}

static void *serve(void *opaque)
{
	(void)opaque;
	for (int step; (step = atomic_load(&served)) < STEPS && script[step] != NULL;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			break;
		for (size_t n = 0; n < sizeof(requests[0]) - 1 && !is_whole(requests[step]);) {
			ssize_t got = recv(fd, requests[step] + n, sizeof(requests[0]) - 1 - n, 0);
			if (got <= 0)
				break;
			n += (size_t)got;
		}
		atomic_store(&served, step + 1);
		send(fd, script[step], strlen(script[step]), MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static void set_up(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(listener, 16), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	key = weir_signing_key_generate();
	server_key = weir_signing_key_generate();
	strcpy(peer.name, "server");
	snprintf(peer.url, sizeof(peer.url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	peer.identity = *weir_signing_key_identity(server_key);
	http = weir_http_new(key, &cancelled, 1500);
	cr_assert_neq(http, NULL);
}

static void start(void)
{
	cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

static void tear_down(void)
{
	shutdown(listener, SHUT_RDWR);
	close(listener);
	pthread_join(thread, NULL);
	weir_http_free(http);
	weir_signing_key_free(key);
	weir_signing_key_free(server_key);
}

TestSuite(http, .init = set_up, .fini = tear_down, .timeout = 30);

static const struct weir_http_request get = {
	.method = "GET", .target = "/v1/events?after=0&wait=0"};

static int call(const struct weir_http_request *request, json_t **root, char *code)
{
	return weir_http_call(http, &peer, request, root, NULL, code, message);
}

// The header's value in a recorded request.
static void header(const char *request, const char *name, char *value, size_t size)
{
	const char *at = strstr(request, name);
	cr_assert_neq(at, NULL, "%s is missing in %s", name, request);
	at += strlen(name) + 2;
	snprintf(value, size, "%.*s", (int)strcspn(at, "\r"), at);
}

// Returns the time in the request, whose signature must be good.
static uint64_t check_signature(
	const char *request, const char *method, const char *target, const char *body)
{
	char identity[80], when[40], hex[140];
	struct weir_identity caller;
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	header(request, "Weir-Identity", identity, sizeof(identity));
	header(request, "Weir-Time", when, sizeof(when));
	header(request, "Weir-Signature", hex, sizeof(hex));
	cr_assert_eq(weir_hex_decode(identity, caller.bytes, WEIR_IDENTITY_SIZE), 0);
	cr_assert(weir_identity_equal(&caller, weir_signing_key_identity(key)));
	cr_assert_eq(weir_hex_decode(hex, signature, sizeof(signature)), 0);
	uint64_t time_ms = strtoull(when, NULL, 10);
	cr_assert_eq(weir_request_verify(&caller, &peer.identity, method, target, time_ms, body,
			     strlen(body), signature, time_ms),
		0);
	return time_ms;
}

Test(http, signs_method_target_time_and_body)
{
	json_t *root;
	const struct weir_http_request post = {
		.method = "POST", .target = "/v1/x", .body = "{\"a\":1}"};
	script[0] = script[1] = OK_JSON;
	start();
	cr_assert_eq(call(&get, &root, NULL), 0, "%s", message);
	cr_assert_eq(json_integer_value(json_object_get(root, "fine")), 1);
	json_decref(root);
	cr_assert_eq(call(&post, &root, NULL), 0, "%s", message);
	json_decref(root);
	cr_assert_eq(strncmp(requests[0], "GET /v1/events?after=0&wait=0 ", 30), 0);
	check_signature(requests[0], "GET", get.target, "");
	cr_assert_neq(strstr(requests[1], "\r\n\r\n{\"a\":1}"), NULL);
	check_signature(requests[1], "POST", "/v1/x", "{\"a\":1}");
}

Test(http, repeats_what_may_pass)
{
	json_t *root;
	script[0] = HANG_UP;
	script[1] = UNAVAILABLE;
	script[2] = OK_JSON;
	start();
	cr_assert_eq(call(&get, &root, NULL), 0, "%s", message);
	json_decref(root);
	cr_assert_eq(atomic_load(&served), 3);
}

static int notices;
static char notice[WEIR_CLIENT_TEXT_SIZE];

static void on_retry(void *opaque, const char *sentence)
{
	cr_assert_eq(opaque, &notices);
	notices++;
	snprintf(notice, sizeof(notice), "%s", sentence);
}

Test(http, says_once_that_it_tries_again)
{
	json_t *root;
	script[0] = script[1] = script[4] = UNAVAILABLE;
	script[2] = script[3] = script[5] = OK_JSON;
	start();
	weir_http_on_retry(http, on_retry, &notices);
	cr_assert_eq(call(&get, &root, NULL), 0, "%s", message);
	json_decref(root);
	cr_assert_eq(notices, 1);
	cr_assert_str_eq(notice, "server: HTTP status 503: wait; trying again for 2 s");
	cr_assert_eq(call(&get, &root, NULL), 0, "%s", message);
	json_decref(root);
	cr_assert_eq(notices, 1);
	cr_assert_eq(call(&get, &root, NULL), 0, "%s", message);
	json_decref(root);
	cr_assert_eq(notices, 2);
}

Test(http, names_who_cannot_be_reached)
{
	json_t *root;
	char wanted[512];
	start();
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
	pthread_create(&thread, NULL, serve, NULL);
	weir_http_on_retry(http, on_retry, &notices);
	cr_assert_eq(call(&get, &root, NULL), -ETIMEDOUT);
	snprintf(wanted, sizeof(wanted), "server (%s): Connection refused; trying again for 2 s",
		peer.url);
	cr_assert_str_eq(notice, wanted);
	cr_assert_eq(notices, 1);
	snprintf(wanted, sizeof(wanted),
		"server (%s): Connection refused; does weir-control run there, and is that its "
		"URL?",
		peer.url);
	cr_assert_str_eq(message, wanted);
}

Test(http, gives_up_after_its_patience_and_says_why)
{
	json_t *root;
	for (int i = 0; i < STEPS; i++)
		script[i] = UNAVAILABLE;
	start();
	uint64_t before = weir_monotonic_ms();
	cr_assert_eq(call(&get, &root, NULL), -ETIMEDOUT);
	uint64_t took = weir_monotonic_ms() - before;
	cr_assert_geq(took, 300);
	cr_assert_lt(took, 5000);
	cr_assert_neq(strstr(message, "server: HTTP status 503: wait"), NULL, "%s", message);
}

Test(http, takes_over_the_servers_clock_once)
{
	json_t *root;
	char code[32];
	script[0] = script[2] = script[3] =
		"HTTP/1.1 401 No\r\nConnection: close\r\n\r\n"
		"{\"error\":\"old\",\"code\":\"time\",\"time_ms\":1000000000000000}";
	script[1] = OK_JSON;
	start();
	cr_assert_eq(call(&get, &root, NULL), 0, "%s", message);
	json_decref(root);
	uint64_t corrected = check_signature(requests[1], "GET", get.target, "");
	cr_assert_geq(corrected, 1000000000000000);
	cr_assert_lt(corrected, 1000000000000000 + 20000);
	cr_assert_eq(call(&get, &root, code), -EPROTO, "a second refusal stands");
	cr_assert_str_eq(code, "time");
	cr_assert_eq(atomic_load(&served), 4);
}

Test(http, does_not_take_over_an_absurd_clock)
{
	json_t *root;
	char code[32];
	script[0] = "HTTP/1.1 401 No\r\nConnection: close\r\n\r\n"
		    "{\"error\":\"old\",\"code\":\"time\",\"time_ms\":-9223372036854775808}";
	script[1] = "HTTP/1.1 401 No\r\nConnection: close\r\n\r\n"
		    "{\"error\":\"old\",\"code\":\"time\",\"time_ms\":9223372036854775807}";
	script[2] = OK_JSON;
	start();
	for (int i = 1; i <= 2; i++) {
		cr_assert_eq(call(&get, &root, code), -EPROTO, "%s", message);
		cr_assert_str_eq(code, "time");
		cr_assert_eq(atomic_load(&served), i);
	}
	cr_assert_eq(call(&get, &root, NULL), 0, "%s", message);
	json_decref(root);
	cr_assert_lt(check_signature(requests[2], "GET", get.target, ""), 1000000000000000);
}

Test(http, turns_refusals_into_errors_and_words)
{
	json_t *root;
	char code[32];
	script[0] = "HTTP/1.1 403 No\r\nConnection: close\r\n\r\n"
		    "{\"error\":\"not\\u0007you\",\"code\":\"refused\"}";
	script[1] = "HTTP/1.1 410 Gone\r\nConnection: close\r\n\r\nbye";
	script[2] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[]";
	script[3] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"a\": 1, \"a\": 2 }";
	script[4] = "HTTP/1.1 403 No\r\nConnection: close\r\n\r\n"
		    "{\"error\":\"no access\",\"code\":\"identity\"}";
	script[5] = "HTTP/1.1 401 No\r\nConnection: close\r\n\r\n"
		    "{\"error\":\"does not fit\",\"code\":\"signature\"}";
	start();
	cr_assert_eq(call(&get, &root, code), -EACCES);
	cr_assert_str_eq(code, "refused");
	cr_assert_neq(strstr(message, "server refused: not?you"), NULL, "%s", message);
	cr_assert_eq(call(&get, &root, code), -ESHUTDOWN);
	cr_assert_str_eq(code, "");
	cr_assert_eq(call(&get, &root, NULL), -EBADMSG);
	cr_assert_eq(call(&get, &root, NULL), -EBADMSG, "a key twice");
	cr_assert_null(root);
	cr_assert_eq(call(&get, &root, NULL), -EACCES);
	cr_assert_neq(strstr(message, "is this client in its roster"), NULL, "%s", message);
	cr_assert_eq(call(&get, &root, NULL), -EPROTO);
	cr_assert_neq(strstr(message, "does the config name its identity"), NULL, "%s", message);
}

// Words of a peer that would command the terminal: ESC, DEL, and CSI as U+009B.
Test(http, shows_no_control_characters_of_a_peer)
{
	static char refusal[] = "{\"error\": \"a\\u001b[2Jb\\u007fc\\u009b1md\\u00e9\"}";
	const struct weir_http_answer answer = {
		.status = 403, .body = refusal, .length = sizeof(refusal) - 1};
	json_t *root;
	cr_assert_eq(weir_http_json(&peer, &answer, &root, NULL, message), -EACCES);
	cr_assert_not_null(strstr(message, "a?[2Jb?c??1md\xc3\xa9"), "%s", message);
}

Test(http, does_not_take_more_than_the_limit)
{
	json_t *root;
	struct weir_http_request limited = get;
	limited.answer_limit = 10;
	script[0] = script[1] = OK_JSON;
	start();
	cr_assert_eq(call(&limited, &root, NULL), -EMSGSIZE);
	limited.answer_limit = 11;
	cr_assert_eq(call(&limited, &root, NULL), 0, "%s", message);
	json_decref(root);
}

static void *cancel_soon(void *opaque)
{
	usleep(200000);
	atomic_store(&cancelled, true);
	return opaque;
}

Test(http, can_be_cancelled_while_it_waits)
{
	json_t *root;
	pthread_t canceller;
	for (int i = 0; i < STEPS; i++)
		script[i] = UNAVAILABLE;
	start();
	cr_assert_eq(pthread_create(&canceller, NULL, cancel_soon, NULL), 0);
	uint64_t before = weir_monotonic_ms();
	cr_assert_eq(call(&get, &root, NULL), -ECANCELED);
	cr_assert_lt(weir_monotonic_ms() - before, 1300);
	pthread_join(canceller, NULL);
}
