// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "udp_feed.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

#define BATCH        64 // datagrams in a call, and segments of a super-datagram
#define DATAGRAM_MAX 65507

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

int udp_feed_socket(int buffer, uint16_t *port)
{
	struct sockaddr_in address = loopback(0);
	socklen_t length = sizeof(address);
	int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (descriptor < 0)
		return -errno;
	if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) != 0)
		(void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (bind(descriptor, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		getsockname(descriptor, (struct sockaddr *)&address, &length) != 0) {
		int error = errno;

		close(descriptor);
		return -error;
	}
	*port = ntohs(address.sin_port);
	return descriptor;
}

// The next packets that may be under way, none beyond the end of the store.
static unsigned room(const struct udp_feed *feed, uint64_t sent, unsigned most)
{
	uint64_t received = atomic_load_explicit(&feed->received, memory_order_acquire);
	uint64_t to_end = feed->store->count - sent % feed->store->count;
	uint64_t free = feed->window - (sent - received);
	uint64_t n = most;

	if (n > free)
		n = free;
	if (n > to_end)
		n = to_end;
	if (n > feed->packets - sent)
		n = feed->packets - sent;
	return (unsigned)n;
}

static int send_plain(const struct udp_feed *feed, int descriptor, uint64_t first, unsigned n)
{
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];

	memset(messages, 0, n * sizeof(*messages));
	for (unsigned i = 0; i < n; i++) {
		pieces[i].iov_base = packet_store_datagram(feed->store, first + i);
		pieces[i].iov_len = feed->store->lengths[first + i];
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	return sendmmsg(descriptor, messages, n, 0);
}

// One super-datagram: packets of one length, of which only the last may be shorter.
static int send_segmented(const struct udp_feed *feed, int descriptor, uint64_t first, unsigned n)
{
	struct iovec pieces[BATCH];
	union {
		char bytes[CMSG_SPACE(sizeof(uint16_t))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr message = {.msg_iov = pieces,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *segment = CMSG_FIRSTHDR(&message);
	uint16_t length = feed->store->lengths[first];
	size_t bytes = 0;
	unsigned count = 0;

	while (count < n && bytes + length <= DATAGRAM_MAX) {
		pieces[count].iov_base = packet_store_datagram(feed->store, first + count);
		pieces[count].iov_len = feed->store->lengths[first + count];
		if (pieces[count].iov_len > length)
			break;
		bytes += pieces[count].iov_len;
		if (pieces[count++].iov_len < length)
			break;
	}
	message.msg_iovlen = count;
	segment->cmsg_level = SOL_UDP;
	segment->cmsg_type = UDP_SEGMENT;
	segment->cmsg_len = CMSG_LEN(sizeof(uint16_t));
	memcpy(CMSG_DATA(segment), &length, sizeof(length));
	return sendmsg(descriptor, &message, 0) < 0 ? -1 : (int)count;
}

static int feed_all(struct udp_feed *feed, int descriptor)
{
	uint64_t sent = 0;

	while (sent < feed->packets && !atomic_load_explicit(&feed->stop, memory_order_relaxed)) {
		unsigned n = room(feed, sent, BATCH);
		uint64_t first = sent % feed->store->count;
		int done;

		if (n == 0) {
			__builtin_ia32_pause();
			continue;
		}
		done = feed->segmentation ? send_segmented(feed, descriptor, first, n)
					  : send_plain(feed, descriptor, first, n);
		if (done < 0 && errno != EINTR && errno != EAGAIN && errno != ENOBUFS)
			return -errno;
		if (done > 0)
			sent += (unsigned)done;
		atomic_store_explicit(&feed->sent, sent, memory_order_release);
	}
	return 0;
}

static void *run(void *argument)
{
	struct udp_feed *feed = argument;
	struct sockaddr_in address = loopback(feed->port);
	int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (descriptor < 0 ||
		connect(descriptor, (struct sockaddr *)&address, sizeof(address)) != 0)
		feed->error = -errno;
	else if (!measure_pin(feed->cpus, feed->cpu))
		feed->error = -ENODEV;
	else
		feed->error = feed_all(feed, descriptor);
	if (descriptor >= 0)
		close(descriptor);
	return NULL;
}

int udp_feed_start(struct udp_feed *feed)
{
	return -pthread_create(&feed->thread, NULL, run, feed);
}

int udp_feed_join(struct udp_feed *feed)
{
	pthread_join(feed->thread, NULL);
	return feed->error;
}
