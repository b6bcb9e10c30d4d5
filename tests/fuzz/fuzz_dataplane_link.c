// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// What a dataplane says to the control process, through a real socket, and what stands in its shared
// memory. An input is a sequence of records: a type, one byte of flags, a length (u16) and that many
// bytes. They come behind a good header, or are the whole message (RAW). Type 0 writes into the memory
// (an offset, u16, and bytes) or sets its size, 15 lets the control process give a command. After each,
// everything is read that a control process reads. Every command ends once, and no descriptor stays.

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane_link.h"
#include "fuzz.h"

enum { RAW = 1, SEQUENCE = 2, MEMORY = 4, COUNT = 8, TWICE = 16, SIZE = 32 };
enum { WRITE = 0, COMMAND = 15 };

#define RECORDS_MOST  100
#define COMMANDS_MOST 256
#define MEMORY_SIZE   4096
#define EVENTS        2
#define CLIENTS       4
#define VECTOR_SIZE   64

void __wrap_log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static int listener = -1, peer = -1, memory_file = -1;
static struct timers timers;
static struct dataplane_link *link_;
static struct {
	uint32_t sequences[COMMANDS_MOST]; // of commands that have come and are not answered
	unsigned first, count;
	unsigned asked, done;
	size_t sent; // length of the message on its way
	bool up;
} run;
static volatile uint64_t sink; // what is read cannot be left out

void __wrap_log_line(const char *format, ...)
{
	(void)format;
}

static void on_up(void *context)
{
	(void)context;
	FUZZ_CHECK(!run.up && dataplane_link_memory(link_)->header);
	run.up = true;
}

static void on_down(void *context, const char *reason)
{
	(void)context;
	FUZZ_CHECK(run.up && *reason && !dataplane_link_memory(link_)->header);
	run.up = false;
}

static void on_doorbell(void *context, uint32_t number, const uint32_t *clients, uint32_t count)
{
	(void)context;
	FUZZ_CHECK(sizeof(struct weir_link_list) + count * sizeof(*clients) == run.sent);
	for (uint32_t i = 0; i < count; i++)
		sink += number + clients[i];
}

static void on_committed(void *context, uint32_t number, uint32_t batch, int status)
{
	(void)context;
	sink += number + batch + (uint32_t)status;
}

static void on_done(void *context, int status, uint32_t detail)
{
	(void)context;
	sink += (uint32_t)status + detail;
	run.done++;
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/link.sock", fuzz_folder());
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memory_file = memfd_create("memory", MFD_CLOEXEC);
	FUZZ_CHECK(listener >= 0 && memory_file >= 0);
	FUZZ_CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	FUZZ_CHECK(listen(listener, 8) == 0);
	return 0;
}

// One event of two, with its clients and accumulators.
static void make_memory(void)
{
	static _Alignas(64) uint8_t bytes[MEMORY_SIZE];
	struct weir_shm_header *header = (void *)bytes;
	struct weir_shm_event *event;

	memset(bytes, 0, sizeof(bytes));
	*header = (struct weir_shm_header){.magic = WEIR_SHM_MAGIC,
		.version = WEIR_SHM_VERSION,
		.worker_count = 1,
		.total_size = MEMORY_SIZE,
		.counter_count = WEIR_COUNTER_COUNT,
		.counter_stride = 512,
		.counters_offset = 128,
		.event_capacity = EVENTS,
		.client_capacity = CLIENTS,
		.events_offset = 1024,
		.arena_offset = 2048,
		.arena_size = MEMORY_SIZE - 2048};
	event = (struct weir_shm_event *)(bytes + header->events_offset) + 1;
	event->number = 1;
	event->state = WEIR_SHM_EVENT_OPEN;
	event->max_clients = CLIENTS;
	event->clients_offset = 2048;
	event->accumulators[0].offset = 2560;
	event->accumulators[1].offset = 3072;
	FUZZ_CHECK(ftruncate(memory_file, MEMORY_SIZE) == 0);
	FUZZ_CHECK(pwrite(memory_file, bytes, sizeof(bytes), 0) == MEMORY_SIZE);
}

static void change_memory(uint8_t flags, const uint8_t *bytes, size_t size)
{
	uint16_t at = 0;

	if (size < sizeof(at))
		return;
	memcpy(&at, bytes, sizeof(at));
	at %= MEMORY_SIZE;
	size -= sizeof(at);
	// A mapped file must not shrink; the dataplane's is sealed against that or its own.
	if (flags & SIZE && !run.up)
		FUZZ_CHECK(ftruncate(memory_file, at) == 0);
	else if (!(flags & SIZE) && size <= (size_t)MEMORY_SIZE - at)
		FUZZ_CHECK(pwrite(memory_file, bytes + sizeof(at), size, at) == (ssize_t)size);
}

static void read_event(const struct dataplane_memory *memory, const struct weir_shm_event *event)
{
	const struct weir_shm_client *clients = dataplane_memory_clients(memory, event);
	const void *vector;
	const struct weir_shm_accumulator *held =
		dataplane_memory_held(memory, event, VECTOR_SIZE, &vector);

	for (uint32_t i = 0; clients && i < event->max_clients; i++)
		sink += clients[i].state + clients[i].received;
	for (unsigned i = 0; held && i < VECTOR_SIZE / sizeof(uint64_t); i++)
		sink += ((const uint64_t *)vector)[i];
	sink += held ? held->count : 0;
}

static void read_memory(void)
{
	const struct dataplane_memory *memory = dataplane_link_memory(link_);
	const struct weir_shm_event *event;

	FUZZ_CHECK(!memory->header == !run.up);
	for (uint32_t number = 0; number < 4; number++) {
		event = dataplane_memory_event(memory, number);
		FUZZ_CHECK(!event || !dataplane_memory_number_free(memory, number));
		if (event)
			read_event(memory, event);
	}
	for (uint32_t i = 0; (event = dataplane_memory_entry(memory, i)); i++)
		sink += event->number;
	for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++)
		sink += dataplane_memory_counter(memory, 0, i) +
			dataplane_memory_counter(memory, 1, i);
}

// What the control process sent. It hangs up and calls again as it likes.
static void listen_to_it(void)
{
	static _Alignas(8) uint8_t bytes[WEIR_LINK_MESSAGE_MAX];
	const struct weir_link_header *header = (const void *)bytes;
	int caller;
	ssize_t length;

	while ((caller = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		if (peer >= 0)
			close(peer);
		peer = caller;
		run.first = run.count = 0;
	}
	// A descriptor that comes with a message is dropped by recv.
	while (peer >= 0 && (length = recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		FUZZ_CHECK(header->length == (size_t)length);
		FUZZ_CHECK(run.count < COMMANDS_MOST);
		run.sequences[(run.first + run.count++) % COMMANDS_MOST] = header->sequence;
	}
}

static void turn(void)
{
	short events;

	dataplane_link_run(link_);
	if (dataplane_link_descriptor(link_, &events) < 0) {
		FUZZ_CHECK(run.asked == run.done && !run.up);
		timers_run(&timers, UINT64_MAX - 1);
		dataplane_link_run(link_);
	}
	listen_to_it();
}

static void command(uint8_t which)
{
	struct weir_link_event_open open = {.number = 1};
	struct weir_link_client clients[2] = {{.index = 1}, {.index = 2}};
	struct weir_link_commit commit = {.event = 1, .batch = 1, .count = 2};
	struct weir_link_restore restore = {.event = 1, .batch = 1};
	const uint32_t indices[2] = {1, 2};

	run.asked++;
	switch (which % 6) {
	case 0: dataplane_link_event_open(link_, &open, on_done, NULL); break;
	case 1: dataplane_link_client_add(link_, 1, clients, 2, on_done, NULL); break;
	case 2:
		dataplane_link_clients(link_, WEIR_LINK_CLIENT_ADMIT, 1, indices, 2, on_done, NULL);
		break;
	case 3: dataplane_link_commit(link_, &commit, indices, on_done, NULL); break;
	case 4: dataplane_link_restore(link_, &restore, dup(memory_file), on_done, NULL); break;
	case 5: dataplane_link_batch(link_, WEIR_LINK_SEAL, 1, 1, on_done, NULL); break;
	}
}

static void send_bytes(uint8_t flags, void *bytes, size_t size)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(2 * sizeof(int))];
	} rights = {0};
	struct iovec part = {bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	size_t descriptors = flags & TWICE ? 2 * sizeof(int) : sizeof(int);

	if (flags & MEMORY) {
		message.msg_control = &rights;
		message.msg_controllen = CMSG_SPACE(descriptors);
		rights.align.cmsg_level = SOL_SOCKET;
		rights.align.cmsg_type = SCM_RIGHTS;
		rights.align.cmsg_len = CMSG_LEN(descriptors);
		memcpy(CMSG_DATA(&rights.align), (int[]){memory_file, memory_file}, descriptors);
	}
	run.sent = size;
	// It may have hung up.
	sendmsg(peer, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_message(uint8_t type, uint8_t flags, const uint8_t *body, size_t length)
{
	_Alignas(8) uint8_t message[WEIR_LINK_MESSAGE_MAX];
	struct weir_link_header header = {.version = WEIR_LINK_VERSION, .type = type};
	struct weir_link_list *list = (void *)message;
	size_t head = flags & RAW ? 0 : sizeof(header);

	if (length > sizeof(message) - head)
		length = sizeof(message) - head;
	header.length = (uint32_t)(head + length);
	if (flags & SEQUENCE && run.count) {
		header.sequence = run.sequences[run.first];
		run.first = (run.first + 1) % COMMANDS_MOST;
		run.count--;
	}
	memcpy(message, &header, head);
	memcpy(message + head, body, length);
	if (flags & COUNT && !(flags & RAW) && header.length >= sizeof(*list))
		list->count = (uint32_t)((header.length - sizeof(*list)) / sizeof(uint32_t));
	send_bytes(flags, message, header.length);
}

static void start(void)
{
	static const struct dataplane_link_handlers handlers = {
		.up = on_up, .down = on_down, .doorbell = on_doorbell, .committed = on_committed};

	memset(&run, 0, sizeof(run));
	make_memory();
	link_ = dataplane_link_open(address.sun_path, &timers, &handlers);
	FUZZ_CHECK(link_);
	timers_run(&timers, UINT64_MAX - 1);
	turn();
	FUZZ_CHECK(peer >= 0 && run.count == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	const unsigned descriptors = fuzz_descriptors();

	start();
	for (unsigned i = 0; input.size && i < RECORDS_MOST; i++) {
		uint8_t type = fuzz_byte(&input) % 16, flags = fuzz_byte(&input);
		uint16_t length;

		fuzz_take(&input, &length, sizeof(length));
		if (length > input.size)
			length = (uint16_t)input.size;
		if (type == WRITE)
			change_memory(flags, input.data, length);
		else if (type == COMMAND)
			command(flags);
		else
			send_message(type, flags, input.data, length);
		input.data += length;
		input.size -= length;
		turn();
		read_memory();
	}
	FUZZ_CHECK(run.done <= run.asked);
	dataplane_link_close(link_);
	close(peer);
	peer = -1;
	FUZZ_CHECK(fuzz_descriptors() == descriptors && !timers.first);
	return 0;
}
