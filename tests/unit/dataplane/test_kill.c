// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Killed at any instruction: each command is carried out by a child process, one machine instruction at a
// time. Whenever the shared memory has changed, a copy of it is what a kill at this instruction would leave
// behind. Another dataplane takes the copy over, is given the command once more, and must come to the end
// that the command has undisturbed.

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "commit.h"
#include "rig.h"

#define EVENT     6
#define CHUNK     16
#define DIMENSION UINT64_C(40) // three chunks
#define SLOTS     6
#define CLIENTS   8
#define ARENA     (UINT64_C(64) << 10)

// Client i has weight i + 1. Client 0 is sealed in batch 1; 1, 2 and 3 are complete, 4 has joined, 5 lacks its
// last chunk.
static struct rig rig;
static struct weir_link_event_open request;
static char folder[RIG_FOLDER], copies[RIG_FOLDER];
static int snapshot; // client 0's vector, for RESTORE

static struct event *event_now(void)
{
	return event_lookup(&rig.table, EVENT);
}

static void stage(uint32_t client, uint32_t first, uint32_t end)
{
	void *vector = rig_vector(event_now(), client);

	for (uint32_t chunk = first; chunk < end; chunk++) {
		struct rte_mbuf *share = rig_share(&rig, event_now(), client, chunk, vector);

		rig_stage(&rig, 0, share);
		free(share);
	}
	free(vector);
}

static const uint32_t clients[] = {0, 1, 2, 3, 4, 5, 6, 7};

static void make_base(void)
{
	rig_open(&rig, &request);
	for (uint32_t i = 0; i < 4; i++)
		rig_complete(&rig, event_now(), i, i + 1);
	rig_commit_now(&rig, event_now(), 1, clients, 1);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 1), 0);
	rig_join(&rig, EVENT, 4, 5);
	rig_join(&rig, EVENT, 5, 6);
	rig_admit(&rig, EVENT, 5);
	stage(5, 0, 2);
}

static void check_sum(uint32_t end)
{
	for (uint64_t i = 0; i < DIMENSION; i++) {
		uint64_t sum = 0;

		for (uint32_t client = 0; client < end; client++)
			sum = rig_add(request.modulus, sum, client + UINT64_C(1),
				rig_element(request.modulus, client, i));
		cr_assert_eq(rig_held(&rig, event_now(), i), sum, "not the sum of %u", end);
	}
}

static uint32_t held(void)
{
	return (uint32_t)(event_now()->shared->held >> 1);
}

static void expect_state(uint32_t first, uint32_t end, uint32_t state)
{
	for (uint32_t i = first; i < end; i++)
		cr_assert_eq(rig_state(event_now(), i), state, "client %u is %u", i,
			rig_state(event_now(), i));
}

// Batch 2 adds clients 1 and 2.
static struct weir_link_commit commit_2(void)
{
	struct weir_link_commit commit = {
		.event = EVENT, .batch = 2, .count_after = 3, .weight_after = 6, .count = 2};

	memset(commit.set_digest_after, 2, sizeof(commit.set_digest_after));
	return commit;
}

static void open_2(void)
{
	struct weir_link_commit commit = commit_2();
	enum commit_outcome outcome;
	uint32_t refused;

	cr_assert_eq(commit_open(&rig.table, &commit, clients + 1, &refused, &outcome), 0);
	cr_assert_neq(outcome, COMMIT_LOST);
}

static void compute(void)
{
	while (commit_slice(&rig.workers[0]))
		;
}

static void flip(void)
{
	uint32_t number, batch;

	(void)commit_finish_next(&rig.table, &number, &batch);
}

static void prepare_flip(void)
{
	open_2();
	compute();
}

static void prepare_flipped(void)
{
	prepare_flip();
	flip();
}

// Whatever of batch 2 there is: the sum is that of the batch held, and COMMIT, SEAL lead to the end.
static void commit_in_full(void)
{
	check_sum(held() == 2 ? 3 : 1);
	prepare_flipped();
	check_sum(3);
	expect_state(1, 3, WEIR_CLIENT_COMMITTED);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 2), 0);
	expect_state(0, 3, WEIR_CLIENT_SEALED);
	cr_assert_eq(event_now()->shared->slots_used, 2);
}

static void seal(void)
{
	(void)commit_seal(&rig.table, EVENT, 2);
}

static void seal_again(void)
{
	cr_assert_eq(held(), 2);
	seal();
	check_sum(3);
	expect_state(0, 3, WEIR_CLIENT_SEALED);
	cr_assert_eq(event_now()->shared->slots_used, 2);
	cr_assert_eq(event_now()->free_slot_count, SLOTS - 2);
	cr_assert_eq(commit_rollback(&rig.table, EVENT, 2), -ESTALE);
}

static void roll_back(void)
{
	(void)commit_rollback(&rig.table, EVENT, 2);
}

static void roll_back_again(void)
{
	roll_back();
	cr_assert_eq(held(), 1);
	check_sum(1);
	expect_state(1, 4, WEIR_CLIENT_COMPLETE);
	rig_commit_now(&rig, event_now(), 3, clients + 1, 3);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 3), 0);
	check_sum(4);
}

static void abort_3(void)
{
	uint32_t refused;

	(void)event_abort(&rig.table, EVENT, clients + 3, 1, &refused);
}

static void abort_again(void)
{
	abort_3();
	expect_state(3, 4, WEIR_CLIENT_ABORTED);
	cr_assert_eq(event_now()->clients[3].slot, WEIR_NO_SLOT);
	cr_assert_eq(event_now()->free_slot_count, SLOTS - 3);
	check_sum(1);
}

static void admit_4(void)
{
	uint32_t refused;

	(void)event_admit(&rig.table, EVENT, clients + 4, 1, &refused);
}

static void admit_again(void)
{
	admit_4();
	cr_assert_eq(event_now()->free_slot_count, SLOTS - 5);
	stage(4, 0, 3);
	expect_state(4, 5, WEIR_CLIENT_COMPLETE);
	rig_commit_now(&rig, event_now(), 2, clients + 1, 4);
	check_sum(5);
}

static void add_6(void)
{
	struct weir_link_client client = rig_client(6, 7);
	uint32_t refused;

	(void)event_add_clients(&rig.table, EVENT, &client, 1, &refused);
}

static void add_again(void)
{
	add_6();
	cr_assert_eq(event_now()->clients_joined, 7);
	rig_admit(&rig, EVENT, 6);
	stage(6, 0, 3);
	expect_state(6, 7, WEIR_CLIENT_COMPLETE);
}

static struct rte_mbuf *last_share;

static void prepare_last_share(void)
{
	void *vector = rig_vector(event_now(), 5);

	last_share = rig_share(&rig, event_now(), 5, 2, vector);
	free(vector);
}

static void stage_last(void)
{
	rig_stage(&rig, 0, last_share);
}

static void stage_again(void)
{
	cr_assert_geq(event_now()->clients[5].received, 2);
	stage(5, 0, 3);
	expect_state(5, 6, WEIR_CLIENT_COMPLETE);
	cr_assert_eq(event_now()->clients[5].received, 3);
	rig_admit(&rig, EVENT, 4);
	stage(4, 0, 3);
	rig_commit_now(&rig, event_now(), 2, clients + 1, 5);
	check_sum(6);
}

static void freeze(void)
{
	(void)event_freeze(&rig.table, EVENT);
}

static void freeze_again(void)
{
	freeze();
	cr_assert_eq(event_now()->shared->state, WEIR_SHM_EVENT_FROZEN);
	check_sum(1);
}

static void restore(void)
{
	struct weir_link_restore message = {
		.event = EVENT, .batch = 4, .count = 1, .weight = 1, .set_digest = {9}};

	(void)commit_restore(&rig.table, &message, snapshot);
}

static void restore_again(void)
{
	check_sum(1); // both are client 0's vector
	restore();
	cr_assert_eq(held(), 4);
	check_sum(1);
	cr_assert_eq(commit_seal(&rig.table, EVENT, 4), 0);
	rig_commit_now(&rig, event_now(), 5, clients + 1, 2);
	check_sum(3);
}

// A dataplane is killed while it takes over what one left that was killed in the middle of SEAL.
static void prepare_adoption(void)
{
	prepare_flipped();
	event_now()->shared->sealed_batch = 2;
	event_now()->clients[1].state = WEIR_CLIENT_SEALED;
	rig_abandon(&rig);
	rig_make_in(&rig, ARENA, folder);
}

static void open_event(void)
{
	(void)event_open(&rig.table, &request);
}

static void close_event(void)
{
	(void)event_close(&rig.table, EVENT);
}

// All of it is there or nothing.
static void close_again(void)
{
	if (rig_state(event_now(), 0) == WEIR_CLIENT_SEALED)
		commit_in_full();
	else
		expect_state(0, CLIENTS, WEIR_CLIENT_NONE);
}

static const struct command {
	const char *name;
	void (*prepare)(void);
	void (*act)(void);   // in the child
	void (*again)(void); // in whoever takes the copy over, and then checks
	unsigned changes;    // of the memory, at least
} commands[] = {
	{"COMMIT", NULL, open_2, commit_in_full, 1},
	{"computation", open_2, compute, commit_in_full, 5},
	{"flip", prepare_flip, flip, commit_in_full, 6},
	{"SEAL", prepare_flipped, seal, seal_again, 6},
	{"ROLLBACK before the flip", open_2, roll_back, roll_back_again, 2},
	{"ROLLBACK", prepare_flipped, roll_back, roll_back_again, 5},
	{"CLIENT_ABORT", NULL, abort_3, abort_again, 5},
	{"CLIENT_ADMIT", NULL, admit_4, admit_again, 3},
	{"CLIENT_ADD", NULL, add_6, add_again, 2},
	{"a last chunk", prepare_last_share, stage_last, stage_again, 4},
	{"FREEZE", NULL, freeze, freeze_again, 1},
	{"RESTORE", NULL, restore, restore_again, 6},
	{"EVENT_OPEN of what was left", prepare_adoption, open_event, seal_again, 4},
	{"EVENT_CLOSE", NULL, close_event, close_again, 5},
};

// What the copy leads to.
static void take_over(
	const struct command *command, const void *copy, size_t size, const char *name)
{
	struct rig original = rig;
	char path[256];
	int file;

	snprintf(path, sizeof(path), "%s/%s", copies, name);
	file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	cr_assert_eq(write(file, copy, size), (ssize_t)size);
	close(file);
	rig_make_in(&rig, ARENA, copies);
	rig_open(&rig, &request);
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (rig_state(event_now(), i) != WEIR_CLIENT_NONE)
			rig_join(&rig, EVENT, i, i + 1);
	command->again();
	event_close(&rig.table, EVENT);
	rig_free(&rig);
	rig = original;
}

static pid_t start_child(const struct command *command)
{
	pid_t child = fork();
	int status;

	cr_assert_geq(child, 0);
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		command->act();
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSTOPPED(status), "no ptrace here");
	return child;
}

// Returns after how many instructions the child had ended.
static unsigned long step(const struct command *command, pid_t child, unsigned *changes)
{
	size_t size = rig.table.memory->total_size;
	void *copy = malloc(size);
	char *path = strdup(rig.table.memory_path);
	unsigned long steps = 0;
	int status;

	memcpy(copy, rig.table.memory, size);
	for (;; steps++) {
		cr_assert_eq(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		cr_assert_eq(waitpid(child, &status, 0), child);
		if (!WIFSTOPPED(status))
			break;
		if (memcmp(copy, rig.table.memory, size) == 0)
			continue;
		memcpy(copy, rig.table.memory, size);
		++*changes;
		take_over(command, copy, size, basename(path));
	}
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	free(path);
	free(copy);
	return steps;
}

static void setup(void)
{
	void *vector;

	rig_folder(folder, "/dev/shm");
	rig_folder(copies, "/dev/shm");
	request = rig_request(EVENT, WEIR_MODULUS_M31, DIMENSION, CHUNK, CLIENTS, SLOTS);
	rig_make_in(&rig, ARENA, folder);
	vector = rig_vector(rig_open(&rig, &request), 0);
	snapshot = memfd_create("snapshot", MFD_CLOEXEC);
	cr_assert_eq(write(snapshot, vector, DIMENSION * 4), (ssize_t)(DIMENSION * 4));
	free(vector);
	event_close(&rig.table, EVENT);
	rig_free(&rig);
}

static void teardown(void)
{
	cr_assert_eq(rmdir(folder), 0);
	cr_assert_eq(rmdir(copies), 0);
}

Test(kill, at_any_instruction_leaves_all_or_nothing, .init = setup, .fini = teardown,
	.timeout = 600)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *command = &commands[i];
		unsigned changes = 0;

		rig_make_in(&rig, ARENA, folder);
		make_base();
		if (command->prepare)
			command->prepare();
		unsigned long steps = step(command, start_child(command), &changes);
		fprintf(stderr, "%s: %lu instructions, %u states of memory\n", command->name, steps,
			changes);
		cr_assert_geq(changes, command->changes, "%s has not happened", command->name);
		close_event();
		rig_abandon(&rig);
		rig_make_in(&rig, ARENA, folder);
		close_event();
		rig_free(&rig);
	}
}
