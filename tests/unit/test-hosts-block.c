/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "icr/cleanup.h"
#include "rewrite/part/hosts.h"
#include "tests/unit/suite.h"

#define BEGIN "# BEGIN icr-rewrite: whatever\n"
#define END   "# END icr-rewrite\n"
#define US    "166.9.250.214\tus.icr.io registry.ng.bluemix.net\n"
#define US2   "166.9.250.246\tus.icr.io\n"
#define LOCAL "127.0.0.1\tlocalhost\n"

static const struct icr_region *region(const char *label)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(regions[i].label, label) == 0)
			return &regions[i];
	return NULL;
}

static void add_route(struct routes *routes, const char *label, enum region_status status,
		      const char *address)
{
	struct region_route *route = routes_add(routes, region(label));
	CU_ASSERT_PTR_NOT_NULL_FATAL(route);
	route->status = status;
	route->count = 1;
	strcpy(route->addresses[0], address);
}

struct strip_case {
	const char *text, *stripped;
	bool newline;
	size_t position;
};

#define N BLOCK_NOWHERE

static const struct strip_case strip_cases[] = {
	{"", "", false, N},
	{LOCAL, LOCAL, false, N},
	{BEGIN END, "", false, 0},
	{LOCAL BEGIN US END, LOCAL, false, sizeof(LOCAL) - 1},
	{BEGIN US US2 END LOCAL, LOCAL, false, 0},
	/* the line end before the block */
	{"127.0.0.1 a\n" BEGIN US END, "127.0.0.1 a", true, 11},
	{"127.0.0.1 a\n" BEGIN US END LOCAL, "127.0.0.1 a\n" LOCAL, true, 12},
	{"127.0.0.1 a\r\n" BEGIN US END, "127.0.0.1 a", true, 11},
	/* CR LF */
	{"# BEGIN icr-rewrite\r\n166.9.250.214\tus.icr.io\r\n# END icr-rewrite\r\n", "", false, 0},
	/* END is missing */
	{LOCAL BEGIN US US2, LOCAL, false, sizeof(LOCAL) - 1},
	{BEGIN US LOCAL US2, LOCAL US2, false, 0},
	{BEGIN US "\n" US2, "\n" US2, false, 0},
	{BEGIN "# mine\n" US, "# mine\n" US, false, 0},
	/* END is missing and another block follows */
	{BEGIN US LOCAL BEGIN US2 END, LOCAL, false, 0},
	/* BEGIN is missing */
	{LOCAL US US2 END, LOCAL, false, sizeof(LOCAL) - 1},
	{US LOCAL US2 END, US LOCAL, false, sizeof(US LOCAL) - 1},
	{US END LOCAL US2, LOCAL US2, false, 0},
	/* both are: nothing is provably ours */
	{LOCAL US US2, LOCAL US US2, false, N},
	/* the block twice */
	{BEGIN US END LOCAL BEGIN US2 END, LOCAL, false, 0},
	{BEGIN BEGIN US END END, "", false, 0},
	/* edited inside: what names other hosts, comments and empty lines stay */
	{BEGIN US LOCAL US2 END, LOCAL, false, 0},
	{BEGIN "# note\n\n" US END, "# note\n\n", false, 0},
	{BEGIN "10.0.0.1 us.icr.io mine.example.com\n" END, "10.0.0.1 us.icr.io mine.example.com\n",
	 false, 0},
	{BEGIN "10.9.9.9 US.ICR.IO # mine\n" END, "", false, 0},
	{BEGIN "us.icr.io 166.9.250.214\n" END, "us.icr.io 166.9.250.214\n", false, 0},
	{BEGIN "166.9.250.214\n" END, "166.9.250.214\n", false, 0},
	{BEGIN "fe80::1 us.icr.io\n" END, "", false, 0},
	/* no final line end */
	{LOCAL BEGIN US "# END icr-rewrite", LOCAL, false, sizeof(LOCAL) - 1},
	{BEGIN "166.9.250.214 us.icr.io", "", false, 0},
	/* what only looks like a marker */
	{"# BEGIN icr-rewriter\n" US, "# BEGIN icr-rewriter\n" US, false, N},
	{" # BEGIN icr-rewrite\n" US, " # BEGIN icr-rewrite\n" US, false, N},
	{"#BEGIN icr-rewrite\n", "#BEGIN icr-rewrite\n", false, N},
	{"# end icr-rewrite\n", "# end icr-rewrite\n", false, N},
	/* hidden lines come back */
	{"#icr-rewrite# 10.0.0.1 us.icr.io\n" LOCAL, "10.0.0.1 us.icr.io\n" LOCAL, false, N},
	{"#icr-rewrite# 10.0.0.1 us.icr.io\n" BEGIN US END, "10.0.0.1 us.icr.io\n", false, 19},
	{BEGIN US "#icr-rewrite# 10.0.0.1 us.icr.io\n" END, "10.0.0.1 us.icr.io\n", false, 0},
	{"#icr-rewrite# ", "", false, N},
};

static void test_strip(void)
{
	for (size_t i = 0; i < sizeof(strip_cases) / sizeof(strip_cases[0]); i++) {
		const struct strip_case *one = &strip_cases[i];
		_cleanup_buf_ struct icr_buf out;
		icr_buf_init(&out, 4096);
		size_t position = 12345;
		bool any = block_strip(one->text, strlen(one->text), hosts_is_entry, one->newline,
				       &out, &position);
		CU_ASSERT_STRING_EQUAL(out.data, one->stripped);
		CU_ASSERT_EQUAL(position, one->position);
		CU_ASSERT_EQUAL(any, strcmp(one->text, one->stripped) != 0);
		if (strcmp(out.data, one->stripped) != 0 || position != one->position)
			printf("\ncase %zu: got \"%s\" at %zu\n", i, out.data, position);
	}
}

static void test_strip_again(void)
{
	for (size_t i = 0; i < sizeof(strip_cases) / sizeof(strip_cases[0]); i++) {
		const char *text = strip_cases[i].stripped;
		_cleanup_buf_ struct icr_buf out;
		icr_buf_init(&out, 4096);
		size_t position;
		/* A hidden line inside a block comes back only once. */
		CU_ASSERT_FALSE(
			block_strip(text, strlen(text), hosts_is_entry, false, &out, &position));
		CU_ASSERT_STRING_EQUAL(out.data, text);
	}
}

static void test_strip_bytes(void)
{
	static const char text[] = "\0\xff\n" BEGIN US END "\0";
	_cleanup_buf_ struct icr_buf out;
	icr_buf_init(&out, 4096);
	size_t position;
	CU_ASSERT_TRUE(block_strip(text, sizeof(text) - 1, hosts_is_entry, false, &out, &position));
	CU_ASSERT_EQUAL(out.len, 4);
	CU_ASSERT_EQUAL(memcmp(out.data, "\0\xff\n\0", 4), 0);
}

static void test_strip_long(void)
{
	_cleanup_buf_ struct icr_buf text, out;
	icr_buf_init(&text, 1 << 22);
	icr_buf_init(&out, 1 << 22);
	for (int i = 0; i < 20000; i++)
		icr_buf_text(&text, i % 3 ? US : BEGIN);
	icr_buf_text(&text, LOCAL);
	size_t position;
	block_strip(text.data, text.len, hosts_is_entry, false, &out, &position);
	CU_ASSERT_STRING_EQUAL(out.data, LOCAL);
}

static void test_print(void)
{
	struct routes routes = {0};
	_cleanup_buf_ struct icr_buf out;
	icr_buf_init(&out, 4096);
	add_route(&routes, "uk", REGION_PENDING, "166.9.244.9");
	hosts_block_print(&routes, false, &out);
	CU_ASSERT_STRING_EQUAL(out.data, "");
	add_route(&routes, "", REGION_ACTIVE, "166.9.251.49");
	routes.items[1].entitled = routes.items[1].alias = true;
	add_route(&routes, "us", REGION_ACTIVE, "166.9.250.214");
	strcpy(routes.items[2].addresses[routes.items[2].count++], "fd00::1");
	hosts_block_print(&routes, true, &out);
	const char *lines = strchr(out.data, '\n');
	CU_ASSERT_EQUAL(strncmp(out.data, BLOCK_BEGIN ":", sizeof(BLOCK_BEGIN)), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lines);
	CU_ASSERT_STRING_EQUAL(lines + 1, "166.9.251.49\ticr.io registry.bluemix.net cp.icr.io\r\n"
					  "166.9.250.214\tus.icr.io\r\nfd00::1\tus.icr.io\r\n"
					  "# END icr-rewrite\r\n");
	_cleanup_buf_ struct icr_buf stripped;
	icr_buf_init(&stripped, 4096);
	size_t position;
	CU_ASSERT_TRUE(block_strip(out.data, out.len, hosts_is_entry, false, &stripped, &position));
	CU_ASSERT_EQUAL(stripped.len, 0);
	routes_free(&routes);
}

static void test_crlf(void)
{
	CU_ASSERT_FALSE(block_crlf("", 0));
	CU_ASSERT_FALSE(block_crlf("\n", 1));
	CU_ASSERT_TRUE(block_crlf("\r\n", 2));
	CU_ASSERT_TRUE(block_crlf("a\r\nb\n", 5));
	CU_ASSERT_FALSE(block_crlf("a\nb\r\n", 5));
}

static const struct {
	const char *text;
	size_t line; /* 0: no conflict */
} conflict_cases[] = {
	{"", 0},
	{LOCAL, 0},
	{"10.0.0.1 us.icr.io\n", 1},
	{LOCAL "10.0.0.1 us.icr.io", 2},
	{LOCAL "\n\t10.0.0.1\tfirst\tUS.ICR.IO\n", 3},
	{"10.0.0.1 us.icr.io.\n", 1},
	{"10.0.0.1 us.icr.io..\n", 0},
	{"10.0.0.1 us.icr.io# comment\n", 1},
	{"10.0.0.1 other # us.icr.io\n", 0},
	{"# 10.0.0.1 us.icr.io\n", 0},
	{"#icr-rewrite# 10.0.0.1 us.icr.io\n", 0},
	{"us.icr.io 10.0.0.1\n", 0},
	{"10.0.0.1 xus.icr.io us.icr.iox\n", 0},
	{"10.0.0.1 private.us.icr.io\n", 0},
	{"10.0.0.1 us.icr.io\r\n", 1},
	{"10.0.0.1\vde.icr.io\n", 1},
};

static void test_conflict(void)
{
	static const char *const names[] = {"us.icr.io", "de.icr.io"};
	for (size_t i = 0; i < sizeof(conflict_cases) / sizeof(conflict_cases[0]); i++) {
		const char *text = conflict_cases[i].text;
		struct hosts_conflict conflict = {0};
		size_t offset = 0, line = 1;
		bool found = hosts_conflict_next(text, strlen(text), names, 2, &offset, &line,
						 &conflict);
		CU_ASSERT_EQUAL(found, conflict_cases[i].line > 0);
		CU_ASSERT_EQUAL(conflict.line, conflict_cases[i].line);
		if (found)
			CU_ASSERT_STRING_EQUAL(conflict.address, "10.0.0.1");
	}
}

static void test_conflicts_in_turn(void)
{
	static const char *const names[] = {"us.icr.io"};
	static const char text[] = "1.1.1.1 us.icr.io\n" LOCAL "2.2.2.2 us.icr.io us.icr.io\n";
	struct hosts_conflict conflict;
	size_t offset = 0, line = 1, len = sizeof(text) - 1;
	CU_ASSERT_TRUE(hosts_conflict_next(text, len, names, 1, &offset, &line, &conflict));
	CU_ASSERT_EQUAL(conflict.offset, 0);
	CU_ASSERT_TRUE(hosts_conflict_next(text, len, names, 1, &offset, &line, &conflict));
	CU_ASSERT_EQUAL(conflict.line, 3);
	CU_ASSERT_STRING_EQUAL(conflict.address, "2.2.2.2");
	CU_ASSERT_EQUAL(text[conflict.offset], '2');
	CU_ASSERT_FALSE(hosts_conflict_next(text, len, names, 1, &offset, &line, &conflict));
}

static void test_regions(void)
{
	static const char text[] =
		"10.0.0.1\tde.icr.io\n" BEGIN US "10.0.0.2\tmine.example\n"
		"166.9.251.49\tcp.icr.io private.icr.io\n" END "10.0.0.3\tuk.icr.io\n";
	struct icr_region_set set = {0};
	hosts_block_regions(text, sizeof(text) - 1, &set);
	CU_ASSERT_EQUAL(icr_region_set_count(&set), 2);
	CU_ASSERT_TRUE(icr_region_set_has(&set, region("us")));
	CU_ASSERT_TRUE(icr_region_set_has(&set, region("")));
}

/* Any file without a word of ours, our block behind any of its lines: the file comes back. */
static void test_random(void)
{
	static const char *const pieces[] = {
		LOCAL,
		US,
		"\n",
		"# comment\n",
		"10.0.0.1 a\r\n",
		"#BEGIN icr-rewrite\n",
		"\t \n",
		"10.0.0.1 us.icr.io mine\n",
		"# END of icr-rewrite\n",
		"::1 x",
		" # END icr-rewrite\n",
	};
	struct routes routes = {0};
	add_route(&routes, "us", REGION_ACTIVE, "166.9.250.214");
	unsigned int seed = 20261123;
	for (int round = 0; round < 2000; round++) {
		_cleanup_buf_ struct icr_buf base, text, out;
		icr_buf_init(&base, 4096);
		icr_buf_init(&text, 8192);
		icr_buf_init(&out, 8192);
		size_t lines = (seed >> 20) % 8, position, place = 0;
		for (size_t i = 0; i < lines; i++) {
			seed = seed * 1103515245 + 12345;
			icr_buf_text(&base, pieces[(seed >> 16) % ICR_LENGTH(pieces)]);
			if ((seed & 0x4000) && base.data[base.len - 1] == '\n')
				place = base.len;
		}
		seed = seed * 1103515245 + 12345;
		icr_buf_append(&text, base.data, place);
		hosts_block_print(&routes, seed & 0x10000, &text);
		icr_buf_append(&text, base.data + place, base.len - place);
		CU_ASSERT_TRUE(
			block_strip(text.data, text.len, hosts_is_entry, false, &out, &position));
		CU_ASSERT_STRING_EQUAL(out.data, base.data);
		CU_ASSERT_EQUAL(position, place);
	}
	routes_free(&routes);
}

int main(void)
{
	static const struct test tests[] = {
		{"strip", test_strip},
		{"strip what is stripped", test_strip_again},
		{"strip any bytes", test_strip_bytes},
		{"strip a long file", test_strip_long},
		{"print", test_print},
		{"line ends", test_crlf},
		{"conflict", test_conflict},
		{"conflicts in turn", test_conflicts_in_turn},
		{"random files", test_random},
		{"regions of the block", test_regions},
	};
	return suite_run("hosts-block", tests, sizeof(tests) / sizeof(tests[0]));
}
