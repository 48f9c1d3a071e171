/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/source/source.h"
#include "helper/token.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/host.h"

#define TRIED_MAX ((size_t)64 * 1024)
#define REPLY_MAX ((size_t)8 * 1024 * 1024)

/* The sentence stands alone on standard output; what to do is the error's hint. */
static int fail_not_found(struct icr_error *err)
{
	return icr_fail(err, ICR_E_PROTOCOL, PROTOCOL_NOT_FOUND);
}

static int fail_not_icr(struct icr_error *err)
{
	int r = fail_not_found(err);

	/* The URL is not repeated: what is not an ICR host may hold a password. */
	if (!helper_is_quiet())
		(void)icr_error_hint(err, "the host asked for is not one of IBM Cloud Container "
					  "Registry (icr.io); this helper answers for those only");
	return r;
}

static bool was_passed_over(const struct lookup *lookup, const char *source)
{
	for (size_t i = 0; i < lookup->count; i++)
		if (lookup->items[i].outcome == LOOKUP_SKIPPED && lookup->items[i].where &&
		    strcmp(lookup->items[i].name, source) == 0)
			return true;
	return false;
}

/* The likely next step. */
static void hint_missing(const struct lookup *lookup, struct icr_error *err)
{
	const char *host = lookup->host.name;

	if (lookup->host.kind == ICR_HOST_ENTITLED)
		(void)icr_error_hint(err, "log in with your entitlement key: docker login -u cp %s",
				     host);
	else if (!source_takes_any_key(&lookup->host))
		(void)icr_error_hint(err, "log in with: docker login %s", host);
	else if (was_passed_over(lookup, "system"))
		(void)icr_error_hint(err, "this host has a key, but not for this user: join the "
					  "group that \"ls -l /run/" HELPER_NAME "\" shows, then "
					  "start a new session");
	else
		(void)icr_error_hint(err,
				     "log in again or for the first time: docker login -u "
				     "iamapikey %s, or for all icr.io hosts: " HELPER_NAME " login",
				     host);
}

static int fail_missing(const struct lookup *lookup, struct icr_error *err)
{
	const struct icr_environment *environment = &lookup->context->environment;
	_cleanup_buf_ struct icr_buf tried = ICR_BUF(TRIED_MAX);
	int r = fail_not_found(err);

	if (helper_is_quiet())
		return r;
	lookup_print_tried(lookup, &tried);
	helper_note("nothing for %s in %s", lookup->host.name, tried.data);
	if (environment->docker_auth_config)
		helper_note("DOCKER_AUTH_CONFIG is set: Docker 28.3 and newer take logins from "
			    "there and not from this helper");
	else if (!helper_is_in_path(environment))
		helper_note("PATH (%s) does not lead to " HELPER_NAME ": Docker does not find it "
			    "with a PATH like this one, such as cron's",
			    environment->path ? environment->path : "empty");
	hint_missing(lookup, err);
	return r;
}

/* What the user should know though there is an answer. */
static void say_found(const struct lookup *lookup, const struct credential *credential)
{
	lookup_say_unsure(lookup);
	if (helper_is_quiet())
		return;
	for (size_t i = 0; i < lookup->count; i++) {
		const struct lookup_step *step = &lookup->items[i];
		if (step->outcome == LOOKUP_SKIPPED && step->where)
			helper_note("%s: %s; another credential answers", step->where,
				    step->reason);
	}
	if (strcmp(credential->username, "iamrefresh") == 0)
		helper_note("the login of %s is of \"ibmcloud cr login\", which ends when it is "
			    "not used for some hours; an API key lasts: " HELPER_NAME " login",
			    lookup->host.name);
}

static int look_up(const char *url, const struct icr_host *host, struct credential *ret_credential,
		   struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_lookup_ struct lookup lookup = {0};

	int r = helper_context_init(&context, err);
	if (r < 0)
		return r;
	context.asked = url;
	lookup_init(&lookup, &context, host);
	r = lookup_run(&lookup, ret_credential, err);
	if (r == 0)
		return fail_missing(&lookup, err);
	if (r < 0)
		return r;
	/* before anything is said: the complete program, which may take over here, says it too */
	r = token_for(&context, ret_credential, err);
	say_found(&lookup, ret_credential);
	return r;
}

int cmd_get(int argc, char **argv, struct icr_error *err)
{
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_url_ char *url = NULL;
	_cleanup_buf_ struct icr_buf reply = ICR_BUF(REPLY_MAX);
	struct icr_host host;

	(void)argc;
	(void)argv;
	int r = protocol_read_server(&url, &host, err);
	if (r <= 0)
		return r < 0 ? r : fail_not_icr(err);
	r = look_up(url, &host, &credential, err);
	if (r < 0)
		return r;
	protocol_format_reply(&reply, url, &credential);
	return protocol_write(&reply, err);
}
