/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/apikey.h"
#include "helper/helper.h"
#include "helper/source/source.h"
#include "icr/cleanup.h"
#include "icr/file.h"

#define KEY "apikey_file"

static int fail_read(const char *path, int code, struct icr_error *err)
{
	icr_fail_errno(err, code, path, "cannot read the API key");
	if (code == EACCES)
		(void)icr_error_hint(err,
				     "it is not for this user: log in with \"docker login\", or "
				     "name a key file of your own as \"apikey_file\" in "
				     "~/.config/" HELPER_NAME "/config.json");
	else
		(void)icr_error_hint(err, "put the key there, or take \"apikey_file\" out of the "
					  "configuration");
	return -code;
}

/* Links are followed, because mounted secrets are links into a folder of their version; what they
 * lead to must belong to us or to root, and be nobody else's to read. */
static int read_key_file(const char *path, struct icr_buf *ret, struct icr_error *err)
{
	_cleanup_free_ char *target = NULL;
	struct stat status;

	if (stat(path, &status) < 0)
		return fail_read(path, errno, err);
	int r = icr_file_resolve(path, &target, err);
	if (r < 0)
		return r;
	const struct icr_file_policy policy = {status.st_uid == 0 ? 0 : geteuid(), 0077};
	r = icr_file_read_private(target, &policy, ret, err);
	if (r == -EACCES || r == 0)
		return fail_read(path, r == 0 ? ENOENT : EACCES, err);
	return r;
}

static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	const char *path = config_text(&lookup->context->config, KEY);
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, APIKEY_FILE_MAX);
	if (!path) {
		lookup_note(lookup, LOOKUP_MISS, NULL, "\"%s\" is not set", KEY);
		return 0;
	}
	int r = read_key_file(path, &text, err);
	if (r < 0)
		return r;
	r = apikey_set_from_file(ret_credential, lookup->host.name, text.data, text.len, path, err);
	if (r < 0)
		return r;
	lookup_note(lookup, LOOKUP_HIT, path, NULL);
	return 1;
}

static const struct config_key keys[] = {{.name = KEY, .type = CONFIG_PATH}, {0}};

const struct source source_apikey_file = {
	.name = KEY,
	.keys = keys,
	.any_host = true,
	.find = find,
};
