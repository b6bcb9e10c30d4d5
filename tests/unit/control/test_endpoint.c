// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#include "endpoint.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Test(endpoint, ipv4)
{
	struct sockaddr_storage address;
	socklen_t length;
	cr_assert_eq(weir_endpoint_parse("10.77.0.2:9347", &address, &length), 0);
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
	cr_assert_eq(length, sizeof(*in));
	cr_assert_eq(in->sin_family, AF_INET);
	cr_assert_eq(ntohl(in->sin_addr.s_addr), 0x0a4d0002);
	cr_assert_eq(ntohs(in->sin_port), 9347);
}

Test(endpoint, ipv6)
{
	struct sockaddr_storage address;
	struct in6_addr expected;
	socklen_t length;
	inet_pton(AF_INET6, "2001:db8::2", &expected);
	cr_assert_eq(weir_endpoint_parse("[2001:db8::2]:65535", &address, &length), 0);
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
	cr_assert_eq(length, sizeof(*in6));
	cr_assert_eq(in6->sin6_family, AF_INET6);
	cr_assert_eq(memcmp(&in6->sin6_addr, &expected, 16), 0);
	cr_assert_eq(ntohs(in6->sin6_port), 65535);
	cr_assert_eq(weir_endpoint_parse("[2001:0db8:0000:0000:0000:0000:255.255.255.255]:1",
			     &address, &length),
		0);
}

Test(endpoint, nothing_else)
{
	static const char *const wrong[] = {"", ":", ":1", "1", "10.0.0.1",
		"10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:99999", "10.0.0.1:123456",
		"10.0.0.1:000001", "10.0.0.1:+1", "10.0.0.1: 1", "10.0.0.1:1 ", "10.0.0.1:0x1",
		" 10.0.0.1:1", "10.0.0.256:1", "10.0.0:1", "localhost:1", "example.org:1",
		"10.0.0.1:1:1", "2001:db8::1:1", "[2001:db8::1]", "[2001:db8::1]1",
		"[2001:db8::1]:", "[2001:db8::1]:0", "[2001:db8::1]:65536", "[]:1", "[:1",
		"[10.0.0.1]:1", "[fe80::1%eth0]:1", "[2001:db8::1]]:1", "[[2001:db8::1]]:1",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1"};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct sockaddr_storage address, zero = {0};
		socklen_t length;
		memset(&address, 0xff, sizeof(address));
		cr_assert_eq(
			weir_endpoint_parse(wrong[i], &address, &length), -EINVAL, "%s", wrong[i]);
		cr_assert_eq(memcmp(&address, &zero, sizeof(zero)), 0);
	}
}

Test(endpoint, urls)
{
	static const char *const right[] = {"http://10.0.0.1:9347", "https://a.example",
		"http://[2001:db8::1]:9347", "http://[::1]", "http://localhost:1",
		"https://A-b.c9:65535"};
	static const char *const wrong[] = {"", "http://", "https://", "http:", "ftp://a",
		"HTTP://a", "//a", "a:1", "http:///", "http://a/", "http://a/b", "http://a:1/",
		"http://a?b", "http://a#b", "http://u@a", "http://a b", "http://a\n",
		"http://a:", "http://a:0", "http://a:65536", "http://:1", "http://[::1",
		"http://[::1]x", "http://[x]", "http://.a", "http://-a", "http://a:b",
		"javascript:alert(1)", "http://a\"b", "http://\xc3\xa4"};
	for (size_t i = 0; i < COUNT(right); i++)
		cr_assert(weir_url_is_valid(right[i]), "%s", right[i]);
	for (size_t i = 0; i < COUNT(wrong); i++)
		cr_assert(!weir_url_is_valid(wrong[i]), "%s", wrong[i]);
}
