// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// README "Announcement": what a client checks before it joins.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "control_test.h"
#include "refusals.h"

static struct test_event event;
static char *text;
static json_t *root;

static void set_up(void)
{
	test_event_init(&event, 3);
	test_event_announce(&event);
	text = weir_announcement_format(&event.announcement);
	root = json_loads(text, 0, NULL);
	cr_assert_not_null(root);
}

static void tear_down(void)
{
	json_decref(root);
	free(text);
	test_event_clear(&event);
}

TestSuite(announcement, .init = set_up, .fini = tear_down, .timeout = 120);

static int parse(const char *json)
{
	struct weir_announcement announcement;
	struct weir_document_error error = {""};
	memset(&announcement, 0xff, sizeof(announcement));
	const int rc = weir_announcement_parse(json, &announcement, &error);
	check_outcome(rc, error.message, &announcement, sizeof(announcement));
	if (rc == 0)
		weir_announcement_clear(&announcement);
	return rc;
}

static void assert_root_refused(void)
{
	char *made = json_dumps(root, 0);
	assert_refused(parse, made);
	free(made);
}

static json_t *offer(size_t i)
{
	return json_array_get(json_object_get(root, "offers"), i);
}

Test(announcement, is_strict)
{
	assert_strict(parse, root, root);
	assert_strict(parse, root, offer(0));
	assert_strict(parse, root, offer(2));
}

Test(announcement, whole_texts)
{
	assert_whole_texts_refused(parse, text);
	assert_limit(parse, text, 1 << 20);
	assert_survives_noise(parse, text, 3000);
}

Test(announcement, round_trip)
{
	struct weir_announcement parsed;
	struct weir_document_error error;
	cr_assert_eq(weir_announcement_parse(text, &parsed, &error), 0, "%s", error.message);
	char *again = weir_announcement_format(&parsed);
	cr_assert_str_eq(again, text);
	cr_assert_str_eq(parsed.event_text, event.announcement.event_text);
	cr_assert_eq(parsed.offers[2].slots, event.offers[2].slots);
	free(again);
	weir_announcement_clear(&parsed);
	weir_announcement_clear(&parsed); // harmless
}

Test(announcement, a_signature_holds_for_one_thing)
{
	// the leader's, of another context or of nothing
	json_object_set(root, "signature", json_object_get(offer(0), "signature"));
	assert_root_refused();
}

Test(announcement, the_helper_does_not_sign_it)
{
	struct weir_announcement forged = event.announcement;
	uint8_t message[64];
	memcpy(message, forged.event_digest.bytes, 32);
	memcpy(message + 32, forged.offers_digest.bytes, 32);
	cr_assert_eq(
		weir_sign(event.aggregators[1], "weir-announcement", message, 64, forged.signature),
		0);
	char *made = weir_announcement_format(&forged);
	assert_refused(parse, made);
	free(made);
	cr_assert_eq(
		weir_sign(event.aggregators[0], "weir-announcement", message, 64, forged.signature),
		0);
	made = weir_announcement_format(&forged);
	assert_accepted(parse, made);
	free(made);
	cr_assert_eq(
		weir_sign(event.aggregators[0], "weir-offers", message, 64, forged.signature), 0);
	made = weir_announcement_format(&forged);
	assert_refused(parse, made);
	free(made);
}

Test(announcement, every_bit_of_a_signature_counts)
{
	struct weir_announcement changed = event.announcement;
	for (size_t i = 0; i < WEIR_SIGNATURE_SIZE; i += 9) {
		changed.signature[i] ^= 0x10;
		char *made = weir_announcement_format(&changed);
		assert_refused(parse, made);
		free(made);
		changed.signature[i] ^= 0x10;
		changed.signed_offers[1].signature[i] ^= 0x10;
		made = weir_announcement_format(&changed);
		assert_refused(parse, made);
		free(made);
		changed.signed_offers[1].signature[i] ^= 0x10;
	}
}

Test(announcement, offers_are_in_order_and_complete)
{
	json_t *offers = json_object_get(root, "offers");
	json_t *first = json_incref(json_array_get(offers, 0));
	json_array_remove(offers, 0);
	assert_root_refused();
	json_array_append(offers, first);
	assert_root_refused();
	json_array_insert(offers, 0, first);
	assert_root_refused(); // one too many
	json_decref(first);
}

Test(announcement, id_is_of_this_event)
{
	char other[65];
	memset(other, 'a', 64);
	other[64] = '\0';
	json_object_set_new(root, "id", json_string(other));
	assert_root_refused();
}

Test(announcement, the_event_is_the_signed_one)
{
	char *spaced = NULL;
	cr_assert_geq(asprintf(&spaced, "%s ", event.announcement.event_text), 0);
	json_object_set_new(root, "event", json_string(spaced));
	free(spaced);
	assert_root_refused();
}

// Makes it with one offer that says something else, or that another has signed.
static int make_with(const struct weir_offer *other, size_t place,
	const struct weir_signing_key *signer, const char *context,
	const struct weir_signing_key *leader)
{
	struct weir_signed_text offers[3];
	struct weir_announcement made;
	struct weir_document_error error;
	memcpy(offers, event.announcement.signed_offers, sizeof(offers));
	offers[place] = test_sign(signer, context, weir_offer_format(other));
	memset(&made, 0xff, sizeof(made));
	const int rc = weir_announcement_make(
		event.announcement.event_text, offers, 3, leader, &made, &error);
	check_outcome(rc, error.message, &made, sizeof(made));
	if (rc == 0)
		weir_announcement_clear(&made);
	free(offers[place].text);
	return rc;
}

Test(announcement, an_offer_is_of_its_aggregator_for_its_event)
{
	struct weir_signing_key **keys = event.aggregators;
	const struct weir_offer right = event.offers[1];
	struct weir_offer other = right;
	cr_assert_eq(make_with(&right, 1, keys[1], "weir-offer", keys[0]), 0);
	cr_assert_eq(make_with(&right, 1, keys[1], "weir-offers", keys[0]), -EBADMSG);
	cr_assert_eq(make_with(&right, 1, keys[0], "weir-offer", keys[0]), -EBADMSG);
	cr_assert_eq(make_with(&right, 2, keys[1], "weir-offer", keys[0]), -EBADMSG);
	cr_assert_eq(make_with(&right, 1, keys[1], "weir-offer", keys[1]), -EBADMSG);
	other.event.bytes[0] ^= 1;
	cr_assert_eq(make_with(&other, 1, keys[1], "weir-offer", keys[0]), -EBADMSG);
	other = right;
	other.aggregator = event.terms.aggregators[2];
	cr_assert_eq(make_with(&other, 1, keys[2], "weir-offer", keys[0]), -EBADMSG);
	cr_assert_eq(make_with(&other, 1, keys[1], "weir-offer", keys[0]), -EBADMSG);
}

Test(announcement, needs_as_many_offers_as_aggregators)
{
	struct weir_announcement made;
	struct weir_document_error error;
	for (size_t count = 0; count < 3; count++)
		cr_assert_eq(weir_announcement_make(event.announcement.event_text,
				     event.announcement.signed_offers, count, event.aggregators[0],
				     &made, &error),
			-EBADMSG);
}

Test(announcement, the_offers_digest_is_over_all_offers)
{
	struct weir_digest digests[3], all;
	for (size_t i = 0; i < 3; i++) {
		const char *offer_text = event.announcement.signed_offers[i].text;
		cr_assert_eq(
			weir_digest("weir-offer", offer_text, strlen(offer_text), &digests[i]), 0);
	}
	cr_assert_eq(weir_digest("weir-offers", digests, sizeof(digests), &all), 0);
	cr_assert_eq(memcmp(&all, &event.announcement.offers_digest, sizeof(all)), 0);
}

Test(announcement, the_aggregators_are_exactly_the_required_ones)
{
	const struct weir_identity *own = event.terms.aggregators;
	const struct weir_identity stranger = {{9}};
	const struct weir_identity swapped[3] = {own[0], own[2], own[1]};
	const struct weir_identity helper_leads[3] = {own[1], own[0], own[2]};
	const struct weir_identity replaced[3] = {own[0], own[1], stranger};
	const struct weir_identity more[4] = {own[0], own[1], own[2], stranger};
	const struct weir_identity repeated[3] = {own[0], own[1], own[1]};
	const struct weir_announcement *announcement = &event.announcement;
	cr_assert(weir_announcement_requires(announcement, own, 3));
	cr_assert(weir_announcement_requires(announcement, swapped, 3));
	cr_assert(!weir_announcement_requires(announcement, helper_leads, 3));
	cr_assert(!weir_announcement_requires(announcement, replaced, 3));
	cr_assert(!weir_announcement_requires(announcement, own, 2));
	cr_assert(!weir_announcement_requires(announcement, own, 0));
	cr_assert(!weir_announcement_requires(announcement, more, 4));
	cr_assert(!weir_announcement_requires(announcement, repeated, 3));
}
