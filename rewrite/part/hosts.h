/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PART_HOSTS_H
#define REWRITE_PART_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/region-set.h"
#include "icr/resolve.h"
#include "rewrite/block.h"
#include "rewrite/host.h"
#include "rewrite/route.h"

/* The hosts file (hosts(5)) and our block in it: "166.9.250.214<TAB>us.icr.io
 * registry.ng.bluemix.net". */
#define HOSTS_FILE "/etc/hosts"
#define HOSTS_MAX  ((size_t)65 * 1024 * 1024) /* 64 MiB of others, and our block */

/* An address and ICR names only? */
block_entry hosts_is_entry;

/* Adds the regions that have a name in our share of TEXT. */
void hosts_block_regions(const char *text, size_t len, struct icr_region_set *set);

/* Appends the block of the active routes, one line per address; nothing when none is active. CRLF
 * ends its lines as a file does whose first line ends so. */
void hosts_block_print(const struct routes *routes, bool crlf, struct icr_buf *out);

/* A line that gives an address to one of the names. */
struct hosts_conflict {
	size_t offset;		       /* of the line */
	size_t line;		       /* from 1 */
	const char *name;	       /* one of the names asked for */
	char address[ICR_ADDRESS_MAX]; /* "" when the line begins with something else */
};

/* The next line at or behind *OFFSET (a line start, counted by *LINE from 1) that names one of
 * NAMES; both are moved behind it. False when there is none. */
bool hosts_conflict_next(const char *text, size_t len, const char *const *names, size_t count,
			 size_t *offset, size_t *line, struct hosts_conflict *ret_conflict);

/*
 * The regions whose names our block in the hosts file steers now. Not what the state says: it may
 * be lost, or the block gone, and what the resolver answers depends on the file alone.
 */
int hosts_steered(const struct host *host, struct icr_region_set *ret_set, struct icr_error *err);

#endif
