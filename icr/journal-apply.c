/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/journal.h"
#include "icr/sha256.h"

char *icr_state_of(enum icr_journal_kind kind, const char *data, size_t len)
{
	char hex[ICR_SHA256_HEX];
	char *state = NULL;

	icr_sha256_hex(data, len, hex);
	if (asprintf(&state, "%s:%s", kind == ICR_JOURNAL_SYMLINK ? "link" : "file", hex) < 0)
		return NULL;
	return state;
}

int icr_state_read(const char *path, char **ret_state, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf content = {0};
	_cleanup_free_ char *target = NULL;
	struct stat st;
	char *state = NULL;

	if (lstat(path, &st) < 0) {
		if (errno != ENOENT)
			return icr_fail_errno(err, errno, path, "cannot look at the file");
		*ret_state = NULL;
		return 0;
	}
	icr_buf_init(&content, ICR_FILE_MAX);
	if (S_ISLNK(st.st_mode)) {
		int r = icr_path_link_target(path, &target, err);
		if (r < 0)
			return r;
		state = icr_state_of(ICR_JOURNAL_SYMLINK, target, strlen(target));
	} else {
		int r = icr_file_read(path, &content, err);
		if (r == 0) /* removed just now */
			*ret_state = NULL;
		if (r <= 0)
			return r;
		state = icr_state_of(ICR_JOURNAL_WRITE, content.data, content.len);
	}
	if (!state)
		return icr_fail_memory(err);
	*ret_state = state;
	return 0;
}

bool icr_state_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

int icr_journal_apply(const struct icr_journal_entry *entry, struct icr_error *err)
{
	if (entry->kind == ICR_JOURNAL_REMOVE) {
		if (unlink(entry->path) < 0 && errno != ENOENT)
			return icr_fail_errno(err, errno, entry->path, "cannot remove the file");
		return 0;
	}
	if (rename(entry->temporary, entry->path) < 0)
		return icr_fail_errno(err, errno, entry->path,
				      "cannot put the new file in its place");
	return 0;
}

static bool same_folder(const char *a, const char *b)
{
	size_t len = (size_t)(icr_path_base(a) - a);

	return len == (size_t)(icr_path_base(b) - b) && memcmp(a, b, len) == 0;
}

int icr_journal_sync(const struct icr_journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count; i++) {
		const char *path = journal->entries[i].path;
		bool done = false;
		for (size_t k = 0; k < i && !done; k++)
			done = same_folder(path, journal->entries[k].path);
		int r = done ? 0 : icr_file_sync_folder(path, err);
		/* a folder that is gone has nothing to bring to the disk */
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

/* ENOTDIR: the whole folder is gone. A read-only file system says EROFS also of what is not there.
 */
static int remove_temporary(const char *path, struct icr_error *err)
{
	struct stat info;

	if (unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR)
		return 0;
	int code = errno;
	if (code == EROFS && lstat(path, &info) < 0 && errno == ENOENT)
		return 0;
	return icr_fail_errno(err, code, path, "cannot remove the temporary file");
}

int icr_journal_discard(const struct icr_journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count; i++) {
		const char *temporary = journal->entries[i].temporary;
		int r = temporary ? remove_temporary(temporary, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}
