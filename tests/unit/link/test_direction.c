// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "direction.h"

static const struct virtio_net_hdr no_offload;

static struct link_frame *numbered_frame(uint32_t number, size_t length)
{
	uint8_t bytes[2048] = {0};

	memcpy(bytes, &number, sizeof(number));
	return link_frame_new(&no_offload, bytes, length);
}

static uint32_t number_of(const struct link_frame *frame)
{
	uint32_t number;

	memcpy(&number, frame->bytes, sizeof(number));
	return number;
}

static void init(struct link_direction *direction, const char *changes)
{
	char error[256];

	cr_assert_eq(link_direction_init(direction, 9, LINK_A_TO_B), 0);
	cr_assert_eq(link_parameters_change(&direction->parameters, changes, error, sizeof(error)),
		0, "%s", error);
}

// Takes what is due into numbers, and returns how many that was.
static size_t drain(struct link_direction *direction, uint64_t now, uint32_t *numbers, size_t room)
{
	struct link_frame *frame;
	size_t count = 0;

	while ((frame = link_direction_send(direction, now)) != NULL) {
		cr_assert_lt(count, room);
		numbers[count++] = number_of(frame);
		free(frame);
	}
	return count;
}

Test(delay_queue, sorts_and_keeps_the_order_of_equals)
{
	struct delay_queue queue;
	struct link_frame *frame;
	uint64_t last_due = 0;
	uint32_t last_number = 0, count = 0;
	const uint32_t frames = 5000;

	cr_assert_eq(delay_queue_init(&queue, frames), 0);
	for (uint32_t i = 0; i < frames; i++)
		cr_assert_eq(delay_queue_push(&queue, i * 7919 % 13, numbered_frame(i, 64)), 0);
	frame = numbered_frame(frames, 64);
	cr_assert_eq(delay_queue_push(&queue, 0, frame), -ENOSPC);
	free(frame);

	cr_assert_eq(delay_queue_next(&queue), 0);
	while ((frame = delay_queue_pop(&queue, 12)) != NULL) {
		uint32_t number = number_of(frame);
		uint64_t due = number * 7919 % 13;
		cr_assert(
			count == 0 || due > last_due || (due == last_due && number > last_number));
		last_due = due;
		last_number = number;
		count++;
		free(frame);
	}
	cr_assert_eq(count, frames);
	cr_assert_eq(delay_queue_next(&queue), UINT64_MAX);
	delay_queue_free(&queue);
}

Test(direction, perfect_link_passes_everything_in_order)
{
	struct link_direction direction;
	uint32_t numbers[100];

	init(&direction, "clear");
	for (uint32_t i = 0; i < 100; i++)
		link_direction_receive(&direction, 1000, numbered_frame(i, 1500));
	cr_assert_eq(drain(&direction, 1000, numbers, 100), 100);
	for (uint32_t i = 0; i < 100; i++)
		cr_assert_eq(numbers[i], i);
	link_direction_free(&direction);
}

Test(direction, delay_and_jitter_keep_the_order)
{
	struct link_direction direction;
	uint32_t numbers[100];

	init(&direction, "delay=2ms,jitter=5ms");
	for (uint32_t i = 0; i < 100; i++)
		link_direction_receive(&direction, i * 1000, numbered_frame(i, 100));
	cr_assert_eq(drain(&direction, 1999999, numbers, 100), 0);
	cr_assert_eq(drain(&direction, 7100000, numbers, 100), 100);
	for (uint32_t i = 0; i < 100; i++)
		cr_assert_eq(numbers[i], i);
	link_direction_free(&direction);
}

Test(direction, held_frames_are_overtaken)
{
	struct link_direction direction;
	uint32_t numbers[1000];
	size_t count = 0, inversions = 0;

	init(&direction, "reorder=10%,hold=20us");
	for (uint32_t i = 0; i < 1000; i++) {
		link_direction_receive(&direction, i * 1000, numbered_frame(i, 100));
		count += drain(&direction, i * 1000, numbers + count, 1000 - count);
	}
	count += drain(&direction, 2000000, numbers + count, 1000 - count);
	cr_assert_eq(count, 1000);
	for (size_t i = 1; i < count; i++)
		inversions += numbers[i] < numbers[i - 1];
	cr_assert_gt(direction.counters.reordered, 70);
	cr_assert_geq(inversions, direction.counters.reordered / 2);
	link_direction_free(&direction);
}

Test(direction, a_duplicate_is_the_same_frame_twice)
{
	struct link_direction direction;
	uint32_t numbers[40];

	init(&direction, "dup=100%");
	for (uint32_t i = 0; i < 20; i++)
		link_direction_receive(&direction, 0, numbered_frame(i, 100));
	cr_assert_eq(drain(&direction, 0, numbers, 40), 40);
	for (uint32_t i = 0; i < 40; i++)
		cr_assert_eq(numbers[i], i / 2);
	cr_assert_eq(direction.counters.duplicated, 20);
	link_direction_free(&direction);
}

Test(direction, corruption_flips_exactly_one_bit)
{
	struct link_direction direction;

	init(&direction, "corrupt=100%");
	for (int i = 0; i < 200; i++) {
		link_direction_receive(&direction, 0, numbered_frame(0, 100));
		struct link_frame *frame = link_direction_send(&direction, 0);
		cr_assert_not_null(frame);
		int bits = 0;
		for (size_t j = 0; j < frame->length; j++)
			bits += __builtin_popcount(frame->bytes[j]);
		cr_assert_eq(bits, 1);
		free(frame);
	}
	link_direction_free(&direction);
}

Test(direction, rate_limit_paces_and_its_queue_is_bounded)
{
	struct link_direction direction;
	uint32_t numbers[100];

	// 1000 bytes at 8 Mbit/s take 1 ms; ten of them fit the queue.
	init(&direction, "rate=8mbit,queue=10kb");
	for (uint32_t i = 0; i < 15; i++)
		link_direction_receive(&direction, 0, numbered_frame(i, 1000));
	cr_assert_eq(direction.counters.queue_drops, 5);
	cr_assert_eq(drain(&direction, 999999, numbers, 100), 0);
	cr_assert_eq(drain(&direction, 3000000, numbers, 100), 3);
	cr_assert_eq(drain(&direction, 10000000, numbers, 100), 7);
	// What was paced away leaves room, and an idle line starts afresh.
	link_direction_receive(&direction, 50000000, numbered_frame(99, 1000));
	cr_assert_eq(drain(&direction, 50999999, numbers, 100), 0);
	cr_assert_eq(drain(&direction, 51000000, numbers, 100), 1);
	link_direction_free(&direction);
}

Test(direction, a_cut_takes_what_is_under_way)
{
	struct link_direction direction;
	char error[256];
	uint32_t numbers[10];

	init(&direction, "delay=1ms");
	link_direction_receive(&direction, 0, numbered_frame(1, 100));
	link_parameters_change(&direction.parameters, "cut", error, sizeof(error));
	link_direction_receive(&direction, 0, numbered_frame(2, 100));
	cr_assert_eq(drain(&direction, 2000000, numbers, 10), 0);
	cr_assert_eq(direction.counters.cut, 2);

	link_parameters_change(&direction.parameters, "heal", error, sizeof(error));
	link_direction_receive(&direction, 3000000, numbered_frame(3, 100));
	cr_assert_eq(drain(&direction, 4000000, numbers, 10), 1);
	cr_assert_eq(numbers[0], 3);
	link_direction_free(&direction);
}

Test(direction, every_frame_is_accounted_for)
{
	struct link_direction direction;
	uint32_t numbers[64];
	uint64_t sent = 0;

	init(&direction, "loss=5%,dup=2%,reorder=10%,corrupt=1%,delay=100us,rate=1gbit,queue=20kb");
	for (uint32_t i = 0; i < 20000; i++) {
		link_direction_receive(&direction, i * 5000, numbered_frame(i, 1000));
		sent += drain(&direction, i * 5000, numbers, 64);
	}
	for (uint64_t now = 100000000; now < 200000000; now += 50000)
		sent += drain(&direction, now, numbers, 64);
	const struct link_counters *counters = &direction.counters;
	cr_assert_eq(counters->received, 20000);
	cr_assert_gt(counters->queue_drops, 0);
	cr_assert_eq(sent + counters->lost + counters->queue_drops,
		counters->received + counters->duplicated);
	link_direction_free(&direction);
}

Test(frame, completes_the_checksum_the_kernel_left_open)
{
	// A UDP datagram of IPv4 192.0.2.1:1 to 192.0.2.2:2 carrying "weir"; RFC 768 and RFC 1071.
	uint8_t bytes[14 + 20 + 12] = {0};
	uint8_t *udp = bytes + 34;
	struct virtio_net_hdr offload = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
	// The pseudo-header alone: c000 + 0201 + c000 + 0202 + 0011 + 000c = 1 8420 -> 8421.
	const uint8_t head[] = {0, 1, 0, 2, 0, 12, 0x84, 0x21, 'w', 'e', 'i', 'r'};
	uint32_t sum = 0xc000 + 0x0201 + 0xc000 + 0x0202 + 17 + 12;

	memcpy(udp, head, sizeof(head));
	struct link_frame *frame = link_frame_new(&offload, bytes, sizeof(bytes));
	link_frame_complete_checksum(frame);
	cr_assert_eq(frame->offload.flags, 0);
	// Verified as a receiver does: everything adds up to ffff.
	for (size_t i = 0; i < sizeof(head); i += 2)
		sum += (uint32_t)frame->bytes[34 + i] << 8 | frame->bytes[35 + i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	cr_assert_eq(sum, 0xffff);
	cr_assert_neq(memcmp(frame->bytes + 40, head + 6, 2), 0);
	free(frame);
}

Test(frame, leaves_super_frames_and_nonsense_alone)
{
	uint8_t bytes[100] = {0};
	struct virtio_net_hdr offload = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.csum_start = 34,
		.csum_offset = 16};

	struct link_frame *frame = link_frame_new(&offload, bytes, sizeof(bytes));
	link_frame_complete_checksum(frame);
	cr_assert_eq(frame->offload.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	frame->offload.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	frame->offload.csum_start = 90;
	link_frame_complete_checksum(frame);
	cr_assert_eq(frame->offload.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	free(frame);
}
