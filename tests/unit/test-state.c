/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "rewrite/part/part.h"
#include "rewrite/state.h"
#include "tests/unit/root.h"
#include "tests/unit/suite.h"

#define HOSTS "127.0.0.1\tlocalhost\n"
#define BLOCK "# BEGIN icr-rewrite\n166.9.250.214\tus.icr.io\n# END icr-rewrite\n"

struct tree {
	struct work work;
	struct changes changes;
	struct unit_root root;
};

/* The tree is the root of the process by then. */
static void put(const char *path, const char *text)
{
	CU_ASSERT_EQUAL(icr_file_replace(path, text, strlen(text), 0644, NULL), 0);
}

static void tree_make(struct tree *tree)
{
	*tree = (struct tree){0};
	unit_root_make(&tree->root);
	CU_ASSERT_EQUAL_FATAL(host_open(tree->root.folder, false, &tree->work.host, NULL), 0);
	CU_ASSERT_EQUAL(icr_folder_make("/etc", 0755, NULL), 0);
	CU_ASSERT_EQUAL(icr_folder_make(STATE_FOLDER, 0755, NULL), 0);
}

static void tree_remove(struct tree *tree)
{
	static const char *const paths[] = {"/etc/hosts", "/etc",     STATE_FILE,
					    STATE_FOLDER, "/var/lib", "/var"};
	for (size_t i = 0; i < ICR_LENGTH(paths); i++)
		(void)remove(paths[i]);
	changes_free(&tree->changes);
	work_free(&tree->work);
	unit_root_leave(&tree->root);
}

static const struct icr_region *region(const char *label)
{
	struct icr_region_set set = {0};
	CU_ASSERT_EQUAL_FATAL(icr_region_set_parse(&set, label, NULL), 0);
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	for (size_t i = 0; i < count; i++)
		if (icr_region_set_has(&set, &regions[i]))
			return &regions[i];
	return NULL;
}

static void fill_work(struct work *work)
{
	work->settings.fallback = FALLBACK_PUBLIC;
	work->settings.docker_mirror = true;
	struct region_route *route = routes_add(&work->routes, region("us"));
	route->status = REGION_ACTIVE;
	route->alias = true;
	route->count = 2;
	strcpy(route->addresses[0], "166.9.250.214");
	strcpy(route->addresses[1], "fd00::1");
	route = routes_add(&work->routes, region("global"));
	route->status = REGION_WITHDRAWN;
	route->entitled = true;
	routes_add(&work->routes, region("de"));
}

/* Adds the block to /etc/hosts as a part would, with a replacement before it, and writes the state.
 */
static void apply(struct tree *tree)
{
	struct change *change = NULL;
	struct changes *changes = &tree->changes;
	CU_ASSERT_EQUAL_FATAL(
		changes_file(changes, &tree->work.host, &part_hosts, "/etc/hosts", &change, NULL),
		0);
	struct icr_edit edit = {0};
	if (change->base.exists)
		icr_edit_splice(&edit, 0, 3, "<<one-two-seven>>", 17);
	icr_edit_splice(&edit, change->base.text.len, change->base.text.len, BLOCK, strlen(BLOCK));
	CU_ASSERT_EQUAL(change_edit(change, &edit, "{\"newline\":true,\"n\":[1]}", NULL), 0);
	char var[] = "/var", lib[] = "/var/lib";
	char *folders[] = {var, lib};
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, 1 << 20);
	CU_ASSERT_EQUAL_FATAL(state_print(&tree->work, changes, folders, 2, &text, NULL), 0);
	put(STATE_FILE, text.data);
	put("/etc/hosts", change->wanted.text.data);
	changes_free(changes);
}

static struct change *reload(struct tree *tree, struct state *state)
{
	CU_ASSERT_EQUAL_FATAL(state_read(STATE_FILE, state, NULL), 0);
	CU_ASSERT_TRUE(state->found);
	CU_ASSERT_EQUAL_FATAL(state_changes(state, &tree->work, &tree->changes, NULL), 0);
	struct change *change = changes_find(&tree->changes, "/etc/hosts");
	CU_ASSERT_PTR_NOT_NULL_FATAL(change);
	CU_ASSERT_TRUE(change->recorded);
	return change;
}

static void test_round_trip(void)
{
	struct tree tree;
	tree_make(&tree);
	put("/etc/hosts", HOSTS);
	fill_work(&tree.work);
	apply(&tree);
	struct state state;
	struct change *change = reload(&tree, &state);
	CU_ASSERT_EQUAL(state.settings.fallback, FALLBACK_PUBLIC);
	CU_ASSERT_TRUE(state.settings.docker_mirror);
	CU_ASSERT_FALSE(state.settings.force);
	CU_ASSERT_PTR_NULL(state.settings.engines);
	CU_ASSERT_EQUAL(icr_region_set_count(&state.settings.regions), 3);
	const struct region_route *us = routes_find(&state.routes, region("us"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(us);
	CU_ASSERT_EQUAL(us->status, REGION_ACTIVE);
	CU_ASSERT_TRUE(us->alias);
	CU_ASSERT_EQUAL(us->count, 2);
	CU_ASSERT_STRING_EQUAL(us->addresses[1], "fd00::1");
	const struct region_route *global = routes_find(&state.routes, region("global"));
	CU_ASSERT_TRUE(global->entitled && !global->alias);
	CU_ASSERT_EQUAL(global->status, REGION_WITHDRAWN);
	CU_ASSERT_EQUAL(state.folder_count, 2);
	CU_ASSERT_STRING_EQUAL(state.folders[1], "/var/lib");
	CU_ASSERT_STRING_EQUAL(change->record, "{\"newline\":true,\"n\":[1]}");
	CU_ASSERT_STRING_EQUAL(change->base.text.data, HOSTS);
	CU_ASSERT_STRING_EQUAL(change->wanted.text.data, HOSTS);
	CU_ASSERT_FALSE(change->edited || change->created);
	state_free(&state);
	tree_remove(&tree);
}

static void test_same_text(void)
{
	struct tree tree;
	tree_make(&tree);
	put("/etc/hosts", HOSTS);
	fill_work(&tree.work);
	apply(&tree);
	struct state first, second;
	CU_ASSERT_EQUAL(state_read(STATE_FILE, &first, NULL), 0);
	put("/etc/hosts", HOSTS);
	apply(&tree);
	CU_ASSERT_EQUAL(state_read(STATE_FILE, &second, NULL), 0);
	CU_ASSERT_STRING_EQUAL(first.text.data, second.text.data);
	state_free(&first);
	state_free(&second);
	tree_remove(&tree);
}

static void test_created(void)
{
	struct tree tree;
	tree_make(&tree);
	apply(&tree);
	struct state state;
	struct change *change = reload(&tree, &state);
	CU_ASSERT_TRUE(change->created);
	CU_ASSERT_TRUE(change->current.exists);
	CU_ASSERT_FALSE(change->base.exists);
	state_free(&state);
	tree_remove(&tree);
}

static void test_removed_since(void)
{
	struct tree tree;
	tree_make(&tree);
	put("/etc/hosts", HOSTS);
	apply(&tree);
	CU_ASSERT_EQUAL(unlink("/etc/hosts"), 0);
	struct state state;
	struct change *change = reload(&tree, &state);
	CU_ASSERT_TRUE(change->edited);
	CU_ASSERT_FALSE(change->base.exists);
	CU_ASSERT_FALSE(change_differs(change));
	state_free(&state);
	tree_remove(&tree);
}

static void test_edited_since(void)
{
	struct tree tree;
	tree_make(&tree);
	put("/etc/hosts", HOSTS);
	apply(&tree);
	put("/etc/hosts", "10.0.0.1 mine\n" BLOCK);
	struct state state;
	struct change *change = reload(&tree, &state);
	CU_ASSERT_TRUE(change->edited);
	CU_ASSERT_STRING_EQUAL(change->base.text.data, "10.0.0.1 mine\n");
	state_free(&state);
	tree_remove(&tree);
}

static void test_put_back_by_hand(void)
{
	struct tree tree;
	tree_make(&tree);
	put("/etc/hosts", HOSTS);
	apply(&tree);
	put("/etc/hosts", HOSTS);
	struct state state;
	struct change *change = reload(&tree, &state);
	CU_ASSERT_TRUE(change->edited);
	CU_ASSERT_STRING_EQUAL(change->base.text.data, HOSTS);
	state_free(&state);
	tree_remove(&tree);
}

static const struct {
	const char *text;
	int code; /* 0: it loads */
} texts[] = {
	{"{\"version\":1}", 0},
	{"{\"version\":1,\"color\":{\"a\":[null]},\"regions\":[{\"region\":\"mars\"}]}", 0},
	{"{\"version\":1,\"regions\":[{\"region\":\"us-south\",\"addresses\":[\"x\",7,null]}]}", 0},
	{"{\"version\":1,\"regions\":7,\"files\":\"x\",\"folders\":{}}", 0},
	{"{\"version\":3,\"tool\":\"9.0\"}", -ICR_E_CONFIG},
	{"{\"version\":2.5}", -ICR_E_CONFIG},
	{"{}", -ICR_E_SYNTAX},
	{"{\"version\":\"1\"}", -ICR_E_SYNTAX},
	{"", -ICR_E_SYNTAX},
	{"{\"version\":1", -ICR_E_SYNTAX},
	{"{\"version\":1}x", -ICR_E_SYNTAX},
	{"{\"version\":1,\"files\":[{}]}", -ICR_E_SYNTAX},
	{"{\"version\":1,\"files\":[7]}", -ICR_E_SYNTAX},
	{"{\"version\":1,\"files\":[{\"path\":\"etc\"}]}", -ICR_E_SYNTAX},
	{"{\"version\":1,\"files\":[{\"path\":\"/etc/a\",\"after\":\"abc\"}]}", -ICR_E_SYNTAX},
	{"{\"version\":1,\"files\":[{\"path\":\"/etc/a\",\"splices\":[{\"at\":-1,\"length\":1}]}]}",
	 -ICR_E_SYNTAX},
	{"{\"version\":1,\"files\":[{\"path\":\"/etc/a\",\"splices\":[{\"at\":1e99,\"length\":1}]}]"
	 "}",
	 -ICR_E_SYNTAX},
	{"{\"version\":1,\"folders\":[\"etc\"]}", -ICR_E_SYNTAX},
	{"{\"version\":1,\"folders\":[{}]}", -ICR_E_SYNTAX},
	{"[]", -ICR_E_PROTOCOL},
};

static void test_texts(void)
{
	struct tree tree;
	tree_make(&tree);
	for (size_t i = 0; i < ICR_LENGTH(texts); i++) {
		struct state state;
		_cleanup_error_ struct icr_error err = {0};
		put(STATE_FILE, texts[i].text);
		int r = state_read(STATE_FILE, &state, &err);
		CU_ASSERT_EQUAL(r, texts[i].code);
		if (r != texts[i].code)
			printf("\n%s: %d\n", texts[i].text, r);
		if (r < 0) {
			CU_ASSERT_PTR_NOT_NULL(err.where);
			CU_ASSERT_FALSE(state.found);
		}
		state_free(&state);
	}
	tree_remove(&tree);
}

/* Splices that do not fit are not followed, whatever the hash says: the part strips. */
static void test_wild_splices(void)
{
	static const char *const splices[] = {
		"[{\"at\":4000000,\"length\":1,\"was\":\"\"}]",
		"[{\"at\":0,\"length\":4000000,\"was\":\"\"}]",
		"[{\"at\":9,\"length\":1,\"was\":\"\"},{\"at\":3,\"length\":1,\"was\":\"\"}]",
		"[]",
		"[{\"at\":0,\"length\":1,\"was\":\"nonsense\"}]",
	};
	struct tree tree;
	tree_make(&tree);
	put("/etc/hosts", HOSTS BLOCK);
	for (size_t i = 0; i < ICR_LENGTH(splices); i++) {
		char hash[ICR_SHA256_HEX];
		_cleanup_buf_ struct icr_buf text;
		icr_buf_init(&text, 4096);
		icr_sha256_hex(HOSTS BLOCK, strlen(HOSTS BLOCK), hash);
		icr_buf_printf(&text,
			       "{\"version\":1,\"files\":[{\"part\":\"hosts\",\"path\":\"/etc/"
			       "hosts\",\"existed\":true,\"after\":\"%s\",\"splices\":%s}]}",
			       hash, splices[i]);
		put(STATE_FILE, text.data);
		struct state state;
		struct change *change = reload(&tree, &state);
		CU_ASSERT_STRING_EQUAL(change->base.text.data, HOSTS);
		changes_free(&tree.changes);
		state_free(&state);
	}
	tree_remove(&tree);
}

static void test_unknown_part(void)
{
	struct tree tree;
	tree_make(&tree);
	put(STATE_FILE, "{\"version\":1,\"files\":[{\"part\":\"moon\",\"path\":\"/etc/a\"}]}");
	struct state state;
	_cleanup_error_ struct icr_error err = {0};
	CU_ASSERT_EQUAL_FATAL(state_read(STATE_FILE, &state, NULL), 0);
	CU_ASSERT_EQUAL(state_changes(&state, &tree.work, &tree.changes, &err), -ICR_E_CONFIG);
	state_free(&state);
	tree_remove(&tree);
}

static void test_none(void)
{
	struct tree tree;
	tree_make(&tree);
	struct state state;
	CU_ASSERT_EQUAL(state_read(STATE_FILE, &state, NULL), 0);
	CU_ASSERT_FALSE(state.found);
	state_free(&state);
	tree_remove(&tree);
}

int main(void)
{
	static const struct test tests[] = {
		{"none", test_none},
		{"round trip", test_round_trip},
		{"the same run words the same state", test_same_text},
		{"created file", test_created},
		{"removed since", test_removed_since},
		{"edited since", test_edited_since},
		{"put back by hand", test_put_back_by_hand},
		{"texts", test_texts},
		{"splices that do not fit", test_wild_splices},
		{"unknown part", test_unknown_part},
	};
	return suite_run("state", tests, ICR_LENGTH(tests));
}
