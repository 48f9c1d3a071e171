/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_TRANSACTION_H
#define ICR_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "icr/error.h"

/*
 * Several files changed together or not at all, also across kill -9 and power loss.
 *
 * The journal is a file in a folder of ours. Commit writes it first with every temporary name
 * ("prepared"), stages all new contents beside their targets, rewrites the journal as "committed",
 * exchanges each target with what was staged for it, and removes the journal and what was taken
 * out. Recovery: a prepared transaction is rolled back (temporaries removed), a committed one
 * completed. The caller holds a lock around all of it. What is so already is left alone, inode and
 * times included; a transaction that changes nothing writes no journal.
 */
struct icr_transaction;

/* What stands at a path: nothing, a regular file of these bytes, or a symbolic link that says them.
 */
struct icr_standing {
	bool exists, link;
	const void *data;
	size_t len;
	const char *hash; /* SHA-256 of it, as icr_sha256_hex() has it; NULL: not known yet */
};

/* May a transaction change PATH, as its caller named it? */
typedef bool icr_transaction_guard(const char *path);

struct icr_transaction *icr_transaction_new(const char *journal);

/*
 * PATH is absolute; symbolic links are followed as icr_file_replace does. Folders are not created.
 * PLANNED is what the change was computed from; NULL where that does not matter. HASH is the
 * SHA-256 of DATA, or NULL. What they point to stays the caller's, and has to be there at the
 * commit.
 */
int icr_transaction_write(struct icr_transaction *transaction, const char *path,
			  const struct icr_standing *planned, const void *data, size_t len,
			  const char *hash, mode_t new_mode, struct icr_error *err);

/* Removes the file or symbolic link PATH itself; none there is no error. */
int icr_transaction_remove(struct icr_transaction *transaction, const char *path,
			   const struct icr_standing *planned, struct icr_error *err);

/* Makes PATH a symbolic link to TARGET. */
int icr_transaction_symlink(struct icr_transaction *transaction, const char *path,
			    const struct icr_standing *planned, const char *target,
			    struct icr_error *err);

/*
 * Does it. On failure before the commit point everything is as before; a failure after it says so,
 * and the next icr_transaction_recover() completes it. -EAGAIN: what stands at one of the paths is
 * not what was planned for, up to the moment at which it is taken out; what others wrote stands
 * there then, and nothing of ours.
 */
int icr_transaction_commit(struct icr_transaction *transaction, struct icr_error *err);

/*
 * Completes or rolls back what an interrupted commit left. Returns 0 when there was nothing to do,
 * 1 rolled back, 2 completed. A target that somebody changed since is left alone and reported as
 * -ICR_E_CONFLICT after all others are done; the journal is then gone. -ICR_E_REFUSED and
 * -ICR_E_SYNTAX: it is no journal of ours, or names what GUARD (NULL: anything goes) forbids;
 * nothing was done.
 */
int icr_transaction_recover(const char *journal, icr_transaction_guard *guard,
			    struct icr_error *err);

/* Frees; what was not committed is forgotten. NULL is fine. */
void icr_transaction_free(struct icr_transaction *transaction);

static inline void icr_cleanup_transaction(struct icr_transaction **transaction)
{
	icr_transaction_free(*transaction);
}

#define _cleanup_transaction_ __attribute__((cleanup(icr_cleanup_transaction)))

#endif
