// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The HTTP API of control/README.md: one table of routes, one file a group of them.
#pragma once

#include "control.h"
#include "json_read.h"

// What a caller may be; a route names those that it serves.
enum api_access {
	API_ANYONE = 1,
	API_OPERATOR = 2,
	API_MEMBER = 4,     // of this appliance's roster
	API_AGGREGATOR = 8, // of the event; without one, a peer of the config
	API_COLLECTOR = 16, // of the event; without one, of any
};

// http_server.h: a request whose body is there; a request that waited.
void api_dispatch(struct request *request);
void api_handle_again(struct request *request);

// authenticate.c: who calls. False: answered already.
bool authenticate(struct request *request);

// Reads the request's body into fields, which name all its keys. False: answered already, 400.
bool api_body(
	struct request *request, json_t **root, const struct weir_json_field *fields, size_t count);
// The caller's place among the event's aggregators, where this appliance leads; -1: answered already.
int api_reporter(struct request *request);

// api_appliance.c
void api_appliance(struct request *request);
void api_health(struct request *request);
void api_metrics(struct request *request);
void api_stats(struct request *request);
void api_roster(struct request *request);
void api_roster_change(struct request *request);
// api_event_list.c
void api_events(struct request *request);
// api_events.c
void api_announce(struct request *request);
void api_event(struct request *request);
void api_cancel(struct request *request);
void api_result(struct request *request);
// api_clients.c
void api_join(struct request *request);
void api_client(struct request *request);
// api_log.c
void api_log(struct request *request);
void api_joins(struct request *request);
void api_share(struct request *request);
// api_reports.c
void api_offer(struct request *request);
void api_acceptances(struct request *request);
void api_completions(struct request *request);
void api_batches(struct request *request);
void api_receipts(struct request *request);
void api_published(struct request *request);
