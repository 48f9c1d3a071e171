/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_EDIT_H
#define ICR_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"

/*
 * Changes to a text as a list of splices: every byte outside them stays. Splices are given in
 * offsets of the original text, may come in any order and may not overlap (two insertions at one
 * place keep the order in which they were added).
 */
struct icr_splice {
	size_t start, end; /* replaced bytes of the original; start == end inserts */
	char *bytes;	   /* malloc'ed */
	size_t len;
};

struct icr_edit {
	struct icr_splice *items; /* sorted by start */
	size_t count;
	bool broken; /* asked for what cannot be: icr_edit_apply fails */
};

/* Zero-initialise; free with icr_edit_free. BYTES are copied. */
void icr_edit_splice(struct icr_edit *edit, size_t start, size_t end, const char *bytes,
		     size_t len);

/* Appends the edited text to OUT. */
int icr_edit_apply(const struct icr_edit *edit, const char *text, size_t len, struct icr_buf *out,
		   struct icr_error *err);

void icr_edit_free(struct icr_edit *edit);

#define _cleanup_edit_ __attribute__((cleanup(icr_edit_free)))

#endif
