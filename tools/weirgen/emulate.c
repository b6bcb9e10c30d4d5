// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "emulate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"
#include "random.h"
#include "say.h"
#include "share_packet.h"

#define EVENT_WAIT_S 120

// Where an aggregator receives, and by which of our ports: its own if each has one.
static int take_offer(struct load_aggregator *aggregator, const struct weir_offer *offer,
	const struct weir_generator_config *config, size_t index, size_t count)
{
	struct sockaddr_storage address;
	socklen_t length;

	aggregator->event_number = offer->number;
	aggregator->port = config->dataplane.port_count == count ? (unsigned)index : 0;
	if (weir_endpoint_parse(offer->endpoint, &address, &length) != 0 ||
		address.ss_family != AF_INET) {
		say("%s: its endpoint %s is not an IPv4 address, and weirgen sends to no other",
			config->emulated.aggregators[index].name, offer->endpoint);
		return -EAFNOSUPPORT;
	}
	const struct sockaddr_in *ipv4 = (const void *)&address;

	aggregator->address = ipv4->sin_addr;
	aggregator->udp_port = ntohs(ipv4->sin_port);
	aggregator->has_mac = config->has_mac;
	memcpy(aggregator->mac, config->mac, sizeof(aggregator->mac));
	return 0;
}

// Each aggregator's shares have a seed of their own; a client's vector is by construction their sum.
static int take_event(struct load_event *event, const struct weir_announcement *announcement,
	const struct weir_generator_config *config)
{
	const struct weir_event_terms *terms = &announcement->terms;
	uint64_t seed;
	int error = 0;

	*event = (struct load_event){
		.modulus = terms->modulus,
		.dimension = terms->dimension,
		.chunk_elements = terms->chunk_elements,
		.chunk_count = weir_chunk_count(terms->dimension, terms->chunk_elements),
		.clients = config->emulated.clients,
		.target_clients = config->emulated.clients,
		.max_weight = config->emulated.max_weight,
		.first = config->emulated.first,
		.aggregator_count = (uint32_t)terms->aggregator_count,
		.units = config->emulated.clients * (uint32_t)terms->aggregator_count,
		.index_count = terms->max_clients,
		.admit_timeout_ms = terms->admit_timeout_ms,
	};
	if (terms->target_clients > 0 && terms->target_clients < event->target_clients)
		event->target_clients = terms->target_clients;
	memcpy(&seed, config->emulated.seed, sizeof(seed));
	for (uint32_t i = 0; error == 0 && i < event->aggregator_count; i++) {
		error = take_offer(&event->aggregators[i], &announcement->offers[i], config, i,
			event->aggregator_count);
		if (error == 0)
			error = share_source_init(&event->aggregators[i].source, event->modulus,
				event->dimension, event->chunk_elements, seed + 1 + i);
	}
	if (error != 0)
		return error;
	event->indexes = calloc(event->clients, sizeof(*event->indexes));
	event->clients_by_index = malloc(event->index_count * sizeof(*event->clients_by_index));
	event->keys = calloc(event->units, sizeof(*event->keys));
	event->share_nonces = calloc(event->clients, sizeof(*event->share_nonces));
	event->ends = calloc(event->units, sizeof(*event->ends));
	if (!event->indexes || !event->clients_by_index || !event->keys || !event->share_nonces ||
		!event->ends) {
		say("out of memory");
		return -ENOMEM;
	}
	memset(event->clients_by_index, 0xff,
		event->index_count * sizeof(*event->clients_by_index));
	return 0;
}

static int check_terms(
	const struct weir_event_terms *terms, const struct weir_emulated_config *config)
{
	if (terms->max_clients < config->clients)
		say("the event takes %" PRIu32 " clients, the config has %" PRIu32,
			terms->max_clients, config->clients);
	else if (terms->max_weight < config->max_weight)
		say("the event's max_weight is %" PRIu32 ", the config's %" PRIu32,
			terms->max_weight, config->max_weight);
	else
		return 0;
	return -EINVAL;
}

// As the first client, whom the leader tells of events: a collector has to know which one it wants.
static int find_event(struct emulation *emulation, const char *event_id)
{
	const struct weir_emulated_config *config = &emulation->config->emulated;
	struct weir_signing_key *key = emulate_key(config, config->first);
	struct weir_client *client =
		key ? emulate_context(config, key, emulation->interrupted) : NULL;
	struct weir_digest digest;
	int error = 0;

	if (!client)
		return -EIO;
	if (event_id && strcmp(event_id, "latest") != 0)
		snprintf(emulation->id, sizeof(emulation->id), "%s", event_id);
	else
		error = weir_client_latest(client, EVENT_WAIT_S, emulation->id);
	if (error == 0)
		error = weir_event_id(client, emulation->id, &digest);
	if (error == 0)
		error = weir_leader_event(client, &digest, &emulation->view);
	if (error != 0)
		say("%s", weir_client_error(client));
	weir_client_close(client);
	return error;
}

static int open_collector(struct emulation *emulation)
{
	const char *path = emulation->config->emulated.key;
	struct weir_signing_key *key = weir_signing_key_load(path);

	if (!key) {
		int error = -errno;
		say("%s: cannot read the collector's key: %s", path, strerror(errno));
		return error;
	}
	emulation->collector =
		emulate_context(&emulation->config->emulated, key, &emulation->cancelled);
	return emulation->collector ? 0 : -EIO;
}

int emulation_open(struct emulation *emulation, const struct weir_generator_config *config,
	const char *event_id, const _Atomic bool *interrupted, struct load_event *event)
{
	memset(emulation, 0, sizeof(*emulation));
	emulation->config = config;
	emulation->interrupted = interrupted;
	int error = open_collector(emulation);

	if (error == 0)
		error = find_event(emulation, event_id);
	if (error == 0)
		error = check_terms(&emulation->view.announcement.terms, &config->emulated);
	return error != 0 ? error : take_event(event, &emulation->view.announcement, config);
}

void emulation_close(struct emulation *emulation)
{
	atomic_store(&emulation->cancelled, true);
	if (emulation->is_collecting)
		pthread_join(emulation->collecting, NULL);
	weir_client_aggregate_free(&emulation->aggregate);
	weir_event_view_clear(&emulation->view);
	weir_client_close(emulation->collector);
	memset(emulation, 0, sizeof(*emulation));
}

// Several threads join; each takes the next client.
struct joining {
	const struct emulation *emulation;
	struct load_event *event;
	_Atomic uint32_t next;
	_Atomic int error; // the first
	_Atomic uint32_t joined;
};

// The client's own words, and what it agrees with every aggregator.
static int prepare(const struct joining *joining, uint32_t client, struct weir_signing_key *key,
	char **text, uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	const struct weir_announcement *announcement = &joining->emulation->view.announcement;
	struct load_event *event = joining->event;
	struct weir_agreement_pair pair;
	struct weir_join join = {
		.event = announcement->event_digest,
		.offers = announcement->offers_digest,
		.identity = *weir_signing_key_identity(key),
		.weight = load_event_weight(event, client),
	};
	int error = weir_agreement_generate(&pair);

	if (error == 0)
		error = weir_random_bytes(
			&event->share_nonces[client], sizeof(event->share_nonces[client]));
	for (uint32_t i = 0; error == 0 && i < event->aggregator_count; i++)
		error = weir_agree(pair.private_key, announcement->offers[i].key,
			&announcement->event_digest, &join.identity,
			&announcement->offers[i].aggregator,
			&event->keys[client * event->aggregator_count + i]);
	memcpy(join.key, pair.public_key, sizeof(join.key));
	weir_wipe(&pair, sizeof(pair));
	if (error != 0)
		return error;
	*text = weir_join_format(&join);
	return *text ? weir_sign(key, WEIR_CONTEXT_JOIN, *text, strlen(*text), signature) : -errno;
}

static int join_one(struct joining *joining, struct weir_client *context, uint32_t client)
{
	const struct weir_announcement *announcement = &joining->emulation->view.announcement;
	struct load_event *event = joining->event;
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	char *text = NULL;
	uint32_t index = UINT32_MAX;
	int error = prepare(joining, client, context->key, &text, signature);

	if (error != 0) {
		say("client %" PRIu32 " cannot join: %s", client, strerror(-error));
	} else {
		error = weir_leader_join(
			context, &announcement->event_digest, text, signature, false, &index);
		if (error != 0)
			say("client %" PRIu32 ": %s", client, weir_client_error(context));
		else if (index >= event->index_count)
			error = -EBADMSG;
	}
	if (error == 0) {
		event->indexes[client] = index;
		event->clients_by_index[index] = client;
	}
	free(text);
	return error;
}

// The context keeps its connection from one client to the next.
static int take_identity(
	const struct joining *joining, struct weir_client **context, uint32_t client)
{
	const struct weir_emulated_config *config = &joining->emulation->config->emulated;
	struct weir_signing_key *key = emulate_key(config, config->first + client);

	if (!key)
		return -errno;
	if (!*context) {
		*context = emulate_context(config, key, joining->emulation->interrupted);
		return *context ? 0 : -EIO;
	}
	weir_http_set_key((*context)->http, key);
	weir_signing_key_free((*context)->key);
	(*context)->key = key;
	return 0;
}

static void *join_some(void *opaque)
{
	struct joining *joining = opaque;
	struct weir_client *context = NULL;

	for (;;) {
		uint32_t client = atomic_fetch_add(&joining->next, 1);

		if (client >= joining->event->clients || atomic_load(&joining->error) != 0)
			break;
		int error = take_identity(joining, &context, client);
		if (error == 0)
			error = join_one(joining, context, client);
		if (error != 0)
			atomic_store(&joining->error, error);
		else
			atomic_fetch_add(&joining->joined, 1);
	}
	weir_client_close(context);
	return NULL;
}

int emulation_join(struct emulation *emulation, struct load_event *event)
{
	struct joining joining = {.emulation = emulation, .event = event};
	uint32_t count = emulation->config->emulated.joins, started = 0;
	pthread_t *threads = calloc(count, sizeof(*threads));
	uint64_t began = weir_monotonic_ms();

	if (!threads) {
		say("out of memory");
		return -ENOMEM;
	}
	while (started < count && pthread_create(&threads[started], NULL, join_some, &joining) == 0)
		started++;
	for (uint32_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	emulation->join_seconds = (double)(weir_monotonic_ms() - began) / 1000;
	if (started == 0) {
		say("no thread could be started");
		return -EAGAIN;
	}
	say("event %.16s: %" PRIu32 " of %" PRIu32 " clients joined in %.3f s", emulation->id,
		atomic_load(&joining.joined), event->clients, emulation->join_seconds);
	return atomic_load(&joining.error);
}
