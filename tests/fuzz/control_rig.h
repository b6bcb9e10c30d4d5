// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A control process and a dataplane's end of its link in one process, turn by turn and with a clock
// that only the input moves: for the harnesses of the HTTP API and of what peers answer. Linked with
// --wrap for the clocks and for requests to peers, which are kept here instead of being sent.
#pragma once

#include "control.h"
#include "fuzz.h"

enum control_rig_who {
	RIG_SELF,
	RIG_PEER,
	RIG_OPERATOR,
	RIG_ALICE,
	RIG_BOB,
	RIG_COLLECTOR,
	RIG_STRANGER,
	RIG_PEOPLE
};

extern struct control *control;
extern struct weir_signing_key *control_rig_keys[RIG_PEOPLE];

void control_rig_start(void);
// A new control process with an empty store.
void control_rig_restart(void);
// The two halves of it; open: whether it takes the store as it is.
void control_rig_stop(void);
bool control_rig_open(void);
const char *control_rig_state(void); // the store's folder
// Turns of both processes until nothing moves any more.
void control_rig_turns(void);
void control_rig_pass(uint64_t ms);
uint64_t control_rig_wall_ms(void);
uint64_t control_rig_start_ms(void); // the wall clock at the start
// As if the dataplane had received this of a client: asked for a slot, or every chunk.
void control_rig_client(uint32_t number, uint32_t client, bool complete);
// Ends every event, and sees to it that the dataplane has nothing open then.
void control_rig_end_events(void);

// A request to a peer that waits for its answer.
struct rig_call {
	struct rig_call *next;
	char method[8], target[256];
	http_call_done *done;
	void *context;
};
// The newest whose target contains the text; NULL if there is none.
struct rig_call *control_rig_call(const char *part);
void control_rig_answer(struct rig_call *call, long status, const json_t *body);
