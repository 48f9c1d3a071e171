/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/metadata.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "helper/helper.h"
#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/http.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/message.h"

#define VPC_ADDRESS	"169.254.169.254"
#define POWERVS_ADDRESS "169.254.169.253"

/* a link-local peer answers at once or not at all */
#define CONNECT_MS 2000
#define REPLY_MAX  ((size_t)256 * 1024)

/* Where the service may be; one instance has one of them (IBM Cloud Docs, vpc: imd-about, and
 * power-iaas: instance_metadata_pvs). By HTTPS under its name, which need not resolve. */
static const struct base {
	const char *url, *address, *where;
	bool plain, powervs;
} bases[] = {
	{"http://" VPC_ADDRESS, NULL, "http://" VPC_ADDRESS, true, false},
	{"https://api.metadata.cloud.ibm.com", VPC_ADDRESS, "api.metadata.cloud.ibm.com", false,
	 false},
	{"https://api.metadata.power-iaas.cloud.ibm.com", POWERVS_ADDRESS,
	 "api.metadata.power-iaas.cloud.ibm.com", false, true},
};

/* Its API; version 1 ends where 2 begins. (IBM Cloud VPC Identity API; PowerVS wants no version.)
 */
static const struct api {
	const char *token, *iam, *version;
} apis[] = {
	{"/identity/v1/token", "/identity/v1/iam_tokens", "2025-08-26"},
	{"/instance_identity/v1/token", "/instance_identity/v1/iam_token", "2022-03-01"},
};

static const char *const headers[] = {"Metadata-Flavor: ibm", NULL};
static const char token_body[] = "{\"expires_in\":300}";

/* One of the two calls, and what is kept for it. */
struct call {
	struct icr_http_request request;
	struct icr_http_reply reply;
	char *url;
};

static void call_free(struct call *call)
{
	icr_http_reply_free(&call->reply);
	free(call->url);
	*call = (struct call){0};
}

static int time_left(int64_t deadline)
{
	int64_t left = deadline - icr_clock_ms();

	return left > 1 ? (int)left : 1;
}

static void prepare(struct call *call, const struct base *base, const struct api *api,
		    const char *path, int64_t deadline)
{
	int left = time_left(deadline);

	call->url = icr_printf("%s%s%s%s", base->url, path,
			       base->powervs ? "" : "?version=", base->powervs ? "" : api->version);
	call->request = (struct icr_http_request){
		.method = "PUT",
		.url = call->url,
		.address = base->address,
		.plain = base->plain,
		.accept = "application/json",
		.headers = headers,
		.content_type = "application/json",
		.body = token_body,
		.body_len = strlen(token_body),
		.connect_timeout_ms = left < CONNECT_MS ? left : CONNECT_MS,
		.timeout_ms = left,
		.body_max = REPLY_MAX,
		.again = true,
	};
}

static int perform(struct call *call, struct icr_error *err)
{
	return icr_http_perform(&call->request, 1, &call->reply, err);
}

static bool is_ok(const struct icr_http_reply *reply)
{
	return reply->outcome == ICR_HTTP_DONE && (reply->status == 200 || reply->status == 201);
}

static bool is_missing(const struct icr_http_reply *reply)
{
	return reply->outcome == ICR_HTTP_DONE && reply->status == 404;
}

/* Nothing answers: what came of each place, and the usual reason of a container. */
static int fail_nowhere(const struct call *calls, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	for (size_t i = 0; i < ICR_LENGTH(bases); i++)
		icr_buf_printf(&text, "%s%s: %s", i > 0 ? "; " : "", bases[i].where,
			       calls[i].reply.message
				       ? calls[i].reply.message
				       : icr_http_outcome_text(calls[i].reply.outcome));
	icr_fail(err, ETIMEDOUT, "no instance metadata service answers (%s)", text.data);
	return icr_error_hint(
		err, "instances of VPC and Power Virtual Server have one, when it is "
		     "switched on; in a container with a network of its own raise the "
		     "instance's metadata response hop limit to 2. Elsewhere log in with an "
		     "API key: " HELPER_NAME " login");
}

static char *error_code(const struct icr_http_reply *reply)
{
	_cleanup_message_ cJSON *message = NULL;

	if (icr_message_parse(reply->body.data, reply->body.len, &message, NULL) < 0)
		return NULL;
	const cJSON *first =
		cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(message, "errors"), 0);
	const char *code = icr_message_string(first, "code");
	return code ? icr_strdup(code) : NULL;
}

/* The refusals that an administrator can do something about (IBM Cloud Docs, vpc:
 * metadata-error-codes); IAM: of the second call. */
static const struct refusal {
	int status;
	const char *code;
	bool iam;
	int error;
	const char *what, *hint;
} refusals[] = {
	{403, "unauthorized", false, EACCES,
	 "the metadata service is switched off on this instance",
	 "switch it on: ibmcloud is instance-update INSTANCE --metadata-service true (on Power "
	 "Virtual Server in the instance's settings)"},
	{400, "profile_not_linked", true, EACCES,
	 "this instance is not linked to the trusted profile",
	 "link it: ibmcloud iam trusted-profile-link-create, or name another in "
	 "\"trusted_profile\" of the configuration"},
	{400, "not_found", true, EACCES,
	 "there is no such trusted profile, or this instance is not linked to it",
	 "link it: ibmcloud iam trusted-profile-link-create, or name another in "
	 "\"trusted_profile\" of the configuration"},
	{404, "not_found", true, EACCES,
	 "there is no such trusted profile, or this instance is not linked to it",
	 "link it: ibmcloud iam trusted-profile-link-create, or name another in "
	 "\"trusted_profile\" of the configuration"},
	{400, "missing_field", true, EACCES, "this instance has no default trusted profile",
	 "name one: \"trusted_profile\": {\"id\": \"Profile-...\"} in the configuration"},
	{400, "missing_value", true, EACCES, "this instance has no default trusted profile",
	 "name one: \"trusted_profile\": {\"id\": \"Profile-...\"} in the configuration"},
	{401, "unauthenticated", true, EAGAIN,
	 "the instance's identity token was not taken any more", "try again"},
};

static int fail_refused(const struct base *base, const struct icr_http_reply *reply, bool iam,
			struct icr_error *err)
{
	_cleanup_free_ char *code = error_code(reply);
	_cleanup_buf_ struct icr_buf said = ICR_BUF(ICR_BUF_MAX);

	icr_message_error_text(reply->body.data, reply->body.len, &said);
	if (said.len == 0)
		icr_buf_printf(&said, "HTTP status %d", reply->status);
	for (size_t i = 0; code && i < ICR_LENGTH(refusals); i++) {
		const struct refusal *refusal = &refusals[i];
		if (refusal->status != reply->status || strcmp(refusal->code, code) != 0 ||
		    (refusal->iam && !iam))
			continue;
		icr_fail_at(err, refusal->error, base->where, "%s: %s", refusal->what, said.data);
		return icr_error_hint(err, "%s", refusal->hint);
	}
	if (reply->status == 429 || reply->status >= 500) {
		icr_fail_at(err, EAGAIN, base->where, "the metadata service fails: %s", said.data);
		return icr_error_hint(err, "try again in a minute");
	}
	if (reply->status >= 300 && reply->status < 400)
		return icr_fail_at(
			err, ICR_E_PROTOCOL, base->where,
			"answers with a redirect (HTTP status %d), which is not followed",
			reply->status);
	if (is_missing(reply) && !iam) {
		icr_fail_at(err, ICR_E_PROTOCOL, base->where,
			    "there is no instance identity service of IBM Cloud: %s", said.data);
		return icr_error_hint(err, "is this an instance of another cloud?");
	}
	return icr_fail_at(err, ICR_E_PROTOCOL, base->where,
			   "the metadata service does not take the request: %s", said.data);
}

static int judge(const struct base *base, const struct icr_http_reply *reply, bool iam,
		 struct icr_iam_token *ret_token, struct icr_error *err)
{
	if (reply->outcome != ICR_HTTP_DONE)
		return icr_fail_at(
			err, reply->outcome == ICR_HTTP_TOO_LARGE ? ICR_E_PROTOCOL : ETIMEDOUT,
			base->where, "the metadata service: %s",
			reply->message ? reply->message : icr_http_outcome_text(reply->outcome));
	if (!is_ok(reply))
		return fail_refused(base, reply, iam, err);
	int r = icr_iam_read_token(reply->body.data, reply->body.len, ret_token, err);
	return r < 0 ? icr_error_wrap(err, "the metadata service at %s", base->where) : r;
}

/* Asks everywhere at once and takes who answers first. Returns its number in bases. */
static int discover(struct call *calls, int64_t deadline, struct icr_error *err)
{
	icr_cleanup(icr_http_close) struct icr_http *http = NULL;
	const struct icr_http_request *ended = NULL;

	int r = icr_http_open(&http, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ICR_LENGTH(bases); i++) {
		prepare(&calls[i], &bases[i], &apis[0], apis[0].token, deadline);
		icr_http_start(http, &calls[i].request, &calls[i].reply);
	}
	do {
		r = icr_http_next(http, -1, time_left(deadline), &ended, err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < ICR_LENGTH(bases); i++)
			if (ended == &calls[i].request && calls[i].reply.outcome == ICR_HTTP_DONE)
				return (int)i;
	} while (ended);
	return fail_nowhere(calls, err);
}

static void put_body(const char *profile_id, const char *profile_crn, struct icr_buf *body)
{
	const char *value = profile_id ? profile_id : profile_crn;

	if (!value)
		return;
	icr_buf_printf(body, "{\"trusted_profile\":{\"%s\":", profile_id ? "id" : "crn");
	icr_json_quote(body, value, strlen(value));
	icr_buf_text(body, "}}");
}

static void calls_free(struct call (*calls)[ICR_LENGTH(bases)])
{
	for (size_t i = 0; i < ICR_LENGTH(bases); i++)
		call_free(&(*calls)[i]);
}

int metadata_token(const char *profile_id, const char *profile_crn, int timeout_ms,
		   struct icr_iam_token *ret_token, struct icr_error *err)
{
	icr_cleanup(calls_free) struct call calls[ICR_LENGTH(bases)] = {0};
	icr_cleanup(call_free) struct call older = {0}, exchange = {0};
	_cleanup_iam_token_ struct icr_iam_token identity = {0};
	_cleanup_buf_ struct icr_buf body = ICR_BUF(ICR_SECRET_MAX);
	int64_t deadline = icr_clock_ms() + timeout_ms;
	const struct api *api = &apis[0];

	int found = discover(calls, deadline, err);
	if (found < 0)
		return found;
	const struct base *base = &bases[found];
	const struct icr_http_reply *reply = &calls[found].reply;
	if (is_missing(reply)) {
		api = &apis[1];
		prepare(&older, base, api, api->token, deadline);
		int r = perform(&older, err);
		if (r < 0)
			return r;
		reply = &older.reply;
	}
	int r = judge(base, reply, false, &identity, err);
	if (r < 0)
		return r;
	put_body(profile_id, profile_crn, &body);
	prepare(&exchange, base, api, api->iam, deadline);
	exchange.request.method = "POST";
	exchange.request.bearer = &identity.access;
	exchange.request.body = body.data;
	exchange.request.body_len = body.len;
	r = perform(&exchange, err);
	return r < 0 ? r : judge(base, &exchange.reply, true, ret_token, err);
}
