// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sender.h"
#include "sharing.h"
#include "udp_aggregator.h"

#define M 2

// One upload: the tests change what they need, and run it.
struct scene {
	struct udp_aggregator aggregators[M];
	struct weir_sender_peer peers[M];
	struct weir_sender_setup setup;
	uint64_t *shares[M];
	struct weir_sender *sender;
	atomic_bool cancelled;
	char message[WEIR_CLIENT_TEXT_SIZE];
};

static struct scene *scene_make(uint64_t dimension, uint32_t chunk_elements)
{
	struct scene *scene = aligned_alloc(64, (sizeof(*scene) + 63) / 64 * 64);
	memset(scene, 0, sizeof(*scene));
	scene->setup = (struct weir_sender_setup){
		.peers = scene->peers,
		.peer_count = M,
		.client = 77,
		.modulus = WEIR_MODULUS_M61,
		.dimension = dimension,
		.chunk_elements = chunk_elements,
		.share_nonce = 0xfeedface,
		.patience_ms = 20000,
		.cancelled = &scene->cancelled,
	};
	for (size_t i = 0; i < M; i++) {
		struct udp_aggregator *aggregator = &scene->aggregators[i];
		aggregator->event = (uint32_t)(100 + i);
		aggregator->client = 77;
		memset(aggregator->keys.to_aggregator, (int)(2 * i + 1), WEIR_PACKET_KEY_SIZE);
		memset(aggregator->keys.to_client, (int)(2 * i + 2), WEIR_PACKET_KEY_SIZE);
		aggregator->modulus = WEIR_MODULUS_M61;
		aggregator->dimension = dimension;
		aggregator->chunk_elements = chunk_elements;
		aggregator->window = 256;
		aggregator->seed = 99 + i;
		scene->shares[i] = malloc(dimension * sizeof(uint64_t));
		cr_assert_eq(weir_uniform_vector(WEIR_MODULUS_M61, scene->shares[i], dimension), 0);
	}
	return scene;
}

static void scene_start(struct scene *scene)
{
	for (size_t i = 0; i < M; i++) {
		struct udp_aggregator *aggregator = &scene->aggregators[i];
		udp_aggregator_start(aggregator);
		scene->peers[i] = (struct weir_sender_peer){
			.name = i == 0 ? "first" : "second",
			.address = aggregator->address,
			.address_length = aggregator->address_length,
			.event = aggregator->event,
			.keys = aggregator->keys,
			.share = scene->shares[i],
		};
	}
	scene->sender = weir_sender_new(&scene->setup, scene->message);
	cr_assert_neq(scene->sender, NULL, "%s", scene->message);
}

static void scene_stop(struct scene *scene)
{
	for (size_t i = 0; i < M; i++)
		udp_aggregator_stop(&scene->aggregators[i]);
}

static void scene_free(struct scene *scene)
{
	weir_sender_free(scene->sender);
	for (size_t i = 0; i < M; i++) {
		udp_aggregator_free(&scene->aggregators[i]);
		free(scene->shares[i]);
	}
	free(scene);
}

static void expect_everything(const struct scene *scene)
{
	for (size_t i = 0; i < M; i++) {
		const struct udp_aggregator *aggregator = &scene->aggregators[i];
		cr_assert_eq(aggregator->state, WEIR_CLIENT_COMPLETE);
		cr_assert_eq(aggregator->bad, 0, "%lu bad datagrams", aggregator->bad);
		size_t from = (size_t)aggregator->held * aggregator->chunk_elements;
		cr_assert_arr_eq((const uint64_t *)aggregator->slot + from, scene->shares[i] + from,
			(aggregator->dimension - from) * sizeof(uint64_t));
	}
}

// Runs to the end and checks that every share is whole.
static struct weir_sender_counts upload(struct scene *scene)
{
	scene_start(scene);
	int error = weir_sender_run(scene->sender, scene->message);
	cr_assert_eq(error, 0, "%s", scene->message);
	scene_stop(scene);
	expect_everything(scene);
	return weir_sender_counts(scene->sender);
}

Test(sender, sends_each_chunk_once_over_a_good_path)
{
	struct scene *scene = scene_make(16 * 5000 + 3, 16);
	for (size_t i = 0; i < M; i++)
		scene->aggregators[i].waits = 3;
	struct weir_sender_counts counts = upload(scene);
	cr_assert_eq(counts.shares, M * 5001 + counts.resent);
	cr_assert_lt(counts.resent, 500, "%lu resent", counts.resent);
	cr_assert_eq(counts.ignored, 0);
	for (size_t i = 0; i < M; i++)
		cr_assert_leq(scene->aggregators[i].most_unreported, 256 + 64);
	scene_free(scene);
}

Test(sender, sends_vectors_of_one_element_and_of_exact_chunks)
{
	static const uint64_t dimensions[] = {1, 16, 17, 1024 * 16, 1024 * 16 + 1};
	for (size_t i = 0; i < sizeof(dimensions) / sizeof(dimensions[0]); i++) {
		struct scene *scene = scene_make(dimensions[i], 16);
		upload(scene);
		scene_free(scene);
	}
}

Test(sender, works_over_ipv6)
{
	struct scene *scene = scene_make(16 * 300, 16);
	scene->aggregators[1].is_ipv6 = true;
	int probe = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 loopback = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	if (bind(probe, (struct sockaddr *)&loopback, sizeof(loopback)) != 0)
		scene->aggregators[1].is_ipv6 = false; // a machine without it
	close(probe);
	upload(scene);
	scene_free(scene);
}

Test(sender, finishes_over_bad_paths)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct scene *scene = scene_make(16 * 1500 + 5, 16);
		for (size_t i = 0; i < M; i++) {
			scene->aggregators[i].loss = 10;
			scene->aggregators[i].duplicates = 5;
			scene->aggregators[i].reordered = 10;
			scene->aggregators[i].seed = seed * 1000 + i;
		}
		struct weir_sender_counts counts = upload(scene);
		cr_assert_gt(counts.resent, 0);
		scene_free(scene);
	}
}

Test(sender, finishes_when_half_is_lost)
{
	struct scene *scene = scene_make(16 * 200, 16);
	for (size_t i = 0; i < M; i++)
		scene->aggregators[i].loss = 50;
	upload(scene);
	scene_free(scene);
}

Test(sender, is_not_impressed_by_forged_answers)
{
	struct scene *scene = scene_make(16 * 400, 16);
	scene->aggregators[0].misbehaviour = FORGE_ANSWERS;
	scene->aggregators[1].misbehaviour = WRONG_ECHO;
	struct weir_sender_counts counts = upload(scene);
	cr_assert_gt(counts.ignored, 100);
	scene_free(scene);
}

Test(sender, takes_nothing_but_forgeries_for_silence)
{
	struct scene *scene = scene_make(16 * 40, 16);
	scene->aggregators[1].misbehaviour = ONLY_FORGED;
	scene->setup.patience_ms = 600;
	scene_start(scene);
	cr_assert_eq(
		weir_sender_run(scene->sender, scene->message), -ETIMEDOUT, "%s", scene->message);
	cr_assert_neq(strstr(scene->message, "second: no answer"), NULL, "%s", scene->message);
	scene_stop(scene);
	cr_assert_eq(scene->aggregators[1].received, 0);
	scene_free(scene);
}

Test(sender, gives_up_on_silence_and_can_go_on)
{
	struct scene *scene = scene_make(16 * 40, 16);
	scene->aggregators[0].misbehaviour = SILENT;
	scene->setup.patience_ms = 300;
	scene_start(scene);
	cr_assert_eq(weir_sender_run(scene->sender, scene->message), -ETIMEDOUT);
	cr_assert_neq(strstr(scene->message, "first: no answer"), NULL);
	scene->aggregators[0].misbehaviour = BEHAVE;
	int error;
	for (int i = 0; i < 20; i++)
		if ((error = weir_sender_run(scene->sender, scene->message)) == 0)
			break;
	cr_assert_eq(error, 0, "%s", scene->message);
	scene_stop(scene);
	expect_everything(scene);
	scene_free(scene);
}

Test(sender, stops_when_it_is_aborted)
{
	struct scene *scene = scene_make(16 * 2000, 16);
	scene->aggregators[1].misbehaviour = ABORT_HALFWAY;
	scene_start(scene);
	cr_assert_eq(weir_sender_run(scene->sender, scene->message), -ECONNABORTED);
	cr_assert_neq(strstr(scene->message, "second"), NULL);
	scene_stop(scene);
	scene_free(scene);
}

Test(sender, starts_over_when_the_slot_is_lost)
{
	struct scene *scene = scene_make(16 * 3000, 16);
	scene->aggregators[0].misbehaviour = LOSE_THE_SLOT;
	upload(scene);
	scene_free(scene);
}

Test(sender, resends_what_was_there_and_is_gone)
{
	struct scene *scene = scene_make(16 * 2500, 16);
	scene->aggregators[0].misbehaviour = LOSE_CHUNKS;
	upload(scene);
	scene_free(scene);
}

Test(sender, sends_only_what_is_missing_after_a_restart)
{
	struct scene *scene = scene_make(16 * 3000, 16);
	scene->aggregators[0].held = 2900;
	scene->aggregators[1].held = 1;
	struct weir_sender_counts counts = upload(scene);
	cr_assert_lt(counts.shares, 100 + 3000 + 400);
	cr_assert_geq(counts.shares, 100 + 2999);
	scene_free(scene);
}

Test(sender, keeps_to_a_small_window)
{
	struct scene *scene = scene_make(16 * 600, 16);
	for (size_t i = 0; i < M; i++)
		scene->aggregators[i].window = 4;
	upload(scene);
	for (size_t i = 0; i < M; i++)
		cr_assert_leq(scene->aggregators[i].most_unreported, 4);
	scene_free(scene);
}

Test(sender, keeps_to_the_rate)
{
	struct scene *scene = scene_make(16 * 1000, 16);
	struct timespec start, end;
	size_t datagram = WEIR_PACKET_OVERHEAD + 16 * 8;
	scene->aggregators[0].rate = 1000 * datagram * 2; // half a second for its share
	clock_gettime(CLOCK_MONOTONIC, &start);
	upload(scene);
	clock_gettime(CLOCK_MONOTONIC, &end);
	double seconds =
		(double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	cr_assert_gt(seconds, 0.42, "%.3f s", seconds);
	cr_assert_lt(seconds, 5.0, "%.3f s", seconds);
	scene_free(scene);
}

Test(sender, asks_again_when_in_doubt)
{
	struct scene *scene = scene_make(16 * 100, 16);
	scene_start(scene);
	cr_assert_eq(weir_sender_run(scene->sender, scene->message), 0, "%s", scene->message);
	uint64_t before = weir_sender_counts(scene->sender).messages;
	weir_sender_doubt(scene->sender);
	cr_assert_eq(weir_sender_run(scene->sender, scene->message), 0);
	cr_assert_geq(weir_sender_counts(scene->sender).messages, before + M);
	cr_assert_eq(weir_sender_counts(scene->sender).resent, 0);
	scene_stop(scene);
	scene_free(scene);
}

// A batch that was rolled back, or a dataplane that lost its memory, after all was complete: the slot is
// there still, or asked for again. The aggregator here compares the bytes with those it had first.
Test(sender, goes_back_to_sending_when_a_complete_share_was_lost)
{
	struct scene *scene = scene_make(16 * 1200, 16);
	scene_start(scene);
	cr_assert_eq(weir_sender_run(scene->sender, scene->message), 0, "%s", scene->message);
	for (int round = 0; round < 3; round++) {
		udp_aggregator_lose(&scene->aggregators[round % M], 400 * (uint32_t)round,
			round == 1 ? WEIR_CLIENT_JOINED : WEIR_CLIENT_ADMITTED);
		weir_sender_doubt(scene->sender);
		cr_assert_eq(
			weir_sender_run(scene->sender, scene->message), 0, "%s", scene->message);
		cr_assert_eq(weir_sender_received(scene->sender), M * 1200);
	}
	scene_stop(scene);
	expect_everything(scene);
	for (size_t i = 0; i < M; i++)
		cr_assert_geq(scene->aggregators[i].shares, 2000);
	scene_free(scene);
}

Test(sender, says_that_there_is_no_slot)
{
	struct scene *scene = scene_make(16 * 40, 16);
	scene->aggregators[1].waits = UINT32_MAX;
	scene->setup.patience_ms = 300;
	scene_start(scene);
	cr_assert_eq(weir_sender_run(scene->sender, scene->message), -EAGAIN);
	cr_assert_neq(strstr(scene->message, "second has no slot"), NULL, "%s", scene->message);
	cr_assert_eq(weir_sender_received(scene->sender), 40);
	udp_aggregator_grant(&scene->aggregators[1]);
	int error;
	for (int i = 0; i < 20; i++)
		if ((error = weir_sender_run(scene->sender, scene->message)) == 0)
			break;
	cr_assert_eq(error, 0, "%s", scene->message);
	scene_stop(scene);
	expect_everything(scene);
	scene_free(scene);
}

Test(sender, can_be_cancelled)
{
	struct scene *scene = scene_make(16 * 40, 16);
	atomic_store(&scene->cancelled, true);
	scene_start(scene);
	cr_assert_eq(weir_sender_run(scene->sender, scene->message), -ECANCELED);
	scene_stop(scene);
	scene_free(scene);
}

Test(sender, refuses_chunks_that_no_path_carries)
{
	struct scene *scene = scene_make(20000, 16384);
	for (size_t i = 0; i < M; i++) {
		struct sockaddr_in *address = (void *)&scene->peers[i].address;
		address->sin_family = AF_INET;
		scene->peers[i].name = "it";
		scene->peers[i].address_length = sizeof(*address);
		scene->peers[i].share = scene->shares[i];
	}
	cr_assert_eq(weir_sender_new(&scene->setup, scene->message), NULL);
	cr_assert_eq(errno, EMSGSIZE);
	for (size_t i = 0; i < M; i++)
		free(scene->shares[i]);
	free(scene);
}
