/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_TERMINAL_H
#define HELPER_TERMINAL_H

#include "icr/buf.h"
#include "icr/error.h"

/*
 * Asks for a secret on the terminal, without echo, and appends the line to RET without what
 * terminals put around pasted text. Signals that would end or stop the program are taken meanwhile
 * and sent again when the terminal is as it was. -ECANCELED for Ctrl-C, Ctrl-D and those.
 */
int terminal_ask_secret(const char *prompt, struct icr_buf *ret, struct icr_error *err);

/* The same with echo, for what is no secret. */
int terminal_ask(const char *prompt, struct icr_buf *ret, struct icr_error *err);

#endif
