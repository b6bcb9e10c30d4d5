// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What weirgen counts, declared once: the list makes the struct, the report and the JSON.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TALLIES(X)                                                                                 \
	X(packets, "frames sent")                                                                  \
	X(bytes, "their bytes, Ethernet header to payload")                                        \
	X(shares, "SHARE datagrams made")                                                          \
	X(elements, "elements in them")                                                            \
	X(resent, "of them, chunks sent again")                                                    \
	X(requests, "REQUESTs asked")                                                              \
	X(queries, "QUERYs asked")                                                                 \
	X(answers, "answers to them")                                                              \
	X(ignored, "frames received that were no answer to an open question")                      \
	X(tx_full, "times the port took no more and was waited for")                               \
	X(ring_full, "frames dropped because the port took no more (with a rate)")                 \
	X(behind, "times the rate could not be kept up")                                           \
	X(started, "shares begun, one for each client and aggregator")                             \
	X(complete, "shares received whole")                                                       \
	X(sealed, "shares counted")                                                                \
	X(aborted, "shares that the aggregator gave up")                                           \
	X(abandoned, "shares abandoned on purpose")                                                \
	X(lost, "frames lost on purpose")                                                          \
	X(duplicated, "frames sent twice on purpose")                                              \
	X(reordered, "frames sent late on purpose")                                                \
	X(corrupted, "frames damaged on purpose")                                                  \
	X(forged, "SHAREs with a wrong tag")                                                       \
	X(non_canonical, "authentic SHAREs with an element beyond the modulus")                    \
	X(junk, "frames of nothing")

// A worker writes its own, the main thread reads them at any time.
struct tally {
#define TALLY_FIELD(name, text) uint64_t name;
	TALLIES(TALLY_FIELD)
#undef TALLY_FIELD
};

#define TALLY_COUNT (sizeof(struct tally) / sizeof(uint64_t))

extern const char *const tally_names[TALLY_COUNT];
extern const char *const tally_texts[TALLY_COUNT];

// sum += other, and what has been added since: sum - earlier.
void tally_add(struct tally *sum, const struct tally *other);
struct tally tally_since(const struct tally *now, const struct tally *earlier);
