// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The same sum as the dataplane's, received over kernel sockets: one thread with recvmmsg, the same
// cipher, slots and checks (staged_sum.h). Another thread, on another CPU, sends what was sealed in
// advance. Loopback is the best case: no device, no interrupt, no loss. Prints elements a second of
// the vectors that are in the sum.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event_options.h"
#include "measure.h"
#include "packet_store.h"
#include "staged_sum.h"
#include "udp_feed.h"

// Below net.core.netdev_max_backlog (1000), beyond which the loopback device drops what the kernel has
// no time for.
#define WINDOW_MAX 768

#define BUFFER_BYTES  (64 << 20)
#define DATAGRAM_MAX  65536
#define STALL_SECONDS 2

struct sockets_options {
	struct weir_static_event_config event;
	uint64_t buffer_mib, run;
	double seconds;
	bool segmentation, json;
};

struct receiver {
	int descriptor;
	struct mmsghdr messages[STAGED_SUM_BURST];
	struct iovec pieces[STAGED_SUM_BURST];
	uint8_t *buffers;
};

struct result {
	double elapsed, adding;
	uint64_t packets, passes;
};

static bool receiver_init(struct receiver *receiver, size_t datagram_bytes)
{
	size_t stride = (datagram_bytes + 63) / 64 * 64;

	memset(receiver->messages, 0, sizeof(receiver->messages));
	receiver->buffers = aligned_alloc(64, STAGED_SUM_BURST * stride);
	if (!receiver->buffers)
		return false;
	for (unsigned i = 0; i < STAGED_SUM_BURST; i++) {
		receiver->pieces[i] = (struct iovec){receiver->buffers + i * stride, stride};
		receiver->messages[i].msg_hdr.msg_iov = &receiver->pieces[i];
		receiver->messages[i].msg_hdr.msg_iovlen = 1;
	}
	return true;
}

// Waits without sleeping, which would cost the sender a wake-up for each few datagrams. Returns how
// many have come, at most `most`; 0 if none has for a while; or -errno.
static int await_datagrams(struct receiver *receiver, uint64_t most)
{
	unsigned room = most < STAGED_SUM_BURST ? (unsigned)most : STAGED_SUM_BURST;
	double deadline = measure_now() + STALL_SECONDS;
	int n;

	do
		n = recvmmsg(receiver->descriptor, receiver->messages, room, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EAGAIN && measure_now() < deadline);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

static int receive(struct receiver *receiver, struct staged_sum *sum, uint64_t most)
{
	struct staged_datagram burst[STAGED_SUM_BURST];
	int n = await_datagrams(receiver, most);

	for (int i = 0; i < n; i++) {
		burst[i].bytes = receiver->pieces[i].iov_base;
		burst[i].length = receiver->messages[i].msg_len;
	}
	if (n > 0)
		staged_sum_burst(sum, burst, (unsigned)n);
	return n;
}

// Whole passes over the store, until the time is over; all clients are in the sum after each.
static const char *receive_passes(const struct sockets_options *options, struct udp_feed *feed,
	struct receiver *receiver, struct staged_sum *sum, struct result *result)
{
	uint64_t count = feed->store->count, received = 0;
	double begin = 0;

	for (;;) {
		uint64_t end = received + count;

		while (received < end) {
			int n = receive(receiver, sum, end - received);

			if (n < 0)
				return strerror(-n);
			if (n == 0)
				return "datagrams were lost";
			received += (unsigned)n;
			atomic_store_explicit(&feed->received, received, memory_order_release);
		}
		staged_sum_flush(sum);
		if (!staged_sum_again(sum))
			return "a vector is not in the sum";
		// The first pass puts everything in place.
		if (++result->passes == 1) {
			begin = measure_now();
			result->adding = staged_sum_adding(sum);
		}
		result->elapsed = measure_now() - begin;
		if (result->passes > 1 && result->elapsed >= options->seconds)
			break;
	}
	result->packets = (result->passes - 1) * count;
	result->adding = staged_sum_adding(sum) - result->adding;
	return NULL;
}

static void report(const struct sockets_options *options, const struct result *result)
{
	double vectors = (double)options->event.clients * (double)(result->passes - 1);
	double rate = vectors * (double)options->event.dimension / result->elapsed;

	if (!options->json) {
		printf("%.3g elements/s, %.3g packets/s received and summed%s; the sum is right\n",
			rate, (double)result->packets / result->elapsed,
			options->segmentation ? " (sent with segmentation offload)" : "");
		return;
	}
	json_t *line = event_options_json(&options->event);
	json_object_update_new(
		line, json_pack("{s:s, s:b, s:f, s:f, s:f, s:f, s:b}", "program", "sockets",
			      "segmentation", options->segmentation, "elements_per_second", rate,
			      "packets_per_second", (double)result->packets / result->elapsed,
			      "elapsed", result->elapsed, "summing_part",
			      result->adding / result->elapsed, "verified", true));
	json_dumpf(line, stdout, JSON_REAL_PRECISION(6) | JSON_PRESERVE_ORDER);
	printf("\n");
	json_decref(line);
}

static const char *feed_and_receive(const struct sockets_options *options,
	const struct packet_store *store, struct staged_sum *sum, struct result *result)
{
	struct receiver receiver = {0};
	struct udp_feed feed = {.store = store, .segmentation = options->segmentation};
	socklen_t length = sizeof(int);
	const char *error;
	int buffer = 0;
	cpu_set_t cpus;

	receiver.descriptor = udp_feed_socket(BUFFER_BYTES, &feed.port);
	if (receiver.descriptor < 0)
		return strerror(-receiver.descriptor);
	getsockopt(receiver.descriptor, SOL_SOCKET, SO_RCVBUF, &buffer, &length);
	// What the kernel accounts for a datagram is up to four times its length.
	feed.window = (uint64_t)buffer / (4 * store->stride);
	if (feed.window > WINDOW_MAX)
		feed.window = WINDOW_MAX;
	feed.packets = UINT64_MAX;
	feed.cpus = &cpus;
	feed.cpu = 1;
	if (!measure_cpus(&cpus) || !measure_pin(&cpus, 0) || CPU_COUNT(&cpus) < 2)
		error = "it takes two CPUs";
	else if (feed.window == 0 || !receiver_init(&receiver, store->stride) ||
		 udp_feed_start(&feed) != 0)
		error = "not enough memory";
	else {
		error = receive_passes(options, &feed, &receiver, sum, result);
		atomic_store(&feed.stop, true);
		if (udp_feed_join(&feed) != 0)
			error = "the sender failed";
	}
	close(receiver.descriptor);
	free(receiver.buffers);
	return error;
}

static const char *run(const struct sockets_options *options)
{
	const struct weir_static_event_config *event = &options->event;
	const struct packet_store_options which = {
		.clients = event->clients, .run = (uint32_t)options->run};
	const struct weir_kernels *kernels = weir_kernels_select(getenv("WEIR_KERNELS_MASK"));
	const char *error = "not enough memory, or no usable AES instructions";
	struct weir_aead *aead = weir_aead_new();
	struct share_source source = {0};
	struct packet_store store = {0};
	struct staged_sum *sum = NULL;
	struct result result = {0};

	if (kernels && aead)
		sum = staged_sum_new(aead, kernels, event, 0, event->clients);
	if (sum &&
		share_source_init(
			&source, event->modulus, event->dimension, event->chunk_elements, 1) == 0 &&
		packet_store_init(&store, aead, event, &source, &which) == 0)
		error = feed_and_receive(options, &store, sum, &result);
	if (!error && staged_sum_refused(sum) != 0)
		error = "a datagram was refused";
	if (!error && !staged_sum_verify(sum, &source, (uint32_t)result.passes))
		error = "the sum is wrong";
	if (!error)
		report(options, &result);
	packet_store_free(&store);
	share_source_free(&source);
	staged_sum_free(sum);
	weir_aead_free(aead);
	return error;
}

static void usage(void)
{
	printf("usage: sockets [options]\n\n"
	       "Receives SHARE datagrams over the loopback device with recvmmsg, sums them, and "
	       "says\n"
	       "how many elements a second.\n\n"
	       "%s"
	       "  --buffer MIB               of datagrams to send (default 100)\n"
	       "  --run N                    packets that a client sends in a row (default 1)\n"
	       "  --segmentation             send many in a call with UDP segmentation offload;\n"
	       "                             best with --run 32: only packets of one length fit\n"
	       "  --seconds S                (default 1)\n"
	       "  --json                     one line of JSON\n",
		EVENT_OPTIONS_HELP);
}

static bool parse(int argc, char **argv, struct sockets_options *options)
{
	static const struct option known[] = {EVENT_OPTIONS,
		{"buffer", required_argument, NULL, 'b'}, {"run", required_argument, NULL, 'r'},
		{"segmentation", no_argument, NULL, 'g'}, {"seconds", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	bool good = true;

	for (int option; good && (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (option) {
		case 'b': good = event_options_number(optarg, 1 << 20, &options->buffer_mib); break;
		case 'r': good = event_options_number(optarg, 1 << 20, &options->run); break;
		case 'g': options->segmentation = true; break;
		case 's':
			options->seconds = strtod(optarg, NULL);
			good = options->seconds > 0;
			break;
		case 'j': options->json = true; break;
		case 'h': usage(); exit(0);
		default: good = event_options_take(&options->event, option, optarg); break;
		}
	}
	return good && optind == argc;
}

int main(int argc, char **argv)
{
	struct sockets_options options = {.buffer_mib = 100, .run = 1, .seconds = 1};
	const char *error;

	event_options_init(&options.event);
	if (!parse(argc, argv, &options)) {
		fprintf(stderr, "sockets: wrong arguments; see sockets --help\n");
		return 2;
	}
	event_options_finish(&options.event);
	if (options.event.clients == 0)
		options.event.clients = packet_store_fitting(&options.event, options.buffer_mib);
	error = run(&options);
	if (error)
		fprintf(stderr, "sockets: %s\n", error);
	return error ? 1 : 0;
}
