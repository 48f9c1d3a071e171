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

/* What a parse leaves behind. */
struct values {
	bool dry_run;
	const char *config;
	struct icr_region_set regions;
};

struct parsed {
	struct values values;
	char *argv[16];
	int operands;
	struct icr_error err;
};

static const struct icr_option options[] = {
	{.name = "dry-run",
	 .kind = ICR_OPTION_FLAG,
	 .offset = offsetof(struct values, dry_run),
	 .help = "shows",
	 .letter = 'n'},
	ICR_STRING(struct values, config, "config", "FILE",
		   "one two three four five six seven eight nine ten eleven twelve thirteen"),
	ICR_REGIONS(struct values, regions, "regions", "LIST|all", "where"),
	ICR_FLAG(struct values, dry_run, "a-name-too-long-to-stand-beside-it", "below"),
	{0},
};

static const struct icr_verb verbs[] = {
	{"get", run_nothing, "reads", .protocol = true, .more = "echo us.icr.io | prog get"},
	{"configure-it-all", run_nothing, "writes", .options = options, .operands = "REF..."},
};

static const struct icr_program program = {
	.name = "prog", .summary = "Does things.", .verbs = verbs, .count = ICR_LENGTH(verbs)};

static void test_usage(void)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(4096);

	icr_program_usage(&program, &out);
	CU_ASSERT_EQUAL(strncmp(out.data, "Usage: prog VERB [ARGUMENT...]\n\nDoes things.\n", 45),
			0);
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "\n  get               reads\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "\n  configure-it-all  writes\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "\n  --version "));
}

static void test_help(void)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(4096);

	icr_verb_help("prog", &verbs[0], &out);
	CU_ASSERT_STRING_EQUAL(out.data, "Usage: prog get\n\nreads\n\necho us.icr.io | prog get\n");
	icr_buf_truncate(&out, 0);
	icr_verb_help("prog", &verbs[1], &out);
	CU_ASSERT_STRING_EQUAL(
		out.data,
		"Usage: prog configure-it-all [OPTION...] REF...\n\nwrites\n\nOptions:\n"
		"  --dry-run, -n       shows\n"
		"  --config FILE       one two three four five six seven eight nine ten eleven\n"
		"                      twelve thirteen\n"
		"  --regions LIST|all  where\n"
		"  --a-name-too-long-to-stand-beside-it\n"
		"                      below\n"
		"  --quiet, -q         say only what went wrong, or has to be known\n");
}

static void parsed_clear(struct parsed *parsed)
{
	icr_error_clear(&parsed->err);
}

/* WORDS end with NULL. */
static void parse(const char *const *words, int max_operands, struct parsed *ret_parsed)
{
	int argc = 1;

	*ret_parsed = (struct parsed){.argv = {(char *)"verb"}};
	for (; *words; words++)
		ret_parsed->argv[argc++] = (char *)*words;
	ret_parsed->operands = icr_options_parse(options, argc, ret_parsed->argv, max_operands,
						 &ret_parsed->values, &ret_parsed->err);
}

#define PARSE(max, ...)                                                                            \
	icr_cleanup(parsed_clear) struct parsed parsed;                                            \
	parse((const char *const[]){__VA_ARGS__, NULL}, max, &parsed)

#define PARSE_AGAIN(max, ...)                                                                      \
	parsed_clear(&parsed);                                                                     \
	parse((const char *const[]){__VA_ARGS__, NULL}, max, &parsed)

static void test_options(void)
{
	PARSE(2, "one", "--config", "a=b", "--dry-run", "two", "--config=c=d");
	CU_ASSERT_EQUAL(parsed.operands, 2);
	CU_ASSERT_STRING_EQUAL(parsed.argv[1], "one");
	CU_ASSERT_STRING_EQUAL(parsed.argv[2], "two");
	CU_ASSERT(parsed.values.dry_run);
	CU_ASSERT_STRING_EQUAL(parsed.values.config, "c=d");
}

static void test_nothing(void)
{
	PARSE(0, NULL);
	CU_ASSERT_EQUAL(parsed.operands, 0);
	CU_ASSERT(!parsed.values.dry_run);
	CU_ASSERT_PTR_NULL(parsed.values.config);
}

static void test_end_of_options(void)
{
	PARSE(4, "--dry-run", "--", "--config", "-", "--");
	CU_ASSERT_EQUAL(parsed.operands, 3);
	CU_ASSERT(parsed.values.dry_run);
	CU_ASSERT_STRING_EQUAL(parsed.argv[1], "--config");
	CU_ASSERT_STRING_EQUAL(parsed.argv[2], "-");
	CU_ASSERT_STRING_EQUAL(parsed.argv[3], "--");
}

static void test_dash(void)
{
	PARSE(1, "-", "--config", "-");
	CU_ASSERT_EQUAL(parsed.operands, 1);
	CU_ASSERT_STRING_EQUAL(parsed.argv[1], "-");
	CU_ASSERT_STRING_EQUAL(parsed.values.config, "-");
}

static void test_regions(void)
{
	PARSE(0, "--regions", "us,eu-de", "--regions=jp");
	CU_ASSERT_EQUAL(parsed.operands, 0);
	CU_ASSERT_EQUAL(icr_region_set_count(&parsed.values.regions), 3);
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
	static const char *const words[] = {"--dry", "--dry-runs", "-x", "--=x",
					    "---",   "-dry-run",   "-nn"};

	for (size_t i = 0; i < ICR_LENGTH(words); i++) {
		PARSE(1, words[i]);
		check_usage(&parsed, "unknown option \"-");
	}
	PARSE(1, "--secret=hunter2");
	check_usage(&parsed, "unknown option \"--secret\"");
	/* what was meant to be secret is not repeated */
	CU_ASSERT_PTR_NULL(strstr(parsed.err.what, "hunter2"));
}

static void test_letter(void)
{
	PARSE(0, "-n");
	CU_ASSERT_EQUAL(parsed.operands, 0);
	CU_ASSERT(parsed.values.dry_run);
}

static void test_nearest(void)
{
	PARSE(0, "--region=us");
	check_usage(&parsed, "unknown option \"--region\", did you mean \"--regions\"?");
	CU_ASSERT_EQUAL(icr_region_set_count(&parsed.values.regions), 0);
	PARSE_AGAIN(0, "--verbose");
	CU_ASSERT_PTR_NULL(strstr(parsed.err.what, "mean"));
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

/* No connection and no child may write the keys of TLS to a file. */
static void test_key_log(void)
{
	(void)setenv("SSLKEYLOGFILE", "/nonexistent/keys", 1);
	CU_ASSERT_EQUAL(icr_program_start("icr"), 0);
	CU_ASSERT_PTR_NULL(getenv("SSLKEYLOGFILE"));
}

static const struct test tests[] = {
	{"key log", test_key_log},
	{"usage", test_usage},
	{"help", test_help},
	{"options and operands", test_options},
	{"nothing", test_nothing},
	{"end of options", test_end_of_options},
	{"a lone dash", test_dash},
	{"regions", test_regions},
	{"unknown options", test_unknown},
	{"a letter", test_letter},
	{"the nearest word", test_nearest},
	{"unwanted value", test_unwanted_value},
	{"missing value", test_missing_value},
	{"too many operands", test_operands},
	{"unknown region", test_bad_region},
};

int main(void)
{
	return suite_run("program", tests, sizeof(tests) / sizeof(tests[0]));
}
