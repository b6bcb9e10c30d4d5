// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The committed-set digest: a chain over the batches of an event, README "Committed-set digest".

#include <errno.h>

#include "documents.h"

int weir_set_digest_start(const struct weir_digest *event, struct weir_digest *set)
{
	return weir_digest(WEIR_CONTEXT_SET, event->bytes, sizeof(event->bytes), set);
}

int weir_set_digest_add(struct weir_digest *set, uint32_t batch,
	const struct weir_set_member *members, size_t count)
{
	struct weir_digest_stream *stream = weir_digest_begin(WEIR_CONTEXT_SET);
	struct weir_digest next;

	if (stream == NULL)
		return -EIO;
	// the host is little-endian; a failed _add makes the _end fail
	(void)weir_digest_add(stream, set->bytes, sizeof(set->bytes));
	(void)weir_digest_add(stream, &batch, sizeof(batch));
	for (size_t i = 0; i < count; i++) {
		const struct weir_set_member *member = &members[i];
		(void)weir_digest_add(stream, &member->index, sizeof(member->index));
		(void)weir_digest_add(
			stream, member->identity.bytes, sizeof(member->identity.bytes));
		(void)weir_digest_add(stream, member->join.bytes, sizeof(member->join.bytes));
		(void)weir_digest_add(stream, &member->weight, sizeof(member->weight));
	}
	if (weir_digest_end(stream, &next) != 0)
		return -EIO;
	*set = next;
	return 0;
}
