/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_VERBS_H
#define HELPER_VERBS_H

#include "icr/error.h"

/*
 * One file each; argv[0] is the verb. They return the exit status, or negative with ERR filled:
 * main prints it, on standard output for the verbs of the protocol.
 */
int cmd_get(int argc, char **argv, struct icr_error *err);
int cmd_store(int argc, char **argv, struct icr_error *err);
int cmd_erase(int argc, char **argv, struct icr_error *err);
int cmd_list(int argc, char **argv, struct icr_error *err);
int cmd_version(int argc, char **argv, struct icr_error *err);
int cmd_configure(int argc, char **argv, struct icr_error *err);

#endif
