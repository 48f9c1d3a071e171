/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/store/store.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/host.h"

/* Goes through all stores, and reports the first that may still hold something. */
static int erase_everywhere(const struct helper_context *context, const char *host,
			    struct icr_error *err)
{
	_cleanup_error_ struct icr_error first = {0};

	for (size_t i = 0; i < context->config.stores_count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		int r = context->config.stores[i]->erase(context, host, &failure);
		if (r == -ETIMEDOUT)
			helper_note_error(&failure, "a credential may remain");
		else if (r < 0 && r != -ICR_E_UNAVAILABLE && !first.code)
			icr_error_move(&first, &failure);
	}
	if (!first.code)
		return 0;
	int code = first.code;
	if (err)
		icr_error_move(err, &first);
	return -code;
}

int cmd_erase(int argc, char **argv, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_free_ char *url = NULL;
	struct icr_host host;

	(void)argc;
	(void)argv;
	int r = protocol_read_url(&url, err);
	if (r < 0)
		return r;
	if (!icr_host_parse(url, strlen(url), &host))
		return 0;
	r = helper_context_init(&context, err);
	if (r < 0)
		return r;
	return erase_everywhere(&context, host.name, err);
}
