/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/process.h"
#include "rewrite/check.h"

#define HELPER		  "docker-credential-icr"
#define HELPER_TIMEOUT_MS 15000
#define OUTPUT_MAX	  ((size_t)256 * 1024)

static bool is_program(char **path)
{
	if (*path && access(*path, X_OK) == 0)
		return true;
	free(icr_steal(path));
	return false;
}

/* Beside this program, else where `make install` puts it, else in PATH. */
static char *find_helper(void)
{
	_cleanup_free_ char *self = NULL;
	_cleanup_free_ char *folder = NULL;
	static const char *const places[] = {"", "../bin/"};

	if (icr_path_link_target("/proc/self/exe", &self, NULL) >= 0)
		folder = icr_path_folder(self);
	for (size_t i = 0; folder && i < ICR_LENGTH(places); i++) {
		char *path = NULL;
		if (asprintf(&path, "%s/%s" HELPER, folder, places[i]) < 0)
			return NULL;
		if (is_program(&path))
			return path;
	}
	return strdup(HELPER);
}

static int none(const char *host, const struct icr_buf *output, struct icr_error *err)
{
	icr_fail(err, ENOENT, "the helper gives no credentials for %s: %.*s", host,
		 (int)strcspn(output->data, "\r\n"), output->data);
	return icr_error_hint(err,
			      "docker login %s first; logins belong to the user who made them, "
			      "and check needs no root",
			      host);
}

int check_credentials(const char *host, char **ret_username, struct icr_secret *ret_secret,
		      struct icr_error *err)
{
	_cleanup_message_ cJSON *message = NULL;
	_cleanup_free_ char *helper = find_helper();
	_cleanup_buf_ struct icr_buf output;
	icr_buf_init(&output, OUTPUT_MAX);
	if (!helper)
		return icr_fail_memory(err);
	const char *const arguments[] = {helper, "get", NULL};
	const struct icr_process process = {
		.arguments = arguments,
		.input = host,
		.input_len = strlen(host),
		.timeout_ms = HELPER_TIMEOUT_MS,
		.output = &output,
		.pass_errors = true,
	};

	int status = icr_process_run(&process, err);
	if (status < 0)
		return status;
	if (status > 0)
		return none(host, &output, err);
	int r = icr_message_parse(output.data, output.len, true, &message, err);
	if (r < 0)
		return icr_error_wrap(err, "the reply of %s", helper);
	const char *username = icr_message_string(message, "Username");
	const char *secret = icr_message_string(message, "Secret");
	if (!username || !secret)
		return icr_fail(err, ICR_E_PROTOCOL, "the reply of %s has no user name or secret",
				helper);
	char *copy = strdup(username);
	if (!copy)
		return icr_fail_memory(err);
	*ret_username = copy;
	return icr_secret_set(ret_secret, secret, strlen(secret), err);
}
