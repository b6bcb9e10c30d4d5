// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// The parts of answer. Each turns the frame in an mbuf into its reply, in place and no longer than it
// was (save a neighbour advertisement, which has to name this port's address).
#pragma once

#include <stdbool.h>
#include <rte_mbuf.h>

#include "packet.h"
#include "port.h"
#include "worker.h"

// Makes the reply to any packet that parse found to deserve one. Returns true if the mbuf is now a
// frame to be sent; false if there is none to be sent, for a reason that has been counted.
bool answer_packet(struct worker *worker, const struct port *port, struct rte_mbuf *mbuf);

// REQUEST and QUERY: authenticates the body, then writes GRANT or STATE over the whole datagram.
// Returns true, or false when it was counted and is not to be answered.
bool answer_message(struct worker *worker, const struct packet *packet);

// ARP requests and IPv6 neighbour solicitations, all headers included. Return as answer_packet.
bool answer_arp(struct worker *worker, const struct port *port, struct rte_mbuf *mbuf);
bool answer_neighbour(struct worker *worker, const struct port *port, struct rte_mbuf *mbuf);
