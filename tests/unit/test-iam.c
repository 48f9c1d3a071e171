/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/iam.c"

#include "tests/unit/suite.h"

static void test_urls(void)
{
	static const struct {
		const char *text, *url; /* NULL: refused */
	} cases[] = {
		{NULL, "https://iam.cloud.ibm.com"},
		{"public", "https://iam.cloud.ibm.com"},
		{"private", "https://private.iam.cloud.ibm.com"},
		{"https://iam.test.cloud.ibm.com", "https://iam.test.cloud.ibm.com"},
		{"HTTPS://iam.test.cloud.ibm.com/", "HTTPS://iam.test.cloud.ibm.com"},
		{"https://iam.cloud.ibm.com/identity/token", "https://iam.cloud.ibm.com"},
		{"https://iam.cloud.ibm.com/identity/token/", "https://iam.cloud.ibm.com"},
		{"https://gate.example.com:8443/iam", "https://gate.example.com:8443/iam"},
		{"https://[2001:db8::1]:443", "https://[2001:db8::1]:443"},
		{"http://iam.cloud.ibm.com", NULL},
		{"iam.cloud.ibm.com", NULL},
		{"", NULL},
		{"Private", NULL},
		{"https://", NULL},
		{"https:///identity/token", NULL},
		{"https://user@iam.cloud.ibm.com", NULL},
		{"https://iam.cloud.ibm.com?x", NULL},
		{"https://iam.cloud.ibm.com#x", NULL},
		{"https://iam.cloud.ibm.com\\x", NULL},
		{"https://iam.cloud.ibm.com/a b", NULL},
		{"https://iam.cloud.ibm.com/\n", NULL},
		{"https://i\xc3\xa4m.example.com", NULL},
		{"https://iam.cloud.ibm.com\"", NULL},
	};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_error_ struct icr_error err = {0};
		_cleanup_free_ char *url = NULL;
		int r = icr_iam_url(cases[i].text, &url, &err);
		if (cases[i].url) {
			CU_ASSERT_EQUAL(r, 0);
			CU_ASSERT_STRING_EQUAL(url, cases[i].url);
		} else {
			CU_ASSERT_EQUAL(r, -EINVAL);
			CU_ASSERT_PTR_NULL(url);
			CU_ASSERT_PTR_NOT_NULL(err.what);
		}
	}
}

static void check_form(const struct icr_iam_grant *grant, const char *wanted)
{
	_cleanup_buf_ struct icr_buf body = ICR_BUF(4096);

	put_form(grant, &body);
	CU_ASSERT_STRING_EQUAL(body.data, wanted);
}

static void test_forms(void)
{
	static const char odd[] = "a-b.c_d*e~f g+h&i=j%k\n\xc3\xa9";
	_cleanup_secret_ struct icr_secret secret = {0};
	_cleanup_error_ struct icr_error err = {0};

	CU_ASSERT_EQUAL_FATAL(icr_secret_set(&secret, odd, strlen(odd), &err), 0);
	check_form(&(struct icr_iam_grant){.kind = ICR_IAM_APIKEY, .secret = &secret},
		   "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey="
		   "a-b.c_d*e%7Ef%20g%2Bh%26i%3Dj%25k%0A%C3%A9&response_type=cloud_iam");
	icr_secret_free(&secret);
	CU_ASSERT_EQUAL_FATAL(icr_secret_set(&secret, "s", 1, &err), 0);
	check_form(&(struct icr_iam_grant){.kind = ICR_IAM_CR_TOKEN,
					   .secret = &secret,
					   .profile_name = "my profile"},
		   "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Acr-token&cr_token=s"
		   "&profile_name=my%20profile");
	check_form(&(struct icr_iam_grant){.kind = ICR_IAM_REFRESH, .secret = &secret},
		   "grant_type=refresh_token&refresh_token=s&response_type=cloud_iam");
	check_form(&(struct icr_iam_grant){.kind = ICR_IAM_REFRESH,
					   .secret = &secret,
					   .account = "a1"},
		   "grant_type=refresh_token&refresh_token=s&response_type=cloud_iam&account=a1");
	check_form(&(struct icr_iam_grant){.kind = ICR_IAM_PASSCODE, .secret = &secret},
		   "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Apasscode&passcode=s"
		   "&response_type=cloud_iam");
	check_form(&(struct icr_iam_grant){.kind = ICR_IAM_ASSUME,
					   .secret = &secret,
					   .profile_crn = "crn:v1"},
		   "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aassume&access_token=s"
		   "&profile_crn=crn%3Av1");
}

static void test_replies(void)
{
	static const struct {
		const char *text, *access, *refresh; /* no access: refused */
		int64_t expires_in;
	} cases[] = {
		{"{\"access_token\":\"a\",\"refresh_token\":\"r\",\"expires_in\":3600}", "a", "r",
		 3600},
		{"{\"access_token\":\"a\",\"refresh_token\":\"not_supported\",\"expires_in\":900}",
		 "a", NULL, 900},
		{"{\"access_token\":\"a\",\"refresh_token\":\"not_available\",\"expires_in\":60}",
		 "a", NULL, 60},
		{"{\"access_token\":\"a\",\"expires_in\":86400.5}", NULL, NULL, 0},
		{"{\"access_token\":\"a\",\"expires_in\":300}", "a", NULL, 300},
		{"{\"access_token\":\"a\",\"expires_in\":59}", NULL, NULL, 0},
		{"{\"access_token\":\"a\",\"expires_in\":-1}", NULL, NULL, 0},
		{"{\"access_token\":\"a\",\"expires_in\":1e999}", NULL, NULL, 0},
		{"{\"access_token\":\"a\",\"expires_in\":\"3600\"}", NULL, NULL, 0},
		{"{\"access_token\":\"a\"}", NULL, NULL, 0},
		{"{\"access_token\":\"not_supported\",\"expires_in\":3600}", NULL, NULL, 0},
		{"{\"access_token\":\"\",\"expires_in\":3600}", NULL, NULL, 0},
		{"{\"access_token\":\"a b\",\"expires_in\":3600}", NULL, NULL, 0},
		{"{\"access_token\":\"a\\n\",\"expires_in\":3600}", NULL, NULL, 0},
		{"{\"access_token\":1,\"expires_in\":3600}", NULL, NULL, 0},
		{"{\"expires_in\":3600}", NULL, NULL, 0},
		{"[]", NULL, NULL, 0},
		{"", NULL, NULL, 0},
		{"<html>", NULL, NULL, 0},
	};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_error_ struct icr_error err = {0};
		_cleanup_iam_token_ struct icr_iam_token token = {0};
		int r = icr_iam_read_token(cases[i].text, strlen(cases[i].text), &token, &err);
		if (!cases[i].access) {
			CU_ASSERT_EQUAL(r, -ICR_E_PROTOCOL);
			CU_ASSERT_PTR_NOT_NULL(strstr(err.what, "no token"));
			CU_ASSERT_PTR_NULL(token.access.data);
			continue;
		}
		CU_ASSERT_EQUAL_FATAL(r, 0);
		CU_ASSERT_STRING_EQUAL(token.access.data, cases[i].access);
		CU_ASSERT_EQUAL(token.expires_in, cases[i].expires_in);
		if (cases[i].refresh)
			CU_ASSERT_STRING_EQUAL(token.refresh.data, cases[i].refresh)
		else
			CU_ASSERT_PTR_NULL(token.refresh.data);
	}
}

static int judged(int status, int retry_after, const char *body, struct icr_error *err)
{
	icr_cleanup(icr_http_reply_free) struct icr_http_reply reply = {
		.outcome = ICR_HTTP_DONE,
		.status = status,
		.retry_after = retry_after,
		.body = ICR_BUF(4096),
	};

	icr_buf_text(&reply.body, body);
	return judge("iam.cloud.ibm.com", &reply, err);
}

static void test_refusals(void)
{
	static const char dead[] =
		"{\"errorCode\":\"BXNIM0415E\",\"errorMessage\":\"Provided API key could not be "
		"found.\",\"context\":{\"requestId\":\"abc\\u001b[31m123\"}}";
	_cleanup_error_ struct icr_error err = {0};

	CU_ASSERT_EQUAL(judged(200, -1, "", NULL), 0);
	CU_ASSERT_EQUAL(judged(400, -1, dead, &err), -EACCES);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(err.what, "Provided API key could not be found. (BXNIM0415E)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "api-key-create"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "request ID is abc\\x1B[31m123"));
	CU_ASSERT_STRING_EQUAL(err.where, "iam.cloud.ibm.com");
	CU_ASSERT_EQUAL(judged(401, -1, "", &err), -EACCES);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.what, "HTTP status 401"));
	CU_ASSERT_EQUAL(judged(429, 60, "{}", &err), -EAGAIN);
	CU_ASSERT_EQUAL(judged(503, -1, "<html>", &err), -EAGAIN);
	CU_ASSERT_EQUAL(judged(501, -1, "{}", &err), -EACCES);
	CU_ASSERT_EQUAL(judged(302, -1, "", &err), -ICR_E_PROTOCOL);
}

static void test_waits(void)
{
	static const struct {
		int retry_after;
		int64_t wait, left, result;
	} cases[] = {
		{-1, 200, 10000, 200}, {-1, 200, 400, -1},   {0, 200, 10000, 200},
		{3, 200, 10000, 3000}, {60, 200, 10000, -1}, {10, 200, 10000, -1},
		{0, 200, 400, -1},
	};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_error_ struct icr_error err = {0};
		const struct icr_http_reply reply = {.retry_after = cases[i].retry_after};
		(void)icr_fail(&err, EAGAIN, "busy");
		CU_ASSERT_EQUAL(time_to_wait(&reply, cases[i].wait, cases[i].left, &err),
				cases[i].result);
		CU_ASSERT_EQUAL(err.hint != NULL, cases[i].result < 0 && cases[i].retry_after > 0);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"urls", test_urls},	     {"forms", test_forms}, {"replies", test_replies},
		{"refusals", test_refusals}, {"waits", test_waits},
	};

	return suite_run("iam", tests, ICR_LENGTH(tests));
}
