// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER_BYTES (64 << 20)
#define VLAN_TAG_BYTES      4
#define ADDRESSES_BYTES     (2 * ETH_ALEN)

struct link_port_buffers {
	struct virtio_net_hdr offloads[LINK_BURST];
	struct iovec vectors[LINK_BURST][2];
	struct mmsghdr messages[LINK_BURST];
	union {
		struct cmsghdr aligned;
		char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} controls[LINK_BURST];
	uint8_t bytes[LINK_BURST][LINK_FRAME_MAX];
};

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_options(int fd, unsigned int interface_index)
{
	struct packet_mreq promiscuous = {
		.mr_ifindex = (int)interface_index,
		.mr_type = PACKET_MR_PROMISC,
	};
	int rc;

	if ((rc = set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)) < 0 ||
		(rc = set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1)) < 0 ||
		(rc = set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1)) < 0 ||
		(rc = set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES)) < 0 ||
		(rc = set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER_BYTES)) < 0)
		return rc;
	return setsockopt(
		       fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) < 0
		       ? -errno
		       : 0;
}

int link_port_open(struct link_port *port, const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	*port = (struct link_port){.fd = -1};
	unsigned int index = if_nametoindex(interface);
	if (index == 0)
		return -errno;
	address.sll_ifindex = (int)index;

	port->buffers = calloc(1, sizeof(*port->buffers));
	if (!port->buffers)
		return -ENOMEM;
	// Protocol 0 until bind: no frame of another interface may slip in before it.
	port->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (port->fd < 0)
		return -errno;
	int rc = set_options(port->fd, index);
	if (rc < 0)
		return rc;
	return bind(port->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

void link_port_close(struct link_port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	free(port->buffers);
	*port = (struct link_port){.fd = -1};
}

// The kernel keeps a VLAN tag beside the frame; a cable has it after the addresses.
static size_t restore_vlan_tag(
	struct msghdr *message, uint8_t *bytes, size_t length, struct virtio_net_hdr *offload)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct tpacket_auxdata aux;

	if (!control || control->cmsg_level != SOL_PACKET || control->cmsg_type != PACKET_AUXDATA)
		return length;
	memcpy(&aux, CMSG_DATA(control), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID) || length < ADDRESSES_BYTES)
		return length;

	uint16_t protocol = ETHERTYPE_VLAN;
	if (aux.tp_status & TP_STATUS_VLAN_TPID_VALID)
		protocol = aux.tp_vlan_tpid;
	uint16_t tag[2] = {htons(protocol), htons(aux.tp_vlan_tci)};
	memmove(bytes + ADDRESSES_BYTES + VLAN_TAG_BYTES, bytes + ADDRESSES_BYTES,
		length - ADDRESSES_BYTES);
	memcpy(bytes + ADDRESSES_BYTES, tag, sizeof(tag));
	if (offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		offload->csum_start += VLAN_TAG_BYTES;
	if (offload->hdr_len)
		offload->hdr_len += VLAN_TAG_BYTES;
	return length + VLAN_TAG_BYTES;
}

int link_port_receive(struct link_port *port, struct link_frame *frames[LINK_BURST])
{
	struct link_port_buffers *buffers = port->buffers;
	int count = 0;

	for (int i = 0; i < LINK_BURST; i++) {
		buffers->vectors[i][0] =
			(struct iovec){&buffers->offloads[i], sizeof(buffers->offloads[i])};
		buffers->vectors[i][1] =
			(struct iovec){buffers->bytes[i], LINK_FRAME_MAX - VLAN_TAG_BYTES};
		buffers->messages[i].msg_hdr = (struct msghdr){
			.msg_iov = buffers->vectors[i],
			.msg_iovlen = 2,
			.msg_control = &buffers->controls[i],
			.msg_controllen = sizeof(buffers->controls[i]),
		};
	}
	int received = recvmmsg(port->fd, buffers->messages, LINK_BURST, 0, NULL);
	for (int i = 0; i < received; i++) {
		struct mmsghdr *message = &buffers->messages[i];
		if (message->msg_len < sizeof(buffers->offloads[i]))
			continue;
		size_t length = restore_vlan_tag(&message->msg_hdr, buffers->bytes[i],
			message->msg_len - sizeof(buffers->offloads[i]), &buffers->offloads[i]);
		struct link_frame *frame =
			link_frame_new(&buffers->offloads[i], buffers->bytes[i], length);
		if (!frame)
			continue;
		link_frame_complete_checksum(frame);
		frames[count++] = frame;
	}
	return count;
}

int link_port_send(struct link_port *port, struct link_frame *frames[], int count)
{
	int taken = 0;

	for (int i = 0; i < count; i++) {
		struct iovec vector[2] = {
			{&frames[i]->offload, sizeof(frames[i]->offload)},
			{frames[i]->bytes, frames[i]->length},
		};
		struct msghdr message = {.msg_iov = vector, .msg_iovlen = 2};
		ssize_t sent = sendmsg(port->fd, &message, 0);
		taken += sent >= 0;
		free(frames[i]);
	}
	return taken;
}

uint64_t link_port_overruns(struct link_port *port)
{
	struct tpacket_stats stats = {0};
	socklen_t size = sizeof(stats);

	if (getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0)
		return 0;
	return stats.tp_drops;
}
