// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agreement.h"
#include "receipt.h"

#define BATCH 4

static struct folder folder;
static struct weir_state_dir dir;
static struct fixture *fixture;
static struct weir_client_view view;
static struct weir_digest join;
static const char *const join_text = "{\"version\":1}";
static const uint8_t join_signature[WEIR_SIGNATURE_SIZE];
static char message[WEIR_CLIENT_TEXT_SIZE];

static void set_up(void)
{
	const struct weir_event_terms terms = fixture_terms(3);
	folder = folder_make();
	cr_assert_eq(weir_state_dir_open(&dir, folder.path, message), 0);
	fixture = fixture_make(&terms);
	cr_assert_eq(weir_digest(WEIR_CONTEXT_JOIN, join_text, strlen(join_text), &join), 0);
	view = (struct weir_client_view){.batch = BATCH};
	for (size_t i = 0; i < FIXTURE_AGGREGATORS; i++) {
		view.has_receipt[i] = true;
		cr_assert_eq(weir_receipt_sign(fixture->aggregators[i],
				     &fixture->announcement.event_digest, &join, BATCH,
				     view.receipts[i]),
			0);
	}
}

static void tear_down(void)
{
	weir_state_dir_close(&dir);
	folder_remove(&folder);
	fixture_free(fixture);
}

TestSuite(receipt, .init = set_up, .fini = tear_down);

static bool verify(void)
{
	return weir_receipts_verify(
		&fixture->client, &fixture->announcement.event_digest, &join, &view, message);
}

Test(receipt, verifies_only_with_every_signature)
{
	cr_assert(verify(), "%s", message);
	view.has_receipt[1] = false;
	cr_assert_not(verify());
	cr_assert_neq(strstr(message, "aggregator-1: its receipt is missing"), NULL);
	view.has_receipt[1] = true;
	view.receipts[2][10] ^= 1;
	cr_assert_not(verify());
	cr_assert_neq(strstr(message, "aggregator-2: its receipt does not verify"), NULL);
	view.receipts[2][10] ^= 1;
	view.batch++;
	cr_assert_not(verify());
	view.batch--;
	memcpy(view.receipts[0], view.receipts[1], WEIR_SIGNATURE_SIZE);
	cr_assert_not(verify(), "one aggregator's receipt for another's");
}

static void store(void)
{
	struct weir_stored_receipt stored = {.client = 17, .batch = BATCH, .clipped = 2};
	memset(&stored.input, 5, sizeof(stored.input));
	cr_assert_eq(weir_receipt_store(&fixture->client, &dir, &fixture->announcement.event_digest,
			     &stored, join_text, join_signature, &view),
		0, "%s", fixture->client.message);
}

static int load(struct weir_stored_receipt *stored)
{
	return weir_receipt_load(
		&fixture->client, &dir, &fixture->announcement.event_digest, stored);
}

Test(receipt, reads_back_what_it_stored)
{
	struct weir_stored_receipt stored;
	cr_assert_eq(load(&stored), -ENOENT);
	store();
	cr_assert_eq(load(&stored), 0, "%s", fixture->client.message);
	cr_assert_eq(stored.client, 17);
	cr_assert_eq(stored.batch, BATCH);
	cr_assert_eq(stored.clipped, 2);
	cr_assert_eq(stored.input.bytes[31], 5);
}

Test(receipt, refuses_a_file_that_was_cut_or_changed)
{
	struct weir_stored_receipt stored;
	char path[256], name[128];
	size_t length;
	store();
	snprintf(fixture->client.state, sizeof(fixture->client.state), "%s", folder.path);
	weir_receipt_path(
		&fixture->client, &fixture->announcement.event_digest, path, sizeof(path));
	snprintf(name, sizeof(name), "%s", path + strlen(folder.path) + 1);
	char *bytes = folder_read(&folder, name, &length);
	for (size_t cut = 0; cut + 1 < length; cut += 17) {
		folder_write(&folder, name, bytes, cut);
		cr_assert_eq(load(&stored), -EBADMSG, "%zu", cut);
	}
	bytes[length] = '\0';
	char *batch = strstr(bytes, "\"batch\": 4");
	cr_assert_neq(batch, NULL);
	batch[9] = '5';
	folder_write(&folder, name, bytes, length);
	cr_assert_eq(load(&stored), -EBADMSG);
	cr_assert_neq(strstr(fixture->client.message, "does not verify"), NULL);
	free(bytes);
}
