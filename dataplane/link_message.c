// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "link_message.h"

#include <errno.h>
#include <stdbool.h>

#include "control_link.h"

static bool check_list(const void *message, size_t length, size_t entry_size, uint32_t maximum)
{
	const struct weir_link_list *list = message;

	return length >= sizeof(*list) && list->count >= 1 && list->count <= maximum &&
	       length == sizeof(*list) + list->count * entry_size;
}

static bool check_commit(const void *message, size_t length)
{
	const struct weir_link_commit *commit = message;

	return length >= sizeof(*commit) && commit->count >= 1 &&
	       commit->count <= WEIR_LINK_LIST_MAX && commit->zero == 0 &&
	       length == sizeof(*commit) + commit->count * sizeof(uint32_t);
}

static bool check_batch(const void *message, size_t length, bool names_batch)
{
	const struct weir_link_batch *batch = message;

	return length == sizeof(*batch) && batch->status == 0 && batch->zero == 0 &&
	       (batch->batch != 0) == names_batch;
}

static bool check_restore(const void *message, size_t length)
{
	const struct weir_link_restore *restore = message;

	return length == sizeof(*restore) && restore->batch != 0;
}

int link_message_check(const void *message, size_t length)
{
	const struct weir_link_header *header = message;
	bool good = false;

	if (length < sizeof(*header) || length > WEIR_LINK_MESSAGE_MAX ||
		header->version != WEIR_LINK_VERSION || header->length != length ||
		header->zero != 0)
		return -EPROTO;
	switch (header->type) {
	case WEIR_LINK_HELLO: good = length == sizeof(struct weir_link_hello); break;
	case WEIR_LINK_EVENT_OPEN: good = length == sizeof(struct weir_link_event_open); break;
	case WEIR_LINK_CLIENT_ADD:
		good = check_list(
			message, length, sizeof(struct weir_link_client), WEIR_LINK_ADD_MAX);
		break;
	case WEIR_LINK_CLIENT_ADMIT:
	case WEIR_LINK_CLIENT_ABORT:
		good = check_list(message, length, sizeof(uint32_t), WEIR_LINK_LIST_MAX);
		break;
	case WEIR_LINK_COMMIT: good = check_commit(message, length); break;
	case WEIR_LINK_ROLLBACK:
	case WEIR_LINK_SEAL: good = check_batch(message, length, true); break;
	case WEIR_LINK_RESTORE: good = check_restore(message, length); break;
	case WEIR_LINK_FREEZE:
	case WEIR_LINK_EVENT_CLOSE: good = check_batch(message, length, false); break;
	}
	return good ? 0 : -EPROTO;
}
