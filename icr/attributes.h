/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_ATTRIBUTES_H
#define ICR_ATTRIBUTES_H

#include <sys/stat.h>

#include "icr/buf.h"
#include "icr/error.h"

/* Refuses a file that rename() cannot replace, before anything depends on it: a mount point (as
 * /etc/hosts in a container), an immutable or append-only file. */
int icr_attributes_check(const char *path, struct icr_error *err);

/*
 * Gives the open file FD the owner, ACL, extended attributes and mode of FROM, whose stat is ST.
 * An owner that cannot be kept is an error. A group that its owner is not in is not kept: the new
 * one may do no more than everybody then; with an ACL that is an error. Of the extended attributes
 * the ACL, the SELinux label and user.* must be kept; integrity hashes are of the old content and
 * stay behind; the rest is kept where possible.
 */
int icr_attributes_copy(const char *from, const struct stat *st, int fd, struct icr_error *err);

/* Appends what icr_attributes_copy() would copy from PATH, to be compared: nothing where that
 * cannot be told. */
void icr_attributes_print(const char *path, struct icr_buf *out);

#endif
