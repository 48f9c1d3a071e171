/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_STORE_LIBSECRET_CHILD_H
#define HELPER_STORE_LIBSECRET_CHILD_H

#include <stddef.h>

#include "helper/credential.h"
#include "icr/buf.h"
#include "icr/error.h"

/*
 * The desktop's keyring, over libsecret. Everything that touches libsecret and GLib runs in a child
 * of its own, which is killed when its time is up: a silent bus cannot hold up the verb, a crash of
 * the library is only a missing answer, and the rest of the program never maps GLib.
 */
#define KEYRING_REPLY_MAX ((size_t)16 * 1024 * 1024)

enum keyring_action {
	KEYRING_READ,  /* the credentials of hosts; of all hosts when NULL */
	KEYRING_PUT,   /* credential */
	KEYRING_ERASE, /* hosts[0] */
};

struct keyring_request {
	enum keyring_action action;
	const char *const *hosts;
	size_t count;
	const struct credential *credential;
};

/* Runs REQUEST in a child; adds what it read to RET (may be NULL for the other actions). Failures
 * are those of struct store; returns the result of KEYRING_ERASE. */
int keyring_run(const struct keyring_request *request, int timeout_ms, struct credentials *ret,
		struct icr_error *err);

/* The child's part: carries REQUEST out and appends keyring_reply_credential() records. */
int keyring_perform(const struct keyring_request *request, struct icr_buf *reply,
		    struct icr_error *err);

void keyring_reply_credential(struct icr_buf *reply, const char *host, const char *username,
			      const char *secret, size_t secret_len);

#endif
