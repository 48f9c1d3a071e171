/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_SOURCE_SOURCE_H
#define HELPER_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "helper/credential.h"
#include "icr/buf.h"
#include "icr/error.h"
#include "icr/host.h"

struct helper_context;

/* One search for the credential of a host. */
struct lookup {
	const struct helper_context *context;
	struct icr_host host;
	struct icr_buf looked;	 /* where a miss was looked for, for people: "A, B, C" */
	struct icr_error locked; /* set when a keyring would have to be unlocked to tell */
};

/*
 * A place where get looks: one file NAME.c and a line in SOURCES (source.c).
 */
struct source {
	const char *name;
	bool any_host; /* answers every ICR host but cp.icr.io and stg.icr.io, with one key */

	/* Returns 1 with the credential, or 0 when there is none here, having said in
	 * lookup->looked where it looked (lookup_looked). A failure ends the search. */
	int (*find)(struct lookup *lookup, struct credential *ret_credential,
		    struct icr_error *err);
};

extern const struct source *const sources[];
extern const size_t sources_count;

/* Asks the sources in order. Returns 1 or 0 as they do; -ICR_E_LOCKED when nothing answered and a
 * locked keyring might have. Free with lookup_free. */
void lookup_init(struct lookup *lookup, const struct helper_context *context,
		 const struct icr_host *host);
int lookup_run(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err);
void lookup_free(struct lookup *lookup);

#define _cleanup_lookup_ __attribute__((cleanup(lookup_free)))

void lookup_looked(struct lookup *lookup, const char *format, ...) ICR_PRINTF(2, 3);

/* Is an API key, or the stored default, good for this host? cp.icr.io and stg.icr.io have
 * credentials of their own. */
bool source_takes_any_key(const struct icr_host *host);

#endif
