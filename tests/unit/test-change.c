/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "rewrite/change.h"
#include "rewrite/part/part.h"
#include "rewrite/work.h"
#include "tests/unit/suite.h"

/* A tree below a folder of its own, as --root takes it. */
struct tree {
	struct host host;
	struct changes changes;
	char folder[32];
};

static void tree_make(struct tree *tree)
{
	*tree = (struct tree){.folder = "/tmp/icr-change-XXXXXX"};
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(tree->folder));
	CU_ASSERT_EQUAL_FATAL(host_open(tree->folder, false, &tree->host, NULL), 0);
	char *etc = host_path(&tree->host, "/etc");
	CU_ASSERT_EQUAL(mkdir(etc, 0755), 0);
	free(etc);
}

static void put(struct tree *tree, const char *path, const char *text)
{
	_cleanup_free_ char *full = host_path(&tree->host, path);
	CU_ASSERT_EQUAL(icr_file_replace(full, text, strlen(text), 0644, NULL), 0);
}

static void tree_remove(struct tree *tree)
{
	static const char *const paths[] = {"/etc/a", "/etc/b", "/etc", ""};
	for (size_t i = 0; i < ICR_LENGTH(paths); i++) {
		_cleanup_free_ char *full = host_path(&tree->host, paths[i]);
		(void)remove(full);
	}
	changes_free(&tree->changes);
	host_free(&tree->host);
}

static struct change *file(struct tree *tree, const char *path)
{
	struct change *change = NULL;
	CU_ASSERT_EQUAL_FATAL(
		changes_file(&tree->changes, &tree->host, &part_hosts, path, &change, NULL), 0);
	return change;
}

static void test_missing(void)
{
	struct tree tree;
	tree_make(&tree);
	struct change *change = file(&tree, "/etc/a");
	CU_ASSERT_FALSE(change->current.exists);
	CU_ASSERT_FALSE(change->wanted.exists);
	CU_ASSERT_FALSE(change_differs(change));
	struct icr_edit edit = {0};
	CU_ASSERT_EQUAL(change_edit(change, &edit, NULL, NULL), 0);
	CU_ASSERT_FALSE(change->wanted.exists);
	icr_edit_splice(&edit, 0, 0, "new\n", 4);
	CU_ASSERT_EQUAL(change_edit(change, &edit, "{}", NULL), 0);
	CU_ASSERT_EQUAL(edit.count, 0);
	CU_ASSERT_TRUE(change->wanted.exists);
	CU_ASSERT_STRING_EQUAL(change->wanted.text.data, "new\n");
	CU_ASSERT_STRING_EQUAL(change->record, "{}");
	CU_ASSERT_TRUE(change_differs(change));
	CU_ASSERT_TRUE(change_is_ours(change));
	tree_remove(&tree);
}

static void test_edit(void)
{
	struct tree tree;
	tree_make(&tree);
	put(&tree, "/etc/a", "one\ntwo\n");
	struct change *change = file(&tree, "/etc/a");
	CU_ASSERT_PTR_EQUAL(file(&tree, "/etc/a"), change);
	CU_ASSERT_PTR_EQUAL(changes_find(&tree.changes, "/etc/a"), change);
	CU_ASSERT_PTR_NULL(changes_find(&tree.changes, "/etc/b"));
	struct icr_edit edit = {0};
	icr_edit_splice(&edit, 4, 7, "2", 1);
	CU_ASSERT_EQUAL(change_edit(change, &edit, NULL, NULL), 0);
	CU_ASSERT_STRING_EQUAL(change->wanted.text.data, "one\n2\n");
	CU_ASSERT_TRUE(changes_differ(&tree.changes));
	_cleanup_buf_ struct icr_buf diff;
	icr_buf_init(&diff, 4096);
	changes_diff(&tree.changes, &diff);
	CU_ASSERT_PTR_NOT_NULL(strstr(diff.data, "--- /etc/a\n+++ /etc/a\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(diff.data, "\n-two\n+2\n"));
	changes_invert(&tree.changes);
	CU_ASSERT_STRING_EQUAL(change->wanted.text.data, "one\ntwo\n");
	CU_ASSERT_TRUE(change_differs(change));
	changes_invert(&tree.changes);
	icr_edit_splice(&edit, 0, 0, "", 0);
	CU_ASSERT_EQUAL(change_set_base(change, true, "x", 1, NULL), 0);
	CU_ASSERT_STRING_EQUAL(change->wanted.text.data, "x");
	CU_ASSERT_FALSE(change_is_ours(change));
	icr_edit_free(&edit);
	tree_remove(&tree);
}

static void test_write(void)
{
	struct tree tree;
	tree_make(&tree);
	put(&tree, "/etc/a", "old");
	struct change *change = file(&tree, "/etc/a");
	CU_ASSERT_EQUAL(change_write(change, "whole", 0600, NULL), 0);
	CU_ASSERT_STRING_EQUAL(change->wanted.text.data, "whole");
	CU_ASSERT_EQUAL(change->new_mode, 0600);
	CU_ASSERT_EQUAL(change->edit.count, 1);
	tree_remove(&tree);
}

static void test_link(void)
{
	struct tree tree;
	tree_make(&tree);
	struct change *change = NULL;
	CU_ASSERT_EQUAL_FATAL(
		changes_link(&tree.changes, &tree.host, &part_timer, "/etc/b", &change, NULL), 0);
	CU_ASSERT_FALSE(change->current.exists);
	CU_ASSERT_EQUAL(change_link(change, "/lib/x", NULL), 0);
	CU_ASSERT_TRUE(change->wanted.link);
	_cleanup_buf_ struct icr_buf diff;
	icr_buf_init(&diff, 4096);
	changes_diff(&tree.changes, &diff);
	CU_ASSERT_PTR_NOT_NULL(strstr(diff.data, "--- /dev/null\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(diff.data, "+symbolic link to /lib/x\n"));
	changes_free(&tree.changes);
	_cleanup_free_ char *full = host_path(&tree.host, "/etc/b");
	CU_ASSERT_EQUAL(symlink("/lib/x", full), 0);
	CU_ASSERT_EQUAL_FATAL(
		changes_link(&tree.changes, &tree.host, &part_timer, "/etc/b", &change, NULL), 0);
	CU_ASSERT_TRUE(change->current.exists && change->current.link && change->base.link);
	CU_ASSERT_STRING_EQUAL(change->current.text.data, "/lib/x");
	CU_ASSERT_EQUAL(change_set_base(change, false, "", 0, NULL), 0);
	CU_ASSERT_TRUE(change_differs(change));
	CU_ASSERT_FALSE(change->wanted.link);
	tree_remove(&tree);
}

static void test_two_parts(void)
{
	struct tree tree;
	tree_make(&tree);
	struct change *change = file(&tree, "/etc/a");
	_cleanup_error_ struct icr_error err = {0};
	CU_ASSERT_EQUAL(
		changes_file(&tree.changes, &tree.host, &part_timer, "/etc/a", &change, &err),
		-ICR_E_CONFLICT);
	tree_remove(&tree);
}

static void test_out_of_root(void)
{
	struct tree tree;
	tree_make(&tree);
	_cleanup_free_ char *full = host_path(&tree.host, "/etc/a");
	CU_ASSERT_EQUAL(symlink("/etc/passwd", full), 0);
	struct change *change = NULL;
	_cleanup_error_ struct icr_error err = {0};
	CU_ASSERT_EQUAL(
		changes_file(&tree.changes, &tree.host, &part_hosts, "/etc/a", &change, &err),
		-ICR_E_REFUSED);
	CU_ASSERT_PTR_NOT_NULL(err.hint);
	CU_ASSERT_EQUAL(tree.changes.count, 0);
	CU_ASSERT_EQUAL(unlink(full), 0);
	/* a relative one that stays inside is followed */
	put(&tree, "/etc/b", "b");
	CU_ASSERT_EQUAL(symlink("b", full), 0);
	CU_ASSERT_STRING_EQUAL(file(&tree, "/etc/a")->current.text.data, "b");
	tree_remove(&tree);
}

static void test_root(void)
{
	struct host host;
	CU_ASSERT_EQUAL(host_open(NULL, false, &host, NULL), 0);
	CU_ASSERT_TRUE(host.live);
	CU_ASSERT_STRING_EQUAL(host.root, "");
	host_free(&host);
	CU_ASSERT_EQUAL(host_open(NULL, true, &host, NULL), 0);
	CU_ASSERT_FALSE(host.live);
	host_free(&host);
	CU_ASSERT_EQUAL(host_open("/", false, &host, NULL), 0);
	CU_ASSERT_FALSE(host.live);
	CU_ASSERT_STRING_EQUAL(host.root, "");
	host_free(&host);
	CU_ASSERT_EQUAL(host_open("/tmp/../tmp//", false, &host, NULL), 0);
	CU_ASSERT_STRING_EQUAL(host.root, "/tmp");
	host_free(&host);
	CU_ASSERT_TRUE(host_open("/nonexistent", false, &host, NULL) < 0);
	CU_ASSERT_TRUE(host_open("/etc/passwd", false, &host, NULL) < 0);
	CU_ASSERT_EQUAL(host_open("", false, &host, NULL), -ICR_E_USAGE);
}

int main(void)
{
	static const struct test tests[] = {
		{"missing file", test_missing},
		{"edit", test_edit},
		{"write", test_write},
		{"symbolic link", test_link},
		{"two parts", test_two_parts},
		{"symbolic link out of the root", test_out_of_root},
		{"root", test_root},
	};
	return suite_run("change", tests, ICR_LENGTH(tests));
}
