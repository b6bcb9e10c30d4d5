// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The commands of weirctl.
#pragma once

#include "command.h"

extern const struct command command_status, command_roster, command_announce, command_run,
	command_events, command_log, command_cancel, command_stats, command_watch;

// Moves the command's name to the front, so that its options may also stand before it. argv is
// permuted in place; it ends with NULL as main's does.
void weirctl_order_arguments(int argc, char **argv);
