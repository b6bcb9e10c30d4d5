// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <pcap/pcap.h>

#include "say.h"
#include "statistics.h"

#define SNAPSHOT  65535
#define SECOND_NS UINT64_C(1000000000)

struct capture {
	char *path;
	pcap_t *kind;
	pcap_dumper_t *file;
	uint64_t started_ns, pauses_ns;
};

struct capture *capture_create(const char *path)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture) {
		say("out of memory");
		return NULL;
	}
	capture->path = strdup(path);
	capture->kind = pcap_open_dead_with_tstamp_precision(
		DLT_EN10MB, SNAPSHOT, PCAP_TSTAMP_PRECISION_NANO);
	capture->started_ns = statistics_now_ns();
	if (capture->path && capture->kind)
		capture->file = pcap_dump_open(capture->kind, path);
	if (capture->file)
		return capture;
	say("%s", capture->kind ? pcap_geterr(capture->kind) : "out of memory");
	(void)capture_close(capture);
	return NULL;
}

void capture_write(struct capture *capture, struct rte_mbuf *const *frames, uint16_t count)
{
	uint64_t ns = statistics_now_ns() - capture->started_ns + capture->pauses_ns;

	for (uint16_t i = 0; i < count; i++) {
		const struct pcap_pkthdr header = {
			// With this precision the field holds nanoseconds.
			.ts = {.tv_sec = (time_t)(ns / SECOND_NS),
				.tv_usec = (suseconds_t)(ns % SECOND_NS)},
			.caplen = frames[i]->data_len,
			.len = frames[i]->data_len,
		};
		pcap_dump((u_char *)capture->file, &header, rte_pktmbuf_mtod(frames[i], u_char *));
	}
}

void capture_pause(struct capture *capture, uint32_t ms)
{
	capture->pauses_ns += (uint64_t)ms * 1000000;
}

int capture_close(struct capture *capture)
{
	int error = 0;

	if (!capture)
		return 0;
	if (capture->file) {
		if (pcap_dump_flush(capture->file) != 0 || ferror(pcap_dump_file(capture->file))) {
			error = errno ? -errno : -EIO;
			say("%s: not written whole: %s", capture->path, strerror(-error));
		}
		pcap_dump_close(capture->file);
	}
	if (capture->kind)
		pcap_close(capture->kind);
	free(capture->path);
	free(capture);
	return error;
}
