/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_VERB_VERB_H
#define REWRITE_VERB_VERB_H

#include "icr/error.h"

#define APPLY_OPTIONS                                                                              \
	"[--regions LIST|all] [--route auto|hosts] [--engines LIST|auto] "                         \
	"[--fallback never|public] [--docker-mirror] [--force] [--root DIR] [--offline] "

/* The verbs: cmd_NAME in a file of its own, its arguments, a line of help. */
#define VERBS(X)                                                                                   \
	X(check, "[--regions LIST|all] [--pull REF] [--json]",                                     \
	  "prove the private network; change nothing")                                             \
	X(plan, APPLY_OPTIONS "[--json]", "show what apply would change, as a diff")               \
	X(apply, APPLY_OPTIONS "[--dry-run] [--json]",                                             \
	  "steer the public names over the private network and prove it")                          \
	X(refresh, "[--json]", "prove again and update; run by the timer")                         \
	X(status, "[--root DIR] [--offline] [--json]",                                             \
	  "show where every name leads now, and what has drifted")                                 \
	X(undo, "[--root DIR] [--dry-run] [--json]", "take out what apply put in")

/* As struct icr_verb wants them: argv[0] is the verb; they print their own results to standard
 * output and notes to standard error, and return the exit status or a failure in ERR. */
#define VERB_PROTOTYPE(name, arguments, help)                                                      \
	int cmd_##name(int argc, char **argv, struct icr_error *err);

VERBS(VERB_PROTOTYPE)

enum rewrite_status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_DIFFERS = 3,  /* plan, --dry-run: would change; status: has drifted */
	STATUS_UNPROVEN = 4, /* the private network cannot be reached or proven */
};

#endif
