/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_BLOCK_H
#define REWRITE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/domain.h"
#include "icr/error.h"
#include "icr/resolve.h"
#include "rewrite/work.h"

/*
 * The text of a hosts file (hosts(5)) and our block in it. Pure functions: no file, no host.
 *
 *	# BEGIN icr-rewrite: private addresses of ...
 *	166.9.250.214<TAB>us.icr.io registry.ng.bluemix.net
 *	# END icr-rewrite
 *
 * What is ours, and goes when our share is taken out, also after somebody edited the file:
 * - the marker lines, wherever they stand and however many;
 * - between BEGIN and END, lines of an address and ICR names only; anything else that somebody put
 *   there (other hosts, comments, empty lines) stays;
 * - when END is missing, such lines directly behind BEGIN, up to the first line of another kind;
 *   when BEGIN is missing, such lines directly before END;
 * - the prefix HOSTS_HIDDEN of a line that --force commented out: the line itself comes back.
 * With both markers gone nothing is provably ours and nothing goes.
 */
#define HOSTS_BEGIN  "# BEGIN icr-rewrite"
#define HOSTS_END    "# END icr-rewrite"
#define HOSTS_HIDDEN "#icr-rewrite# "

#define HOSTS_NOWHERE ((size_t)-1)

#define HOSTS_FILE "/etc/hosts"

/*
 * Appends TEXT without our share. NEWLINE: the line end before the block was ours too, because the
 * file had none; it goes when the block is the last thing in the file. ret_position is where in OUT
 * the first block stood, or HOSTS_NOWHERE. Returns whether anything was taken out.
 */
bool hosts_block_strip(const char *text, size_t len, bool newline, struct icr_buf *out,
		       size_t *ret_position);

/* Adds the regions that have a name in our share of TEXT. */
void hosts_block_regions(const char *text, size_t len, struct icr_region_set *set);

/* Appends the block of the active routes, one line per address; nothing when none is active. CRLF
 * ends its lines as a file does whose first line ends so. */
void hosts_block_print(const struct routes *routes, bool crlf, struct icr_buf *out);

/* Does the text's first line end in CR LF? */
bool hosts_crlf(const char *text, size_t len);

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

#endif
