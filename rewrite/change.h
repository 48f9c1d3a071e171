/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_CHANGE_H
#define REWRITE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "icr/buf.h"
#include "icr/edit.h"
#include "icr/error.h"
#include "icr/sha256.h"
#include "rewrite/host.h"

struct part;

/* What the state tells of a file that a run changed. */
struct state_file {
	char *part, *path;
	bool existed; /* before us */
	bool link;
	char before[ICR_SHA256_HEX]; /* "" when it did not exist */
	char after[ICR_SHA256_HEX];  /* of the text, or of a symbolic link's target */
	struct icr_edit back;	     /* from what we left to what was there */
	bool kept;		     /* what we left is kept beside the state */
	char *record;		     /* the part's own JSON object; or NULL */
};

/*
 * A file's content at one moment: absent, a regular file, or a symbolic link (text = its target).
 * A text that is the same as that of the change's current content mostly shares its bytes: the file
 * may be large, and on most hosts nothing changes.
 */
struct content {
	bool exists;
	bool link;
	bool unread;		   /* the text is not there, its hash is: see changes_unread() */
	struct icr_buf text;	   /* never written to in place */
	char hash[ICR_SHA256_HEX]; /* of text, once asked for; see content_hash() */
};

/* What an earlier run left in a file that others have edited since, as a whole, and what leads from
 * that text to the one before us. */
struct left {
	const struct icr_buf *text;
	const struct icr_edit *back;
};

/* The SHA-256 of the text, computed once. */
const char *content_hash(const struct content *content);

/*
 * One file that we change, in its three states: as it is now, as it would be without us, and as it
 * shall be. Applying is always: take our share out (base), then edit the base. So a second run
 * finds current == wanted, and undo writes the base.
 */
struct change {
	const struct part *part;
	char *path;
	struct content current, base, wanted;
	struct icr_edit edit; /* base -> wanted */
	char *record; /* what the part needs to take its share out of a file that others edited
			 since: a JSON object, kept in the state; or NULL */
	const struct left *left;	 /* for strip; NULL when it is not known */
	const struct state_file *unread; /* what the state tells, where the texts are not there */
	struct host_sight sight;	 /* of a regular file, before it was read */
	mode_t new_mode;		 /* of a file that does not exist yet */
	bool symbolic; /* a symbolic link shall stand here: PATH is not followed */
	bool recorded; /* the state knows it: an earlier run changed it */
	bool created;  /* ... and the file did not exist before us */
	bool edited;   /* ... and it is no longer what we left */
	bool hidden;   /* ... and what we left in it is kept for root, whom we are not */
	bool unclear;  /* ... so that nobody but root can tell what of it is ours */
	bool lost;     /* ... and what we left in it is gone, so that nobody can tell */
	bool internal; /* a file of our own beside the state: in no diff, report or record */
};

struct changes {
	struct change **items;
	size_t count;
};

/*
 * The change of PATH for PART: the one that is already there (its base computed from the state), or
 * a new one whose base is the file as it stands, wanted being the same. The changes own it.
 * At most part->file_max bytes.
 */
int changes_file(struct changes *changes, const struct host *host, const struct part *part,
		 const char *path, struct change **ret_change, struct icr_error *err);

/* The same for a path where a symbolic link shall stand: it is not followed. */
int changes_link(struct changes *changes, const struct host *host, const struct part *part,
		 const char *path, struct change **ret_change, struct icr_error *err);

/*
 * The same for a file that is known to be what FILE says that we left, so that nobody has read it:
 * there are hashes and no texts. FILE stays the caller's.
 */
struct change *changes_unread(struct changes *changes, const struct part *part,
			      const struct state_file *file);

/* The change of PATH that is already there, or NULL. */
struct change *changes_find(const struct changes *changes, const char *path);

/* base = EXISTS and TEXT, and wanted the same: what a part's strip hands over. */
int change_set_base(struct change *change, bool exists, const char *text, size_t len,
		    struct icr_error *err);

/* wanted = base with EDIT (moved in). RECORD is copied; may be NULL. An empty edit means: not ours
 * to change. */
int change_edit(struct change *change, struct icr_edit *edit, const char *record,
		struct icr_error *err);

/* wanted = this whole text (a file that is entirely ours), or a symbolic link to TARGET. */
int change_write(struct change *change, const char *text, mode_t new_mode, struct icr_error *err);
int change_link(struct change *change, const char *target, struct icr_error *err);

/* wanted = current: of a file whose texts are not there. */
void change_keep(struct change *change);

/* Does wanted differ from base: is something in the file ours? */
bool change_is_ours(const struct change *change);

/* Does current differ from base: is something in the file as it stands ours? */
bool change_holds_ours(const struct change *change);

/* The hash of what stands there now. */
const char *change_hash(const struct change *change);

/* Computes the hashes of base and wanted, which mostly begin alike, unless one is known. */
void change_hash_both(const struct change *change);

/* Does wanted differ from current? */
bool change_differs(const struct change *change);
bool changes_differ(const struct changes *changes);

/* Appends the unified diff of every file that differs. */
void changes_diff(const struct changes *changes, struct icr_buf *out);

/* Swaps current and wanted: the changes that put everything back. */
void changes_invert(struct changes *changes);

/* wanted = base, for all of them. */
void changes_drop(struct changes *changes);

void changes_free(struct changes *changes);

#endif
