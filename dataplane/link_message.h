// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Is a message from the control process well formed? Checked first and in one place, so that what
// handles a command can rely on its shape.
#pragma once

#include <stddef.h>

// message is aligned to 8 bytes. Returns 0 if it is a command of this version whose length is
// exactly what its type and count imply, with counts within control_link.h's limits and reserved
// fields zero, else -EPROTO. Says nothing about the values of other fields.
int link_message_check(const void *message, size_t length);
