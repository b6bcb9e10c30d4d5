// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "http_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"
#include "control.h"
#include "endpoint.h"
#include "http_request.h"
#include "log.h"

#define BODY_MAX            ((size_t)1 << 20)
#define BODY_MAX_AGGREGATOR ((size_t)64 << 20)
#define BODY_SMALL          ((size_t)16 << 10)
#define BODIES_MAX          ((size_t)256 << 20) // all larger ones together
#define DESCRIPTORS_OTHER   256                 // files, sockets to peers
#define IDLE_TIMEOUT_S      60                  // of who reads an answer slowly
#define SWEEP_MS            500
#define CONNECTION_MEMORY   (16u << 10)
#define BACKLOG             1024

static struct http_connection *connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *information =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return information ? information->socket_context : NULL;
}

static void *begin(void *context, const char *target, struct MHD_Connection *connection)
{
	struct http_server *server = context;
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->server = server;
	request->control = server->control;
	request->connection = connection;
	request->open = connection_of(connection);
	request->target = strdup(target);
	return request;
}

static void completed(void *context, struct MHD_Connection *connection, void **pointer,
	enum MHD_RequestTerminationCode code)
{
	struct http_server *server = context;
	struct http_connection *open = connection_of(connection);

	if (*pointer)
		request_free(*pointer);
	*pointer = NULL;
	if (open)
		http_connection_again(server->connections, open);
}

static void connection_changed(void *context, struct MHD_Connection *connection,
	void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = context;
	const union MHD_ConnectionInfo *address, *descriptor;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*socket_context)
			http_connections_remove(server->connections, *socket_context);
		return;
	}
	address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	descriptor = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*socket_context = http_connections_add(
		server->connections, address->client_addr, descriptor->connect_fd);
	if (!*socket_context) // nobody could watch it
		shutdown(descriptor->connect_fd, SHUT_RDWR);
}

static enum MHD_Result admit(void *context, const struct sockaddr *address, socklen_t length)
{
	struct http_server *server = context;

	return http_connections_admit(server->connections, address) ? MHD_YES : MHD_NO;
}

static void sweep(void *context)
{
	struct http_server *server = context;

	http_connections_sweep(server->connections);
	timer_set(&server->control->timers, &server->sweep, clock_monotonic_ms() + SWEEP_MS);
}

// The larger limit goes by who the caller says it is: a lie costs memory until the signature is
// checked, which is why all bodies together are limited as well.
static size_t body_limit(const struct request *request)
{
	const char *hex =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Weir-Identity");
	struct weir_identity identity;

	if (hex && !weir_hex_decode(hex, identity.bytes, sizeof(identity.bytes)) &&
		control_peer(request->control, &identity))
		return BODY_MAX_AGGREGATOR;
	return BODY_MAX;
}

// Room for a body. Small ones, which clients' are, need no more than their connection. Larger ones share
// what there is, and none of it can be held by one address alone.
static bool grow_body(struct request *request, size_t capacity)
{
	struct http_server *server = request->server;
	size_t charge = capacity > BODY_SMALL ? capacity - request->charged : 0;
	char *grown;

	if (server->body_bytes + charge > BODIES_MAX ||
		!http_connection_charge(request->open, charge, BODIES_MAX / 2))
		return false;
	grown = realloc(request->body, capacity);
	if (!grown) {
		http_connection_discharge(request->open, charge);
		return false;
	}
	server->body_bytes += charge;
	request->charged += charge;
	request->body = grown;
	request->capacity = capacity;
	return true;
}

// What does not fit is read and forgotten, so that the caller gets to read why.
static void take_body(struct request *request, const char *bytes, size_t size)
{
	size_t need = request->length + size + 1;

	http_connection_received(request->open, size);
	if (request->too_large || request->no_memory)
		return;
	if (request->length + size > request->limit) {
		request->too_large = true;
		return;
	}
	if (need > request->capacity) {
		size_t capacity = need > 2 * request->capacity ? need : 2 * request->capacity;

		if (!grow_body(
			    request, capacity < request->limit ? capacity : request->limit + 1)) {
			request->no_memory = true;
			return;
		}
	}
	memcpy(request->body + request->length, bytes, size);
	request->length += size;
	request->body[request->length] = 0;
}

static void handle_first(struct request *request)
{
	if (request->too_large)
		request_error(request, 413, "too_large", "the body is larger than %zu bytes",
			request->limit);
	else if (request->no_memory || !request->target)
		request_error(request, 503, "busy", "too many large requests at once; try again");
	else
		api_dispatch(request);
}

static enum MHD_Result queue_response(struct request *request)
{
	enum MHD_Result result;

	if (!request->response)
		return MHD_NO; // out of memory: the connection is closed
	if (request->control->failure) {
		// What it tells of may not have been written: who asks again later gets the truth.
		MHD_destroy_response(request->response);
		request->response = NULL;
		return MHD_NO;
	}
	MHD_add_response_header(request->response, "Weir-Instance", request->control->instance);
	result = MHD_queue_response(request->connection, request->status, request->response);
	MHD_destroy_response(request->response);
	request->response = NULL;
	return result;
}

static void suspend(struct request *request)
{
	request->suspended = true;
	MHD_suspend_connection(request->connection);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *bytes, size_t *size, void **pointer)
{
	struct request *request = *pointer;

	if (!request || !request->open)
		return MHD_NO;
	if (!request->began) {
		request->began = true;
		request->method = method;
		request->limit = body_limit(request);
		return MHD_YES;
	}
	if (*size) {
		take_body(request, bytes, *size);
		*size = 0;
		return MHD_YES;
	}
	if (request->suspended) // resumed: the answer is there
		return queue_response(request);
	http_connection_whole(request->server->connections, request->open);
	handle_first(request);
	if (request->link) { // it waits
		suspend(request);
		return MHD_YES;
	}
	if (request->control->dirty && request->response) {
		request_hold(request);
		suspend(request);
		return MHD_YES;
	}
	return queue_response(request);
}

static void wake_overdue(void *context)
{
	struct http_server *server = context;
	uint64_t now = clock_monotonic_ms(), next = UINT64_MAX;
	struct request *following;

	for (struct request *request = server->waiting; request; request = following) {
		following = request->next_waiting;
		if (request->deadline_ms <= now)
			request_ready(request);
		else if (request->deadline_ms < next)
			next = request->deadline_ms;
	}
	if (next != UINT64_MAX)
		timer_set(&server->control->timers, &server->deadline, next);
}

// As many as the config says, where there are descriptors for them.
static size_t connection_limit(size_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > wanted + DESCRIPTORS_OTHER)
		return wanted;
	return limit.rlim_cur > 2 * DESCRIPTORS_OTHER ? limit.rlim_cur - DESCRIPTORS_OTHER
						      : limit.rlim_cur / 2;
}

static int listen_on(const char *endpoint)
{
	struct sockaddr_storage address;
	socklen_t length;
	int one = 1, descriptor, error;

	if (weir_endpoint_parse(endpoint, &address, &length)) {
		errno = EINVAL;
		return -1;
	}
	descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0)
		return -1;
	setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(descriptor, (const struct sockaddr *)&address, length) ||
		listen(descriptor, BACKLOG)) {
		error = errno;
		close(descriptor);
		errno = error;
		return -1;
	}
	return descriptor;
}

static struct MHD_Daemon *start_daemon(struct http_server *server, int listener, size_t limit)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, admit, server, handle,
		server, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_URI_LOG_CALLBACK, begin,
		server, MHD_OPTION_NOTIFY_COMPLETED, completed, server,
		MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)limit, MHD_OPTION_CONNECTION_TIMEOUT,
		IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_END);
}

static struct http_server *new_server(struct control *control, size_t limit)
{
	const struct weir_control_config *config = &control->config->control;
	struct http_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->control = control;
	server->connections = http_connections_open(
		limit, config->connections_per_address, config->request_timeout_ms);
	if (!server->connections) {
		free(server);
		return NULL;
	}
	timer_init(&server->deadline, wake_overdue, server);
	timer_init(&server->sweep, sweep, server);
	return server;
}

struct http_server *http_server_open(struct control *control)
{
	const char *endpoint = control->config->control.listen;
	size_t limit = connection_limit(control->config->control.connections);
	struct http_server *server = new_server(control, limit);
	const union MHD_DaemonInfo *information;
	int listener = server ? listen_on(endpoint) : -1;

	if (!server) {
		log_line("cannot start the HTTP server: out of memory");
		return NULL;
	}
	if (listener < 0) {
		log_line("cannot listen on %s: %s; see control.listen in the config", endpoint,
			strerror(errno));
		goto no_listener;
	}
	server->daemon = start_daemon(server, listener, limit);
	information = server->daemon ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)
				     : NULL;
	if (!information) {
		log_line("cannot start the HTTP server on %s", endpoint);
		goto no_daemon;
	}
	server->descriptor = information->epoll_fd;
	sweep(server);
	return server;

no_daemon:
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	else
		close(listener);
no_listener:
	http_connections_close(server->connections);
	free(server);
	return NULL;
}

// Answers that waited for the commit; it has been made.
static void resume(struct request *request)
{
	request_unlink(request);
	MHD_resume_connection(request->connection);
	request->control->restless = true;
}

void http_server_answer(struct http_server *server)
{
	struct request *ready = server->ready;

	while (server->held)
		resume(server->held);
	// A list of its own: what is woken meanwhile is for the next turn.
	server->ready = NULL;
	if (ready)
		ready->link = &ready;
	while (ready) {
		struct request *request = ready;

		request_unlink(request);
		api_handle_again(request);
		if (request->link)
			continue; // it waits on
		if (server->control->dirty && !server->closing)
			request_hold(request);
		else
			resume(request);
	}
}

void http_server_close(struct http_server *server)
{
	if (!server)
		return;
	server->closing = true;
	while (server->waiting)
		request_ready(server->waiting);
	http_server_answer(server);
	while (server->held)
		resume(server->held);
	MHD_run(server->daemon);
	MHD_run(server->daemon);
	timer_stop(&server->control->timers, &server->deadline);
	timer_stop(&server->control->timers, &server->sweep);
	MHD_stop_daemon(server->daemon);
	http_connections_close(server->connections);
	free(server);
}

int http_server_descriptor(const struct http_server *server)
{
	return server->descriptor;
}

int http_server_timeout(const struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (MHD_get_timeout(server->daemon, &timeout) != MHD_YES)
		return -1;
	return timeout < 60000 ? (int)timeout : 60000;
}

void http_server_run(struct http_server *server)
{
	MHD_run(server->daemon);
}

void http_server_figures(const struct http_server *server, struct http_server_figures *figures)
{
	*figures = (struct http_server_figures){.requests = server->requests,
		.refused = server->refused,
		.waiting = server->waiting_count};
	http_connections_figures(server->connections, &figures->connections);
}
