// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

// Requests that wait for something to happen (long-polls). Whoever makes it happen wakes the list; the
// requests are handled again after the turn's commit.
#pragma once

struct request;

struct wait_list {
	struct request *first;
};

void wait_list_add(struct wait_list *list, struct request *request);
void wait_list_wake(struct wait_list *list);
