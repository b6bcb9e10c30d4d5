// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The event that a benchmark sums, from its command line.
#pragma once

#include <getopt.h>
#include <stdbool.h>

#include <jansson.h>

#include "static_event.h"

// Long options common to the programs; what they return is above every letter.
enum {
	EVENT_OPTION_MODULUS = 256,
	EVENT_OPTION_DIMENSION,
	EVENT_OPTION_CHUNK,
	EVENT_OPTION_CLIENTS,
	EVENT_OPTION_SLOTS,
	EVENT_OPTION_BATCH,
	EVENT_OPTION_CIPHER,
};

#define EVENT_OPTIONS                                                                              \
	{"modulus", required_argument, NULL, EVENT_OPTION_MODULUS},                                \
		{"dimension", required_argument, NULL, EVENT_OPTION_DIMENSION},                    \
		{"elements-per-packet", required_argument, NULL, EVENT_OPTION_CHUNK},              \
		{"clients", required_argument, NULL, EVENT_OPTION_CLIENTS},                        \
		{"slots", required_argument, NULL, EVENT_OPTION_SLOTS},                            \
		{"batch", required_argument, NULL, EVENT_OPTION_BATCH},                            \
	{                                                                                          \
		"cipher", required_argument, NULL, EVENT_OPTION_CIPHER                             \
	}

#define EVENT_OPTIONS_HELP                                                                         \
	"  --modulus NAME             2^31-1 (default), 2^61-1, 2^32 or 2^64\n"                    \
	"  --dimension N              elements of a vector (default 100000)\n"                     \
	"  --elements-per-packet N    a multiple of 16 (default 352 of 4 bytes, 176 of 8)\n"       \
	"  --clients N                vectors (default: as many as fill the buffer)\n"             \
	"  --slots N                  clients that send at a time (default 64)\n"                  \
	"  --batch N                  vectors summed together (default: as many as slots)\n"       \
	"  --cipher NAME              aes-256-gcm (default) or none\n"

// Everything at its default; clients, chunk_elements and batch 0.
void event_options_init(struct weir_static_event_config *event);

// Takes one option that getopt_long returned. Returns false if it is not one of these, or if its
// value is wrong.
bool event_options_take(struct weir_static_event_config *event, int option, const char *value);

// Fills in what was left to default, except clients.
void event_options_finish(struct weir_static_event_config *event);

// A whole number from 1 to max. Returns false if it is none.
bool event_options_number(const char *text, uint64_t max, uint64_t *number);

// The event as JSON, for the programs' results.
json_t *event_options_json(const struct weir_static_event_config *event);
