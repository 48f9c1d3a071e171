/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_VERB_VERB_H
#define HELPER_VERB_VERB_H

#include <stdbool.h>

#include "helper/helper.h"
#include "icr/error.h"

/*
 * The verbs: cmd_NAME in a file of its own, whether it belongs to the protocol (for programs: one
 * argument, errors on standard output, exit status 1), its arguments, a line of help, and more for
 * its own --help.
 */
#define VERBS(X)                                                                                   \
	X(store, true, "", "keep the credential given as JSON on standard input",                  \
	  "{\"ServerURL\":\"us.icr.io\",\"Username\":\"iamapikey\",\"Secret\":\"...\"}\n")         \
	X(get, true, "", "find the credential of the server URL on standard input",                \
	  "echo us.icr.io | " HELPER_NAME " get\n")                                                \
	X(erase, true, "", "forget the credential of the server URL on standard input",            \
	  "echo us.icr.io | " HELPER_NAME " erase\n")                                              \
	X(list, true, "", "tell which servers get would answer for, and the user names", "")       \
	X(version, true, "", "tell the version", "")                                               \
	X(configure, false,                                                                        \
	  "[--regions LIST|all] [--remove] [--force] [--config FILE] [--dry-run]",                 \
	  "name this helper for the registry's hosts in Docker's config.json",                     \
	  "  --regions LIST  only these: us, us-south or us.icr.io, separated by commas; global "  \
	  "is\n"                                                                                   \
	  "                  icr.io itself; default: all (Compose asks for every one)\n"           \
	  "  --remove        take the entries that name this helper out again\n"                   \
	  "  --force         also take over hosts that name another helper\n"                      \
	  "  --config FILE   edit FILE, not config.json in $DOCKER_CONFIG or ~/.docker\n"          \
	  "  --dry-run       only show what would change; exit status 3 if anything would\n")

/* argv[0] is the verb. Returns the exit status, or negative with ERR filled: main prints it. */
#define VERB_PROTOTYPE(name, protocol, arguments, help, more)                                      \
	int cmd_##name(int argc, char **argv, struct icr_error *err);

VERBS(VERB_PROTOTYPE)

#endif
