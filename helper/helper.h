/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_HELPER_H
#define HELPER_HELPER_H

#include <stdbool.h>

#include "helper/config.h"
#include "icr/buf.h"
#include "icr/environment.h"
#include "icr/error.h"

#define HELPER_NAME "docker-credential-icr"

/* What every verb but version works with. */
struct helper_context {
	struct icr_environment environment;
	struct config config;
};

/* Reads environment and configuration. Free with helper_context_free. -ICR_E_CONFIG, -ICR_E_SYNTAX
 * or -errno for a configuration that cannot be used. */
int helper_context_init(struct helper_context *ret_context, struct icr_error *err);
void helper_context_free(struct helper_context *context);

#define _cleanup_context_ __attribute__((cleanup(helper_context_free)))

/* Can a program that looks for HELPER_NAME in PATH find it? */
bool helper_is_in_path(const struct icr_environment *environment);

/* A line for the user on standard error, "docker-credential-icr: ...", control characters made
 * harmless. Standard output belongs to the protocol. Never a secret. */
void helper_note(const char *format, ...) ICR_PRINTF(1, 2);

/* Makes TEXT fit for one line of a terminal: control characters become spaces or question marks. */
void helper_one_line(struct icr_buf *text);

/* A note made of an error: "TEXT: WHERE: WHAT" (TEXT may be NULL), and its hint in a line of its
 * own. */
void helper_note_error(const struct icr_error *err, const char *text);

#endif
