// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The test vectors of this folder, for C tests. What is not there as expected aborts the test with a
// line on stderr.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

// A file of this folder; to be given back with json_decref.
json_t *vectors_load(const char *name);

// Members of an object; text and value are borrowed.
json_t *vectors_member(const json_t *object, const char *key);
const char *vectors_text(const json_t *object, const char *key);
uint64_t vectors_integer(const json_t *object, const char *key);

// Bytes from hexadecimal: exactly size of them, or malloc'd with their number in *size.
void vectors_bytes(const json_t *object, const char *key, void *bytes, size_t size);
uint8_t *vectors_alloc(const json_t *object, const char *key, size_t *size);
uint8_t *vectors_alloc_value(const json_t *value, size_t *size);
