/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "icr/attributes.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/memory.h"
#include "icr/text.h"

#define CHUNK ((size_t)4096)
#define PIECE ((size_t)64 * 1024) /* of a file that is compared */

/* Source: statfs(2) */
#define NFS_MAGIC  0x6969
#define CIFS_MAGIC 0xff534d42
#define SMB2_MAGIC 0xfe534d42

/* of names of temporary files */
#define INFIX	   ".icr-"
#define MARK_MAX   8
#define RANDOM_LEN 6
/* names are random: a second collision is somebody's doing */
#define NAMES_MAX 8

/*
 * flock() has no deadline, and the ways to give it one (a signal, a thread) are the whole process's
 * business. So it is asked again, after waits that grow from the time a short holder needs to one
 * that costs nothing.
 */
#define WAIT_FIRST_US 500
#define WAIT_MAX_US   20000

char *icr_path_join(const char *directory, const char *name)
{
	size_t len = strlen(directory);

	if (len == 0)
		return icr_strdup(name);
	while (len > 0 && directory[len - 1] == '/')
		len--;
	while (*name == '/')
		name++;
	if (!*name && len > 0)
		return icr_strndup(directory, len);
	size_t rest = strlen(name);
	char *path = icr_malloc(len + 1 + rest + 1);
	memcpy(path, directory, len);
	path[len] = '/';
	memcpy(path + len + 1, name, rest + 1);
	return path;
}

char *icr_path_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return icr_strdup(".");
	return icr_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

const char *icr_path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int icr_path_link_target(const char *path, char **ret_target, struct icr_error *err)
{
	/* Linux keeps no longer ones */
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target));

	if (len < 0)
		return icr_fail_errno(err, errno, path, "cannot read the symbolic link");
	*ret_target = icr_memdup(target, (size_t)len);
	return 0;
}

/* Fails with -ENOENT that names the symbolic link PATH and its missing target. */
static int fail_dangling(const char *path, struct icr_error *err)
{
	_cleanup_free_ char *target = NULL;

	int r = icr_path_link_target(path, &target, err);
	if (r < 0)
		return r;
	icr_fail_at(err, ENOENT, path, "is a symbolic link to %s, which does not exist", target);
	(void)icr_error_hint(err, "create the target, or remove the link");
	return -ENOENT;
}

int icr_path_resolve_folder(const char *path, char **ret_path, struct icr_error *err)
{
	const char *base = icr_path_base(path);

	if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return icr_fail_at(err, EISDIR, path, "is a folder, not a file");
	_cleanup_free_ char *folder = icr_path_folder(path);
	_cleanup_free_ char *real = realpath(folder, NULL);
	if (!real)
		return icr_fail_errno(err, errno, folder, "cannot use this folder");
	*ret_path = icr_path_join(real, base);
	return 0;
}

int icr_file_resolve(const char *path, char **ret_path, struct icr_error *err)
{
	struct stat st;
	char *real = realpath(path, NULL);

	if (real) {
		*ret_path = real;
		return 0;
	}
	if (errno == ELOOP)
		return icr_fail_errno(err, errno, path, "cannot follow the symbolic link");
	if (errno != ENOENT)
		return icr_fail_errno(err, errno, path, "cannot find this file");
	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		return fail_dangling(path, err);
	return icr_path_resolve_folder(path, ret_path, err);
}

/* Why open() of an existing file failed; ENOENT is the caller's. */
static int fail_open(const char *path, int code, struct icr_error *err)
{
	struct stat st;

	if (code == ENXIO)
		return icr_fail_at(err, ICR_E_REFUSED, path, "is not a regular file");
	(void)icr_fail_errno(err, code, path, "cannot open the file");
	if (code == EACCES && stat(path, &st) == 0 && st.st_uid == geteuid()) {
		_cleanup_buf_ struct icr_buf quoted = ICR_BUF(ICR_BUF_MAX);
		icr_text_shell(path, &quoted);
		(void)icr_error_hint(err, "it is yours: chmod u+rw %s", quoted.data);
	}
	return -code;
}

static int fail_kind(const char *path, const struct stat *st, struct icr_error *err)
{
	return icr_fail_at(err, ICR_E_REFUSED, path,
			   S_ISDIR(st->st_mode) ? "is a folder, not a regular file"
						: "is not a regular file");
}

/* Opens the regular file NAME in FOLDER; PATH is for messages. Returns the descriptor, or -ENOENT
 * without a message. */
static int open_regular(int folder, const char *name, const char *path, int flags,
			struct stat *ret_st, struct icr_error *err)
{
	/* To open a device may do something, such as start a watchdog, and root may read what a
	 * user or an image has put there. What comes in between is caught behind it. */
	if (!(flags & O_NOFOLLOW) && fstatat(folder, name, ret_st, 0) == 0 &&
	    !S_ISREG(ret_st->st_mode))
		return fail_kind(path, ret_st, err);
	/* O_NONBLOCK: a FIFO must not keep us waiting for its writer */
	_cleanup_fd_ int fd =
		openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : fail_open(path, errno, err);
	if (fstat(fd, ret_st) < 0)
		return icr_fail_errno(err, errno, path, "cannot look at the file");
	return S_ISREG(ret_st->st_mode) ? icr_steal_fd(&fd) : fail_kind(path, ret_st, err);
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
	bool known = len > 0;

	for (;;) {
		size_t left = ret->max - ret->len;
		/* the byte behind the last shows that it is the last, without a larger buffer */
		size_t want = known ? len + 1 : CHUNK;
		char beyond = 0;
		/* one byte more than fits tells a full buffer from a file that is too large */
		size_t ask = left == 0 ? 1 : want < left ? want : left;
		char *room = left > 0 ? icr_buf_room(ret, ask) : &beyond;
		ssize_t n = read_some(fd, room, ask);
		if (n < 0)
			return icr_fail_errno(err, errno, path, "cannot read the file");
		if (n == 0)
			return 1;
		if (left == 0)
			return fail_large(path, ret, err);
		icr_buf_added(ret, (size_t)n);
		if (known && (size_t)n == len)
			return 1;
		known = known && (size_t)n <= len;
		len = known ? len - (size_t)n : 0;
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

int icr_file_read_seen(const char *path, struct icr_buf *ret, struct stat *ret_st,
		       struct icr_error *err)
{
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path, path, 0, ret_st, err);
	if (fd == -ENOENT) {
		if (lstat(path, ret_st) == 0 && S_ISLNK(ret_st->st_mode))
			return fail_dangling(path, err);
		return 0;
	}
	return fd < 0 ? fd : read_open(fd, path, ret_st, ret, err);
}

int icr_file_read(const char *path, struct icr_buf *ret, struct icr_error *err)
{
	struct stat st;

	return icr_file_read_seen(path, ret, &st, err);
}

/* Its length was found to be LEN; it may have changed since. */
static int compare_open(int fd, const char *path, const char *data, size_t len,
			struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf piece = ICR_BUF(PIECE);
	char *bytes = icr_buf_room(&piece, PIECE);

	for (;;) {
		ssize_t n = read_some(fd, bytes, PIECE);
		if (n < 0)
			return icr_fail_errno(err, errno, path, "cannot read the file");
		if (n == 0)
			return len == 0;
		if ((size_t)n > len || memcmp(bytes, data, (size_t)n) != 0)
			return 0;
		data += n;
		len -= (size_t)n;
	}
}

/* Of these one that nobody writes to may have no lease either: it is the server's to give. */
static bool is_remote(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == NFS_MAGIC || (uint32_t)fs.f_type == CIFS_MAGIC ||
		(uint32_t)fs.f_type == SMB2_MAGIC);
}

/* The kernel gives a lease for reading only where nobody has the file open for writing. Who opens
 * it in the moment that we hold one waits until we let go, and we are told by a signal. */
static bool is_written(int fd)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction before;

	if (sigaction(SIGIO, &ignore, &before) < 0)
		return false;
	bool refused = fcntl(fd, F_SETLEASE, F_RDLCK) < 0;
	bool written = refused && errno == EAGAIN && !is_remote(fd);
	if (!refused)
		(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	(void)sigaction(SIGIO, &before, NULL);
	return written;
}

int icr_file_equals_seen(const char *path, const void *data, size_t len, bool *ret_written,
			 struct icr_error *err)
{
	struct stat st;

	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path, path, 0, &st, err);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (ret_written)
		*ret_written = is_written(fd);
	/* files of /proc say 0 */
	if (st.st_size > 0 && (size_t)st.st_size != len)
		return 0;
	return compare_open(fd, path, data, len, err);
}

int icr_file_equals(const char *path, const void *data, size_t len, struct icr_error *err)
{
	return icr_file_equals_seen(path, data, len, NULL, err);
}

bool icr_file_try(const char *path, struct icr_buf *ret)
{
	struct stat st;

	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path, path, 0, &st, NULL);
	return fd >= 0 && read_open(fd, path, &st, ret, NULL) > 0;
}

static int check_policy(const char *path, const struct icr_file_policy *policy,
			const struct stat *st, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf quoted = ICR_BUF(ICR_BUF_MAX);
	mode_t mode = st->st_mode & 07777;

	if (st->st_uid == policy->owner && (mode & policy->forbidden) == 0)
		return 0;
	icr_text_shell(path, &quoted);
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

static int read_private(int folder, const char *name, const char *path,
			const struct icr_file_policy *policy, struct icr_buf *ret,
			struct icr_error *err)
{
	struct stat st;

	_cleanup_fd_ int fd = open_regular(folder, name, path, O_NOFOLLOW, &st, err);
	if (fd == -ENOENT)
		return 0;
	/* O_NOFOLLOW says ELOOP for a link at the end of the path, but also for a loop before it */
	if (fd == -ELOOP && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode)) {
		icr_fail_at(err, ICR_E_REFUSED, path,
			    "is a symbolic link, which is not allowed for a private file");
		(void)icr_error_hint(err, "put the file itself in its place");
		return -ICR_E_REFUSED;
	}
	if (fd < 0)
		return fd;
	int r = check_policy(path, policy, &st, err);
	return r < 0 ? r : read_open(fd, path, &st, ret, err);
}

int icr_file_read_private(const char *path, const struct icr_file_policy *policy,
			  struct icr_buf *ret, struct icr_error *err)
{
	return read_private(AT_FDCWD, path, path, policy, ret, err);
}

int icr_file_read_private_at(int folder, const char *path, const struct icr_file_policy *policy,
			     struct icr_buf *ret, struct icr_error *err)
{
	return read_private(folder, icr_path_base(path), path, policy, ret, err);
}

int icr_file_sync_folder(const char *path, struct icr_error *err)
{
	_cleanup_free_ char *folder = icr_path_folder(path);
	_cleanup_fd_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return icr_fail_errno(err, errno, folder, "cannot open the folder");
	/* EINVAL: a file system that has no such thing */
	if (fsync(fd) < 0 && errno != EINVAL)
		return icr_fail_errno(err, errno, folder,
				      "cannot bring the change of the folder to the disk");
	return 0;
}

/* What root makes below somebody's home is not root's, or its owner could not use it. */
static int give_to_owner(int fd, int parent, const char *path, struct icr_error *err)
{
	struct stat st;

	if (geteuid() == 0 && fstat(parent, &st) == 0 && st.st_uid != 0 &&
	    fchown(fd, st.st_uid, st.st_gid) < 0)
		return icr_fail_errno(err, errno, path, "cannot give the new folder to user id %u",
				      (unsigned)st.st_uid);
	return 0;
}

/* Below one open folder: whoever may change the links on the way to it would else have the mode and
 * the owner of another folder changed. */
static int make_one(const char *path, mode_t mode, struct icr_error *err)
{
	_cleanup_free_ char *folder = icr_path_folder(path);
	const char *name = icr_path_base(path);
	struct stat st;

	/* The mode at once: a umask that takes our own bits away would keep us from opening the
	 * folder, and a run that is killed before fchmod() would leave one that others cannot
	 * enter. */
	_cleanup_fd_ int parent = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	mode_t before = umask(~mode & 0777);
	int made = parent < 0 ? -1 : mkdirat(parent, name, mode);
	int code = errno;
	(void)umask(before);
	if (made < 0) {
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return 0;
		return icr_fail_errno(err, code, path,
				      code == EEXIST ? "is not a folder"
						     : "cannot make the folder");
	}
	/* the umask, or an access list of the parent, may have taken bits away */
	_cleanup_fd_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 ||
	    ((st.st_mode & 0777) != (mode & 0777) && fchmod(fd, mode) < 0))
		return icr_fail_errno(err, errno, path, "cannot set the mode of the new folder");
	int r = give_to_owner(fd, parent, path, err);
	return r < 0 ? r : icr_file_sync_folder(path, err);
}

int icr_folder_make(const char *path, mode_t mode, struct icr_error *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	_cleanup_free_ char *part = icr_strdup(path);
	for (char *p = part + strspn(part, "/"); *p; p += strspn(p, "/")) {
		p += strcspn(p, "/");
		char rest = *p;
		*p = '\0';
		int r = make_one(part, mode, err);
		if (r < 0)
			return r;
		*p = rest;
	}
	return 0;
}

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";

/* How much of TARGET's name fits, whatever its length. */
static int name_width(const char *base)
{
	size_t len = strlen(base);
	size_t max = NAME_MAX - 1 - (sizeof(INFIX) - 1) - MARK_MAX - RANDOM_LEN;

	return (int)(len < max ? len : max);
}

int icr_temporary_name(const char *target, const char *mark, char **ret_name, struct icr_error *err)
{
	const char *base = icr_path_base(target);
	unsigned char bytes[RANDOM_LEN];
	char letters[RANDOM_LEN + 1] = "";

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return icr_fail_errno(err, errno, target, "cannot choose a temporary name");
	for (int i = 0; i < RANDOM_LEN; i++)
		letters[i] = alphabet[bytes[i] % (sizeof(alphabet) - 1)];
	*ret_name = icr_printf("%.*s.%.*s" INFIX "%s%s", (int)(base - target), target,
			       name_width(base), base, mark, letters);
	return 0;
}

/* Creates TEMPORARY in FOLDER, 0600 and locked, and returns its descriptor. -EEXIST when the name
 * is taken. TARGET is for messages. */
static int open_temporary(int folder, const char *target, const char *temporary,
			  struct icr_error *err)
{
	struct stat st;

	_cleanup_fd_ int fd = openat(folder, temporary,
				     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return icr_fail_errno(err, errno, target,
				      "cannot create a temporary file beside it");
	/* between open and flock a sweeper may have taken it for a dead one; a file system without
	 * flock has no sweepers */
	bool lost = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	if (lost || (fstat(fd, &st) == 0 && st.st_nlink == 0))
		return icr_fail_errno(err, EEXIST, target,
				      "cannot create a temporary file beside it");
	return icr_steal_fd(&fd);
}

static bool is_ours(const char *name, const char *base)
{
	size_t width = (size_t)name_width(base);
	const char *infix = name + 1 + width;

	return name[0] == '.' && strncmp(name + 1, base, width) == 0 &&
	       strncmp(infix, INFIX, sizeof(INFIX) - 1) == 0 &&
	       strlen(infix) == sizeof(INFIX) - 1 + RANDOM_LEN &&
	       strspn(infix + sizeof(INFIX) - 1, alphabet) == RANDOM_LEN;
}

static void sweep_one(int folder, const char *name)
{
	struct stat st;

	_cleanup_fd_ int fd =
		openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(folder, name, 0);
}

static void sweep(DIR *dir, const char *base)
{
	while (dir) {
		const struct dirent *entry = readdir(dir);
		if (!entry)
			return;
		if (is_ours(entry->d_name, base))
			sweep_one(dirfd(dir), entry->d_name);
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void icr_folder_list(const char *folder, const char *suffix, struct icr_strings *paths)
{
	_cleanup_dir_ DIR *dir = opendir(folder);
	size_t first = paths->count, end = strlen(suffix);

	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		size_t len = strlen(entry->d_name);
		if (len > end && strcmp(entry->d_name + len - end, suffix) == 0)
			icr_strings_add_format(paths, "%s/%s", folder, entry->d_name);
	}
	if (paths->count > first)
		qsort(paths->items + first, paths->count - first, sizeof(char *), compare_names);
}

void icr_temporary_sweep(const char *target)
{
	_cleanup_free_ char *folder = icr_path_folder(target);
	_cleanup_dir_ DIR *dir = opendir(folder);

	sweep(dir, icr_path_base(target));
}

static void sweep_at(int folder, const char *base)
{
	_cleanup_fd_ int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		(void)icr_steal_fd(&fd);
	sweep(dir, base);
}

/* Adds what to do about the failure R, unless a hint stands there: icr_attributes_check() knows the
 * same codes better. */
static int hint_for(struct icr_error *err, int r)
{
	if (err && err->hint)
		return r;
	if (r == -ENOSPC || r == -EDQUOT)
		(void)icr_error_hint(err, "make room on that file system");
	else if (r == -EROFS)
		(void)icr_error_hint(err, "the file system is mounted read-only");
	else if (r == -EACCES)
		(void)icr_error_hint(err, "run this as root or as the owner of that folder");
	else if (r == -EBUSY)
		(void)icr_error_hint(err, "it seems to be a mount point, as in a container: "
					  "change the file that is mounted there instead");
	return r;
}

static int write_all(int fd, const char *target, const char *bytes, size_t len,
		     struct icr_error *err)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return icr_fail_errno(err, errno, target, "cannot write the new content");
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int set_attributes(const char *target, int fd, mode_t new_mode, struct icr_error *err)
{
	struct stat st;

	if (stat(target, &st) < 0) {
		if (errno != ENOENT)
			return icr_fail_errno(err, errno, target, "cannot look at the file");
		if (fchmod(fd, new_mode) < 0)
			return icr_fail_errno(err, errno, target, "cannot set the mode %04o",
					      (unsigned)new_mode);
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return icr_fail_at(err, ICR_E_REFUSED, target, "is not a regular file");
	int r = icr_attributes_check(target, err);
	return r < 0 ? r : icr_attributes_copy(target, &st, fd, err);
}

static int fill(int fd, const char *target, const void *data, size_t len, mode_t new_mode,
		struct icr_error *err)
{
	int r = write_all(fd, target, data, len, err);
	if (r < 0)
		return r;
	/* behind the content: writing takes set-id bits away, and nobody may look before */
	r = set_attributes(target, fd, new_mode, err);
	if (r < 0)
		return r;
	/* EINVAL: a file system that has no such thing */
	if (fsync(fd) < 0 && errno != EINVAL)
		return icr_fail_errno(err, errno, target,
				      "cannot bring the new content to the disk");
	return 0;
}

/* Returns the descriptor of the staged file, which holds its lock. */
static int stage(const char *target, const char *temporary, const void *data, size_t len,
		 mode_t new_mode, struct icr_error *err)
{
	_cleanup_fd_ int fd = open_temporary(AT_FDCWD, target, temporary, err);
	if (fd < 0)
		return hint_for(err, fd);
	int r = fill(fd, target, data, len, new_mode, err);
	if (r < 0) {
		(void)unlink(temporary);
		return hint_for(err, r);
	}
	return icr_steal_fd(&fd);
}

int icr_file_stage(const char *target, const char *temporary, const void *data, size_t len,
		   mode_t new_mode, struct icr_error *err)
{
	_cleanup_fd_ int fd = stage(target, temporary, data, len, new_mode, err);

	return fd < 0 ? fd : 0;
}

static int stage_somewhere(const char *target, const void *data, size_t len, mode_t new_mode,
			   char **ret_temporary, struct icr_error *err)
{
	int r = -EEXIST;

	for (int i = 0; i < NAMES_MAX && r == -EEXIST; i++) {
		_cleanup_free_ char *temporary = NULL;
		r = icr_temporary_name(target, "", &temporary, err);
		if (r < 0)
			return r;
		r = stage(target, temporary, data, len, new_mode, err);
		if (r >= 0)
			*ret_temporary = icr_steal(&temporary);
	}
	return r;
}

int icr_file_replace(const char *path, const void *data, size_t len, mode_t new_mode,
		     struct icr_error *err)
{
	_cleanup_free_ char *target = NULL, *temporary = NULL;

	int r = icr_file_resolve(path, &target, err);
	if (r < 0)
		return r;
	icr_temporary_sweep(target);
	/* the descriptor keeps the lock until the temporary name is gone */
	_cleanup_fd_ int fd = stage_somewhere(target, data, len, new_mode, &temporary, err);
	if (fd < 0)
		return fd;
	if (rename(temporary, target) < 0) {
		int code = errno;
		(void)unlink(temporary);
		r = icr_fail_errno(err, code, target, "cannot put the new file in its place");
		return hint_for(err, r);
	}
	r = icr_file_sync_folder(target, err);
	if (r < 0)
		(void)icr_error_wrap(err, "the file was replaced, but a power cut may undo that");
	return r;
}

/* All of it 0600 and the folder's owner's before anybody may look. */
static int fill_private(int fd, int folder, const char *path, const void *data, size_t len,
			struct icr_error *err)
{
	struct stat st;

	if (fchmod(fd, 0600) < 0)
		return icr_fail_errno(err, errno, path, "cannot set the mode 0600");
	if (geteuid() == 0 && fstat(folder, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
		return icr_fail_errno(err, errno, path, "cannot give the file to user id %u",
				      (unsigned)st.st_uid);
	int r = write_all(fd, path, data, len, err);
	if (r < 0)
		return r;
	if (fsync(fd) < 0 && errno != EINVAL)
		return icr_fail_errno(err, errno, path, "cannot bring the new content to the disk");
	return 0;
}

int icr_file_replace_private(int folder, const char *path, const void *data, size_t len,
			     struct icr_error *err)
{
	const char *base = icr_path_base(path);
	_cleanup_free_ char *temporary = NULL;
	_cleanup_fd_ int fd = -EEXIST;

	sweep_at(folder, base);
	for (int i = 0; i < NAMES_MAX && fd == -EEXIST; i++) {
		free(icr_steal(&temporary));
		int r = icr_temporary_name(base, "", &temporary, err);
		if (r < 0)
			return r;
		fd = open_temporary(folder, path, temporary, err);
	}
	if (fd < 0)
		return hint_for(err, fd);
	int r = fill_private(fd, folder, path, data, len, err);
	if (r >= 0 && renameat(folder, temporary, folder, base) < 0)
		r = icr_fail_errno(err, errno, path, "cannot put the new file in its place");
	if (r < 0) {
		(void)unlinkat(folder, temporary, 0);
		return hint_for(err, r);
	}
	if (fsync(folder) < 0 && errno != EINVAL) {
		(void)icr_fail_errno(err, errno, path, "cannot bring the folder to the disk");
		return icr_error_wrap(err, "the file was replaced, but a power cut may undo that");
	}
	return 0;
}

static void wait_us(int64_t us)
{
	(void)nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

static int open_lock(int folder, const char *name, const char *path, int flags,
		     struct icr_error *err)
{
	struct stat st;

	flags |= O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	/* for writing, because flock() over NFS asks for it */
	int fd = openat(folder, name, O_RDWR | flags);
	if (fd < 0 && errno == ENOENT) {
		/* what somebody puts there just now, such as another name of a file that is not
		 * his, must not become his */
		fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | flags, 0600);
		/* the umask may have taken our own bits away, and the next one needs them */
		if (fd >= 0)
			(void)fchmod(fd, 0600);
		/* root's lock in somebody's folder is one that its owner must be able to take too
		 */
		if (fd >= 0 && folder != AT_FDCWD && geteuid() == 0 && fstat(folder, &st) == 0 &&
		    fchown(fd, st.st_uid, st.st_gid) < 0) {
			int code = errno;
			(void)close(fd);
			return icr_fail_errno(err, code, path, "cannot give the lock away");
		}
	}
	if (fd < 0 && errno == EEXIST)
		fd = openat(folder, name, O_RDWR | flags);
	if (fd < 0 && errno == EISDIR)
		fd = openat(folder, name, O_RDONLY | O_DIRECTORY | flags);
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
static bool is_current(int fd, int folder, const char *name)
{
	struct stat ours, current;

	return fstat(fd, &ours) == 0 && fstatat(folder, name, &current, 0) == 0 &&
	       ours.st_dev == current.st_dev && ours.st_ino == current.st_ino;
}

/* 0, or the error, EWOULDBLOCK when another process holds it. Some file systems of networks have
 * locks of the other kind only, and for all processes alike. */
static int try_lock(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	int code = errno;
	if (code != ENOLCK && code != ENOSYS && code != EOPNOTSUPP && code != EINVAL)
		return code;
	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? EWOULDBLOCK : code;
}

static int fail_lock(const char *path, int code, struct icr_error *err)
{
	(void)icr_fail_errno(err, code, path, "cannot lock");
	if (code == ENOLCK || code == ENOSYS || code == EOPNOTSUPP)
		(void)icr_error_hint(err, "this file system has no locks: mount it with them (NFS "
					  "without \"nolock\", Lustre with \"flock\"), or put "
					  "this on a local disk ($XDG_DATA_HOME, $DOCKER_CONFIG)");
	return -code;
}

static int lock(int folder, const char *name, const char *path, int flags, int timeout_ms,
		struct icr_error *err)
{
	int64_t deadline = icr_clock_us() + (int64_t)timeout_ms * 1000;
	int64_t wait = WAIT_FIRST_US;

	for (;;) {
		int code;
		_cleanup_fd_ int fd = open_lock(folder, name, path, flags, err);
		if (fd < 0)
			return fd;
		while ((code = try_lock(fd)) != 0) {
			if (code == EINTR)
				continue;
			if (code != EWOULDBLOCK)
				return fail_lock(path, code, err);
			int64_t left = deadline - icr_clock_us();
			if (left <= 0)
				return icr_fail_at(
					err, ETIMEDOUT, path,
					"is locked by another process for more than %d ms",
					timeout_ms);
			wait_us(wait < left ? wait : left);
			wait = wait * 2 < WAIT_MAX_US ? wait * 2 : WAIT_MAX_US;
		}
		if (is_current(fd, folder, name))
			return icr_steal_fd(&fd);
		if (icr_clock_us() >= deadline)
			return icr_fail_at(err, ETIMEDOUT, path,
					   "is replaced again and again by other processes");
	}
}

int icr_lock(const char *path, int timeout_ms, struct icr_error *err)
{
	return lock(AT_FDCWD, path, path, 0, timeout_ms, err);
}

int icr_lock_at(int folder, const char *path, int timeout_ms, struct icr_error *err)
{
	return lock(folder, icr_path_base(path), path, O_NOFOLLOW, timeout_ms, err);
}
