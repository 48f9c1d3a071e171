/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/redact.h"
#include "rewrite/docker/mirrors.h"
#include "rewrite/docker/proxy.h"
#include "tests/unit/suite.h"

static void covers_as_go_does(void)
{
	static const struct {
		const char *list, *host;
		bool covered;
	} table[] = {
		{"", "us.icr.io", false},
		{",, ,", "us.icr.io", false},
		{"us.icr.io", "us.icr.io", true},
		{"us.icr.io", "private.us.icr.io", true},
		{"us.icr.io", "xus.icr.io", false},
		{"us.icr.io", "icr.io", false},
		{"US.Icr.IO", "us.icr.io", true},
		{"icr.io", "icr.io", true},
		{"icr.io", "us.icr.io", true},
		{"icr.io", "evilicr.io", false},
		{".icr.io", "icr.io", false},
		{".icr.io", "us.icr.io", true},
		{"*.icr.io", "icr.io", false},
		{"*.icr.io", "us.icr.io", true},
		{"*icr.io", "us.icr.io", false},
		{"io", "us.icr.io", true},
		{"*", "us.icr.io", true},
		{"a, * ,b", "us.icr.io", true},
		{"**", "us.icr.io", false},
		{".", "us.icr.io", false},
		{"*.", "us.icr.io", false},
		{"us.icr.io:443", "us.icr.io", true},
		{"us.icr.io:80", "us.icr.io", false},
		{"us.icr.io:", "us.icr.io", false},
		{":443", "us.icr.io", false},
		{"10.0.0.0/8,us.icr.io", "us.icr.io", true},
		{"a\t,\tus.icr.io\n", "us.icr.io", true},
		{"us.icr.io.", "us.icr.io", false},
	};

	for (size_t i = 0; i < ICR_LENGTH(table); i++) {
		bool covered = docker_names_cover(table[i].list, table[i].host);
		if (covered != table[i].covered)
			printf("%s in \"%s\"\n", table[i].host, table[i].list);
		CU_ASSERT_EQUAL(covered, table[i].covered);
	}
}

static void lists_grow_and_shrink(void)
{
	static const struct {
		const char *list, *joined, *without;
	} table[] = {
		{"", "n1,n2", ""},
		{"a", "a,n1,n2", "a"},
		{"a,", "a,n1,n2", "a"},
		{"a, ", "a, n1,n2", "a"},
		{" a , b", " a , b,n1,n2", " a , b"},
	};
	_cleanup_strings_ struct icr_strings names = {0};

	icr_strings_add_span(&names, "n1", 2);
	icr_strings_add_span(&names, "n2", 2);
	for (size_t i = 0; i < ICR_LENGTH(table); i++) {
		_cleanup_buf_ struct icr_buf joined, without;
		icr_buf_init(&joined, 1000);
		icr_buf_init(&without, 1000);
		docker_names_join(table[i].list, &names, &joined);
		docker_names_without(joined.data, &names, &without);
		CU_ASSERT_STRING_EQUAL(joined.data, table[i].joined);
		CU_ASSERT_STRING_EQUAL(without.data, table[i].without);
	}
	_cleanup_buf_ struct icr_buf some;
	icr_buf_init(&some, 1000);
	docker_names_without("n1, n2 ,n3,xn1,n1.x", &names, &some);
	CU_ASSERT_STRING_EQUAL(some.data, "n3,xn1,n1.x");
}

static void entries_name_hosts(void)
{
	static const struct {
		const char *text, *host;
		size_t start, end;
	} table[] = {
		{"https://us.icr.io", "us.icr.io", 8, 17},
		{"HTTP://US.icr.io:443/x:y@z", "us.icr.io", 7, 16},
		{"us.icr.io?x", "us.icr.io", 0, 9},
		{"https://u:p@us.icr.io/", "us.icr.io", 12, 21},
		{"https://us.icr.io:8443", NULL, 0, 0},
		{"https://us.icr.io@evil", NULL, 0, 0},
		{"https://zz.icr.io", NULL, 0, 0},
		{"https://cp.icr.io", NULL, 0, 0},
		{"10.0.0.0/8", NULL, 0, 0},
		{"", NULL, 0, 0},
		{"https://", NULL, 0, 0},
	};

	for (size_t i = 0; i < ICR_LENGTH(table); i++) {
		struct docker_entry entry = {0};
		bool found = docker_entry_parse(table[i].text, &entry);
		CU_ASSERT_EQUAL(found, table[i].host != NULL);
		if (!found || !table[i].host)
			continue;
		CU_ASSERT_STRING_EQUAL(entry.host.name, table[i].host);
		CU_ASSERT_EQUAL(entry.start, table[i].start);
		CU_ASSERT_EQUAL(entry.end, table[i].end);
		CU_ASSERT_EQUAL(entry.userinfo, strstr(table[i].text, "u:p@") != NULL);
	}
}

static void keys_tell_entries_apart(void)
{
	static const char *const same[][2] = {
		{"https://us.icr.io", "HTTPS://US.icr.io/"},
		{"us.icr.io:443", "US.icr.io:443"},
		{"https://us.icr.io/a", "https://US.icr.io/a/"},
	};
	static const char *const other[][2] = {
		{"https://us.icr.io/a", "https://us.icr.io/A"},
		{"https://us.icr.io", "http://us.icr.io"},
		{"https://us.icr.io", "https://us.icr.io:443"},
	};

	for (size_t i = 0; i < ICR_LENGTH(same) + ICR_LENGTH(other); i++) {
		bool equal = i < ICR_LENGTH(same);
		const char *const *pair = equal ? same[i] : other[i - ICR_LENGTH(same)];
		_cleanup_free_ char *a = docker_entry_key(pair[0]);
		_cleanup_free_ char *b = docker_entry_key(pair[1]);
		CU_ASSERT_EQUAL(strcmp(a, b) == 0, equal);
	}
}

static void passwords_are_not_shown(void)
{
	static const char *const table[][2] = {
		{"http://u:p@proxy:3128", "http://***@proxy:3128"},
		{"\"http:\\/\\/u:p@x\"", "\"http:\\/\\/***@x\""},
		{"a http://u@p@x, https://y \"z@w\"", "a http://***@x, https://y \"z@w\""},
		{"http://a:b/c@d", "http://***@d"},
		{"\"u:p@proxy:3\"", "\"***@proxy:3\""},
		{"Environment=HTTPS_PROXY=u:p@proxy:3", "Environment=HTTPS_PROXY=***@proxy:3"},
		{"\"HTTPS_PROXY=u:p@proxy:3\"", "\"HTTPS_PROXY=***@proxy:3\""},
		{"\"a@b:3\", \"c:d\"", "\"a@b:3\", \"c:d\""},
		{"http://x/ mail@y", "http://x/ mail@y"},
		{"://", "://"},
		{"", ""},
		{"socks5://u:p@h http://u:p@h", "socks5://***@h http://***@h"},
	};

	for (size_t i = 0; i < ICR_LENGTH(table); i++) {
		_cleanup_buf_ struct icr_buf out;
		icr_buf_init(&out, 1000);
		icr_redact_urls(table[i][0], strlen(table[i][0]), &out);
		CU_ASSERT_STRING_EQUAL(out.data, table[i][1]);
	}
}

/* Each byte is passed once: quadratic time would take minutes here. */
static void long_texts_take_no_time(void)
{
	static const char *const parts[] = {"=", "\"=", "\"a:", "://", "=a:b"};
	static char text[2000000];

	for (size_t i = 0; i < ICR_LENGTH(parts); i++) {
		_cleanup_buf_ struct icr_buf out = ICR_BUF(4 * sizeof(text));
		size_t len = strlen(parts[i]);
		for (size_t at = 0; at + len <= sizeof(text); at += len)
			memcpy(text + at, parts[i], len);
		int64_t begin = icr_clock_ms();
		icr_redact_urls(text, sizeof(text), &out);
		CU_ASSERT(icr_clock_ms() - begin < 5000);
		CU_ASSERT(out.len >= sizeof(text));
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"covers as Go does", covers_as_go_does},
		{"lists grow and shrink", lists_grow_and_shrink},
		{"entries name hosts", entries_name_hosts},
		{"keys tell entries apart", keys_tell_entries_apart},
		{"passwords are not shown", passwords_are_not_shown},
		{"long texts take no time", long_texts_take_no_time},
	};
	return suite_run("docker-names", tests, ICR_LENGTH(tests));
}
