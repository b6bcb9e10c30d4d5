// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// An upload against an aggregator in a few lines, over a link that loses, and what it must never do.
#include <criterion/criterion.h>
#include <endian.h>
#include <string.h>

#include "chance.h"
#include "upload.h"

#define CHUNKS_MAX 5000
#define STEP       100 // ticks between two looks; a millisecond is 1000

static const struct upload_clock clock = {.per_ms = 1000};

struct rig {
	struct upload upload;
	uint64_t arrived[CHUNKS_MAX / 64 + 1], missing[CHUNKS_MAX / 64 + 1];
	uint8_t here[CHUNKS_MAX]; // at the aggregator
	uint32_t received, window, sent, most_in_a_row;
	uint8_t state; // of the client
	uint32_t refusals;
	uint64_t rate;
	uint64_t random, now;
	double loss;
	uint64_t seal_at;
};

static struct rig *new_rig(uint32_t chunks, uint32_t limit, uint32_t window, double loss)
{
	static struct rig rig;

	memset(&rig, 0, sizeof(rig));
	rig.window = window;
	rig.loss = loss;
	rig.random = 3;
	rig.state = WEIR_CLIENT_JOINED;
	rig.refusals = 3;
	rig.now = 1;
	upload_start(&rig.upload, chunks, limit, rig.arrived, rig.missing);
	return &rig;
}

static bool lost(struct rig *rig)
{
	return chance_of(&rig->random, rig->loss);
}

static void answer_request(struct rig *rig)
{
	struct weir_packet_grant grant = {.echo = htole32(rig->upload.counter)};

	if (rig->state == WEIR_CLIENT_JOINED && rig->refusals-- == 0)
		rig->state = WEIR_CLIENT_ADMITTED;
	grant.state = rig->state == WEIR_CLIENT_JOINED ? WEIR_CLIENT_REQUESTED : rig->state;
	grant.wait_ms = htole32(grant.state == WEIR_CLIENT_REQUESTED ? 2 : 0);
	grant.window = htole32(rig->window);
	grant.rate = htole64(rig->rate);
	if (!lost(rig))
		cr_assert(upload_grant(&rig->upload, &grant, rig->now, 1000, &clock));
	// The same once more is to no open question.
	cr_assert_not(upload_grant(&rig->upload, &grant, rig->now, 1000, &clock) && !lost(rig) &&
		      rig->loss == 0);
}

static void answer_query(struct rig *rig)
{
	struct weir_packet_state state = {
		.echo = htole32(rig->upload.counter),
		.first = htole32(rig->upload.first),
		.received = htole32(rig->received),
		.window = htole32(rig->window),
		.rate = htole64(rig->rate),
	};

	cr_assert_eq(rig->upload.first % 64, 0);
	cr_assert_lt(rig->upload.first, rig->upload.chunk_count);
	if (rig->state == WEIR_CLIENT_COMPLETE && rig->now >= rig->seal_at)
		rig->state = WEIR_CLIENT_SEALED;
	state.state = rig->state;
	for (uint32_t i = 0; i < WEIR_STATE_BITMAP_CHUNKS; i++)
		if (rig->upload.first + i < rig->upload.chunk_count &&
			rig->here[rig->upload.first + i])
			state.bitmap[i / 8] |= (uint8_t)(1 << (i % 8));
	if (!lost(rig))
		cr_assert(upload_state(&rig->upload, &state, rig->now, 1000, &clock));
}

static void take_share(struct rig *rig, uint32_t chunk)
{
	rig->sent++;
	cr_assert_lt(chunk, rig->upload.chunk_count);
	cr_assert_eq(rig->state, WEIR_CLIENT_ADMITTED, "a SHARE in state %u", rig->state);
	cr_assert_leq(rig->upload.unreported, rig->window);
	if (lost(rig) || rig->here[chunk])
		return;
	rig->here[chunk] = 1;
	if (++rig->received == rig->upload.chunk_count) {
		rig->state = WEIR_CLIENT_COMPLETE;
		rig->seal_at = rig->now + 5000;
	}
}

static void turn(struct rig *rig)
{
	struct upload *upload = &rig->upload;

	for (uint32_t i = 0; i < 8; i++) {
		if (rig->state == WEIR_CLIENT_COMPLETE || rig->state == WEIR_CLIENT_SEALED)
			break; // it does not know yet that it is done
		uint32_t chunk = upload_next_chunk(upload, rig->now);
		if (chunk == UPLOAD_NO_CHUNK)
			break;
		if (rig->state != WEIR_CLIENT_ABORTED)
			take_share(rig, chunk);
	}
	enum upload_question question = upload_due(upload, rig->now);
	if (question != UPLOAD_NO_QUESTION) {
		upload_ask(upload, question, rig->now, &clock);
		cr_assert_gt(upload->wake, rig->now);
		if (!lost(rig))
			question == UPLOAD_REQUEST ? answer_request(rig) : answer_query(rig);
	}
	rig->now += STEP;
}

static void run(struct rig *rig)
{
	for (uint32_t i = 0; i < 2000000 && !upload_has_ended(&rig->upload); i++)
		turn(rig);
	cr_assert(upload_has_ended(&rig->upload), "stuck in phase %u with %u of %u",
		rig->upload.phase, rig->received, rig->upload.chunk_count);
}

Test(upload, sends_each_chunk_once_over_a_good_link)
{
	static const uint32_t counts[] = {1, 2, 63, 64, 65, 285, 1023, 1024, 1025, 5000};
	static const uint32_t windows[] = {1, 2, 64, 256, 4096};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (size_t j = 0; j < sizeof(windows) / sizeof(windows[0]); j++) {
			struct rig *rig = new_rig(counts[i], counts[i], windows[j], 0);
			run(rig);
			cr_expect_eq(rig->upload.phase, UPLOAD_SEALED);
			cr_expect_eq(rig->received, counts[i]);
			cr_expect_eq(rig->sent, counts[i], "%u chunks, window %u: %u sent",
				counts[i], windows[j], rig->sent);
		}
	}
}

Test(upload, gets_everything_through_a_bad_link)
{
	static const double losses[] = {0.01, 0.1, 0.5};

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct rig *rig = new_rig(1500, 1500, 256, losses[i]);
		run(rig);
		cr_expect_eq(rig->upload.phase, UPLOAD_SEALED);
		double sent = (double)rig->sent / 1500;
		cr_expect_lt(sent, 1.2 / (1 - losses[i]), "%.2f times", sent);
	}
}

Test(upload, stops_where_it_is_to_be_abandoned)
{
	for (uint32_t limit = 0; limit < 100; limit += 9) {
		struct rig *rig = new_rig(100, limit, 16, 0);
		run(rig);
		cr_expect_eq(rig->upload.phase, UPLOAD_ABANDONED);
		cr_expect_eq(rig->sent, limit);
	}
}

Test(upload, takes_an_abort)
{
	struct rig *rig = new_rig(100, 100, 16, 0);

	for (int i = 0; i < 100 && rig->received < 20; i++)
		turn(rig);
	rig->state = WEIR_CLIENT_ABORTED;
	run(rig);
	cr_expect_eq(rig->upload.phase, UPLOAD_ABORTED);
}

Test(upload, keeps_the_granted_rate)
{
	struct rig *rig = new_rig(1000, 1000, 256, 0);

	rig->rate = 1000000; // datagrams of 1000 bytes: one a millisecond
	rig->refusals = 0;
	run(rig);
	cr_expect_geq(rig->now, 980 * clock.per_ms);
	cr_expect_leq(rig->now, 1300 * clock.per_ms);
}

Test(upload, asks_again_when_told_to_or_sooner)
{
	struct rig *rig = new_rig(10, 10, 16, 0);
	const struct upload_clock hasty = {.per_ms = 1000, .ask_again_ms = 1};
	struct weir_packet_grant grant = {.state = WEIR_CLIENT_REQUESTED, .wait_ms = htole32(20)};

	cr_assert_eq(upload_due(&rig->upload, 1), UPLOAD_REQUEST);
	upload_ask(&rig->upload, UPLOAD_REQUEST, 1, &clock);
	cr_expect_eq(upload_due(&rig->upload, 2), UPLOAD_NO_QUESTION);
	grant.echo = htole32(rig->upload.counter);
	cr_assert(upload_grant(&rig->upload, &grant, 10, 1000, &clock));
	cr_expect_eq(upload_due(&rig->upload, 10 + 19999), UPLOAD_NO_QUESTION);
	cr_expect_eq(upload_due(&rig->upload, 10 + 20000), UPLOAD_REQUEST);
	upload_ask(&rig->upload, UPLOAD_REQUEST, 20010, &hasty);
	grant.echo = htole32(rig->upload.counter);
	cr_assert(upload_grant(&rig->upload, &grant, 20010, 1000, &hasty));
	cr_expect_eq(upload_due(&rig->upload, 21010), UPLOAD_REQUEST);
}

Test(upload, blind_sends_all_and_asks_nothing)
{
	struct rig *rig = new_rig(3000, 3000, 16, 0);
	uint32_t chunk, n = 0;

	upload_start_blind(&rig->upload, 3000, rig->arrived, rig->missing);
	while ((chunk = upload_next_chunk(&rig->upload, 5)) != UPLOAD_NO_CHUNK) {
		cr_assert_eq(chunk, n++);
		cr_assert_eq(upload_due(&rig->upload, 5), UPLOAD_NO_QUESTION);
	}
	cr_expect_eq(n, 3000);
	cr_expect_eq(rig->upload.phase, UPLOAD_ABANDONED);
}
