// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026, The Weir authors

#include "state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"

#define LEDGER_BYTE 0 // of the lock file; events lock a byte chosen by their digest, above it

int weir_state_dir_open(struct weir_state_dir *dir, const char *path, char *message)
{
	struct stat status;
	dir->fd = dir->lock_fd = -1;
	snprintf(dir->path, sizeof(dir->path), "%s", path);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return weir_text_fail(message, -errno, "%s: cannot make the state folder: %s", path,
			strerror(errno));
	dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0 || fstat(dir->fd, &status) != 0) {
		int error = errno;
		weir_state_dir_close(dir);
		return weir_text_fail(message, -error, "%s: cannot open the state folder: %s", path,
			strerror(error));
	}
	if ((status.st_mode & 077) != 0) {
		weir_state_dir_close(dir);
		return weir_text_fail(message, -EACCES,
			"%s: others can enter the state folder, which holds secrets: chmod 700 it",
			path);
	}
	dir->lock_fd = openat(dir->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (dir->lock_fd < 0) {
		int error = errno;
		weir_state_dir_close(dir);
		return weir_text_fail(
			message, -error, "%s/lock: cannot open: %s", path, strerror(error));
	}
	return 0;
}

void weir_state_dir_close(struct weir_state_dir *dir)
{
	if (dir->lock_fd >= 0)
		close(dir->lock_fd);
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = dir->lock_fd = -1;
}

static int lock_byte(const struct weir_state_dir *dir, int command, short type, off_t byte)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	int result;
	do
		result = fcntl(dir->lock_fd, command, &lock);
	while (result != 0 && errno == EINTR);
	return result == 0 ? 0 : errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

int weir_state_dir_lock_event(struct weir_state_dir *dir, const struct weir_digest *event)
{
	uint32_t start;
	memcpy(&start, event->bytes, sizeof(start));
	return lock_byte(dir, F_OFD_SETLK, F_WRLCK, (off_t)start + LEDGER_BYTE + 1);
}

int weir_state_dir_lock_ledger(struct weir_state_dir *dir)
{
	return lock_byte(dir, F_OFD_SETLKW, F_WRLCK, LEDGER_BYTE);
}

void weir_state_dir_unlock_ledger(struct weir_state_dir *dir)
{
	lock_byte(dir, F_OFD_SETLK, F_UNLCK, LEDGER_BYTE);
}

int weir_write_all(int fd, const void *bytes, size_t length)
{
	const char *from = bytes;
	while (length > 0) {
		ssize_t written = write(fd, from, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		from += written;
		length -= (size_t)written;
	}
	return 0;
}

static int read_all(int fd, char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t got = read(fd, bytes, length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		bytes += got;
		length -= (size_t)got;
	}
	return 0;
}

char *weir_state_dir_read(
	const struct weir_state_dir *dir, const char *name, size_t limit, size_t *length)
{
	struct stat status;
	char *bytes = NULL;
	int error = 0;
	int fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) != 0)
		error = errno;
	else if (!S_ISREG(status.st_mode))
		error = EINVAL;
	else if ((status.st_mode & 077) != 0)
		error = EACCES;
	else if ((uint64_t)status.st_size > limit)
		error = EFBIG;
	else if ((bytes = malloc((size_t)status.st_size + 1)) == NULL)
		error = ENOMEM;
	else if ((error = -read_all(fd, bytes, (size_t)status.st_size)) == 0) {
		*length = (size_t)status.st_size;
		bytes[*length] = '\0';
	}
	close(fd);
	if (error != 0) {
		free(bytes);
		bytes = NULL;
		errno = error;
	}
	return bytes;
}

int weir_state_dir_publish(
	const struct weir_state_dir *dir, const char *temporary, const char *name)
{
	if (renameat(dir->fd, temporary, dir->fd, name) != 0 || fsync(dir->fd) != 0)
		return -errno;
	return 0;
}

int weir_state_dir_write(
	const struct weir_state_dir *dir, const char *name, const void *bytes, size_t length)
{
	char temporary[256];
	snprintf(temporary, sizeof(temporary), "%s.tmp", name);
	unlinkat(dir->fd, temporary, 0); // of a process that died; we hold the lock
	int fd = openat(
		dir->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int error = weir_write_all(fd, bytes, length);
	if (error == 0 && fsync(fd) != 0)
		error = -errno;
	close(fd);
	if (error == 0)
		error = weir_state_dir_publish(dir, temporary, name);
	if (error != 0)
		unlinkat(dir->fd, temporary, 0);
	return error;
}

const char *weir_room_advice(int error)
{
	return error == -ENOSPC || error == -EDQUOT ? "; make room there and run it again" : "";
}
