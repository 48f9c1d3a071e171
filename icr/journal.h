/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_JOURNAL_H
#define ICR_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "icr/error.h"

/* What a transaction writes down, for transaction.c that does it and recover.c that ends it. */

enum icr_journal_kind {
	ICR_JOURNAL_WRITE,
	ICR_JOURNAL_REMOVE,
	ICR_JOURNAL_SYMLINK,
};

/*
 * A state is what stands at a path: NULL for nothing, "file:SHA256" or "link:SHA256" (of what the
 * link says).
 */
struct icr_journal_entry {
	enum icr_journal_kind kind;
	char *path;	 /* links followed, those of the last component only for WRITE */
	char *temporary; /* beside it; NULL for REMOVE */
	char *old_state; /* before */
	char *new_state; /* after; NULL for REMOVE */
	char *data;	 /* content or link target; not in the journal */
	size_t len;	 /* of data */
	mode_t new_mode; /* not in the journal */
};

struct icr_journal {
	bool committed;
	struct icr_journal_entry *entries;
	size_t count;
};

/* Adds a zeroed entry; NULL when memory ran out. */
struct icr_journal_entry *icr_journal_add(struct icr_journal *journal);

void icr_journal_drop(struct icr_journal *journal, size_t index);

/* Writes the journal to PATH as a whole. A journal that would not read back the same (a path that
 * is not UTF-8) is refused before. */
int icr_journal_write(const struct icr_journal *journal, const char *path, struct icr_error *err);

/* 1, 0 when there is none, or negative. -ICR_E_SYNTAX when it is not one of ours. */
int icr_journal_read(const char *path, struct icr_journal *ret_journal, struct icr_error *err);

/* Removes it, and sees to it that it stays removed. */
int icr_journal_remove(const char *path, struct icr_error *err);

void icr_journal_free(struct icr_journal *journal);

#define _cleanup_journal_ __attribute__((cleanup(icr_journal_free)))

/* The state of PATH now, malloc'ed. Refuses folders, devices and files over ICR_FILE_MAX. */
int icr_state_read(const char *path, char **ret_state, struct icr_error *err);

/* The state that DATA will be; NULL when memory ran out. */
char *icr_state_of(enum icr_journal_kind kind, const char *data, size_t len);

bool icr_state_equal(const char *a, const char *b);

/* Puts the staged or removed entry in place; what is so already is no error. */
int icr_journal_apply(const struct icr_journal_entry *entry, struct icr_error *err);

/* fsync of every folder that the entries touch. */
int icr_journal_sync(const struct icr_journal *journal, struct icr_error *err);

/* Removes every temporary. */
int icr_journal_discard(const struct icr_journal *journal, struct icr_error *err);

#endif
