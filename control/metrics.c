// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "control.h"

static const struct {
	const char *name, *text;
} counters[] = {
#define COUNTER_ROW(name, text) {#name, text},
	WEIR_COUNTERS(COUNTER_ROW)
#undef COUNTER_ROW
};
_Static_assert(sizeof(counters) / sizeof(counters[0]) == WEIR_COUNTER_COUNT, "one row a counter");

static const enum weir_client_state log_states[] = {WEIR_CLIENT_JOINED, WEIR_CLIENT_ADMITTED,
	WEIR_CLIENT_COMMITTED, WEIR_CLIENT_SEALED, WEIR_CLIENT_ABORTED};

static size_t clients_in(const struct control *control, enum weir_client_state state)
{
	size_t count = 0;

	for (const struct event *event = control->book.first; event; event = event->next)
		if (event->loaded && !event_ended(event))
			count += event->machine.counts[state];
	return count;
}

static void describe(FILE *out, const char *name, const char *type, const char *text)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, text, name, type);
}

static void write_counters(FILE *out, const struct dataplane_memory *memory)
{
	for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++) {
		char name[128];

		snprintf(name, sizeof(name), "weir_dataplane_%s_total", counters[i].name);
		describe(out, name, "counter", counters[i].text);
		for (unsigned worker = 0; worker < memory->worker_count; worker++)
			fprintf(out, "%s{worker=\"%u\"} %llu\n", name, worker,
				(unsigned long long)dataplane_memory_counter(memory, worker, i));
	}
}

static void write_arena(FILE *out, const struct weir_shm_header *header)
{
	describe(out, "weir_arena_bytes", "gauge",
		"bytes for slots, accumulators and client tables");
	fprintf(out, "weir_arena_bytes %llu\n", (unsigned long long)header->arena_size);
	describe(out, "weir_without_cipher", "gauge",
		"1: a static event of the dataplane has no cipher; laboratories only");
	fprintf(out, "weir_without_cipher %u\n", header->without_cipher);
	describe(out, "weir_arena_used_bytes", "gauge", "bytes of the arena that events hold");
	fprintf(out, "weir_arena_used_bytes %llu\n",
		(unsigned long long)atomic_load(&header->arena_used));
}

static void write_events(FILE *out, const struct control *control)
{
	describe(out, "weir_events", "gauge", "events known here, by state");
	for (enum weir_event_state state = WEIR_EVENT_DRAFT; state <= WEIR_EVENT_FAILED; state++)
		fprintf(out, "weir_events{state=\"%s\"} %zu\n", weir_event_state_name(state),
			event_book_count(control, state));
	describe(out, "weir_clients", "gauge", "clients of events that have not ended, by state");
	for (size_t i = 0; i < sizeof(log_states) / sizeof(log_states[0]); i++)
		fprintf(out, "weir_clients{state=\"%s\"} %zu\n",
			weir_client_state_name(log_states[i]), clients_in(control, log_states[i]));
	describe(out, "weir_roster_members", "gauge", "identities accepted as clients");
	fprintf(out, "weir_roster_members %zu\n", roster_size(&control->roster));
}

static void write_loop(
	FILE *out, const struct control *control, const struct http_server_figures *http)
{
	const struct {
		const char *name, *type, *text;
		uint64_t value;
	} rows[] = {
		{"weir_control_turns_total", "counter", "turns of the event loop", control->turns},
		{"weir_control_commits_total", "counter", "commits of the store", control->commits},
		{"weir_control_commit_microseconds_total", "counter",
			"time spent in them, mostly waiting for the disk", control->commits_us},
		{"weir_http_requests_total", "counter", "requests answered", http->requests},
		{"weir_http_refused_total", "counter", "of them with an error", http->refused},
		{"weir_http_connections", "gauge", "open connections", http->connections.open},
		{"weir_http_turned_away_total", "counter",
			"connections of addresses that had as many as they may have",
			http->connections.turned_away},
		{"weir_http_cut_total", "counter", "connections without a whole request in time",
			http->connections.cut},
		{"weir_http_waiting", "gauge", "long-polls being held", http->waiting},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		describe(out, rows[i].name, rows[i].type, rows[i].text);
		fprintf(out, "%s %llu\n", rows[i].name, (unsigned long long)rows[i].value);
	}
}

char *metrics_text(const struct control *control)
{
	const struct dataplane_memory *memory = dataplane_link_memory(control->link);
	struct http_server_figures http;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	describe(out, "weir_dataplane_up", "gauge", "whether the dataplane is connected");
	fprintf(out, "weir_dataplane_up %d\n", memory->header ? 1 : 0);
	if (memory->header) {
		write_counters(out, memory);
		write_arena(out, memory->header);
	}
	write_events(out, control);
	http_server_figures(control->server, &http);
	write_loop(out, control, &http);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

// One object a worker; empty without a dataplane.
static json_t *workers_json(const struct dataplane_memory *memory)
{
	unsigned count = memory->header ? memory->worker_count : 0;
	json_t *workers = json_array();

	for (unsigned worker = 0; worker < count; worker++) {
		json_t *object = json_object();

		for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++)
			json_object_set_new(object, counters[i].name,
				json_integer(
					(json_int_t)dataplane_memory_counter(memory, worker, i)));
		json_array_append_new(workers, object);
	}
	return workers;
}

static json_t *dataplane_json(const struct control *control)
{
	const struct dataplane_memory *memory = dataplane_link_memory(control->link);
	const struct weir_shm_header *header = memory->header;

	if (!header)
		return json_null();
	return json_pack("{s:b, s:b, s:I, s:I, s:I, s:I}", "hugepages", (int)header->uses_hugepages,
		"without_cipher", (int)header->without_cipher, "arena_bytes",
		(json_int_t)header->arena_size, "arena_used_bytes",
		(json_int_t)atomic_load(&header->arena_used), "event_capacity",
		(json_int_t)header->event_capacity, "client_capacity",
		(json_int_t)header->client_capacity);
}

static json_t *ports_json(const struct weir_dataplane_config *config)
{
	json_t *ports = json_array();

	for (size_t i = 0; i < config->port_count; i++)
		json_array_append_new(
			ports, json_pack("{s:s, s:I, s:I}", "device", config->ports[i].device,
				       "mtu", (json_int_t)config->ports[i].mtu, "vlan",
				       (json_int_t)config->ports[i].vlan));
	return ports;
}

// Slots are the dataplane's to know; the rest is the log's.
static json_t *event_json(const struct control *control, const struct event *event)
{
	const struct dataplane_memory *memory = dataplane_link_memory(control->link);
	const struct weir_shm_event *shared = dataplane_memory_event(memory, event->number);
	json_t *clients = json_object();

	for (size_t i = 0; event->loaded && i < sizeof(log_states) / sizeof(log_states[0]); i++)
		json_object_set_new(clients, weir_client_state_name(log_states[i]),
			json_integer((json_int_t)event->machine.counts[log_states[i]]));
	return json_pack("{s:s, s:s, s:s, s:I, s:b, s:I, s:I, s:I, s:o}", "id", event->id, "state",
		weir_event_state_name(event->state), "job", event->terms.job, "round",
		(json_int_t)event->terms.round, "leads", event_leads(event), "number",
		(json_int_t)event->number, "slots", (json_int_t)(shared ? shared->slot_count : 0),
		"slots_used", (json_int_t)(shared ? shared->slots_used : 0), "clients", clients);
}

json_t *metrics_json(const struct control *control)
{
	json_t *events = json_array();

	for (const struct event *event = control->book.first; event; event = event->next)
		if (!event_ended(event))
			json_array_append_new(events, event_json(control, event));
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I}", "version", WEIR_VERSION, "dataplane",
		dataplane_json(control), "workers",
		workers_json(dataplane_link_memory(control->link)), "ports",
		ports_json(&control->config->dataplane), "events", events, "roster_members",
		(json_int_t)roster_size(&control->roster));
}
