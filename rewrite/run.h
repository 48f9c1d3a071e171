/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_RUN_H
#define REWRITE_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/text.h"
#include "rewrite/change.h"
#include "rewrite/choose.h"
#include "rewrite/state.h"
#include "rewrite/work.h"

/*
 * One run of plan, apply, refresh, status or undo. What it writes is computed from what stands in
 * the files and is written only there: where somebody else has changed one of them meanwhile, it is
 * all read and planned again, and a way back takes out what is ours and nothing else.
 */
struct run {
	struct work work;
	struct state state; /* as an earlier run left it */
	struct changes changes;
	struct icr_buf text;	     /* of the state file to come; empty = none */
	struct icr_strings made;     /* folders that this run made */
	int lock;		     /* descriptor, -1 = none */
	sigset_t signals;	     /* as they were before the lock */
	bool alone;		     /* nobody else had the lock just before */
	bool owns_folder;	     /* the state's folder goes when no state is left */
	bool recovered;		     /* it finished an interrupted run */
	struct icr_strings put_back; /* files that run_put_back() has written */
	bool written;		     /* something has been changed, and not rolled back */
	bool unproven;		     /* an earlier run wrote, and did not come to prove it */
};

enum run_mode {
	RUN_READ,  /* changes nothing */
	RUN_WRITE, /* finishes an interrupted run first; needs root on this host */
	RUN_KNOWN, /* RUN_WRITE where something was applied before, else RUN_READ */
	RUN_AGAIN, /* the same, and a hosts file that is known is not read until it has to be */
};

/*
 * Opens HOST's state and files, without the lock: after it every change is there with its base,
 * wanted being the base. Settings are those of the state. ROOT may be NULL. Free with run_free in
 * any case.
 */
int run_open(struct run *ret_run, const char *root, bool offline, enum run_mode mode,
	     struct icr_error *err);

/* Lets every part plan for run->work. */
int run_plan(struct run *run, struct icr_error *err);

/* What plan, apply and refresh want of a run. */
struct run_request {
	/* Joins OPTIONS into work->settings, which are those of the state; NULL: they stay so. May
	 * be called again, when the state has changed. */
	int (*settle)(struct work *work, const void *options, struct icr_error *err);
	const void *options;
	enum choose_mode mode;
};

/*
 * Settles, probes (with no lock held), chooses the routes and lets every part plan: what apply
 * would do, up to its last look before it writes. Returns 1 when the regions are private already
 * and nothing was ever applied, so that there is nothing to do; else 0.
 */
int run_preview(struct run *run, const struct run_request *request, struct icr_error *err);

/* -EACCES for a file of which nobody but root can tell what is ours: what is planned for it, by
 * others than root, is no plan. */
int run_check_clear(const struct run *run, struct icr_error *err);

/* Fails where a file that differs could not be replaced: immutable, a mount point, read-only. */
int run_check_replaceable(const struct run *run, struct icr_error *err);

/*
 * The same, and does it: one transaction, parts activate, and on a live host the result is verified
 * through the system's resolver; what fails behind the transaction is taken out again. Returns as
 * run_preview does.
 */
int run_apply(struct run *run, const struct run_request *request, struct icr_error *err);

/*
 * Before a probe: has what was applied stand in the files as the state tells, proven addresses and
 * closed names. Where the hosts file was made anew, as at a boot, its names lead nowhere public
 * from then on, whenever and however this process ends. Returns 1 when something was put back, and
 * keeps which files that was; a failure is for the run that follows to meet again.
 */
int run_put_back(struct run *run, struct icr_error *err);

/* Takes out of every file what is ours, and the state. */
int run_undo(struct run *run, struct icr_error *err);

/* Is there something to write? */
bool run_differs(const struct run *run);

/* Lets go of the lock and of folders that are not needed after all. */
void run_free(struct run *run);

#endif
