/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/path.h"

#define CHUNK ((size_t)4096)

/* Why open() of an existing file failed; ENOENT is the caller's. */
static int fail_open(const char *path, int code, struct icr_error *err)
{
	if (code == ENXIO)
		return icr_fail_at(err, ICR_E_REFUSED, path, "is not a regular file");
	return icr_fail_errno(err, code, path, "cannot open the file");
}

/* Opens a regular file. Returns the descriptor, or -ENOENT without a message. */
static int open_regular(const char *path, int flags, struct stat *ret_st, struct icr_error *err)
{
	/* O_NONBLOCK: a FIFO must not keep us waiting for its writer */
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : fail_open(path, errno, err);
	if (fstat(fd, ret_st) < 0)
		return icr_fail_errno(err, errno, path, "cannot look at the file");
	if (S_ISDIR(ret_st->st_mode))
		return icr_fail_at(err, ICR_E_REFUSED, path, "is a folder, not a regular file");
	if (!S_ISREG(ret_st->st_mode))
		return icr_fail_at(err, ICR_E_REFUSED, path, "is not a regular file");
	int open_fd = fd;
	fd = -1;
	return open_fd;
}

static int fail_large(const char *path, const struct icr_buf *buf, struct icr_error *err)
{
	return icr_fail_at(err, EFBIG, path, "is larger than the allowed %zu bytes", buf->max);
}

static ssize_t read_some(int fd, char *bytes, size_t len)
{
	ssize_t n;

	do
		n = read(fd, bytes, len);
	while (n < 0 && errno == EINTR);
	return n;
}

/* LEN is what fstat() said: only a hint, files of /proc say 0. */
static int read_all(int fd, const char *path, size_t len, struct icr_buf *ret,
		    struct icr_error *err)
{
	for (;;) {
		size_t left = ret->max - ret->len;
		size_t want = len >= CHUNK ? len + 1 : CHUNK;
		char beyond = 0;
		/* one byte more than fits tells a full buffer from a file that is too large */
		size_t ask = left == 0 ? 1 : want < left ? want : left;
		char *room = left > 0 ? icr_buf_room(ret, ask) : &beyond;
		if (!room)
			return icr_fail_memory(err);
		ssize_t n = read_some(fd, room, ask);
		if (n < 0)
			return icr_fail_errno(err, errno, path, "cannot read the file");
		if (n == 0)
			return 1;
		if (left == 0)
			return fail_large(path, ret, err);
		icr_buf_added(ret, (size_t)n);
		len = len > (size_t)n ? len - (size_t)n : 0;
	}
}

static int read_open(int fd, const char *path, const struct stat *st, struct icr_buf *ret,
		     struct icr_error *err)
{
	size_t before = ret->len;

	if (ret->failed)
		return icr_buf_check(ret, path, err);
	if (st->st_size > 0 && (size_t)st->st_size > ret->max - ret->len)
		return fail_large(path, ret, err);
	int r = read_all(fd, path, (size_t)st->st_size, ret, err);
	if (r < 0)
		icr_buf_truncate(ret, before);
	return r;
}

int icr_file_read(const char *path, struct icr_buf *ret, struct icr_error *err)
{
	struct stat st;

	_cleanup_fd_ int fd = open_regular(path, 0, &st, err);
	if (fd == -ENOENT) {
		if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
			return icr_path_dangling(path, err);
		return 0;
	}
	return fd < 0 ? fd : read_open(fd, path, &st, ret, err);
}

/* PATH as a shell takes it, for commands that a user may copy. */
static void quote_path(const char *path, struct icr_buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-+:@%,";

	if (path[0] != '-' && path[strspn(path, plain)] == '\0') {
		icr_buf_text(out, path);
		return;
	}
	icr_buf_char(out, '\'');
	for (; *path; path++)
		icr_buf_printf(out, *path == '\'' ? "'\\%c'" : "%c", *path);
	icr_buf_char(out, '\'');
}

static int check_policy(const char *path, const struct icr_file_policy *policy,
			const struct stat *st, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf quoted = {0};
	mode_t mode = st->st_mode & 07777;

	if (st->st_uid == policy->owner && (mode & policy->forbidden) == 0)
		return 0;
	icr_buf_init(&quoted, CHUNK * 4);
	quote_path(path, &quoted);
	if (st->st_uid != policy->owner) {
		icr_fail_at(err, ICR_E_REFUSED, path,
			    "belongs to user id %u; it is used only when it belongs to user id %u",
			    (unsigned)st->st_uid, (unsigned)policy->owner);
		(void)icr_error_hint(err, "if you trust what it says: chown %u %s",
				     (unsigned)policy->owner, quoted.data);
		return -ICR_E_REFUSED;
	}
	icr_fail_at(err, ICR_E_REFUSED, path, "is open to others (mode %04o)", (unsigned)mode);
	(void)icr_error_hint(err, "close it: chmod %04o %s", (unsigned)(mode & ~policy->forbidden),
			     quoted.data);
	return -ICR_E_REFUSED;
}

int icr_file_read_private(const char *path, const struct icr_file_policy *policy,
			  struct icr_buf *ret, struct icr_error *err)
{
	struct stat st;

	/* O_NOFOLLOW says ELOOP for a link at the end of the path, but also for a loop before it */
	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
		icr_fail_at(err, ICR_E_REFUSED, path,
			    "is a symbolic link, which is not allowed for a private file");
		(void)icr_error_hint(err, "put the file itself in its place");
		return -ICR_E_REFUSED;
	}
	_cleanup_fd_ int fd = open_regular(path, O_NOFOLLOW, &st, err);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	int r = check_policy(path, policy, &st, err);
	return r < 0 ? r : read_open(fd, path, &st, ret, err);
}
