/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/front/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/exchange.h"
#include "helper/helper.h"
#include "helper/store/libsecret.h"
#include "helper/store/store.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/environment.h"
#include "icr/file.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* linux/memfd.h */
#endif

#define BELOW "libexec/" HELPER_NAME "/" HELPER_NAME

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
static bool is_trusted(const char *place, uid_t owner)
{
	static const char *const steps[] = {"libexec", "libexec/" HELPER_NAME, BELOW};
	struct stat info;

	for (size_t i = 0; i < ICR_LENGTH(steps); i++) {
		_cleanup_free_ char *path = icr_path_join(place, steps[i]);
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

/* Runs the program below PLACE; returns, with the reason in CODE, when it cannot. OWN is this
 * program's file: where that stands in the other's place, each would run the next for ever. */
static void try_at(const char *place, uid_t owner, const struct stat *own, char **argv, int *code)
{
	_cleanup_free_ char *path = icr_path_join(place, BELOW);
	struct stat info;

	if (stat(path, &info) == 0 && info.st_dev == own->st_dev && info.st_ino == own->st_ino)
		errno = ELOOP;
	else if (is_trusted(place, owner))
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

/*
 * Beside what was started goes first: it is of the same build, also below another root or in the
 * tree that it was built in. Then where packages and make install put it, for a copy of this
 * program alone.
 */
static int start(char **argv, struct icr_error *err)
{
	_cleanup_free_ char *own = find_own_file();
	struct stat info = {0};
	int code = ENOENT;

	if (own && stat(own, &info) == 0) {
		_cleanup_free_ char *folder = icr_path_folder(own);
		_cleanup_free_ char *above = icr_path_folder(folder);
		try_at(above, info.st_uid, &info, argv, &code);
		try_at(folder, info.st_uid, &info, argv, &code);
	}
	try_at("/usr/local", 0, &info, argv, &code);
	try_at("/usr", 0, &info, argv, &code);
	(void)icr_fail_at(err, ICR_E_UNAVAILABLE, BELOW, "cannot run the rest of this program: %s",
			  reason(code));
	return icr_error_hint(err, "install " HELPER_NAME " as a whole: its package, or make "
				   "install");
}

/* The user database is the complete program's to ask: the C library loads plugins for it, which a
 * statically linked program must not. */
const char *icr_home_of_user(void)
{
	return NULL;
}

int handover_for_home(char **argv, struct icr_error *err)
{
	if (icr_environment_home())
		return 0;
	(void)start(argv, err);
	return icr_error_wrap(err, "HOME is not set");
}

int handover(char **argv)
{
	_cleanup_error_ struct icr_error err = {0};

	if (icr_program_start(HELPER_NAME) < 0)
		return EXIT_FAILURE;
	(void)start(argv, &err);
	icr_say_error(&err);
	return EXIT_FAILURE;
}

/* Standard input that says TEXT: a file in memory, since a URL may hold a password and may be
 * longer than a pipe takes. */
static int put_input(const char *text, struct icr_error *err)
{
	size_t len = strlen(text);

	/* sysctl vm.memfd_noexec=2 wants the flag, and kernels before 6.3 do not know it */
	_cleanup_fd_ int fd = memfd_create("input", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0 ||
	    dup2(fd, STDIN_FILENO) < 0)
		return icr_fail_errno(err, errno, NULL, "cannot pass on what was asked");
	return 0;
}

const bool exchange_hands_over = true;

/* Only get comes here, with what is not to be had without IAM or the metadata service. The complete
 * program looks again from the start. */
int exchange_obtain(const struct cache_origin *origin, int timeout_ms,
		    struct icr_iam_token *ret_token, struct icr_error *err)
{
	const struct exchange *exchange = origin->data;
	static char name[] = HELPER_NAME, verb[] = "get";
	char *argv[] = {name, verb, NULL};

	(void)timeout_ms;
	(void)ret_token;
	int r = put_input(exchange->context->asked, err);
	return r < 0 ? r : start(argv, err);
}

/* Why what libsecret is needed for could not be handed over. */
static struct icr_error not_handed_over;

/* Only store comes here, when it could not be handed over. */
int libsecret_put(const char *address, int64_t deadline, const struct credential *credential,
		  char **ret_path, struct icr_error *err)
{
	(void)address;
	(void)deadline;
	(void)credential;
	(void)ret_path;
	icr_fail(err, not_handed_over.code, "%s", not_handed_over.what);
	return icr_error_hint(err, "%s", not_handed_over.hint);
}

int handover_store(int argc, char **argv, struct icr_error *err)
{
	static char name[] = HELPER_NAME, verb[] = "store";
	char *command[] = {name, verb, NULL};
	_cleanup_context_ struct helper_context context = {0};

	/* before the input is read; what is wrong with the configuration is said after it */
	if (helper_context_init(&context, NULL) >= 0 && store_asks_desktop(&context))
		(void)start(command, &not_handed_over);
	return cmd_store(argc, argv, err);
}
