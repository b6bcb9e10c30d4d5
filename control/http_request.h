// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What http_server.c and http_request.c share.
#pragma once

#include "http_connections.h"
#include "http_server.h"
#include "timers.h"

struct http_server {
	struct control *control;
	struct MHD_Daemon *daemon;
	int descriptor; // the daemon's epoll
	bool closing;
	struct http_connections *connections;
	struct timer sweep;
	size_t body_bytes;       // of all larger ones that are being read or handled
	struct request *ready;   // woken: to be handled again after the commit
	struct request *held;    // answered: may leave after the commit
	struct request *waiting; // all on wait lists
	size_t waiting_count;
	struct timer deadline; // earliest of those that wait
	uint64_t requests, refused;
};

void request_unlink(struct request *request);
void request_ready(struct request *request);
void request_hold(struct request *request);
void request_free(struct request *request);
