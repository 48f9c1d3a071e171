/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_SYSTEMD_H
#define REWRITE_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/text.h"
#include "rewrite/host.h"

/*
 * Adds the items of TEXT as systemd splits them: separated by white space, with '...' and "..."
 * taken off wherever they stand, and C escapes. Source: systemd.syntax(7), "Quoting". False when a
 * quote is left open; what came before it has been added then.
 */
bool systemd_split(struct icr_strings *words, const char *text, size_t len);

/* The value of the last NAME=VALUE; NULL when there is none or it is empty. */
const char *environment_value(const struct icr_strings *words, const char *name);

/* Adds the assignments of a file that EnvironmentFile= names. Source: systemd.exec(5). */
void systemd_environment_parse(struct icr_strings *environment, const char *text, size_t len);

/* What some specifiers stand for. */
struct systemd_names {
	const char *unit; /* "docker.service" */
	const char *host; /* NULL below --root, where it is not known yet */
};

/* Adds TEXT with its specifiers filled in; false when one of them only systemd could fill in (it
 * stays as written then). Source: systemd.unit(5), "Specifiers". */
bool systemd_fill_in(struct icr_strings *out, const char *text, const struct systemd_names *names);

/*
 * Adds the words of an ExecStart= line, the program first: its prefixes taken off, $NAME and
 * ${NAME} filled in from ENVIRONMENT. Source: systemd.service(5), "Command Lines".
 */
void systemd_command_parse(struct icr_strings *command, const char *line,
			   const struct icr_strings *environment,
			   const struct systemd_names *names);

/* Appends Environment="NAME=VALUE" with what systemd would take for its own escaped. */
void systemd_environment_quote(struct icr_buf *out, const char *name, const char *value);

/* Where systemd looks for units of the system, best first. Source: systemd.unit(5), "Unit File Load
 * Path"; the last is where packages put them that know no merged /usr. */
#define SYSTEMD_ETC	  "/etc/systemd/system"
#define SYSTEMD_RUN	  "/run/systemd/system"
#define SYSTEMD_USR_LOCAL "/usr/local/lib/systemd/system"
#define SYSTEMD_USR	  "/usr/lib/systemd/system"
#define SYSTEMD_LIB	  "/lib/systemd/system"

/* Below it, in a folder of the unit's name, its processes find their credentials. */
#define SYSTEMD_CREDENTIALS "/run/credentials"

/* A service with its drop-ins, as systemd.unit(5) and systemd.exec(5) say. */
struct systemd_unit {
	char *path; /* of the unit's main file, as the host sees it; NULL: no unit */
	struct icr_strings command; /* of ExecStart, its variables filled in; may be empty */
	/* of the manager, of Environment= and then of EnvironmentFile=; the last wins */
	struct icr_strings environment;
	struct icr_strings files; /* what EnvironmentFile= alone contributes to it */
	bool open;		  /* the environment has specifiers that only systemd can fill in */
	char *folder;		  /* WorkingDirectory=; NULL: "/" */
	char *root;		  /* RootDirectory= or RootImage=; NULL: the host's root */
	/* what BindPaths=, BindReadOnlyPaths= and TemporaryFileSystem= cover for its processes */
	struct icr_strings covered;
	struct icr_strings sources; /* of each of these, what is seen there; "": nothing */
	char *closed; /* a file of it that this process may not read, though systemd may; or NULL */
};

/*
 * What host_open() looks at once for all units: which of systemd's folders are there, and what all
 * services get. A run goes by that, however long it takes. Free with systemd_units_free.
 */
struct systemd_units *systemd_look(void);
void systemd_units_free(struct systemd_units *units);

/* Is it known by that look that PATH is missing, a file of systemd's or a folder of drop-ins? */
bool systemd_lacks(const struct host *host, const char *path);

/* Where the unit stands, as the host sees it, malloc'ed; NULL when there is none. */
char *systemd_unit_path(const struct host *host, const char *unit);

/*
 * Reads the unit NAME, from files alone. Files that cannot be read count as empty, as for systemd;
 * so does the drop-in OURS when it is one that we wrote. Where systemd runs it is not asked either:
 * its list of variables has lost what our drop-in replaced, it tells nothing of what the files that
 * EnvironmentFile= names hold, and it knows edits only when it has been told to read them.
 */
struct systemd_unit systemd_unit_read(const struct host *host, const char *name, const char *ours);

void systemd_unit_free(struct systemd_unit *unit);

/* Does systemd run here? */
bool systemd_runs(void);

/* systemctl VERB [UNIT]: 0, or negative with what it said in ERR. UNIT may be NULL. */
int systemd_ctl(const char *verb, const char *unit, int timeout_ms, struct icr_error *err);

/* Has systemd read its units again. */
int systemd_reload(int timeout_ms, struct icr_error *err);

#endif
