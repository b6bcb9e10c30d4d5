// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "digest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

struct weir_digest_stream {
	EVP_MD_CTX *md;
	bool failed; // an _add failed: the digest would not be of everything that was added
};

struct weir_digest_stream *weir_digest_begin(const char *context)
{
	struct weir_digest_stream *stream = calloc(1, sizeof(*stream));
	if (stream == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	stream->md = EVP_MD_CTX_new();
	if (stream->md == NULL) {
		free(stream);
		errno = ENOMEM;
		return NULL;
	}
	bool ok = EVP_DigestInit_ex(stream->md, EVP_sha256(), NULL) == 1;
	if (ok && context != NULL) // with its NUL: that is the 0x00 after the context
		ok = EVP_DigestUpdate(stream->md, context, strlen(context) + 1) == 1;
	if (!ok) {
		ERR_clear_error();
		EVP_MD_CTX_free(stream->md);
		free(stream);
		errno = EIO;
		return NULL;
	}
	return stream;
}

int weir_digest_add(struct weir_digest_stream *stream, const void *bytes, size_t length)
{
	if (length > 0 && EVP_DigestUpdate(stream->md, bytes, length) != 1) {
		ERR_clear_error();
		stream->failed = true;
	}
	return stream->failed ? -EIO : 0;
}

int weir_digest_end(struct weir_digest_stream *stream, struct weir_digest *out)
{
	const bool ok = !stream->failed && EVP_DigestFinal_ex(stream->md, out->bytes, NULL) == 1;
	if (!ok) {
		ERR_clear_error();
		memset(out, 0, sizeof(*out));
	}
	EVP_MD_CTX_free(stream->md); // wipes its state
	free(stream);
	return ok ? 0 : -EIO;
}

int weir_digest(const char *context, const void *message, size_t length, struct weir_digest *out)
{
	struct weir_digest_stream *stream = weir_digest_begin(context);
	if (stream == NULL) {
		memset(out, 0, sizeof(*out));
		return -EIO;
	}
	(void)weir_digest_add(stream, message, length); // a failure is kept until the end
	return weir_digest_end(stream, out);
}

int weir_sha256(const void *message, size_t length, struct weir_digest *out)
{
	return weir_digest(NULL, message, length, out);
}
