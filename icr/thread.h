/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_THREAD_H
#define ICR_THREAD_H

#include <pthread.h>

/* As pthread_create(), with all signals blocked in the new thread: they are for the caller's.
 * Returns 0 or an errno value. */
int icr_thread_start(const pthread_attr_t *attributes, void *(*work)(void *), void *data,
		     pthread_t *ret_thread);

#endif
