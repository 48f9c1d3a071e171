/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_KNOWN_H
#define REWRITE_KNOWN_H

#include <stdbool.h>

#include "icr/region-set.h"
#include "icr/sha256.h"

struct icr_value;
struct run;

/*
 * What a refresh that went well found in a hosts file that is so large that reading it, and having
 * the resolver read it for each name, would be most of what the next one does. By the file's
 * identity it is known to be the same still, as git knows the files of its index: device, inode,
 * size and both times, and only where these were older than what a file system's clock can hide.
 * It is kept below /run with the times of the proofs.
 *
 * Only where the resolver looks into the hosts file first, and nobody answers in its place, so that
 * what was verified of these bytes holds until they, or nsswitch.conf, change.
 */
struct known {
	char hash[ICR_SHA256_HEX];    /* of the file */
	struct icr_region_set pinned; /* as hosts_pinned() found them */
	bool past_files;	      /* other names can be asked of the name servers at once */
};

/* Does the resolver go by the hosts file before all else (nsswitch.conf(5))? RET_DNS: and then ask
 * the name servers, and nobody between. */
bool known_files_first(bool *ret_dns);

/* What MESSAGE, a part of what known_put() wrote, says of the hosts file as it stands now; false
 * when that is nothing. */
bool known_read(const struct icr_value *message, struct known *ret_known);

/* What the next run may know of the hosts file that RUN, whose routes are verified, has read: added
 * to OBJECT, where there is something. */
void known_put(const struct run *run, struct icr_value *object);

#endif
