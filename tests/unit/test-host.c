/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "tests/unit/suite.h"

#define TEXT(literal) (literal), sizeof(literal) - 1
#define A10	      "aaaaaaaaaa"
#define A60	      A10 A10 A10 A10 A10 A10
#define SHA256                                                                                     \
	"@sha256:"                                                                                 \
	"0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789ABCDEF"

static void put(struct icr_buf *buf, const char *format, const char *text)
{
	icr_buf_truncate(buf, 0);
	icr_buf_printf(buf, format, text);
}

static bool parses_as(const char *text, const char *name, enum icr_host_kind kind,
		      const struct icr_region *region)
{
	struct icr_host host;
	bool fine = icr_host_parse(text, strlen(text), &host) && host.kind == kind &&
		    host.region == region && strcmp(host.name, name) == 0;

	if (!fine)
		printf("\n%s is not read as %s", text, name);
	return fine;
}

/* Every spelling of one name of the table. */
static void check_spellings(const char *name, enum icr_host_kind kind,
			    const struct icr_region *region)
{
	static const char *const spellings[] = {
		"%s",
		"https://%s",
		"http://%s",
		"HTTPS://%s",
		"hTTp://%s",
		"%s/",
		"%s:443",
		"%s:443/",
		"https://%s/",
		"https://%s:443",
		"https://%s/v1/",
		"https://%s/v2/",
		"https://%s:443/v2/",
		"%s/ns/img",
		"%s/ns/img:tag",
		"%s:443/ns/img:1.0",
		"%s/ns/img" SHA256,
		"%s/ns/img:tag" SHA256,
		"%s" SHA256,
		"%s:443" SHA256,
		"%s@sha256:0123456789abcdef0123456789abcdef",
		"%s/oauth/token?service=registry&scope=repository:ns/img:pull#x",
	};
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, 1000);
	for (size_t i = 0; i < ICR_LENGTH(spellings); i++) {
		put(&text, spellings[i], name);
		CU_ASSERT(parses_as(text.data, name, kind, region));
		/* the host in upper case; the name that comes out stays as it is */
		char *found = strstr(text.data, name);
		for (size_t k = 0; k < strlen(name); k++)
			if (found[k] >= 'a' && found[k] <= 'z')
				found[k] = (char)(found[k] - 'a' + 'A');
		CU_ASSERT(parses_as(text.data, name, kind, region));
	}
}

static void test_spellings(void)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < count; i++) {
		check_spellings(regions[i].public_name, ICR_HOST_PUBLIC, &regions[i]);
		check_spellings(regions[i].private_name, ICR_HOST_PRIVATE, &regions[i]);
		if (regions[i].alias)
			check_spellings(regions[i].alias, ICR_HOST_ALIAS, &regions[i]);
	}
	check_spellings("cp.icr.io", ICR_HOST_ENTITLED, NULL);
	check_spellings("stg.icr.io", ICR_HOST_STAGING, NULL);
	/* regions that the table does not know yet, and labels that only look like the special ones
	 */
	static const char *const others[] = {
		"xy",	    "xy9",	"z",	"9",	"a-b", "a--b",	 "dd",	 "dda",
		"dd0a",	    "d0",	"add0", "ddd0", "cp2", "acp",	 "stg2", "privates",
		"registry", "us-south", "xn",	"icr",	"io",  A60 "abc"};
	_cleanup_buf_ struct icr_buf name;
	icr_buf_init(&name, 1000);
	for (size_t i = 0; i < ICR_LENGTH(others); i++) {
		put(&name, "%s.icr.io", others[i]);
		check_spellings(name.data, ICR_HOST_PUBLIC, NULL);
		put(&name, "private.%s.icr.io", others[i]);
		check_spellings(name.data, ICR_HOST_PRIVATE, NULL);
	}
}

static const struct {
	const char *text;
	size_t len;
} hostile[] = {
	/* a user name before another host, and what is too short for a digest */
	{TEXT("https://us.icr.io@sha256:443")},
	{TEXT("https://us.icr.io@sha256:0123456789abcdef0123456789abcdef")},
	{TEXT("http://us.icr.io:443" SHA256)},
	{TEXT("us.icr.io@sha256:443")},
	{TEXT("us.icr.io@sha256:0a")},
	{TEXT("us.icr.io@sha256:0123456789abcdef0123456789abcde")},
	{TEXT("us.icr.io" SHA256 "@evil.com")},
	{TEXT("us.icr.io" SHA256 "/v2/")},
	/* other people's domains */
	{TEXT("us.icr.io.evil.com")},
	{TEXT("https://us.icr.io.evil.com/v2/")},
	{TEXT("evilicr.io")},
	{TEXT("evil-icr.io")},
	{TEXT("us-icr.io")},
	{TEXT("icr.io.evil.com")},
	{TEXT("evil.com")},
	{TEXT("evil.com/us.icr.io")},
	{TEXT("evil.com?us.icr.io")},
	{TEXT("evil.com#us.icr.io")},
	{TEXT("evil.com:443/us.icr.io")},
	{TEXT("icr.com")},
	{TEXT("us.icr.i0")},
	{TEXT("us.1cr.io")},
	{TEXT("usXicr.io")},
	{TEXT("privateXicr.io")},
	{TEXT("privateXus.icr.io.")},
	{TEXT("docker.io")},
	{TEXT("io")},
	{TEXT("localhost")},
	{TEXT("166.9.250.214")},
	{TEXT("[::1]:443")},
	{TEXT("[us.icr.io]")},
	/* wrong number of labels, empty ones, dots */
	{TEXT("")},
	{TEXT(".")},
	{TEXT("..")},
	{TEXT(".icr.io")},
	{TEXT("..icr.io")},
	{TEXT("us..icr.io")},
	{TEXT("us.icr..io")},
	{TEXT("us.icr.io.")},
	{TEXT("us.icr.io./v2/")},
	{TEXT("us.icr.io.:443")},
	{TEXT("icr.io.")},
	{TEXT(".us.icr.io")},
	{TEXT("a.b.icr.io")},
	{TEXT("private.a.b.icr.io")},
	{TEXT("us.private.icr.io")},
	{TEXT("cp.us.icr.io")},
	{TEXT("private..icr.io")},
	{TEXT("private.private.icr.io")},
	{TEXT("private.private.us.icr.io")},
	{TEXT("private.us.private.icr.io")},
	{TEXT("*.icr.io")},
	/* hosts that hold no credential of the account */
	{TEXT("dd0.icr.io")},
	{TEXT("dd2.icr.io")},
	{TEXT("DD9.ICR.IO")},
	{TEXT("dd10.icr.io")},
	{TEXT("dd01234567890.icr.io")},
	{TEXT("private.dd0.icr.io")},
	{TEXT("private.dd12.icr.io")},
	{TEXT("dd0.us.icr.io")},
	{TEXT("dd1-icr.ibm-zh.com")},
	{TEXT("private.stg.icr.io")},
	{TEXT("private.cp.icr.io")},
	{TEXT("cp.stg.icr.io")},
	{TEXT("private.cp.stg.icr.io")},
	/* labels that DNS or we do not have */
	{TEXT("-us.icr.io")},
	{TEXT("us-.icr.io")},
	{TEXT("-.icr.io")},
	{TEXT("xn-.icr.io")},
	{TEXT("private.-us.icr.io")},
	{TEXT("private.us-.icr.io")},
	{TEXT("xn--us-0ra.icr.io")},
	{TEXT("XN--US-0RA.icr.io")},
	{TEXT("private.xn--us-0ra.icr.io")},
	{TEXT("u_s.icr.io")},
	{TEXT(A60 "abcd.icr.io")},
	{TEXT("private." A60 "abcd.icr.io")},
	{TEXT(A60 A60 A60 A60 A60 ".icr.io")},
	/* deprecated names that never were, and what hangs on them */
	{TEXT("registry.us.bluemix.net")},
	{TEXT("registry.us-south.bluemix.net")},
	{TEXT("registry.eu-es.bluemix.net")},
	{TEXT("registry..bluemix.net")},
	{TEXT("bluemix.net")},
	{TEXT("ng.bluemix.net")},
	{TEXT("private.registry.ng.bluemix.net")},
	{TEXT("registry.ng.bluemix.net.")},
	{TEXT("registry.ng.bluemix.net:4443")},
	/* ports */
	{TEXT("us.icr.io:8443")},
	{TEXT("us.icr.io:80")},
	{TEXT("http://us.icr.io:80/")},
	{TEXT("us.icr.io:")},
	{TEXT("us.icr.io:/")},
	{TEXT("us.icr.io:0443")},
	{TEXT("us.icr.io:4430")},
	{TEXT("us.icr.io:44")},
	{TEXT("us.icr.io:+443")},
	{TEXT("us.icr.io:443x")},
	{TEXT("us.icr.io:443:443")},
	{TEXT("us.icr.io:443.evil.com")},
	{TEXT("us.icr.io:443@evil.com")},
	{TEXT("us.icr.io:latest")},
	{TEXT(":443")},
	/* user names */
	{TEXT("us.icr.io@evil.com")},
	{TEXT("https://us.icr.io@evil.com/")},
	{TEXT("https://us.icr.io:443@evil.com/")},
	{TEXT("https://us.icr.io:pw@evil.com/")},
	{TEXT("user@us.icr.io")},
	{TEXT("https://user:pw@us.icr.io/")},
	{TEXT("@us.icr.io")},
	{TEXT("us.icr.io@")},
	{TEXT("us.icr.io@sha256:")},
	{TEXT("us.icr.io@sha256:evil.com")},
	{TEXT("us.icr.io@sha256:ab@evil.com")},
	{TEXT("us.icr.io@sha256:ab/v2/")},
	{TEXT("us.icr.io@sha512:ab")},
	/* schemes */
	{TEXT("https://")},
	{TEXT("http://")},
	{TEXT("https:///us.icr.io")},
	{TEXT("https:/us.icr.io")},
	{TEXT("https:us.icr.io")},
	{TEXT("//us.icr.io")},
	{TEXT("/us.icr.io")},
	{TEXT("://us.icr.io")},
	{TEXT("ftp://us.icr.io")},
	{TEXT("docker://us.icr.io/ns/img")},
	{TEXT("oci://us.icr.io/ns/img")},
	{TEXT("httpss://us.icr.io")},
	{TEXT("https://https://us.icr.io")},
	{TEXT("http://https://us.icr.io")},
	/* what parsers disagree about */
	{TEXT("us.icr.io?x")},
	{TEXT("us.icr.io#x")},
	{TEXT("https://us.icr.io?@evil.com/")},
	{TEXT("https://us.icr.io#@evil.com/")},
	{TEXT("us.icr.io;x")},
	{TEXT("us.icr.io,evil.com")},
	{TEXT("us.icr.io\\@evil.com")},
	{TEXT("us.icr.io\\.evil.com")},
	{TEXT("https:\\\\us.icr.io")},
	{TEXT("us.icr.io%2eevil.com")},
	{TEXT("us%2eicr.io")},
	{TEXT("us.icr%2Eio")},
	{TEXT("%75s.icr.io")},
	{TEXT("us.icr.io%00")},
	{TEXT("us.icr.io%20")},
	{TEXT("us.icr.io%2f@evil.com")},
	/* white space, controls, NUL */
	{TEXT(" us.icr.io")},
	{TEXT("us.icr.io ")},
	{TEXT("us .icr.io")},
	{TEXT("us.icr.io evil.com")},
	{TEXT("us.icr.io\n")},
	{TEXT("us.icr.io\r\nHost: evil.com")},
	{TEXT("us.icr.io/\r\nX: y")},
	{TEXT("us.icr.io/v2/ ")},
	{TEXT("us\t.icr.io")},
	{TEXT("us.icr.io\0")},
	{TEXT("us.icr.io\0.evil.com")},
	{TEXT("us.icr.io/\0evil")},
	{TEXT("\0us.icr.io")},
	{TEXT("us.icr.io\x7f")},
	{TEXT("us.icr.io/\x1b[2J")},
	{TEXT("us.icr.io\x80")},
	/* look-alikes: ideographic full stop, full width, Cyrillic, dotless i, soft hyphen, zero
	   width */
	{TEXT("us\xe3\x80\x82icr\xe3\x80\x82io")},
	{TEXT("us\xef\xbc\x8eicr.io")},
	{TEXT("\xef\xbd\x95\xef\xbd\x93.icr.io")},
	{TEXT("\xef\xbc\xb5S.icr.io")},
	{TEXT("us.i\xd1\x81r.io")},
	{TEXT("us.\xc4\xb1"
	      "cr.io")},
	{TEXT("us.\xc4\xb0"
	      "CR.IO")},
	{TEXT("\xc3\xbcs.icr.io")},
	{TEXT("u\xc2\xads.icr.io")},
	{TEXT("us\xe2\x80\x8b.icr.io")},
	{TEXT("us.icr.io\xc2\xa0")},
	{TEXT("\xef\xbb\xbfus.icr.io")},
	{TEXT("us.icr.io/\xc3\xa9")},
};

static void test_hostile(void)
{
	CU_ASSERT(ICR_LENGTH(hostile) >= 60);
	for (size_t i = 0; i < ICR_LENGTH(hostile); i++) {
		struct icr_host host, before;
		memset(&host, 0x5a, sizeof(host));
		before = host;
		/* its own memory, so that a read beyond its end is seen by the tools */
		char *copy = malloc(hostile[i].len + (hostile[i].len == 0));
		CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
		memcpy(copy, hostile[i].text, hostile[i].len);
		bool taken = icr_host_parse(copy, hostile[i].len, &host);
		if (taken)
			printf("\n%s is taken", hostile[i].text);
		CU_ASSERT(!taken);
		CU_ASSERT_EQUAL(memcmp(&host, &before, sizeof(host)), 0);
		free(copy);
	}
}

/* A prefix of a good text need not be one, and what is cut off is not looked at. */
static void test_length(void)
{
	static const char text[] = "https://us.icr.io.evil.com";
	struct icr_host host;

	CU_ASSERT(icr_host_parse(text, strlen("https://us.icr.io"), &host));
	CU_ASSERT_STRING_EQUAL(host.name, "us.icr.io");
	CU_ASSERT(!icr_host_parse(text, strlen("https://us.icr.i"), &host));
	CU_ASSERT(!icr_host_parse(text, strlen("https://"), &host));
	CU_ASSERT(!icr_host_parse(text, strlen("https://us.icr.io."), &host));
}

static const struct {
	const char *host, *twin, *public_name, *private_name, *relatives[ICR_HOST_RELATIVES];
} relations[] = {
	{"us.icr.io",
	 "private.us.icr.io",
	 "us.icr.io",
	 "private.us.icr.io",
	 {"private.us.icr.io", "registry.ng.bluemix.net"}},
	{"private.us.icr.io",
	 "us.icr.io",
	 "us.icr.io",
	 "private.us.icr.io",
	 {"us.icr.io", "registry.ng.bluemix.net"}},
	{"registry.ng.bluemix.net",
	 "private.us.icr.io",
	 "us.icr.io",
	 "private.us.icr.io",
	 {"us.icr.io", "private.us.icr.io"}},
	{"icr.io",
	 "private.icr.io",
	 "icr.io",
	 "private.icr.io",
	 {"private.icr.io", "registry.bluemix.net"}},
	{"private.icr.io",
	 "icr.io",
	 "icr.io",
	 "private.icr.io",
	 {"icr.io", "registry.bluemix.net"}},
	{"registry.bluemix.net",
	 "private.icr.io",
	 "icr.io",
	 "private.icr.io",
	 {"icr.io", "private.icr.io"}},
	{"jp2.icr.io",
	 "private.jp2.icr.io",
	 "jp2.icr.io",
	 "private.jp2.icr.io",
	 {"private.jp2.icr.io", NULL}},
	{"xy.icr.io",
	 "private.xy.icr.io",
	 "xy.icr.io",
	 "private.xy.icr.io",
	 {"private.xy.icr.io", NULL}},
	{"private.xy.icr.io", "xy.icr.io", "xy.icr.io", "private.xy.icr.io", {"xy.icr.io", NULL}},
	{"private." A60 "abc.icr.io",
	 A60 "abc.icr.io",
	 A60 "abc.icr.io",
	 "private." A60 "abc.icr.io",
	 {A60 "abc.icr.io", NULL}},
	{A60 "abc.icr.io",
	 "private." A60 "abc.icr.io",
	 A60 "abc.icr.io",
	 "private." A60 "abc.icr.io",
	 {"private." A60 "abc.icr.io", NULL}},
	{"cp.icr.io", NULL, "cp.icr.io", NULL, {NULL, NULL}},
	{"stg.icr.io", NULL, "stg.icr.io", NULL, {NULL, NULL}},
};

static void test_relations(void)
{
	for (size_t i = 0; i < ICR_LENGTH(relations); i++) {
		struct icr_host host;
		char name[ICR_HOST_MAX] = "", names[ICR_HOST_RELATIVES][ICR_HOST_MAX];
		CU_ASSERT_FATAL(
			icr_host_parse(relations[i].host, strlen(relations[i].host), &host));
		CU_ASSERT_EQUAL(icr_host_twin(&host, name), relations[i].twin != NULL);
		CU_ASSERT_STRING_EQUAL(name, relations[i].twin ? relations[i].twin : "");
		name[0] = '\0';
		CU_ASSERT_EQUAL(icr_host_private(&host, name), relations[i].private_name != NULL);
		CU_ASSERT_STRING_EQUAL(name,
				       relations[i].private_name ? relations[i].private_name : "");
		icr_host_public(&host, name);
		CU_ASSERT_STRING_EQUAL(name, relations[i].public_name);
		size_t count = icr_host_relatives(&host, names), expected = 0;
		while (expected < ICR_HOST_RELATIVES && relations[i].relatives[expected])
			expected++;
		CU_ASSERT_EQUAL_FATAL(count, expected);
		for (size_t k = 0; k < count; k++)
			CU_ASSERT_STRING_EQUAL(names[k], relations[i].relatives[k]);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"every host in every spelling", test_spellings},
		{"hostile hosts and URLs", test_hostile},
		{"texts without a NUL", test_length},
		{"twins, aliases, relatives", test_relations},
	};

	return suite_run("host", tests, ICR_LENGTH(tests));
}
