// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A caller's vector as the event's elements.
#pragma once

#include "client.h"

// *elements: malloc'd, a secret, to be wiped and freed. Returns as weir_client_submit does: -EINVAL,
// -ERANGE, -ENOMEM.
int weir_encode_vector(struct weir_client *client, const struct weir_event_terms *terms,
	const struct weir_client_vector *vector, void **elements, size_t *clipped);
