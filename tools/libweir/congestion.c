// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "congestion.h"

#include <math.h>
#include <string.h>

#define WINDOW_START  32.0
#define WINDOW_LEAST  4.0
#define WINDOW_SILENT 16.0 // only losses beside a standing queue bring it below this
#define TARGET_US     4000 // of queueing, and a sixteenth of the path's own round trip,
#define SCALING_US                                                                                 \
	30000 // ... and this by the window's root, up to as much again: small ones catch up
#define BASE_LIFE_US   10000000
#define START_GROWTH   1.5
#define GROWTH         2.0 // chunks a round, but not more than this part of a small window:
#define GROWTH_MOST    0.0625
#define EMPTY_GROWTH   1.25 // ... while no queue has been seen for EMPTY_ROUNDS
#define EMPTY_ROUNDS   3
#define SHRINK         0.8 // of the excess delay's part in the round trip
#define SHRINK_MOST    0.3
#define LOSS_SAMPLE    64   // chunks before their losses say anything
#define LOSS_QUEUED    0.06 // of a sample where a queue stands: more means that it overflows
#define LOSS_MUCH      0.15 // of a round, the same at once
#define LOSS_SHRINK    0.8
#define LOSS_TOLERATED 0.25 // of a round where no queue stands
#define PACE           1.25
#define RATE_ROUNDS    8    // how long the best rate is remembered, up to twice
#define RATE_KEPT      0.75 // of it is kept whatever the delay

void weir_congestion_init(struct weir_congestion *congestion)
{
	memset(congestion, 0, sizeof(*congestion));
	congestion->window = WINDOW_START;
	congestion->is_starting = true;
}

void weir_congestion_rtt(struct weir_congestion *congestion, uint64_t now_us, uint64_t rtt_us)
{
	if (rtt_us == 0)
		rtt_us = 1;
	congestion->now_us = now_us;
	if (congestion->least_us == 0 || rtt_us < congestion->least_us)
		congestion->least_us = rtt_us;
	if (congestion->newer_us == 0 || rtt_us < congestion->newer_us)
		congestion->newer_us = rtt_us;
	if (congestion->base_us == 0 || rtt_us < congestion->base_us)
		congestion->base_us = rtt_us;
	if (congestion->newer_from_us == 0)
		congestion->newer_from_us = now_us;
	if (now_us - congestion->newer_from_us < BASE_LIFE_US)
		return;
	// Our part of a queue that has stood all the while would pass for the path's own delay.
	congestion->base_us = congestion->newer_us;
	congestion->newer_us = 0;
	congestion->newer_from_us = now_us;
	congestion->window /= 2;
}

// The window that carries most of the best rate of late at the delay aimed at.
static double enough(const struct weir_congestion *congestion, double target)
{
	double rate = fmax(congestion->rate, congestion->newer_rate);
	return fmax(WINDOW_SILENT, RATE_KEPT * rate * ((double)congestion->base_us + target));
}

static void remember_rate(struct weir_congestion *congestion)
{
	uint64_t passed = congestion->now_us - congestion->round_from_us;
	if (passed > 0)
		congestion->newer_rate =
			fmax(congestion->newer_rate, (double)congestion->arrived / (double)passed);
	if (++congestion->newer_rounds < RATE_ROUNDS)
		return;
	congestion->rate = congestion->newer_rate;
	congestion->newer_rate = 0;
	congestion->newer_rounds = 0;
}

static void shrink(struct weir_congestion *congestion, double factor, double least)
{
	double window = congestion->window * factor;
	congestion->is_starting = false;
	congestion->empty = 0;
	if (window < least)
		window = congestion->window < least ? congestion->window : least;
	congestion->window = window;
}

static void grow(struct weir_congestion *congestion, bool is_empty)
{
	congestion->empty = is_empty ? congestion->empty + 1 : 0;
	if (!congestion->was_full)
		return;
	if (congestion->is_starting)
		congestion->window *= START_GROWTH;
	else if (congestion->empty > EMPTY_ROUNDS)
		congestion->window = congestion->window * EMPTY_GROWTH + GROWTH;
	else
		congestion->window += fmin(GROWTH, congestion->window * GROWTH_MOST);
}

// Whether the losses, where a queue stands, are its overflow: so many of a sample, or very many of a round.
static bool overflows(struct weir_congestion *congestion)
{
	double round = (double)congestion->arrived + (double)congestion->lost;
	double sample = (double)congestion->sampled, lost = (double)congestion->sampled_lost;
	if (round >= 16 && (double)congestion->lost > LOSS_MUCH * round)
		return true;
	return sample >= LOSS_SAMPLE && lost > LOSS_QUEUED * sample;
}

static void end_round(struct weir_congestion *congestion)
{
	double base = (double)congestion->base_us;
	double rtt = congestion->least_us == 0 ? base : (double)congestion->least_us;
	double queueing = rtt - base;
	double target = TARGET_US + base / 16;
	target += fmin(target, SCALING_US / sqrt(congestion->window));
	double total = (double)congestion->arrived + (double)congestion->lost;
	double loss = total == 0 ? 0 : (double)congestion->lost / total;
	double excess = queueing - target;
	remember_rate(congestion);
	if (queueing > target / 4 && overflows(congestion))
		shrink(congestion, LOSS_SHRINK, WINDOW_LEAST);
	else if (congestion->is_starting && queueing > target / 2)
		shrink(congestion, base / rtt, enough(congestion, target));
	else if (excess > 0)
		shrink(congestion, 1 - fmin(SHRINK_MOST, SHRINK * excess / rtt),
			enough(congestion, target));
	else if (loss > LOSS_TOLERATED)
		shrink(congestion, LOSS_SHRINK, WINDOW_SILENT);
	else
		grow(congestion, queueing < target / 4);
}

void weir_congestion_answer(struct weir_congestion *congestion, uint32_t arrived, uint32_t lost,
	uint64_t asked_sequence, uint64_t sequence, uint32_t granted)
{
	congestion->arrived += arrived;
	congestion->lost += lost;
	congestion->sampled += arrived + lost;
	congestion->sampled_lost += lost;
	if (asked_sequence > congestion->round_end || congestion->round_end == 0) {
		if (congestion->round_end != 0)
			end_round(congestion);
		if (congestion->sampled >= LOSS_SAMPLE)
			congestion->sampled = congestion->sampled_lost = 0;
		congestion->round_end = sequence;
		congestion->round_from_us = congestion->now_us;
		congestion->arrived = congestion->lost = 0;
		congestion->least_us = 0;
		congestion->was_full = false;
	}
	if (congestion->window > granted)
		congestion->window = granted;
	if (congestion->window < WINDOW_LEAST)
		congestion->window = WINDOW_LEAST;
}

void weir_congestion_silence(struct weir_congestion *congestion)
{
	shrink(congestion, 0.5, WINDOW_SILENT);
}

double weir_congestion_rate(
	const struct weir_congestion *congestion, uint64_t rtt_us, double datagram_size)
{
	if (rtt_us == 0)
		return 0;
	return PACE * congestion->window * datagram_size * 1e6 / (double)rtt_us;
}
