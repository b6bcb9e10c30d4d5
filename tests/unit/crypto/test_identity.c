// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "crypto_internal.h"
#include "crypto_test.h"
#include "identity.h"
#include "identity_key.h"

// RFC 8032 section 7.1, TEST 1 to TEST 3
static const struct {
	const char *secret, *public, *message, *signature;
} rfc_8032[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
		"c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
		"458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
		"ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static struct weir_signing_key *rfc_key(size_t i)
{
	uint8_t secret[32];
	cr_assert_eq(unhex(rfc_8032[i].secret, secret), 32);
	struct weir_signing_key *key = weir_signing_key_from_secret(secret);
	cr_assert_not_null(key);
	return key;
}

Test(identity, rfc_8032)
{
	for (size_t i = 0; i < sizeof(rfc_8032) / sizeof(rfc_8032[0]); i++) {
		uint8_t public[32], message[2], expected[64], signature[64];
		struct weir_signing_key *key = rfc_key(i);
		const struct weir_identity *identity = weir_signing_key_identity(key);
		unhex(rfc_8032[i].public, public);
		unhex(rfc_8032[i].signature, expected);
		const size_t length = unhex(rfc_8032[i].message, message);
		cr_assert_arr_eq(identity->bytes, public, 32);
		cr_assert_eq(weir_sign_raw(key, message, length, signature), 0);
		cr_assert_arr_eq(signature, expected, 64);
		cr_assert(weir_verify_raw(identity, message, length, signature));
		weir_signing_key_free(key);
	}
}

// Made by python3-cryptography: TEST 1's key over the bytes "weir test v1" 00 "hello".
Test(identity, context_and_zero_come_first)
{
	uint8_t expected[64], signature[64];
	struct weir_signing_key *key = rfc_key(0);
	unhex("a3e07823a0715abfb8032f73e7076fff4ba1250bdaa0e1a1134eeef5c6f777012712afb9a5a9a0c2"
	      "fd84ba94daab5523228f3fe17c04d1ab2d5d4c02fea82703",
		expected);
	cr_assert_eq(weir_sign(key, "weir test v1", "hello", 5, signature), 0);
	cr_assert_arr_eq(signature, expected, 64);
	cr_assert(
		weir_verify(weir_signing_key_identity(key), "weir test v1", "hello", 5, expected));
	weir_signing_key_free(key);
}

Test(identity, only_the_signed_is_accepted)
{
	struct weir_signing_key *key = weir_signing_key_generate();
	struct weir_signing_key *other = weir_signing_key_generate();
	struct weir_identity identity = *weir_signing_key_identity(key);
	uint8_t signature[64];
	char message[] = "message";
	cr_assert_eq(weir_sign(key, "context", message, 7, signature), 0);
	cr_assert(weir_verify(&identity, "context", message, 7, signature));
	cr_assert(!weir_verify(&identity, "contexT", message, 7, signature));
	cr_assert(!weir_verify(&identity, "", message, 7, signature));
	cr_assert(!weir_verify(&identity, "context", message, 6, signature));
	cr_assert(!weir_verify(&identity, "context", message, 0, signature));
	cr_assert(!weir_verify(weir_signing_key_identity(other), "context", message, 7, signature));
	for (size_t bit = 0; bit < 8 * 64; bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert(
			!weir_verify(&identity, "context", message, 7, signature), "bit %zu", bit);
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * 7; bit++) {
		message[bit / 8] ^= (char)(1 << bit % 8);
		cr_assert(
			!weir_verify(&identity, "context", message, 7, signature), "bit %zu", bit);
		message[bit / 8] ^= (char)(1 << bit % 8);
	}
	cr_assert(weir_verify(&identity, "context", message, 7, signature));
	cr_assert_eq(weir_sign(key, "context", NULL, 0, signature), 0);
	cr_assert(weir_verify(&identity, "context", NULL, 0, signature));
	weir_signing_key_free(key);
	weir_signing_key_free(other);
	weir_signing_key_free(NULL);
}

Test(identity, equality)
{
	struct weir_identity a = {{1, 2, 3}}, b = a;
	cr_assert(weir_identity_equal(&a, &b));
	b.bytes[31] ^= 0x80;
	cr_assert(!weir_identity_equal(&a, &b));
}

Test(identity, generated_keys_differ)
{
	struct weir_signing_key *a = weir_signing_key_generate(), *b = weir_signing_key_generate();
	cr_assert(!weir_identity_equal(weir_signing_key_identity(a), weir_signing_key_identity(b)));
	weir_signing_key_free(a);
	weir_signing_key_free(b);
}

// A directory of its own for each test; the tests remove what they put in.
static char directory[] = "/tmp/weir-identity-XXXXXX";
static char path[sizeof(directory) + 8];

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/key.pem", directory);
}

static void teardown(void)
{
	unlink(path);
	rmdir(directory);
}

TestSuite(identity_file, .init = setup, .fini = teardown);

Test(identity_file, saves_and_loads)
{
	struct stat status;
	struct weir_signing_key *key = weir_signing_key_generate();
	umask(0277); // the mode is 0600 whatever the umask leaves
	cr_assert_eq(weir_signing_key_save(key, path), 0);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(status.st_mode, S_IFREG | 0600);
	struct weir_signing_key *loaded = weir_signing_key_load(path);
	cr_assert_not_null(loaded);
	cr_assert(weir_identity_equal(
		weir_signing_key_identity(key), weir_signing_key_identity(loaded)));
	uint8_t a[64], b[64];
	cr_assert_eq(weir_sign(key, "c", "m", 1, a), 0);
	cr_assert_eq(weir_sign(loaded, "c", "m", 1, b), 0);
	cr_assert_arr_eq(a, b, 64);
	weir_signing_key_free(key);
	weir_signing_key_free(loaded);
}

static void write_file(const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
	cr_assert_eq(chmod(path, mode), 0);
}

// RFC 8410 section 10.3: the private key without attributes.
Test(identity_file, rfc_8410)
{
	uint8_t public[32];
	write_file("-----BEGIN PRIVATE KEY-----\n"
		   "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
		   "-----END PRIVATE KEY-----\n",
		0600);
	unhex("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1", public);
	struct weir_signing_key *key = weir_signing_key_load(path);
	cr_assert_not_null(key);
	cr_assert_arr_eq(weir_signing_key_identity(key)->bytes, public, 32);
	weir_signing_key_free(key);
}

Test(identity_file, never_overwrites)
{
	char text[8] = "";
	struct weir_signing_key *key = weir_signing_key_generate();
	write_file("keep me", 0600);
	cr_assert_eq(weir_signing_key_save(key, path), -EEXIST);
	FILE *file = fopen(path, "r");
	cr_assert_not_null(fgets(text, sizeof(text), file));
	cr_assert_str_eq(text, "keep me");
	fclose(file);
	unlink(path);
	cr_assert_eq(symlink("elsewhere", path), 0);
	cr_assert_eq(weir_signing_key_save(key, path), -EEXIST);
	cr_assert_eq(weir_signing_key_save(key, "/nonexistent/key.pem"), -ENOENT);
	weir_signing_key_free(key);
}

Test(identity_file, leaves_no_part_behind)
{
	// A disk that is full after 20 bytes: the rest of the file cannot be written.
	const struct rlimit limit = {20, RLIM_INFINITY};
	struct weir_signing_key *key = weir_signing_key_generate();
	struct rlimit old;
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	const int rc = weir_signing_key_save(key, path);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	cr_assert_eq(rc, -EFBIG);
	cr_assert_eq(access(path, F_OK), -1);
	cr_assert_eq(errno, ENOENT);
	weir_signing_key_free(key);
}

static void assert_load_fails(int error, const char *what)
{
	errno = 0;
	struct weir_signing_key *key = weir_signing_key_load(path);
	cr_assert_null(key, "%s", what);
	cr_assert_eq(errno, error, "%s: %s", what, strerror(errno));
}

Test(identity_file, refuses_what_others_may_read)
{
	struct weir_signing_key *key = weir_signing_key_generate();
	cr_assert_eq(weir_signing_key_save(key, path), 0);
	static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0666};
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		cr_assert_eq(chmod(path, modes[i]), 0);
		assert_load_fails(EACCES, "mode");
	}
	cr_assert_eq(chmod(path, 0400), 0);
	struct weir_signing_key *loaded = weir_signing_key_load(path);
	cr_assert_not_null(loaded);
	weir_signing_key_free(loaded);
	weir_signing_key_free(key);
}

// Another sort of key, or one under a passphrase, in the file.
static void write_pem(int type, const EVP_CIPHER *cipher)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *generator = EVP_PKEY_CTX_new_id(type, NULL);
	cr_assert_eq(EVP_PKEY_keygen_init(generator), 1);
	cr_assert_eq(EVP_PKEY_keygen(generator, &pkey), 1);
	FILE *file = fopen(path, "w");
	cr_assert_eq(PEM_write_PKCS8PrivateKey(file, pkey, cipher, cipher ? "word" : NULL,
			     cipher ? 4 : 0, NULL, NULL),
		1);
	fclose(file);
	cr_assert_eq(chmod(path, 0600), 0);
	EVP_PKEY_CTX_free(generator);
	EVP_PKEY_free(pkey);
}

Test(identity_file, refuses_what_is_not_a_key)
{
	static char long_text[10000];
	assert_load_fails(ENOENT, "nothing there");
	write_file("", 0600);
	assert_load_fails(EBADMSG, "empty");
	write_file("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTu\n", 0600);
	assert_load_fails(EBADMSG, "cut off");
	memset(long_text, 'x', sizeof(long_text) - 1);
	write_file(long_text, 0600);
	assert_load_fails(EBADMSG, "too long");
	write_pem(EVP_PKEY_X25519, NULL);
	assert_load_fails(EBADMSG, "X25519");
	write_pem(EVP_PKEY_ED25519, EVP_aes_256_cbc());
	assert_load_fails(EBADMSG, "encrypted");
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	assert_load_fails(EBADMSG, "a pipe");
	unlink(path);
	cr_assert_eq(mkdir(path, 0700), 0);
	assert_load_fails(EBADMSG, "a directory");
	rmdir(path);
}

Test(hex, encodes_and_decodes)
{
	const uint8_t bytes[5] = {0x00, 0x01, 0x9a, 0xbc, 0xff};
	uint8_t decoded[5];
	char hex[WEIR_HEX_SIZE(5)];
	weir_hex_encode(bytes, 5, hex);
	cr_assert_str_eq(hex, "00019abcff");
	cr_assert_eq(weir_hex_decode(hex, decoded, 5), 0);
	cr_assert_arr_eq(decoded, bytes, 5);
	weir_hex_encode(bytes, 0, hex);
	cr_assert_str_eq(hex, "");
	cr_assert_eq(weir_hex_decode("", decoded, 0), 0);
}

Test(hex, refuses_the_rest)
{
	static const char *const wrong[] = {"", "0", "00", "000", "00000", "00AB", "00ag", "0x12",
		" 012", "00 1", "0:12", "00/1", "00@1", "00`1", "ab\xc3\xa9"};
	static const uint8_t zero[2];
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		// exactly as long as the text, so that a sanitizer sees reads past its end
		char *text = strdup(wrong[i]);
		uint8_t bytes[2] = {0xff, 0xff};
		cr_assert_eq(weir_hex_decode(text, bytes, 2), -EINVAL, "\"%s\"", text);
		cr_assert_arr_eq(bytes, zero, 2);
		free(text);
	}
}
