// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Every counter and every drop reason of the dataplane, declared once: this list makes the enum,
// the names in shared memory, `weirctl stats` and the metrics. Free of DPDK.
//
// Names that start with drop_ count datagrams or frames that changed nothing and got no reply.
#pragma once

#define WEIR_COUNTERS(X)                                                                           \
	X(rx_packets, "frames received")                                                           \
	X(rx_bytes, "bytes received")                                                              \
	X(tx_packets, "frames sent")                                                               \
	X(tx_bytes, "bytes sent")                                                                  \
	X(shares_staged, "SHARE chunks authenticated and staged")                                  \
	X(parity_staged, "PARITY chunks authenticated and staged")                                 \
	X(requests, "REQUEST messages answered")                                                   \
	X(queries, "QUERY messages answered")                                                      \
	X(slots_completed, "slots that became complete")                                           \
	X(chunks_recovered, "SHARE chunks worked out from others and PARITY")                      \
	X(slots_recovered, "slots that became complete by that")                                   \
	X(recoveries_refused, "groups of chunks and PARITY that do not fit together")              \
	X(arp_replies, "ARP requests answered")                                                    \
	X(nd_replies, "IPv6 neighbour solicitations answered")                                     \
	X(echo_replies, "ICMP and ICMPv6 echo requests answered")                                  \
	X(batches_committed, "batches added into an accumulator")                                  \
	X(commit_tiles, "tiles summed by commits")                                                 \
	X(idle_sleeps, "times an idle worker gave its core back")                                  \
	X(drop_frame_short, "frame shorter than its own headers say")                              \
	X(drop_not_ip, "neither IPv4, IPv6 nor ARP")                                               \
	X(drop_vlan, "VLAN tag that is not the port's")                                            \
	X(drop_ip_malformed, "bad version, header length, total length or header checksum")        \
	X(drop_ip_fragment, "IP fragment")                                                         \
	X(drop_ip_options, "IP options or extension headers")                                      \
	X(drop_not_ours, "not addressed to this appliance")                                        \
	X(drop_not_udp, "neither UDP nor an answerable ICMP message")                              \
	X(drop_udp_port, "UDP for another port")                                                   \
	X(drop_udp_malformed, "UDP length differs from the IP length")                             \
	X(drop_packet_short, "datagram shorter than header and tag")                               \
	X(drop_packet_version, "unknown protocol version or non-zero flags")                       \
	X(drop_packet_type, "type unknown, not for an aggregator, or not repeated in chunk")       \
	X(drop_event_unknown, "no such event here")                                                \
	X(drop_client_unknown, "no such client in the event")                                      \
	X(drop_chunk_range, "chunk number beyond the vector")                                      \
	X(drop_packet_length, "length is not what type, event and chunk imply")                    \
	X(drop_no_slot, "SHARE for a client that holds no slot")                                   \
	X(drop_parity, "PARITY for an event without forward error correction")                     \
	X(drop_duplicate, "chunk already received or being received")                              \
	X(drop_tag, "authentication failed")                                                       \
	X(drop_not_canonical, "authentic chunk with an element not below the modulus")             \
	X(drop_body, "authentic message with a non-zero padding or a bad field")                   \
	X(drop_segments, "frame in more segments than can be linearised")                          \
	X(drop_tx_full, "reply that the port would not take")                                      \
	X(drop_reply_memory, "reply without a buffer to write it in")

enum weir_counter {
#define WEIR_COUNTER_ENUM(name, text) WEIR_COUNTER_##name,
	WEIR_COUNTERS(WEIR_COUNTER_ENUM)
#undef WEIR_COUNTER_ENUM
		WEIR_COUNTER_COUNT
};

// "rx_packets" and so on; NULL beyond the list.
const char *weir_counter_name(unsigned counter);
// The sentence beside it.
const char *weir_counter_text(unsigned counter);
