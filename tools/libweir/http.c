// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "request_signature.h"

#define ANSWER_LIMIT (8u << 20)
#define CONNECT_MS   5000L
#define SILENCE_S    15L // without a byte, beyond the agreed wait, a transfer is given up
#define SILENCE_LEAST_S                                                                            \
	5L // also of who does not try again: a busy machine may stand still for seconds
#define BACK_OFF_LEAST   100
#define BACK_OFF_MOST    3000
#define CLOCK_RETRIES    1
#define IDENTITY_HEADER  "Weir-Identity: "
#define SIGNATURE_HEADER "Weir-Signature: "

struct weir_http {
	CURL *curl;
	const struct weir_signing_key *key;
	const atomic_bool *cancelled;
	uint64_t patience_ms;
	weir_http_retry_fn *retry; // may be NULL
	void *retry_opaque;
	int64_t clock_offset_ms; // the servers' clock minus ours, as one of them told it
};

struct receiver {
	struct weir_http_answer *answer;
	size_t limit, room;
	int error;
};

struct weir_http *weir_http_new(
	const struct weir_signing_key *key, const atomic_bool *cancelled, uint64_t patience_ms)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		errno = EIO;
		return NULL;
	}
	struct weir_http *http = calloc(1, sizeof(*http));
	if (http == NULL || (http->curl = curl_easy_init()) == NULL) {
		free(http);
		curl_global_cleanup();
		errno = ENOMEM;
		return NULL;
	}
	http->key = key;
	http->cancelled = cancelled;
	http->patience_ms = patience_ms;
	return http;
}

void weir_http_set_patience(struct weir_http *http, uint64_t patience_ms)
{
	http->patience_ms = patience_ms;
}

void weir_http_set_key(struct weir_http *http, const struct weir_signing_key *key)
{
	http->key = key;
}

void weir_http_on_retry(struct weir_http *http, weir_http_retry_fn *fn, void *opaque)
{
	http->retry = fn;
	http->retry_opaque = opaque;
}

void weir_http_free(struct weir_http *http)
{
	if (http == NULL)
		return;
	curl_easy_cleanup(http->curl);
	curl_global_cleanup();
	free(http);
}

void weir_http_answer_free(struct weir_http_answer *answer)
{
	free(answer->body);
	memset(answer, 0, sizeof(*answer));
}

static size_t receive(char *bytes, size_t size, size_t count, void *opaque)
{
	struct receiver *receiver = opaque;
	struct weir_http_answer *answer = receiver->answer;
	size_t length = size * count;
	if (length > receiver->limit - answer->length) {
		receiver->error = -EMSGSIZE;
		return 0;
	}
	size_t needed = answer->length + length + 1;
	if (needed > receiver->room) {
		size_t room = receiver->room == 0 ? 4096 : receiver->room;
		while (room < needed)
			room *= 2;
		char *grown = realloc(answer->body, room);
		if (grown == NULL) {
			receiver->error = -ENOMEM;
			return 0;
		}
		answer->body = grown;
		receiver->room = room;
	}
	memcpy(answer->body + answer->length, bytes, length);
	answer->length += length;
	answer->body[answer->length] = '\0';
	return length;
}

static int on_transfer(void *opaque, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	const struct weir_http *http = opaque;
	return atomic_load_explicit(http->cancelled, memory_order_relaxed) ? 1 : 0;
}

static bool append(struct curl_slist **list, const char *text)
{
	struct curl_slist *grown = curl_slist_append(*list, text);
	if (grown != NULL)
		*list = grown;
	return grown != NULL;
}

// The three headers of a signed request. NULL with errno.
static struct curl_slist *make_headers(struct weir_http *http, const struct weir_http_peer *peer,
	const struct weir_http_request *request)
{
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	char identity[sizeof(IDENTITY_HEADER) + 2 * WEIR_IDENTITY_SIZE];
	char signed_by[sizeof(SIGNATURE_HEADER) + 2 * WEIR_SIGNATURE_SIZE];
	char when[64];
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t time_ms = (uint64_t)((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 +
				      http->clock_offset_ms);
	size_t length = request->body == NULL ? 0 : strlen(request->body);
	if (weir_request_sign(http->key, &peer->identity, request->method, request->target, time_ms,
		    request->body == NULL ? "" : request->body, length, signature) != 0) {
		errno = EIO;
		return NULL;
	}
	strcpy(identity, IDENTITY_HEADER);
	weir_hex_encode(weir_signing_key_identity(http->key)->bytes, WEIR_IDENTITY_SIZE,
		identity + sizeof(IDENTITY_HEADER) - 1);
	strcpy(signed_by, SIGNATURE_HEADER);
	weir_hex_encode(signature, sizeof(signature), signed_by + sizeof(SIGNATURE_HEADER) - 1);
	snprintf(when, sizeof(when), "Weir-Time: %" PRIu64, time_ms);
	struct curl_slist *list = NULL;
	if (append(&list, identity) && append(&list, when) && append(&list, signed_by) &&
		append(&list, "Content-Type: application/json") && append(&list, "Expect:"))
		return list;
	curl_slist_free_all(list);
	errno = ENOMEM;
	return NULL;
}

static void set_options(struct weir_http *http, const struct weir_http_request *request,
	const char *url, struct curl_slist *headers, struct receiver *receiver)
{
	CURL *curl = http->curl;
	long silence_s = (long)(http->patience_ms / 1000) + 1;
	if (silence_s < SILENCE_LEAST_S)
		silence_s = SILENCE_LEAST_S;
	if (silence_s > SILENCE_S)
		silence_s = SILENCE_S;
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, ""); // appliances are reached directly
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, silence_s + (long)request->wait_s);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_transfer);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiver);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (request->body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

// What kept a transfer from being made; the system's own word where there is one.
static const char *describe(CURL *curl, CURLcode code)
{
	long system = 0;
	if (code == CURLE_COULDNT_CONNECT)
		curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &system);
	return system != 0 ? strerror((int)system) : curl_easy_strerror(code);
}

// One attempt. 0 with an answer of any status; else -errno, which *passing says may pass.
static int attempt(struct weir_http *http, const struct weir_http_peer *peer,
	const struct weir_http_request *request, struct weir_http_answer *answer, bool *passing,
	char *message)
{
	char url[2048];
	struct receiver receiver = {.answer = answer};
	receiver.limit = request->answer_limit == 0 ? ANSWER_LIMIT : request->answer_limit;
	*passing = false;
	if (snprintf(url, sizeof(url), "%s%s", peer->url, request->target) >= (int)sizeof(url))
		return weir_text_fail(message, -EINVAL, "%s: the URL is too long", peer->name);
	struct curl_slist *headers = make_headers(http, peer, request);
	if (headers == NULL)
		return weir_text_fail(
			message, -errno, "cannot sign a request: %s", strerror(errno));
	set_options(http, request, url, headers, &receiver);
	CURLcode code = curl_easy_perform(http->curl);
	curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &answer->status);
	curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (code == CURLE_OK)
		return 0;
	weir_http_answer_free(answer);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return weir_text_fail(message, -ECANCELED, "interrupted");
	if (receiver.error == -EMSGSIZE)
		return weir_text_fail(message, -EMSGSIZE,
			"%s: the answer to %s is larger than %zu bytes", peer->name,
			request->target, receiver.limit);
	if (receiver.error != 0 || code == CURLE_OUT_OF_MEMORY)
		return weir_text_fail(message, -ENOMEM, "out of memory");
	*passing = code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL;
	return weir_text_fail(message, *passing ? -ETIMEDOUT : -EINVAL, "%s (%s): %s", peer->name,
		peer->url, describe(http->curl, code));
}

// Takes over the server's clock if it refused ours. True if the request is worth repeating.
static bool learn_clock(struct weir_http *http, const struct weir_http_answer *answer)
{
	if (answer->status != 401 || answer->body == NULL)
		return false;
	json_t *root = json_loads(answer->body, JSON_REJECT_DUPLICATES, NULL);
	const char *code = json_string_value(json_object_get(root, "code"));
	const json_t *time = json_object_get(root, "time_ms");
	int64_t time_ms = json_integer_value(time);
	bool learnt = code != NULL && strcmp(code, "time") == 0 && json_is_integer(time) &&
		      time_ms >= 0 && time_ms <= WEIR_REQUEST_TIME_MOST_MS;
	if (learnt) {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		http->clock_offset_ms =
			time_ms - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	}
	json_decref(root);
	return learnt;
}

static void tell_of_retry(const struct weir_http *http, uint64_t left_ms, const char *message)
{
	char sentence[WEIR_CLIENT_TEXT_SIZE];
	if (http->retry == NULL)
		return;
	weir_text_fail(sentence, 0, "%.440s; trying again for %" PRIu64 " s", message,
		(left_ms + 999) / 1000);
	http->retry(http->retry_opaque, sentence);
}

static int give_up(int error, bool reached, char *message)
{
	static const char advice[] = "; does weir-control run there, and is that its URL?";
	size_t length = strlen(message);
	if (error == -ETIMEDOUT && !reached && length + sizeof(advice) <= WEIR_CLIENT_TEXT_SIZE)
		memcpy(message + length, advice, sizeof(advice));
	return error;
}

static void back_off(struct weir_http *http, uint64_t *pause_ms)
{
	uint64_t pause = weir_jitter(*pause_ms);
	for (uint64_t slept = 0; slept < pause; slept += 50) {
		if (atomic_load_explicit(http->cancelled, memory_order_relaxed))
			return;
		nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000L}, NULL);
	}
	*pause_ms = *pause_ms * 2 > BACK_OFF_MOST ? BACK_OFF_MOST : *pause_ms * 2;
}

int weir_http_exchange(struct weir_http *http, const struct weir_http_peer *peer,
	const struct weir_http_request *request, struct weir_http_answer *answer, char *message)
{
	uint64_t pause_ms = BACK_OFF_LEAST;
	uint64_t end_ms = weir_monotonic_ms() + http->patience_ms;
	bool told = false;
	for (int clock_retries = 0;;) {
		bool passing, reached;
		memset(answer, 0, sizeof(*answer));
		int error = attempt(http, peer, request, answer, &passing, message);
		reached = error == 0;
		if (error == 0 && (answer->status < 500 || request->any_status)) {
			if (clock_retries++ >= CLOCK_RETRIES || !learn_clock(http, answer))
				return 0;
			weir_http_answer_free(answer);
			continue;
		}
		if (error == 0) {
			weir_text_fail(message, -EPROTO, "%s: HTTP status %ld: %.200s", peer->name,
				answer->status, answer->body == NULL ? "" : answer->body);
			weir_http_answer_free(answer);
			passing = true;
			error = -ETIMEDOUT;
		}
		uint64_t now_ms = weir_monotonic_ms();
		if (!passing || now_ms + pause_ms > end_ms)
			return give_up(error, reached, message);
		if (!told)
			tell_of_retry(http, end_ms - now_ms, message);
		told = true;
		back_off(http, &pause_ms);
	}
}

// What to look at when an appliance does not know us, or we do not know it.
static const char *advice(const char *word)
{
	if (word != NULL && strcmp(word, "identity") == 0)
		return "; is this client in its roster, or a collector of the event?";
	if (word != NULL && strcmp(word, "signature") == 0)
		return "; does the config name its identity, and is this its URL?";
	return "";
}

static int status_error(long status)
{
	switch (status) {
	case 403: return -EACCES;
	case 404: return -ENOENT;
	case 409: return -EEXIST;
	case 410: return -ESHUTDOWN;
	case 429: return -EBUSY;
	default: return -EPROTO;
	}
}

int weir_http_json(const struct weir_http_peer *peer, const struct weir_http_answer *answer,
	json_t **root, char *code, char *message)
{
	*root = NULL;
	if (code != NULL)
		code[0] = '\0';
	json_t *parsed = answer->body == NULL ? NULL
					      : json_loadb(answer->body, answer->length,
							JSON_REJECT_DUPLICATES, NULL);
	if (answer->status == 200 || answer->status == 202) {
		if (!json_is_object(parsed)) {
			json_decref(parsed);
			return weir_text_fail(message, -EBADMSG,
				"%s: the answer is not a JSON object; is %s a weir-control?",
				peer->name, peer->url);
		}
		*root = parsed;
		return 0;
	}
	const char *sentence = json_string_value(json_object_get(parsed, "error"));
	const char *word = json_string_value(json_object_get(parsed, "code"));
	if (code != NULL && word != NULL)
		snprintf(code, 32, "%s", word);
	int error = status_error(answer->status);
	weir_text_fail(message, error, "%s refused: %.300s (HTTP status %ld%s%.30s)%s", peer->name,
		sentence == NULL ? "no reason given" : sentence, answer->status,
		word == NULL ? "" : ", ", word == NULL ? "" : word, advice(word));
	json_decref(parsed);
	return error;
}

int weir_http_call(struct weir_http *http, const struct weir_http_peer *peer,
	const struct weir_http_request *request, json_t **root, long *status, char *code,
	char *message)
{
	struct weir_http_answer answer;
	*root = NULL;
	if (code != NULL)
		code[0] = '\0';
	int error = weir_http_exchange(http, peer, request, &answer, message);
	if (error != 0)
		return error;
	if (status != NULL)
		*status = answer.status;
	error = weir_http_json(peer, &answer, root, code, message);
	weir_http_answer_free(&answer);
	return error;
}
