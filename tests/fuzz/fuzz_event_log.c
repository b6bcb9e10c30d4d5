// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// A log, one entry a line, into the event machine, behind the ANNOUNCE of the test vectors. @I is the
// next index, @P the hash before it, @D, @C and @W what FREEZE must say, so that mutations of an entry
// do not end the chain. An entry that is refused must change nothing.

#include <errno.h>
#include <string.h>

#include "event_machine.h"
#include "fuzz.h"
#include "vectors.h"

static char *announce;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	json_t *documents = vectors_load("documents.json");
	json_t *first = json_array_get(vectors_member(documents, "log"), 0);

	(void)count, (void)arguments;
	announce = strdup(vectors_text(first, "text"));
	json_decref(documents);
	return 0;
}

static void check(const struct weir_event_machine *machine)
{
	size_t clients = 0;

	for (size_t i = 0; i <= WEIR_CLIENT_ABORTED; i++)
		clients += machine->counts[i];
	FUZZ_CHECK(clients == machine->client_count);
	if (machine->state != WEIR_EVENT_OPEN)
		return;
	FUZZ_CHECK(machine->client_count <= machine->announcement.terms.max_clients);
	FUZZ_CHECK(
		weir_event_machine_slots_held(machine) <= weir_event_machine_slot_limit(machine));
	FUZZ_CHECK((machine->open_batch != 0) == (machine->open_count != 0));
	FUZZ_CHECK(machine->counts[WEIR_CLIENT_COMMITTED] == machine->open_count);
}

static char *expand(const struct weir_event_machine *machine, const char *line)
{
	char index[24], previous[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)];
	char digest[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)], sealed[24], weight[24];
	const struct fuzz_name names[] = {
		{'I', index}, {'P', previous}, {'D', digest}, {'C', sealed}, {'W', weight}};

	snprintf(index, sizeof(index), "%llu", (unsigned long long)machine->next_index);
	snprintf(sealed, sizeof(sealed), "%zu", machine->counts[WEIR_CLIENT_SEALED]);
	snprintf(weight, sizeof(weight), "%llu", (unsigned long long)machine->sealed_weight);
	weir_hex_encode(machine->last_hash.bytes, WEIR_DIGEST_SIZE, previous);
	weir_hex_encode(machine->sealed_digest.bytes, WEIR_DIGEST_SIZE, digest);
	return fuzz_expand(line, names, sizeof(names) / sizeof(names[0]));
}

static void apply(struct weir_event_machine *machine, const char *line)
{
	struct weir_document_error error = {{0}};
	struct weir_event_machine before = *machine;
	struct weir_log_entry entry;
	char *text = expand(machine, line);

	if (weir_log_entry_parse(text, &entry, &error) == 0) {
		if (weir_event_machine_apply(machine, &entry, &error)) {
			FUZZ_CHECK(error.message[0]);
			FUZZ_CHECK(!memcmp(machine->counts, before.counts, sizeof(before.counts)));
			FUZZ_CHECK(machine->next_index == before.next_index &&
				   machine->state == before.state &&
				   machine->open_batch == before.open_batch &&
				   !memcmp(&machine->set_digest, &before.set_digest,
					   sizeof(before.set_digest)));
		} else {
			FUZZ_CHECK(machine->next_index == before.next_index + 1);
		}
		weir_log_entry_clear(&entry);
	}
	check(machine);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_event_machine machine;
	char *text = fuzz_text(data, size), *rest = text, *line;

	weir_event_machine_init(&machine);
	if (strncmp(text, "{\"index\":0", 10))
		apply(&machine, announce);
	while ((line = strsep(&rest, "\n")))
		apply(&machine, line);
	weir_event_machine_clear(&machine);
	free(text);
	return 0;
}
