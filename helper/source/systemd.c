/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>

#include "helper/apikey.h"
#include "helper/helper.h"
#include "helper/source/source.h"
#include "icr/cleanup.h"
#include "icr/file.h"

#define CREDENTIAL_NAME "icr-apikey"

/* systemd sets owner and mode of what LoadCredential= hands over (systemd.exec(5)). */
static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	const char *folder = lookup->context->environment.credentials_directory;
	_cleanup_buf_ struct icr_buf text = ICR_BUF(APIKEY_FILE_MAX);

	if (!folder || folder[0] != '/') {
		lookup_note(lookup, LOOKUP_MISS, "$CREDENTIALS_DIRECTORY", "not set");
		return 0;
	}
	_cleanup_free_ char *path = icr_path_join(folder, CREDENTIAL_NAME);
	int r = icr_file_read(path, &text, err);
	if (r == -EACCES) {
		/* the variable was inherited from a service of another user */
		lookup_note(lookup, LOOKUP_MISS, path, "not for this user");
		icr_error_clear(err);
		return 0;
	}
	return lookup_take_key(lookup, path, r, &text, ret_credential, err);
}

const struct source source_systemd = {
	.name = "systemd",
	.any_host = true,
	.find = find,
};
