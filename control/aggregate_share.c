// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "aggregate_share.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "json_read.h"
#include "kernels.h"

static const char magic[8] = {'W', 'E', 'I', 'R', 'A', 'G', 'G', '1'};

// As it is in the file. The host is little-endian.
struct file_header {
	char magic[8];
	struct weir_digest event;
	struct weir_identity aggregator;
	struct weir_digest set_digest;
	uint64_t count;
	uint64_t weight;
	uint32_t modulus;
	uint32_t zero;
	uint64_t dimension;
};
_Static_assert(sizeof(struct file_header) == WEIR_AGGREGATE_SHARE_HEADER, "file layout");

#define SIGNED_SIZE (WEIR_AGGREGATE_SHARE_HEADER + WEIR_DIGEST_SIZE)

size_t weir_aggregate_share_size(enum weir_modulus modulus, uint64_t dimension)
{
	const size_t overhead = WEIR_AGGREGATE_SHARE_HEADER + WEIR_SIGNATURE_SIZE;
	const size_t element = weir_modulus_element_size(modulus);

	return dimension <= (SIZE_MAX - overhead) / element ? overhead + dimension * element : 0;
}

static bool are_canonical(enum weir_modulus modulus, const void *elements, uint64_t dimension)
{
	const struct weir_kernels *kernels = weir_kernels_tier("reference");

	return kernels->ops[modulus].is_canonical(elements, dimension);
}

// What is signed: the header and the elements' digest.
static int signed_message(const uint8_t *buffer, size_t size, uint8_t message[SIGNED_SIZE])
{
	struct weir_digest digest;
	const size_t elements_size = size - WEIR_AGGREGATE_SHARE_HEADER - WEIR_SIGNATURE_SIZE;

	if (weir_sha256(buffer + WEIR_AGGREGATE_SHARE_HEADER, elements_size, &digest) != 0)
		return -EIO;
	memcpy(message, buffer, WEIR_AGGREGATE_SHARE_HEADER);
	memcpy(message + WEIR_AGGREGATE_SHARE_HEADER, digest.bytes, sizeof(digest.bytes));
	return 0;
}

int weir_aggregate_share_write(
	const struct weir_aggregate_share *share, const struct weir_signing_key *key, void *buffer)
{
	uint8_t *bytes = buffer;
	uint8_t message[SIGNED_SIZE];

	if (weir_modulus_name(share->modulus) == NULL || share->dimension == 0 ||
		!weir_identity_equal(&share->aggregator, weir_signing_key_identity(key)))
		return -EINVAL;
	const size_t size = weir_aggregate_share_size(share->modulus, share->dimension);
	if (size == 0 || !are_canonical(share->modulus, share->elements, share->dimension))
		return -EINVAL;
	const struct file_header header = {
		.event = share->event,
		.aggregator = share->aggregator,
		.set_digest = share->set_digest,
		.count = share->count,
		.weight = share->weight,
		.modulus = share->modulus,
		.dimension = share->dimension,
	};
	memmove(bytes + sizeof(header), share->elements,
		size - sizeof(header) - WEIR_SIGNATURE_SIZE);
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes, magic, sizeof(magic));
	if (signed_message(bytes, size, message) != 0)
		return -EIO;
	return weir_sign(key, WEIR_CONTEXT_SHARE, message, sizeof(message),
		bytes + size - WEIR_SIGNATURE_SIZE);
}

static int check_header(
	const struct file_header *header, size_t size, struct weir_document_error *error)
{
	if (memcmp(header->magic, magic, sizeof(magic)) != 0)
		return weir_document_refuse(error, "aggregate share: does not begin with WEIRAGG1");
	if (weir_modulus_name(header->modulus) == NULL)
		return weir_document_refuse(error, "aggregate share: unknown modulus");
	if (header->zero != 0)
		return weir_document_refuse(error, "aggregate share: bytes 124..127 are not zero");
	if (header->dimension == 0 ||
		weir_aggregate_share_size(header->modulus, header->dimension) != size)
		return weir_document_refuse(error,
			"aggregate share: %zu bytes do not fit dimension %" PRIu64, size,
			header->dimension);
	return 0;
}

int weir_aggregate_share_read(const void *buffer, size_t size, struct weir_aggregate_share *share,
	struct weir_document_error *error)
{
	const uint8_t *bytes = buffer;
	struct file_header header;
	uint8_t message[SIGNED_SIZE];

	memset(share, 0, sizeof(*share));
	if (size < WEIR_AGGREGATE_SHARE_HEADER + WEIR_SIGNATURE_SIZE)
		return weir_document_refuse(error, "aggregate share: only %zu bytes", size);
	memcpy(&header, bytes, sizeof(header));
	const int rc = check_header(&header, size, error);
	if (rc != 0)
		return rc;
	if (!are_canonical(header.modulus, bytes + sizeof(header), header.dimension))
		return weir_document_refuse(
			error, "aggregate share: an element is not below the modulus");
	if (signed_message(bytes, size, message) != 0 ||
		!weir_verify(&header.aggregator, WEIR_CONTEXT_SHARE, message, sizeof(message),
			bytes + size - WEIR_SIGNATURE_SIZE))
		return weir_document_refuse(error, "aggregate share: bad signature");
	*share = (struct weir_aggregate_share){
		.event = header.event,
		.aggregator = header.aggregator,
		.set_digest = header.set_digest,
		.count = header.count,
		.weight = header.weight,
		.modulus = header.modulus,
		.dimension = header.dimension,
		.elements = bytes + sizeof(header),
	};
	return 0;
}
