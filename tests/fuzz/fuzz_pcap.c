// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The pcap file that weirgen replays: what is taken are frames to the receiver alone.

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "replay_file.h"

#define ROOM 2048

static char path[64];
static int file;
static const struct load_aggregator to = {
	.udp_port = 9347, .address.s_addr = 0x02004d0a}; // 10.77.0.2

// In place of say, which would print a line for each input.
void __wrap_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

void __wrap_say(const char *format, ...)
{
	FUZZ_CHECK(format[0]);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	file = memfd_create("pcap", MFD_CLOEXEC);
	FUZZ_CHECK(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	size_t frames = 0;
	pcap_t *pcap;

	FUZZ_CHECK(ftruncate(file, 0) == 0);
	FUZZ_CHECK(pwrite(file, data, size, 0) == (ssize_t)size);
	if (replay_file_check(path, &to, ROOM))
		return 0;
	pcap = replay_file_open(path);
	FUZZ_CHECK(pcap);
	while (pcap_next_ex(pcap, &header, &bytes) == 1) {
		uint8_t place[ROOM];

		FUZZ_CHECK(header->caplen <= sizeof(place));
		memcpy(place, bytes, header->caplen);
		FUZZ_CHECK(replay_file_is_for(&to, header, place, ROOM));
		frames++;
	}
	FUZZ_CHECK(frames);
	pcap_close(pcap);
	return 0;
}
