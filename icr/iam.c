/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/iam.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/http.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/message.h"
#include "icr/text.h"

#define GRANT_TYPE "urn:ibm:params:oauth:grant-type:"

/* the ibmcloud CLI's client, without which no refresh token is handed out */
#define CLIENT "bx"

/* tokens are about 1.6 kB */
#define REPLY_MAX ((size_t)256 * 1024)

/* First wait before another try; it doubles. Go-sdk-core begins with a second, too long for a pull
 * that waits for us. */
#define WAIT_FIRST_MS 200
/* too little time for another try to end in */
#define TRY_LEAST_MS 300

/* Lives that an account can set (platform-services-go-sdk v0.101.0, iamidentityv1). */
#define EXPIRES_LEAST 60
#define EXPIRES_MOST  86400

/* Appends &NAME=VALUE, encoded as a form (WHATWG URL, application/x-www-form-urlencoded). */
static void put_field(struct icr_buf *body, const char *name, const char *value)
{
	if (!value)
		return;
	icr_buf_printf(body, "%s%s=", body->len > 0 ? "&" : "", name);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    strchr("-._*", c))
			icr_buf_char(body, (char)c);
		else
			icr_buf_printf(body, "%%%02X", c);
	}
}

static void put_form(const struct icr_iam_grant *grant, struct icr_buf *body)
{
	static const struct {
		const char *type, *field;
		bool response_type;
	} kinds[] = {
		[ICR_IAM_APIKEY] = {GRANT_TYPE "apikey", "apikey", true},
		[ICR_IAM_CR_TOKEN] = {GRANT_TYPE "cr-token", "cr_token", false},
		[ICR_IAM_REFRESH] = {"refresh_token", "refresh_token", true},
		[ICR_IAM_PASSCODE] = {GRANT_TYPE "passcode", "passcode", true},
		[ICR_IAM_ASSUME] = {GRANT_TYPE "assume", "access_token", false},
	};

	put_field(body, "grant_type", kinds[grant->kind].type);
	put_field(body, kinds[grant->kind].field, grant->secret->data);
	if (kinds[grant->kind].response_type)
		put_field(body, "response_type", "cloud_iam");
	put_field(body, "profile_id", grant->profile_id);
	put_field(body, "profile_name", grant->profile_name);
	put_field(body, "profile_crn", grant->profile_crn);
	put_field(body, "account", grant->account);
}

static bool is_usable(const char *token)
{
	/* what IAM says in place of a refresh token to who has no client id */
	return token && *token && strcmp(token, "not_supported") != 0 &&
	       strcmp(token, "not_available") != 0;
}

static int fail_reply(const char *what, struct icr_error *err)
{
	return icr_fail(err, ICR_E_PROTOCOL, "the answer is no token: %s", what);
}

/* Appends the string member NAME; nothing when there is none. */
static void take(const struct icr_json *json, const char *name, struct icr_buf *out)
{
	uint32_t member = icr_json_member(json, 0, name);

	if (icr_json_is(json, member, ICR_JSON_STRING))
		icr_json_string(json, member, out);
}

static bool read_life(const struct icr_json *json, int64_t *ret_life)
{
	return icr_json_integer(json, icr_json_member(json, 0, "expires_in"), EXPIRES_LEAST,
				EXPIRES_MOST, ret_life);
}

int icr_iam_read_token(const char *text, size_t len, struct icr_iam_token *ret_token,
		       struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf access = ICR_BUF(ICR_SECRET_MAX),
				     refresh = ICR_BUF(ICR_SECRET_MAX);
	_cleanup_iam_token_ struct icr_iam_token token = {0};

	if (icr_json_parse(text, len, NULL, ICR_JSON_NO_NUL, &json, NULL) < 0)
		return fail_reply("it is no JSON object", err);
	take(&json, "access_token", &access);
	take(&json, "refresh_token", &refresh);
	/* part of a token is none */
	if (access.failed || refresh.failed)
		return fail_reply("it is larger than any", err);
	if (!is_usable(access.data))
		return fail_reply("it has no access_token", err);
	for (const char *c = access.data; *c; c++)
		if (*c <= ' ' || *c > '~')
			return fail_reply("its access_token holds blanks or controls", err);
	if (!read_life(&json, &token.expires_in))
		return fail_reply("expires_in is not within a minute and a day", err);
	int r = icr_secret_set(&token.access, access.data, access.len, err);
	if (r >= 0 && is_usable(refresh.data))
		r = icr_secret_set(&token.refresh, refresh.data, refresh.len, err);
	if (r < 0)
		return r;
	*ret_token = token;
	token = (struct icr_iam_token){0};
	return 0;
}

/* What to do about IAM's code; of the codes in IBM's SDKs and public reports. */
static const char *next_step(const char *code)
{
	static const struct {
		const char *code, *step;
	} steps[] = {
		{"BXNIM0415E",
		 "the key was deleted, or mistyped: make one with \"ibmcloud iam "
		 "api-key-create\" and store it with \"docker-credential-icr login\""},
		{"BXNIM0602E",
		 "the key or password is wrong: \"docker-credential-icr login\" again"},
		{"BXNIM0407E", "the token is no longer good: log in again"},
		{"BXNIM0408E", "the session is over: \"docker-credential-icr login --sso\" again"},
		{"BXNIM0439E",
		 "the session was inactive for too long: \"docker-credential-icr login "
		 "--sso\" again, or use an API key on hosts that nobody sits at"},
		{"BXNIM0400E", "this is a federated user: \"docker-credential-icr login --sso\""},
		{"BXNIM0513E", "ask the account's administrator for the right to use it"},
		{"BXNIM0141E",
		 "name an account that you are a member of: login --sso --account ID"},
		{"BXNIM0113E", "look at the CRN of trusted_profile in the configuration"},
		{"BXNIM0139E", "log in again"},
	};

	for (size_t i = 0; code && i < ICR_LENGTH(steps); i++)
		if (strcmp(steps[i].code, code) == 0)
			return steps[i].step;
	return "look the code up in IBM Cloud's documentation of IAM";
}

/* IAM's own words, its request ID for a support case, and what to do next. */
static int fail_rejected(const char *host, const struct icr_http_reply *reply, int code,
			 struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf said = ICR_BUF(ICR_BUF_MAX), request = ICR_BUF(ICR_BUF_MAX);
	_cleanup_free_ char *error_code = NULL, *id = NULL;

	icr_message_error_text(reply->body.data, reply->body.len, &said);
	if (icr_json_parse(reply->body.data, reply->body.len, NULL, ICR_JSON_NO_NUL, &json, NULL) >=
	    0) {
		error_code = icr_json_text(&json, 0, "errorCode");
		id = icr_json_text(&json, icr_json_member(&json, 0, "context"), "requestId");
	}
	if (id)
		icr_text_safe(id, strnlen(id, 100), "", &request);
	if (said.len == 0)
		icr_buf_printf(&said, "HTTP status %d", reply->status);
	(void)icr_fail_at(err, code, host, "IAM %s: %s",
			  code == EACCES ? "rejects it" : "does not serve it now", said.data);
	return icr_error_hint(err, "%s%s%s",
			      code == EACCES ? next_step(error_code) : "try again in a minute",
			      request.len ? "; IAM's request ID is " : "", request.data);
}

static bool is_transient(const struct icr_http_reply *reply)
{
	switch (reply->outcome) {
	case ICR_HTTP_DONE:
		return reply->status == 429 || (reply->status >= 500 && reply->status != 501);
	case ICR_HTTP_TLS_NAME:
	case ICR_HTTP_TLS_UNTRUSTED:
	case ICR_HTTP_TOO_LARGE:
	case ICR_HTTP_LOCAL:
		return false;
	default:
		return true;
	}
}

/* Puts the reply's verdict into words; 0 when it is a token's. */
static int judge(const char *host, const struct icr_http_reply *reply, struct icr_error *err)
{
	if (reply->outcome == ICR_HTTP_TOO_LARGE)
		return icr_fail_at(err, ICR_E_PROTOCOL, host,
				   "the answer is no token: it is larger "
				   "than any");
	if (reply->outcome != ICR_HTTP_DONE) {
		(void)icr_fail_at(err, ETIMEDOUT, host, "cannot reach IAM: %s",
				  reply->message ? reply->message
						 : icr_http_outcome_text(reply->outcome));
		return icr_error_hint(err,
				      "look at the network and at the proxy; on a private-only "
				      "host set \"iam_url\": \"private\"");
	}
	if (reply->status == 200)
		return 0;
	if (reply->status >= 300 && reply->status < 400)
		return icr_fail_at(
			err, ICR_E_PROTOCOL, host,
			"answers with a redirect (HTTP status %d), which is not followed "
			"with a credential in hand",
			reply->status);
	return fail_rejected(host, reply, is_transient(reply) ? EAGAIN : EACCES, err);
}

static void wait_ms(int64_t ms)
{
	(void)nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* How long to wait before another try: WAIT, or what the server asks for where that is longer; -1
 * when there is no time for it. A server's wish that does not fit is said. */
static int64_t time_to_wait(const struct icr_http_reply *reply, int64_t wait, int64_t left,
			    struct icr_error *err)
{
	/* a past date, or what is no time at all, reads as 0 */
	int64_t asked = (int64_t)reply->retry_after * 1000;
	int64_t pause = asked > wait ? asked : wait;

	if (pause + TRY_LEAST_MS <= left)
		return pause;
	if (asked > 0 && asked + TRY_LEAST_MS > left && err && err->what)
		(void)icr_error_hint(err,
				     "IAM asks to wait for %d s, which is longer than a pull "
				     "may take: try again then",
				     reply->retry_after);
	return -1;
}

static int ask(const struct icr_http_request *request, const struct icr_secret *secret,
	       const char *host, int timeout_ms, struct icr_iam_token *ret_token,
	       struct icr_error *err)
{
	int64_t deadline = icr_clock_ms() + timeout_ms, wait = WAIT_FIRST_MS;

	for (;; wait *= 2) {
		icr_cleanup(icr_http_reply_free) struct icr_http_reply reply = {0};
		struct icr_http_request attempt = *request;
		int64_t left = deadline - icr_clock_ms();
		attempt.timeout_ms = attempt.connect_timeout_ms = left > 1 ? (int)left : 1;
		int r = icr_http_perform(&attempt, 1, &reply, err);
		if (r < 0)
			return r;
		icr_error_clear(err);
		if (reply.status != 200)
			icr_secret_hide(secret, &reply.body);
		r = judge(host, &reply, err);
		if (r == 0)
			r = icr_iam_read_token(reply.body.data, reply.body.len, ret_token, err);
		if (r == 0 || !is_transient(&reply))
			return r;
		int64_t pause = time_to_wait(&reply, wait, deadline - icr_clock_ms(), err);
		if (pause < 0)
			return r;
		wait_ms(pause);
	}
}

int icr_iam_exchange(const char *url, const struct icr_iam_grant *grant, int timeout_ms,
		     struct icr_iam_token *ret_token, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf body = ICR_BUF(4 * ICR_SECRET_MAX);
	_cleanup_free_ char *endpoint = icr_printf("%s" ICR_IAM_TOKEN_PATH, url);
	_cleanup_secret_ struct icr_secret client = {0};
	_cleanup_error_ struct icr_error own = {0};
	const char *host = strstr(url, "://") + 3;
	bool session = grant->kind == ICR_IAM_REFRESH || grant->kind == ICR_IAM_PASSCODE;

	put_form(grant, &body);
	int r = icr_buf_check(&body, "the request to IAM", &own);
	if (r >= 0 && session)
		r = icr_secret_set(&client, CLIENT, strlen(CLIENT), &own);
	struct icr_http_request request = {
		.method = "POST",
		.url = endpoint,
		.use_proxy = strncmp(host, "private.", strlen("private.")) != 0,
		.username = session ? CLIENT : NULL,
		.password = session ? &client : NULL,
		.accept = "application/json",
		.content_type = "application/x-www-form-urlencoded",
		.body = body.data,
		.body_len = body.len,
		.body_max = REPLY_MAX,
	};
	if (r >= 0)
		r = ask(&request, grant->secret, host, timeout_ms, ret_token, &own);
	if (r < 0 && err)
		icr_error_move(err, &own);
	return r;
}
