// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The states' words in documents, answers and messages.

#include "event_machine.h"

const char *weir_event_state_name(enum weir_event_state state)
{
	static const char *const names[] = {
		[WEIR_EVENT_DRAFT] = "draft",
		[WEIR_EVENT_OPEN] = "open",
		[WEIR_EVENT_FROZEN] = "frozen",
		[WEIR_EVENT_PUBLISHED] = "published",
		[WEIR_EVENT_FAILED] = "failed",
	};
	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : NULL;
}

const char *weir_client_state_name(enum weir_client_state state)
{
	static const char *const names[] = {
		[WEIR_CLIENT_NONE] = "none",
		[WEIR_CLIENT_JOINED] = "joined",
		[WEIR_CLIENT_REQUESTED] = "requested",
		[WEIR_CLIENT_ADMITTED] = "admitted",
		[WEIR_CLIENT_COMPLETE] = "complete",
		[WEIR_CLIENT_COMMITTED] = "committed",
		[WEIR_CLIENT_SEALED] = "sealed",
		[WEIR_CLIENT_ABORTED] = "aborted",
	};
	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : NULL;
}
