// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "join.h"
#include "random.h"
#include "sharing.h"
#include "split_store.h"

#define DIMENSION 37

static struct folder folder;
static struct weir_state_dir dir;
static struct fixture *fixture;
static uint64_t secret[DIMENSION];
static struct weir_ledger_tags tags;
static char message[WEIR_CLIENT_TEXT_SIZE];

static void set_up(void)
{
	const struct weir_event_terms terms = fixture_terms(DIMENSION);
	folder = folder_make();
	cr_assert_eq(weir_state_dir_open(&dir, folder.path, message), 0, "%s", message);
	fixture = fixture_make(&terms);
	for (uint64_t i = 0; i < DIMENSION; i++)
		secret[i] = i * i;
	memset(&tags, 3, sizeof(tags));
}

static void tear_down(void)
{
	weir_state_dir_close(&dir);
	folder_remove(&folder);
	fixture_free(fixture);
}

TestSuite(split, .init = set_up, .fini = tear_down);

static void make_split(struct weir_split *split)
{
	cr_assert_eq(weir_join_make(&fixture->client, &dir, &fixture->announcement, 3, secret,
			     &tags, 5, split),
		0, "%s", fixture->client.message);
}

static const struct weir_digest *event_of(void)
{
	return &fixture->announcement.event_digest;
}

static void expect_secret(const struct weir_split *split)
{
	const void *shares[FIXTURE_AGGREGATORS];
	uint64_t sum[DIMENSION];
	for (size_t i = 0; i < FIXTURE_AGGREGATORS; i++)
		shares[i] = weir_split_share(split, i);
	cr_assert_eq(weir_reconstruct(fixture->client.kernels, WEIR_MODULUS_M61, shares,
			     FIXTURE_AGGREGATORS, sum, DIMENSION),
		0);
	cr_assert_arr_eq(sum, secret, sizeof(secret));
}

Test(split, is_the_same_bytes_after_a_reload)
{
	struct weir_split first, again;
	struct weir_join join;
	make_split(&first);
	expect_secret(&first);
	cr_assert(weir_join_fits(&fixture->client, &fixture->announcement, &first, &join));
	cr_assert_eq(join.weight, 3);
	char *copy = malloc(first.size);
	memcpy(copy, first.map, first.size);
	size_t size = first.size;
	weir_split_close(&dir, &first);
	cr_assert_eq(weir_split_open(&dir, event_of(), &again), 0);
	cr_assert_eq(again.size, size);
	cr_assert_arr_eq(again.map, copy, size);
	cr_assert(weir_join_fits(&fixture->client, &fixture->announcement, &again, &join));
	cr_assert_eq(again.header->clipped, 5);
	expect_secret(&again);
	weir_split_close(&dir, &again);
	free(copy);
}

Test(split, is_mode_0600_and_has_no_temporary_file_beside_it)
{
	struct weir_split split;
	struct stat status;
	char temporary[128];
	make_split(&split);
	cr_assert_eq(fstatat(dir.fd, split.name, &status, 0), 0);
	cr_assert_eq(status.st_mode & 07777, 0600);
	snprintf(temporary, sizeof(temporary), "%s.tmp", split.name);
	cr_assert_neq(fstatat(dir.fd, temporary, &status, 0), 0);
	weir_split_close(&dir, &split);
}

Test(split, two_joins_share_nothing)
{
	struct weir_split first, second;
	struct weir_split_header header;
	make_split(&first);
	header = *first.header;
	uint64_t share[DIMENSION];
	memcpy(share, weir_split_share(&first, 0), sizeof(share));
	cr_assert_eq(weir_split_destroy(&dir, &first), 0);
	make_split(&second);
	cr_assert_neq(second.header->share_nonce, header.share_nonce);
	cr_assert_arr_neq(second.header->private_key, header.private_key, 32);
	cr_assert_arr_neq(weir_split_share(&second, 0), share, sizeof(share));
	weir_split_close(&dir, &second);
}

// Flips one byte of the file at each of many places.
Test(split, every_damage_is_found)
{
	struct weir_split split;
	char name[128];
	size_t length;
	make_split(&split);
	snprintf(name, sizeof(name), "%s", split.name);
	size_t end = split.size - sizeof(struct weir_split_position);
	weir_split_close(&dir, &split);
	char *bytes = folder_read(&folder, name, &length);
	for (size_t at = 0; at < end; at += at < 1400 ? 7 : 61) {
		bytes[at] ^= 0x10;
		folder_write(&folder, name, bytes, length);
		cr_assert_eq(weir_split_open(&dir, event_of(), &split), -EBADMSG, "byte %zu", at);
		bytes[at] ^= 0x10;
	}
	folder_write(&folder, name, bytes, length);
	cr_assert_eq(weir_split_open(&dir, event_of(), &split), 0);
	weir_split_close(&dir, &split);
	free(bytes);
}

Test(split, every_truncation_is_found)
{
	struct weir_split split;
	char name[128];
	size_t length;
	make_split(&split);
	snprintf(name, sizeof(name), "%s", split.name);
	weir_split_close(&dir, &split);
	char *bytes = folder_read(&folder, name, &length);
	for (size_t cut = 0; cut<length; cut += cut + 64> length ? 1 : 53) {
		folder_write(&folder, name, bytes, cut);
		cr_assert_eq(weir_split_open(&dir, event_of(), &split), -EBADMSG, "%zu", cut);
	}
	folder_write(&folder, name, bytes, length);
	cr_assert_eq(fchmodat(dir.fd, name, 0600, 0), 0);
	cr_assert_eq(weir_split_open(&dir, event_of(), &split), 0);
	weir_split_close(&dir, &split);
	free(bytes);
}

Test(split, refuses_what_others_can_read_and_what_is_no_file)
{
	struct weir_split split;
	make_split(&split);
	char name[128];
	snprintf(name, sizeof(name), "%s", split.name);
	weir_split_close(&dir, &split);
	cr_assert_eq(fchmodat(dir.fd, name, 0640, 0), 0);
	cr_assert_eq(weir_split_open(&dir, event_of(), &split), -EACCES);
	cr_assert_eq(unlinkat(dir.fd, name, 0), 0);
	cr_assert_eq(symlinkat("/etc/passwd", dir.fd, name), 0);
	cr_assert_eq(weir_split_open(&dir, event_of(), &split), -EACCES);
	cr_assert_eq(unlinkat(dir.fd, name, 0), 0);
	cr_assert_eq(weir_split_open(&dir, event_of(), &split), -ENOENT);
}

Test(split, of_another_event_is_refused)
{
	struct weir_split split;
	struct weir_digest other = *event_of();
	char name[128];
	make_split(&split);
	other.bytes[0] ^= 1;
	weir_split_name(&other, name, sizeof(name));
	cr_assert_eq(renameat(dir.fd, split.name, dir.fd, name), 0);
	weir_split_close(&dir, &split);
	cr_assert_eq(weir_split_open(&dir, &other, &split), -EBADMSG);
}

Test(split, fits_only_its_announcement_and_key)
{
	const struct weir_event_terms terms = fixture_terms(DIMENSION);
	struct fixture *other = fixture_make(&terms);
	struct weir_split split;
	struct weir_join join;
	make_split(&split);
	cr_assert_not(weir_join_fits(&fixture->client, &other->announcement, &split, &join));
	cr_assert_not(weir_join_fits(&other->client, &fixture->announcement, &split, &join));
	weir_split_close(&dir, &split);
	fixture_free(other);
}

Test(split, keeps_the_index_and_takes_a_torn_one_for_none)
{
	struct weir_split split;
	uint32_t index = 0;
	make_split(&split);
	cr_assert_not(weir_split_get_client(&split, &index));
	cr_assert_eq(weir_split_set_client(&split, 0), 0);
	cr_assert(weir_split_get_client(&split, &index));
	cr_assert_eq(weir_split_set_client(&split, 123456), 0);
	weir_split_close(&dir, &split);
	cr_assert_eq(weir_split_open(&dir, event_of(), &split), 0);
	cr_assert(weir_split_get_client(&split, &index));
	cr_assert_eq(index, 123456);
	cr_assert_eq(pwrite(split.fd, "\x99", 1, (off_t)split.size - 24), 1);
	cr_assert_not(weir_split_get_client(&split, &index));
	weir_split_close(&dir, &split);
	cr_assert_eq(weir_split_open(&dir, event_of(), &split), 0, "a torn index is no damage");
	weir_split_close(&dir, &split);
}

Test(split, destroyed_is_gone_and_overwritten)
{
	struct weir_split split;
	make_split(&split);
	int fd = openat(dir.fd, split.name, O_RDONLY);
	size_t size = split.size;
	cr_assert_eq(weir_split_destroy(&dir, &split), 0);
	cr_assert_eq(weir_split_open(&dir, event_of(), &split), -ENOENT);
	char *bytes = malloc(size);
	cr_assert_eq(pread(fd, bytes, size, 0), (ssize_t)size);
	for (size_t i = 0; i < size; i++)
		cr_assert_eq(bytes[i], 0);
	close(fd);
	free(bytes);
}

// What a process that died while it destroyed, or while it made, a split leaves behind.
Test(split, half_destroyed_is_no_split_and_is_cleared_away)
{
	static const char *const suffixes[] = {".gone", ".tmp"};
	struct weir_split split;
	char left[160];
	for (size_t i = 0; i < 2; i++) {
		make_split(&split);
		snprintf(left, sizeof(left), "%s%s", split.name, suffixes[i]);
		size_t size = split.size;
		cr_assert_eq(renameat(dir.fd, split.name, dir.fd, left), 0);
		weir_split_close(&dir, &split);
		int fd = openat(dir.fd, left, O_RDONLY);
		cr_assert_eq(weir_split_open(&dir, event_of(), &split), -ENOENT);
		cr_assert_eq(weir_split_clear(&dir, event_of()), 0);
		cr_assert_neq(faccessat(dir.fd, left, F_OK, 0), 0);
		char *bytes = malloc(size);
		cr_assert_eq(pread(fd, bytes, size, 0), (ssize_t)size);
		for (size_t k = 0; k < size; k++)
			cr_assert_eq(bytes[k], 0);
		close(fd);
		free(bytes);
	}
	cr_assert_eq(weir_split_clear(&dir, event_of()), 0);
}

Test(split, clearing_leaves_a_split_alone)
{
	struct weir_split split;
	make_split(&split);
	weir_split_close(&dir, &split);
	cr_assert_eq(weir_split_clear(&dir, event_of()), 0);
	cr_assert_eq(weir_split_open(&dir, event_of(), &split), 0);
	expect_secret(&split);
	weir_split_close(&dir, &split);
}

Test(split, never_published_leaves_nothing)
{
	struct weir_split split;
	struct weir_split_header header = {.modulus = WEIR_MODULUS_M61,
		.share_count = 2,
		.dimension = 5,
		.event = *event_of()};
	cr_assert_eq(weir_split_create(&dir, &header, &split), 0);
	weir_split_close(&dir, &split);
	cr_assert_eq(weir_split_open(&dir, event_of(), &split), -ENOENT);
	header.share_count = 1;
	cr_assert_eq(weir_split_create(&dir, &header, &split), -EINVAL);
	header.share_count = 2;
	header.modulus = 9;
	cr_assert_eq(weir_split_create(&dir, &header, &split), -EINVAL);
}

Test(state_dir, that_others_can_enter_is_refused)
{
	struct folder own = folder_make();
	struct weir_state_dir open_dir;
	cr_assert_eq(chmod(own.path, 0755), 0);
	cr_assert_eq(weir_state_dir_open(&open_dir, own.path, message), -EACCES);
	cr_assert_neq(strstr(message, "chmod 700"), NULL);
	folder_remove(&own);
}

Test(state_dir, locks_an_event_once)
{
	struct folder own = folder_make();
	struct weir_state_dir one, two;
	struct weir_digest event = {{1, 2, 3, 4}}, other = {{5, 6, 7, 8}};
	cr_assert_eq(weir_state_dir_open(&one, own.path, message), 0);
	cr_assert_eq(weir_state_dir_open(&two, own.path, message), 0);
	cr_assert_eq(weir_state_dir_lock_event(&one, &event), 0);
	cr_assert_eq(weir_state_dir_lock_event(&two, &event), -EBUSY);
	cr_assert_eq(weir_state_dir_lock_event(&two, &other), 0);
	weir_state_dir_close(&one);
	cr_assert_eq(weir_state_dir_lock_event(&two, &event), 0);
	weir_state_dir_close(&two);
	folder_remove(&own);
}
