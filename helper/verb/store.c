/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/source/source.h"
#include "helper/store/store.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/host.h"

int cmd_store(int argc, char **argv, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_credential_ struct credential credential = {0};
	struct icr_host host;

	(void)argc;
	(void)argv;
	int r = protocol_read_credential(&credential, err);
	if (r < 0)
		return r;
	if (!icr_host_parse(credential.host, strlen(credential.host), &host))
		return icr_fail(err, ICR_E_PROTOCOL,
				"%s keeps credentials of IBM Cloud Container Registry (icr.io) "
				"hosts only",
				HELPER_NAME);
	credential_set_host(&credential, host.name);
	r = helper_context_init(&context, err);
	if (r >= 0)
		r = source_check_stored(&context, err);
	if (r >= 0)
		r = stores_put(&context, &credential, err);
	if (r < 0)
		return r;
	source_say_before_stored(&context, host.name);
	if (credential_expired(&credential))
		helper_note("this token has expired, by this host's clock: get passes it over");
	return 0;
}
