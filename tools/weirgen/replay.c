// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>

#include "replay_file.h"

#define BURST     32
#define SECOND_NS UINT64_C(1000000000)

struct player {
	const struct replay *replay;
	struct tally *tally;
	struct pacer pacer;
	struct rte_mbuf *burst[BURST];
	uint16_t count;
	uint64_t first_ns, last_ns, started; // of the file; of our clock
	uint64_t next_tick;
};

// What comes back is not looked at, but must not fill the ring.
static void drain(const struct port *port)
{
	struct rte_mbuf *burst[BURST];

	for (uint16_t queue = 0; queue < port->queue_count; queue++)
		rte_pktmbuf_free_bulk(
			burst, rte_eth_rx_burst(port->id, queue, burst, RTE_DIM(burst)));
}

static void flush(struct player *player)
{
	uint16_t sent = 0;

	while (sent < player->count) {
		uint16_t n = rte_eth_tx_burst(
			player->replay->port->id, 0, player->burst + sent, player->count - sent);

		for (uint16_t i = 0; i < n; i++, player->tally->packets++)
			player->tally->bytes += player->burst[sent + i]->data_len;
		sent += n;
		if (sent == player->count)
			break;
		if (player->pacer.is_on || atomic_load(player->replay->interrupted)) {
			player->tally->ring_full += player->count - sent;
			rte_pktmbuf_free_bulk(player->burst + sent, player->count - sent);
			break;
		}
		player->tally->tx_full++;
		rte_pause();
	}
	player->count = 0;
	drain(player->replay->port);
}

// Waits until the frame's time has come, or its pause is over. Returns false when interrupted.
static bool wait_for(struct player *player, uint64_t ns)
{
	uint64_t hz = rte_get_tsc_hz(), now = rte_rdtsc(), until = now;
	uint64_t gap = ns > player->last_ns ? ns - player->last_ns : 0;

	if (!player->pacer.is_on)
		until = player->started +
			(uint64_t)((double)(ns - player->first_ns) / SECOND_NS * (double)hz);
	else if (gap >= REPLAY_PAUSE_MS * (SECOND_NS / 1000))
		until = now + (uint64_t)((double)gap / SECOND_NS * (double)hz);
	player->last_ns = ns;
	while (now < until || !pacer_may_send(&player->pacer, now)) {
		if (player->count > 0)
			flush(player);
		if (now >= player->next_tick) {
			player->replay->tick(player->replay->opaque, player->tally);
			player->next_tick = now + hz / 500;
			if (atomic_load(player->replay->interrupted))
				return false;
		}
		rte_pause();
		now = rte_rdtsc();
	}
	(void)pacer_forgive(&player->pacer, now);
	return true;
}

static int put(struct player *player, const struct pcap_pkthdr *header, const u_char *bytes)
{
	const struct replay *replay = player->replay;
	struct rte_mbuf *frame = rte_pktmbuf_alloc(replay->port->pool);

	if (!frame) {
		flush(player);
		player->tally->lost++;
		return 0;
	}
	uint8_t *place = rte_pktmbuf_mtod(frame, uint8_t *);

	memcpy(place, bytes, header->caplen);
	memcpy(place, replay->to->mac, RTE_ETHER_ADDR_LEN);
	memcpy(place + RTE_ETHER_ADDR_LEN, &replay->port->mac, RTE_ETHER_ADDR_LEN);
	frame->data_len = (uint16_t)header->caplen;
	frame->pkt_len = header->caplen;
	pacer_sent(&player->pacer, header->caplen);
	player->burst[player->count++] = frame;
	if (player->count == BURST)
		flush(player);
	return 0;
}

int replay_run(const struct replay *replay, struct tally *tally)
{
	struct player player = {.replay = replay, .tally = tally, .started = rte_rdtsc()};
	uint32_t room = rte_pktmbuf_data_room_size(replay->port->pool) - RTE_PKTMBUF_HEADROOM;
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int error = replay_file_check(replay->path, replay->to, room);
	pcap_t *file = error == 0 ? replay_file_open(replay->path) : NULL;

	if (!file)
		return error ? error : -EINVAL;
	pacer_start(&player.pacer, replay->rate, 1, rte_get_tsc_hz(), player.started);
	for (bool first = true; error == 0 && pcap_next_ex(file, &header, &bytes) == 1;
		first = false) {
		if (!replay_file_is_for(replay->to, header, bytes, room))
			continue; // the file was another when it was checked
		uint64_t ns =
			(uint64_t)header->ts.tv_sec * SECOND_NS + (uint64_t)header->ts.tv_usec;

		if (first)
			player.first_ns = player.last_ns = ns;
		error = wait_for(&player, ns) ? put(&player, header, bytes) : -EINTR;
	}
	flush(&player);
	pcap_close(file);
	return error;
}
