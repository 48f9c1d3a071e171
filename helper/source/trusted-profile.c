/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "helper/helper.h"
#include "helper/source/source.h"
#include "helper/token.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"

#define KEY	   "trusted_profile"
#define ID	   KEY ".id"
#define NAME	   KEY ".name"
#define CRN	   KEY ".crn"
#define SOURCE	   KEY ".source"
#define TOKEN_FILE KEY ".token_file"
#define METADATA   "the instance metadata service"

/* Where compute resources find their token, in the order of IBM's SDKs (go-sdk-core v5.22.1,
 * container_authenticator.go). */
static const char *const token_files[] = {
	"/var/run/secrets/tokens/vault-token",
	"/var/run/secrets/tokens/sa-token",
	"/var/run/secrets/codeengine.cloud.ibm.com/compute-resource-token/token",
};

/* The file to use; NULL: there is none in the usual places. */
static const char *token_file(const struct config *config)
{
	const char *path = config_text(config, TOKEN_FILE);

	for (size_t i = 0; !path && i < ICR_LENGTH(token_files); i++)
		if (access(token_files[i], F_OK) == 0)
			path = token_files[i];
	return path;
}

static int check(const struct config *config, const char *key, struct icr_error *err)
{
	bool vpc = config_is(config, SOURCE, "vpc");
	int names = config_has(config, ID) + config_has(config, NAME) + config_has(config, CRN);

	if (names > 1)
		return config_fail(config, key, err,
				   "must have one of \"id\", \"name\" and \"crn\", not several");
	if (names == 0 && !vpc)
		return config_fail(config, key, err, "must have \"id\", \"name\" or \"crn\"");
	if (vpc && config_has(config, NAME))
		return config_fail(config, NAME, err,
				   "cannot be used with \"source\": \"vpc\": the metadata service "
				   "takes an id or a crn");
	if (vpc && config_has(config, TOKEN_FILE))
		return config_fail(config, TOKEN_FILE, err,
				   "cannot be used with \"source\": \"vpc\"");
	return 0;
}

static int fail_no_file(const struct config *config, struct icr_error *err)
{
	config_fail(config, KEY, err,
		    "is to be used with a token of this compute resource, and "
		    "there is no such file");
	return icr_error_hint(
		err, "looked for %s, %s and %s; another one is \"token_file\" of \"" KEY "\"%s",
		token_files[0], token_files[1], token_files[2],
		config_has(config, NAME) ? "; " METADATA
					   " of a virtual server takes \"id\" or \"crn\", no name"
					 : "");
}

/* As it is, with whatever white space is in it: so do IBM's SDKs. */
static int read_token(const char *path, struct icr_secret *ret_token, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_SECRET_MAX);

	int r = icr_file_read(path, &text, err);
	if (r == 0)
		return icr_fail_errno(err, ENOENT, path,
				      "cannot read the compute resource's token");
	if (r < 0)
		return r;
	if (text.len == 0 || memchr(text.data, '\0', text.len))
		return icr_fail_at(err, ICR_E_CONFIG, path, "holds no token of a compute resource");
	return icr_secret_set(ret_token, text.data, text.len, err);
}

static int ask(struct lookup *lookup, const char *path, struct credential *ret_credential,
	       struct icr_error *err)
{
	_cleanup_secret_ struct icr_secret token = {0};

	if (!path)
		return token_of_instance(lookup->context, ret_credential, err);
	int r = read_token(path, &token, err);
	return r < 0 ? r : token_of_resource(lookup->context, &token, ret_credential, err);
}

static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	const struct config *config = &lookup->context->config;
	_cleanup_credential_ struct credential credential = {0};

	if (!config_has(config, KEY)) {
		lookup_note(lookup, LOOKUP_MISS, NULL, "\"" KEY "\" is not set");
		return 0;
	}
	const char *path = config_is(config, SOURCE, "vpc") ? NULL : token_file(config);
	if (!path && config_is(config, SOURCE, "file"))
		return fail_no_file(config, err);
	if (!path && config_has(config, NAME))
		return fail_no_file(config, err);
	const char *where = path ? path : METADATA;
	credential.host = icr_strdup(lookup->host.name);
	credential.username = icr_strdup(TOKEN_USERNAME);
	/* offline, a file that is there is as ready as can be told */
	int r = lookup->offline && (!path || access(path, R_OK) == 0)
			? 0
			: ask(lookup, path, &credential, err);
	if (r < 0)
		return r;
	credential_move(ret_credential, &credential);
	lookup_note(lookup, LOOKUP_HIT, where, NULL);
	return 1;
}

static const char *const from[] = {"auto", "file", "vpc", NULL};

static const struct config_key members[] = {
	{.name = "id", .type = CONFIG_TEXT},
	{.name = "name", .type = CONFIG_TEXT},
	{.name = "crn", .type = CONFIG_TEXT},
	{.name = "source", .type = CONFIG_WORD, .words = from},
	{.name = "token_file", .type = CONFIG_PATH},
	{0},
};

static const struct config_key keys[] = {
	{.name = KEY, .type = CONFIG_OBJECT, .members = members, .check = check},
	{0},
};

const struct source source_trusted_profile = {
	.name = KEY,
	.keys = keys,
	.any_host = true,
	.unlisted = true,
	.find = find,
};
