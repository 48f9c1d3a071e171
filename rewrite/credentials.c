/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/process.h"
#include "icr/value.h"

#define HELPER	   "docker-credential-icr"
#define OUTPUT_MAX ((size_t)256 * 1024)

/* Docker looks in PATH alone, and pulls without a login where it finds nothing there. */
static int no_helper(struct icr_error *err)
{
	/* this program is in libexec/icr-rewrite of a prefix, or of the folder it was built in */
	static const char *const places[] = {"../../bin/", "../../", "/usr/local/bin/",
					     "/usr/bin/"};
	_cleanup_free_ char *self = NULL, *folder = NULL;

	(void)icr_fail(err, ENOENT, HELPER " is not in PATH, so Docker would pull without a login");
	if (icr_path_link_target("/proc/self/exe", &self, NULL) >= 0)
		folder = icr_path_folder(self);
	for (size_t i = 0; i < ICR_LENGTH(places); i++) {
		_cleanup_free_ char *path =
			places[i][0] == '/'
				? icr_printf("%s" HELPER, places[i])
				: icr_printf("%s/%s" HELPER, folder ? folder : "", places[i]);
		_cleanup_free_ char *real = realpath(path, NULL);
		if (real && access(real, X_OK) == 0)
			return icr_error_hint(err,
					      "it is %s: its folder belongs into the PATH of "
					      "whoever pulls, cron jobs and services included",
					      real);
	}
	return icr_error_hint(err, "install it into a folder of the PATH of whoever pulls");
}

static int none(const char *host, const struct icr_buf *output, struct icr_error *err)
{
	icr_fail(err, ENOENT, "the helper gives no credentials for %s: %.*s", host,
		 (int)strcspn(output->data, "\r\n"), output->data);
	return icr_error_hint(err,
			      "docker login %s first; logins belong to the user who made them, "
			      "sudo looks at those of root",
			      host);
}

int credentials_get(const char *host, int timeout_ms, char **ret_username,
		    struct icr_secret *ret_secret, struct icr_error *err)
{
	_cleanup_value_ struct icr_value *message = NULL;
	_cleanup_buf_ struct icr_buf output = ICR_BUF(OUTPUT_MAX);
	const char *const arguments[] = {HELPER, "get", NULL};
	const struct icr_process process = {
		.arguments = arguments,
		.input = host,
		.input_len = strlen(host),
		.timeout_ms = timeout_ms,
		.output = &output,
		.pass_errors = true,
		.pass_keys = true,
	};

	int status = icr_process_run(&process, err);
	if (status == -ENOENT)
		return no_helper(err);
	if (status < 0)
		return status;
	if (status > 0)
		return none(host, &output, err);
	int r = icr_value_parse(output.data, output.len, true, &message, err);
	if (r < 0)
		return icr_error_wrap(err, "the reply of " HELPER);
	const char *username = icr_value_text(message, "Username");
	const char *secret = icr_value_text(message, "Secret");
	if (!username || !secret)
		return icr_fail(err, ICR_E_PROTOCOL,
				"the reply of " HELPER " has no user name or secret");
	*ret_username = icr_strdup(username);
	return icr_secret_set(ret_secret, secret, strlen(secret), err);
}
