/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/complete.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"

/* Where this program's file is, links followed; also where /proc is not mounted. NULL: unknown. */
static char *find_own_file(void)
{
	char *path = realpath("/proc/self/exe", NULL);

	/* getauxval(3): the path that it was started by */
	return path ? path : realpath((const char *)getauxval(AT_EXECFN), NULL);
}

/*
 * Is all of BELOW, from the folder PLACE on, OWNER's or root's, so that nobody else can have put it
 * there? OWNER's own folder may lie in one where everybody makes folders.
 */
static bool is_trusted(const char *place, const char *below, uid_t owner)
{
	_cleanup_free_ char *path = icr_path_join(place, below);
	struct stat info;

	for (char *end = path + strlen(path); end > path + strlen(place);
	     end = strrchr(path, '/')) {
		*end = '\0';
		if (lstat(path, &info) < 0)
			return false;
		/* a symbolic link has all modes: it might lead back to this program, for ever */
		if ((info.st_uid != owner && info.st_uid != 0) || (info.st_mode & S_IWOTH)) {
			errno = EPERM;
			return false;
		}
	}
	return true;
}

/* Runs BELOW in the folder PLACE; returns, with the reason in CODE, when it cannot. OWN is this
 * program's file: where that stands in the other's place, each would run the next for ever. */
static void try_at(const char *place, const char *below, uid_t owner, const struct stat *own,
		   char **argv, int *code)
{
	_cleanup_free_ char *path = icr_path_join(place, below);
	struct stat info;

	if (stat(path, &info) == 0 && info.st_dev == own->st_dev && info.st_ino == own->st_ino)
		errno = ELOOP;
	else if (is_trusted(place, below, owner))
		(void)execv(path, argv);
	if (errno != ENOENT && errno != ENOTDIR)
		*code = errno;
}

static const char *reason(int code)
{
	switch (code) {
	case ELOOP:
		return "this one stands in its place";
	case EPERM:
		return "a part of this path is a symbolic link, of another user, or open to all";
	default:
		return strerror(code);
	}
}

int icr_complete_run(const char *name, char **argv, struct icr_error *err)
{
	_cleanup_free_ char *own = find_own_file();
	_cleanup_free_ char *below = icr_printf("libexec/%s/%s", name, name);
	struct stat info = {0};
	int code = ENOENT;

	if (own && stat(own, &info) == 0) {
		_cleanup_free_ char *folder = icr_path_folder(own);
		_cleanup_free_ char *above = icr_path_folder(folder);
		try_at(above, below, info.st_uid, &info, argv, &code);
		try_at(folder, below, info.st_uid, &info, argv, &code);
	}
	try_at("/usr/local", below, 0, &info, argv, &code);
	try_at("/usr", below, 0, &info, argv, &code);
	(void)icr_fail_at(err, ICR_E_UNAVAILABLE, below, "cannot run the rest of this program: %s",
			  reason(code));
	return icr_error_hint(err, "install %s as a whole: its package, or make install", name);
}
