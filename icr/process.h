/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_PROCESS_H
#define ICR_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"

/* A child program: no shell, arguments never secret. */
struct icr_process {
	const char *const *arguments; /* arguments[0] is looked up in PATH unless it has a slash */
	const char *input;	      /* written to its standard input; NULL = /dev/null */
	size_t input_len;
	int timeout_ms;		/* then SIGKILL */
	struct icr_buf *output; /* standard output is appended; NULL = /dev/null */
	struct icr_buf *errors; /* standard error; may be the same buffer; NULL = /dev/null */
	bool pass_errors;	/* leave standard error as ours is */
	bool pass_keys;		/* leave the API keys in its environment: it is there to use them */
};

/* Returns the exit status, or 128 + signal. -ETIMEDOUT, -ENOENT (no such program), -errno. */
int icr_process_run(const struct icr_process *process, struct icr_error *err);

#endif
