/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "icr/cleanup.h"
#include "rewrite/docker/find.h"
#include "rewrite/systemd.h"
#include "tests/unit/suite.h"

/* The words, each in brackets. */
static void check(const struct icr_strings *words, const char *wanted)
{
	_cleanup_buf_ struct icr_buf out;

	icr_buf_init(&out, 10000);
	for (size_t i = 0; i < words->count; i++)
		icr_buf_printf(&out, "[%s]", words->items[i]);
	if (strcmp(out.data, wanted) != 0)
		printf("%s is not %s\n", out.data, wanted);
	CU_ASSERT_STRING_EQUAL(out.data, wanted);
}

static void splits_as_systemd_does(void)
{
	static const struct {
		const char *text, *words;
		bool closed;
	} table[] = {
		{"", "", true},
		{" \t ", "", true},
		{"a  b\tc", "[a][b][c]", true},
		{"\"a b\" 'c d'", "[a b][c d]", true},
		{"a\"b c\"d", "[ab cd]", true},
		{"'a\"b' \"c'd\"", "[a\"b][c'd]", true},
		{"\"\" ''", "[][]", true},
		{"a\\ b", "[a\\ b]", true},
		{"a\\sb \\x41 \\101 \\t\\\\", "[a b][A][A][\t\\]", true},
		{"\\q \\x4 \\x00", "[\\q][\\x4][\\x00]", true},
		{"\\u00e4\\U0001F600 \\ud800", "[\xc3\xa4\xf0\x9f\x98\x80][\\ud800]", true},
		{"a \"b", "[a]", false},
		{"a\\", "[a\\]", true},
	};

	for (size_t i = 0; i < ICR_LENGTH(table); i++) {
		_cleanup_strings_ struct icr_strings words = {0};
		bool closed = systemd_split(&words, table[i].text, strlen(table[i].text));
		CU_ASSERT_EQUAL(closed, table[i].closed);
		check(&words, table[i].words);
	}
}

static void reads_environment_files(void)
{
	static const char *const table[][2] = {
		{"A=1\nB=2", "[A=1][B=2]"},
		{"# A=1\n;B=2\n\n  C=3", "[C=3]"},
		{"A = 1 ", "[A=1]"},
		{"A=a b  \nB=x", "[A=a b][B=x]"},
		{"A='a  '\nB=\"b \\\" \\$ \\q\"", "[A=a  ][B=b \" $ \\q]"},
		{"A=a\\\nb\nC=c", "[A=ab][C=c]"},
		{"A=\"a\nb\"\nC=c", "[A=a\nb][C=c]"},
		{"A=\nB", "[A=]"},
		{"1A=x\nexport B=y\nC=z", "[C=z]"},
		{"A=\"open", "[A=open]"},
		{"A=x\r\nB=y\r\n", "[A=x][B=y]"},
		{"A=1\nA=2", "[A=1][A=2]"},
		{"A=\\", "[A=\\]"},
		{"A=it's a 'te st'\nB=a'b\nC=c'", "[A=it's a 'te st'][B=a'b][C=c']"},
		{"A=a\"b\"c'd'\nB='a' \"b\"c\"d\"", "[A=a\"b\"c'd'][B=abc\"d\"]"},
		{"export A=\"x\ny=1\"\nB-B=1\nC=c", "[C=c]"},
		{"A=x\\ \nB=# x\nC=$A;b", "[A=x ][B=# x][C=$A;b]"},
	};

	for (size_t i = 0; i < ICR_LENGTH(table); i++) {
		_cleanup_strings_ struct icr_strings words = {0};
		systemd_environment_parse(&words, table[i][0], strlen(table[i][0]));
		check(&words, table[i][1]);
	}
}

static const struct systemd_names names = {"docker.service", "host.example"};

/* What systemd 252 starts, seen by a program that it started. */
static void reads_commands(void)
{
	static const char *const table[][2] = {
		{"/usr/bin/dockerd -H fd://", "[/usr/bin/dockerd][-H][fd://]"},
		{"-@/usr/bin/dockerd x -D", "[/usr/bin/dockerd][-D]"},
		{":/d $OPTS $$x", "[/d][$OPTS][$$x]"},
		{"/d $OPTS ${OPTS} x${ONE}y $NONE ${NONE}", "[/d][--a][b c][--a 'b c'][x1y][]"},
		{"/d $$OPTS a$ONE $ $1 ${", "[/d][$OPTS][a$ONE][${]"},
		{"/d $ONE$ONE $ONE, '$OPTS'", "[/d][--a][b c]"},
		{"/d $BACK", "[/d][a b][c\"]"},
		{"/d 100%% %i %n %p %H %q",
		 "[/d][100%][][docker.service][docker][host.example][%q]"},
		{"/d a \\; b ; /e c", "[/d][a][;][b]"},
		{"/d a \";\" b;", "[/d][a][;][b;]"},
		{"", ""},
		{"@", "[]"},
	};
	_cleanup_strings_ struct icr_strings environment = {0};

	icr_strings_add_span(&environment, "OPTS=--a 'b c'", 14);
	icr_strings_add_span(&environment, "ONE=1", 5);
	icr_strings_add(&environment, "BACK=a\\ b c\\\"");
	for (size_t i = 0; i < ICR_LENGTH(table); i++) {
		_cleanup_strings_ struct icr_strings words = {0};
		systemd_command_parse(&words, table[i][0], &environment, &names);
		check(&words, table[i][1]);
	}
}

static void last_value_counts(void)
{
	_cleanup_strings_ struct icr_strings environment = {0};
	static const char *const items[] = {"A=1", "B=2", "A=3", "B=", "AA=4"};

	for (size_t i = 0; i < ICR_LENGTH(items); i++)
		icr_strings_add(&environment, items[i]);
	CU_ASSERT_STRING_EQUAL(environment_value(&environment, "A"), "3");
	CU_ASSERT_PTR_NULL(environment_value(&environment, "B"));
	CU_ASSERT_PTR_NULL(environment_value(&environment, "C"));
}

static void finds_flags(void)
{
	_cleanup_strings_ struct icr_strings command = {0};
	static const char line[] = "dockerd --a=1 --b 2 --aa=3 --a 4 --c --config-file=/x --d=";

	CU_ASSERT_TRUE(systemd_split(&command, line, strlen(line)));
	CU_ASSERT_STRING_EQUAL(docker_flag(&command, "a"), "4");
	CU_ASSERT_STRING_EQUAL(docker_flag(&command, "b"), "2");
	CU_ASSERT_STRING_EQUAL(docker_flag(&command, "config-file"), "/x");
	CU_ASSERT_STRING_EQUAL(docker_flag(&command, "d"), "");
	CU_ASSERT_PTR_NULL(docker_flag(&command, "config"));
	CU_ASSERT_PTR_NULL(docker_flag(&command, "dockerd"));
}

static void fills_specifiers_in(void)
{
	static const struct {
		const char *text, *words;
		bool all;
	} table[] = {
		{"%n %N %p %i %j", "[docker.service docker docker  docker]", true},
		{"%t%S%C%L%E%T%V%h", "[/run/var/lib/var/cache/var/log/etc/tmp/var/tmp/root]", true},
		{"%u%U %g%G %H %l %%H", "[root0 root0 host.example host %H]", true},
		{"%m", "[%m]", false},
		{"100% %", "[100% %]", true},
	};
	static const struct systemd_names unborn = {"docker.service", NULL};
	_cleanup_strings_ struct icr_strings left = {0};

	for (size_t i = 0; i < ICR_LENGTH(table); i++) {
		_cleanup_strings_ struct icr_strings words = {0};
		CU_ASSERT_EQUAL(systemd_fill_in(&words, table[i].text, &names), table[i].all);
		check(&words, table[i].words);
	}
	CU_ASSERT_FALSE(systemd_fill_in(&left, "%H", &unborn));
	check(&left, "[%H]");
}

/* What we write, systemd's rules read back. */
static void quotes_for_systemd(void)
{
	static const char *const values[] = {"a,b", "a b", "\"", "\\",	 "%",
					     "%%h", "'",   "$x", "\\x41"};

	for (size_t i = 0; i < ICR_LENGTH(values); i++) {
		_cleanup_strings_ struct icr_strings raw = {0}, words = {0};
		_cleanup_buf_ struct icr_buf line;
		icr_buf_init(&line, 1000);
		systemd_environment_quote(&line, "NO_PROXY", values[i]);
		CU_ASSERT_TRUE(systemd_split(&raw, line.data + strlen("Environment="),
					     line.len - strlen("Environment=")));
		CU_ASSERT_EQUAL_FATAL(raw.count, 1);
		CU_ASSERT_TRUE(systemd_fill_in(&words, raw.items[0], &names));
		CU_ASSERT_STRING_EQUAL(environment_value(&words, "NO_PROXY"), values[i]);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"splits as systemd does", splits_as_systemd_does},
		{"reads environment files", reads_environment_files},
		{"reads commands", reads_commands},
		{"fills specifiers in", fills_specifiers_in},
		{"the last value counts", last_value_counts},
		{"finds flags", finds_flags},
		{"quotes for systemd", quotes_for_systemd},
	};
	return suite_run("docker-environment", tests, ICR_LENGTH(tests));
}
