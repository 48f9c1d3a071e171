/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/reference.h"
#include "tests/unit/suite.h"

#define LOWER49	 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvw"
#define LOWER245 LOWER49 LOWER49 LOWER49 LOWER49 LOWER49
#define HEX32	 "0123456789abcdef0123456789abcdef"
#define HEX64	 HEX32 HEX32
#define A64	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static const struct {
	const char *text, *host, *repository, *tag, *digest, *public_text, *private_text;
} good[] = {
	{"us.icr.io/ns/img", "us.icr.io", "ns/img", NULL, NULL, "us.icr.io/ns/img",
	 "private.us.icr.io/ns/img"},
	{"private.us.icr.io/ns/img:1.0", "private.us.icr.io", "ns/img", "1.0", NULL,
	 "us.icr.io/ns/img:1.0", "private.us.icr.io/ns/img:1.0"},
	{"US.icr.io:443/ns/img:Tag_1.x-y@sha256:" HEX64, "us.icr.io", "ns/img", "Tag_1.x-y",
	 "sha256:" HEX64, "us.icr.io/ns/img:Tag_1.x-y@sha256:" HEX64,
	 "private.us.icr.io/ns/img:Tag_1.x-y@sha256:" HEX64},
	{"icr.io/ibm/a.b_c__d--e/f0@sha256:" HEX64, "icr.io", "ibm/a.b_c__d--e/f0", NULL,
	 "sha256:" HEX64, "icr.io/ibm/a.b_c__d--e/f0@sha256:" HEX64,
	 "private.icr.io/ibm/a.b_c__d--e/f0@sha256:" HEX64},
	{"registry.ng.bluemix.net/ns/img:latest", "registry.ng.bluemix.net", "ns/img", "latest",
	 NULL, "us.icr.io/ns/img:latest", "private.us.icr.io/ns/img:latest"},
	{"cp.icr.io/cp/x:1", "cp.icr.io", "cp/x", "1", NULL, "cp.icr.io/cp/x:1", NULL},
	{"xy.icr.io/a", "xy.icr.io", "a", NULL, NULL, "xy.icr.io/a", "private.xy.icr.io/a"},
	{"us.icr.io/ns/img:" A64 A64, "us.icr.io", "ns/img", A64 A64, NULL,
	 "us.icr.io/ns/img:" A64 A64, "private.us.icr.io/ns/img:" A64 A64},
	{"us.icr.io/a@sha512:" HEX64 HEX64, "us.icr.io", "a", NULL, "sha512:" HEX64 HEX64,
	 "us.icr.io/a@sha512:" HEX64 HEX64, "private.us.icr.io/a@sha512:" HEX64 HEX64},
	/* 255 characters fit, and not those of the private name */
	{"us.icr.io/" LOWER245, "us.icr.io", LOWER245, NULL, NULL, "us.icr.io/" LOWER245, NULL},
	{"us.icr.io/a@x+Y.z:" HEX32, "us.icr.io", "a", NULL, "x+Y.z:" HEX32,
	 "us.icr.io/a@x+Y.z:" HEX32, "private.us.icr.io/a@x+Y.z:" HEX32},
};

static void test_good(void)
{
	for (size_t i = 0; i < ICR_LENGTH(good); i++) {
		_cleanup_reference_ struct icr_reference reference = {0};
		_cleanup_error_ struct icr_error err = {0};
		int r = icr_reference_parse(good[i].text, &reference, &err);
		if (r < 0)
			printf("\n%s", err.what);
		CU_ASSERT_EQUAL_FATAL(r, 0);
		CU_ASSERT_STRING_EQUAL(reference.host.name, good[i].host);
		CU_ASSERT(same(reference.repository, good[i].repository));
		CU_ASSERT(same(reference.tag, good[i].tag));
		CU_ASSERT(same(reference.digest, good[i].digest));
		_cleanup_free_ char *public_text = icr_reference_map(&reference, ICR_HOST_PUBLIC);
		_cleanup_free_ char *private_text = icr_reference_map(&reference, ICR_HOST_PRIVATE);
		CU_ASSERT(same(public_text, good[i].public_text));
		CU_ASSERT(same(private_text, good[i].private_text));
		CU_ASSERT_PTR_NULL(icr_reference_map(&reference, ICR_HOST_ALIAS));
	}
}

/* What is mapped is a reference again, and mapping it once more changes nothing. */
static void test_round_trip(void)
{
	for (size_t i = 0; i < ICR_LENGTH(good); i++) {
		_cleanup_reference_ struct icr_reference reference = {0};
		if (!good[i].private_text)
			continue;
		CU_ASSERT_EQUAL(icr_reference_parse(good[i].private_text, &reference, NULL), 0);
		_cleanup_free_ char *again = icr_reference_map(&reference, ICR_HOST_PRIVATE);
		_cleanup_free_ char *back = icr_reference_map(&reference, ICR_HOST_PUBLIC);
		CU_ASSERT(same(again, good[i].private_text));
		CU_ASSERT(same(back, good[i].public_text));
	}
}

static const struct {
	const char *text, *what;
} bad[] = {
	{"", "a host and a path"},
	{"us.icr.io", "a host and a path"},
	{"us.icr.io:443", "a host and a path"},
	{"img:tag", "a host and a path"},
	{"ns/img", "its host"},
	{"docker.io/library/alpine", "its host"},
	{"us.icr.io.evil.com/ns/img", "its host"},
	{"us.icr.io@evil.com/ns/img", "its host"},
	{"us.icr.io@sha256:fb/ns/img:1", "its host"},
	{"us.icr.io@sha256:" HEX64 "/ns/img:1", "its host"},
	{"us.icr.io:8443/ns/img", "its host"},
	{"dd0.icr.io/ns/img", "its host"},
	{" us.icr.io/ns/img", "its host"},
	{"https://us.icr.io/ns/img", "a scheme"},
	{"docker://us.icr.io/ns/img", "a scheme"},
	{"us.icr.io/", "its path"},
	{"us.icr.io//img", "its path"},
	{"us.icr.io/ns/", "its path"},
	{"us.icr.io/ns//img", "its path"},
	{"us.icr.io/NS/img", "its path"},
	{"us.icr.io/-ns/img", "its path"},
	{"us.icr.io/ns-/img", "its path"},
	{"us.icr.io/ns/.img", "its path"},
	{"us.icr.io/ns/im..g", "its path"},
	{"us.icr.io/ns/im___g", "its path"},
	{"us.icr.io/ns/im._g", "its path"},
	{"us.icr.io/ns/../img", "its path"},
	{"us.icr.io/ns/im g", "its path"},
	{"us.icr.io/ns/im\xc3\xa9", "its path"},
	{"us.icr.io/ns/img?x", "its path"},
	{"us.icr.io/ns/img:", "its tag"},
	{"us.icr.io/ns/img:.x", "its tag"},
	{"us.icr.io/ns/img:-x", "its tag"},
	{"us.icr.io/ns/img:a:b", "its tag"},
	{"us.icr.io/ns/img:a/b", "its tag"},
	{"us.icr.io/ns/img:a b", "its tag"},
	{"us.icr.io/ns/img:a\n", "its tag"},
	{"us.icr.io/ns/img:" A64 A64 "a", "its tag"},
	{"us.icr.io/ns/img@", "its digest"},
	{"us.icr.io/ns/img@sha256", "its digest"},
	{"us.icr.io/ns/img@sha256:", "its digest"},
	{"us.icr.io/ns/img@sha256:" HEX32, "its digest"},
	{"us.icr.io/ns/img@sha256:" HEX64 "0", "its digest"},
	{"us.icr.io/ns/img@sha256:" HEX32 "0123456789ABCDEF0123456789ABCDEF", "its digest"},
	{"us.icr.io/ns/img@sha256:" HEX64 "@sha256:" HEX64, "its digest"},
	{"us.icr.io/ns/img@1x:" HEX64, "its digest"},
	{"us.icr.io/ns/img@x+:" HEX64, "its digest"},
	{"us.icr.io/ns/img@:" HEX64, "its digest"},
	{"us.icr.io/" A64 "/" A64 "/" A64 "/" A64, "255 characters"},
};

static void test_bad(void)
{
	for (size_t i = 0; i < ICR_LENGTH(bad); i++) {
		struct icr_reference reference = {.tag = (char *)"untouched"};
		_cleanup_error_ struct icr_error err = {0};
		CU_ASSERT_EQUAL(icr_reference_parse(bad[i].text, &reference, &err), -EINVAL);
		CU_ASSERT_STRING_EQUAL(reference.tag, "untouched");
		CU_ASSERT_PTR_NOT_NULL_FATAL(err.what);
		if (!strstr(err.what, bad[i].what))
			printf("\n%s", err.what);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.what, bad[i].what));
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"references and their twins", test_good},
		{"mapped back and again", test_round_trip},
		{"what is no reference", test_bad},
	};

	return suite_run("reference", tests, ICR_LENGTH(tests));
}
