/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/json.h"

#define JOURNAL_MAX  ((size_t)1024 * 1024)
#define JOURNAL_MODE 0600
#define VERSION	     "1"

static const char *const kind_names[] = {
	[ICR_JOURNAL_WRITE] = "write",
	[ICR_JOURNAL_REMOVE] = "remove",
	[ICR_JOURNAL_SYMLINK] = "symlink",
};

struct icr_journal_entry *icr_journal_add(struct icr_journal *journal)
{
	struct icr_journal_entry *entries =
		reallocarray(journal->entries, journal->count + 1, sizeof(*entries));

	if (!entries)
		return NULL;
	journal->entries = entries;
	entries[journal->count] = (struct icr_journal_entry){0};
	return &entries[journal->count++];
}

static void free_entry(struct icr_journal_entry *entry)
{
	if (entry->data)
		explicit_bzero(entry->data, entry->len);
	free(entry->data);
	free(entry->path);
	free(entry->temporary);
	free(entry->old_state);
	free(entry->new_state);
}

void icr_journal_drop(struct icr_journal *journal, size_t index)
{
	struct icr_journal_entry *entry = &journal->entries[index];

	free_entry(entry);
	memmove(entry, entry + 1, (--journal->count - index) * sizeof(*entry));
}

void icr_journal_free(struct icr_journal *journal)
{
	for (size_t i = 0; i < journal->count; i++)
		free_entry(&journal->entries[i]);
	free(journal->entries);
	*journal = (struct icr_journal){0};
}

static void print_member(struct icr_buf *out, const char *name, const char *value)
{
	icr_buf_printf(out, ", \"%s\": ", name);
	if (value)
		icr_json_quote(out, value, strlen(value));
	else
		icr_buf_text(out, "null");
}

static void print(const struct icr_journal *journal, struct icr_buf *out)
{
	icr_buf_printf(out, "{\"version\": " VERSION ", \"state\": \"%s\", \"entries\": [",
		       journal->committed ? "committed" : "prepared");
	for (size_t i = 0; i < journal->count; i++) {
		const struct icr_journal_entry *entry = &journal->entries[i];
		icr_buf_printf(out, "%s\n\t{\"kind\": \"%s\"", i > 0 ? "," : "",
			       kind_names[entry->kind]);
		print_member(out, "path", entry->path);
		print_member(out, "temporary", entry->temporary);
		print_member(out, "old", entry->old_state);
		print_member(out, "new", entry->new_state);
		icr_buf_char(out, '}');
	}
	icr_buf_text(out, "\n]}\n");
}

/* A string, or NULL for null; false for anything else. */
static bool read_text(const struct icr_json *json, uint32_t entry, const char *name,
		      char **ret_text)
{
	uint32_t node = icr_json_member(json, entry, name);

	if (icr_json_is(json, node, ICR_JSON_NULL))
		return true;
	*ret_text = icr_json_string_dup(json, node);
	return *ret_text != NULL;
}

static bool read_kind(const struct icr_json *json, uint32_t entry, enum icr_journal_kind *ret_kind)
{
	uint32_t node = icr_json_member(json, entry, "kind");

	for (size_t i = 0; i < ICR_LENGTH(kind_names); i++) {
		if (icr_json_is(json, node, ICR_JSON_STRING) &&
		    icr_json_string_is(json, node, kind_names[i])) {
			*ret_kind = (enum icr_journal_kind)i;
			return true;
		}
	}
	return false;
}

/* A temporary may only be one of ours beside its path: recovery renames and removes it. */
static bool is_plausible(const struct icr_journal_entry *entry)
{
	if (!entry->path || entry->path[0] != '/')
		return false;
	if (entry->kind == ICR_JOURNAL_REMOVE)
		return !entry->temporary && !entry->new_state;
	if (!entry->temporary || !entry->new_state)
		return false;
	size_t folder = (size_t)(icr_path_base(entry->path) - entry->path);
	const char *base = icr_path_base(entry->temporary);
	return strncmp(entry->path, entry->temporary, folder) == 0 &&
	       base == entry->temporary + folder && base[0] == '.' && strstr(base, ".icr-new-");
}

static bool read_entry(const struct icr_json *json, uint32_t node, struct icr_journal_entry *entry)
{
	return read_kind(json, node, &entry->kind) && read_text(json, node, "path", &entry->path) &&
	       read_text(json, node, "temporary", &entry->temporary) &&
	       read_text(json, node, "old", &entry->old_state) &&
	       read_text(json, node, "new", &entry->new_state) && is_plausible(entry);
}

static bool read_members(const struct icr_json *json, struct icr_journal *journal)
{
	uint32_t version = icr_json_member(json, 0, "version");
	uint32_t state = icr_json_member(json, 0, "state");
	uint32_t entries = icr_json_member(json, 0, "entries");

	if (!icr_json_is(json, version, ICR_JSON_NUMBER) ||
	    json->nodes[version].end - json->nodes[version].start != 1 ||
	    json->text[json->nodes[version].start] != VERSION[0] ||
	    !icr_json_is(json, state, ICR_JSON_STRING) ||
	    !icr_json_is(json, entries, ICR_JSON_ARRAY))
		return false;
	journal->committed = icr_json_string_is(json, state, "committed");
	if (!journal->committed && !icr_json_string_is(json, state, "prepared"))
		return false;
	for (uint32_t node = json->nodes[entries].child; node != ICR_JSON_NONE;
	     node = json->nodes[node].next) {
		struct icr_journal_entry *entry = icr_journal_add(journal);
		if (!entry || !read_entry(json, node, entry))
			return false;
	}
	return true;
}

static int parse(const char *path, const struct icr_buf *text, struct icr_journal *ret_journal,
		 struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_journal_ struct icr_journal journal = {0};

	int r = icr_json_parse(text->data, text->len, path, ICR_JSON_NO_NUL, &json, err);
	if (r < 0)
		return r;
	if (!read_members(&json, &journal)) {
		icr_fail_at(err, ICR_E_SYNTAX, path,
			    "is not a journal of changes that this version wrote");
		(void)icr_error_hint(err, "look at the files that it names, then remove it");
		return -ICR_E_SYNTAX;
	}
	*ret_journal = journal;
	journal = (struct icr_journal){0};
	return 1;
}

static bool is_same(const struct icr_journal *a, const struct icr_journal *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct icr_journal_entry *x = &a->entries[i], *y = &b->entries[i];
		if (strcmp(x->path, y->path) != 0 || !icr_state_equal(x->temporary, y->temporary))
			return false;
	}
	return true;
}

int icr_journal_write(const struct icr_journal *journal, const char *path, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = {0};
	_cleanup_journal_ struct icr_journal again = {0};

	icr_buf_init(&text, JOURNAL_MAX);
	print(journal, &text);
	int r = icr_buf_check(&text, "the journal of changes", err);
	if (r < 0)
		return r;
	r = parse(path, &text, &again, NULL);
	if (r < 0 || !is_same(journal, &again))
		return icr_fail_at(err, EILSEQ, path,
				   "cannot note these changes: a file name is not UTF-8");
	return icr_file_replace(path, text.data, text.len, JOURNAL_MODE, err);
}

int icr_journal_read(const char *path, struct icr_journal *ret_journal, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = {0};

	icr_buf_init(&text, JOURNAL_MAX);
	int r = icr_file_read(path, &text, err);
	return r <= 0 ? r : parse(path, &text, ret_journal, err);
}

int icr_journal_remove(const char *path, struct icr_error *err)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return icr_fail_errno(err, errno, path, "cannot remove the journal of changes");
	return icr_file_sync_folder(path, err);
}
