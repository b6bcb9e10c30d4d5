// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "replay_file.h"

#include <errno.h>
#include <inttypes.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "say.h"

pcap_t *replay_file_open(const char *path)
{
	char message[PCAP_ERRBUF_SIZE];
	pcap_t *file =
		pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, message);

	if (!file) {
		say("%s", message);
	} else if (pcap_datalink(file) != DLT_EN10MB) {
		say("%s: has no Ethernet frames", path);
		pcap_close(file);
		file = NULL;
	}
	return file;
}

bool replay_file_is_for(const struct load_aggregator *to, const struct pcap_pkthdr *header,
	const uint8_t *bytes, uint32_t room)
{
	const struct rte_ether_hdr *ethernet = (const void *)bytes;
	const uint8_t *at = bytes + sizeof(*ethernet);
	uint16_t type;

	if (header->caplen != header->len || header->len > room ||
		header->len < sizeof(*ethernet) + RTE_VLAN_HLEN + sizeof(struct rte_ipv4_hdr) +
				      sizeof(struct rte_udp_hdr))
		return false;
	type = ethernet->ether_type;
	if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN)) {
		type = ((const struct rte_vlan_hdr *)at)->eth_proto;
		at += RTE_VLAN_HLEN;
	}
	const struct rte_ipv4_hdr *ip = (const void *)at;
	const struct rte_udp_hdr *udp = (const void *)(ip + 1);

	return type == RTE_BE16(RTE_ETHER_TYPE_IPV4) && ip->version_ihl == RTE_IPV4_VHL_DEF &&
	       ip->next_proto_id == IPPROTO_UDP && ip->dst_addr == to->address.s_addr &&
	       udp->dst_port == rte_cpu_to_be_16(to->udp_port);
}

int replay_file_check(const char *path, const struct load_aggregator *to, uint32_t room)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	uint64_t n = 0;
	pcap_t *file = replay_file_open(path);
	int got, error = 0;

	if (!file)
		return -EINVAL;
	while (error == 0 && (got = pcap_next_ex(file, &header, &bytes)) == 1) {
		n++;
		if (!replay_file_is_for(to, header, bytes, room))
			error = -EINVAL;
	}
	if (error != 0)
		say("%s: frame %" PRIu64 " is not UDP to the configured destination, or larger "
		    "than the port's mtu; nothing is sent",
			path, n);
	else if (got == PCAP_ERROR)
		say("%s: frame %" PRIu64 ": %s", path, n + 1, pcap_geterr(file));
	else if (n == 0)
		say("%s: has no frames", path);
	pcap_close(file);
	return error != 0 || got == PCAP_ERROR || n == 0 ? -EINVAL : 0;
}
