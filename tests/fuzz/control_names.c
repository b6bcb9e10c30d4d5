// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "control_names.h"

#include <string.h>

#define SIGNATURE_DUMMY 0x5a // good enough: any_signature.c

static void add(struct control_names *names, char name, char *value)
{
	FUZZ_CHECK(names->count < sizeof(names->names) / sizeof(names->names[0]));
	names->names[names->count++] = (struct fuzz_name){name, value ? value : strdup("")};
}

static char *hex_of(const void *bytes, size_t size)
{
	char *hex = malloc(WEIR_HEX_SIZE(size));

	FUZZ_CHECK(hex);
	weir_hex_encode(bytes, size, hex);
	return hex;
}

static char *identity_of(enum control_rig_who who)
{
	return hex_of(weir_signing_key_identity(control_rig_keys[who]), WEIR_IDENTITY_SIZE);
}

static char *number_of(uint64_t number)
{
	char *text;

	FUZZ_CHECK(asprintf(&text, "%llu", (unsigned long long)number) > 0);
	return text;
}

static char *dummy_signature(void)
{
	uint8_t signature[WEIR_SIGNATURE_SIZE];

	memset(signature, SIGNATURE_DUMMY, sizeof(signature));
	return hex_of(signature, sizeof(signature));
}

// {"NAME": text, "signature": hex}. Takes the text.
static char *signed_body(const char *name, char *text)
{
	char *signature = dummy_signature(), *body;
	json_t *root = json_pack("{s:s, s:s}", name, text ? text : "", "signature", signature);

	body = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	free(signature);
	free(text);
	FUZZ_CHECK(body);
	return body;
}

// As it stands between quotation marks. Takes the text.
static char *escaped(char *text)
{
	json_t *string = json_string(text ? text : "");
	char *json = json_dumps(string, JSON_ENCODE_ANY);
	char *inside = strndup(json + 1, strlen(json) - 2);

	json_decref(string);
	free(json);
	free(text);
	return inside;
}

static char *join_text(const struct event *event, enum control_rig_who who)
{
	struct weir_join join = {.event = event->digest,
		.offers = event->machine.announcement.offers_digest,
		.identity = *weir_signing_key_identity(control_rig_keys[who]),
		.key = {9, (uint8_t)who},
		.weight = 1};

	return weir_join_format(&join);
}

static char *digest_of(const char *context, char *text)
{
	struct weir_digest digest = {{0}};

	if (text)
		weir_digest(context, text, strlen(text), &digest);
	free(text);
	return hex_of(digest.bytes, sizeof(digest.bytes));
}

static char *offer_text(const struct event *event)
{
	struct weir_offer offer = {.event = event->digest,
		.aggregator = *weir_signing_key_identity(control_rig_keys[RIG_PEER]),
		.key = {9},
		.endpoint = "192.0.2.2:9347",
		.url = "http://192.0.2.2:9347",
		.number = 3,
		.slots = 2,
		.min_clients = 2};

	return weir_offer_format(&offer);
}

static char *draft_text(uint32_t round)
{
	const struct weir_event_terms terms = {.job = "peers",
		.round = round,
		.modulus = WEIR_MODULUS_M31,
		.dimension = 20,
		.chunk_elements = 16,
		.encoding = {.is_signed = true, .bound = 100},
		.max_clients = 8,
		.max_weight = 3,
		.min_clients = 2,
		.announced_ms = control_rig_start_ms(),
		.deadline_ms = control_rig_start_ms() + (UINT64_C(1) << 40),
		.admit_timeout_ms = 3000,
		.aggregators = {*weir_signing_key_identity(control_rig_keys[RIG_PEER]),
			*weir_signing_key_identity(control_rig_keys[RIG_SELF])},
		.aggregator_count = 2,
		.collectors = {*weir_signing_key_identity(control_rig_keys[RIG_COLLECTOR])},
		.collector_count = 1};

	return weir_event_format(&terms);
}

// What the peer announces once it has our offer.
static char *announcement_text(const struct event *event)
{
	struct weir_signed_text offers[2] = {
		{.text = offer_text(event)}, {.text = event->participant.offer}};
	struct weir_announcement announcement;
	struct weir_document_error error;
	char *text = NULL;

	if (offers[1].text && event->self == 1 &&
		weir_announcement_make(event->text, offers, 2, control_rig_keys[RIG_PEER],
			&announcement, &error) == 0) {
		text = weir_announcement_format(&announcement);
		weir_announcement_clear(&announcement);
	}
	free(offers[0].text);
	return text;
}

// Documents take long to make: only what the line has in it.
static bool uses(const char *line, char name)
{
	while ((line = strchr(line, '@')))
		if (*++line == name)
			return true;
	return false;
}

static void add_event(struct control_names *names, const char *line, const struct event *event)
{
	const struct weir_event_machine *machine = &event->machine;

	if (uses(line, 'X'))
		add(names, 'X', announcement_text(event));
	if (uses(line, 'O'))
		add(names, 'O', signed_body("offer", offer_text(event)));
	if (uses(line, 'A'))
		add(names, 'A', signed_body("join", join_text(event, RIG_ALICE)));
	if (uses(line, 'B'))
		add(names, 'B', signed_body("join", join_text(event, RIG_BOB)));
	if (uses(line, 'M'))
		add(names, 'M', escaped(join_text(event, RIG_ALICE)));
	if (uses(line, 'N'))
		add(names, 'N', escaped(join_text(event, RIG_BOB)));
	if (uses(line, 'P'))
		add(names, 'P', digest_of(WEIR_CONTEXT_JOIN, join_text(event, RIG_ALICE)));
	if (uses(line, 'Q'))
		add(names, 'Q', digest_of(WEIR_CONTEXT_JOIN, join_text(event, RIG_BOB)));
	if (uses(line, 'I'))
		add(names, 'I', number_of(machine->next_index));
	if (uses(line, 'Z'))
		add(names, 'Z', hex_of(&machine->last_hash, WEIR_DIGEST_SIZE));
	if (uses(line, 'D'))
		add(names, 'D', hex_of(&machine->sealed_digest, WEIR_DIGEST_SIZE));
	if (uses(line, 'F'))
		add(names, 'F', number_of(machine->counts[WEIR_CLIENT_SEALED]));
	if (uses(line, 'W'))
		add(names, 'W', number_of(machine->sealed_weight));
}

void control_names_find(struct control_names *names, const char *line, uint32_t round)
{
	static const struct weir_digest none;
	const struct event *event = control->book.first;

	names->count = 0;
	if (uses(line, 'R'))
		add(names, 'R', number_of(round));
	if (uses(line, 'L'))
		add(names, 'L', identity_of(RIG_SELF));
	if (uses(line, 'H'))
		add(names, 'H', identity_of(RIG_PEER));
	if (uses(line, 'C'))
		add(names, 'C', identity_of(RIG_COLLECTOR));
	add(names, 'S', dummy_signature());
	if (uses(line, 'V'))
		add(names, 'V', escaped(draft_text(round)));
	if (uses(line, 'U'))
		add(names, 'U', digest_of(WEIR_CONTEXT_EVENT, draft_text(round)));
	if (uses(line, 'E'))
		add(names, 'E', hex_of(event ? &event->digest : &none, WEIR_DIGEST_SIZE));
	if (event && event->loaded)
		add_event(names, line, event);
}

void control_names_free(struct control_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free((void *)(uintptr_t)names->names[i].value);
}
