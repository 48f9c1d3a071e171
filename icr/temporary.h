/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_TEMPORARY_H
#define ICR_TEMPORARY_H

#include <sys/types.h>

#include "icr/error.h"

/*
 * Temporary files beside the file that they will replace: ".NAME.icr-XXXXXX", X of [a-z0-9].
 *
 * Whoever writes one holds flock() on it until it is renamed or removed, and the kernel lets go of
 * that lock when the writer dies. So a temporary file that can be locked is one that nobody will
 * ever rename. Those of transactions, ".NAME.icr-new-XXXXXX", are not locked: they outlive their
 * process, and the journal knows them.
 */

/* A new name beside TARGET; malloc'ed. MARK is "" or "new-". */
int icr_temporary_name(const char *target, const char *mark, char **ret_name,
		       struct icr_error *err);

/* Creates TEMPORARY, 0600 and locked, and returns its descriptor. -EEXIST when the name is taken.
 * TARGET is for messages. */
int icr_temporary_open(const char *target, const char *temporary, struct icr_error *err);

/* Removes what dead processes left beside TARGET. Failures do not matter: the next one tries. */
void icr_temporary_sweep(const char *target);

#endif
