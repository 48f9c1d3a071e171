/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_STORE_LIBSECRET_CHILD_H
#define HELPER_STORE_LIBSECRET_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper/credential.h"

enum libsecret_action {
	LIBSECRET_READ,	 /* the credentials of hosts; of all hosts when NULL */
	LIBSECRET_PUT,	 /* credential */
	LIBSECRET_ERASE, /* hosts[0] */
};

struct libsecret_request {
	enum libsecret_action action;
	const char *const *hosts;
	size_t count;
	const struct credential *credential;
};

#define LIBSECRET_REPLY_MAX ((size_t)16 * 1024 * 1024)

/*
 * The reply is a row of records between two copies of one program, so in native byte order:
 * 'C' and three lengths, then host, username, secret; last of all
 * 'R' with the result and two lengths, then an error's text and hint.
 */
struct libsecret_record {
	char kind;
	int32_t result;
	uint32_t lengths[3];
};

/* What a child of PARENT does: carries REQUEST out, and writes its records to FD. */
_Noreturn void libsecret_child(const struct libsecret_request *request, int fd, pid_t parent);

#endif
