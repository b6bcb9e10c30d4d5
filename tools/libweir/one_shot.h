// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Sends a client's shares once, with parity behind them, and listens to nothing: for clients that cannot
// wait for answers, in events with forward error correction, after a join that asked for admission.
#pragma once

#include "fec.h"
#include "sender.h"

#define WEIR_ONE_SHOT_RATE 1250000 // bytes a second to each aggregator, if the caller names none

// setup as for weir_sender_new; patience_ms is not used. rate: bytes of datagrams a second to each
// aggregator, above 0. Returns 0 once all has been handed to the kernel, -ECANCELED, -EMSGSIZE (chunks do
// not fit the path's MTU) or another -errno, with a sentence in message.
int weir_one_shot(const struct weir_sender_setup *setup, struct weir_fec_parameters fec,
	uint64_t rate, char *message);
