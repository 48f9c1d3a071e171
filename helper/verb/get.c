/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/source/source.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/host.h"

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

static int fail_missing(const struct lookup *lookup, struct icr_error *err)
{
	/* the entitled registry and staging have users of their own */
	bool any_key = source_takes_any_key(&lookup->host);
	int r = fail_not_found(err);

	(void)icr_error_hint(err, "nothing for %s in %s; log in with: docker login %s%s",
			     lookup->host.name, lookup->looked.data, any_key ? "-u iamapikey " : "",
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
