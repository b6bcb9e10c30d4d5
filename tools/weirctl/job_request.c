// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "job_request.h"

static json_t *encoding_json(const struct weir_encoding *encoding)
{
	const json_int_t bound = (json_int_t)encoding->bound;

	if (!encoding->is_fixed_point)
		return json_pack("{s:s, s:b, s:I}", "kind", "integer", "signed",
			(int)encoding->is_signed, "bound", bound);
	return json_pack("{s:s, s:b, s:f, s:f, s:I}", "kind", "fixed", "signed", 1, "scale",
		encoding->scale, "clip", encoding->clip, "bound", bound);
}

static json_t *identities_json(char (*list)[WEIR_HEX_ID], size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(list[i]));
	return array;
}

// NULL if there is none, and the key is left out.
static json_t *fec_json(struct weir_fec_parameters fec)
{
	return fec.data == 0 ? NULL
			     : json_pack("{s:I, s:I}", "data", (json_int_t)fec.data, "parity",
				       (json_int_t)fec.parity);
}

json_t *job_request(const struct weir_job_config *job, uint32_t round)
{
	return json_pack(
		"{s:s, s:s, s:I, s:s, s:I, s:I, s:o*, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
		"kind", "sum", "job", job->job, "round", (json_int_t)round, "modulus",
		weir_modulus_name(job->modulus), "dimension", (json_int_t)job->dimension,
		"chunk_elements", (json_int_t)job->chunk_elements, "fec", fec_json(job->fec),
		"encoding", encoding_json(&job->encoding), "max_clients",
		(json_int_t)job->max_clients, "max_weight", (json_int_t)job->max_weight,
		"min_clients", (json_int_t)job->min_clients, "target_clients",
		(json_int_t)job->target_clients, "duration_ms", (json_int_t)job->duration_ms,
		"admit_timeout_ms", (json_int_t)job->admit_timeout_ms, "aggregators",
		identities_json(job->aggregators, job->aggregator_count), "collectors",
		identities_json(job->collectors, job->collector_count));
}
