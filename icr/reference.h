/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_REFERENCE_H
#define ICR_REFERENCE_H

#include "icr/error.h"
#include "icr/host.h"

/*
 * An image reference HOST[:PORT]/PATH[:TAG][@DIGEST] of an ICR host. Grammar:
 * distribution/reference (path components of lower-case alphanumerics with separators '.', '_',
 * '__', '-'; tag [A-Za-z0-9_][A-Za-z0-9._-]{0,127}; digest ALGORITHM:HEX). Free with
 * icr_reference_free.
 */
struct icr_reference {
	struct icr_host host;
	char *repository; /* "ns/img", without host */
	char *tag;	  /* NULL when not given */
	char *digest;	  /* "sha256:..." or NULL */
};

/* -EINVAL with what is wrong, for anything that is not a reference to an image at an ICR host. */
int icr_reference_parse(const char *text, struct icr_reference *ret_reference,
			struct icr_error *err);

/* The same image by its private (or public) name; malloc'ed. NULL when the host
 * has no such twin, or the name would be longer than a reference's may be. Tag and digest are kept
 * as they were. */
char *icr_reference_map(const struct icr_reference *reference, enum icr_host_kind kind);

void icr_reference_free(struct icr_reference *reference);

#define _cleanup_reference_ __attribute__((cleanup(icr_reference_free)))

#endif
