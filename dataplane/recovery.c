// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "recovery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <rte_common.h>

#include "random.h"

#define LINE UINT64_C(64)
#define PAGE UINT64_C(4096)

#define COUNT_MASK    UINT32_C(0xffff) // chunks of a group that are here, of either kind
#define COUNT_PARITY  (UINT32_C(1) << 16)
#define COUNT_SETTLED (UINT32_C(1) << 31) // nothing more is to be recovered

_Static_assert(WEIR_FEC_DATA_MAX + WEIR_FEC_PARITY_MAX <= COUNT_MASK, "counts of a group");

int recovery_lay_out(const struct weir_link_event_open *request, uint32_t chunk_count,
	unsigned __int128 *end, struct recovery_layout *layout)
{
	struct weir_fec_parameters parameters = {request->fec >> 16, request->fec & 0xffff};
	uint64_t chunk = weir_chunk_length(request->dimension, request->chunk_elements, 0) *
			 weir_modulus_element_size(request->modulus);
	uint64_t parity;

	*layout = (struct recovery_layout){0};
	if (!request->fec)
		return 0;
	if (!weir_fec_parameters_valid(parameters))
		return -EINVAL;
	layout->group_count = weir_fec_group_count(chunk_count, parameters.data);
	parity = (uint64_t)layout->group_count * parameters.parity;
	if (parity > WEIR_CHUNK_COUNT_MAX)
		return -EINVAL;
	layout->parameters = parameters;
	layout->chunk_count = (uint32_t)parity;
	layout->bitmap_stride = RTE_ALIGN_CEIL((parity + 7) / 8, LINE);
	// Below 2^28 x 2^16; as for slots, no multiple of a page.
	layout->slot_stride = RTE_ALIGN_CEIL(parity * chunk, LINE);
	if (layout->slot_stride % PAGE == 0)
		layout->slot_stride += LINE;
	*end = RTE_ALIGN_CEIL(*end, (unsigned __int128)LINE);
	layout->bitmaps = (uint64_t)*end;
	*end += (unsigned __int128)layout->bitmap_stride * request->slot_count;
	layout->slots = (uint64_t)*end;
	*end += (unsigned __int128)layout->slot_stride * request->slot_count;
	return 0;
}

static void *lines(uint64_t bytes)
{
	size_t size = RTE_ALIGN_CEIL(bytes, LINE);
	void *memory = aligned_alloc(LINE, size);

	if (memory)
		memset(memory, 0, size);
	return memory;
}

int recovery_make(struct event *event, const struct recovery_layout *layout)
{
	struct recovery *recovery;

	if (!layout->chunk_count)
		return 0;
	recovery = calloc(1, sizeof(*recovery));
	if (!recovery)
		return -ENOMEM;
	event->recovery = recovery;
	recovery->parameters = layout->parameters;
	recovery->group_count = layout->group_count;
	recovery->chunk_count = layout->chunk_count;
	recovery->chunk_bytes =
		weir_chunk_length(event->dimension, event->chunk_elements, 0) * event->element_size;
	recovery->slot_stride = layout->slot_stride;
	recovery->bitmap_words = layout->bitmap_stride / sizeof(uint64_t);
	recovery->fec = weir_fec_new(layout->parameters);
	recovery->claimed = lines(event->slot_count * layout->bitmap_stride);
	recovery->holders = lines(event->slot_count * sizeof(*recovery->holders));
	recovery->counts = lines(
		(uint64_t)event->slot_count * layout->group_count * sizeof(*recovery->counts));
	recovery->due = lines((event->slot_count + UINT64_C(63)) / 64 * sizeof(*recovery->due));
	recovery->padded = lines(recovery->chunk_bytes);
	if (recovery->fec && recovery->claimed && recovery->holders && recovery->counts &&
		recovery->due && recovery->padded)
		return 0;
	recovery_free(event);
	return -ENOMEM;
}

void recovery_place(struct event *event, const struct recovery_layout *layout, uint8_t *base)
{
	struct recovery *recovery = event->recovery;

	if (!recovery)
		return;
	recovery->slots = base + layout->slots;
	recovery->received = (_Atomic uint64_t *)(base + layout->bitmaps);
}

void recovery_free(struct event *event)
{
	struct recovery *recovery = event->recovery;

	if (!recovery)
		return;
	event->recovery = NULL;
	if (recovery->padded)
		weir_wipe(recovery->padded, recovery->chunk_bytes);
	weir_fec_free(recovery->fec);
	free((void *)(uintptr_t)recovery->claimed);
	free((void *)(uintptr_t)recovery->holders);
	free((void *)(uintptr_t)recovery->counts);
	free((void *)(uintptr_t)recovery->due);
	free(recovery->padded);
	free(recovery);
}

void recovery_clear(const struct event *event, uint32_t slot)
{
	const struct recovery *recovery = event->recovery;

	for (uint64_t i = 0; recovery && i < recovery->bitmap_words; i++)
		atomic_store_explicit(&recovery->received[slot * recovery->bitmap_words + i], 0,
			memory_order_relaxed);
}

static void mark_due(struct event_table *table, struct recovery *recovery, uint32_t slot)
{
	atomic_fetch_or_explicit(
		&recovery->due[slot / 64], UINT64_C(1) << slot % 64, memory_order_release);
	atomic_store_explicit(&table->recoveries_due, true, memory_order_release);
}

// Counts every chunk in one bitmap, `add` for each. Returns true if there is any.
static bool count_bits(const struct recovery *recovery, const _Atomic uint64_t *bitmap,
	uint64_t words, _Atomic uint32_t *counts, uint32_t add)
{
	uint64_t any = 0;

	for (uint64_t word = 0; word < words; word++) {
		uint64_t bits = atomic_load_explicit(&bitmap[word], memory_order_relaxed);

		any |= bits;
		for (; bits; bits &= bits - 1) {
			uint64_t chunk = word * 64 + (uint64_t)__builtin_ctzll(bits);

			atomic_fetch_add_explicit(
				&counts[chunk % recovery->group_count], add, memory_order_relaxed);
		}
	}
	return any;
}

static _Atomic uint32_t *counts_of(const struct recovery *recovery, uint32_t slot)
{
	return &recovery->counts[(uint64_t)slot * recovery->group_count];
}

void recovery_take(
	struct event_table *table, const struct event *event, uint32_t slot, uint32_t client)
{
	struct recovery *recovery = event->recovery;
	_Atomic uint32_t *counts;

	if (!recovery)
		return;
	counts = counts_of(recovery, slot);
	for (uint32_t group = 0; group < recovery->group_count; group++)
		atomic_store_explicit(&counts[group], 0, memory_order_relaxed);
	for (uint64_t i = slot * recovery->bitmap_words; i < (slot + 1) * recovery->bitmap_words;
		i++)
		atomic_store_explicit(&recovery->claimed[i],
			atomic_load_explicit(&recovery->received[i], memory_order_relaxed),
			memory_order_relaxed);
	count_bits(recovery, event->received + slot * event->bitmap_words, event->bitmap_words,
		counts, 1);
	atomic_store_explicit(&recovery->holders[slot], client, memory_order_relaxed);
	if (count_bits(recovery, recovery->received + slot * recovery->bitmap_words,
		    recovery->bitmap_words, counts, 1 + COUNT_PARITY))
		mark_due(table, recovery, slot);
}

void recovery_wipe(const struct event *event, uint32_t slot)
{
	const struct recovery *recovery = event->recovery;

	if (recovery)
		weir_wipe(recovery->slots + slot * recovery->slot_stride, recovery->slot_stride);
}

// A group becomes due when the chunk comes that makes it enough. One that is whole by then, without any
// parity, never does.
bool recovery_note(struct event_table *table, const struct event *event, uint32_t slot,
	uint32_t group, bool is_parity)
{
	struct recovery *recovery = event->recovery;
	uint32_t add = is_parity ? 1 + COUNT_PARITY : 1;
	uint32_t count = add + atomic_fetch_add_explicit(&counts_of(recovery, slot)[group], add,
				       memory_order_acq_rel);

	if (count < COUNT_PARITY || (count & COUNT_MASK) != weir_fec_group_size(event->chunk_count,
								    recovery->group_count, group))
		return false;
	mark_due(table, recovery, slot);
	return true;
}

bool recovery_has_enough(
	const struct recovery *recovery, uint32_t slot, uint32_t group, uint32_t size)
{
	uint32_t count =
		atomic_load_explicit(&counts_of(recovery, slot)[group], memory_order_acquire);

	return !(count & COUNT_SETTLED) && count >= COUNT_PARITY && (count & COUNT_MASK) >= size;
}

void recovery_settle(const struct recovery *recovery, uint32_t slot, uint32_t group)
{
	atomic_fetch_or_explicit(
		&counts_of(recovery, slot)[group], COUNT_SETTLED, memory_order_relaxed);
}
