// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "join.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"
#include "one_shot.h"
#include "random.h"
#include "sharing.h"

// The signed join text, from the fields that are in the header.
static int write_join(struct weir_client *client, uint32_t weight, const uint8_t public_key[32],
	struct weir_split_header *header)
{
	struct weir_join join = {
		.event = header->event, .offers = header->offers, .weight = weight};
	join.identity = *weir_signing_key_identity(client->key);
	memcpy(join.key, public_key, sizeof(join.key));
	char *text = weir_join_format(&join);
	if (text == NULL)
		return -errno;
	int error = strlen(text) < sizeof(header->join) ? 0 : -EMSGSIZE;
	if (error == 0) {
		strcpy(header->join, text);
		error = weir_sign(
			client->key, WEIR_CONTEXT_JOIN, text, strlen(text), header->join_signature);
	}
	free(text);
	return error;
}

static int fill_split(struct weir_client *client, const void *elements, struct weir_split *split)
{
	void *shares[WEIR_AGGREGATORS_MAX];
	const struct weir_split_header *header = split->header;
	for (size_t i = 0; i < header->share_count; i++)
		shares[i] = weir_split_share(split, i);
	return weir_split(client->kernels, (enum weir_modulus)header->modulus, elements,
		header->dimension, shares, header->share_count);
}

int weir_join_make(struct weir_client *client, const struct weir_state_dir *dir,
	const struct weir_announcement *announcement, uint32_t weight, const void *elements,
	const struct weir_ledger_tags *tags, uint64_t clipped, struct weir_split *split)
{
	struct weir_agreement_pair pair;
	struct weir_split_header header = {
		.modulus = (uint32_t)announcement->terms.modulus,
		.share_count = (uint32_t)announcement->terms.aggregator_count,
		.dimension = announcement->terms.dimension,
		.event = announcement->event_digest,
		.offers = announcement->offers_digest,
		.tags = *tags,
		.clipped = clipped,
	};
	int error = weir_agreement_generate(&pair);
	if (error == 0)
		error = weir_random_bytes(&header.share_nonce, sizeof(header.share_nonce));
	if (error == 0) {
		memcpy(header.private_key, pair.private_key, sizeof(header.private_key));
		error = write_join(client, weight, pair.public_key, &header);
	}
	weir_wipe(&pair, sizeof(pair));
	if (error == 0)
		error = weir_split_create(dir, &header, split);
	weir_wipe(&header, sizeof(header));
	if (error != 0)
		return weir_client_fail(client, error, "%s: cannot make the split's file: %s%s",
			dir->path, strerror(-error), weir_room_advice(error));
	error = fill_split(client, elements, split);
	if (error == 0)
		error = weir_split_publish(dir, split);
	if (error != 0) {
		weir_split_close(dir, split);
		return weir_client_fail(client, error, "%s: cannot make or keep the split: %s%s",
			dir->path, strerror(-error), weir_room_advice(error));
	}
	return 0;
}

bool weir_join_fits(const struct weir_client *client, const struct weir_announcement *announcement,
	const struct weir_split *split, struct weir_join *join)
{
	struct weir_document_error error;
	const struct weir_split_header *header = split->header;
	const struct weir_identity *self = weir_signing_key_identity(client->key);
	return weir_join_parse(header->join, join, &error) == 0 &&
	       weir_identity_equal(&join->identity, self) &&
	       weir_verify(self, WEIR_CONTEXT_JOIN, header->join, strlen(header->join),
		       header->join_signature) &&
	       memcmp(&join->event, &announcement->event_digest, sizeof(join->event)) == 0 &&
	       memcmp(&join->offers, &announcement->offers_digest, sizeof(join->offers)) == 0 &&
	       header->modulus == (uint32_t)announcement->terms.modulus &&
	       header->dimension == announcement->terms.dimension &&
	       header->share_count == announcement->terms.aggregator_count;
}

// The name that the config gives an aggregator of the event.
static const char *name_of(const struct weir_client *client, const struct weir_identity *identity)
{
	for (size_t i = 0; i < client->aggregator_count; i++)
		if (weir_identity_equal(&client->aggregators[i].identity, identity))
			return client->aggregators[i].name;
	return "an aggregator";
}

static int fill_peer(struct weir_client *client, const struct weir_announcement *announcement,
	const struct weir_split *split, size_t i, struct weir_sender_peer *peer)
{
	const struct weir_offer *offer = &announcement->offers[i];
	peer->name = name_of(client, &offer->aggregator);
	peer->event = offer->number;
	peer->share = weir_split_share(split, i);
	int error = weir_endpoint_parse(offer->endpoint, &peer->address, &peer->address_length);
	if (error != 0)
		return weir_client_fail(client, error, "%s: its endpoint '%s' is not an address",
			peer->name, offer->endpoint);
	error = weir_agree(split->header->private_key, offer->key, &announcement->event_digest,
		weir_signing_key_identity(client->key), &offer->aggregator, &peer->keys);
	if (error != 0)
		return weir_client_fail(
			client, error, "%s: its key in the offer is not usable", peer->name);
	return 0;
}

// All but what is the caller's. Returns 0 or -errno; peers hold keys either way.
static int fill_setup(struct weir_client *client, const struct weir_announcement *announcement,
	const struct weir_split *split, uint32_t index, struct weir_sender_setup *setup,
	struct weir_sender_peer *peers)
{
	int error = 0;
	setup->peers = peers;
	setup->peer_count = announcement->terms.aggregator_count;
	setup->client = index;
	setup->modulus = announcement->terms.modulus;
	setup->dimension = announcement->terms.dimension;
	setup->chunk_elements = announcement->terms.chunk_elements;
	setup->share_nonce = split->header->share_nonce;
	setup->cancelled = &client->cancelled;
	for (size_t i = 0; i < setup->peer_count && error == 0; i++)
		error = fill_peer(client, announcement, split, i, &peers[i]);
	return error;
}

int weir_join_send_once(struct weir_client *client, const struct weir_announcement *announcement,
	const struct weir_split *split, uint32_t index, uint64_t rate,
	struct weir_sender_setup *setup)
{
	struct weir_sender_peer peers[WEIR_AGGREGATORS_MAX] = {0};
	int error = fill_setup(client, announcement, split, index, setup, peers);
	if (error == 0)
		error = weir_one_shot(setup, announcement->terms.fec, rate, client->message);
	weir_wipe(peers, sizeof(peers));
	return error;
}

struct weir_sender *weir_join_sender(struct weir_client *client,
	const struct weir_announcement *announcement, const struct weir_split *split,
	uint32_t index, struct weir_sender_setup *setup)
{
	struct weir_sender_peer peers[WEIR_AGGREGATORS_MAX] = {0};
	struct weir_sender *sender = NULL;
	int error = fill_setup(client, announcement, split, index, setup, peers);
	if (error == 0) {
		sender = weir_sender_new(setup, client->message);
		error = sender == NULL ? -errno : 0;
	}
	weir_wipe(peers, sizeof(peers));
	errno = -error;
	return sender;
}
