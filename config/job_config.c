// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "job_config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "kernels.h"

#define RULE_COUNT(rules) (sizeof(rules) / sizeof((rules)[0]))

// What a chunk must fit, from dataplane/share_packet.h, which this folder may not include; a test
// compares them.
#define CHUNK_COUNT_MAX ((UINT64_C(1) << 28) - 1)
#define PACKET_OVERHEAD 40
#define DATAGRAM_MAX    65507 // IPv4's limit on a UDP payload
#define CHUNK_MULTIPLE  16

#define COLLECTORS_MAX 1024
#define YEAR_MS        (UINT64_C(366) * 24 * 60 * 60 * 1000)

// A job as it is written: some of it still in words.
struct written_job {
	struct weir_job_config config;
	char modulus[16];
};

enum encoding_kind { KIND_INTEGER, KIND_FIXED };

struct written_encoding {
	struct weir_encoding encoding;
	enum encoding_kind kind;
};

static const struct setting_choice kind_choices[] = {
	{"integer", KIND_INTEGER},
	{"fixed", KIND_FIXED},
	{NULL, 0},
};

#define ENCODING(field) SETTING_FIELD(struct written_encoding, field)

static const struct setting_rule integer_rules[] = {
	{"kind", SETTING_CHOICE, true, ENCODING(kind), .example = "\"integer\"",
		.choices = kind_choices},
	{"signed", SETTING_BOOL, false, ENCODING(encoding.is_signed), .example = "false"},
	{"bound", SETTING_COUNT, true, ENCODING(encoding.bound), 1, INT64_MAX, "1000"},
};

static const struct setting_rule fixed_rules[] = {
	{"kind", SETTING_CHOICE, true, ENCODING(kind), .example = "\"fixed\"",
		.choices = kind_choices},
	{"scale", SETTING_REAL, true, ENCODING(encoding.scale), .example = "1e6"},
	{"clip", SETTING_REAL, true, ENCODING(encoding.clip), .example = "100.0"},
};

static int read_encoding(struct config_file *file, const config_setting_t *group, void *target)
{
	struct weir_encoding *encoding = &((struct written_job *)target)->config.encoding;
	struct written_encoding written = {.kind = KIND_INTEGER};
	const config_setting_t *kind = config_setting_get_member(group, "kind");
	int status;

	if (!kind)
		return setting_error(file, group,
			"has no setting kind; add kind = \"integer\"; or kind = \"fixed\";");
	status = setting_read_element(file, kind, &integer_rules[0], &written);
	if (status != 0)
		return status;
	if (written.kind == KIND_INTEGER) {
		status = setting_read_group(
			file, group, integer_rules, RULE_COUNT(integer_rules), &written);
		*encoding = written.encoding;
		return status;
	}
	status = setting_read_group(file, group, fixed_rules, RULE_COUNT(fixed_rules), &written);
	if (status != 0)
		return status;
	*encoding = written.encoding;
	encoding->is_fixed_point = encoding->is_signed = true;
	if (weir_fixed_point_bound(encoding->scale, encoding->clip, &encoding->bound) != 0)
		return setting_error_in(file, group, "scale",
			"%g x clip %g does not round to 1 .. 2^53, where doubles hold every "
			"integer; choose another scale or clip",
			encoding->scale, encoding->clip);
	return 0;
}

static const struct setting_rule fec_rules[] = {
	{"data", SETTING_COUNT, false, SETTING_FIELD(struct weir_fec_parameters, data), 1,
		WEIR_FEC_DATA_MAX, "64"},
	{"parity", SETTING_COUNT, false, SETTING_FIELD(struct weir_fec_parameters, parity), 1,
		WEIR_FEC_PARITY_MAX, "16"},
};

static int read_fec(struct config_file *file, const config_setting_t *group, void *target)
{
	struct weir_fec_parameters *fec = &((struct written_job *)target)->config.fec;

	*fec = (struct weir_fec_parameters){WEIR_FEC_DATA_DEFAULT, WEIR_FEC_PARITY_DEFAULT};
	return setting_read_group(file, group, fec_rules, RULE_COUNT(fec_rules), fec);
}

static int read_identity_list(struct config_file *file, const config_setting_t *list,
	char (**identities)[WEIR_HEX_ID], size_t *count)
{
	*count = (size_t)config_setting_length(list);
	*identities = calloc(*count, WEIR_HEX_ID);
	if (!*identities) {
		config_file_error(file, NULL, 0, "out of memory; free some or write less");
		return -ENOMEM;
	}
	return read_identities(file, list, *identities);
}

static int read_aggregators(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_job_config *job = &((struct written_job *)target)->config;

	return read_identity_list(file, list, &job->aggregators, &job->aggregator_count);
}

static int read_collectors(struct config_file *file, const config_setting_t *list, void *target)
{
	struct weir_job_config *job = &((struct written_job *)target)->config;

	return read_identity_list(file, list, &job->collectors, &job->collector_count);
}

#define JOB(field) SETTING_FIELD(struct written_job, config.field)

static const struct setting_rule job_rules[] = {
	{"job", SETTING_TEXT, true, JOB(job), .example = "\"heart-rates\"", .check = check_name},
	{"round", SETTING_COUNT, false, JOB(round), 1, UINT32_MAX, "1"},
	{"rounds", SETTING_COUNT, false, JOB(rounds), 1, UINT32_MAX, "1"},
	{"modulus", SETTING_TEXT, true, SETTING_FIELD(struct written_job, modulus),
		.example = "\"2^61-1\"", .check = check_modulus},
	{"dimension", SETTING_COUNT, true, JOB(dimension), 1, INT64_MAX, "1000"},
	{"chunk_elements", SETTING_COUNT, false, JOB(chunk_elements), 1, UINT32_MAX, "176"},
	{"fec", SETTING_GROUP, false, .example = "{ data = 64; parity = 16; }", .read = read_fec},
	{"encoding", SETTING_GROUP, true,
		.example = "{ kind = \"integer\"; signed = false; bound = 1000; }",
		.read = read_encoding},
	{"max_clients", SETTING_COUNT, true, JOB(max_clients), 1, UINT32_MAX, "1000"},
	{"max_weight", SETTING_COUNT, false, JOB(max_weight), 1, WEIR_WEIGHT_MAX, "1"},
	{"min_clients", SETTING_COUNT, false, JOB(min_clients), 1, UINT32_MAX, "2"},
	{"target_clients", SETTING_COUNT, false, JOB(target_clients), 0, UINT32_MAX, "0"},
	{"duration", SETTING_DURATION, true, JOB(duration_ms), 1, YEAR_MS, "\"10 min\""},
	{"admit_timeout", SETTING_DURATION, false, JOB(admit_timeout_ms), 1, YEAR_MS, "\"30 s\""},
	{"aggregators", SETTING_LIST, true, .least = 2, .most = WEIR_PEERS_MAX,
		.example = "[ \"LEADER\", \"HELPER\" ]", .read = read_aggregators},
	{"collectors", SETTING_LIST, true, .least = 1, .most = COLLECTORS_MAX,
		.example = "[ \"COLLECTOR\" ]", .read = read_collectors},
};

static int check_chunks(
	struct config_file *file, const config_setting_t *root, struct weir_job_config *job)
{
	uint64_t element = weir_modulus_element_size(job->modulus);
	uint64_t most =
		(DATAGRAM_MAX - PACKET_OVERHEAD) / element / CHUNK_MULTIPLE * CHUNK_MULTIPLE;
	unsigned usual = element == 4 ? 352 : 176, jumbo = element == 4 ? 2048 : 1024;

	if (!job->chunk_elements)
		job->chunk_elements = usual;
	if (job->chunk_elements % CHUNK_MULTIPLE)
		return setting_error_in(file, root, "chunk_elements",
			"is %" PRIu32 "; write a multiple of %d, such as %u", job->chunk_elements,
			CHUNK_MULTIPLE, usual);
	if (job->chunk_elements > most)
		return setting_error_in(file, root, "chunk_elements",
			"is %" PRIu32 ", which makes datagrams of %" PRIu64
			" bytes, above %d; write at most %" PRIu64
			" (%u fit an MTU of 1500 bytes, %u one of 9000)",
			job->chunk_elements, job->chunk_elements * element + PACKET_OVERHEAD,
			DATAGRAM_MAX, most, usual, jumbo);
	uint64_t chunks =
		job->dimension / job->chunk_elements + (job->dimension % job->chunk_elements != 0);
	if (chunks > CHUNK_COUNT_MAX)
		return setting_error_in(file, root, "dimension",
			"%" PRIu64 " needs %" PRIu64 " chunks of %" PRIu32
			" elements, above %" PRIu64 "; choose larger chunk_elements or split it",
			job->dimension, chunks, job->chunk_elements, CHUNK_COUNT_MAX);
	if (!job->fec.data)
		return 0;
	uint64_t parity =
		weir_fec_group_count((uint32_t)chunks, job->fec.data) * (uint64_t)job->fec.parity;
	if (parity > CHUNK_COUNT_MAX)
		return setting_error_in(file, root, "fec",
			"makes %" PRIu64 " parity chunks, above %" PRIu64
			"; choose more data or less parity in a group",
			parity, CHUNK_COUNT_MAX);
	return 0;
}

static int check_clients(
	struct config_file *file, const config_setting_t *root, const struct weir_job_config *job)
{
	if (job->min_clients > job->max_clients)
		return setting_error_in(file, root, "min_clients",
			"is %" PRIu32 ", above max_clients %" PRIu32 "; lower it", job->min_clients,
			job->max_clients);
	if (job->target_clients &&
		(job->target_clients < job->min_clients || job->target_clients > job->max_clients))
		return setting_error_in(file, root, "target_clients",
			"is %" PRIu32 "; write 0, or a number from min_clients %" PRIu32
			" to max_clients %" PRIu32,
			job->target_clients, job->min_clients, job->max_clients);
	if (job->rounds - 1 > UINT32_MAX - job->round)
		return setting_error_in(file, root, "rounds",
			"is %" PRIu32 ", which from round %" PRIu32
			" counts beyond 32 bits; lower one of them",
			job->rounds, job->round);
	return 0;
}

// The sum must fit, whoever joins: max_clients x max_weight x bound.
static int check_headroom(
	struct config_file *file, const config_setting_t *root, const struct weir_job_config *job)
{
	bool is_signed = job->encoding.is_signed;
	uint64_t limit = weir_modulus_max(job->modulus) / (is_signed ? 2 : 1);

	if (weir_headroom_check(job->modulus, is_signed, job->max_clients, job->max_weight,
		    job->encoding.bound) == 0)
		return 0;
	return setting_error_in(file, root, "max_clients",
		"%" PRIu32 " x max_weight %" PRIu32 " x bound %" PRIu64 "%s is above %" PRIu64
		", the largest %s sum modulo %s; lower one of the three or choose a larger modulus",
		job->max_clients, job->max_weight, job->encoding.bound,
		job->encoding.is_fixed_point ? " (scale x clip)" : "", limit,
		is_signed ? "signed" : "unsigned", weir_modulus_name(job->modulus));
}

static int read_job(struct config_file *file, struct written_job *written)
{
	const config_setting_t *root = config_root_setting(&file->tree);
	struct weir_job_config *job = &written->config;
	int status = setting_read_group(file, root, job_rules, RULE_COUNT(job_rules), written);

	if (status != 0)
		return status;
	weir_modulus_parse(written->modulus, &job->modulus); // check_modulus has seen it
	status = check_chunks(file, root, job);
	if (status == 0)
		status = check_clients(file, root, job);
	if (status == 0)
		status = check_headroom(file, root, job);
	return status;
}

static int fill(struct config_file *file, void *out)
{
	struct written_job *written = out;

	written->config.round = written->config.rounds = written->config.max_weight = 1;
	written->config.min_clients = 2;
	written->config.admit_timeout_ms = 30000;
	strcpy(written->config.path, file->path);
	return read_job(file, written);
}

static void release(void *config)
{
	weir_job_config_free(config);
}

struct weir_job_config *weir_job_config_load(const char *path, struct weir_config_error *error)
{
	// The job is its first member, so that what the caller frees is what is allocated here.
	return config_file_load(path, sizeof(struct written_job), fill, release, error);
}

void weir_job_config_free(struct weir_job_config *config)
{
	if (!config)
		return;
	free(config->aggregators);
	free(config->collectors);
	free(config);
}
