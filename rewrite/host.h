/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_HOST_H
#define REWRITE_HOST_H

#include <stdbool.h>

#include "icr/buf.h"
#include "icr/environment.h"
#include "icr/error.h"

/* The host whose configuration is rewritten: this one, or a tree below --root. */
struct host {
	const char *root; /* "" for this host, else an absolute folder without a trailing slash */
	bool live;	  /* may probe, prove and reload: neither --root nor --offline */
	struct icr_environment environment;
	char *storage; /* of root */
};

/* ROOT as --root gave it, or NULL. Free with host_free. -ENOENT, -ENOTDIR for a root that is no
 * folder. */
int host_open(const char *root, bool offline, struct host *ret_host, struct icr_error *err);
void host_free(struct host *host);

/* Where PATH (absolute, as the host sees it) lies for us: root + path, malloc'ed; NULL when memory
 * ran out. */
char *host_path(const struct host *host, const char *path);

/*
 * The same for a path that is going to be read and replaced: below --root no symbolic link on the
 * way may lead out of it (-ICR_E_REFUSED), and the last component is followed only with FOLLOW.
 * What does not exist is no error.
 */
int host_locate(const struct host *host, const char *path, bool follow, char **ret_path,
		struct icr_error *err);

/* Does anything stand at PATH (as the host sees it)? */
bool host_has(const struct host *host, const char *path);

/* Appends the file PATH (as the host sees it) to BUF; false when there is none that can be read. */
bool host_read(const struct host *host, const char *path, struct icr_buf *buf);

#endif
