/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/registry.h"
#include "tests/unit/suite.h"

static const struct {
	const char *header, *realm, *service, *scope;
} good[] = {
	{"Bearer realm=\"https://us.icr.io/oauth/token\",service=\"registry\"",
	 "https://us.icr.io/oauth/token", "registry", NULL},
	{"Bearer realm=https://cp.icr.io/oauth/token, service=registry, "
	 "scope=repository:cp/a/b:pull",
	 "https://cp.icr.io/oauth/token", "registry", "repository:cp/a/b:pull"},
	{"bearer REALM = \"https://h/t\" ,\t Service=\"a b\" , scope=\"repository:n/i:pull,push\"",
	 "https://h/t", "a b", "repository:n/i:pull,push"},
	{"Bearer service=\"registry\",realm=\"https://h:443/t?x=1\",error=\"invalid_token\"",
	 "https://h:443/t?x=1", "registry", NULL},
	{"Basic realm=\"other\", Bearer realm=\"https://h/t\"", "https://h/t", NULL, NULL},
	{"Bearer realm=\"https://h/t\", Basic realm=\"other\", service=\"no\"", "https://h/t", NULL,
	 NULL},
	{"Negotiate, Bearer realm=\"https://h/t\"", "https://h/t", NULL, NULL},
	{",, Bearer realm=\"https://h/t\",,", "https://h/t", NULL, NULL},
	{"Bearer realm=\"https://h/\\t\\\"\",realm2=x", NULL, NULL, NULL},
	{"Bearer realm=\"https://h/\\t\",x=\"a\\\"b, realm=\\\"no\"", "https://h/t", NULL, NULL},
	{"Bearer realm=\"https://h/t\",service=\"\"", "https://h/t", "", NULL},
	{"BEARER realm=HTTPS://H/T", "HTTPS://H/T", NULL, NULL},
	{"Bearer realm=https://h", "https://h", NULL, NULL},
};

static void check_text(const char *header, const char *got, const char *wanted)
{
	bool same = got && wanted ? strcmp(got, wanted) == 0 : got == wanted;

	CU_ASSERT(same);
	if (!same)
		fprintf(stderr, "%s: got %s, wanted %s\n", header, got ? got : "nothing",
			wanted ? wanted : "nothing");
}

static void test_good(void)
{
	for (size_t i = 0; i < ICR_LENGTH(good); i++) {
		_cleanup_error_ struct icr_error err = {0};
		icr_cleanup(icr_challenge_free) struct icr_challenge challenge = {0};
		int r = icr_challenge_parse(good[i].header, &challenge, &err);
		CU_ASSERT_EQUAL(r, good[i].realm ? 0 : -ICR_E_PROTOCOL);
		check_text(good[i].header, challenge.realm, good[i].realm);
		check_text(good[i].header, challenge.service, good[i].service);
		check_text(good[i].header, challenge.scope, good[i].scope);
	}
}

/* As a client does that goes through all of them. */
static void test_several(void)
{
	static const char header[] = "Bearer realm=\"https://a/t\",service=\"s\", "
				     "Basic realm=\"x\", bearer realm=https://b/t, "
				     "Bearer error=\"e\",service=\"t\",realm=\"https://c/t\"";
	icr_cleanup(icr_challenge_free) struct icr_challenge challenge = {0};

	CU_ASSERT_EQUAL(icr_challenge_parse(header, &challenge, NULL), 0);
	CU_ASSERT_STRING_EQUAL(challenge.realm, "https://a/t");
	CU_ASSERT_STRING_EQUAL(challenge.service, "s");
	CU_ASSERT_EQUAL_FATAL(challenge.others.count, 2);
	CU_ASSERT_STRING_EQUAL(challenge.others.items[0], "https://b/t");
	CU_ASSERT_STRING_EQUAL(challenge.others.items[1], "https://c/t");
}

static void test_bad(void)
{
	static const char *const bad[] = {
		"",
		" ",
		",",
		"Bearer",
		"Bearer ",
		"Bearer realm",
		"Bearer realm=",
		"Bearer realm=\"\"",
		"Bearer realm=\"https://h/t",
		"Bearer realm=\"https://h/t\\",
		"Bearer realm=\"http://h/t\"",
		"Bearer realm=\"ftp://h/t\"",
		"Bearer realm=\"//h/t\"",
		"Bearer realm=\"/t\"",
		"Bearer realm=\"https:///t\"",
		"Bearer realm=\"https://user@h/t\"",
		"Bearer realm=\"https://user:word@h/t\"",
		"Bearer realm=\"https://h@evil/t\"",
		"Bearer realm=\"https://h\\@evil/t\"",
		"Bearer realm=\"https://h:/t\"",
		"Bearer realm=\"https://h:x/t\"",
		"Bearer realm=\"https://h:123456/t\"",
		"Bearer realm=\"https://h%2fx/t\"",
		"Bearer realm=\"https://[::1]/t\"",
		"Bearer realm=\"https://h/t#f\"",
		"Bearer realm=\"https://h/a b\"",
		"Bearer realm=\"https://h/\xc3\xa4\"",
		"Bearer realm=\"https://h/\x01\"",
		"Bearer realm=\"https://h/\n\"",
		"Bearer realm=\"https://h/t\",realm=\"https://evil/t\"",
		"Bearer realm=\"https://h/t\" \"x\"",
		"Bearer realm=ht\"tps://h/t\"",
		"Bearer =\"https://h/t\"",
		"Basic realm=\"https://h/t\"",
		"Bearer2 realm=\"https://h/t\"",
		"realm=\"https://h/t\"",
		"\"Bearer\" realm=\"https://h/t\"",
		"Bearer realm:\"https://h/t\"",
		"Basic x, realm=\"https://h/t\"",
		"Digest realm=\"a\", nonce=\"Bearer realm=https://h/t\"",
		"Bearer service=\"registry\"",
		"Bearer service=a,service=b,realm=https://h/t",
		"Bearer realm=\"https://h/t\", Bearer realm=\"http://h/t\"",
		"Bearer realm=\"https://h/t\", Bearer realm=\"https://u@h/t\"",
		"Bearer, Bearer realm=\"https://h/t\"",
	};
	for (size_t i = 0; i < ICR_LENGTH(bad); i++) {
		_cleanup_error_ struct icr_error err = {0};
		struct icr_challenge challenge = {0};
		int r = icr_challenge_parse(bad[i], &challenge, &err);
		CU_ASSERT_EQUAL(r, -ICR_E_PROTOCOL);
		CU_ASSERT_PTR_NOT_NULL(err.what);
		CU_ASSERT_PTR_NULL(challenge.realm);
		if (r == 0)
			fprintf(stderr, "accepted: %s\n", bad[i]);
		icr_challenge_free(&challenge);
	}
}

static void test_long(void)
{
	_cleanup_buf_ struct icr_buf header;
	icr_buf_init(&header, 1 << 20);
	struct icr_challenge challenge = {0};

	icr_buf_text(&header, "Bearer realm=\"https://h/");
	for (int i = 0; i < 3000; i++)
		icr_buf_char(&header, 'a');
	icr_buf_char(&header, '"');
	CU_ASSERT_EQUAL(icr_challenge_parse(header.data, &challenge, NULL), -ICR_E_PROTOCOL);
	for (int i = 0; i < 3000; i++)
		icr_buf_text(&header, ", x=y");
	CU_ASSERT_EQUAL(icr_challenge_parse(header.data, &challenge, NULL), -ICR_E_PROTOCOL);
}

/* The password goes to the names of the registry that was asked, nowhere else. */
static void test_realms(void)
{
	static const struct {
		const char *asked, *realm;
		bool same;
	} cases[] = {
		{"us.icr.io", "https://us.icr.io/oauth/token", true},
		{"us.icr.io", "https://US.icr.io:443/oauth/token", true},
		{"us.icr.io", "https://private.us.icr.io/oauth/token", true},
		{"us.icr.io", "https://registry.ng.bluemix.net/oauth/token", true},
		{"private.us.icr.io", "https://us.icr.io/oauth/token", true},
		{"registry.ng.bluemix.net", "https://us.icr.io/oauth/token", true},
		{"icr.io", "https://private.icr.io/oauth/token", true},
		{"cp.icr.io", "https://cp.icr.io/oauth/token", true},
		{"zz.icr.io", "https://private.zz.icr.io/oauth/token", true},
		{"us.icr.io", "https://de.icr.io/oauth/token", false},
		{"us.icr.io", "https://icr.io/oauth/token", false},
		{"us.icr.io", "https://cp.icr.io/oauth/token", false},
		{"us.icr.io", "https://stg.icr.io/oauth/token", false},
		{"us.icr.io", "https://zz.icr.io/oauth/token", false},
		{"icr.io", "https://cp.icr.io/oauth/token", false},
		{"cp.icr.io", "https://icr.io/oauth/token", false},
		{"us.icr.io", "https://dd0.us.icr.io/oauth/token", false},
		{"us.icr.io", "https://us.icr.io:8443/oauth/token", false},
		{"us.icr.io", "http://us.icr.io/oauth/token", false},
		{"us.icr.io", "https://us.icr.io.evil.example/oauth/token", false},
		{"us.icr.io", "https://us.icr.io@evil.example/oauth/token", false},
		{"us.icr.io", "https://evil.example/us.icr.io", false},
		{"us.icr.io", "https://iam.cloud.ibm.com/identity/token", false},
	};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		struct icr_host host;
		CU_ASSERT_TRUE_FATAL(icr_host_parse(cases[i].asked, strlen(cases[i].asked), &host));
		CU_ASSERT_EQUAL(icr_realm_is_of(cases[i].realm, &host), cases[i].same);
		if (icr_realm_is_of(cases[i].realm, &host) != cases[i].same)
			fprintf(stderr, "%s: %s\n", cases[i].asked, cases[i].realm);
		if (cases[i].same)
			continue;
		_cleanup_error_ struct icr_error err = {0};
		_cleanup_secret_ struct icr_secret password = {0}, token = {0};
		_cleanup_free_ char *realm = icr_strdup(cases[i].realm);
		const struct icr_challenge challenge = {.realm = realm};
		CU_ASSERT_EQUAL_FATAL(icr_secret_set(&password, "word", 4, NULL), 0);
		int r = icr_registry_token(&challenge, "repository:a/b:pull", &host, "127.0.0.1",
					   "iamapikey", &password, 3000, &token, &err);
		CU_ASSERT_EQUAL(r, -ICR_E_REFUSED);
		CU_ASSERT_PTR_NULL(token.data);
		CU_ASSERT_PTR_NOT_NULL_FATAL(err.what);
		CU_ASSERT_PTR_NULL(strstr(err.what, "word"));
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"challenges", test_good},
		{"several challenges", test_several},
		{"challenges that are refused", test_bad},
		{"challenges that are too long", test_long},
		{"realms of a registry", test_realms},
	};
	return suite_run("registry", tests, ICR_LENGTH(tests));
}
