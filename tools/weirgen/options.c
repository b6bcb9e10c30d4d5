// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "units.h"

enum {
	OPTION_CHECK = 256,
	OPTION_VERSION,
	OPTION_CONTROL_SOCKET,
	OPTION_AGGREGATE_SHARE,
	OPTION_DURATION,
	OPTION_RATE,
	OPTION_JSON,
	OPTION_BLIND,
	OPTION_PREBUILT,
	OPTION_ARRIVAL,
	OPTION_SEED,
	OPTION_EVENT,
	OPTION_ROSTER,
	OPTION_PCAP,
	OPTION_REPLAY,
	OPTION_FAULT, // and one for each fault
};

static const struct {
	const char *name;
	size_t offset;
} faults[] = {
	{"loss", offsetof(struct fault_mix, loss)},
	{"duplicate", offsetof(struct fault_mix, duplicate)},
	{"reorder", offsetof(struct fault_mix, reorder)},
	{"corrupt", offsetof(struct fault_mix, corrupt)},
	{"forge", offsetof(struct fault_mix, forge)},
	{"non-canonical", offsetof(struct fault_mix, non_canonical)},
	{"abandon", offsetof(struct fault_mix, abandon)},
	{"junk", offsetof(struct fault_mix, junk)},
};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static const char usage[] =
	"usage: weirgen --config FILE [OPTION]...\n"
	"\n"
	"Plays the clients of an event against a dataplane, from DPDK ports of its own, and "
	"compares\n"
	"the sum with the true one. Config: config/weirgen.cfg; see also weirgen(1).\n"
	"\n"
	"  -c, --config FILE           the event, the ports, where to send\n"
	"      --check                 only say whether the config is good\n"
	"      --event ID              an announced event, for the config's clients; default: "
	"latest,\n"
	"                              which waits for one\n"
	"      --write-roster FILE     only write the config's clients as a roster\n"
	"\n"
	"Traffic:\n"
	"      --rate RATE             \"3 Mpps\", \"10 Gbit/s\", \"50 %\" of line_rate; what a "
	"full port\n"
	"                              does not take is then lost and counted. Default: as fast "
	"as\n"
	"                              the port takes it\n"
	"      --duration TIME         begin no more clients after so long\n"
	"      --arrival PATTERN       at-once (default), uniform:10s, poisson:500/s, "
	"bursts:64/100ms\n"
	"      --prebuilt              make all SHAREs before the clock starts\n"
	"      --blind                 send SHAREs without asking, and verify nothing\n"
	"      --pcap FILE             write the frames, all REQUESTs first, and send nothing; "
	"needs\n"
	"                              destination_mac\n"
	"      --replay FILE           send the frames of a file, at its times or at --rate\n"
	"\n"
	"Faults, each with a probability from 0 to 1:\n"
	"      --loss P --duplicate P --reorder P --corrupt P\n"
	"                              of a frame, to be lost, sent twice, late, with a flipped "
	"bit\n"
	"      --forge P               this part of the SHAREs has a valid header and a wrong tag\n"
	"      --non-canonical P       before a SHARE, an authentic one that is not canonical\n"
	"      --junk P                this part of the frames is 64 bytes of nothing\n"
	"      --abandon P             a client stops before its last chunk\n"
	"      --seed N                of all chance (default 1)\n"
	"\n"
	"The sum is compared, element by element, of an announced event with what its collector "
	"gets,\n"
	"of a static one\n"
	"      --control-socket PATH   with the shared memory of a dataplane on this machine\n"
	"      --aggregate-share FILE  with the .npy file that a static event's output names\n"
	"\n"
	"      --json                  one JSON object a second and one at the end, on stdout\n"
	"  -h, --help                  print this\n"
	"      --version               print the version\n"
	"\n"
	"Exit codes: 0 done, and verified if that was asked for; 1 failed, or any difference;\n"
	"2 bad usage or config.\n"
	"\n"
	"Examples:\n"
	"  weirgen -c weirgen.cfg --control-socket /run/weir/dataplane.sock\n"
	"  weirgen -c weirgen.cfg --rate \"1 Mpps\" --loss 0.01 --forge 0.5 --json\n"
	"  weirgen -c weirgen.cfg --blind --duration 5s\n"
	"  weirgen -c weirgen.cfg --pcap shares.pcap\n";

static bool parse_fault(const char *name, const char *text, struct fault_mix *mix)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0 && value <= 1)) {
		say("--%s %s: write a probability from 0 to 1", name, text);
		return false;
	}
	for (size_t i = 0; i < FAULTS; i++)
		if (strcmp(faults[i].name, name) == 0)
			memcpy((char *)mix + faults[i].offset, &value, sizeof(value));
	return true;
}

static bool parse_seed(const char *text, uint64_t *seed)
{
	char *end;

	*seed = strtoull(text, &end, 10);
	if (end != text && !*end && text[0] != '-')
		return true;
	say("--seed %s: write a whole number", text);
	return false;
}

static bool take(int option, const char *name, struct options *options)
{
	switch (option) {
	case 'c': options->config = optarg; return true;
	case OPTION_CHECK: options->check = true; return true;
	case OPTION_CONTROL_SOCKET: options->control_socket = optarg; return true;
	case OPTION_AGGREGATE_SHARE: options->aggregate_share = optarg; return true;
	case OPTION_RATE: options->rate = optarg; return true;
	case OPTION_JSON: options->json = true; return true;
	case OPTION_BLIND: options->blind = true; return true;
	case OPTION_PREBUILT: options->prebuilt = true; return true;
	case OPTION_PCAP: options->pcap = optarg; return true;
	case OPTION_REPLAY: options->replay = optarg; return true;
	case OPTION_EVENT: options->event = optarg; return true;
	case OPTION_ROSTER: options->write_roster = optarg; return true;
	case OPTION_SEED: return parse_seed(optarg, &options->seed);
	case OPTION_FAULT: return parse_fault(name, optarg, &options->faults);
	case OPTION_DURATION:
		if (weir_parse_duration(optarg, &options->duration_ms) == 0)
			return true;
		say("--duration %s: write a duration such as 5s or 500ms", optarg);
		return false;
	case OPTION_ARRIVAL:
		if (arrival_parse(optarg, &options->arrival) == 0)
			return true;
		say("--arrival %s: write at-once, uniform:10s, poisson:500/s or bursts:64/100ms",
			optarg);
		return false;
	default: return false; // getopt has said why
	}
}

static int check(const struct options *options, int argc, char **argv)
{
	if (optind < argc)
		say("unexpected argument '%s'; see weirgen --help", argv[optind]);
	else if (!options->config)
		say("no config; say --config FILE, or see weirgen --help");
	else if (options->pcap && options->replay)
		say("write --pcap or --replay, not both");
	else if ((options->blind || options->pcap) &&
		 (options->control_socket || options->aggregate_share))
		say("--blind and --pcap verify nothing: there is no sum to compare");
	else if (options->replay && options->aggregate_share)
		say("--replay does not know who is in the file; compare by --control-socket");
	else if (options->control_socket && options->aggregate_share)
		say("write --control-socket or --aggregate-share, not both");
	else if (options->faults.forge >= 1 || options->faults.junk >= 1)
		say("--forge and --junk are parts of the whole; write less than 1");
	else
		return -1;
	return EXIT_USAGE;
}

int options_parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"control-socket", required_argument, NULL, OPTION_CONTROL_SOCKET},
		{"aggregate-share", required_argument, NULL, OPTION_AGGREGATE_SHARE},
		{"duration", required_argument, NULL, OPTION_DURATION},
		{"rate", required_argument, NULL, OPTION_RATE},
		{"json", no_argument, NULL, OPTION_JSON},
		{"blind", no_argument, NULL, OPTION_BLIND},
		{"prebuilt", no_argument, NULL, OPTION_PREBUILT},
		{"arrival", required_argument, NULL, OPTION_ARRIVAL},
		{"pcap", required_argument, NULL, OPTION_PCAP},
		{"replay", required_argument, NULL, OPTION_REPLAY},
		{"event", required_argument, NULL, OPTION_EVENT},
		{"write-roster", required_argument, NULL, OPTION_ROSTER},
		{"seed", required_argument, NULL, OPTION_SEED},
		{"loss", required_argument, NULL, OPTION_FAULT},
		{"duplicate", required_argument, NULL, OPTION_FAULT},
		{"reorder", required_argument, NULL, OPTION_FAULT},
		{"corrupt", required_argument, NULL, OPTION_FAULT},
		{"forge", required_argument, NULL, OPTION_FAULT},
		{"non-canonical", required_argument, NULL, OPTION_FAULT},
		{"abandon", required_argument, NULL, OPTION_FAULT},
		{"junk", required_argument, NULL, OPTION_FAULT},
		{0},
	};
	int option, index = 0;

	*options = (struct options){.seed = 1};
	while ((option = getopt_long(argc, argv, "c:h", known, &index)) != -1) {
		if (option == 'h' || option == OPTION_VERSION) {
			fputs(option == 'h' ? usage : "weirgen " WEIR_VERSION "\n", stdout);
			return EXIT_SUCCESS;
		}
		if (!take(option, known[index].name, options))
			return EXIT_USAGE;
	}
	return check(options, argc, argv);
}
