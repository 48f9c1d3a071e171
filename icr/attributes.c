/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/attributes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/text.h"

#define ACL	"system.posix_acl_access"
#define SELINUX "security.selinux"

/* The kernel's struct statx as far as we read it (include/uapi/linux/stat.h): musl has declared it
 * only since 1.2.5. */
struct kernel_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint8_t rest[240];
};

#define ATTR_IMMUTABLE	UINT64_C(0x10)
#define ATTR_APPEND	UINT64_C(0x20)
#define ATTR_MOUNT_ROOT UINT64_C(0x2000) /* since Linux 5.8 */

int icr_attributes_check(const char *path, struct icr_error *err)
{
	struct kernel_statx stx = {0};

	/* where the kernel does not know, rename will tell */
	if (syscall(SYS_statx, -100 /* AT_FDCWD */, path, 0x100 /* AT_SYMLINK_NOFOLLOW */, 0,
		    &stx) < 0)
		return 0;
	if (stx.attributes & ATTR_MOUNT_ROOT) {
		icr_fail_at(
			err, EBUSY, path,
			"is a mount point, as in a container, and cannot be replaced as a whole");
		return icr_error_hint(err, "change the file that is mounted there instead, where "
					   "the container is started");
	}
	if (stx.attributes & (ATTR_IMMUTABLE | ATTR_APPEND)) {
		_cleanup_buf_ struct icr_buf quoted = ICR_BUF(ICR_BUF_MAX);
		icr_text_shell(path, &quoted);
		icr_fail_at(err, EPERM, path, "is marked %s and cannot be replaced",
			    stx.attributes & ATTR_IMMUTABLE ? "immutable" : "append-only");
		return icr_error_hint(err, "see lsattr; to allow it: chattr -i -a %s", quoted.data);
	}
	return 0;
}

/*
 * Gives FD the owner and group of the file. *MODE is what it is to have: where the group cannot be
 * kept, because the owner is not in it, the new one may do no more than everybody.
 */
static int copy_owner(const char *from, const struct stat *st, int fd, bool has_acl, mode_t *mode,
		      struct icr_error *err)
{
	struct stat now;

	if (fstat(fd, &now) < 0)
		return icr_fail_errno(err, errno, from, "cannot look at the temporary file");
	if ((now.st_uid == st->st_uid && now.st_gid == st->st_gid) ||
	    fchown(fd, st->st_uid, st->st_gid) == 0)
		return 0;
	int code = errno;
	if (now.st_uid != st->st_uid) {
		icr_fail_errno(err, code, from, "cannot keep its owner (user id %u, group id %u)",
			       (unsigned)st->st_uid, (unsigned)st->st_gid);
		return icr_error_hint(err, "run this as the owner of the file or as root");
	}
	/* beside an ACL the group's bits mean something else, and a group that may do less than
	 * everybody must not become everybody */
	mode_t everybody = (*mode & S_IRWXO) << 3;
	if (code == EPERM && !has_acl && (everybody & ~*mode) == 0) {
		*mode &= ~(mode_t)(S_ISGID | S_IRWXG);
		*mode |= everybody;
		return 0;
	}
	icr_fail_errno(err, code, from, "cannot keep its group (group id %u)",
		       (unsigned)st->st_gid);
	return icr_error_hint(err, "run this as a member of that group or as root");
}

/* Reads one attribute; the length, or -errno. */
static ssize_t read_attribute(const char *path, const char *name, char **ret_value)
{
	for (;;) {
		ssize_t len = getxattr(path, name, NULL, 0);
		if (len < 0)
			return -errno;
		_cleanup_free_ char *value = icr_malloc((size_t)len + 1);
		len = getxattr(path, name, value, (size_t)len + 1);
		if (len >= 0) {
			*ret_value = icr_steal(&value);
			return len;
		}
		if (errno != ERANGE)
			return -errno;
	}
}

static bool has_already(int fd, const char *name, const char *value, size_t len)
{
	_cleanup_free_ char *now = icr_malloc(len + 1);

	return fgetxattr(fd, name, now, len + 1) == (ssize_t)len && memcmp(now, value, len) == 0;
}

static bool must_keep(const char *name)
{
	return strcmp(name, ACL) == 0 || strcmp(name, SELINUX) == 0 ||
	       strcmp(name, "system.nfs4_acl") == 0 || strncmp(name, "user.", 5) == 0;
}

static bool stays_behind(const char *name)
{
	return strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

static int copy_attribute(const char *from, const char *name, int fd, struct icr_error *err)
{
	_cleanup_free_ char *value = NULL;

	ssize_t len = read_attribute(from, name, &value);
	int code = 0;
	if (len < 0)
		code = (int)-len;
	else if (!has_already(fd, name, value, (size_t)len) &&
		 fsetxattr(fd, name, value, (size_t)len, 0) < 0)
		code = errno;
	/* ENODATA: gone since it was listed */
	if (code == 0 || code == ENODATA || code == ENOTSUP || !must_keep(name))
		return 0;
	return icr_fail_errno(err, code, from, "cannot keep its extended attribute %s", name);
}

/* The names, each with its NUL; 0 bytes where the file system has no attributes. */
static ssize_t list_attributes(const char *path, char **ret_names)
{
	for (;;) {
		ssize_t len = listxattr(path, NULL, 0);
		if (len < 0)
			return errno == ENOTSUP || errno == ENOSYS ? 0 : -errno;
		_cleanup_free_ char *names = icr_calloc(1, (size_t)len + 1);
		len = listxattr(path, names, (size_t)len + 1);
		if (len >= 0) {
			*ret_names = icr_steal(&names);
			return len;
		}
		if (errno != ERANGE)
			return -errno;
	}
}

static bool has_name(const char *names, ssize_t len, const char *name)
{
	for (const char *at = names; at < names + len; at += strlen(at) + 1)
		if (strcmp(at, name) == 0)
			return true;
	return false;
}

static int copy_attributes(const char *from, const char *names, ssize_t len, int fd,
			   struct icr_error *err)
{
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		int r = stays_behind(name) ? 0 : copy_attribute(from, name, fd, err);
		if (r < 0)
			return r;
	}
	/* one that the folder's default ACL gave the new file would open it further */
	if (!has_name(names, len, ACL) && fremovexattr(fd, ACL) < 0 && errno != ENODATA &&
	    errno != ENOTSUP)
		return icr_fail_errno(err, errno, from, "cannot keep it without an ACL");
	return 0;
}

int icr_attributes_copy(const char *from, const struct stat *st, int fd, struct icr_error *err)
{
	_cleanup_free_ char *names = NULL;
	mode_t mode = st->st_mode & 07777;

	ssize_t len = list_attributes(from, &names);
	if (len < 0)
		return icr_fail_errno(err, (int)-len, from, "cannot list its extended attributes");
	int r = copy_owner(from, st, fd, has_name(names, len, ACL), &mode, err);
	if (r == 0)
		r = copy_attributes(from, names, len, fd, err);
	/* last, because a change of owner takes bits away */
	if (r == 0 && fchmod(fd, mode) < 0)
		r = icr_fail_errno(err, errno, from, "cannot keep its mode %04o", (unsigned)mode);
	return r;
}

void icr_attributes_print(const char *path, struct icr_buf *out)
{
	_cleanup_free_ char *names = NULL;
	struct stat st;

	if (stat(path, &st) < 0)
		return;
	icr_buf_printf(out, "%u %u %o\n", (unsigned)st.st_uid, (unsigned)st.st_gid,
		       (unsigned)st.st_mode);
	ssize_t len = list_attributes(path, &names);
	for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
		_cleanup_free_ char *value = NULL;
		ssize_t size = stays_behind(name) ? 0 : read_attribute(path, name, &value);
		icr_buf_append(out, name, strlen(name) + 1);
		icr_buf_append(out, value, size > 0 ? (size_t)size : 0);
	}
}
