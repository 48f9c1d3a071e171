/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>

#include "helper/apikey.h"
#include "helper/source/source.h"
#include "helper/system-key.h"
#include "icr/file.h"

/* root's own folder below /run: what stands there was put there by us. */
static const struct icr_file_policy policy = {.owner = 0, .forbidden = 0037};

static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(APIKEY_FILE_MAX);

	int r = icr_file_read_private(SYSTEM_KEY_FILE, &policy, &text, err);
	if (r == -EACCES) {
		lookup_note(lookup, LOOKUP_SKIPPED, SYSTEM_KEY_FILE,
			    "this host's key is not for this user");
		icr_error_clear(err);
		return 0;
	}
	return lookup_take_key(lookup, SYSTEM_KEY_FILE, r, &text, ret_credential, err);
}

const struct source source_system = {
	.name = "system",
	.any_host = true,
	.find = find,
};
