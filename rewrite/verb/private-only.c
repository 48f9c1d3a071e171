/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/account.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/http.h"
#include "icr/iam.h"
#include "icr/memory.h"
#include "icr/message.h"
#include "icr/program.h"
#include "icr/region-set.h"
#include "icr/value.h"
#include "rewrite/complete.h"
#include "rewrite/credentials.h"
#include "rewrite/probe.h"
#include "rewrite/report.h"
#include "rewrite/verb/verb.h"

/* GET and PATCH of the management API: container-registry-go-sdk v1.4.0, GetAuth and UpdateAuth. */
#define POLICY_PATH "/api/v1/auth"
#define TIMEOUT_MS  10000

struct values {
	bool status, enable, disable, yes, force, json;
	struct icr_region_set regions;
	const char *account, *iam_url;
};

const struct icr_option private_only_options[] = {
	ICR_FLAG(struct values, status, "status", "tell whether the policy is on"),
	ICR_FLAG(struct values, enable, "enable",
		 "turn it on: from then on the account's images in that region are served over the "
		 "private network alone"),
	ICR_FLAG(struct values, disable, "disable", "turn it off"),
	ICR_REGIONS(struct values, regions, "region", "REGION",
		    "the registry whose policy it is: each has its own"),
	ICR_STRING(struct values, account, "account", "ID",
		   "the account (default: the one of the key)"),
	ICR_STRING(struct values, iam_url, "iam-url", "URL|private",
		   "IAM's endpoint, as iam_url of the helper's configuration"),
	ICR_FLAG(struct values, yes, "yes", "do not ask before --enable"),
	ICR_FLAG(struct values, force, "force",
		 "--enable although this host does not reach the private network"),
	ICR_FLAG(struct values, json, "json", "print one JSON object"),
	{0},
};

/* One conversation with a registry's management API. */
struct session {
	const struct icr_region *region;
	const char *address; /* of the private network, proven; NULL: where the name leads */
	char *account;
	struct icr_secret token;
};

static void session_free(struct session *session)
{
	free(session->account);
	icr_secret_free(&session->token);
}

static int no_account(struct icr_error *err)
{
	icr_fail(err, ICR_E_USAGE, "a token does not tell its account: name it with --account");
	return icr_error_hint(err, "ibmcloud account show prints the ID");
}

/* A token for the API from the helper's key, and the account that the key is of. */
static int open_session(const struct values *values, struct session *session, struct icr_error *err)
{
	_cleanup_free_ char *username = NULL, *url = NULL;
	_cleanup_secret_ struct icr_secret secret = {0};
	_cleanup_iam_token_ struct icr_iam_token token = {0};
	struct icr_key_details details = {0};
	const struct icr_iam_grant grant = {.kind = ICR_IAM_APIKEY, .secret = &secret};

	session->account = values->account ? icr_strdup(values->account) : NULL;
	int r = icr_iam_url(values->iam_url, &url, err);
	if (r < 0)
		return icr_fail(err, ICR_E_USAGE,
				"--iam-url must be an https URL, or the word private");
	r = credentials_get(session->region->public_name, TIMEOUT_MS, &username, &secret, err);
	if (r < 0)
		return r;
	if (strcmp(username, "iambearer") == 0) {
		session->token = secret;
		secret = (struct icr_secret){0};
		return session->account ? 0 : no_account(err);
	}
	r = icr_iam_exchange(url, &grant, TIMEOUT_MS, &token, err);
	if (r >= 0 && !session->account) {
		r = icr_key_details(url, &secret, &token.access, TIMEOUT_MS, &details, err);
		session->account = icr_steal(&details.account);
		icr_key_details_free(&details);
		if (r >= 0 && !session->account)
			r = no_account(err);
	}
	if (r < 0)
		return r;
	session->token = token.access;
	token.access = (struct icr_secret){0};
	return 0;
}

static int refused(const struct session *session, const struct icr_http_reply *reply,
		   struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf said = ICR_BUF(ICR_BUF_MAX);
	const char *name = session->region->public_name;

	icr_message_error_text(reply->body.data, reply->body.len, &said);
	(void)icr_fail_at(err, reply->status == 401 || reply->status == 403 ? EACCES : EPROTO, name,
			  "the registry says no: HTTP status %d%s%s", reply->status,
			  said.len ? ", " : "", said.data);
	if (reply->status == 401)
		return icr_error_hint(err, "is %s the account of the key? --account names another",
				      session->account);
	if (reply->status == 403)
		return icr_error_hint(err, "this needs the role Manager on Container Registry for "
					   "the whole account: on no resource or resource group");
	return -err->code;
}

static int ask(const struct session *session, const char *method, const char *body,
	       struct icr_http_reply *ret_reply, struct icr_error *err)
{
	_cleanup_free_ char *url =
		icr_printf("https://%s" POLICY_PATH, session->region->public_name);
	_cleanup_free_ char *account = icr_printf("Account: %s", session->account);
	const char *const headers[] = {account, NULL};
	const struct icr_http_request request = {
		.method = method,
		.url = url,
		.address = session->address,
		.bearer = &session->token,
		.accept = "application/json",
		.headers = headers,
		.content_type = body ? "application/json" : NULL,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.connect_timeout_ms = TIMEOUT_MS,
		.timeout_ms = TIMEOUT_MS,
	};

	int r = icr_http_perform(&request, 1, ret_reply, err);
	if (r < 0)
		return r;
	if (ret_reply->outcome != ICR_HTTP_DONE) {
		(void)icr_fail_at(err, ETIMEDOUT, session->region->public_name, "%s",
				  ret_reply->message);
		return icr_error_hint(err, "icr-rewrite check tells what stands in the way");
	}
	return ret_reply->status >= 200 && ret_reply->status < 300
		       ? 0
		       : refused(session, ret_reply, err);
}

static int read_policy(const struct session *session, bool *ret_on, struct icr_error *err)
{
	icr_cleanup(icr_http_reply_free) struct icr_http_reply reply = {0};
	_cleanup_value_ struct icr_value *message = NULL;

	int r = ask(session, "GET", NULL, &reply, err);
	if (r >= 0)
		r = icr_value_parse(reply.body.data, reply.body.len, false, &message, err);
	if (r < 0)
		return r;
	*ret_on = icr_value_flag(message, "private_only");
	if (!*ret_on && !icr_value_is(icr_value_get(message, "private_only"), ICR_JSON_FALSE))
		return icr_fail_at(err, ICR_E_PROTOCOL, session->region->public_name,
				   "the answer does not tell the policy");
	return 0;
}

/* Changes it and reads it back: what counts is what the registry says afterwards. */
static int set_policy(const struct session *session, bool on, bool *ret_on, struct icr_error *err)
{
	icr_cleanup(icr_http_reply_free) struct icr_http_reply reply = {0};

	int r = ask(session, "PATCH", on ? "{\"private_only\":true}" : "{\"private_only\":false}",
		    &reply, err);
	if (r >= 0)
		r = read_policy(session, ret_on, err);
	if (r >= 0 && *ret_on != on)
		return icr_fail_at(
			err, EPROTO, session->region->public_name,
			"the registry took the change, and says that the policy is still %s",
			on ? "off" : "on");
	return r;
}

/* Without the private network this host would lock itself out. */
static int prove(const struct values *values, const struct probe *probe, struct session *session,
		 struct icr_error *err)
{
	const struct probe_region *region = &probe->regions[0];

	for (size_t i = 0; i < region->count && !session->address; i++)
		if (region->addresses[i].proven)
			session->address = region->addresses[i].address;
	if (region->proven || region->already || values->force)
		return 0;
	(void)icr_fail_at(
		err, ICR_E_UNPROVEN, session->region->private_name,
		"this host does not reach the private network, and would lock itself out: "
		"%s",
		region->failure);
	return icr_error_hint(err, "%s; --force enables it all the same", region->hint);
}

static int confirm(const struct values *values, const struct session *session,
		   struct icr_error *err)
{
	char answer[8] = "";

	if (values->yes)
		return 0;
	if (!isatty(STDIN_FILENO))
		return icr_fail(err, ICR_E_USAGE, "nobody can be asked here: add --yes");
	fprintf(stderr,
		"Pulls of account %s from %s over the public network will be refused, of every "
		"host. Enable private-only? [y/N] ",
		session->account, session->region->public_name);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return icr_fail(err, ECANCELED, "nothing was changed");
}

static int need_root(struct icr_error *err)
{
	icr_fail(err, EPERM, "this needs root, because it changes what every host may do");
	return icr_error_hint(err, "try it with sudo");
}

static int run(const struct values *values, struct session *session, bool *ret_on,
	       struct icr_error *err)
{
	const struct probe_scope scope = {.regions = &values->regions,
					  .managed = &values->regions,
					  .timeout_ms = PROBE_TIMEOUT_MS};
	icr_cleanup(probe_free) struct probe probe = {0};
	int r = 0;

	if (!values->status && geteuid() != 0)
		return need_root(err);
	if (values->enable) {
		r = probe_run(&scope, &probe, err);
		if (r >= 0)
			r = prove(values, &probe, session, err);
	}
	if (r >= 0)
		r = open_session(values, session, err);
	if (r >= 0 && values->enable)
		r = confirm(values, session, err);
	if (r < 0)
		return r;
	return values->status ? read_policy(session, ret_on, err)
			      : set_policy(session, values->enable, ret_on, err);
}

static const struct icr_region *only_region(const struct icr_region_set *set)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < count; i++)
		if (icr_region_set_has(set, &regions[i]))
			return &regions[i];
	return NULL;
}

static int check(const struct values *values, struct icr_error *err)
{
	if (values->status + values->enable + values->disable != 1)
		return icr_fail(err, ICR_E_USAGE,
				"exactly one of --status, --enable and --disable");
	if (icr_region_set_count(&values->regions) != 1)
		return icr_fail(err, ICR_E_USAGE,
				"name one --region: each registry has a policy of its own");
	for (const char *c = values->account; c && *c; c++)
		if (!strchr("0123456789abcdef", *c))
			return icr_fail(err, ICR_E_USAGE,
					"--account must be an ID of 32 hexadecimal digits");
	if (values->account && strlen(values->account) != 32)
		return icr_fail(err, ICR_E_USAGE,
				"--account must be an ID of 32 hexadecimal digits");
	return 0;
}

static void text(const struct icr_value *object, struct icr_buf *out)
{
	icr_buf_printf(out, "%s: private-only is %s for account %s\n",
		       icr_value_text(object, "registry"),
		       icr_value_flag(object, "private_only") ? "on" : "off",
		       icr_value_text(object, "account"));
}

int cmd_private_only(int argc, char **argv, struct icr_error *err)
{
	struct values values = {0};
	icr_cleanup(session_free) struct session session = {0};
	bool on = false;

	int r = icr_options_parse(private_only_options, argc, argv, 0, &values, err);
	if (r >= 0)
		r = check(&values, err);
	if (r < 0)
		return report_usage("private-only", argc, argv, err);
	complete_take_over();
	session.region = only_region(&values.regions);
	r = run(&values, &session, &on, err);
	_cleanup_value_ struct icr_value *object = report_new("private-only");
	icr_value_put_text(object, "registry", session.region->public_name);
	if (r >= 0) {
		icr_value_put_text(object, "account", session.account);
		icr_value_put_flag(object, "private_only", on);
	}
	return report_print(object, values.json, r < 0 ? NULL : text, NULL, r, err);
}
