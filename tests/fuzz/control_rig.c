// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "control_rig.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "leader.h"
#include "link_rig.h"
#include "log.h"

struct control *control;
struct weir_signing_key *control_rig_keys[RIG_PEOPLE];

static struct weir_appliance_config config;
static uint64_t now_ms;
static struct rig_call *calls;

#define START_MS       1000000 // of the monotonic clock
#define WALL_OFFSET_MS UINT64_C(1767225600000)
#define TURNS_MOST     200

// The clocks.
uint64_t __wrap_clock_monotonic_ms(void);
uint64_t __wrap_clock_wall_ms(void);

uint64_t __wrap_clock_monotonic_ms(void)
{
	return now_ms;
}

uint64_t __wrap_clock_wall_ms(void)
{
	return WALL_OFFSET_MS + now_ms;
}

uint64_t control_rig_wall_ms(void)
{
	return WALL_OFFSET_MS + now_ms;
}

uint64_t control_rig_start_ms(void)
{
	return WALL_OFFSET_MS + START_MS;
}

// What is said to people: too much of it here.
void __wrap_log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void __wrap_log_event(const struct event *event, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void __wrap_log_line(const char *format, ...)
{
	(void)format;
}

void __wrap_log_event(const struct event *event, const char *format, ...)
{
	(void)event, (void)format;
}

// Requests to peers.
struct http_call *__wrap_http_client_send(struct http_client *client, struct peer *peer,
	const char *method, const char *target, json_t *body, uint64_t wait_ms,
	http_call_done *done, void *context);
void __wrap_http_call_cancel(struct http_call *call);
void __wrap_http_client_run(struct http_client *client);

struct http_call *__wrap_http_client_send(struct http_client *client, struct peer *peer,
	const char *method, const char *target, json_t *body, uint64_t wait_ms,
	http_call_done *done, void *context)
{
	struct rig_call *call = calloc(1, sizeof(*call));

	(void)client, (void)peer, (void)wait_ms;
	FUZZ_CHECK(call && strlen(target) < sizeof(call->target));
	json_decref(body);
	call->next = calls;
	strcpy(call->method, method);
	strcpy(call->target, target);
	call->done = done;
	call->context = context;
	calls = call;
	return (struct http_call *)call;
}

static void forget(struct rig_call *call)
{
	struct rig_call **link = &calls;

	while (*link && *link != call)
		link = &(*link)->next;
	FUZZ_CHECK(*link == call);
	*link = call->next;
	free(call);
}

void __wrap_http_call_cancel(struct http_call *call)
{
	if (call)
		forget((struct rig_call *)call);
}

void __wrap_http_client_run(struct http_client *client)
{
	(void)client;
}

struct rig_call *control_rig_call(const char *part)
{
	struct rig_call *call = calls;

	while (call && !strstr(call->target, part))
		call = call->next;
	return call;
}

void control_rig_answer(struct rig_call *call, long status, const json_t *body)
{
	http_call_done *done = call->done;
	void *context = call->context;

	forget(call);
	done(context, status, body);
}

static void make_people(void)
{
	for (uint8_t i = 0; i < RIG_PEOPLE; i++) {
		struct weir_digest secret;

		FUZZ_CHECK(weir_digest("weir fuzz key", &i, 1, &secret) == 0);
		control_rig_keys[i] = weir_signing_key_from_secret(secret.bytes);
		FUZZ_CHECK(control_rig_keys[i]);
	}
}

static void identity_hex(enum control_rig_who who, char hex[WEIR_HEX_ID])
{
	weir_hex_encode(
		weir_signing_key_identity(control_rig_keys[who])->bytes, WEIR_IDENTITY_SIZE, hex);
}

static void make_config(void)
{
	static struct weir_peer_config peer = {.name = "peer", .url = "http://127.0.0.1:9"};
	static struct weir_member_config roster[2], operator_;
	struct weir_control_config *section = &config.control;
	unsigned pid = (unsigned)getpid();

	snprintf(config.dataplane.socket, sizeof(config.dataplane.socket), "%s/link.sock",
		fuzz_folder());
	snprintf(section->state, sizeof(section->state), "%s/state", fuzz_folder());
	// An address of its own for each process.
	snprintf(section->listen, sizeof(section->listen), "127.%u.%u.%u:9347",
		1 + (pid >> 16) % 254, pid >> 8 & 255, pid & 255);
	strcpy(section->url, "http://127.0.0.1:9347");
	strcpy(section->endpoint, "192.0.2.1:9347");
	identity_hex(RIG_PEER, peer.identity);
	identity_hex(RIG_ALICE, roster[0].identity);
	identity_hex(RIG_BOB, roster[1].identity);
	identity_hex(RIG_OPERATOR, operator_.identity);
	config.dataplane.max_events = 4;
	config.dataplane.max_clients = 256;
	config.dataplane.window = 16;
	section->min_clients = 2;
	section->slots = 4;
	section->max_weight = 100;
	section->peers = &peer;
	section->peer_count = 1;
	section->roster = roster;
	section->roster_count = 2;
	section->operators = &operator_;
	section->operator_count = 1;
	section->leader_timeout_ms = 60000;
	section->poll_ms = 20000;
	section->connections = section->connections_per_address = 64;
	section->request_timeout_ms = 60000;
}

const char *control_rig_state(void)
{
	return config.control.state;
}

void control_rig_stop(void)
{
	static const char *const files[] = {
		"control.db", "control.db-wal", "control.db-shm", "control.db-journal", "lock"};

	control_close(control);
	control = NULL;
	while (calls)
		forget(calls);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[sizeof(config.control.state) + 32];

		snprintf(path, sizeof(path), "%s/%s", config.control.state, files[i]);
		unlink(path);
	}
}

bool control_rig_open(void)
{
	control = control_open(&config, control_rig_keys[RIG_SELF]);
	if (control)
		control_rig_turns();
	return control;
}

void control_rig_restart(void)
{
	control_rig_stop();
	FUZZ_CHECK(control_rig_open());
}

void control_rig_start(void)
{
	now_ms = START_MS;
	make_people();
	make_config();
	FUZZ_CHECK(mkdir(config.control.state, 0700) == 0);
	link_rig_open(config.dataplane.socket);
	control_rig_restart();
}

// control_run, without waiting.
static void turn(void)
{
	control->restless = false;
	dataplane_link_run(control->link);
	http_server_run(control->server);
	timers_run(&control->timers, now_ms);
	weir_store_tidy(control->store);
	event_book_work(control);
	event_book_step(control);
	if (control->dirty) {
		FUZZ_CHECK(weir_store_commit(control->store) == 0);
		control->dirty = false;
	}
	event_book_act(control);
	http_server_answer(control->server);
}

void control_rig_turns(void)
{
	unsigned quiet = 0;

	for (unsigned i = 0; quiet < 2; i++) {
		turn();
		quiet = link_rig_turn() || control->restless ? 0 : quiet + 1;
		FUZZ_CHECK(i < TURNS_MOST || !control->restless);
		if (i >= TURNS_MOST)
			break;
	}
	FUZZ_CHECK(!control->failure);
}

void control_rig_pass(uint64_t ms)
{
	now_ms += ms;
	control_rig_turns();
}

void control_rig_client(uint32_t number, uint32_t client, bool complete)
{
	link_rig_client(number, client, complete);
	control_rig_turns();
}

void control_rig_end_events(void)
{
	for (struct event *event = control->book.first; event; event = event->next)
		if (!event_ended(event) && event_leads(event))
			leader_fail(event, "the input ended");
	control_rig_turns();
	// A helper's events end when their leader says so: the next control process closes what it finds.
	if (link_rig_events())
		control_rig_restart();
	FUZZ_CHECK(link_rig_events() == 0);
}
