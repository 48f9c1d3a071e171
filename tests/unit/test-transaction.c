/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/transaction.c"
#include "tests/unit/folder.h"
#include "tests/unit/suite.h"

/* A folder with the files of a test, and the journal elsewhere. */
struct place {
	struct folder folder, state;
	char *journal;
	char *a, *b, *c;
};

static void place_make(struct place *place)
{
	folder_make(&place->folder);
	folder_make(&place->state);
	place->journal = folder_path(&place->state, "journal.json");
	place->a = folder_path(&place->folder, "a");
	place->b = folder_path(&place->folder, "b");
	place->c = folder_path(&place->folder, "c");
}

static void place_remove(struct place *place)
{
	folder_remove(&place->folder);
	folder_remove(&place->state);
	free(place->journal);
	free(place->a);
	free(place->b);
	free(place->c);
}

#define IN_PLACE                                                                                   \
	icr_cleanup(place_remove) struct place place;                                              \
	place_make(&place);                                                                        \
	_cleanup_error_ struct icr_error err = {0};                                                \
	_cleanup_transaction_ struct icr_transaction *t = icr_transaction_new(place.journal)

static int put(struct icr_transaction *t, const char *path, const char *text)
{
	return icr_transaction_write(t, path, NULL, text, strlen(text), NULL, 0644, NULL);
}

static bool link_is(const char *path, const char *target)
{
	char found[64] = "";

	return readlink(path, found, sizeof(found) - 1) == (ssize_t)strlen(target) &&
	       strcmp(found, target) == 0;
}

static void test_commit(void)
{
	IN_PLACE;
	_cleanup_free_ char *link = folder_path(&place.folder, "link");
	struct stat st;

	file_put(place.a, "old a");
	file_put(place.c, "old c");
	CU_ASSERT_EQUAL(put(t, place.a, "new a"), 0);
	CU_ASSERT_EQUAL(icr_transaction_write(t, place.b, NULL, "", 0, NULL, 0604, &err), 0);
	CU_ASSERT_EQUAL(icr_transaction_remove(t, place.c, NULL, &err), 0);
	CU_ASSERT_EQUAL(icr_transaction_symlink(t, link, NULL, "a", &err), 0);
	CU_ASSERT(file_is(place.a, "old a"));
	CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), 0);
	CU_ASSERT(file_is(place.a, "new a"));
	CU_ASSERT(file_is(place.b, ""));
	CU_ASSERT_EQUAL(stat(place.b, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0604);
	CU_ASSERT(file_is(place.c, NULL));
	CU_ASSERT(link_is(link, "a"));
	CU_ASSERT_EQUAL(folder_count(place.folder.path), 3);
	CU_ASSERT_EQUAL(folder_count(place.state.path), 0);
	CU_ASSERT_EQUAL(icr_transaction_recover(place.journal, NULL, &err), 0);
}

static void test_no_change(void)
{
	IN_PLACE;
	_cleanup_free_ char *link = folder_path(&place.folder, "link");
	struct stat before, after;

	file_put(place.a, "same");
	CU_ASSERT_EQUAL(symlink("a", link), 0);
	CU_ASSERT_EQUAL(stat(place.a, &before), 0);
	CU_ASSERT_EQUAL(put(t, place.a, "same"), 0);
	CU_ASSERT_EQUAL(icr_transaction_remove(t, place.b, NULL, &err), 0);
	CU_ASSERT_EQUAL(icr_transaction_symlink(t, link, NULL, "a", &err), 0);
	/* a folder that is not there: a journal would fail */
	folder_remove(&place.state);
	CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), 0);
	CU_ASSERT_EQUAL(stat(place.a, &after), 0);
	CU_ASSERT_EQUAL(before.st_ino, after.st_ino);
}

static void test_empty(void)
{
	IN_PLACE;

	CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), 0);
	CU_ASSERT_EQUAL(folder_count(place.state.path), 0);
	icr_transaction_free(NULL);
}

static void test_refused(void)
{
	IN_PLACE;
	_cleanup_free_ char *below = folder_path(&place.folder, "none/x");
	_cleanup_free_ char *link = folder_path(&place.folder, "link");

	CU_ASSERT_EQUAL(put(t, "relative", "x"), -EINVAL);
	CU_ASSERT_EQUAL(icr_transaction_remove(t, "relative", NULL, &err), -EINVAL);
	CU_ASSERT_EQUAL(icr_transaction_symlink(t, "relative", NULL, "x", &err), -EINVAL);
	CU_ASSERT_EQUAL(put(t, below, "x"), -ENOENT);
	CU_ASSERT_EQUAL(icr_transaction_remove(t, below, NULL, &err), 0);
	CU_ASSERT_EQUAL(put(t, place.a, "x"), 0);
	CU_ASSERT_EQUAL(put(t, place.a, "y"), -EINVAL);
	CU_ASSERT_EQUAL(symlink("a", link), 0);
	CU_ASSERT_EQUAL(put(t, link, "y"), -ENOENT);
}

/* The second entry cannot be staged: the first must not be left behind. */
static void test_rolled_back(void)
{
	IN_PLACE;

	file_put(place.a, "old a");
	CU_ASSERT_EQUAL(mkdir(place.b, 0700), 0);
	CU_ASSERT_EQUAL(put(t, place.a, "new a"), 0);
	CU_ASSERT_EQUAL(put(t, place.b, "new b"), 0);
	CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), -ICR_E_REFUSED);
	CU_ASSERT(file_is(place.a, "old a"));
	CU_ASSERT_EQUAL(folder_count(place.folder.path), 2);
	CU_ASSERT_EQUAL(folder_count(place.state.path), 0);
}

static void test_not_utf8(void)
{
	IN_PLACE;
	_cleanup_free_ char *odd = folder_path(&place.folder, "\xff\xfe");

	CU_ASSERT_EQUAL(put(t, odd, "x"), 0);
	CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), -EILSEQ);
	CU_ASSERT_EQUAL(folder_count(place.folder.path), 0);
	CU_ASSERT_EQUAL(folder_count(place.state.path), 0);
}

static void test_odd_names(void)
{
	IN_PLACE;
	_cleanup_free_ char *odd = folder_path(&place.folder, "\"\\\n\x01 \xc3\xa4");

	CU_ASSERT_EQUAL(put(t, odd, "x"), 0);
	CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), 0);
	CU_ASSERT(file_is(odd, "x"));
}

static void test_pending(void)
{
	IN_PLACE;

	file_put(place.journal, "{}");
	CU_ASSERT_EQUAL(put(t, place.a, "x"), 0);
	CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), -ICR_E_CONFLICT);
	CU_ASSERT(file_is(place.a, NULL));
}

/* One entry of a journal as an interrupted commit leaves it: a, "old" to "new", is staged; c goes;
 * the journal of B is such that B is done already. */
static void interrupt(struct place *place, bool committed)
{
	_cleanup_journal_ struct journal journal = {.committed = committed};
	static const enum journal_kind kinds[] = {JOURNAL_WRITE, JOURNAL_WRITE, JOURNAL_REMOVE};
	const char *const paths[] = {place->a, place->b, place->c};

	file_put(place->a, "old");
	file_put(place->b, "new");
	file_put(place->c, "old");
	for (size_t i = 0; i < 3; i++) {
		struct journal_entry *entry = ICR_APPEND(&journal);
		entry->kind = kinds[i];
		entry->name = strdup(paths[i]);
		entry->path = strdup(paths[i]);
		entry->old_state = state_of(false, "old", 3);
		if (kinds[i] == JOURNAL_REMOVE)
			continue;
		entry->new_state = state_of(false, "new", 3);
		entry->temporary =
			folder_path(&place->folder, i == 0 ? ".a.icr-new-x" : ".b.icr-new-x");
	}
	file_put(journal.items[0].temporary, "new");
	CU_ASSERT_EQUAL_FATAL(journal_write(&journal, place->journal, NULL), 0);
}

static void check_ended(struct place *place, int files)
{
	CU_ASSERT_EQUAL(folder_count(place->folder.path), files);
	CU_ASSERT_EQUAL(folder_count(place->state.path), 0);
	CU_ASSERT_EQUAL(icr_transaction_recover(place->journal, NULL, NULL), 0);
}

static void test_recover_prepared(void)
{
	IN_PLACE;

	interrupt(&place, false);
	CU_ASSERT_EQUAL(icr_transaction_recover(place.journal, NULL, &err), 1);
	CU_ASSERT(file_is(place.a, "old"));
	CU_ASSERT(file_is(place.c, "old"));
	check_ended(&place, 3);
}

static void test_recover_committed(void)
{
	IN_PLACE;

	interrupt(&place, true);
	CU_ASSERT_EQUAL(icr_transaction_recover(place.journal, NULL, &err), 2);
	CU_ASSERT(file_is(place.a, "new"));
	CU_ASSERT(file_is(place.b, "new"));
	check_ended(&place, 2);
}

/* A conflict with one leaves the others to be done. */
static void check_conflict(struct place *place, const char *path, const char *content)
{
	_cleanup_error_ struct icr_error err = {0};

	CU_ASSERT_EQUAL(icr_transaction_recover(place->journal, NULL, &err), -ICR_E_CONFLICT);
	CU_ASSERT_STRING_EQUAL(err.where, path);
	CU_ASSERT(file_is(path, content));
	CU_ASSERT(path == place->a || file_is(place->a, "new"));
	CU_ASSERT(path == place->b || file_is(place->b, "new"));
	CU_ASSERT(path == place->c || file_is(place->c, NULL));
	check_ended(place, path == place->c ? 3 : 2);
}

static void test_conflict_write(void)
{
	IN_PLACE;

	interrupt(&place, true);
	file_put(place.a, "somebody's");
	check_conflict(&place, place.a, "somebody's");
}

static void test_conflict_done(void)
{
	IN_PLACE;

	interrupt(&place, true);
	file_put(place.b, "somebody's");
	check_conflict(&place, place.b, "somebody's");
}

static void test_conflict_remove(void)
{
	IN_PLACE;

	interrupt(&place, true);
	file_put(place.c, "somebody's");
	check_conflict(&place, place.c, "somebody's");
}

static void test_conflict_staged(void)
{
	IN_PLACE;
	_cleanup_free_ char *staged = folder_path(&place.folder, ".a.icr-new-x");

	interrupt(&place, true);
	CU_ASSERT_EQUAL(unlink(staged), 0);
	check_conflict(&place, place.a, "old");
}

static void test_folder_instead(void)
{
	IN_PLACE;

	interrupt(&place, true);
	CU_ASSERT_EQUAL(unlink(place.a), 0);
	CU_ASSERT_EQUAL(mkdir(place.a, 0700), 0);
	CU_ASSERT_EQUAL(icr_transaction_recover(place.journal, NULL, &err), -ICR_E_CONFLICT);
	CU_ASSERT(file_is(place.c, NULL));
	check_ended(&place, 2);
}

static void test_folder_gone(void)
{
	IN_PLACE;

	interrupt(&place, true);
	folder_remove(&place.folder);
	CU_ASSERT_EQUAL(icr_transaction_recover(place.journal, NULL, &err), -ICR_E_CONFLICT);
	CU_ASSERT_EQUAL(folder_count(place.state.path), 0);
}

#define ENTRY(kind, path, temporary, new)                                                          \
	"{\"version\":1,\"state\":\"prepared\",\"entries\":[{\"kind\":\"" kind                     \
	"\",\"path\":\"" path "\",\"temporary\":" temporary ",\"old\":null,\"new\":" new "}]}"

static void test_not_a_journal(void)
{
	static const char *const texts[] = {
		"",
		"{}",
		"[]",
		"null",
		"{\"version\":1,\"state\":\"prepared\",\"entries\":[",
		"{\"version\":2,\"state\":\"prepared\",\"entries\":[]}",
		"{\"version\":1,\"state\":\"done\",\"entries\":[]}",
		"{\"version\":1,\"state\":\"prepared\",\"entries\":{}}",
		"{\"version\":1,\"state\":\"prepared\",\"entries\":[1]}",
		ENTRY("steal", "/tmp/a", "\"/tmp/.a.icr-new-x\"", "\"file:1\""),
		ENTRY("write", "tmp/a", "\"tmp/.a.icr-new-x\"", "\"file:1\""),
		ENTRY("write", "/tmp/a", "null", "\"file:1\""),
		ENTRY("write", "/tmp/a", "\"/tmp/.a.icr-new-x\"", "null"),
		ENTRY("write", "/tmp/a", "\"/etc/.a.icr-new-x\"", "\"file:1\""),
		ENTRY("write", "/tmp/a", "\"/tmp/b\"", "\"file:1\""),
		ENTRY("write", "/tmp/a", "\"/tmp/.x.icr-new-/../../etc/passwd\"", "\"file:1\""),
		ENTRY("remove", "/tmp/a", "\"/tmp/b\"", "null"),
		ENTRY("remove", "/tmp/a", "\"/tmp/.a.icr-new-x\"", "\"file:1\""),
		ENTRY("remove", "/tmp/a", "1", "null"),
	};
	IN_PLACE;

	for (size_t i = 0; i < ICR_LENGTH(texts); i++) {
		file_put(place.journal, texts[i]);
		CU_ASSERT_EQUAL(icr_transaction_recover(place.journal, NULL, &err), -ICR_E_SYNTAX);
		CU_ASSERT_EQUAL(strncmp(err.where, place.journal, strlen(place.journal)), 0);
		CU_ASSERT(file_is(place.journal, texts[i]));
	}
}

/* What stands there is looked at against what the change was computed from. */
static void test_planned(void)
{
	static const struct icr_standing old = {true, false, "old", 3, NULL}, none = {0},
					 link = {true, true, "old", 3, NULL};
	static const struct icr_standing *const wrong[] = {&none, &link};

	for (size_t i = 0; i < ICR_LENGTH(wrong); i++) {
		IN_PLACE;
		file_put(place.a, "old");
		file_put(place.b, "old");
		CU_ASSERT_EQUAL(put(t, place.b, "new"), 0);
		CU_ASSERT_EQUAL(
			icr_transaction_write(t, place.a, wrong[i], "new", 3, NULL, 0644, &err), 0);
		CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), -EAGAIN);
		CU_ASSERT(file_is(place.a, "old"));
		CU_ASSERT(file_is(place.b, "old"));
		check_ended(&place, 2);
	}
	IN_PLACE;
	file_put(place.a, "old");
	CU_ASSERT_EQUAL(icr_transaction_write(t, place.a, &old, "new", 3, NULL, 0644, &err), 0);
	CU_ASSERT_EQUAL(icr_transaction_write(t, place.b, &none, "new", 3, NULL, 0644, &err), 0);
	CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), 0);
	CU_ASSERT(file_is(place.a, "new"));
	CU_ASSERT(file_is(place.b, "new"));
	CU_ASSERT_EQUAL(icr_transaction_remove(t, place.a, &old, &err), 0);
	CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), -EAGAIN);
	CU_ASSERT(file_is(place.a, "new"));
	/* removed by somebody else */
	CU_ASSERT_EQUAL(icr_transaction_write(t, place.c, &old, "new", 3, NULL, 0644, &err), 0);
	CU_ASSERT_EQUAL(icr_transaction_commit(t, &err), -EAGAIN);
	CU_ASSERT(file_is(place.c, NULL));
	check_ended(&place, 2);
}

/* Somebody else is faster than the exchange: an entry that was prepared for what stood there. */
static void test_overtaken(void)
{
	IN_PLACE;
	_cleanup_free_ char *aside = folder_path(&place.folder, ".a.icr-new-x");
	struct journal_entry entry = {.kind = JOURNAL_WRITE, .path = place.a, .temporary = aside};

	file_put(place.a, "somebody's");
	file_put(aside, "new");
	entry.old_state = state_of(false, "old", 3);
	entry.new_state = state_of(false, "new", 3);
	CU_ASSERT_EQUAL(put_in_place(&entry, &err), -EAGAIN);
	CU_ASSERT(file_is(place.a, "somebody's"));
	CU_ASSERT_EQUAL(replace_plainly(&entry, &err), -EAGAIN);
	CU_ASSERT(file_is(place.a, "somebody's"));
	entry.kind = JOURNAL_REMOVE;
	CU_ASSERT_EQUAL(unlink(aside), 0);
	CU_ASSERT_EQUAL(put_in_place(&entry, &err), -EAGAIN);
	CU_ASSERT(file_is(place.a, "somebody's"));
	CU_ASSERT(file_is(aside, NULL));
	CU_ASSERT_EQUAL(unlink(place.a), 0);
	CU_ASSERT_EQUAL(put_in_place(&entry, &err), -EAGAIN);
	/* a file that was not there */
	free(entry.old_state);
	entry.old_state = NULL;
	entry.kind = JOURNAL_WRITE;
	file_put(place.a, "somebody's");
	file_put(aside, "new");
	CU_ASSERT_EQUAL(put_in_place(&entry, &err), -EAGAIN);
	CU_ASSERT(file_is(place.a, "somebody's"));
	free(entry.new_state);
}

static void test_taken_out(void)
{
	IN_PLACE;
	_cleanup_free_ char *aside = folder_path(&place.folder, ".a.icr-new-x");
	struct journal_entry entry = {.kind = JOURNAL_WRITE, .path = place.a, .temporary = aside};

	entry.old_state = state_of(false, "old", 3);
	entry.new_state = state_of(false, "new", 3);
	file_put(place.a, "new");
	file_put(aside, "old");
	take_out(&entry);
	CU_ASSERT(file_is(place.a, "old"));
	/* edited behind us: that stays */
	file_put(place.a, "new, and somebody's");
	file_put(aside, "old");
	take_out(&entry);
	CU_ASSERT(file_is(place.a, "new, and somebody's"));
	free(entry.old_state);
	free(entry.new_state);
}

/* Killed between the exchange and the look at what it took out. */
static void test_recover_overtaken(void)
{
	IN_PLACE;
	_cleanup_free_ char *aside = folder_path(&place.folder, ".b.icr-new-x");

	interrupt(&place, true);
	file_put(aside, "somebody's");
	check_conflict(&place, place.b, "somebody's");
}

static bool only_a(const char *path)
{
	return strcmp(icr_path_base(path), "a") == 0;
}

static bool anything(const char *path)
{
	return path[0] == '/';
}

static void test_guard(void)
{
	for (int committed = 0; committed < 2; committed++) {
		IN_PLACE;
		interrupt(&place, committed);
		CU_ASSERT_EQUAL(icr_transaction_recover(place.journal, only_a, &err),
				-ICR_E_REFUSED);
		CU_ASSERT_STRING_EQUAL(err.where, place.journal);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.what, place.b));
		CU_ASSERT(file_is(place.a, "old"));
		CU_ASSERT(file_is(place.c, "old"));
		CU_ASSERT_EQUAL(folder_count(place.folder.path), 4);
		CU_ASSERT_EQUAL(icr_transaction_recover(place.journal, anything, &err),
				committed ? 2 : 1);
	}
}

/* A name that may be changed, and the path of another file. */
static void test_name_leads_elsewhere(void)
{
	for (int committed = 0; committed < 2; committed++) {
		IN_PLACE;
		_cleanup_free_ char *other = folder_path(&place.state, "a");
		_cleanup_free_ char *aside = folder_path(&place.state, ".a.icr-new-x");
		struct journal_entry entry = {.name = place.a, .path = other, .temporary = aside};
		struct journal journal = {committed, &entry, 1};
		entry.old_state = state_of(false, "old", 3);
		entry.new_state = state_of(false, "new", 3);
		file_put(other, "old");
		file_put(aside, "new");
		CU_ASSERT_EQUAL_FATAL(journal_write(&journal, place.journal, NULL), 0);
		CU_ASSERT_EQUAL(icr_transaction_recover(place.journal, only_a, &err),
				committed ? -ICR_E_CONFLICT : 1);
		CU_ASSERT(file_is(other, "old"));
		CU_ASSERT(file_is(aside, "new"));
		free(entry.old_state);
		free(entry.new_state);
	}
}

/* As version 0.1.0 wrote it, without names. */
static void test_without_names(void)
{
	IN_PLACE;
	_cleanup_free_ char *old = state_of(false, "old", 3);
	_cleanup_free_ char *text = NULL;

	file_put(place.a, "old");
	CU_ASSERT_FATAL(asprintf(&text,
				 "{\"version\":1,\"state\":\"committed\",\"entries\":[{\"kind\":"
				 "\"remove\",\"path\":\"%s\",\"temporary\":null,\"old\":\"%s\","
				 "\"new\":null}]}",
				 place.a, old) > 0);
	file_put(place.journal, text);
	CU_ASSERT_EQUAL(icr_transaction_recover(place.journal, only_a, &err), 2);
	check_ended(&place, 0);
}

static const struct test tests[] = {
	{"commit", test_commit},
	{"no change, no trace", test_no_change},
	{"empty", test_empty},
	{"refused", test_refused},
	{"rolled back", test_rolled_back},
	{"a name that is not UTF-8", test_not_utf8},
	{"odd names", test_odd_names},
	{"an earlier one is pending", test_pending},
	{"recover a prepared one", test_recover_prepared},
	{"recover a committed one", test_recover_committed},
	{"conflict: to be written", test_conflict_write},
	{"conflict: written", test_conflict_done},
	{"conflict: to be removed", test_conflict_remove},
	{"conflict: staged file is gone", test_conflict_staged},
	{"a folder stands there", test_folder_instead},
	{"the folder is gone", test_folder_gone},
	{"not a journal", test_not_a_journal},
	{"what was planned for", test_planned},
	{"overtaken", test_overtaken},
	{"taken out again", test_taken_out},
	{"recover what was overtaken", test_recover_overtaken},
	{"guard", test_guard},
	{"a name that leads elsewhere", test_name_leads_elsewhere},
	{"journal without names", test_without_names},
};

int main(void)
{
	return suite_run("transaction", tests, sizeof(tests) / sizeof(tests[0]));
}
