/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "rewrite/change.h"
#include "rewrite/part/part.h"
#include "rewrite/work.h"
#include "tests/unit/root.h"
#include "tests/unit/suite.h"

static bool writes(const char *path)
{
	return strncmp(path, "/etc/", 5) == 0;
}

static const struct part part_one = {.name = "one", .writes = writes, .file_max = 1 << 20};
static const struct part part_two = {.name = "two", .writes = writes};

/* A tree below a folder of its own, as --root takes it. */
struct tree {
	struct host host;
	struct changes changes;
	struct unit_root root;
};

static void tree_make(struct tree *tree)
{
	*tree = (struct tree){0};
	unit_root_make(&tree->root);
	CU_ASSERT_EQUAL_FATAL(host_open(tree->root.folder, false, &tree->host, NULL), 0);
}

static void put(const char *path, const char *text)
{
	CU_ASSERT_EQUAL(icr_file_replace(path, text, strlen(text), 0644, NULL), 0);
}

static void tree_remove(struct tree *tree)
{
	static const char *const paths[] = {"/etc/a", "/etc/b"};
	for (size_t i = 0; i < ICR_LENGTH(paths); i++)
		(void)remove(paths[i]);
	changes_free(&tree->changes);
	host_free(&tree->host);
	unit_root_leave(&tree->root);
}

static struct change *file(struct tree *tree, const char *path)
{
	struct change *change = NULL;
	CU_ASSERT_EQUAL_FATAL(
		changes_file(&tree->changes, &tree->host, &part_one, path, &change, NULL), 0);
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
	put("/etc/a", "one\ntwo\n");
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
	put("/etc/a", "old");
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
		changes_link(&tree.changes, &tree.host, &part_two, "/etc/b", &change, NULL), 0);
	CU_ASSERT_FALSE(change->current.exists);
	CU_ASSERT_EQUAL(change_link(change, "/lib/x", NULL), 0);
	CU_ASSERT_TRUE(change->wanted.link);
	_cleanup_buf_ struct icr_buf diff;
	icr_buf_init(&diff, 4096);
	changes_diff(&tree.changes, &diff);
	CU_ASSERT_PTR_NOT_NULL(strstr(diff.data, "--- /dev/null\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(diff.data, "+symbolic link to /lib/x\n"));
	changes_free(&tree.changes);
	CU_ASSERT_EQUAL(symlink("/lib/x", "/etc/b"), 0);
	CU_ASSERT_EQUAL_FATAL(
		changes_link(&tree.changes, &tree.host, &part_two, "/etc/b", &change, NULL), 0);
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
	CU_ASSERT_EQUAL(changes_file(&tree.changes, &tree.host, &part_two, "/etc/a", &change, &err),
			-ICR_E_CONFLICT);
	tree_remove(&tree);
}

/* Links are followed as the host will that boots from the tree. */
static void test_links(void)
{
	struct tree tree;
	tree_make(&tree);
	put("/etc/b", "b");
	CU_ASSERT_EQUAL(symlink("b", "/etc/a"), 0);
	CU_ASSERT_STRING_EQUAL(file(&tree, "/etc/a")->current.text.data, "b");
	changes_free(&tree.changes);
	CU_ASSERT_EQUAL(unlink("/etc/a"), 0);
	CU_ASSERT_EQUAL(symlink("../../../../etc/b", "/etc/a"), 0);
	CU_ASSERT_STRING_EQUAL(file(&tree, "/etc/a")->current.text.data, "b");
	changes_free(&tree.changes);
	CU_ASSERT_EQUAL(unlink("/etc/a"), 0);
	CU_ASSERT_EQUAL(symlink("/etc/passwd", "/etc/a"), 0);
	struct change *change = NULL;
	_cleanup_error_ struct icr_error err = {0};
	CU_ASSERT_EQUAL(changes_file(&tree.changes, &tree.host, &part_one, "/etc/a", &change, &err),
			-ENOENT);
	CU_ASSERT_EQUAL(tree.changes.count, 0);
	tree_remove(&tree);
}

static void test_not_ours(void)
{
	struct tree tree;
	tree_make(&tree);
	struct change *change = NULL;
	_cleanup_error_ struct icr_error err = {0};
	CU_ASSERT_EQUAL(changes_file(&tree.changes, &tree.host, &part_one, "/x", &change, &err),
			-ICR_E_REFUSED);
	CU_ASSERT_EQUAL(tree.changes.count, 0);
	tree_remove(&tree);
}

/* What is the same is there once. */
static void test_shared(void)
{
	struct tree tree;
	tree_make(&tree);
	put("/etc/a", "one\n");
	struct change *change = file(&tree, "/etc/a");
	const char *data = change->current.text.data;
	CU_ASSERT_PTR_EQUAL(change->base.text.data, data);
	CU_ASSERT_PTR_EQUAL(change->wanted.text.data, data);
	CU_ASSERT_EQUAL(change_set_base(change, true, "on", 2, NULL), 0);
	CU_ASSERT_STRING_EQUAL(change->base.text.data, "on");
	struct icr_edit edit = {0};
	icr_edit_splice(&edit, 2, 2, "e\n", 2);
	CU_ASSERT_EQUAL(change_edit(change, &edit, NULL, NULL), 0);
	CU_ASSERT_PTR_EQUAL(change->wanted.text.data, data);
	CU_ASSERT_FALSE(change_differs(change));
	CU_ASSERT_TRUE(change_is_ours(change));
	changes_drop(&tree.changes);
	CU_ASSERT_STRING_EQUAL(change->wanted.text.data, "on");
	CU_ASSERT_EQUAL(change->edit.count, 0);
	CU_ASSERT_EQUAL(change_set_base(change, true, data, 4, NULL), 0);
	CU_ASSERT_PTR_EQUAL(change->wanted.text.data, data);
	tree_remove(&tree);
}

/* The root goes before the place, and before that path in the hint. */
static void test_error(void)
{
	struct host host = {.root = "/image"};
	_cleanup_error_ struct icr_error err = {0};
	icr_fail_at(&err, EPERM, "/etc/hosts:3", "no");
	icr_error_hint(&err, "chattr -i /etc/hosts");
	CU_ASSERT_EQUAL(host_error(&host, &err), -EPERM);
	CU_ASSERT_EQUAL(host_error(&host, &err), -EPERM);
	CU_ASSERT_STRING_EQUAL(err.where, "/image/etc/hosts:3");
	CU_ASSERT_STRING_EQUAL(err.hint, "chattr -i /image/etc/hosts");
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
	struct unit_root root;
	unit_root_make(&root);
	_cleanup_free_ char *odd = NULL;
	CU_ASSERT_FATAL(asprintf(&odd, "/tmp/..%s//", root.folder) > 0);
	CU_ASSERT_EQUAL_FATAL(host_open(odd, false, &host, NULL), 0);
	CU_ASSERT_STRING_EQUAL(host.root, root.folder);
	CU_ASSERT_FALSE(host_has("/usr"));
	host_free(&host);
	unit_root_leave(&root);
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
		{"symbolic links in a root", test_links},
		{"a name that is not the part's", test_not_ours},
		{"shared contents", test_shared},
		{"places below a root", test_error},
		{"root", test_root},
	};
	return suite_run("change", tests, ICR_LENGTH(tests));
}
