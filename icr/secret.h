/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_SECRET_H
#define ICR_SECRET_H

#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"

/* The longest secret anything here keeps; an IAM access token is about 1.6 kB. */
#define ICR_SECRET_MAX ((size_t)64 * 1024)

/*
 * A password, key or token: its own pages, locked into memory where RLIMIT_MEMLOCK allows, kept
 * out of core files, NUL-terminated (the NUL is not counted), wiped when freed. Zero-initialise.
 */
struct icr_secret {
	char *data; /* NULL when unset */
	size_t len;
	size_t mapped; /* bytes of the mapping */
};

/* Copies LEN bytes in. -EFBIG over ICR_SECRET_MAX. The caller still owns (and wipes) the
 * source. */
int icr_secret_set(struct icr_secret *ret_secret, const char *bytes, size_t len,
		   struct icr_error *err);

/* Wipes, unmaps, zeroes. NULL is fine. */
void icr_secret_free(struct icr_secret *secret);

/* Overwrites each copy of SECRET in TEXT with asterisks: TEXT is what a server says of a request
 * that held it, and will be shown. One of a few letters stays, as parts of words do. */
void icr_secret_hide(const struct icr_secret *secret, struct icr_buf *text);

/* First thing in main(): no core files, not dumpable (so no ptrace by the same user either). */
void icr_secret_harden_process(void);

#define _cleanup_secret_ __attribute__((cleanup(icr_secret_free)))

#endif
