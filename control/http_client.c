// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "http_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "request_signature.h"

#define CONNECT_TIMEOUT_MS 5000
#define ANSWER_TIMEOUT_MS  15000 // beyond what the peer was allowed to wait
#define RETRY_FIRST_MS     UINT64_C(100)
#define RETRY_LAST_MS      5000
#define ANSWER_MAX         (64u << 20)

struct http_call {
	struct http_call *next, **link;
	struct http_client *client;
	struct peer *peer;
	const char *method; // a literal
	char *target, *body;
	size_t body_length;
	uint64_t wait_ms;
	http_call_done *done;
	void *context;
	CURL *easy; // NULL between attempts
	struct curl_slist *headers;
	char *answer;
	size_t answer_length;
	struct timer retry;
	unsigned attempts;
	char error[CURL_ERROR_SIZE];
};

struct http_client {
	const struct weir_signing_key *key;
	struct timers *timers;
	CURLM *multi;
	struct http_call *calls;
};

struct http_client *http_client_open(const struct weir_signing_key *key, struct timers *timers)
{
	struct http_client *client;

	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		errno = ENOMEM;
		return NULL;
	}
	client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	client->key = key;
	client->timers = timers;
	client->multi = curl_multi_init();
	if (!client->multi) {
		free(client);
		errno = ENOMEM;
		return NULL;
	}
	return client;
}

static void attempt_end(struct http_call *call)
{
	if (call->easy) {
		curl_multi_remove_handle(call->client->multi, call->easy);
		curl_easy_cleanup(call->easy);
	}
	curl_slist_free_all(call->headers);
	free(call->answer);
	call->easy = NULL;
	call->headers = NULL;
	call->answer = NULL;
	call->answer_length = 0;
}

void http_call_cancel(struct http_call *call)
{
	if (!call)
		return;
	attempt_end(call);
	timer_stop(call->client->timers, &call->retry);
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	free(call->target);
	free(call->body);
	free(call);
}

void http_client_close(struct http_client *client)
{
	if (!client)
		return;
	while (client->calls)
		http_call_cancel(client->calls);
	curl_multi_cleanup(client->multi);
	free(client);
	curl_global_cleanup();
}

CURLM *http_client_multi(const struct http_client *client)
{
	return client->multi;
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
	struct http_call *call = context;
	size_t length = size * count;
	char *grown;

	if (length > ANSWER_MAX - call->answer_length)
		return 0;
	grown = realloc(call->answer, call->answer_length + length + 1);
	if (!grown)
		return 0;
	memcpy(grown + call->answer_length, bytes, length);
	call->answer = grown;
	call->answer_length += length;
	return length;
}

static int add_header(struct http_call *call, const char *name, const char *value)
{
	char line[256];
	struct curl_slist *list;

	snprintf(line, sizeof(line), "%s: %s", name, value);
	list = curl_slist_append(call->headers, line);
	if (!list)
		return -ENOMEM;
	call->headers = list;
	return 0;
}

static int sign(struct http_call *call)
{
	const struct weir_signing_key *key = call->client->key;
	uint64_t time_ms = clock_wall_ms() + (uint64_t)call->peer->clock_offset_ms;
	char identity[WEIR_HEX_SIZE(WEIR_IDENTITY_SIZE)], hex[WEIR_HEX_SIZE(WEIR_SIGNATURE_SIZE)];
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	char time[24];
	int error = weir_request_sign(key, &call->peer->identity, call->method, call->target,
		time_ms, call->body, call->body_length, signature);

	if (error)
		return error;
	weir_hex_encode(weir_signing_key_identity(key)->bytes, WEIR_IDENTITY_SIZE, identity);
	weir_hex_encode(signature, sizeof(signature), hex);
	snprintf(time, sizeof(time), "%llu", (unsigned long long)time_ms);
	if (add_header(call, "Weir-Identity", identity) || add_header(call, "Weir-Time", time) ||
		add_header(call, "Weir-Signature", hex) || add_header(call, "Expect", "") ||
		(call->body && add_header(call, "Content-Type", "application/json")) ||
		(call->peer->instance[0] &&
			add_header(call, "Weir-Instance", call->peer->instance)))
		return -ENOMEM;
	return 0;
}

static void set_options(struct http_call *call, const char *url)
{
	CURL *easy = call->easy;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(call->wait_ms + ANSWER_TIMEOUT_MS));
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	if (call->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)call->body_length);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static void attempt_later(struct http_call *call)
{
	uint64_t pause = RETRY_FIRST_MS << (call->attempts < 6 ? call->attempts : 6);

	attempt_end(call);
	call->attempts++;
	timer_set(call->client->timers, &call->retry,
		clock_monotonic_ms() + (pause < RETRY_LAST_MS ? pause : RETRY_LAST_MS));
}

static void attempt(void *context)
{
	struct http_call *call = context;
	char url[WEIR_URL_MAX + 512];

	snprintf(url, sizeof(url), "%s%s", call->peer->config->url, call->target);
	call->easy = curl_easy_init();
	if (!call->easy || sign(call)) {
		attempt_later(call);
		return;
	}
	set_options(call, url);
	if (curl_multi_add_handle(call->client->multi, call->easy))
		attempt_later(call);
}

struct http_call *http_client_send(struct http_client *client, struct peer *peer,
	const char *method, const char *target, json_t *body, uint64_t wait_ms,
	http_call_done *done, void *context)
{
	struct http_call *call = calloc(1, sizeof(*call));
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	bool had_body = body;

	json_decref(body);
	if (call)
		call->target = strdup(target);
	if (!call || !call->target || (had_body && !text)) {
		if (call)
			free(call->target);
		free(call);
		free(text);
		errno = ENOMEM;
		return NULL;
	}
	call->client = client;
	call->peer = peer;
	call->method = method;
	call->body = text;
	call->body_length = text ? strlen(text) : 0;
	call->wait_ms = wait_ms;
	call->done = done;
	call->context = context;
	call->next = client->calls;
	call->link = &client->calls;
	if (call->next)
		call->next->link = &call->next;
	client->calls = call;
	timer_init(&call->retry, attempt, call);
	attempt(call);
	return call;
}

static void complain(struct http_call *call, CURLcode result, long status)
{
	struct peer *peer = call->peer;

	if (peer->complained)
		return;
	peer->complained = true;
	if (result)
		log_line("peer %s (%s): %s; trying again", peer->config->name, peer->config->url,
			call->error[0] ? call->error : curl_easy_strerror(result));
	else
		log_line("peer %s (%s): it answers %ld: %.*s; trying again", peer->config->name,
			peer->config->url, status, (int)call->answer_length,
			call->answer ? call->answer : "");
}

// A refusal of our time carries the peer's clock: true if that is what this answer is.
static bool adopt_clock(struct http_call *call, const json_t *body)
{
	const char *code = json_string_value(json_object_get(body, "code"));
	const json_t *time = json_object_get(body, "time_ms");
	int64_t time_ms = json_integer_value(time);

	if (!code || strcmp(code, "time") || !json_is_integer(time) || call->attempts > 3)
		return false;
	if (time_ms < 0 || time_ms > WEIR_REQUEST_TIME_MOST_MS)
		return false;
	call->peer->clock_offset_ms = time_ms - (int64_t)clock_wall_ms();
	log_line("peer %s: its clock differs from ours by %lld ms", call->peer->config->name,
		(long long)call->peer->clock_offset_ms);
	return true;
}

// Which start of the peer answered.
static void note_instance(const struct http_call *call)
{
	struct curl_header *header;

	if (!curl_easy_header(call->easy, "Weir-Instance", 0, CURLH_HEADER, -1, &header))
		snprintf(call->peer->instance, sizeof(call->peer->instance), "%s", header->value);
}

static void finish(struct http_call *call, CURLcode result)
{
	http_call_done *done = call->done;
	void *context = call->context;
	json_t *body = NULL;
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (result || status < 200 || status >= 500) {
		complain(call, result, status);
		attempt_later(call);
		return;
	}
	if (call->answer)
		body = json_loadb(call->answer, call->answer_length, JSON_REJECT_DUPLICATES, NULL);
	if (status == 401 && adopt_clock(call, body)) {
		attempt_later(call);
		json_decref(body);
		return;
	}
	if (call->peer->complained) {
		log_line("peer %s: it answers again", call->peer->config->name);
		call->peer->complained = false;
	}
	note_instance(call);
	http_call_cancel(call);
	done(context, status, body);
	json_decref(body);
}

void http_client_run(struct http_client *client)
{
	CURLMsg *message;
	int running, left;

	curl_multi_perform(client->multi, &running);
	while ((message = curl_multi_info_read(client->multi, &left))) {
		struct http_call *call;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		finish(call, message->data.result);
	}
}
