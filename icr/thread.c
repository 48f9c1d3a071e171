/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/thread.h"

#include <signal.h>

int icr_thread_start(const pthread_attr_t *attributes, void *(*work)(void *), void *data,
		     pthread_t *ret_thread)
{
	sigset_t every, before;

	(void)sigfillset(&every);
	(void)pthread_sigmask(SIG_SETMASK, &every, &before);
	int code = pthread_create(ret_thread, attributes, work, data);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}
