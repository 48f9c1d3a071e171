/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_HOST_H
#define ICR_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/region.h"

/* Long enough for every ICR name: "private." + a label of 63 + ".icr.io", or a deprecated name. */
#define ICR_HOST_MAX 80

#define ICR_ENTITLED_NAME "cp.icr.io"

enum icr_host_kind {
	ICR_HOST_PUBLIC,   /* icr.io, LABEL.icr.io */
	ICR_HOST_PRIVATE,  /* private.icr.io, private.LABEL.icr.io */
	ICR_HOST_ALIAS,	   /* registry.X.bluemix.net of the table */
	ICR_HOST_ENTITLED, /* cp.icr.io: its own credentials, the global private addresses */
	ICR_HOST_STAGING,  /* stg.icr.io: stored credentials only */
};

struct icr_host {
	enum icr_host_kind kind;
	char name[ICR_HOST_MAX];	 /* normalised: lower case, no scheme, port, path */
	const struct icr_region *region; /* NULL for labels that the table does not know, cp, stg */
};

/*
 * Reads a host as clients spell it: HOST, HOST:443, with http:// or https://, with a path, a tag or
 * (not behind a scheme) a digest behind it, in any case. False when it is not an ICR host: not
 * icr.io, a name of one label before ".icr.io" with or without "private." in front, or an alias of
 * the table; dd0.icr.io and its like, where downloads come from, are none. ret_host is then
 * untouched. TEXT need not be NUL-terminated; any bytes are allowed.
 */
bool icr_host_parse(const char *text, size_t len, struct icr_host *ret_host);

/* The other name of the same registry, private <-> public; an alias has its region's private name
 * as twin. False for cp and stg, which have none. */
bool icr_host_twin(const struct icr_host *host, char ret_name[ICR_HOST_MAX]);

/* The public name of a registry: of a private name or alias its public twin, else the name. */
void icr_host_public(const struct icr_host *host, char ret_name[ICR_HOST_MAX]);

/* The private name of a registry; false for cp and stg. */
bool icr_host_private(const struct icr_host *host, char ret_name[ICR_HOST_MAX]);

/*
 * The names whose stored credential also serves HOST, nearest first, without HOST itself: its twin,
 * then the alias (or, asked by alias, public then private). At most ICR_HOST_RELATIVES of them;
 * returns how many (0 for cp and stg).
 */
#define ICR_HOST_RELATIVES 2
size_t icr_host_relatives(const struct icr_host *host,
			  char ret_names[ICR_HOST_RELATIVES][ICR_HOST_MAX]);

#endif
