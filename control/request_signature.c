// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "request_signature.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "documents.h"

// What is signed, malloc'd; NULL with errno EINVAL (a line break in method or target would move what
// is behind it into another field), EIO or ENOMEM.
static char *request_message(const struct weir_identity *recipient, const char *method,
	const char *target, uint64_t time_ms, const void *body, size_t length)
{
	struct weir_digest digest;
	char recipient_hex[WEIR_HEX_SIZE(WEIR_IDENTITY_SIZE)];
	char body_hex[WEIR_HEX_SIZE(WEIR_DIGEST_SIZE)];
	char *message;

	if (strchr(method, '\n') != NULL || strchr(target, '\n') != NULL) {
		errno = EINVAL;
		return NULL;
	}
	if (weir_sha256(body, length, &digest) != 0) {
		errno = EIO;
		return NULL;
	}
	weir_hex_encode(recipient->bytes, sizeof(recipient->bytes), recipient_hex);
	weir_hex_encode(digest.bytes, sizeof(digest.bytes), body_hex);
	if (asprintf(&message, "%s\n%s\n%s\n%" PRIu64 "\n%s", recipient_hex, method, target,
		    time_ms, body_hex) < 0) {
		errno = ENOMEM;
		return NULL;
	}
	return message;
}

int weir_request_sign(const struct weir_signing_key *key, const struct weir_identity *recipient,
	const char *method, const char *target, uint64_t time_ms, const void *body, size_t length,
	uint8_t signature[WEIR_SIGNATURE_SIZE])
{
	char *message = request_message(recipient, method, target, time_ms, body, length);

	if (message == NULL) {
		memset(signature, 0, WEIR_SIGNATURE_SIZE);
		return -errno;
	}
	const int rc = weir_sign(key, WEIR_CONTEXT_REQUEST, message, strlen(message), signature);
	free(message);
	return rc;
}

int weir_request_verify(const struct weir_identity *caller, const struct weir_identity *recipient,
	const char *method, const char *target, uint64_t time_ms, const void *body, size_t length,
	const uint8_t signature[WEIR_SIGNATURE_SIZE], uint64_t now_ms)
{
	char *message = request_message(recipient, method, target, time_ms, body, length);

	if (message == NULL)
		return -EBADMSG;
	const bool ok =
		weir_verify(caller, WEIR_CONTEXT_REQUEST, message, strlen(message), signature);
	free(message);
	if (!ok)
		return -EBADMSG;
	const uint64_t apart = time_ms > now_ms ? time_ms - now_ms : now_ms - time_ms;
	return apart > WEIR_REQUEST_TIME_WINDOW_MS ? -ETIME : 0;
}
