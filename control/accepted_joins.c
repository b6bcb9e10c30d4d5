// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "accepted_joins.h"

#include <errno.h>
#include <stdlib.h>

#include "random.h"

#define JOINS_MAX 8192 // those that never get into the log must not pile up

struct accepted_join {
	struct weir_verified_join verified;
	struct weir_packet_keys keys;
};

static void forget(struct accepted_join *join)
{
	if (join)
		weir_wipe(join, sizeof(*join));
	free(join);
}

int accepted_joins_init(struct accepted_joins *joins)
{
	return key_table_init(&joins->table);
}

void accepted_joins_clear(struct accepted_joins *joins)
{
	for (size_t i = 0; i < joins->table.capacity; i++)
		forget(joins->table.entries[i].value);
	key_table_clear(&joins->table);
}

void accepted_joins_add(struct accepted_joins *joins, const struct weir_digest *join,
	const struct weir_verified_join *verified, const struct weir_packet_keys *keys)
{
	struct accepted_join *accepted = malloc(sizeof(*accepted));

	if (!accepted)
		return;
	if (joins->table.count >= JOINS_MAX)
		accepted_joins_clear(joins);
	forget(key_table_remove(&joins->table, join->bytes));
	*accepted = (struct accepted_join){*verified, *keys};
	if (key_table_put(&joins->table, join->bytes, accepted))
		forget(accepted);
}

const struct weir_verified_join *accepted_joins_find(void *context, const struct weir_digest *join)
{
	const struct accepted_joins *joins = context;
	const struct accepted_join *accepted = key_table_get(&joins->table, join->bytes);

	return accepted ? &accepted->verified : NULL;
}

int accepted_joins_take(
	struct accepted_joins *joins, const struct weir_digest *join, struct weir_packet_keys *keys)
{
	struct accepted_join *accepted = key_table_remove(&joins->table, join->bytes);

	if (!accepted)
		return -ENOENT;
	*keys = accepted->keys;
	forget(accepted);
	return 0;
}
