// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The sum of vectors by MPI_Reduce with a modular-sum operator, which does the same additions by the
// same kernels, without cryptography, staging or clients that may vanish. Prints elements a second
// that the root got from other ranks, and all that were summed, its own included.

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <mpi.h>

#include "event_options.h"
#include "huge_memory.h"
#include "kernels.h"
#include "measure.h"
#include "share_packet.h"
#include "share_source.h"

// Each rank has so many vectors and sends them in turn: 25.6 MB of 100,000 u32, as the dataplane's
// slots.
#define VECTORS 64

struct reduce {
	uint64_t dimension;
	double seconds;
	bool json;
	int rank, ranks;
	uint32_t *vectors; // [VECTORS][dimension]
	uint32_t *sum;
};

// MPI hands an operator nothing but the vectors.
static const struct weir_vector_ops *ops;

static void add_modular(void *in, void *in_out, int *count, MPI_Datatype *type)
{
	const void *source = in;

	ops->add_many(in_out, &source, 1, (size_t)*count);
}

// What rank r contributes as its i-th vector: the share of client r * VECTORS + i.
static int fill(struct reduce *reduce, struct share_source *source)
{
	int error = share_source_init(source, WEIR_MODULUS_M31, reduce->dimension, 352, 1);

	for (uint32_t i = 0; i < VECTORS && !error; i++)
		for (uint32_t chunk = 0; chunk < source->chunk_count; chunk++)
			memcpy(reduce->vectors + i * reduce->dimension +
					chunk * source->chunk_elements,
				share_source_chunk(
					source, (uint32_t)reduce->rank * VECTORS + i, chunk),
				weir_chunk_length(reduce->dimension, 352, chunk) *
					sizeof(*reduce->vectors));
	return error;
}

static void reduce_once(const struct reduce *reduce, MPI_Op op, uint64_t turn)
{
	MPI_Reduce(reduce->vectors + turn % VECTORS * reduce->dimension, reduce->sum,
		(int)reduce->dimension, MPI_UINT32_T, op, 0, MPI_COMM_WORLD);
}

// One sum of each rank's i-th vector, at the root.
static bool is_right(const struct reduce *reduce, const struct share_source *source, uint32_t i)
{
	const struct weir_kernels *kernels = weir_kernels_tier("reference");
	uint32_t *expected = calloc(reduce->dimension, sizeof(*expected));
	uint32_t *clients = calloc((size_t)reduce->ranks, sizeof(*clients));
	bool right = false;

	if (expected && clients) {
		for (int r = 0; r < reduce->ranks; r++)
			clients[r] = (uint32_t)r * VECTORS + i;
		right = share_source_add(source, kernels, clients, NULL, (uint32_t)reduce->ranks,
				expected) == 0 &&
			memcmp(reduce->sum, expected, reduce->dimension * sizeof(*expected)) == 0;
	}
	free(expected);
	free(clients);
	return right;
}

// The root decides when it is over, and says so between rounds.
static double measure(const struct reduce *reduce, MPI_Op op, uint64_t *turns)
{
	double begin, elapsed = 0;
	int more = 1;

	for (uint64_t i = 0; i < VECTORS; i++)
		reduce_once(reduce, op, i);
	MPI_Barrier(MPI_COMM_WORLD);
	begin = measure_now();
	while (more) {
		for (uint64_t i = 0; i < VECTORS; i++)
			reduce_once(reduce, op, i);
		*turns += VECTORS;
		elapsed = measure_now() - begin;
		more = elapsed < reduce->seconds;
		MPI_Bcast(&more, 1, MPI_INT, 0, MPI_COMM_WORLD);
	}
	return elapsed;
}

static void report(const struct reduce *reduce, double vectors, double elapsed)
{
	double received = vectors * (reduce->ranks - 1) * (double)reduce->dimension / elapsed;
	double summed = vectors * reduce->ranks * (double)reduce->dimension / elapsed;

	if (!reduce->json) {
		printf("%.3g elements/s received, %.3g with the root's own; the sum is right\n",
			received, summed);
		return;
	}
	json_t *line = json_pack("{s:s, s:i, s:I, s:f, s:f, s:f, s:b}", "program", "mpi_reduce",
		"ranks", reduce->ranks, "dimension", (json_int_t)reduce->dimension,
		"elements_per_second", received, "summed_per_second", summed, "elapsed", elapsed,
		"verified", true);
	json_dumpf(line, stdout, JSON_REAL_PRECISION(6) | JSON_PRESERVE_ORDER);
	printf("\n");
	json_decref(line);
}

static int run(struct reduce *reduce)
{
	size_t bytes = VECTORS * reduce->dimension * sizeof(*reduce->vectors);
	const struct weir_kernels *kernels = weir_kernels_select(getenv("WEIR_KERNELS_MASK"));
	struct share_source source = {0};
	uint64_t turns = 0;
	double elapsed;
	MPI_Op op;
	bool huge;

	reduce->vectors = huge_memory_new(bytes, &huge);
	reduce->sum = calloc(reduce->dimension, sizeof(*reduce->sum));
	if (!kernels || !reduce->vectors || !reduce->sum || fill(reduce, &source) != 0) {
		fprintf(stderr, "mpi_reduce: not enough memory\n");
		MPI_Abort(MPI_COMM_WORLD, 1);
		return 1;
	}
	ops = &kernels->ops[WEIR_MODULUS_M31];
	MPI_Op_create(add_modular, 1, &op);
	elapsed = measure(reduce, op, &turns);
	MPI_Op_free(&op);
	if (reduce->rank == 0) {
		if (!is_right(reduce, &source, VECTORS - 1)) {
			fprintf(stderr, "mpi_reduce: the sum is wrong\n");
			MPI_Abort(MPI_COMM_WORLD, 1);
		}
		report(reduce, (double)turns, elapsed);
	}
	share_source_free(&source);
	free(reduce->sum);
	huge_memory_free(reduce->vectors, bytes);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {{"dimension", required_argument, NULL, 'd'},
		{"seconds", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {0}};
	struct reduce reduce = {.dimension = 100000, .seconds = 1};
	bool good = true;
	int status;

	for (int option; good && (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (option) {
		case 'd': good = event_options_number(optarg, 1 << 28, &reduce.dimension); break;
		case 's':
			reduce.seconds = strtod(optarg, NULL);
			good = reduce.seconds > 0;
			break;
		case 'j': reduce.json = true; break;
		case 'h':
			printf("usage: mpirun -n 2 mpi_reduce [--dimension N] [--seconds S] "
			       "[--json]\n\nSums vectors mod 2^31-1 by MPI_Reduce.\n");
			return 0;
		default: good = false; break;
		}
	}
	if (!good || optind != argc) {
		fprintf(stderr, "mpi_reduce: wrong arguments; see mpi_reduce --help\n");
		return 2;
	}
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &reduce.rank);
	MPI_Comm_size(MPI_COMM_WORLD, &reduce.ranks);
	status = run(&reduce);
	MPI_Finalize();
	return status;
}
