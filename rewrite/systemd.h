/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_SYSTEMD_H
#define REWRITE_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "rewrite/host.h"

/*
 * A list of strings: command lines, NAME=VALUE environments. Zero-initialise. Adding never reports:
 * the first lack of memory sticks and words_check() tells. Freeing wipes, since proxy URLs may hold
 * passwords.
 */
struct words {
	char **items;
	size_t count;
	bool failed;
};

void words_add(struct words *words, const char *bytes, size_t len);

/* Adds the strings of a block in which each ends with a NUL, as in /proc/PID/cmdline. */
void words_add_block(struct words *words, const char *block, size_t len);

/*
 * Adds the items of TEXT as systemd splits them: separated by white space, with '...' and "..."
 * taken off wherever they stand, and C escapes. Source: systemd.syntax(7), "Quoting". False when a
 * quote is left open; what came before it has been added then.
 */
bool words_split(struct words *words, const char *text, size_t len);

/* The value of the last NAME=VALUE; NULL when there is none or it is empty. */
const char *words_value(const struct words *words, const char *name);

void words_clear(struct words *words);

/* -ENOMEM when an addition failed. */
int words_check(const struct words *words, struct icr_error *err);

#define _cleanup_words_ __attribute__((cleanup(words_clear)))

/* Adds the assignments of a file that EnvironmentFile= names. Source: systemd.exec(5). */
void systemd_environment_parse(struct words *environment, const char *text, size_t len);

/* Adds IN's items with "%%" made "%"; other specifiers stay as written. */
void systemd_percent(const struct words *in, struct words *out);

/*
 * Adds the words of an ExecStart= line, the program first: its prefixes taken off, $NAME and
 * ${NAME} filled in from ENVIRONMENT. Source: systemd.service(5), "Command Lines".
 */
void systemd_command_parse(struct words *command, const char *line,
			   const struct words *environment);

/* Appends Environment="NAME=VALUE" with what systemd would take for its own escaped. */
void systemd_environment_quote(struct icr_buf *out, const char *name, const char *value);

/* Where systemd looks for units of the system, best first. Source: systemd.unit(5), "Unit File Load
 * Path"; the last is where packages put them that know no merged /usr. */
#define SYSTEMD_ETC	  "/etc/systemd/system"
#define SYSTEMD_RUN	  "/run/systemd/system"
#define SYSTEMD_USR_LOCAL "/usr/local/lib/systemd/system"
#define SYSTEMD_USR	  "/usr/lib/systemd/system"
#define SYSTEMD_LIB	  "/lib/systemd/system"

/* The first lines of a drop-in that we wrote. */
#define SYSTEMD_DROPIN_MARK                                                                        \
	"# Written by icr-rewrite. Do not edit: icr-rewrite undo removes this file.\n"

/* A service with its drop-ins, as systemd.unit(5) and systemd.exec(5) say. */
struct systemd_unit {
	char *path;		  /* of the unit's main file, as the host sees it; NULL: no unit */
	struct words command;	  /* of ExecStart, its variables filled in; may be empty */
	struct words environment; /* of Environment= and then EnvironmentFile=; the last wins */
	struct words files;	  /* what EnvironmentFile= alone contributes to it */
};

/* Reads the unit NAME, from files alone. Files that cannot be read count as empty, as for systemd;
 * so does the drop-in OURS when it is one that we wrote. */
int systemd_unit_read(const struct host *host, const char *name, const char *ours,
		      struct systemd_unit *ret_unit, struct icr_error *err);

/* Does a drop-in of this text belong to us? */
bool systemd_dropin_is_ours(const char *text, size_t len);

void systemd_unit_free(struct systemd_unit *unit);

/* Does systemd run here? */
bool systemd_runs(void);

/* systemctl VERB [UNIT]: 0, or negative with what it said in ERR. UNIT may be NULL. */
int systemd_ctl(const char *verb, const char *unit, int timeout_ms, struct icr_error *err);

/* Has systemd read its units again. */
int systemd_reload(int timeout_ms, struct icr_error *err);

#endif
