/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "helper/helper.h"
#include "helper/source/source.h"
#include "helper/token.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/environment.h"
#include "icr/file.h"
#include "icr/json.h"
#include "icr/memory.h"

#define SESSION_MAX ((size_t)4 * 1024 * 1024)
#define BEARER	    "Bearer "

/* The CLI truncates its file and writes it anew: what does not parse is read again. */
#define AGAIN_MS 500
#define PAUSE_MS 10

/* As the CLI itself does (ibm-cloud-cli-sdk v1.12.1, bluemix/authentication/iam). */
#define LAST_SECONDS 10

/* Where the CLI keeps its state (the same, bluemix/configuration/config_helpers). */
static char *session_file(const struct icr_environment *environment)
{
	const char *folder = icr_environment_get("IBMCLOUD_CONFIG_HOME");
	const char *home = icr_environment_get("IBMCLOUD_HOME");
	struct stat st;

	if (folder)
		return icr_path_join(folder, "config.json");
	if (!home)
		home = environment->home;
	if (!home)
		return NULL;
	_cleanup_free_ char *modern = icr_path_join(home, ".ibmcloud");
	return icr_path_join(home, stat(modern, &st) == 0 ? ".ibmcloud/config.json"
							  : ".bluemix/config.json");
}

/* Its access token; RET_TOKEN stays empty when nobody is logged in. */
static int parse(const struct icr_buf *text, struct icr_buf *ret_token)
{
	_cleanup_json_ struct icr_json json = {0};

	int r = icr_json_parse(text->data, text->len, NULL, ICR_JSON_NO_NUL, &json, NULL);
	if (r < 0)
		return r;
	uint32_t token = icr_json_member(&json, 0, "IAMToken");
	if (icr_json_is(&json, token, ICR_JSON_STRING))
		icr_json_string(&json, token, ret_token);
	return 0;
}

static int read_session(const char *path, struct icr_buf *ret_token, struct icr_error *err)
{
	const struct icr_file_policy policy = {.owner = geteuid(), .forbidden = 0077};
	int64_t deadline = icr_clock_ms() + AGAIN_MS;

	for (;;) {
		_cleanup_buf_ struct icr_buf text = ICR_BUF(SESSION_MAX);
		int r = icr_file_read_private(path, &policy, &text, err);
		if (r <= 0)
			return r;
		if (parse(&text, ret_token) >= 0)
			return 1;
		if (icr_clock_ms() >= deadline)
			return icr_fail_at(err, ICR_E_SYNTAX, path, "does not parse");
		(void)nanosleep(&(struct timespec){0, PAUSE_MS * 1000000}, NULL);
	}
}

/* Another program's file: whatever is wrong with it is no fault of this lookup. */
static int skip(struct lookup *lookup, const char *path, const char *reason)
{
	lookup_note(lookup, LOOKUP_SKIPPED, path, "%s", reason);
	return 0;
}

static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	_cleanup_free_ char *path = session_file(&lookup->context->environment);
	_cleanup_buf_ struct icr_buf token = ICR_BUF(ICR_SECRET_MAX);
	_cleanup_error_ struct icr_error failure = {0};
	int64_t expiry;

	if (!path) {
		lookup_note(lookup, LOOKUP_MISS, NULL, "no home folder is known");
		return 0;
	}
	int r = read_session(path, &token, &failure);
	if (r == -EACCES || r == -ENOTDIR) {
		lookup_note(lookup, LOOKUP_MISS, path, "out of reach of this user");
		return 0;
	}
	if (r < 0)
		return skip(lookup, path, failure.what);
	if (r == 0 || token.len == 0) {
		lookup_note(lookup, LOOKUP_MISS, path, r == 0 ? "no such file" : "not logged in");
		return 0;
	}
	const char *bare = token.data;
	if (strncmp(bare, BEARER, strlen(BEARER)) == 0)
		bare += strlen(BEARER);
	if (!jwt_expiry(bare, strlen(bare), &expiry))
		return skip(lookup, path, "what it holds is no access token");
	if (icr_clock_wall_s() >= expiry - LAST_SECONDS)
		return skip(lookup, path,
			    "the session's token has expired: any command of "
			    "ibmcloud that asks IBM Cloud renews it");
	r = credential_set(ret_credential, lookup->host.name, TOKEN_USERNAME, bare, strlen(bare),
			   err);
	if (r < 0)
		return r;
	lookup_note(lookup, LOOKUP_HIT, path, NULL);
	return 1;
}

const struct source source_ibmcloud = {
	.name = "ibmcloud",
	.any_host = true,
	.unlisted = true,
	.find = find,
};
