/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "icr/cleanup.h"
#include "icr/program.h"
#include "icr/region-set.h"
#include "tests/unit/suite.h"

static int run_nothing(int argc, char **argv, struct icr_error *err)
{
	(void)argv;
	(void)err;
	return argc;
}

static const struct icr_verb verbs[] = {
	{"get", run_nothing, "", "reads"},
	{"configure-it-all", run_nothing, "[--dry-run]", "writes"},
};

static void test_find(void)
{
	CU_ASSERT_PTR_EQUAL(icr_verb_find(verbs, 2, "get"), &verbs[0]);
	CU_ASSERT_PTR_EQUAL(icr_verb_find(verbs, 2, "configure-it-all"), &verbs[1]);
	CU_ASSERT_PTR_NULL(icr_verb_find(verbs, 2, "ge"));
	CU_ASSERT_PTR_NULL(icr_verb_find(verbs, 2, "GET"));
	CU_ASSERT_PTR_NULL(icr_verb_find(verbs, 2, ""));
}

static void test_usage(void)
{
	_cleanup_buf_ struct icr_buf out = {0};

	icr_buf_init(&out, 4096);
	icr_verb_usage("prog", "Does things.", verbs, 2, &out);
	CU_ASSERT_EQUAL(strncmp(out.data, "Usage: prog VERB [ARGUMENT...]\n\nDoes things.\n", 45),
			0);
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "\n  get               reads\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "\n  configure-it-all  writes\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "\n  --version "));
}

static void test_help(void)
{
	_cleanup_buf_ struct icr_buf out = {0};

	icr_buf_init(&out, 4096);
	icr_verb_help("prog", &verbs[0], &out);
	CU_ASSERT_STRING_EQUAL(out.data, "Usage: prog get\n\nreads\n");
	icr_buf_truncate(&out, 0);
	icr_verb_help("prog", &verbs[1], &out);
	CU_ASSERT_STRING_EQUAL(out.data, "Usage: prog configure-it-all [--dry-run]\n\nwrites\n");
}

/* What a parse leaves behind. */
struct parsed {
	bool dry_run;
	const char *config;
	struct icr_region_set regions;
	char *argv[16];
	int operands;
	struct icr_error err;
};

static void parsed_clear(struct parsed *parsed)
{
	icr_error_clear(&parsed->err);
}

/* WORDS end with NULL. */
static void parse(const char *const *words, int max_operands, struct parsed *ret_parsed)
{
	const struct icr_option options[] = {
		{"dry-run", ICR_OPTION_FLAG, &ret_parsed->dry_run},
		{"config", ICR_OPTION_STRING, &ret_parsed->config},
		{"regions", ICR_OPTION_REGIONS, &ret_parsed->regions},
	};
	int argc = 1;

	*ret_parsed = (struct parsed){.argv = {(char *)"verb"}};
	for (; *words; words++)
		ret_parsed->argv[argc++] = (char *)*words;
	ret_parsed->operands = icr_options_parse(options, ICR_LENGTH(options), argc,
						 ret_parsed->argv, max_operands, &ret_parsed->err);
}

#define PARSE(max, ...)                                                                            \
	icr_cleanup(parsed_clear) struct parsed parsed;                                            \
	parse((const char *const[]){__VA_ARGS__, NULL}, max, &parsed)

static void test_options(void)
{
	PARSE(2, "one", "--config", "a=b", "--dry-run", "two", "--config=c=d");
	CU_ASSERT_EQUAL(parsed.operands, 2);
	CU_ASSERT_STRING_EQUAL(parsed.argv[1], "one");
	CU_ASSERT_STRING_EQUAL(parsed.argv[2], "two");
	CU_ASSERT(parsed.dry_run);
	CU_ASSERT_STRING_EQUAL(parsed.config, "c=d");
}

static void test_nothing(void)
{
	PARSE(0, NULL);
	CU_ASSERT_EQUAL(parsed.operands, 0);
	CU_ASSERT(!parsed.dry_run);
	CU_ASSERT_PTR_NULL(parsed.config);
}

static void test_end_of_options(void)
{
	PARSE(4, "--dry-run", "--", "--config", "-", "--");
	CU_ASSERT_EQUAL(parsed.operands, 3);
	CU_ASSERT(parsed.dry_run);
	CU_ASSERT_STRING_EQUAL(parsed.argv[1], "--config");
	CU_ASSERT_STRING_EQUAL(parsed.argv[2], "-");
	CU_ASSERT_STRING_EQUAL(parsed.argv[3], "--");
}

static void test_dash(void)
{
	PARSE(1, "-", "--config", "-");
	CU_ASSERT_EQUAL(parsed.operands, 1);
	CU_ASSERT_STRING_EQUAL(parsed.argv[1], "-");
	CU_ASSERT_STRING_EQUAL(parsed.config, "-");
}

static void test_regions(void)
{
	PARSE(0, "--regions", "us,eu-de", "--regions=jp");
	CU_ASSERT_EQUAL(parsed.operands, 0);
	CU_ASSERT_EQUAL(icr_region_set_count(&parsed.regions), 3);
}

static void check_usage(const struct parsed *parsed, const char *what)
{
	CU_ASSERT_EQUAL(parsed->operands, -ICR_E_USAGE);
	CU_ASSERT_EQUAL(parsed->err.code, ICR_E_USAGE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(parsed->err.what);
	CU_ASSERT_PTR_NOT_NULL(strstr(parsed->err.what, what));
}

static void test_unknown(void)
{
	static const char *const words[] = {"--dry", "--dry-runs", "-n", "--=x", "---", "-dry-run"};

	for (size_t i = 0; i < ICR_LENGTH(words); i++) {
		PARSE(1, words[i]);
		check_usage(&parsed, "unknown option \"-");
	}
	PARSE(1, "--secret=hunter2");
	check_usage(&parsed, "unknown option \"--secret\"");
	/* what was meant to be secret is not repeated */
	CU_ASSERT_PTR_NULL(strstr(parsed.err.what, "hunter2"));
}

static void test_unwanted_value(void)
{
	PARSE(0, "--dry-run=yes");
	check_usage(&parsed, "--dry-run takes no value");
}

static void test_missing_value(void)
{
	PARSE(0, "--dry-run", "--config");
	check_usage(&parsed, "--config needs a value");
}

static void test_operands(void)
{
	PARSE(1, "one", "two");
	check_usage(&parsed, "unexpected argument \"two\"");
}

static void test_bad_region(void)
{
	PARSE(0, "--regions", "us,nowhere");
	check_usage(&parsed, "--regions: ");
	check_usage(&parsed, "nowhere");
}

static const struct test tests[] = {
	{"find", test_find},
	{"usage", test_usage},
	{"help", test_help},
	{"options and operands", test_options},
	{"nothing", test_nothing},
	{"end of options", test_end_of_options},
	{"a lone dash", test_dash},
	{"regions", test_regions},
	{"unknown options", test_unknown},
	{"unwanted value", test_unwanted_value},
	{"missing value", test_missing_value},
	{"too many operands", test_operands},
	{"unknown region", test_bad_region},
};

int main(void)
{
	return suite_run("program", tests, sizeof(tests) / sizeof(tests[0]));
}
