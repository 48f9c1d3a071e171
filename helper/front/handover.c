/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/front/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "helper/exchange.h"
#include "helper/helper.h"
#include "helper/store/libsecret.h"
#include "helper/store/store.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/complete.h"
#include "icr/environment.h"
#include "icr/nss.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* linux/memfd.h */
#endif

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
	(void)icr_complete_run(HELPER_NAME, argv, err);
	return icr_error_wrap(err, "HOME is not set");
}

int handover(char **argv)
{
	_cleanup_error_ struct icr_error err = {0};

	if (icr_program_start(HELPER_NAME) < 0)
		return EXIT_FAILURE;
	(void)icr_complete_run(HELPER_NAME, argv, &err);
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
	return r < 0 ? r : icr_complete_run(HELPER_NAME, argv, err);
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
		(void)icr_complete_run(HELPER_NAME, command, &not_handed_over);
	return cmd_store(argc, argv, err);
}
