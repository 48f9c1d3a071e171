/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/verb/verb.h"

#define VERSION_MAX 256

/* In the form of the helpers of docker-credential-helpers: NAME (PACKAGE) VERSION. */
int cmd_version(int argc, char **argv, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(VERSION_MAX);

	(void)argc;
	(void)argv;
	icr_buf_text(&out, HELPER_NAME " (" HELPER_NAME ") " ICR_VERSION "\n");
	return protocol_write(&out, err);
}
