/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/store/store.h"
#include "helper/token.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"

int cmd_erase(int argc, char **argv, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_url_ char *url = NULL;
	struct icr_host host;

	(void)argc;
	(void)argv;
	int r = protocol_read_server(&url, &host, err);
	if (r <= 0)
		return r;
	r = helper_context_init(&context, err);
	if (r < 0)
		return r;
	token_forget(&context, host.name);
	return stores_erase(&context, host.name, err);
}
