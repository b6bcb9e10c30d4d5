// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Who may have one more connection, and who has taken too long, by a clock that the test sets. Connections
// are socket pairs, so that a cut is seen where a caller would see it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <criterion/criterion.h>
#include <unistd.h>

#include "http_connections.h"
#include "timers.h"

#define PATIENCE 30000
#define CROWDED  5000
#define MANY     5000

// The linker puts it in the clock's place.
uint64_t __wrap_clock_monotonic_ms(void);

static uint64_t now_ms = 1000000;

uint64_t __wrap_clock_monotonic_ms(void)
{
	return now_ms;
}

struct caller {
	struct http_connection *connection;
	int here, there; // the caller's end, and the server's
};

static struct http_connections_figures figures_of(const struct http_connections *connections)
{
	struct http_connections_figures figures;

	http_connections_figures(connections, &figures);
	return figures;
}

static const struct sockaddr *ipv4(uint32_t address)
{
	static struct sockaddr_in result;

	result = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = 7, .sin_addr.s_addr = htonl(address)};
	return (const struct sockaddr *)&result;
}

static const struct sockaddr *ipv6(const char *address)
{
	static struct sockaddr_in6 result;

	result = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = 7};
	cr_assert_eq(inet_pton(AF_INET6, address, &result.sin6_addr), 1);
	return (const struct sockaddr *)&result;
}

static struct caller arrive(struct http_connections *connections, const struct sockaddr *address)
{
	struct caller caller;
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	caller = (struct caller){.here = pair[0], .there = pair[1]};
	caller.connection = http_connections_add(connections, address, caller.there);
	cr_assert_not_null(caller.connection);
	return caller;
}

static void go(struct http_connections *connections, struct caller *caller)
{
	http_connections_remove(connections, caller->connection);
	close(caller->here);
	close(caller->there);
}

static bool is_cut(const struct caller *caller)
{
	struct pollfd end = {.fd = caller->here, .events = POLLIN};

	return poll(&end, 1, 0) == 1;
}

// Is it cut when so much time has passed since now_ms, and not a millisecond sooner?
static void expect_cut_after(
	struct http_connections *connections, const struct caller *caller, uint64_t after_ms)
{
	now_ms += after_ms - 1;
	http_connections_sweep(connections);
	cr_expect_not(is_cut(caller), "within %u ms", (unsigned)after_ms);
	now_ms++;
	http_connections_sweep(connections);
	cr_expect(is_cut(caller), "after %u ms", (unsigned)after_ms);
}

Test(http_connections, an_address_has_so_many_and_no_more)
{
	struct http_connections *connections = http_connections_open(100, 3, PATIENCE);
	struct caller callers[3], other;

	for (int i = 0; i < 3; i++) {
		cr_expect(http_connections_admit(connections, ipv4(10)));
		callers[i] = arrive(connections, ipv4(10));
	}
	cr_expect_not(http_connections_admit(connections, ipv4(10)));
	cr_expect_not(http_connections_admit(connections, ipv4(10)));
	cr_expect_eq(figures_of(connections).turned_away, 2);
	cr_expect(http_connections_admit(connections, ipv4(11)), "another address");
	other = arrive(connections, ipv4(11));
	cr_expect_eq(figures_of(connections).open, 4);
	go(connections, &callers[1]);
	cr_expect(http_connections_admit(connections, ipv4(10)), "it has one less");
	callers[1] = arrive(connections, ipv4(10));
	cr_expect_not(http_connections_admit(connections, ipv4(10)));
	for (int i = 0; i < 3; i++)
		go(connections, &callers[i]);
	go(connections, &other);
	cr_expect_eq(figures_of(connections).open, 0);
	cr_expect(http_connections_admit(connections, ipv4(10)));
	cr_expect_eq(figures_of(connections).turned_away, 3);
	http_connections_close(connections);
}

Test(http_connections, an_address_of_ipv6_is_its_first_half)
{
	struct http_connections *connections = http_connections_open(100, 1, PATIENCE);
	struct caller six = arrive(connections, ipv6("2001:db8:1:2:3:4:5:6"));
	struct caller four = arrive(connections, ipv6("::ffff:192.0.2.1"));

	cr_expect_not(http_connections_admit(connections, ipv6("2001:db8:1:2::1")));
	cr_expect(http_connections_admit(connections, ipv6("2001:db8:1:3::1")));
	cr_expect_not(http_connections_admit(connections, ipv4(0xc0000201)), "the same in IPv4");
	cr_expect(http_connections_admit(connections, ipv6("::ffff:192.0.2.2")));
	go(connections, &six);
	go(connections, &four);
	http_connections_close(connections);
}

// More addresses than there are buckets; each is found again, and leaves.
Test(http_connections, thousands_of_addresses_are_told_apart)
{
	static struct http_connection *all[MANY];
	struct http_connections *connections = http_connections_open(MANY, 1, PATIENCE);

	for (uint32_t i = 0; i < MANY; i++) {
		cr_assert(http_connections_admit(connections, ipv4(i)));
		all[i] = http_connections_add(connections, ipv4(i), -1);
		cr_assert_not_null(all[i]);
	}
	for (uint32_t i = 0; i < MANY; i++)
		cr_assert_not(http_connections_admit(connections, ipv4(i)));
	for (uint32_t i = 0; i < MANY; i += 2)
		http_connections_remove(connections, all[i]);
	for (uint32_t i = 0; i < MANY; i++)
		cr_assert_eq(http_connections_admit(connections, ipv4(i)), i % 2 == 0);
	for (uint32_t i = 1; i < MANY; i += 2)
		http_connections_remove(connections, all[i]);
	cr_expect_eq(figures_of(connections).open, 0);
	http_connections_close(connections);
}

Test(http_connections, who_asks_nothing_is_cut_once)
{
	struct http_connections *connections = http_connections_open(100, 100, PATIENCE);
	struct caller caller = arrive(connections, ipv4(1)), later;

	now_ms += 10;
	later = arrive(connections, ipv4(2));
	now_ms -= 10;
	expect_cut_after(connections, &caller, PATIENCE);
	cr_expect_not(is_cut(&later));
	now_ms += 9;
	http_connections_sweep(connections);
	cr_expect_not(is_cut(&later));
	cr_expect_eq(figures_of(connections).cut, 1, "until the server closes it, it is one");
	now_ms++;
	http_connections_sweep(connections);
	cr_expect(is_cut(&later));
	cr_expect_eq(figures_of(connections).cut, 2);
	cr_expect_eq(figures_of(connections).open, 2);
	go(connections, &caller);
	go(connections, &later);
	http_connections_close(connections);
}

Test(http_connections, a_body_has_a_second_for_every_16_kB)
{
	struct http_connections *connections = http_connections_open(100, 100, PATIENCE);
	struct caller caller = arrive(connections, ipv4(1)), next = arrive(connections, ipv4(1));

	http_connection_received(caller.connection, 8000);
	now_ms += PATIENCE / 2; // when it came does not matter
	http_connection_received(caller.connection, 8000);
	expect_cut_after(connections, &caller, PATIENCE / 2 + 1000);
	cr_expect(is_cut(&next));
	go(connections, &caller);
	go(connections, &next);
	http_connections_close(connections);
}

Test(http_connections, who_waits_for_the_server_is_not_slow)
{
	struct http_connections *connections = http_connections_open(100, 100, PATIENCE);
	struct caller caller = arrive(connections, ipv4(1)), silent;

	http_connection_received(caller.connection, 16000);
	http_connection_whole(connections, caller.connection);
	silent = arrive(connections, ipv4(1));
	http_connection_whole(connections, caller.connection); // again: others wait on
	now_ms += 100 * PATIENCE;
	http_connections_sweep(connections);
	cr_expect_not(is_cut(&caller));
	cr_expect(is_cut(&silent));
	go(connections, &silent);
	// The next request has a time of its own, and nothing from the body before.
	http_connection_again(connections, caller.connection);
	expect_cut_after(connections, &caller, PATIENCE);
	go(connections, &caller);
	http_connections_close(connections);
}

// An answer may leave before its request is whole (an error); what is awaited is in the list once.
Test(http_connections, an_answer_before_the_end_of_a_request_begins_anew)
{
	struct http_connections *connections = http_connections_open(100, 100, PATIENCE);
	struct caller first = arrive(connections, ipv4(1)), middle = arrive(connections, ipv4(1)),
		      last = arrive(connections, ipv4(1));

	now_ms += PATIENCE - 1;
	http_connection_again(connections, middle.connection);
	now_ms++;
	http_connections_sweep(connections);
	cr_expect(is_cut(&first) && is_cut(&last));
	cr_expect_not(is_cut(&middle));
	go(connections, &first);
	go(connections, &last);
	now_ms--;
	expect_cut_after(connections, &middle, PATIENCE);
	go(connections, &middle);
	http_connections_sweep(connections);
	http_connections_close(connections);
}

Test(http_connections, more_than_three_quarters_are_a_crowd_with_less_patience)
{
	struct http_connections *connections = http_connections_open(8, 100, PATIENCE);
	struct caller callers[7];

	for (uint32_t i = 0; i < 6; i++)
		callers[i] = arrive(connections, ipv4(i));
	cr_expect_not(http_connections_crowded(connections), "three quarters");
	now_ms += CROWDED;
	http_connections_sweep(connections);
	cr_expect_eq(figures_of(connections).cut, 0);
	callers[6] = arrive(connections, ipv4(6));
	cr_expect(http_connections_crowded(connections));
	http_connections_sweep(connections);
	cr_expect_eq(figures_of(connections).cut, 6);
	cr_expect_not(is_cut(&callers[6]));
	expect_cut_after(connections, &callers[6], CROWDED);
	for (uint32_t i = 0; i < 7; i++)
		go(connections, &callers[i]);
	cr_expect_not(http_connections_crowded(connections));
	http_connections_close(connections);
}

Test(http_connections, a_crowd_gets_no_more_patience_than_the_config_gives)
{
	struct http_connections *connections = http_connections_open(1, 100, 2000);
	struct caller caller = arrive(connections, ipv4(1));

	cr_expect(http_connections_crowded(connections));
	expect_cut_after(connections, &caller, 2000);
	go(connections, &caller);
	http_connections_close(connections);
}

Test(http_connections, what_an_address_holds_is_that_of_all_its_connections)
{
	struct http_connections *connections = http_connections_open(100, 100, PATIENCE);
	struct caller one = arrive(connections, ipv4(1)), two = arrive(connections, ipv4(1)),
		      other = arrive(connections, ipv4(2));

	cr_expect(http_connection_charge(one.connection, 60, 100));
	cr_expect(http_connection_charge(two.connection, 40, 100));
	cr_expect_not(http_connection_charge(two.connection, 1, 100));
	cr_expect(http_connection_charge(two.connection, 0, 100));
	cr_expect(http_connection_charge(other.connection, 100, 100), "another address");
	http_connection_discharge(one.connection, 60);
	cr_expect_not(
		http_connection_charge(two.connection, 61, 100), "what was refused is not held");
	cr_expect(http_connection_charge(two.connection, 60, 100));
	go(connections, &one);
	go(connections, &two);
	go(connections, &other);
	http_connections_close(connections);
}
