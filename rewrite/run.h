/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_RUN_H
#define REWRITE_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "rewrite/change.h"
#include "rewrite/state.h"
#include "rewrite/work.h"

/* One run of plan, apply, refresh, status or undo, from the lock to the last fsync. */
struct run {
	struct work work;
	struct state state; /* as an earlier run left it */
	struct changes changes;
	struct icr_buf text; /* of the state file to come; empty = none */
	char **folders;	     /* that we made: those of the state, then this run's */
	size_t folder_count;
	int lock;     /* descriptor, -1 = none */
	bool written; /* something has been changed, and not rolled back */
};

enum run_mode {
	RUN_READ,  /* changes nothing: no lock */
	RUN_WRITE, /* takes the lock, finishes an interrupted run; needs root on this host */
};

/*
 * Opens HOST's state and files: after it every change is there with its base, wanted being the
 * base. Settings are those of the state. ROOT may be NULL. Free with run_free in any case.
 */
int run_open(struct run *ret_run, const char *root, bool offline, enum run_mode mode,
	     struct icr_error *err);

/* Lets every part plan for run->work and words the state that goes with it. */
int run_plan(struct run *run, struct icr_error *err);

/* Is there something to write? */
bool run_differs(const struct run *run);

/*
 * Writes what differs: parts validate, one transaction, parts activate, and with VERIFY the result
 * is verified through the system's resolver. What fails behind the transaction is rolled back.
 */
int run_commit(struct run *run, bool verify, struct icr_error *err);

/* After an undo: removes the folders of our symbolic links where nothing else is in them, as
 * `systemctl disable` does. */
void run_drop_link_folders(const struct run *run);

/* Lets go of the lock and of folders that are not needed after all. */
void run_free(struct run *run);

#endif
