// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "control_socket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int link_control_open(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);

	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int link_control_receive(int fd, struct link_request *request)
{
	request->sender_size = sizeof(request->sender);
	ssize_t length = recvfrom(fd, request->text, sizeof(request->text) - 1, 0,
		(struct sockaddr *)&request->sender, &request->sender_size);

	if (length < 0)
		return 0;
	request->text[length] = '\0';
	request->text[strcspn(request->text, "\r\n")] = '\0';
	return 1;
}

void link_control_answer(int fd, const struct link_request *request, const char *answer)
{
	// A sender without an address of its own has only the family in it.
	if (request->sender_size <= offsetof(struct sockaddr_un, sun_path))
		return;
	(void)sendto(fd, answer, strlen(answer), MSG_DONTWAIT,
		(const struct sockaddr *)&request->sender, request->sender_size);
}
