/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/apikey.h"
#include "helper/source.h"
#include "icr/cleanup.h"
#include "icr/file.h"

/* Links are followed, because mounted secrets are links into a folder of their version; what they
 * lead to must belong to us or to root, and be nobody else's to read. */
static int read_key_file(const char *path, struct icr_buf *ret, struct icr_error *err)
{
	_cleanup_free_ char *target = NULL;
	struct stat status;

	if (stat(path, &status) < 0) {
		int code = errno;
		icr_fail_errno(err, code, path, "cannot read the API key");
		(void)icr_error_hint(err, "put the key there, or take \"apikey_file\" out of the "
					  "configuration");
		return -code;
	}
	int r = icr_file_resolve(path, &target, err);
	if (r < 0)
		return r;
	const struct icr_file_policy policy = {status.st_uid == 0 ? 0 : geteuid(), 0077};
	r = icr_file_read_private(target, &policy, ret, err);
	return r != 0 ? r : icr_fail_errno(err, ENOENT, path, "cannot read the API key");
}

static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	const char *path = lookup->context->config.apikey_file;
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, APIKEY_FILE_MAX);
	if (!path)
		return 0;
	int r = read_key_file(path, &text, err);
	if (r < 0)
		return r;
	r = apikey_set_from_file(ret_credential, lookup->host.name, text.data, text.len, path, err);
	return r < 0 ? r : 1;
}

const struct source source_apikey_file = {"apikey_file", true, find};
