// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// README "Signed requests".

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "control_test.h"
#include "request_signature.h"

#define NOW UINT64_C(1767225600000)

static struct weir_signing_key *key, *other;
static struct weir_identity caller, recipient;
static uint8_t signature[WEIR_SIGNATURE_SIZE];

static void set_up(void)
{
	key = test_key("alice");
	other = test_key("leader");
	caller = *weir_signing_key_identity(key);
	recipient = *weir_signing_key_identity(other);
	cr_assert_eq(
		weir_request_sign(key, &recipient, "POST", "/v1/x?a=1", NOW, "{}", 2, signature),
		0);
}

static void tear_down(void)
{
	weir_signing_key_free(key);
	weir_signing_key_free(other);
}

TestSuite(request_signature, .init = set_up, .fini = tear_down, .timeout = 60);

static int verify(const char *method, const char *target, uint64_t time_ms, const char *body)
{
	return weir_request_verify(
		&caller, &recipient, method, target, time_ms, body, strlen(body), signature, NOW);
}

Test(request_signature, covers_everything)
{
	cr_assert_eq(verify("POST", "/v1/x?a=1", NOW, "{}"), 0);
	cr_assert_eq(verify("PUT", "/v1/x?a=1", NOW, "{}"), -EBADMSG);
	cr_assert_eq(verify("POST", "/v1/x?a=2", NOW, "{}"), -EBADMSG);
	cr_assert_eq(verify("POST", "/v1/x", NOW, "{}"), -EBADMSG);
	cr_assert_eq(verify("POST", "/v1/x?a=1", NOW + 1, "{}"), -EBADMSG);
	cr_assert_eq(verify("POST", "/v1/x?a=1", NOW, "{ }"), -EBADMSG);
	cr_assert_eq(verify("POST", "/v1/x?a=1", NOW, ""), -EBADMSG);
	cr_assert_eq(weir_request_verify(&recipient, &caller, "POST", "/v1/x?a=1", NOW, "{}", 2,
			     signature, NOW),
		-EBADMSG);
	cr_assert_eq(weir_request_verify(
			     &caller, &caller, "POST", "/v1/x?a=1", NOW, "{}", 2, signature, NOW),
		-EBADMSG, "made for another appliance");
	signature[40] ^= 1;
	cr_assert_eq(verify("POST", "/v1/x?a=1", NOW, "{}"), -EBADMSG);
}

Test(request_signature, no_body_is_an_empty_body)
{
	cr_assert_eq(weir_request_sign(key, &recipient, "GET", "/", NOW, NULL, 0, signature), 0);
	cr_assert_eq(
		weir_request_verify(&caller, &recipient, "GET", "/", NOW, "", 0, signature, NOW),
		0);
}

Test(request_signature, the_clocks_may_differ_by_a_minute)
{
	static const struct {
		uint64_t now;
		int result;
	} cases[] = {{NOW, 0}, {NOW + 60000, 0}, {NOW - 60000, 0}, {NOW + 60001, -ETIME},
		{NOW - 60001, -ETIME}, {0, -ETIME}, {UINT64_MAX, -ETIME}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_eq(weir_request_verify(&caller, &recipient, "POST", "/v1/x?a=1", NOW,
				     "{}", 2, signature, cases[i].now),
			cases[i].result, "%zu", i);
	signature[0] ^= 1; // a bad signature learns nothing of the clock
	cr_assert_eq(weir_request_verify(
			     &caller, &recipient, "POST", "/v1/x?a=1", NOW, "{}", 2, signature, 0),
		-EBADMSG);
}

Test(request_signature, no_field_reaches_into_the_next)
{
	uint8_t none[WEIR_SIGNATURE_SIZE], zero[WEIR_SIGNATURE_SIZE] = {0};
	memset(none, 0xff, sizeof(none));
	cr_assert_eq(
		weir_request_sign(key, &recipient, "GET\n/a", "/b", NOW, "", 0, none), -EINVAL);
	cr_assert_arr_eq(none, zero, sizeof(zero));
	cr_assert_eq(
		weir_request_sign(key, &recipient, "GET", "/a\n/b", NOW, "", 0, none), -EINVAL);
	cr_assert_eq(verify("POST\n", "/v1/x?a=1", NOW, "{}"), -EBADMSG);
}

Test(request_signature, is_of_its_context)
{
	cr_assert_eq(weir_sign(key, "weir-join", "x", 1, signature), 0);
	cr_assert_eq(verify("POST", "/v1/x?a=1", NOW, "{}"), -EBADMSG);
}
