/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */

/*
 * What is here stands in the place of functions of the same name that the complete program has:
 * where those would load code, or want a library of which there is no archive, this one hands over.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/complete.h"
#include "icr/curl.h"
#include "icr/memory.h"
#include "icr/nss.h"
#include "icr/program.h"
#include "rewrite/complete.h"
#include "rewrite/pull.h"

#define NAME "icr-rewrite"

/* As they were at the start: options are taken out of the arguments, threads have signals blocked,
 * and below --root the process has another top folder. */
static struct {
	char **argv;
	sigset_t signals;
	struct stat top;
} start;

static bool is_at_home(void)
{
	struct stat top;

	return stat("/", &top) == 0 && top.st_dev == start.top.st_dev &&
	       top.st_ino == start.top.st_ino;
}

/* Nothing has been written or said yet. */
static _Noreturn void hand_over(void)
{
	_cleanup_error_ struct icr_error err = {0};

	/* in a tree below --root it would be the tree's program */
	if (is_at_home()) {
		(void)pthread_sigmask(SIG_SETMASK, &start.signals, NULL);
		(void)icr_complete_run(NAME, start.argv, &err);
	} else {
		icr_fail(&err, ICR_E_UNAVAILABLE, "below --root no other program can be run");
	}
	icr_say_error(&err);
	_exit(EXIT_FAILURE);
}

void complete_start(int argc, char **argv)
{
	start.argv = icr_calloc((size_t)argc + 1, sizeof(*argv));
	memcpy(start.argv, argv, (size_t)argc * sizeof(*argv));
	(void)pthread_sigmask(SIG_SETMASK, NULL, &start.signals);
	(void)stat("/", &start.top);
}

void complete_take_over(void)
{
	hand_over();
}

int icr_curl_load(const struct icr_curl **ret_curl, struct icr_error *err)
{
	(void)ret_curl;
	(void)err;
	hand_over();
}

int pull_run(const struct icr_reference *reference, const struct probe_region *probed,
	     int64_t deadline_ms, struct pull *pull, struct icr_error *err)
{
	(void)reference;
	(void)probed;
	(void)deadline_ms;
	(void)pull;
	(void)err;
	hand_over();
}

/* None was begun. */
void pull_free(struct pull *pull)
{
	(void)pull;
}

const char *icr_home_of_user(void)
{
	hand_over();
}

char *icr_home_of(const char *name, uid_t *ret_id)
{
	(void)name;
	(void)ret_id;
	hand_over();
}

void icr_addresses_begin(void)
{
	hand_over();
}

int icr_addresses_of(const char *name, int family,
		     void (*add)(void *list, int family, const void *bytes), void *list)
{
	(void)name;
	(void)family;
	(void)add;
	(void)list;
	hand_over();
}
