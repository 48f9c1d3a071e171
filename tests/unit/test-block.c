/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>
#include <time.h>

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
	const char *newline;
	size_t position;
};

/* Strips TEXT with what RECORDED (may be NULL) says; ret_position may be NULL. */
static bool strip(const char *text, size_t len, const struct routes *recorded, const char *newline,
		  struct icr_buf *out, size_t *ret_position)
{
	struct hosts_record record = {0};
	_cleanup_block_ struct block block = {0};
	if (recorded)
		hosts_record_of(recorded, &record);
	struct block_grammar grammar = hosts_grammar(recorded ? &record : NULL);
	block_scan(text, len, &grammar, &block);
	block_strip(&block, newline, out);
	size_t place = block_place(&block);
	if (ret_position)
		*ret_position = place != BLOCK_NOWHERE && place > out->len ? out->len : place;
	CU_ASSERT_TRUE(block_is_base(&block, out->data, out->len));
	CU_ASSERT_FALSE(block_is_base(&block, "no", 2));
	bool found = block_found(&block);
	hosts_record_free(&record);
	return found;
}

#define N BLOCK_NOWHERE

static const struct strip_case strip_cases[] = {
	{"", "", NULL, N},
	{LOCAL, LOCAL, NULL, N},
	{BEGIN END, "", NULL, 0},
	{LOCAL BEGIN US END, LOCAL, NULL, sizeof(LOCAL) - 1},
	{BEGIN US US2 END LOCAL, LOCAL, NULL, 0},
	/* the line end before the block */
	{"127.0.0.1 a\n" BEGIN US END, "127.0.0.1 a", "\n", 11},
	{"127.0.0.1 a\n" BEGIN US END LOCAL, "127.0.0.1 a\n" LOCAL, "\n", 12},
	{"127.0.0.1 a\r\n" BEGIN US END, "127.0.0.1 a", "\r\n", 11},
	{"127.0.0.1 a\r\n" BEGIN US END, "127.0.0.1 a\r", "\n", 12},
	/* CR LF */
	{"# BEGIN icr-rewrite\r\n166.9.250.214\tus.icr.io\r\n# END icr-rewrite\r\n", "", NULL, 0},
	/* END is missing */
	{LOCAL BEGIN US US2, LOCAL, NULL, sizeof(LOCAL) - 1},
	{BEGIN US LOCAL US2, LOCAL US2, NULL, 0},
	{BEGIN US "\n" US2, "\n" US2, NULL, 0},
	{BEGIN "# mine\n" US, "# mine\n" US, NULL, 0},
	/* END is missing and another block follows */
	{BEGIN US LOCAL BEGIN US2 END, LOCAL, NULL, 0},
	/* BEGIN is missing */
	{LOCAL US US2 END, LOCAL, NULL, sizeof(LOCAL) - 1},
	{US LOCAL US2 END, US LOCAL, NULL, sizeof(US LOCAL) - 1},
	{US END LOCAL US2, LOCAL US2, NULL, 0},
	/* both are: nothing is provably ours */
	{LOCAL US US2, LOCAL US US2, NULL, N},
	/* the block twice */
	{BEGIN US END LOCAL BEGIN US2 END, LOCAL, NULL, 0},
	{BEGIN BEGIN US END END, "", NULL, 0},
	/* edited inside: what names other hosts, comments and empty lines stay */
	{BEGIN US LOCAL US2 END, LOCAL, NULL, 0},
	{BEGIN "# note\n\n" US END, "# note\n\n", NULL, 0},
	{BEGIN "10.0.0.1 us.icr.io mine.example.com\n" END, "10.0.0.1 us.icr.io mine.example.com\n",
	 NULL, 0},
	{BEGIN "10.9.9.9 US.ICR.IO # mine\n" END, "", NULL, 0},
	{BEGIN "us.icr.io 166.9.250.214\n" END, "us.icr.io 166.9.250.214\n", NULL, 0},
	{BEGIN "166.9.250.214\n" END, "166.9.250.214\n", NULL, 0},
	{BEGIN "fe80::1 us.icr.io\n" END, "", NULL, 0},
	/* no final line end */
	{LOCAL BEGIN US "# END icr-rewrite", LOCAL, NULL, sizeof(LOCAL) - 1},
	{BEGIN "166.9.250.214 us.icr.io", "", NULL, 0},
	/* what only looks like a marker */
	{"# BEGIN icr-rewriter\n" US, "# BEGIN icr-rewriter\n" US, NULL, N},
	/* a marker in other white space, beside an entry */
	{" # BEGIN icr-rewrite\n" US, "", NULL, 0},
	{LOCAL "#BEGIN  icr-rewrite: x\n" US "\t#\tEND icr-rewrite \n" LOCAL, LOCAL LOCAL, NULL,
	 sizeof(LOCAL) - 1},
	{" # BEGIN icr-rewrite\n" LOCAL US, " # BEGIN icr-rewrite\n" LOCAL US, NULL, N},
	{US LOCAL "#END icr-rewrite\n", US LOCAL "#END icr-rewrite\n", NULL, N},
	{"#END icr-rewrite\n", "#END icr-rewrite\n", NULL, N},
	{"#BEGIN icr-rewrite\n", "#BEGIN icr-rewrite\n", NULL, N},
	{"# end icr-rewrite\n", "# end icr-rewrite\n", NULL, N},
	/* hidden lines come back */
	{"#icr-rewrite# 10.0.0.1 us.icr.io\n" LOCAL, "10.0.0.1 us.icr.io\n" LOCAL, NULL, N},
	{"#icr-rewrite# 10.0.0.1 us.icr.io\n" BEGIN US END, "10.0.0.1 us.icr.io\n", NULL, 19},
	{BEGIN US "#icr-rewrite# 10.0.0.1 us.icr.io\n" END, "10.0.0.1 us.icr.io\n", NULL, 0},
	{"#icr-rewrite# ", "", NULL, N},
	{"#icr-rewrite#\t10.0.0.1 us.icr.io\n", "10.0.0.1 us.icr.io\n", NULL, N},
	{"#icr-rewrite#10.0.0.1 us.icr.io\n", "10.0.0.1 us.icr.io\n", NULL, N},
	/* and what was left in force of them goes, however it is spelled by now */
	{LOCAL "10.0.0.1 a\n#icr-rewrite# 10.0.0.1 a us.icr.io\n", LOCAL "10.0.0.1 a us.icr.io\n",
	 NULL, N},
	{"10.0.0.1\tA # c\n#icr-rewrite# 10.0.0.1 us.icr.io a\n", "10.0.0.1 us.icr.io a\n", NULL,
	 N},
	{"10.0.0.1 de.icr.io\n#icr-rewrite# 10.0.0.1 us.icr.io de.icr.io\n",
	 "10.0.0.1 us.icr.io de.icr.io\n", NULL, N},
	/* What somebody made of that stays, and only the names that were taken out come back. */
	{"10.0.0.1 a b\n#icr-rewrite# 10.0.0.1 a us.icr.io\n", "10.0.0.1 a b\n10.0.0.1 us.icr.io\n",
	 NULL, N},
	{"10.0.0.2 a\n#icr-rewrite# 10.0.0.1 a us.icr.io\n", "10.0.0.2 a\n10.0.0.1 us.icr.io\n",
	 NULL, N},
	{"10.0.0.1\n#icr-rewrite# 10.0.0.1 us.icr.io\n", "10.0.0.1\n10.0.0.1 us.icr.io\n", NULL, N},
	{"10.0.0.1 a\n\n#icr-rewrite# 10.0.0.1 a us.icr.io\n", "10.0.0.1 a\n\n10.0.0.1 us.icr.io\n",
	 NULL, N},
	{"10.0.0.1 a us.icr.io\n#icr-rewrite# 10.0.0.1 a us.icr.io\n",
	 "10.0.0.1 a us.icr.io\n10.0.0.1 us.icr.io\n", NULL, N},
	{"#icr-rewrite# 10.0.0.1 a us.icr.io\n", "10.0.0.1 us.icr.io\n", NULL, N},
	{"#icr-rewrite# 10.0.0.1 a us.icr.io", "10.0.0.1 us.icr.io", NULL, N},
	{"#icr-rewrite# 10.0.0.1 us.icr.io a", "10.0.0.1 us.icr.io", NULL, N},
	{"#icr-rewrite# \t10.0.0.1\ta\tUS.icr.io. b\tregistry.ng.bluemix.net # c\r\n" LOCAL,
	 "\t10.0.0.1\tUS.icr.io.\tregistry.ng.bluemix.net # c\r\n" LOCAL, NULL, N},
	{"#icr-rewrite#10.0.0.1 a us.icr.io#c\n", "10.0.0.1 us.icr.io#c\n", NULL, N},
	/* sorted: markers and hidden lines first, then what was left in force, far away */
	{BEGIN END "#icr-rewrite# 10.0.0.1 a us.icr.io\n#icr-rewrite# 10.0.0.2 us.icr.io\n"
		   "#icr-rewrite# ::1 us.icr.io b\n10.0.0.1 a\n" LOCAL "::1 b\n",
	 "10.0.0.1 us.icr.io\n10.0.0.2 us.icr.io\n::1 us.icr.io\n10.0.0.1 a\n" LOCAL "::1 b\n",
	 NULL, 0},
	/* some as they were left, some not; behind each, a block */
	{"10.0.0.1 a\n#icr-rewrite# 10.0.0.1 a us.icr.io\n10.0.0.3 b\n"
	 "#icr-rewrite# 10.0.0.2 us.icr.io b\n" BEGIN US END LOCAL,
	 "10.0.0.1 a us.icr.io\n10.0.0.3 b\n10.0.0.2 us.icr.io\n" LOCAL, NULL, 51},
	/* no name of ours was in it: nothing was left in force beside it */
	{"#icr-rewrite# 10.0.0.1 a b\n", "10.0.0.1 a b\n", NULL, N},
	{"#icr-rewrite# 10.0.0.1 a # us.icr.io\n", "10.0.0.1 a # us.icr.io\n", NULL, N},
};

static void test_strip(void)
{
	for (size_t i = 0; i < sizeof(strip_cases) / sizeof(strip_cases[0]); i++) {
		const struct strip_case *one = &strip_cases[i];
		_cleanup_buf_ struct icr_buf out = ICR_BUF(4096);
		size_t position = 12345;
		bool any = strip(one->text, strlen(one->text), NULL, one->newline, &out, &position);
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
		_cleanup_buf_ struct icr_buf out = ICR_BUF(4096);
		/* A hidden line inside a block comes back only once. */
		CU_ASSERT_FALSE(strip(text, strlen(text), NULL, NULL, &out, NULL));
		CU_ASSERT_STRING_EQUAL(out.data, text);
	}
}

/* What the record of us at 166.9.250.214 and fd00::1 makes ours outside the markers. */
static const struct {
	const char *text, *stripped;
} record_cases[] = {
	{LOCAL US US2 LOCAL, LOCAL US2 LOCAL},
	{"166.9.250.214 US.ICR.IO\r\n" LOCAL, LOCAL},
	{"\t166.9.250.214\tregistry.ng.bluemix.net   us.icr.io  # x\n" LOCAL, LOCAL},
	{"166.9.250.214 de.icr.io us.icr.io\n", ""},
	{"166.9.250.214 private.us.icr.io us.icr.io\n", ""},
	{"166.9.250.214 us.icr.io", ""},
	{"FD00:0:0:0::1 us.icr.io\n", ""},
	{"233.252.0.1 us.icr.io\nff0e::db8:0:1 us.icr.io\n", ""},
	/* a private name alone is somebody's, and so are lines with other names or addresses */
	{"166.9.250.214 private.us.icr.io\n", "166.9.250.214 private.us.icr.io\n"},
	{"166.9.250.214 us.icr.io mine\n", "166.9.250.214 us.icr.io mine\n"},
	{"166.9.250.21 us.icr.io\n", "166.9.250.21 us.icr.io\n"},
	{"#166.9.250.214 us.icr.io\n", "#166.9.250.214 us.icr.io\n"},
	{"166.9.250.214\n", "166.9.250.214\n"},
	{"fd00::2 us.icr.io\n", "fd00::2 us.icr.io\n"},
	/* a line that was commented out comes back though it says what we say */
	{"#icr-rewrite# 166.9.250.214 us.icr.io\n" BEGIN US END, "166.9.250.214 us.icr.io\n"},
	/* of a hidden line only what the record steers was taken out */
	{"10.0.0.1 a de.icr.io\n#icr-rewrite# 10.0.0.1 a us.icr.io de.icr.io\n",
	 "10.0.0.1 a us.icr.io de.icr.io\n"},
	{"10.9.9.9 a de.icr.io\n#icr-rewrite# 10.0.0.1 a us.icr.io de.icr.io\n",
	 "10.9.9.9 a de.icr.io\n10.0.0.1 us.icr.io\n"},
	{"10.0.0.1 a\n#icr-rewrite# 10.0.0.1 a us.icr.io de.icr.io\n",
	 "10.0.0.1 a\n10.0.0.1 us.icr.io\n"},
	{"#icr-rewrite# 10.0.0.1 US.ICR.IO. de.icr.io\n", "10.0.0.1 US.ICR.IO.\n"},
	/* nothing of that: by another record, perhaps */
	{"10.0.0.2 a\n#icr-rewrite# 10.0.0.1 a de.icr.io\n", "10.0.0.2 a\n10.0.0.1 de.icr.io\n"},
	/* the markers in one place, the lines in another */
	{US LOCAL BEGIN END LOCAL US, LOCAL LOCAL},
};

static void test_record(void)
{
	struct routes routes = {0};
	add_route(&routes, "us", REGION_ACTIVE, "166.9.250.214");
	strcpy(routes.items[0].addresses[routes.items[0].count++], "fd00::1");
	for (size_t i = 0; i < ICR_LENGTH(record_cases); i++) {
		const char *text = record_cases[i].text;
		_cleanup_buf_ struct icr_buf out = ICR_BUF(4096);
		strip(text, strlen(text), &routes, NULL, &out, NULL);
		CU_ASSERT_STRING_EQUAL(out.data, record_cases[i].stripped);
		if (strcmp(out.data, record_cases[i].stripped) != 0)
			printf("\nrecord %zu: got \"%s\"\n", i, out.data);
	}
	routes_free(&routes);
}

static void test_strip_bytes(void)
{
	static const char text[] = "\0\xff\n" BEGIN US END "\0";
	_cleanup_buf_ struct icr_buf out = ICR_BUF(4096);
	CU_ASSERT_TRUE(strip(text, sizeof(text) - 1, NULL, NULL, &out, NULL));
	CU_ASSERT_EQUAL(out.len, 4);
	CU_ASSERT_EQUAL(memcmp(out.data, "\0\xff\n\0", 4), 0);
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Whatever is repeated, time and memory are in proportion. */
static void test_strip_long(void)
{
	static const char *const patterns[][3] = {
		{BEGIN, US, US},
		{BEGIN, BEGIN, BEGIN},
		{END, END, END},
		{US, US, END},
		{BEGIN, LOCAL, US},
		{BEGIN, US, LOCAL},
		{US, LOCAL, END},
		{BEGIN, US, END},
		{"10.0.0.1 a\n", "#icr-rewrite# 10.0.0.1 a us.icr.io\n", US},
		{"#icr-rewrite# 10.0.0.1 a us.icr.io\n", "#icr-rewrite# 10.0.0.1 us.icr.io\n",
		 "b "},
		{US, US, US},
		{LOCAL, "10.0.0.1 us.icr.io a\n", LOCAL},
		{"#BEGIN icr-rewrite\n", "#END icr-rewrite\n", "\n"},
		{"iiccrrxx", "ICRicr", "bluemi"},
	};
	struct routes routes = {0};
	add_route(&routes, "us", REGION_ACTIVE, "166.9.250.214");
	double start = seconds();
	for (size_t i = 0; i < ICR_LENGTH(patterns); i++) {
		_cleanup_buf_ struct icr_buf text = ICR_BUF(1 << 24), out = ICR_BUF(1 << 24);
		for (int j = 0; j < 60000; j++)
			icr_buf_text(&text, patterns[i][j % 3]);
		strip(text.data, text.len, &routes, NULL, &out, NULL);
	}
	CU_ASSERT_TRUE(seconds() - start < 10);
	routes_free(&routes);
}

static void test_print(void)
{
	struct routes routes = {0};
	_cleanup_buf_ struct icr_buf out = ICR_BUF(4096);
	add_route(&routes, "uk", REGION_PENDING, "166.9.244.9");
	hosts_block_print(&routes, "\n", &out);
	CU_ASSERT_STRING_EQUAL(out.data, "");
	add_route(&routes, "", REGION_ACTIVE, "166.9.251.49");
	routes.items[1].entitled = routes.items[1].alias = true;
	add_route(&routes, "us", REGION_ACTIVE, "166.9.250.214");
	strcpy(routes.items[2].addresses[routes.items[2].count++], "fd00::1");
	hosts_block_print(&routes, "\r\n", &out);
	const char *lines = strchr(out.data, '\n');
	CU_ASSERT_EQUAL(strncmp(out.data, BLOCK_BEGIN ":", sizeof(BLOCK_BEGIN)), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lines);
	CU_ASSERT_STRING_EQUAL(lines + 1, "166.9.251.49\ticr.io registry.bluemix.net cp.icr.io\r\n"
					  "166.9.250.214\tus.icr.io\r\nfd00::1\tus.icr.io\r\n"
					  "# END icr-rewrite\r\n");
	_cleanup_buf_ struct icr_buf stripped = ICR_BUF(4096);
	CU_ASSERT_TRUE(strip(out.data, out.len, NULL, NULL, &stripped, NULL));
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

static void test_names(void)
{
	static const char *const names[] = {"us.icr.io", "de.icr.io"};
	struct block_grammar grammar = hosts_grammar(NULL);
	for (size_t i = 0; i < ICR_LENGTH(conflict_cases); i++) {
		const char *text = conflict_cases[i].text;
		_cleanup_block_ struct block block = {0};
		size_t line = 0;
		block_scan(text, strlen(text), &grammar, &block);
		for (size_t j = 0; j < block.count && !line; j++)
			if (block.items[j].kind != BLOCK_LINE_HIDDEN &&
			    hosts_names(&block.items[j].line, names, 2))
				line = 1 + block_count_lines(
						   text, (size_t)(block.items[j].line.text - text));
		CU_ASSERT_EQUAL(line, conflict_cases[i].line);
	}
}

static void test_line_without(void)
{
	static const struct hosts_claim names = {{"us.icr.io", "registry.ng.bluemix.net"}, 2};
	static const struct {
		const char *line, *without;
	} cases[] = {
		{"10.0.0.1 us.icr.io\n", ""},
		{"10.0.0.1 us.icr.io registry.ng.bluemix.net", ""},
		{"127.0.0.1 localhost us.icr.io\n", "127.0.0.1 localhost\n"},
		{"127.0.0.1 localhost us.icr.io", "127.0.0.1 localhost\n"},
		{"127.0.0.1\tus.icr.io\tlocalhost\r\n", "127.0.0.1\tlocalhost\r\n"},
		{"  10.0.0.7  proxy  US.icr.io.  de.icr.io # us.icr.io\n",
		 "  10.0.0.7  proxy  de.icr.io # us.icr.io\n"},
		{"169.254.2.1 registry.ng.bluemix.net us.icr.io internal.example\n",
		 "169.254.2.1 internal.example\n"},
		{"fd00::1 a us.icr.io#x\n", "fd00::1 a#x\n"},
	};
	struct block_grammar grammar = hosts_grammar(NULL);
	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_buf_ struct icr_buf out = ICR_BUF(4096);
		struct block_line line = {cases[i].line, strlen(cases[i].line)};
		hosts_line_without(&line, &names, "\n", &out);
		CU_ASSERT_STRING_EQUAL(out.data, cases[i].without);
		struct block_line rest = {out.data, out.len};
		CU_ASSERT_EQUAL(grammar.is_rest(&rest, &line, NULL), out.len > 0);
	}
}

/* As the resolver of engines reads it: case, a final dot and how an address is spelled mean
 * nothing; comments and other lines' addresses do not count. */
static void test_leads(void)
{
	static const struct {
		const char *text;
		bool leads;
	} cases[] = {
		{"", false},
		{BEGIN US END, true},
		{"166.9.250.214 us.icr.io", true},
		{"166.9.250.214\tproxy US.Icr.IO.\r\n", true},
		{"166.9.250.214 de.icr.io\n166.9.250.215 us.icr.io\n", false},
		{"166.9.250.214 xus.icr.io us.icr.io.x private.us.icr.io\n", false},
		{"# 166.9.250.214 us.icr.io\n", false},
		{"166.9.250.214 # us.icr.io\n", false},
		{BLOCK_HIDDEN "166.9.250.214 us.icr.io\n", false},
		{LOCAL "FD00:166:9:0::1  us.icr.io\n", true},
		{"ff0e::db8:0:1 us.icr.io\n", true},
		{"233.252.0.1 us.icr.io\n", false},
		{"166.9.250.214 us.icr.io\n166.9.250.99 us.icr.io\n", true},
		{"166.9.250.214 us.icr.io\n203.0.113.10 US.icr.io.\n", false},
	};
	struct routes routes = {0};
	add_route(&routes, "us", REGION_ACTIVE, "166.9.250.214");
	struct region_route *route = &routes.items[0];
	route_take_address(route, "fd00:166:9::1");
	route->close6 = true;
	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_buf_ struct icr_buf text = ICR_BUF(4096);
		icr_buf_text(&text, cases[i].text);
		CU_ASSERT_EQUAL(!hosts_stray(&text, &routes), cases[i].leads);
	}
	routes_free(&routes);
}

/* Any file without a word of ours, our block behind any of its lines: the file comes back. */
static void test_random(void)
{
	static const char *const pieces[] = {
		LOCAL,
		US2,
		"\n",
		"# comment\n",
		"10.0.0.1 a\r\n",
		"#BEGIN icr-rewriter\n",
		"\t \n",
		"10.0.0.1 us.icr.io mine\n",
		"# END of icr-rewrite\n",
		"::1 x",
		" # END icr-rewrites\n",
	};
	struct routes routes = {0};
	add_route(&routes, "us", REGION_ACTIVE, "166.9.250.214");
	unsigned int seed = 20261123;
	for (int round = 0; round < 2000; round++) {
		_cleanup_buf_ struct icr_buf base = ICR_BUF(4096), text = ICR_BUF(8192),
					     out = ICR_BUF(8192);
		size_t lines = (seed >> 20) % 8, position, place = 0;
		for (size_t i = 0; i < lines; i++) {
			seed = seed * 1103515245 + 12345;
			icr_buf_text(&base, pieces[(seed >> 16) % ICR_LENGTH(pieces)]);
			if ((seed & 0x4000) && base.data[base.len - 1] == '\n')
				place = base.len;
		}
		seed = seed * 1103515245 + 12345;
		icr_buf_append(&text, base.data, place);
		hosts_block_print(&routes, seed & 0x10000 ? "\r\n" : "\n", &text);
		icr_buf_append(&text, base.data + place, base.len - place);
		CU_ASSERT_TRUE(strip(text.data, text.len, &routes, NULL, &out, &position));
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
		{"lines by the record", test_record},
		{"strip any bytes", test_strip_bytes},
		{"strip a long file", test_strip_long},
		{"print", test_print},
		{"line ends", test_crlf},
		{"lines that name", test_names},
		{"lines without names", test_line_without},
		{"who leads where", test_leads},
		{"random files", test_random},
	};
	return suite_run("block", tests, sizeof(tests) / sizeof(tests[0]));
}
