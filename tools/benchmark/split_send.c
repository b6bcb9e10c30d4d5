// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A client's work: split a vector into two shares, seal their chunks and send them, batch by batch
// like libweir's lanes, over kernel UDP sockets. The other end is a socket on the loopback device
// that nobody reads, so that the kernel throws away what does not fit. Prints elements of vectors a
// second, and where the time goes.

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aead.h"
#include "event_options.h"
#include "measure.h"
#include "random.h"
#include "share_packet.h"
#include "sharing.h"
#include "udp_feed.h"

#define SHARES 2
#define BATCH  32

struct client {
	struct weir_static_event_config event;
	const struct weir_kernels *kernels;
	struct weir_aead *aead;
	size_t element_size;
	uint32_t chunk_count;
	uint8_t *vector;
	uint8_t *shares[SHARES];
	struct weir_aead_key *keys; // [SHARES]
	int sinks[SHARES], sockets[SHARES];
	uint64_t nonce;     // of the vector; a key meets each once
	uint8_t *datagrams; // [BATCH][datagram_size]
	size_t datagram_size;
	double splitting, sealing, sending; // seconds
	uint64_t vectors;
};

static int open_pair(int *sink, int *socket_to_it)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	uint16_t port;
	int size = 1 << 20; // libweir's

	*sink = udp_feed_socket(1, &port);
	*socket_to_it = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*sink < 0 || *socket_to_it < 0)
		return -1;
	(void)setsockopt(*socket_to_it, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	address.sin_port = htons(port);
	return connect(*socket_to_it, (struct sockaddr *)&address, sizeof(address));
}

static int client_init(struct client *client, const struct weir_static_event_config *event)
{
	size_t size = weir_modulus_element_size(event->modulus);
	size_t bytes = (event->dimension * size + 63) / 64 * 64;
	int error = 0;

	*client = (struct client){.event = *event,
		.kernels = weir_kernels_select(getenv("WEIR_KERNELS_MASK")),
		.aead = weir_aead_new(),
		.element_size = size,
		.chunk_count = weir_chunk_count(event->dimension, event->chunk_elements),
		.vector = aligned_alloc(64, bytes),
		.keys = aligned_alloc(64, SHARES * sizeof(*client->keys)),
		.datagram_size = WEIR_PACKET_OVERHEAD + event->chunk_elements * size};
	client->datagrams = malloc(BATCH * client->datagram_size);
	for (int i = 0; i < SHARES; i++)
		client->sinks[i] = client->sockets[i] = -1;
	if (!client->kernels || !client->aead || !client->vector || !client->keys ||
		!client->datagrams)
		return -1;
	for (int i = 0; i < SHARES && !error; i++) {
		uint8_t key[WEIR_AEAD_KEY_SIZE];

		client->shares[i] = aligned_alloc(64, bytes);
		error = client->shares[i] ? weir_random_bytes(key, sizeof(key)) : -1;
		if (!error)
			error = open_pair(&client->sinks[i], &client->sockets[i]);
		if (!error)
			weir_aead_expand(client->aead, key, &client->keys[i]);
	}
	return error ? error
		     : weir_uniform_vector(event->modulus, client->vector, event->dimension);
}

static void client_free(struct client *client)
{
	for (int i = 0; i < SHARES; i++) {
		if (client->sinks[i] >= 0)
			close(client->sinks[i]);
		if (client->sockets[i] >= 0)
			close(client->sockets[i]);
		free(client->shares[i]);
	}
	free(client->vector);
	free(client->keys);
	free(client->datagrams);
	weir_aead_free(client->aead);
}

static size_t seal_chunk(struct client *client, int share, uint32_t chunk, uint8_t *datagram)
{
	const struct weir_packet_header header = {
		.version = WEIR_PACKET_VERSION,
		.type = WEIR_PACKET_SHARE,
		.event = client->event.number,
		.chunk = weir_packet_chunk_field(WEIR_PACKET_SHARE, chunk),
		.nonce = client->nonce,
	};
	size_t length = client->element_size * weir_chunk_length(client->event.dimension,
						       client->event.chunk_elements, chunk);
	const uint8_t *from = client->shares[share] +
			      (size_t)chunk * client->event.chunk_elements * client->element_size;
	uint8_t *place = datagram + sizeof(header);

	memcpy(datagram, &header, sizeof(header));
	weir_aead_seal(client->aead, &client->keys[share], datagram + WEIR_PACKET_NONCE_OFFSET,
		datagram, sizeof(header), from, length, place, place + length);
	return WEIR_PACKET_OVERHEAD + length;
}

static int send_batch(struct client *client, int share, uint32_t first, unsigned n)
{
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	double begin = measure_now(), sealed;
	unsigned sent = 0;

	memset(messages, 0, sizeof(messages));
	for (unsigned i = 0; i < n; i++) {
		uint8_t *datagram = client->datagrams + i * client->datagram_size;

		pieces[i] =
			(struct iovec){datagram, seal_chunk(client, share, first + i, datagram)};
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	sealed = measure_now();
	client->sealing += sealed - begin;
	while (sent < n) {
		int done = sendmmsg(client->sockets[share], messages + sent, n - sent, 0);

		if (done < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
			return -errno;
		sent += done > 0 ? (unsigned)done : 0;
	}
	client->sending += measure_now() - sealed;
	return 0;
}

static int submit(struct client *client)
{
	double begin = measure_now();
	int error = weir_split(client->kernels, client->event.modulus, client->vector,
		client->event.dimension, (void **)client->shares, SHARES);

	client->splitting += measure_now() - begin;
	client->nonce++;
	for (uint32_t chunk = 0; chunk < client->chunk_count && !error; chunk += BATCH) {
		uint32_t rest = client->chunk_count - chunk;

		for (int share = 0; share < SHARES && !error; share++)
			error = send_batch(client, share, chunk, rest < BATCH ? rest : BATCH);
	}
	client->vectors++;
	return error;
}

static void report(const struct client *client, double elapsed, bool json)
{
	double rate = (double)client->vectors * (double)client->event.dimension / elapsed;
	double datagrams = (double)client->vectors * client->chunk_count * SHARES / elapsed;

	if (!json) {
		printf("%.3g elements/s split in two, sealed and sent, %.3g datagrams/s; %.0f %% "
		       "of the time splitting, %.0f %% sealing, %.0f %% sending\n",
			rate, datagrams, 100 * client->splitting / elapsed,
			100 * client->sealing / elapsed, 100 * client->sending / elapsed);
		return;
	}
	json_t *line = event_options_json(&client->event);
	json_object_update_new(
		line, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f}", "program", "split_send",
			      "elements_per_second", rate, "datagrams_per_second", datagrams,
			      "splitting_part", client->splitting / elapsed, "sealing_part",
			      client->sealing / elapsed, "sending_part", client->sending / elapsed,
			      "elapsed", elapsed));
	json_dumpf(line, stdout, JSON_REAL_PRECISION(6) | JSON_PRESERVE_ORDER);
	printf("\n");
	json_decref(line);
}

static int run(const struct weir_static_event_config *event, double seconds, bool json)
{
	struct client client;
	int error = client_init(&client, event);
	double begin, elapsed = 0;

	if (!error)
		error = submit(&client);
	client.splitting = client.sealing = client.sending = 0;
	client.vectors = 0;
	begin = measure_now();
	while (!error && elapsed < seconds) {
		error = submit(&client);
		elapsed = measure_now() - begin;
	}
	if (error)
		fprintf(stderr, "split_send: no memory, no sockets or no AES instructions: %s\n",
			strerror(errno));
	else
		report(&client, elapsed, json);
	client_free(&client);
	return error ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {EVENT_OPTIONS,
		{"seconds", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {0}};
	struct weir_static_event_config event;
	bool json = false, good = true;
	double seconds = 1;
	cpu_set_t cpus;

	event_options_init(&event);
	for (int option; good && (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (option) {
		case 's':
			seconds = strtod(optarg, NULL);
			good = seconds > 0;
			break;
		case 'j': json = true; break;
		case 'h':
			printf("usage: split_send [options]\n\nHow fast a client splits, seals and "
			       "sends.\n\n%s  --seconds S                (default 1)\n"
			       "  --json                     one line of JSON\n",
				EVENT_OPTIONS_HELP);
			return 0;
		default: good = event_options_take(&event, option, optarg); break;
		}
	}
	if (!good || optind != argc) {
		fprintf(stderr, "split_send: wrong arguments; see split_send --help\n");
		return 2;
	}
	event_options_finish(&event);
	event.clients = 1;
	if (measure_cpus(&cpus))
		measure_pin(&cpus, 0);
	return run(&event, seconds, json);
}
