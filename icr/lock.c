/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"

/*
 * flock() has no deadline, and the ways to give it one (a signal, a thread) are the whole process's
 * business. So it is asked again, after waits that grow from the time a short holder needs to one
 * that costs nothing.
 */
#define WAIT_FIRST_US 500
#define WAIT_MAX_US   20000

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void wait_us(int64_t us)
{
	(void)nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

static int open_lock(const char *path, struct icr_error *err)
{
	const int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;

	/* for writing, because flock() over NFS asks for it */
	int fd = open(path, O_RDWR | flags);
	if (fd < 0 && errno == ENOENT) {
		fd = open(path, O_RDWR | O_CREAT | flags, 0600);
		/* the umask may have taken our own bits away, and the next one needs them */
		if (fd >= 0)
			(void)fchmod(fd, 0600);
	}
	if (fd < 0 && errno == EISDIR)
		fd = open(path, O_RDONLY | O_DIRECTORY | flags);
	if (fd < 0)
		return icr_fail_errno(err, errno, path, "cannot open the lock");
	if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		(void)close(fd);
		return icr_fail_at(err, ICR_E_REFUSED, path,
				   "cannot be a lock: it is neither a file nor a folder");
	}
	return fd;
}

/* The holder before us may have replaced or removed the file: then nobody else knows our lock. */
static bool is_current(int fd, const char *path)
{
	struct stat ours, current;

	return fstat(fd, &ours) == 0 && stat(path, &current) == 0 &&
	       ours.st_dev == current.st_dev && ours.st_ino == current.st_ino;
}

int icr_lock(const char *path, int timeout_ms, struct icr_error *err)
{
	int64_t deadline = now_us() + (int64_t)timeout_ms * 1000;
	int64_t wait = WAIT_FIRST_US;

	for (;;) {
		_cleanup_fd_ int fd = open_lock(path, err);
		if (fd < 0)
			return fd;
		while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EWOULDBLOCK)
				return icr_fail_errno(err, errno, path, "cannot lock");
			int64_t left = deadline - now_us();
			if (left <= 0)
				return icr_fail_at(
					err, ETIMEDOUT, path,
					"is locked by another process for more than %d ms",
					timeout_ms);
			wait_us(wait < left ? wait : left);
			wait = wait * 2 < WAIT_MAX_US ? wait * 2 : WAIT_MAX_US;
		}
		if (is_current(fd, path)) {
			int locked = fd;
			fd = -1;
			return locked;
		}
		if (now_us() >= deadline)
			return icr_fail_at(err, ETIMEDOUT, path,
					   "is replaced again and again by other processes");
	}
}
