/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_HELPER_H
#define HELPER_HELPER_H

#include <stdbool.h>

#include "helper/config.h"
#include "icr/buf.h"
#include "icr/environment.h"
#include "icr/error.h"
#include "icr/program.h"

#define HELPER_NAME "docker-credential-icr"

/* What every verb but version works with. */
struct helper_context {
	struct icr_environment environment;
	struct config config;
	const char *asked; /* of get: the caller's URL, as it came */
};

/* Reads environment and configuration. Free with helper_context_free. -ICR_E_CONFIG, -ICR_E_SYNTAX
 * or -errno for a configuration that cannot be used. */
int helper_context_init(struct helper_context *ret_context, struct icr_error *err);
void helper_context_free(struct helper_context *context);

#define _cleanup_context_ __attribute__((cleanup(helper_context_free)))

/* ICR_QUIET=1 or --quiet: hints that the user did not ask for stay unsaid. */
bool helper_is_quiet(void);

/* Can a program that looks for HELPER_NAME in PATH find it? */
bool helper_is_in_path(const struct icr_environment *environment);

/* A line for the user on standard error, made fit for a terminal. Standard output belongs to the
 * protocol. Never a secret. */
#define helper_note(...) icr_say(ICR_INFO, __VA_ARGS__)

/* A note made of an error: "TEXT: WHERE: WHAT" (TEXT may be NULL), and its hint in a line of its
 * own. Not kept back by --quiet: something went wrong. */
void helper_note_error(const struct icr_error *err, const char *text);

#endif
