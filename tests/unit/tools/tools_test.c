// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "tools_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agreement.h"

struct folder folder_make(void)
{
	struct folder folder = {"/tmp/weir-test-XXXXXX"};
	cr_assert_neq(mkdtemp(folder.path), NULL);
	return folder;
}

void folder_remove(const struct folder *folder)
{
	DIR *dir = opendir(folder->path);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	rmdir(folder->path);
}

void folder_write(const struct folder *folder, const char *name, const void *bytes, size_t length)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(weir_write_all(fd, bytes, length), 0);
	close(fd);
}

char *folder_read(const struct folder *folder, const char *name, size_t *length)
{
	char path[256];
	struct stat status;
	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	int fd = open(path, O_RDONLY);
	cr_assert_geq(fd, 0, "%s is missing", path);
	cr_assert_eq(fstat(fd, &status), 0);
	*length = (size_t)status.st_size;
	char *bytes = malloc(*length + 1);
	cr_assert_eq(read(fd, bytes, *length), (ssize_t)*length);
	close(fd);
	return bytes;
}

struct weir_event_terms fixture_terms(uint64_t dimension)
{
	struct weir_event_terms terms = {
		.job = "test",
		.round = 1,
		.modulus = WEIR_MODULUS_M61,
		.dimension = dimension,
		.chunk_elements = 16,
		.encoding = {.is_signed = true, .bound = 1000},
		.max_clients = 100,
		.max_weight = 4,
		.min_clients = 2,
		.announced_ms = 1767225600000,
		.deadline_ms = 1767225900000,
		.admit_timeout_ms = 30000,
		.collector_count = 1,
	};
	memset(terms.collectors[0].bytes, 7, WEIR_IDENTITY_SIZE);
	return terms;
}

static struct weir_signed_text make_offer(
	struct fixture *fixture, const struct weir_digest *event, size_t i)
{
	struct weir_signed_text signed_offer = {0};
	struct weir_offer offer = {
		.event = *event,
		.aggregator = *weir_signing_key_identity(fixture->aggregators[i]),
		.number = (uint32_t)(i + 5),
		.slots = 4,
		.min_clients = 2,
	};
	memcpy(offer.key, fixture->agreements[i].public_key, sizeof(offer.key));
	snprintf(offer.endpoint, sizeof(offer.endpoint), "127.0.0.1:%zu", 20000 + i);
	snprintf(offer.url, sizeof(offer.url), "http://127.0.0.1:%zu", 20000 + i);
	signed_offer.text = weir_offer_format(&offer);
	cr_assert_neq(signed_offer.text, NULL);
	cr_assert_eq(weir_sign(fixture->aggregators[i], WEIR_CONTEXT_OFFER, signed_offer.text,
			     strlen(signed_offer.text), signed_offer.signature),
		0);
	return signed_offer;
}

static void set_up_client(struct fixture *fixture)
{
	struct weir_client *client = &fixture->client;
	client->key = weir_signing_key_generate();
	cr_assert_neq(client->key, NULL);
	client->kernels = weir_kernels_select(NULL);
	client->aggregator_count = FIXTURE_AGGREGATORS;
	client->timeout_ms = 10000;
	for (size_t i = 0; i < FIXTURE_AGGREGATORS; i++) {
		client->aggregators[i].identity =
			*weir_signing_key_identity(fixture->aggregators[i]);
		snprintf(client->aggregators[i].name, sizeof(client->aggregators[i].name),
			"aggregator-%zu", i);
	}
}

struct fixture *fixture_make(const struct weir_event_terms *given)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct weir_event_terms terms = *given;
	struct weir_signed_text offers[FIXTURE_AGGREGATORS];
	struct weir_document_error error = {""};
	struct weir_digest event;
	cr_assert_neq(fixture, NULL);
	fixture->agreements = calloc(FIXTURE_AGGREGATORS, sizeof(*fixture->agreements));
	terms.aggregator_count = FIXTURE_AGGREGATORS;
	for (size_t i = 0; i < FIXTURE_AGGREGATORS; i++) {
		fixture->aggregators[i] = weir_signing_key_generate();
		cr_assert_neq(fixture->aggregators[i], NULL);
		cr_assert_eq(weir_agreement_generate(&fixture->agreements[i]), 0);
		terms.aggregators[i] = *weir_signing_key_identity(fixture->aggregators[i]);
	}
	char *text = weir_event_format(&terms);
	cr_assert_neq(text, NULL);
	cr_assert_eq(weir_digest(WEIR_CONTEXT_EVENT, text, strlen(text), &event), 0);
	for (size_t i = 0; i < FIXTURE_AGGREGATORS; i++)
		offers[i] = make_offer(fixture, &event, i);
	cr_assert_eq(weir_announcement_make(text, offers, FIXTURE_AGGREGATORS,
			     fixture->aggregators[0], &fixture->announcement, &error),
		0, "%s", error.message);
	for (size_t i = 0; i < FIXTURE_AGGREGATORS; i++)
		free(offers[i].text);
	free(text);
	set_up_client(fixture);
	return fixture;
}

void fixture_free(struct fixture *fixture)
{
	for (size_t i = 0; i < FIXTURE_AGGREGATORS; i++)
		weir_signing_key_free(fixture->aggregators[i]);
	weir_signing_key_free(fixture->client.key);
	weir_announcement_clear(&fixture->announcement);
	free(fixture->agreements);
	free(fixture);
}

uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}
