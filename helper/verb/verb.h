/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_VERB_VERB_H
#define HELPER_VERB_VERB_H

#include "icr/error.h"
#include "icr/program.h"

/*
 * The verbs, each in a file of its own; their table is in main.c. argv[0] is the verb. They return
 * the exit status, or negative with ERR filled: main prints it.
 */
int cmd_store(int argc, char **argv, struct icr_error *err);
int cmd_get(int argc, char **argv, struct icr_error *err);
int cmd_erase(int argc, char **argv, struct icr_error *err);
int cmd_list(int argc, char **argv, struct icr_error *err);
int cmd_version(int argc, char **argv, struct icr_error *err);
int cmd_configure(int argc, char **argv, struct icr_error *err);

int cmd_explain(int argc, char **argv, struct icr_error *err);
int cmd_import(int argc, char **argv, struct icr_error *err);
int cmd_login(int argc, char **argv, struct icr_error *err);
int cmd_logout(int argc, char **argv, struct icr_error *err);

/* The program under its other name. */
#define KUBELET_NAME "icr-credential-provider"
int kubelet_answer(void);

extern const struct icr_option configure_options[], explain_options[], import_options[],
	login_options[], logout_options[];

#endif
