/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/path.h"

#define INFIX	   ".icr-"
#define MARK_MAX   8
#define RANDOM_LEN 6

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
	char *name = NULL;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return icr_fail_errno(err, errno, target, "cannot choose a temporary name");
	for (int i = 0; i < RANDOM_LEN; i++)
		letters[i] = alphabet[bytes[i] % (sizeof(alphabet) - 1)];
	if (asprintf(&name, "%.*s.%.*s" INFIX "%s%s", (int)(base - target), target,
		     name_width(base), base, mark, letters) < 0)
		return icr_fail_memory(err);
	*ret_name = name;
	return 0;
}

int icr_temporary_open(const char *target, const char *temporary, struct icr_error *err)
{
	struct stat st;

	_cleanup_fd_ int fd =
		open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return icr_fail_errno(err, errno, target,
				      "cannot create a temporary file beside it");
	/* between open and flock a sweeper may have taken it for a dead one; a file system without
	 * flock has no sweepers */
	bool lost = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	if (lost || (fstat(fd, &st) == 0 && st.st_nlink == 0))
		return icr_fail_errno(err, EEXIST, target,
				      "cannot create a temporary file beside it");
	int locked = fd;
	fd = -1;
	return locked;
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

void icr_temporary_sweep(const char *target)
{
	const char *base = icr_path_base(target);
	_cleanup_free_ char *folder = icr_path_folder(target);
	_cleanup_dir_ DIR *dir = folder ? opendir(folder) : NULL;

	if (!dir)
		return;
	for (;;) {
		const struct dirent *entry = readdir(dir);
		if (!entry)
			return;
		if (is_ours(entry->d_name, base))
			sweep_one(dirfd(dir), entry->d_name);
	}
}
