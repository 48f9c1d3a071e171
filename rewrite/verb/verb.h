/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_VERB_VERB_H
#define REWRITE_VERB_VERB_H

#include "icr/error.h"
#include "icr/program.h"

/* The verbs, as struct icr_verb wants them: argv[0] is the verb; they print their own results to
 * standard output and notes to standard error, and return the exit status or a failure in ERR. */
int cmd_check(int argc, char **argv, struct icr_error *err);
int cmd_plan(int argc, char **argv, struct icr_error *err);
int cmd_apply(int argc, char **argv, struct icr_error *err);
int cmd_refresh(int argc, char **argv, struct icr_error *err);
int cmd_status(int argc, char **argv, struct icr_error *err);
int cmd_undo(int argc, char **argv, struct icr_error *err);
int cmd_ref(int argc, char **argv, struct icr_error *err);
int cmd_export(int argc, char **argv, struct icr_error *err);
int cmd_private_only(int argc, char **argv, struct icr_error *err);

/* What they take; those of plan and apply are in rewrite/options.h. */
extern const struct icr_option check_options[], refresh_options[], status_options[], undo_options[],
	ref_options[], export_options[], private_only_options[];

#endif
