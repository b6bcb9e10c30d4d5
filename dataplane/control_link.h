// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The control link: a Unix seqpacket socket between weir-control (which connects) and
// weir-dataplane (which listens; one peer at a time, the newest wins). One message = one packet:
// header, then a fixed struct, then for some types `count` entries. Same machine, so host byte
// order (little-endian).
//
// Every command is answered by exactly one RESULT with the command's sequence number, in order.
// All commands are idempotent: repeating one that has already taken effect gives status 0 again.
// DOORBELL and COMMITTED come unasked. Doorbells are hints and may be lost when the socket is full:
// shared memory is the truth, and the control process also looks there once a second. The memory's
// descriptor is for reading only.
//
// A batch: COMMIT's RESULT says whether it was taken up. If it was, COMMITTED follows once the batch
// is in the accumulator (at once if it was already), or with ENODATA and nothing changed. ROLLBACK
// undoes it, computed or not; of a batch that is not open here it only sees to it that the number
// never starts again. SEAL keeps it for good and frees its slots. RESTORE brings back what a sealed batch had
// led to, from a file, where the memory was lost: sealed, as if SEAL had been the last command. A message
// that is not well formed is answered with EPROTO, and with sequence 0 if it is shorter than a header.
//
// EVENT_OPEN of an event that is open, with another window or rate, changes these for it; with any other
// difference it is refused.
//
// A dataplane that starts again may still hold events (dataplane/README.md, Restarts). The same commands
// bring it up to date: EVENT_OPEN of the same parameters takes the event over, CLIENT_ADD gives a client its
// keys back.
#pragma once

#include <stdint.h>

#include "share_packet.h"

#define WEIR_LINK_VERSION     1
#define WEIR_LINK_MESSAGE_MAX 65536 // bytes
#define WEIR_LINK_LIST_MAX    8192  // clients in one list, so also in one batch
#define WEIR_LINK_ADD_MAX     512   // clients in one CLIENT_ADD

enum weir_link_type {
	WEIR_LINK_HELLO = 1,      // struct weir_link_hello; RESULT carries the memory's descriptor
	WEIR_LINK_RESULT = 2,     // struct weir_link_result
	WEIR_LINK_EVENT_OPEN = 3, // struct weir_link_event_open
	WEIR_LINK_CLIENT_ADD = 4, // struct weir_link_list, then struct weir_link_client[count]
	WEIR_LINK_CLIENT_ADMIT = 5, // struct weir_link_list, then uint32_t index[count]
	WEIR_LINK_CLIENT_ABORT = 6, // struct weir_link_list, then uint32_t index[count]
	WEIR_LINK_COMMIT = 7,       // struct weir_link_commit, then uint32_t index[count]
	WEIR_LINK_COMMITTED = 8,    // struct weir_link_batch: the batch is in the accumulator
	WEIR_LINK_ROLLBACK = 9,     // struct weir_link_batch
	WEIR_LINK_SEAL = 10,        // struct weir_link_batch: frees the batch's slots
	WEIR_LINK_FREEZE = 11,      // struct weir_link_batch, batch = 0; answered once it is quiet
	WEIR_LINK_EVENT_CLOSE = 12, // struct weir_link_batch, batch = 0: wipes and frees everything
	// struct weir_link_list, then uint32_t index[count]; count 0: too many to name, look
	// everywhere.
	WEIR_LINK_DOORBELL = 13,
	WEIR_LINK_RESTORE = 14, // struct weir_link_restore, and the file's descriptor with it
};

struct weir_link_header {
	uint16_t version;
	uint16_t type;     // enum weir_link_type
	uint32_t sequence; // chosen by the sender of a command
	uint32_t length;   // of the whole message
	uint32_t zero;
};
_Static_assert(sizeof(struct weir_link_header) == 16, "link layout");

struct weir_link_hello {
	struct weir_link_header header;
};

// status: 0 or a negative errno. EPROTO malformed, ENOENT no such event or client, EEXIST number
// taken (by other parameters, another weight or key, another set), ENOSPC arena, client capacity or
// slots exhausted, EBUSY a batch is open, EINVAL a field is out of range or a client's or the event's
// state does not allow it, ESTALE batch number is not the expected one; RESTORE also EIO the file cannot be
// read or is too short, EBADMSG an element in it is not below the modulus. A refused command has changed
// nothing.
struct weir_link_result {
	struct weir_link_header header;
	int32_t status;
	uint32_t detail; // index of the client that was refused, where there is one
};

struct weir_link_event_open {
	struct weir_link_header header;
	uint32_t number; // != 0; the table entry is number % event_capacity and must be free
	uint32_t modulus;
	uint64_t dimension;
	uint32_t chunk_elements;
	uint32_t max_clients;
	uint32_t slot_count;
	uint32_t max_weight;
	uint32_t window; // chunks
	uint32_t fec;    // forward error correction: data << 16 | parity (crypto/fec.h); 0 = none
	uint64_t rate;   // bytes a second for each client, 0 = not limited
};
_Static_assert(sizeof(struct weir_link_event_open) == 64, "link layout");

struct weir_link_list {
	struct weir_link_header header;
	uint32_t event;
	uint32_t count;
};

struct weir_link_client {
	uint32_t index;
	uint32_t weight;
	uint8_t key_to_aggregator[32]; // secret: both sides wipe their copy of the message
	uint8_t key_to_client[32];
};
_Static_assert(sizeof(struct weir_link_client) == 72, "link layout");

struct weir_link_commit {
	struct weir_link_header header;
	uint32_t event;
	uint32_t batch;        // greater than every batch before, rolled back ones included
	uint64_t count_after;  // clients in the accumulator once the batch is in it
	uint64_t weight_after; // and the sum of their weights
	uint8_t set_digest_after[32];
	uint32_t count;
	uint32_t zero;
};
_Static_assert(sizeof(struct weir_link_commit) == 80, "link layout");

struct weir_link_batch {
	struct weir_link_header header;
	uint32_t event;
	uint32_t batch;
	int32_t status; // COMMITTED only: 0, or -ENODATA if a slot is not complete here
	uint32_t zero;
};
_Static_assert(sizeof(struct weir_link_batch) == 32, "link layout");

// The elements of the accumulator once the batch was in it stand in the file from offset_in_file on, as they
// stand in memory. A batch that is held already, with that digest, is left as it is.
struct weir_link_restore {
	struct weir_link_header header;
	uint32_t event;
	uint32_t batch; // above the one held, and above any rolled back
	uint64_t count; // clients in it, and the sum of their weights
	uint64_t weight;
	uint8_t set_digest[32];
	uint64_t offset_in_file;
};
_Static_assert(sizeof(struct weir_link_restore) == 80, "link layout");
