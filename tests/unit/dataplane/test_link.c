// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The control link as weir-control sees it: a real control thread behind a real socket.

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "control_thread.h"
#include "rig.h"

#define RING_SIZE 8192

static struct rig rig;
static char folder[RIG_FOLDER], path[80];
static struct rte_ring *doorbells;
static _Atomic bool stop;
static pthread_t control;
static int result;

static int serve(const char *at, const _Atomic bool *until)
{
	struct link_server *server = link_server_open(&rig.table, at);

	if (!server)
		return -errno;
	control_thread_run(&rig.table, server, NULL, doorbells, rig.doorbell, until);
	link_server_close(server);
	return 0;
}

static void *run_control(void *unused)
{
	(void)unused;
	result = serve(path, &stop);
	return NULL;
}

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int peer = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	for (int i = 0; i < 2000; i++) {
		if (connect(peer, (struct sockaddr *)&address, sizeof(address)) == 0)
			return peer;
		usleep(1000);
	}
	cr_assert_fail("cannot connect");
	return -1;
}

static void setup(void)
{
	ssize_t size = rte_ring_get_memsize(RING_SIZE);

	rig_make(&rig, UINT64_C(8) << 20);
	rig_folder(folder, "/tmp");
	snprintf(path, sizeof(path), "%s/link.sock", folder);
	doorbells = aligned_alloc(RTE_CACHE_LINE_SIZE, (size_t)size);
	cr_assert_eq(rte_ring_init(doorbells, "doorbells", RING_SIZE, 0), 0);
	cr_assert_eq(pthread_create(&control, NULL, run_control, NULL), 0);
}

static void teardown(void)
{
	struct stat status;

	stop = true;
	eventfd_write(rig.doorbell, 1);
	pthread_join(control, NULL);
	cr_expect_eq(result, 0);
	cr_expect_eq(stat(path, &status), -1, "the socket is left behind");
	cr_expect_eq(rmdir(folder), 0, "something is left behind");
	free(doorbells);
	rig_free(&rig);
}

TestSuite(link, .init = setup, .fini = teardown, .timeout = 60);

static void send_raw(int peer, const void *message, size_t length)
{
	cr_assert_eq(send(peer, message, length, MSG_NOSIGNAL), (ssize_t)length);
}

// The next message, within two seconds.
static size_t receive(int peer, void *message, size_t size)
{
	struct pollfd ready = {.fd = peer, .events = POLLIN};
	ssize_t length;

	cr_assert_eq(poll(&ready, 1, 2000), 1, "no answer");
	length = recv(peer, message, size, 0);
	cr_assert_geq(length, 0);
	return (size_t)length;
}

static int receive_result(int peer, uint32_t sequence)
{
	struct weir_link_result answer;

	cr_assert_eq(receive(peer, &answer, sizeof(answer)), sizeof(answer));
	cr_assert_eq(answer.header.version, WEIR_LINK_VERSION);
	cr_assert_eq(answer.header.type, WEIR_LINK_RESULT);
	cr_assert_eq(answer.header.length, sizeof(answer));
	cr_assert_eq(answer.header.sequence, sequence);
	return answer.status;
}

static int receive_committed(int peer, uint32_t event, uint32_t batch)
{
	struct weir_link_batch message;

	cr_assert_eq(receive(peer, &message, sizeof(message)), sizeof(message));
	cr_assert_eq(message.header.type, WEIR_LINK_COMMITTED);
	cr_assert_eq(message.event, event);
	cr_assert_eq(message.batch, batch);
	return message.status;
}

static struct weir_link_header header(enum weir_link_type type, uint32_t sequence, size_t length)
{
	return (struct weir_link_header){.version = WEIR_LINK_VERSION,
		.type = type,
		.sequence = sequence,
		.length = (uint32_t)length};
}

static int say_batch(
	int peer, enum weir_link_type type, uint32_t sequence, uint32_t event, uint32_t batch)
{
	struct weir_link_batch message = {
		.header = header(type, sequence, sizeof(message)), .event = event, .batch = batch};

	send_raw(peer, &message, sizeof(message));
	return receive_result(peer, sequence);
}

static int say_list(int peer, enum weir_link_type type, uint32_t sequence, uint32_t event,
	const void *entries, uint32_t count, size_t entry_size)
{
	size_t length = sizeof(struct weir_link_list) + count * entry_size;
	struct weir_link_list *message = malloc(length);

	*message = (struct weir_link_list){
		.header = header(type, sequence, length), .event = event, .count = count};
	memcpy(message + 1, entries, count * entry_size);
	send_raw(peer, message, length);
	free(message);
	return receive_result(peer, sequence);
}

static int say_open(int peer, uint32_t sequence, struct weir_link_event_open request)
{
	request.header = header(WEIR_LINK_EVENT_OPEN, sequence, sizeof(request));
	send_raw(peer, &request, sizeof(request));
	return receive_result(peer, sequence);
}

static int say_commit(
	int peer, uint32_t sequence, struct weir_link_commit commit, const uint32_t *clients)
{
	uint8_t message[sizeof(commit) + 64 * sizeof(uint32_t)];
	size_t length = sizeof(commit) + commit.count * sizeof(*clients);

	commit.header = header(WEIR_LINK_COMMIT, sequence, length);
	memcpy(message, &commit, sizeof(commit));
	memcpy(message + sizeof(commit), clients, commit.count * sizeof(*clients));
	send_raw(peer, message, length);
	return receive_result(peer, sequence);
}

Test(link, hello_hands_over_the_memory)
{
	struct weir_link_hello hello = {header(WEIR_LINK_HELLO, 77, sizeof(hello))};
	struct weir_link_result answer;
	struct iovec part = {&answer, sizeof(answer)};
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} rights;
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights)};
	const struct weir_shm_header *memory;
	struct stat status;
	int peer = dial(), descriptor;

	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(status.st_mode & 0777, 0600);
	send_raw(peer, &hello, sizeof(hello));
	cr_assert_eq(recvmsg(peer, &message, MSG_CMSG_CLOEXEC), sizeof(answer));
	cr_assert_eq(answer.status, 0);
	cr_assert_eq(answer.header.sequence, 77);
	cr_assert_not_null(CMSG_FIRSTHDR(&message));
	memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	cr_assert_eq(fstat(descriptor, &status), 0);
	memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
	cr_assert_neq((const void *)memory, MAP_FAILED);
	cr_assert_eq(memory->magic, WEIR_SHM_MAGIC);
	cr_assert_eq(memory->total_size, (uint64_t)status.st_size);
	cr_assert_eq(memory->incarnation, rig.table.memory->incarnation);

	// One memory, which the peer can neither write nor cut.
	rig.workers[1].counters[3] = 12345;
	cr_assert_eq(((const uint64_t *)((const uint8_t *)memory + memory->counters_offset +
					 memory->counter_stride))[3],
		12345);
	cr_assert_eq(
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), MAP_FAILED);
	cr_assert_neq(ftruncate(rig.table.memory_descriptor, 4096), 0);
	close(descriptor);
	close(peer);
}

Test(link, malformed_messages_are_answered_and_survived)
{
	static uint8_t bytes[WEIR_LINK_MESSAGE_MAX + 100];
	struct weir_link_header head = header(WEIR_LINK_CLIENT_ADMIT, 5, sizeof(bytes));
	int peer = dial();

	send_raw(peer, "abc", 3);
	cr_assert_eq(receive_result(peer, 0), -EPROTO);
	head.length = 16;
	send_raw(peer, &head, sizeof(head));
	cr_assert_eq(receive_result(peer, 5), -EPROTO);
	head.type = 99;
	send_raw(peer, &head, sizeof(head));
	cr_assert_eq(receive_result(peer, 5), -EPROTO);
	head.type = WEIR_LINK_HELLO;
	head.version = 2;
	send_raw(peer, &head, sizeof(head));
	cr_assert_eq(receive_result(peer, 5), -EPROTO);
	head.version = 1;
	head.length = sizeof(bytes);
	memcpy(bytes, &head, sizeof(head));
	send_raw(peer, bytes, sizeof(bytes)); // longer than any message
	cr_assert_eq(receive_result(peer, 5), -EPROTO);
	cr_assert_eq(say_open(peer, 6, rig_request(1, WEIR_MODULUS_M31, 10, 16, 3, 2)), 0);
	close(peer);
}

Test(link, the_newest_peer_wins)
{
	int old = dial(), new;
	uint8_t byte;

	cr_assert_eq(say_open(old, 1, rig_request(1, WEIR_MODULUS_M31, 10, 16, 3, 2)), 0);
	new = dial();
	cr_assert_eq(say_open(new, 2, rig_request(1, WEIR_MODULUS_M31, 10, 16, 3, 2)), 0);
	cr_assert_eq(receive(old, &byte, 1), 0, "hung up");
	close(old);
	close(new);
	new = dial(); // and one that went away is no obstacle
	cr_assert_eq(say_batch(new, WEIR_LINK_EVENT_CLOSE, 3, 1, 0), 0);
	close(new);
}

Test(link, a_deaf_peer_delays_only_itself)
{
	struct weir_link_hello hello = {header(WEIR_LINK_HELLO, 1, sizeof(hello))};
	int deaf = dial(), other;

	while (send(deaf, &hello, sizeof(hello), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	usleep(50000);
	while (send(deaf, &hello, sizeof(hello), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	other = dial();
	cr_assert_eq(say_open(other, 2, rig_request(1, WEIR_MODULUS_M31, 10, 16, 3, 2)), 0);
	close(deaf);
	close(other);
}

static bool ask(int peer, uint32_t sequence, int flags)
{
	struct weir_link_batch message = {
		.header = header(WEIR_LINK_FREEZE, sequence, sizeof(message)), .event = 1};

	return send(peer, &message, sizeof(message), flags | MSG_NOSIGNAL) > 0;
}

// As many commands as the sockets of both directions hold, and then around the number at which one
// last answer has to wait in the dataplane while no command is left that would wake it.
Test(link, answers_come_in_order_and_none_is_lost)
{
	int peer = dial();
	uint32_t held = 0;

	for (unsigned pause = 0; pause < 20; pause++) {
		while (ask(peer, held, MSG_DONTWAIT))
			held++;
		usleep(1000);
	}
	for (uint32_t i = 0; i < held; i++)
		cr_assert_eq(receive_result(peer, i), -ENOENT);
	for (uint32_t n = held / 2 - 5; n < held / 2 + 5; n++) {
		for (uint32_t i = 0; i < n; i++)
			cr_assert(ask(peer, i, 0));
		usleep(10000);
		for (uint32_t i = 0; i < n; i++)
			cr_assert_eq(receive_result(peer, i), -ENOENT);
	}
	close(peer);
}

// A whole event, with every command said twice.
static _Atomic bool stop_worker;

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct rte_rcu_qsbr *quiescence = rig.table.quiescence;

	rte_rcu_qsbr_thread_register(quiescence, worker->index);
	rte_rcu_qsbr_thread_online(quiescence, worker->index);
	while (!stop_worker) {
		if (!commit_slice(worker))
			usleep(100);
		rte_rcu_qsbr_quiescent(quiescence, worker->index);
	}
	rte_rcu_qsbr_thread_offline(quiescence, worker->index);
	rte_rcu_qsbr_thread_unregister(quiescence, worker->index);
	return NULL;
}

Test(link, a_whole_event_with_every_command_repeated)
{
	struct weir_link_event_open request = rig_request(3, WEIR_MODULUS_M61, 2000, 176, 4, 3);
	struct weir_link_client clients[3] = {rig_client(0, 1), rig_client(1, 5), rig_client(2, 1)};
	uint32_t all[3] = {0, 1, 2}, two[2] = {0, 1}, last = 2;
	struct weir_link_commit commit;
	struct event *event;
	pthread_t worker;
	int peer = dial();

	cr_assert_eq(pthread_create(&worker, NULL, work, &rig.workers[0]), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(say_open(peer, 1, request), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(
			say_list(peer, WEIR_LINK_CLIENT_ADD, 2, 3, clients, 3, sizeof(clients[0])),
			0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(say_list(peer, WEIR_LINK_CLIENT_ADMIT, 3, 3, all, 3, 4), 0);
	event = event_lookup(&rig.table, 3);
	for (uint32_t i = 0; i < 2; i++)
		rig_stage_all(&rig, event, i);

	commit = rig_commit(event, 1, all, 3);
	cr_assert_eq(say_commit(peer, 4, commit, all), 0);
	cr_assert_eq(receive_committed(peer, 3, 1), -ENODATA); // 2 is not complete
	commit = rig_commit(event, 1, two, 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(say_commit(peer, 5, commit, two), 0);
		cr_assert_eq(receive_committed(peer, 3, 1), 0);
	}
	for (int i = 0; i < 2; i++)
		cr_assert_eq(say_batch(peer, WEIR_LINK_ROLLBACK, 6, 3, 1), 0);
	commit = rig_commit(event, 2, two, 2);
	cr_assert_eq(say_commit(peer, 7, commit, two), 0);
	cr_assert_eq(receive_committed(peer, 3, 2), 0);
	cr_assert_eq(say_batch(peer, WEIR_LINK_FREEZE, 8, 3, 0), -EBUSY);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(say_batch(peer, WEIR_LINK_SEAL, 9, 3, 2), 0);
	cr_assert_eq(say_batch(peer, WEIR_LINK_ROLLBACK, 10, 3, 2), -ESTALE);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(say_list(peer, WEIR_LINK_CLIENT_ABORT, 11, 3, &last, 1, 4), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(say_batch(peer, WEIR_LINK_FREEZE, 12, 3, 0), 0);
	for (uint64_t i = 0; i < 2000; i++) {
		uint64_t sum = rig_add(WEIR_MODULUS_M61, 0, 1, rig_element(WEIR_MODULUS_M61, 0, i));

		sum = rig_add(WEIR_MODULUS_M61, sum, 5, rig_element(WEIR_MODULUS_M61, 1, i));
		cr_assert_eq(rig_held(&rig, event, i), sum);
	}
	stop_worker = true;
	pthread_join(worker, NULL);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(say_batch(peer, WEIR_LINK_EVENT_CLOSE, 13, 3, 0), 0);
	cr_assert_eq(say_batch(peer, WEIR_LINK_FREEZE, 14, 3, 0), -ENOENT);
	close(peer);
}

static void ring(uint32_t event, uint32_t client)
{
	rte_ring_enqueue(doorbells, (void *)((uintptr_t)event << 32 | client));
}

Test(link, a_static_event_is_not_for_the_control_process)
{
	int peer = dial();
	struct event *event;

	cr_assert_eq(say_open(peer, 1, rig_request(3, WEIR_MODULUS_M31, 9, 32, 4, 3)), 0);
	event = event_lookup(&rig.table, 3);
	event->is_static = true;
	cr_expect_eq(say_batch(peer, WEIR_LINK_EVENT_CLOSE, 5, 3, 0), -EEXIST);
	cr_expect_eq(event_lookup(&rig.table, 3), event);
}

Test(link, doorbells_are_grouped_by_event)
{
	struct {
		struct weir_link_list list;
		uint32_t clients[WEIR_LINK_LIST_MAX];
	} message;
	int peer = dial();

	cr_assert_eq(say_batch(peer, WEIR_LINK_EVENT_CLOSE, 1, 3, 0), 0);
	ring(7, 2);
	ring(5, 9);
	ring(7, 1);
	ring(7, 2);
	eventfd_write(rig.doorbell, 1);
	cr_assert_eq(receive(peer, &message, sizeof(message)), sizeof(message.list) + 4);
	cr_assert_eq(message.list.header.type, WEIR_LINK_DOORBELL);
	cr_assert_eq(message.list.event, 5);
	cr_assert_eq(message.list.count, 1);
	cr_assert_eq(message.clients[0], 9);
	cr_assert_eq(receive(peer, &message, sizeof(message)), sizeof(message.list) + 8);
	cr_assert_eq(message.list.header.length, sizeof(message.list) + 8);
	cr_assert_eq(message.list.event, 7);
	cr_assert_eq(message.clients[0], 1);
	cr_assert_eq(message.clients[1], 2);
	close(peer);
}

Test(link, many_doorbells_all_arrive)
{
	static uint8_t seen[8000];
	struct {
		struct weir_link_list list;
		uint32_t clients[WEIR_LINK_LIST_MAX];
	} message;
	uint32_t total = 0;
	int peer = dial();

	cr_assert_eq(say_batch(peer, WEIR_LINK_EVENT_CLOSE, 1, 3, 0), 0);
	for (uint32_t i = 0; i < 8000; i++)
		ring(1, i);
	eventfd_write(rig.doorbell, 1);
	while (total < 8000) {
		receive(peer, &message, sizeof(message));
		for (uint32_t i = 0; i < message.list.count; i++)
			cr_assert_eq(seen[message.clients[i]]++, 0);
		total += message.list.count;
	}
	close(peer);
}

Test(link, a_second_dataplane_is_refused_and_a_dead_ones_socket_replaced)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_Atomic bool stop_at_once = true;
	int peer = dial(), dead;

	cr_assert_eq(serve(path, &stop_at_once), -EADDRINUSE);
	cr_assert_eq(say_batch(peer, WEIR_LINK_EVENT_CLOSE, 1, 3, 0), 0); // undisturbed

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/dead.sock", folder);
	dead = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	cr_assert_eq(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(dead, 1), 0);
	close(dead);
	cr_assert_eq(serve(address.sun_path, &stop_at_once), 0);
	cr_assert_neq(access(address.sun_path, F_OK), 0);
	close(peer);
}

Test(link, makes_the_folder_of_its_socket_but_not_more)
{
	_Atomic bool stop_at_once = true;
	char inner[96], deep[112];

	snprintf(inner, sizeof(inner), "%s/new", folder);
	snprintf(deep, sizeof(deep), "%s/link.sock", inner);
	cr_assert_eq(serve(deep, &stop_at_once), 0);
	cr_expect_eq(
		sched_getscheduler(0), SCHED_OTHER, "EAL's waiting for a worker would starve it");
	cr_assert_eq(rmdir(inner), 0);
	snprintf(deep, sizeof(deep), "%s/more/link.sock", inner);
	cr_assert_eq(serve(deep, &stop_at_once), -ENOENT);
	cr_assert_neq(access(inner, F_OK), 0);
}
