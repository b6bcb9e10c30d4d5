// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "statistics.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "say.h"

#define SECOND_NS UINT64_C(1000000000)

static const struct {
	const char *name;
	double share;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};

#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

uint64_t statistics_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

void statistics_start(struct statistics *statistics, bool json)
{
	*statistics = (struct statistics){.json = json, .started_ns = statistics_now_ns()};
	statistics->said_ns = statistics->started_ns;
}

static double seconds(uint64_t from_ns, uint64_t to_ns)
{
	return (double)(to_ns - from_ns) / SECOND_NS;
}

static void print(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

static json_t *json_of(const struct tally *tally)
{
	const uint64_t *values = (const uint64_t *)tally;
	json_t *object = json_object();

	for (size_t i = 0; i < TALLY_COUNT; i++)
		json_object_set_new(object, tally_names[i], json_integer((json_int_t)values[i]));
	return object;
}

void statistics_tick(struct statistics *statistics, const struct tally *tally)
{
	uint64_t now = statistics_now_ns();
	double s = seconds(statistics->said_ns, now), at = seconds(statistics->started_ns, now);

	if (now - statistics->said_ns < SECOND_NS)
		return;
	struct tally since = tally_since(tally, &statistics->said);

	say("%.0f s: %.3f Mpps, %.2f Gbit/s, %.3fe9 elements/s, complete %" PRIu64
	    ", sealed %" PRIu64 ", answers %" PRIu64 ", tx full %" PRIu64 ", dropped %" PRIu64,
		at, (double)since.packets / s / 1e6, (double)since.bytes * 8 / s / 1e9,
		(double)since.elements / s / 1e9, tally->complete, tally->sealed, since.answers,
		since.tx_full, since.ring_full);
	if (statistics->json) {
		json_t *object = json_of(&since);
		json_object_set_new(object, "type", json_string("second"));
		json_object_set_new(object, "at", json_real(at));
		json_object_set_new(object, "seconds", json_real(s));
		print(object);
	}
	statistics->said = *tally;
	statistics->said_ns = now;
}

static json_t *json_of_latency(const struct latency *latency)
{
	json_t *object = json_object();

	json_object_set_new(object, "count", json_integer((json_int_t)latency->count));
	for (size_t i = 0; i < QUANTILES; i++)
		json_object_set_new(object, quantiles[i].name,
			json_real((double)latency_quantile(latency, quantiles[i].share) / 1e3));
	return object;
}

static void end_in_json(const struct outcome *outcome)
{
	const struct verdict *verdict = &outcome->verdict;
	double s = outcome->elapsed_s > 0 ? outcome->elapsed_s : outcome->run_s;
	json_t *object = json_of(&outcome->tally);

	json_object_set_new(object, "type", json_string("end"));
	json_object_set_new(object, "elapsed_s", json_real(outcome->elapsed_s));
	json_object_set_new(object, "run_s", json_real(outcome->run_s));
	json_object_set_new(object, "join_s", json_real(outcome->join_s));
	json_object_set_new(object, "last_share_to_aggregate_s", json_real(outcome->aggregate_s));
	json_object_set_new(object, "packets_per_s", json_real((double)outcome->tally.packets / s));
	json_object_set_new(object, "bits_per_s", json_real(8 * (double)outcome->tally.bytes / s));
	json_object_set_new(
		object, "elements_per_s", json_real((double)outcome->tally.elements / s));
	json_object_set_new(object, "request_to_grant_us", json_of_latency(&outcome->grant));
	json_object_set_new(object, "last_share_to_sealed_us", json_of_latency(&outcome->seal));
	json_object_set_new(object, "clients_in_sum", json_integer((json_int_t)verdict->clients));
	json_object_set_new(object, "weight_in_sum", json_integer((json_int_t)verdict->weight));
	json_object_set_new(object, "sha256", json_string(verdict->digest));
	json_object_set_new(
		object, "verified", verdict->compared ? json_boolean(verdict->equal) : json_null());
	json_object_set_new(object, "failed", json_boolean(outcome->failed));
	json_object_set_new(
		object, "reason", outcome->reason ? json_string(outcome->reason) : json_null());
	print(object);
}

static void latency_line(const char *name, const struct latency *latency)
{
	fprintf(stderr, "  %-22s", name);
	for (size_t i = 0; i < QUANTILES; i++)
		fprintf(stderr, " %s %.0f us", quantiles[i].name,
			(double)latency_quantile(latency, quantiles[i].share) / 1e3);
	fprintf(stderr, " (of %" PRIu64 ")\n", latency->count);
}

void statistics_end(const struct statistics *statistics, const struct outcome *outcome)
{
	const uint64_t *values = (const uint64_t *)&outcome->tally;
	const struct verdict *verdict = &outcome->verdict;
	double s = outcome->elapsed_s > 0 ? outcome->elapsed_s : outcome->run_s;

	for (size_t i = 0; i < TALLY_COUNT; i++)
		if (values[i] > 0)
			fprintf(stderr, "  %-14s %14" PRIu64 "  %s\n", tally_names[i], values[i],
				tally_texts[i]);
	fprintf(stderr, "  in %.6f s: %.3f Mpps, %.2f Gbit/s, %.3fe9 elements/s\n", s,
		(double)outcome->tally.packets / s / 1e6,
		(double)outcome->tally.bytes * 8 / s / 1e9,
		(double)outcome->tally.elements / s / 1e9);
	if (outcome->grant.count > 0)
		latency_line("request to grant", &outcome->grant);
	if (outcome->seal.count > 0)
		latency_line("last share to sealed", &outcome->seal);
	if (outcome->aggregate_s > 0)
		fprintf(stderr, "  from the last SHARE to the collected aggregate: %.3f s\n",
			outcome->aggregate_s);
	if (verdict->digest[0])
		fprintf(stderr, "  SHA-256 of the true sum of %" PRIu64 " clients: %s\n",
			verdict->clients, verdict->digest);
	if (statistics->json)
		end_in_json(outcome);
	if (outcome->reason)
		say("%s", outcome->reason);
	if (verdict->compared)
		say("%s", verdict->equal
				  ? "verified: the published sum is the true one, element by "
				    "element"
				  : "the published sum is NOT the true one");
}
