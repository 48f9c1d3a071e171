/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_VERBS_H
#define HELPER_VERBS_H

#include <stdbool.h>

#include "icr/error.h"

/*
 * The verbs: cmd_NAME in a file of its own, whether it belongs to the protocol (for programs: one
 * argument, errors on standard output, exit status 1), its arguments and a line of help.
 */
#define VERBS(X)                                                                                   \
	X(store, true, "", "keep the credential given as JSON")                                    \
	X(get, true, "", "find the credential of the server URL given")                            \
	X(erase, true, "", "forget the credential of the server URL given")                        \
	X(list, true, "", "tell which servers get would answer for, and the user names")           \
	X(version, true, "", "tell the version")                                                   \
	X(configure, false,                                                                        \
	  "[--regions LIST|all] [--remove] [--force] [--config FILE] [--dry-run]",                 \
	  "name this helper for the registry's hosts in Docker's config.json")

/* argv[0] is the verb. Returns the exit status, or negative with ERR filled: main prints it. */
#define VERB_PROTOTYPE(name, protocol, arguments, help)                                            \
	int cmd_##name(int argc, char **argv, struct icr_error *err);

VERBS(VERB_PROTOTYPE)

#endif
