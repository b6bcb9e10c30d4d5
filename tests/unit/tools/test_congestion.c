// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include "congestion.h"

#define GRANTED 256
#define BASE_US 100000

// One flow and its clock.
struct flow {
	struct weir_congestion congestion;
	uint64_t now_us, sequence, asked;
};

static struct flow flow_make(void)
{
	struct flow flow = {.now_us = 1000000, .sequence = 1};
	weir_congestion_init(&flow.congestion);
	weir_congestion_rtt(&flow.congestion, flow.now_us, BASE_US);
	weir_congestion_answer(&flow.congestion, 0, 0, 0, flow.sequence, GRANTED);
	return flow;
}

// A round trip: the window was sent, and of it so many were lost.
static void turn(struct flow *flow, uint64_t rtt_us, uint32_t lost, bool is_full)
{
	uint32_t sent = (uint32_t)flow->congestion.window;
	flow->now_us += rtt_us;
	flow->sequence += sent;
	flow->congestion.was_full |= is_full;
	weir_congestion_rtt(&flow->congestion, flow->now_us, rtt_us);
	weir_congestion_answer(
		&flow->congestion, sent - lost, lost, flow->sequence, flow->sequence, GRANTED);
}

Test(congestion, grows_to_what_is_granted_while_no_queue_stands)
{
	struct flow flow = flow_make();
	for (int i = 0; i < 10; i++)
		turn(&flow, BASE_US + 500, 0, true);
	cr_assert_eq(flow.congestion.window, GRANTED);
}

Test(congestion, does_not_grow_when_something_else_holds_it_back)
{
	struct flow flow = flow_make();
	double start = flow.congestion.window;
	for (int i = 0; i < 50; i++)
		turn(&flow, BASE_US, 0, false);
	cr_assert_eq(flow.congestion.window, start);
}

Test(congestion, stops_its_start_and_shrinks_while_a_queue_stands)
{
	struct flow flow = flow_make();
	turn(&flow, BASE_US, 0, true);
	double before = flow.congestion.window;
	turn(&flow, 2 * BASE_US, 0, true);
	cr_assert(!flow.congestion.is_starting);
	cr_assert_lt(flow.congestion.window, before);
	for (int i = 0; i < 45; i++) { // then a path's own round trip is forgotten
		before = flow.congestion.window;
		turn(&flow, 2 * BASE_US, 0, true);
		cr_assert_leq(flow.congestion.window, before);
	}
	cr_assert_leq(flow.congestion.window, 16.0, "%.1f", flow.congestion.window);
}

Test(congestion, takes_losses_for_the_link_where_no_queue_stands)
{
	struct flow flow = flow_make();
	for (int i = 0; i < 30; i++)
		turn(&flow, BASE_US + 500, (uint32_t)(flow.congestion.window * 0.2), true);
	cr_assert_eq(flow.congestion.window, GRANTED);
	for (int i = 0; i < 30; i++)
		turn(&flow, BASE_US + 500, (uint32_t)(flow.congestion.window * 0.6), true);
	cr_assert_eq(flow.congestion.window, 16.0);
}

// A queue too short for the target: 6 ms of delay say that it stands, the losses that it overflows.
Test(congestion, takes_losses_for_overflow_where_a_queue_stands)
{
	struct flow flow = flow_make();
	for (int i = 0; i < 60; i++)
		turn(&flow, BASE_US + 6000, (uint32_t)(flow.congestion.window * 0.2), true);
	cr_assert_lt(flow.congestion.window, 16.0);
}

Test(congestion, one_loss_in_a_hundred_costs_nothing_beside_a_queue)
{
	struct flow flow = flow_make();
	flow.congestion.is_starting = false;
	for (int i = 0; i < 60; i++)
		turn(&flow, BASE_US + 6000, i % 2, true);
	cr_assert_gt(flow.congestion.window, 64.0);
}

// A path that has become longer is no queue, but only time can tell.
Test(congestion, learns_a_longer_path)
{
	struct flow flow = flow_make();
	for (int i = 0; i < 20; i++)
		turn(&flow, BASE_US, 0, true);
	for (int i = 0; i < 60; i++)
		turn(&flow, 2 * BASE_US, 0, true);
	cr_assert_lt(flow.congestion.window, 64.0);
	for (int i = 0; i < 150; i++)
		turn(&flow, 2 * BASE_US, 0, true);
	cr_assert_eq(flow.congestion.window, GRANTED);
}

Test(congestion, silence_halves_it_down_to_a_few)
{
	struct flow flow = flow_make();
	weir_congestion_silence(&flow.congestion);
	cr_assert_eq(flow.congestion.window, 16.0);
	weir_congestion_silence(&flow.congestion);
	cr_assert_eq(flow.congestion.window, 16.0);
}

Test(congestion, paces_a_window_a_round_trip_and_a_quarter_more)
{
	struct flow flow = flow_make();
	cr_assert_eq(weir_congestion_rate(&flow.congestion, 0, 1000), 0);
	cr_assert_float_eq(
		weir_congestion_rate(&flow.congestion, BASE_US, 1000), 1.25 * 32 * 1000 * 10, 1e-6);
}

// The machine is busy, its delays come and go and have nothing to do with us: most of the rate stays.
Test(congestion, keeps_most_of_its_rate_through_a_delay_that_is_not_its_own)
{
	struct flow flow = flow_make();
	for (int i = 0; i < 20; i++)
		turn(&flow, BASE_US, 0, true);
	for (int i = 0; i < 8; i++)
		turn(&flow, BASE_US + 60000, 0, true);
	cr_assert_geq(flow.congestion.window, 0.7 * GRANTED, "%.1f", flow.congestion.window);
}

// Flows of very different windows through one link that carries 860 chunks a round trip: they fill it,
// the queue stays short, and in the end all have about the same.
Test(congestion, flows_share_a_link)
{
	enum { FLOWS = 16, CAPACITY = 860, ROUNDS = 600 };
	struct flow flows[FLOWS];
	double carried = 0, most_queue = 0, sum = 0, squares = 0;
	for (int i = 0; i < FLOWS; i++) {
		flows[i] = flow_make();
		flows[i].congestion.is_starting = false;
		flows[i].congestion.window = i < 3 ? 200 : 8;
	}
	for (int round = 0; round < ROUNDS; round++) {
		double total = 0;
		for (int i = 0; i < FLOWS; i++)
			total += flows[i].congestion.window;
		double queue = total > CAPACITY ? total - CAPACITY : 0;
		if (round >= ROUNDS / 2) {
			carried += total < CAPACITY ? total : CAPACITY;
			most_queue = queue > most_queue ? queue : most_queue;
		}
		for (int i = 0; i < FLOWS; i++)
			turn(&flows[i], BASE_US + (uint64_t)(queue * BASE_US / CAPACITY), 0, true);
	}
	for (int i = 0; i < FLOWS; i++) {
		sum += flows[i].congestion.window;
		squares += flows[i].congestion.window * flows[i].congestion.window;
	}
	cr_assert_gt(carried, 0.95 * CAPACITY * ROUNDS / 2, "%.3f of the link",
		carried / CAPACITY / (ROUNDS / 2));
	cr_assert_lt(most_queue, 0.4 * CAPACITY, "%.0f chunks wait", most_queue);
	// Jain's index of fairness: 1 if all are equal.
	cr_assert_gt(sum * sum / FLOWS / squares, 0.9, "%.3f", sum * sum / FLOWS / squares);
}
