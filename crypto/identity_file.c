// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Signing keys in PEM files: PKCS #8 as RFC 8410 writes Ed25519 keys, unencrypted, mode 0600.

#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "identity_key.h"
#include "random.h"

enum { FILE_SIZE_MAX = 4096 }; // an Ed25519 PEM file has 119 bytes

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		const ssize_t written = write(fd, bytes, length);
		if (written < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

// Reads to the end of the file. Returns the number of bytes, -EMSGSIZE if there are more than
// size, or -errno.
static ssize_t read_all(int fd, char *bytes, size_t size)
{
	size_t length = 0;
	for (;;) {
		char extra;
		const bool is_full = length == size;
		const ssize_t got =
			read(fd, is_full ? &extra : bytes + length, is_full ? 1 : size - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return (ssize_t)length;
		if (is_full)
			return -EMSGSIZE;
		length += (size_t)got;
	}
}

// Makes the new name itself durable: the directory holds it.
static int sync_directory_of(const char *path)
{
	char *copy = strdup(path);
	if (copy == NULL)
		return -ENOMEM;
	const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : 0;
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	free(copy);
	return rc;
}

static int write_new_file(const char *path, const char *bytes, size_t length)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int rc = fchmod(fd, 0600) != 0 ? -errno : 0; // whatever the umask took away
	if (rc == 0)
		rc = write_all(fd, bytes, length);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0)
		rc = sync_directory_of(path);
	if (rc != 0)
		unlink(path);
	return rc;
}

int weir_signing_key_save(const struct weir_signing_key *key, const char *path)
{
	int rc = -EIO;
	char *pem;
	BIO *memory = BIO_new(BIO_s_secmem()); // wiped when it is freed
	if (memory != NULL &&
		PEM_write_bio_PKCS8PrivateKey(memory, key->pkey, NULL, NULL, 0, NULL, NULL) == 1) {
		const long length = BIO_get_mem_data(memory, &pem);
		if (length > 0)
			rc = write_new_file(path, pem, (size_t)length);
	}
	BIO_free(memory);
	ERR_clear_error();
	return rc;
}

// An encrypted file is refused, never asked about on the terminal.
static int refuse_passphrase(char *buffer, int size, int is_writing, void *user)
{
	return -1;
}

static struct weir_signing_key *parse_pem(const char *pem, size_t length)
{
	BIO *memory = BIO_new_mem_buf(pem, (int)length);
	EVP_PKEY *pkey = memory == NULL
				 ? NULL
				 : PEM_read_bio_PrivateKey(memory, NULL, refuse_passphrase, NULL);
	BIO_free(memory);
	ERR_clear_error();
	if (pkey == NULL || EVP_PKEY_is_a(pkey, "ED25519") != 1) {
		EVP_PKEY_free(pkey);
		errno = EBADMSG;
		return NULL;
	}
	return weir_signing_key_adopt(pkey);
}

struct weir_signing_key *weir_signing_key_load(const char *path)
{
	struct weir_signing_key *key = NULL;
	struct stat status;
	char pem[FILE_SIZE_MAX];
	ssize_t length;
	int error = 0;
	// Not blocking: a named pipe must be refused, not waited for.
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) != 0) {
		error = errno;
		goto out;
	}
	if (!S_ISREG(status.st_mode)) {
		error = EBADMSG;
		goto out;
	}
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		error = EACCES;
		goto out;
	}
	length = read_all(fd, pem, sizeof(pem));
	if (length < 0) {
		error = length == -EMSGSIZE ? EBADMSG : (int)-length;
		goto out;
	}
	key = parse_pem(pem, (size_t)length);
	error = key == NULL ? errno : 0;
out:
	weir_wipe(pem, sizeof(pem));
	close(fd);
	if (key == NULL)
		errno = error;
	return key;
}
