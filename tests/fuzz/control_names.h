// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What inputs of the control process's harnesses cannot spell out, because it follows from keys, from
// the newest event and from the state of its log. Behind a '@':
//
//   L H C   identities of this appliance, of its peer, of a collector; S a signature
//   R       the round of this input; V, U text (as in a JSON string) and id of the peer's draft with it
//   E       id of the newest event; X its announcement
//   O       the body with the peer's offer for it
//   A B     bodies of the joins of two clients; M N their texts (as in a JSON string); P Q their digests
//   I Z     index and previous hash of the log's next entry; D F W sealed set: digest, count, weight
#pragma once

#include "control_rig.h"

struct control_names {
	struct fuzz_name names[24];
	size_t count;
};

// Those that the line has in it, and S.
void control_names_find(struct control_names *names, const char *line, uint32_t round);
void control_names_free(struct control_names *names);
