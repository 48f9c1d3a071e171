/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_FILE_H
#define ICR_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "icr/buf.h"
#include "icr/error.h"

struct icr_strings;
struct stat;

/* Largest file of somebody else's that we read and edit. */
#define ICR_FILE_MAX ((size_t)8 * 1024 * 1024)

/*
 * Appends the whole of a regular file to RET (initialised by the caller with its maximum). Symbolic
 * links are followed. Returns 1 when the file was read, 0 when there is none (ENOENT only; a
 * dangling symbolic link is an error that names link and target), negative on failure: not a
 * regular file, unreadable, larger than the buffer's maximum.
 */
int icr_file_read(const char *path, struct icr_buf *ret, struct icr_error *err);

/* The same; when the file was read, RET_ST is what fstat() had said of it before. */
int icr_file_read_seen(const char *path, struct icr_buf *ret, struct stat *ret_st,
		       struct icr_error *err);

/*
 * Is the regular file PATH just these bytes? 1 or 0 (also when there is none), or negative as
 * above. Holds a part of it at a time, and stops at the first that differs.
 */
int icr_file_equals(const char *path, const void *data, size_t len, struct icr_error *err);

/* The same; RET_WRITTEN: somebody has it open for writing. False where that cannot be told. */
int icr_file_equals_seen(const char *path, const void *data, size_t len, bool *ret_written,
			 struct icr_error *err);

/* The same where nobody is told why not: true when there is a file that can be read, which is then
 * appended to RET. */
bool icr_file_try(const char *path, struct icr_buf *ret);

/* Who may own a private file and how open it may be. */
struct icr_file_policy {
	uid_t owner;	  /* must be the owner */
	mode_t forbidden; /* mode bits that may not be set, e.g. 0077 */
};

/*
 * The same for a file that must be private: the last component may not be a symbolic link, and
 * owner and mode are checked on the open file against POLICY. -ICR_E_REFUSED with the reason and
 * the command that mends it.
 */
int icr_file_read_private(const char *path, const struct icr_file_policy *policy,
			  struct icr_buf *ret, struct icr_error *err);

/*
 * The same for the file of PATH's last name in the open FOLDER, wherever that is by now; PATH
 * itself is for messages. So a folder whose owner and mode were checked is the one that is used.
 */
int icr_file_read_private_at(int folder, const char *path, const struct icr_file_policy *policy,
			     struct icr_buf *ret, struct icr_error *err);

/* Replaces (or creates) it as icr_file_replace does, but whatever stands there, links too, gives
 * way to a file of mode 0600 that belongs to the owner of the folder. */
int icr_file_replace_private(int folder, const char *path, const void *data, size_t len,
			     struct icr_error *err);

/*
 * Replaces (or creates) PATH by DATA so that at every instant the old file or the new stands there
 * whole: temporary file in the same folder, fsync, rename, fsync of the folder. A symbolic link is
 * followed and its target replaced. Owner, mode, ACL and the other extended attributes (SELinux
 * label) of the old file are kept; a new file gets NEW_MODE exactly, whatever the umask. No
 * temporary file is left behind on failure.
 */
int icr_file_replace(const char *path, const void *data, size_t len, mode_t new_mode,
		     struct icr_error *err);

/*
 * The first half of icr_file_replace, for several files at once: writes and fsyncs DATA into
 * TEMPORARY (created exclusively, in the folder of TARGET) with owner, mode, ACL and label of
 * TARGET, or NEW_MODE when TARGET does not exist. On failure TEMPORARY is removed again.
 */
int icr_file_stage(const char *target, const char *temporary, const void *data, size_t len,
		   mode_t new_mode, struct icr_error *err);

/* The path behind symbolic links, of a file that need not exist yet (its folder must): malloc'ed.
 * -ENOENT with both names for a dangling symbolic link. */
int icr_file_resolve(const char *path, char **ret_path, struct icr_error *err);

/* fsync of the folder that holds PATH. */
int icr_file_sync_folder(const char *path, struct icr_error *err);

/* mkdir -p: folders that are made get MODE exactly, and by root the owner of the folder that they
 * are made in; existing ones are left as they are. */
int icr_folder_make(const char *path, mode_t mode, struct icr_error *err);

/* Adds the files of FOLDER whose names end in SUFFIX and have more than that, sorted, as paths;
 * none where there is no such folder. */
void icr_folder_list(const char *folder, const char *suffix, struct icr_strings *paths);

/*
 * Temporary files beside the file that they will replace: ".NAME.icr-XXXXXX", X of [a-z0-9].
 *
 * Whoever writes one holds flock() on it until it is renamed or removed, and the kernel lets go of
 * that lock when the writer dies. So a temporary file that can be locked is one that nobody will
 * ever rename. Those of transactions, ".NAME.icr-new-XXXXXX", are not locked: they outlive their
 * process, and the journal knows them.
 */

/* A new name beside TARGET; malloc'ed. MARK is "" or "new-". Nothing is created. */
int icr_temporary_name(const char *target, const char *mark, char **ret_name,
		       struct icr_error *err);

/* Removes what dead processes left beside TARGET. Failures do not matter: the next one tries. */
void icr_temporary_sweep(const char *target);

/* DIRECTORY/NAME, or ROOT put before an absolute PATH; malloc'ed. */
char *icr_path_join(const char *directory, const char *name);

/* The folder part ("." and "/" where there is none), malloc'ed. */
char *icr_path_folder(const char *path);

/* The part behind the last slash, inside PATH. */
const char *icr_path_base(const char *path);

/* What the symbolic link PATH says, malloc'ed; -errno with the path when it cannot be read. */
int icr_path_link_target(const char *path, char **ret_target, struct icr_error *err);

/* PATH with the links of its folder followed, but not those of its last component; malloc'ed.
 * -EISDIR when the last component can be no file ("", ".", ".."), -errno when the folder is not
 * there. */
int icr_path_resolve_folder(const char *path, char **ret_path, struct icr_error *err);

/*
 * Waits at most TIMEOUT_MS for the exclusive lock on PATH and returns its file descriptor (closing
 * it lets go). PATH may be a folder that exists, or a file, which is created 0600; a lock file that
 * was replaced or removed while waiting is opened anew. -ETIMEDOUT names the path.
 */
int icr_lock(const char *path, int timeout_ms, struct icr_error *err);

/* The same for the file of PATH's last name in the open FOLDER, which may not be a link and is
 * created for the folder's owner. */
int icr_lock_at(int folder, const char *path, int timeout_ms, struct icr_error *err);

#endif
