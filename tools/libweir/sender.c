// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "lane.h"
#include "random.h"

#define SLICE_US    100000 // how soon a cancellation is seen at the latest
#define PROGRESS_US 100000

struct weir_sender {
	struct weir_sender_setup setup;
	struct weir_aead *aead;
	struct weir_lane lanes[WEIR_AGGREGATORS_MAX];
	size_t lane_count;
	uint64_t reported_us, reported_bytes;
	double rate;
	uint64_t moved_us, moved_received; // when more had arrived, and how much
};

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct weir_sender *weir_sender_new(const struct weir_sender_setup *setup, char *message)
{
	int error = 0;
	if (setup->peer_count > WEIR_AGGREGATORS_MAX) {
		errno = EINVAL;
		weir_text_fail(message, 0, "%zu aggregators are too many", setup->peer_count);
		return NULL;
	}
	struct weir_sender *sender = aligned_alloc(64, (sizeof(*sender) + 63) / 64 * 64);
	if (sender == NULL) {
		weir_text_fail(message, 0, "out of memory");
		return NULL;
	}
	memset(sender, 0, sizeof(*sender));
	sender->setup = *setup;
	sender->setup.peers = NULL; // read once, here
	sender->aead = weir_aead_new();
	if (sender->aead == NULL) {
		error = errno;
		weir_text_fail(message, 0, "AES-GCM: %s", strerror(error));
	}
	for (size_t i = 0; i < setup->peer_count && error == 0; i++) {
		error = -weir_lane_open(&sender->lanes[i], sender->aead, setup, &setup->peers[i]);
		if (error == 0)
			sender->lane_count++;
		else
			weir_text_fail(message, 0, "%s: cannot open a socket to it: %s",
				setup->peers[i].name, strerror(error));
	}
	if (error == 0)
		return sender;
	weir_sender_free(sender);
	errno = error;
	return NULL;
}

void weir_sender_free(struct weir_sender *sender)
{
	if (sender == NULL)
		return;
	for (size_t i = 0; i < sender->lane_count; i++)
		weir_lane_close(&sender->lanes[i]);
	weir_aead_free(sender->aead);
	free(sender);
}

void weir_sender_doubt(struct weir_sender *sender)
{
	for (size_t i = 0; i < sender->lane_count; i++)
		weir_lane_doubt(&sender->lanes[i]);
}

static uint64_t received_by(const struct weir_lane *lane)
{
	return lane->phase == WEIR_LANE_DONE ? lane->chunk_count : lane->received_count;
}

uint64_t weir_sender_received(const struct weir_sender *sender)
{
	uint64_t received = 0;
	for (size_t i = 0; i < sender->lane_count; i++)
		received += received_by(&sender->lanes[i]);
	return received;
}

struct weir_sender_counts weir_sender_counts(const struct weir_sender *sender)
{
	struct weir_sender_counts all = {0};
	for (size_t i = 0; i < sender->lane_count; i++) {
		all.shares += sender->lanes[i].counts.shares;
		all.resent += sender->lanes[i].counts.resent;
		all.messages += sender->lanes[i].counts.messages;
		all.answers += sender->lanes[i].counts.answers;
		all.ignored += sender->lanes[i].counts.ignored;
	}
	return all;
}

static void report(struct weir_sender *sender, uint64_t now, bool at_once)
{
	if (sender->setup.progress == NULL || (!at_once && now - sender->reported_us < PROGRESS_US))
		return;
	uint64_t chunks = 0, bytes = 0;
	bool waiting = true;
	for (size_t i = 0; i < sender->lane_count; i++) {
		const struct weir_lane *lane = &sender->lanes[i];
		bool done = lane->phase == WEIR_LANE_DONE;
		chunks += lane->chunk_count;
		bytes += lane->counts.shares * lane->datagram_size;
		waiting &= !done && lane->phase == WEIR_LANE_REQUEST;
	}
	if (sender->reported_us != 0 && now > sender->reported_us) {
		double rate = (double)(bytes - sender->reported_bytes) * 1e6 /
			      (double)(now - sender->reported_us);
		sender->rate = sender->rate == 0 ? rate : 0.7 * sender->rate + 0.3 * rate;
	}
	sender->reported_us = now;
	sender->reported_bytes = bytes;
	sender->setup.progress(
		sender->setup.opaque, weir_sender_received(sender), chunks, waiting, sender->rate);
}

static int silence(const struct weir_lane *lane, char *message)
{
	char forged[80] = "";
	if (lane->counts.ignored > 0)
		snprintf(forged, sizeof(forged),
			"; %" PRIu64 " datagrams that it did not send were ignored",
			lane->counts.ignored);
	return weir_text_fail(message, -ETIMEDOUT, "%s: no answer from its dataplane%s%s%s",
		lane->name, lane->last_error == 0 ? "" : ": ",
		lane->last_error == 0 ? "" : strerror(lane->last_error), forged);
}

// How all the lanes stand: 0 done, 1 not yet, or -errno.
static int verdict(struct weir_sender *sender, uint64_t now, char *message)
{
	int result = 0;
	for (size_t i = 0; i < sender->lane_count; i++) {
		const struct weir_lane *lane = &sender->lanes[i];
		if (lane->phase == WEIR_LANE_ABORTED)
			return weir_text_fail(message, -ECONNABORTED,
				"%s: this client was aborted there", lane->name);
		if (lane->phase == WEIR_LANE_DONE)
			continue;
		result = 1;
		if (lane->heard_us != 0 && now - lane->heard_us > sender->setup.patience_ms * 1000)
			return silence(lane, message);
	}
	return result;
}

// The same for what all of them answer: 1 goes on, or -EAGAIN.
static int standstill(struct weir_sender *sender, uint64_t now, char *message)
{
	uint64_t received = weir_sender_received(sender);
	if (sender->moved_us == 0 || received != sender->moved_received) {
		sender->moved_us = now;
		sender->moved_received = received;
	}
	if (now - sender->moved_us <= sender->setup.patience_ms * 1000)
		return 1;
	for (size_t i = 0; i < sender->lane_count; i++)
		if (sender->lanes[i].phase == WEIR_LANE_REQUEST)
			return weir_text_fail(message, -EAGAIN,
				"%s has no slot for this client yet", sender->lanes[i].name);
	return weir_text_fail(message, -EAGAIN,
		"every aggregator answers, but no share arrives: do datagrams of %zu bytes fit the "
		"path?",
		sender->lanes[0].datagram_size);
}

static int send_all(struct weir_sender *sender, uint64_t now, uint64_t *next, char *message)
{
	for (size_t i = 0; i < sender->lane_count; i++) {
		struct weir_lane *lane = &sender->lanes[i];
		int error = weir_lane_send(lane, sender->aead, now, next);
		if (error == -EMSGSIZE)
			return weir_text_fail(message, error,
				"%s: datagrams of %zu bytes do not fit the path's MTU; the event "
				"needs smaller chunk_elements",
				lane->name, lane->datagram_size);
		if (error != 0)
			return weir_text_fail(message, error, "%s: cannot send: %s", lane->name,
				strerror(-error));
	}
	return 0;
}

static void wait_and_receive(struct weir_sender *sender, uint64_t now, uint64_t next)
{
	struct pollfd waits[WEIR_AGGREGATORS_MAX];
	uint64_t pause = next > now ? next - now : 0;
	struct timespec timeout = {
		.tv_sec = (time_t)(pause / 1000000), .tv_nsec = (long)(pause % 1000000) * 1000};
	for (size_t i = 0; i < sender->lane_count; i++)
		waits[i] = (struct pollfd){.fd = sender->lanes[i].socket, .events = POLLIN};
	if (ppoll(waits, sender->lane_count, &timeout, NULL) <= 0)
		return;
	now = now_us();
	for (size_t i = 0; i < sender->lane_count; i++)
		if (waits[i].revents != 0)
			weir_lane_receive(&sender->lanes[i], sender->aead, now);
}

int weir_sender_run(struct weir_sender *sender, char *message)
{
	sender->moved_us = 0; // patience starts now
	for (size_t i = 0; i < sender->lane_count; i++)
		sender->lanes[i].heard_us = 0;
	for (;;) {
		uint64_t now = now_us(), next = now + SLICE_US;
		if (atomic_load_explicit(sender->setup.cancelled, memory_order_relaxed))
			return weir_text_fail(message, -ECANCELED, "interrupted");
		int result = verdict(sender, now, message);
		report(sender, now, result == 0);
		if (result <= 0 || (result = standstill(sender, now, message)) < 0)
			return result;
		result = send_all(sender, now, &next, message);
		if (result != 0)
			return result;
		wait_and_receive(sender, now, next);
	}
}
