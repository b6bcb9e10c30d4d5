// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The event document: what an aggregation is, README "Event".

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "json_read.h"
#include "kernels.h"
#include "share_packet.h"

#define DATAGRAM_MAX    65507 // UDP payload over IPv4
#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

static int check_identities(const char *what, const struct weir_identity *list, size_t count,
	size_t least, size_t most, struct weir_document_error *error)
{
	if (count < least || count > most)
		return weir_document_refuse(
			error, "event: %zu %s, not in %zu .. %zu", count, what, least, most);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (weir_identity_equal(&list[i], &list[j]))
				return weir_document_refuse(error,
					"event: the same identity twice in %s (%zu and %zu)", what,
					j, i);
	return 0;
}

static int check_vector(const struct weir_event_terms *terms, struct weir_document_error *error)
{
	if (weir_modulus_name(terms->modulus) == NULL)
		return weir_document_refuse(error, "event: unknown modulus");
	if (terms->dimension == 0)
		return weir_document_refuse(error, "event: dimension is 0");
	if (terms->chunk_elements == 0 || terms->chunk_elements % 16 != 0)
		return weir_document_refuse(error,
			"event: chunk_elements is %" PRIu32 ", not a multiple of 16",
			terms->chunk_elements);
	if (terms->chunk_elements * (uint64_t)weir_modulus_element_size(terms->modulus) >
		DATAGRAM_MAX - WEIR_PACKET_OVERHEAD)
		return weir_document_refuse(error,
			"event: %" PRIu32 " chunk_elements do not fit a datagram",
			terms->chunk_elements);
	if (terms->dimension > (uint64_t)WEIR_CHUNK_COUNT_MAX * terms->chunk_elements)
		return weir_document_refuse(error,
			"event: dimension %" PRIu64 " has too many chunks", terms->dimension);
	return 0;
}

static int check_fec(const struct weir_event_terms *terms, struct weir_document_error *error)
{
	uint64_t groups;

	if (terms->fec.data == 0 && terms->fec.parity == 0)
		return 0;
	if (!weir_fec_parameters_valid(terms->fec))
		return weir_document_refuse(error,
			"event: fec is not of 1 .. %d data and 1 .. %d parity chunks",
			WEIR_FEC_DATA_MAX, WEIR_FEC_PARITY_MAX);
	groups = weir_fec_group_count(
		weir_chunk_count(terms->dimension, terms->chunk_elements), terms->fec.data);
	if (groups * terms->fec.parity > WEIR_CHUNK_COUNT_MAX)
		return weir_document_refuse(error,
			"event: %" PRIu64 " groups of %" PRIu32 " parity chunks are too many",
			groups, terms->fec.parity);
	return 0;
}

static int check_encoding(const struct weir_event_terms *terms, struct weir_document_error *error)
{
	const struct weir_encoding *encoding = &terms->encoding;
	uint64_t bound;

	if (encoding->bound == 0 || encoding->bound > INT64_MAX)
		return weir_document_refuse(error, "event: bound is not in 1 .. 2^63 - 1");
	if (!encoding->is_fixed_point)
		return 0;
	if (!encoding->is_signed)
		return weir_document_refuse(error, "event: a fixed-point encoding is signed");
	if (weir_fixed_point_bound(encoding->scale, encoding->clip, &bound) != 0)
		return weir_document_refuse(error,
			"event: clip %g x scale %g does not round to 1 .. 2^53", encoding->clip,
			encoding->scale);
	if (bound != encoding->bound)
		return weir_document_refuse(error,
			"event: bound is %" PRIu64 ", but clip x scale is %" PRIu64,
			encoding->bound, bound);
	return 0;
}

static int check_limits(const struct weir_event_terms *terms, struct weir_document_error *error)
{
	if (terms->max_weight == 0 || terms->max_weight > WEIR_WEIGHT_MAX)
		return weir_document_refuse(error, "event: max_weight is not in 1 .. 2^31 - 1");
	if (terms->min_clients == 0 || terms->min_clients > terms->max_clients)
		return weir_document_refuse(error,
			"event: min_clients is %" PRIu32 ", not in 1 .. max_clients",
			terms->min_clients);
	if (terms->target_clients != 0 && (terms->target_clients < terms->min_clients ||
						  terms->target_clients > terms->max_clients))
		return weir_document_refuse(error,
			"event: target_clients is %" PRIu32
			", not 0 and not in min_clients .. max_clients",
			terms->target_clients);
	if (weir_headroom_check(terms->modulus, terms->encoding.is_signed, terms->max_clients,
		    terms->max_weight, terms->encoding.bound) != 0)
		return weir_document_refuse(error,
			"event: a sum of max_clients %" PRIu32 " x max_weight %" PRIu32
			" x bound %" PRIu64 " could wrap in modulus %s",
			terms->max_clients, terms->max_weight, terms->encoding.bound,
			weir_modulus_name(terms->modulus));
	if (terms->deadline_ms > INT64_MAX || terms->deadline_ms <= terms->announced_ms)
		return weir_document_refuse(error, "event: deadline_ms is not after announced_ms");
	if (terms->admit_timeout_ms == 0 || terms->admit_timeout_ms > INT64_MAX)
		return weir_document_refuse(
			error, "event: admit_timeout_ms is not in 1 .. 2^63 - 1");
	return 0;
}

int weir_event_terms_check(const struct weir_event_terms *terms, struct weir_document_error *error)
{
	const size_t name = strnlen(terms->job, sizeof(terms->job));
	int rc;

	if (name == 0 || name == sizeof(terms->job) || strspn(terms->job, NAME_CHARACTERS) != name)
		return weir_document_refuse(
			error, "event: job is not 1 to 63 of letters, digits, '.', '_', '-'");
	rc = check_vector(terms, error);
	if (rc == 0)
		rc = check_fec(terms, error);
	if (rc == 0)
		rc = check_encoding(terms, error);
	if (rc == 0)
		rc = check_limits(terms, error);
	if (rc == 0)
		rc = check_identities("aggregators", terms->aggregators, terms->aggregator_count, 2,
			WEIR_AGGREGATORS_MAX, error);
	if (rc == 0)
		rc = check_identities("collectors", terms->collectors, terms->collector_count, 1,
			WEIR_COLLECTORS_MAX, error);
	return rc;
}

static int read_identities(json_t *array, const char *key, struct weir_identity *list,
	size_t *count, struct weir_document_error *error)
{
	*count = json_array_size(array); // the field's size has bounded it
	for (size_t i = 0; i < *count; i++) {
		const struct weir_json_field field = {
			key, WEIR_JSON_HEX, list[i].bytes, sizeof(list[i].bytes)};
		const int rc =
			weir_json_read_value(json_array_get(array, i), "event", &field, error);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int read_encoding(
	json_t *object, struct weir_encoding *encoding, struct weir_document_error *error)
{
	static const char what[] = "event: encoding";
	const char *kind = json_string_value(json_object_get(object, "kind"));
	const struct weir_json_field fields[] = {
		{"kind", WEIR_JSON_STRING, &kind, 16},
		{"signed", WEIR_JSON_BOOL, &encoding->is_signed},
		{"bound", WEIR_JSON_U64, &encoding->bound, .least = 1},
		{"scale", WEIR_JSON_NUMBER, &encoding->scale},
		{"clip", WEIR_JSON_NUMBER, &encoding->clip},
	};

	if (kind != NULL && strcmp(kind, "integer") == 0)
		return weir_json_read(object, what, fields, COUNT(fields) - 2, error);
	encoding->is_fixed_point = true;
	if (kind != NULL && strcmp(kind, "fixed") == 0)
		return weir_json_read(object, what, fields, COUNT(fields), error);
	return weir_document_refuse(error, "%s: kind is not integer or fixed", what);
}

static int read_fec(
	json_t *object, struct weir_fec_parameters *fec, struct weir_document_error *error)
{
	const struct weir_json_field fields[] = {
		{"data", WEIR_JSON_U32, &fec->data, .least = 1},
		{"parity", WEIR_JSON_U32, &fec->parity, .least = 1},
	};

	return weir_json_read(object, "event: fec", fields, COUNT(fields), error);
}

static int read_terms(
	json_t *root, struct weir_event_terms *terms, struct weir_document_error *error)
{
	uint32_t version;
	char kind[8];
	char modulus[8];
	json_t *encoding, *aggregators, *collectors, *fec = NULL;
	const bool has_fec = json_object_get(root, "fec") != NULL;
	const struct weir_json_field fields[] = {
		{"version", WEIR_JSON_U32, &version, .least = 1, .most = 1},
		{"kind", WEIR_JSON_TEXT, kind, sizeof(kind)},
		{"job", WEIR_JSON_TEXT, terms->job, sizeof(terms->job)},
		{"round", WEIR_JSON_U32, &terms->round},
		{"modulus", WEIR_JSON_TEXT, modulus, sizeof(modulus)},
		{"dimension", WEIR_JSON_U64, &terms->dimension, .least = 1},
		{"chunk_elements", WEIR_JSON_U32, &terms->chunk_elements, .least = 1},
		{"encoding", WEIR_JSON_OBJECT, &encoding},
		{"max_clients", WEIR_JSON_U32, &terms->max_clients, .least = 1},
		{"max_weight", WEIR_JSON_U32, &terms->max_weight, .least = 1},
		{"min_clients", WEIR_JSON_U32, &terms->min_clients, .least = 1},
		{"target_clients", WEIR_JSON_U32, &terms->target_clients},
		{"announced_ms", WEIR_JSON_U64, &terms->announced_ms},
		{"deadline_ms", WEIR_JSON_U64, &terms->deadline_ms},
		{"admit_timeout_ms", WEIR_JSON_U64, &terms->admit_timeout_ms, .least = 1},
		{"aggregators", WEIR_JSON_ARRAY, &aggregators, WEIR_AGGREGATORS_MAX},
		{"collectors", WEIR_JSON_ARRAY, &collectors, WEIR_COLLECTORS_MAX},
		{"fec", WEIR_JSON_OBJECT, &fec}, // the one that may be missing
	};
	int rc = weir_json_read(
		root, "event", fields, has_fec ? COUNT(fields) : COUNT(fields) - 1, error);

	if (rc != 0)
		return rc;
	if (strcmp(kind, "sum") != 0)
		return weir_document_refuse(error, "event: kind is not sum");
	if (weir_modulus_parse(modulus, &terms->modulus) != 0)
		return weir_document_refuse(
			error, "event: modulus is %s, none of the four", modulus);
	rc = read_encoding(encoding, &terms->encoding, error);
	if (rc == 0 && has_fec)
		rc = read_fec(fec, &terms->fec, error);
	if (rc == 0)
		rc = read_identities(aggregators, "aggregators", terms->aggregators,
			&terms->aggregator_count, error);
	if (rc == 0)
		rc = read_identities(collectors, "collectors", terms->collectors,
			&terms->collector_count, error);
	return rc;
}

int weir_event_parse(const char *text, struct weir_event_terms *terms, struct weir_digest *digest,
	struct weir_document_error *error)
{
	json_t *root;
	int rc;

	memset(terms, 0, sizeof(*terms));
	memset(digest, 0, sizeof(*digest));
	rc = weir_json_load(text, WEIR_EVENT_TEXT_MAX, "event", &root, error);
	if (rc == 0)
		rc = read_terms(root, terms, error);
	json_decref(root);
	if (rc == 0)
		rc = weir_event_terms_check(terms, error);
	if (rc == 0 && weir_digest(WEIR_CONTEXT_EVENT, text, strlen(text), digest) != 0)
		rc = weir_document_no_memory(error);
	if (rc != 0)
		memset(terms, 0, sizeof(*terms));
	return rc;
}

static json_t *identities_json(const struct weir_identity *list, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(
			    array, weir_json_hex(list[i].bytes, sizeof(list[i].bytes))) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *encoding_json(const struct weir_encoding *encoding)
{
	const json_int_t bound = (json_int_t)encoding->bound;

	if (!encoding->is_fixed_point)
		return json_pack("{s:s, s:b, s:I}", "kind", "integer", "signed",
			encoding->is_signed, "bound", bound);
	return json_pack("{s:s, s:b, s:f, s:f, s:I}", "kind", "fixed", "signed", true, "scale",
		encoding->scale, "clip", encoding->clip, "bound", bound);
}

// NULL if there is none, and the key is left out.
static json_t *fec_json(struct weir_fec_parameters fec)
{
	return fec.data == 0 ? NULL
			     : json_pack("{s:I, s:I}", "data", (json_int_t)fec.data, "parity",
				       (json_int_t)fec.parity);
}

char *weir_event_format(const struct weir_event_terms *terms)
{
	struct weir_document_error error;

	if (weir_event_terms_check(terms, &error) != 0) {
		errno = EINVAL;
		return NULL;
	}
	json_t *root = json_pack(
		"{s:i, s:s, s:s, s:I, s:s, s:I, s:I, s:o*, s:o, s:I, s:I, s:I, s:I, s:I,"
		" s:I, s:I, s:o, s:o}",
		"version", 1, "kind", "sum", "job", terms->job, "round", (json_int_t)terms->round,
		"modulus", weir_modulus_name(terms->modulus), "dimension",
		(json_int_t)terms->dimension, "chunk_elements", (json_int_t)terms->chunk_elements,
		"fec", fec_json(terms->fec), "encoding", encoding_json(&terms->encoding),
		"max_clients", (json_int_t)terms->max_clients, "max_weight",
		(json_int_t)terms->max_weight, "min_clients", (json_int_t)terms->min_clients,
		"target_clients", (json_int_t)terms->target_clients, "announced_ms",
		(json_int_t)terms->announced_ms, "deadline_ms", (json_int_t)terms->deadline_ms,
		"admit_timeout_ms", (json_int_t)terms->admit_timeout_ms, "aggregators",
		identities_json(terms->aggregators, terms->aggregator_count), "collectors",
		identities_json(terms->collectors, terms->collector_count));
	char *text = weir_json_text(root, WEIR_EVENT_TEXT_MAX);
	if (text == NULL)
		errno = ENOMEM; // the terms were checked: nothing else can have failed
	return text;
}

int weir_terms_aggregator(
	const struct weir_event_terms *terms, const struct weir_identity *identity)
{
	for (size_t i = 0; i < terms->aggregator_count; i++)
		if (weir_identity_equal(&terms->aggregators[i], identity))
			return (int)i;
	return -1;
}

bool weir_terms_has_collector(
	const struct weir_event_terms *terms, const struct weir_identity *identity)
{
	for (size_t i = 0; i < terms->collector_count; i++)
		if (weir_identity_equal(&terms->collectors[i], identity))
			return true;
	return false;
}
