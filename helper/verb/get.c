/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/source/source.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/host.h"

#define TRIED_MAX ((size_t)64 * 1024)
#define REPLY_MAX ((size_t)8 * 1024 * 1024)

/* The sentence stands alone on standard output; the reason is the error's hint. */
static int fail_not_found(struct icr_error *err)
{
	return icr_fail(err, ICR_E_PROTOCOL, PROTOCOL_NOT_FOUND);
}

static int fail_not_icr(struct icr_error *err)
{
	int r = fail_not_found(err);

	/* The URL is not repeated: what is not an ICR host may hold a password. */
	(void)icr_error_hint(err, "the host asked for is not one of IBM Cloud Container Registry "
				  "(icr.io); this helper answers for those only");
	return r;
}

/* All that was tried, in one line: "libsecret (no session bus), file (/home/...), $IC_API_KEY".
 * That there is nothing at a place needs no words. */
static void say_tried(const struct lookup *lookup, struct icr_buf *out)
{
	for (size_t i = 0; i < lookup->count; i++) {
		const struct lookup_step *step = &lookup->items[i];
		icr_buf_printf(out, "%s%s", i > 0 ? ", " : "",
			       step->where ? step->where : step->name);
		if (step->outcome != LOOKUP_MISS)
			icr_buf_printf(out, " (%s)", step->reason);
	}
}

static int fail_missing(const struct lookup *lookup, struct icr_error *err)
{
	/* the entitled registry and staging have users of their own */
	bool any_key = source_takes_any_key(&lookup->host);
	_cleanup_buf_ struct icr_buf tried = ICR_BUF(TRIED_MAX);

	say_tried(lookup, &tried);
	helper_note("nothing for %s in %s", lookup->host.name, tried.data);
	int r = fail_not_found(err);
	(void)icr_error_hint(err, "log in with: docker login %s%s", any_key ? "-u iamapikey " : "",
			     lookup->host.name);
	return r;
}

static int look_up(const struct icr_host *host, struct credential *ret_credential,
		   struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_lookup_ struct lookup lookup = {0};

	int r = helper_context_init(&context, err);
	if (r < 0)
		return r;
	lookup_init(&lookup, &context, host);
	r = lookup_run(&lookup, ret_credential, err);
	if (r == 0)
		return fail_missing(&lookup, err);
	return r;
}

int cmd_get(int argc, char **argv, struct icr_error *err)
{
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_free_ char *url = NULL;
	_cleanup_buf_ struct icr_buf reply;
	struct icr_host host;

	(void)argc;
	(void)argv;
	icr_buf_init(&reply, REPLY_MAX);
	int r = protocol_read_url(&url, err);
	if (r < 0)
		return r;
	if (!icr_host_parse(url, strlen(url), &host))
		return fail_not_icr(err);
	r = look_up(&host, &credential, err);
	if (r < 0)
		return r;
	protocol_format_reply(&reply, url, &credential);
	return protocol_write(&reply, err);
}
