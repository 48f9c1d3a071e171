/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_VERBS_H
#define REWRITE_VERBS_H

#include "icr/error.h"

/* The verbs, as struct icr_verb wants them: argv[0] is the verb; they print their own results to
 * standard output and notes to standard error, and return the exit status or a failure in ERR. */
int cmd_check(int argc, char **argv, struct icr_error *err);
int cmd_plan(int argc, char **argv, struct icr_error *err);
int cmd_apply(int argc, char **argv, struct icr_error *err);
int cmd_refresh(int argc, char **argv, struct icr_error *err);
int cmd_status(int argc, char **argv, struct icr_error *err);
int cmd_undo(int argc, char **argv, struct icr_error *err);

enum rewrite_status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_DIFFERS = 3,  /* plan, --dry-run: would change; status: has drifted */
	STATUS_UNPROVEN = 4, /* the private network cannot be reached or proven */
};

#endif
