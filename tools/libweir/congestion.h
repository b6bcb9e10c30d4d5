// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// How much a lane may have under way, and how fast it sends: its own share of a path that it does not
// know. A function of answers alone; it knows neither clock nor socket.
//
// Once a round trip the window follows the queueing delay: the round's least round trip minus the path's
// own. Below a target the window grows by a few chunks, above it shrinks in proportion to the excess, as
// in Swift (Kumar et al., SIGCOMM 2020), but not below what carries most of the best rate of the last
// rounds: a delay that stays although the window shrinks is not of our making. That rate, and the path's
// own round trip, the least of the last ten seconds, after which the window is halved for a round to see
// it again, are measured as in BBR (Cardwell et al., ACM Queue 2016). A loss means congestion only where
// the delay says that a queue stands; otherwise it is the link's and costs nothing up to a quarter of a
// round, as in TCP Veno (Fu and Liew, IEEE JSAC 2003): this traffic must not starve on 5 % random loss.
// The beginning is a slow start that ends on delay, as in HyStart++ (RFC 9406). Sending is paced at the
// window a round trip, and a quarter more.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct weir_congestion {
	double window; // chunks under way
	bool is_starting;
	bool was_full;     // this round the window held chunks back
	unsigned empty;    // rounds in a row that found no queue
	uint64_t base_us;  // the path's own round trip; 0: not known
	uint64_t newer_us; // the same since newer_from_us
	uint64_t newer_from_us;
	double rate, newer_rate; // most chunks a microsecond of a round, of the last ones
	unsigned newer_rounds;
	// The round is over when chunks sent after round_end (a sequence) are answered for.
	uint64_t round_end, round_from_us, now_us;
	uint64_t least_us;              // of its round trips; 0: none yet
	uint32_t arrived, lost;         // in it
	uint32_t sampled, sampled_lost; // in as many rounds as it takes
};

void weir_congestion_init(struct weir_congestion *congestion);

// A round trip was measured.
void weir_congestion_rtt(struct weir_congestion *congestion, uint64_t now_us, uint64_t rtt_us);

// An answer said that so many chunks arrived and so many were lost. asked_sequence: SHAREs sent before its
// question; sequence: sent by now. granted: the window of the aggregator, which the own one stays below.
void weir_congestion_answer(struct weir_congestion *congestion, uint32_t arrived, uint32_t lost,
	uint64_t asked_sequence, uint64_t sequence, uint32_t granted);

// Nothing is answered any more.
void weir_congestion_silence(struct weir_congestion *congestion);

// Bytes a second at which to send chunks of that size when a round trip takes so long; 0: no pace yet.
double weir_congestion_rate(
	const struct weir_congestion *congestion, uint64_t rtt_us, double datagram_size);
