// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Who calls: the Weir-* headers of a signed request.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "request_signature.h"

static const char *header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool parse_time(const char *text, uint64_t *time_ms)
{
	char *end;

	if (!*text || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
		return false;
	*time_ms = strtoull(text, &end, 10);
	return true;
}

static void refuse_time(struct request *request, uint64_t now)
{
	request_answer(request, 401,
		json_pack("{s:s, s:s, s:I}", "error",
			"the request's time is too far from this appliance's clock", "code", "time",
			"time_ms", (json_int_t)now));
}

bool authenticate(struct request *request)
{
	const char *identity = header(request, "Weir-Identity");
	const char *time = header(request, "Weir-Time");
	const char *hex = header(request, "Weir-Signature");
	uint8_t signature[WEIR_SIGNATURE_SIZE];
	uint64_t time_ms, now = clock_wall_ms();
	int error;

	if (!identity || !time || !hex) {
		request_error(request, 401, "signature",
			"the request needs the headers Weir-Identity, Weir-Time and "
			"Weir-Signature");
		return false;
	}
	if (weir_hex_decode(identity, request->caller.bytes, sizeof(request->caller.bytes)) ||
		weir_hex_decode(hex, signature, sizeof(signature)) || !parse_time(time, &time_ms)) {
		request_error(request, 401, "signature",
			"Weir-Identity, Weir-Time or Weir-Signature is malformed");
		return false;
	}
	error = weir_request_verify(&request->caller, &request->control->identity, request->method,
		request->target, time_ms, request->body, request->length, signature, now);
	if (error == -ETIME)
		refuse_time(request, now);
	else if (error)
		request_error(request, 401, "signature",
			"the signature does not fit this appliance, the request and the identity");
	return !error;
}
