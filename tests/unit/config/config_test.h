// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What the tests of config/ share: a folder to write in, valid files to spoil, and a refusal.
#pragma once

#include <criterion/criterion.h>

#include "load_bytes.h"

// Identities A to E for the texts below: 64 times the letter.
#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define ID_D "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define ID_E "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"

// A small valid file of each kind.
extern const char *const valid_texts[CONFIG_KINDS];

// Criterion's .init and .fini: a folder of the test's own.
extern char folder[64];
void make_folder(void);
void remove_folder(void);

// folder/name, in a static buffer.
const char *in_folder(const char *name);
void write_file(const char *name, const char *text);
char *read_file(const char *path); // to be freed

// base with the only occurrence of old replaced, to be freed.
char *replaced(const char *base, const char *old, const char *new);

// One way to spoil the valid text: replace old by new, and expect the message to name that line
// (of test.cfg) and to contain each of the words.
struct refusal {
	const char *old, *new;
	unsigned line;
	const char *words[4];
};

void expect_refusals(enum config_kind kind, const struct refusal *refusals, size_t count);
void expect_refused(enum config_kind kind, const char *text, const char *file, unsigned line,
	const char *const *words, size_t word_count);
void expect_loads(enum config_kind kind, const char *text);
