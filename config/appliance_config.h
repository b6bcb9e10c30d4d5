// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// One appliance: the libconfig file that weir-dataplane and weir-control both read. Every setting
// is explained in config/appliance.cfg, which a test parses. Settings have the names of the fields,
// without the _ms of durations, which are written with their unit ("20 ms"); identity_file is `key`.
//
// Loading is strict: an unknown setting, a wrong type, a value out of range or a missing required
// setting is an error that names file and line.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

#include "config_error.h"
#include "static_event.h"

#define WEIR_PORTS_MAX   8
#define WEIR_WORKERS_MAX 32
#define WEIR_STATIC_MAX  16 // static events
#define WEIR_PEERS_MAX   16 // aggregators of one event, this one included
#define WEIR_PATH_MAX    4096
#define WEIR_URL_MAX     256
#define WEIR_HEX_ID      65 // identity in hexadecimal and the NUL

struct weir_port_config {
	char device[512]; // PCI address ("0000:3b:00.0") or vdev ("net_af_packet0,iface=data0")
	bool has_ipv4, has_ipv6; // at least one
	struct in_addr ipv4;
	struct in6_addr ipv6;
	uint16_t mtu;         // 1500; the largest frame accepted follows from it
	uint16_t vlan;        // 0: untagged
	uint16_t queues;      // receive queues; 0: as many as workers
	uint16_t descriptors; // of each queue, 1024
};

enum weir_idle_policy {
	WEIR_IDLE_SLEEP, // give the core back when nothing arrives
	WEIR_IDLE_POLL,  // never sleep
};

enum weir_hugepages {
	WEIR_HUGEPAGES_AUTO, // where there are enough free ones
	WEIR_HUGEPAGES_ON,   // or refuse to start
	WEIR_HUGEPAGES_OFF,
};

struct weir_dataplane_config {
	struct weir_port_config ports[WEIR_PORTS_MAX];
	size_t port_count;             // >= 1
	uint16_t udp_port;             // 9347
	int workers[WEIR_WORKERS_MAX]; // CPU of each worker; pinned
	size_t worker_count;           // >= 1
	enum weir_idle_policy idle;
	enum weir_hugepages hugepages;
	uint64_t packet_memory;  // bytes for EAL: packet buffers (default 64 MiB)
	uint32_t packet_buffers; // mbufs (default 16384)
	uint64_t arena; // bytes for slots, accumulators and client tables (default 256 MiB)
	char memory[WEIR_PATH_MAX]; // folder of the file that holds the arena, "auto" or "none"
	uint32_t max_events;        // open at once (default 16)
	uint32_t max_clients;       // joined, all events together (default 100000)
	uint32_t window;            // chunks granted to a client (default 256)
	uint64_t rate;              // bytes a second granted to a client; 0 = not limited (default)
	uint32_t wait_ms;           // "ask again after" for clients without a slot (default 20)
	char socket[108];           // control link, /run/weir/dataplane.sock
	char file_prefix[64];       // EAL --file-prefix, unique on the machine (default weir)
	char eal_arguments[8][256]; // further EAL arguments, as they are
	size_t eal_argument_count;
	char kernels_mask[64]; // tiers not to use, comma-separated ("" = none)
	struct weir_static_event_config *static_events; // for load tests
	size_t static_event_count;
	bool lab; // static events may be without a cipher; said loudly wherever there is a voice
};

// What a sealed batch survives at this appliance: the death of any process, as long as the machine runs,
// or the machine's as well.
enum weir_durability {
	WEIR_DURABILITY_PROCESS,
	WEIR_DURABILITY_DISK,
};

struct weir_peer_config {
	char name[64];
	char identity[WEIR_HEX_ID];
	char url[WEIR_URL_MAX]; // of its control plane, "http://192.0.2.1:9347"
};

struct weir_member_config {
	char identity[WEIR_HEX_ID];
	char name[64]; // "" if none
};

struct weir_control_config {
	char identity_file[WEIR_PATH_MAX]; // `key`: private key, PEM, mode 0600; need not exist yet
	char state[WEIR_PATH_MAX]; // directory of the database and per-event keys, mode 0700
	char listen[64];           // "192.0.2.1:9347", "[2001:db8::1]:9347"
	char url[WEIR_URL_MAX];    // how clients and collectors reach it; default http://listen
	char endpoint[64];         // how shares reach the dataplane; default: first port's address
	uint32_t min_clients;      // never publish a sum of fewer (default 2, at least 2 unless
				   // allow_single_client = true, for tests)
	bool allow_single_client;
	uint32_t slots;      // reserved for one event at most (default 64)
	uint32_t max_weight; // refuse events that allow more (default 1000000)
	struct weir_peer_config
		*peers; // other appliances it works with, either as leader or helper
	size_t peer_count;
	struct weir_member_config *roster; // clients accepted from the start; more by the API
	size_t roster_count;
	struct weir_member_config *operators; // besides the appliance's own identity
	size_t operator_count;
	enum weir_durability durability;  // WEIR_DURABILITY_PROCESS
	uint32_t connections;             // HTTP, all together (default 8192)
	uint32_t connections_per_address; // of one address (default 2048)
	uint64_t request_timeout_ms;      // a request must be whole so soon (default 60 s)
	uint64_t
		leader_timeout_ms; // past its deadline, give up an event whose leader is silent for
				   // so long (default 24 h)
	uint64_t poll_ms; // how long a long-poll waits before it answers empty (default 20 s)
};

struct weir_appliance_config {
	char path[WEIR_PATH_MAX];
	char user
		[33]; // whom both processes become if they are started as root; "" (default): nobody
	bool sandbox; // no capabilities and few system calls once they are up (default true)
	struct weir_dataplane_config dataplane;
	struct weir_control_config control; // may be missing if there are static events
};

// Whether there is a control section.
bool weir_appliance_has_control(const struct weir_appliance_config *config);

// Reads and validates the file. Returns the config, to be freed by weir_appliance_config_free, or
// NULL with errno (ENOENT, EACCES, EINVAL) and the message in error. `@include "file"` works, with
// paths relative to the file's own folder, so that a roster can be a file of its own. Relative paths
// in the settings are relative to the file's folder as well.
struct weir_appliance_config *weir_appliance_config_load(
	const char *path, struct weir_config_error *error);
void weir_appliance_config_free(struct weir_appliance_config *config);
