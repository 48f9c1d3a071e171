/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_KEYRING_H
#define HELPER_KEYRING_H

#include <stdint.h>

#include "icr/buf.h"
#include "icr/error.h"

/*
 * The kernel's keyring of this user (keyrings(7)): keys of type "user" in @u, memory of the kernel,
 * gone at a reboot. By system calls, since libkeyutils would add to every start of the program what
 * these few lines do.
 *
 * -ICR_E_UNAVAILABLE where there is none: a kernel without, a seccomp filter as in containers.
 */

/* Appends the payload of the key called NAME. Returns 1, or 0 when there is none. */
int keyring_read(const char *name, struct icr_buf *ret, struct icr_error *err);

/* Keeps the bytes under NAME, in place of others, for LIFE seconds (0: until the reboot). -EDQUOT
 * when the user's quota of keys is used up, with a hint. */
int keyring_write(const char *name, const void *bytes, size_t len, int64_t life,
		  struct icr_error *err);

/* Takes the key away at once. Returns 1, or 0 when there was none. */
int keyring_erase(const char *name, struct icr_error *err);

/* Calls EACH for the name of every key of ours in @u that begins with PREFIX. */
int keyring_list(const char *prefix, void (*each)(const char *name, void *data), void *data,
		 struct icr_error *err);

#endif
