/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/configure.h"
#include "helper/helper.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"

#define WORD_MAX ((size_t)512) /* of a name from the file that is shown */

/* docker/cli cli/config/types/authconfig.go: what may be a secret in an entry of auths */
static const char *const secrets[] = {"auth", "password", "identitytoken", "registrytoken"};

/* A word of the file that can be shown, and given to a shell; NULL when it cannot. */
static char *plain_word(char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-:";

	if (word && (!*word || strlen(word) > WORD_MAX || word[strspn(word, plain)])) {
		free(word);
		return NULL;
	}
	return word;
}

static void report_other_helper(const struct docker_config *config, const char *name)
{
	uint32_t entry = docker_config_helper(config, name);

	if (entry == ICR_JSON_NONE || icr_json_string_is(&config->json, entry, DOCKER_CONFIG_OURS))
		return;
	_cleanup_free_ char *helper = plain_word(icr_json_string_dup(&config->json, entry));
	if (helper)
		helper_note("%s keeps its credential helper \"%s\"; --force takes it over", name,
			    helper);
	else
		helper_note("%s keeps its entry in credHelpers, which names %s helper; "
			    "--force takes it over",
			    name, icr_json_string_is(&config->json, entry, "") ? "no" : "another");
}

static void report_other_helpers(const struct docker_config *config,
				 const struct docker_config_change *change)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < count; i++) {
		if (!change->all_regions && !icr_region_set_has(&change->regions, &regions[i]))
			continue;
		report_other_helper(config, regions[i].public_name);
		report_other_helper(config, regions[i].private_name);
	}
}

static bool has_secret(const struct docker_config *config, uint32_t login)
{
	const struct icr_json *json = &config->json;

	if (!icr_json_is(json, login, ICR_JSON_OBJECT))
		return false;
	for (uint32_t i = json->nodes[login].child; i != ICR_JSON_NONE; i = json->nodes[i].next) {
		_cleanup_free_ char *name = icr_json_name_dup(json, i);
		if (!icr_json_is(json, i, ICR_JSON_STRING) || icr_json_string_is(json, i, ""))
			continue;
		for (size_t k = 0; name && k < ICR_LENGTH(secrets); k++)
			if (strcasecmp(name, secrets[k]) == 0)
				return true;
	}
	return false;
}

/* What Docker does with a login in the file, and how to be rid of it there. */
static void report_password(const struct docker_config *config,
			    const struct docker_config_change *change, uint32_t login,
			    const struct icr_host *host)
{
	const struct icr_json *json = &config->json;
	uint32_t entry = docker_config_helper(config, host->name);
	bool ours = entry != ICR_JSON_NONE && icr_json_string_is(json, entry, DOCKER_CONFIG_OURS);
	_cleanup_free_ char *key = plain_word(icr_json_name_dup(json, login));
	const char *where = config->path;

	if (!key)
		helper_note("a plain-text password for %s is in %s; take that entry of auths out "
			    "with an editor%s%s",
			    host->name, where, ours ? ", then run: docker login " : "",
			    ours ? host->name : "");
	else if (!ours || change->remove)
		helper_note("a plain-text password for %s is in %s, and Docker uses it; to remove "
			    "it: docker logout %s",
			    host->name, where, key);
	else if (strcmp(key, host->name) == 0)
		helper_note("a plain-text password for %s is still in %s, and Docker no longer "
			    "uses it; to keep it in the helper and empty it there: docker login %s",
			    host->name, where, host->name);
	else
		helper_note("a plain-text password for %s is still in %s, and Docker no longer "
			    "uses it; to remove it and log in with the helper: docker logout %s; "
			    "docker login %s",
			    host->name, where, key, host->name);
}

static void report_passwords(const struct docker_config *config,
			     const struct docker_config_change *change)
{
	const struct icr_json *json = &config->json;
	uint32_t auths = ICR_JSON_NONE;
	struct icr_host host;

	while ((auths = docker_config_next(config, "auths", auths)) != ICR_JSON_NONE) {
		if (!icr_json_is(json, auths, ICR_JSON_OBJECT))
			continue;
		for (uint32_t i = json->nodes[auths].child; i != ICR_JSON_NONE;
		     i = json->nodes[i].next)
			if (has_secret(config, i) && docker_config_host(config, i, &host))
				report_password(config, change, i, &host);
	}
}

/* Docker looks a host up by its bare name: docker/cli cli/config/configfile/file.go,
 * getConfiguredCredentialStore. */
static void report_ignored(const struct docker_config *config)
{
	const struct icr_json *json = &config->json;
	uint32_t object = ICR_JSON_NONE;
	struct icr_host host;

	while ((object = docker_config_next(config, "credHelpers", object)) != ICR_JSON_NONE)
		for (uint32_t i = json->nodes[object].child; i != ICR_JSON_NONE;
		     i = json->nodes[i].next) {
			_cleanup_free_ char *key = icr_json_name_dup(json, i);
			if (key && strchr(key, '/') && docker_config_host(config, i, &host))
				helper_note("Docker ignores the credHelpers entry \"%s\" in %s: it "
					    "looks for the bare name %s",
					    key, config->path, host.name);
		}
}

static void report_default_store(const struct docker_config *config)
{
	uint32_t next = docker_config_next(config, "credsStore", ICR_JSON_NONE), last = next;

	while (next != ICR_JSON_NONE) {
		last = next;
		next = docker_config_next(config, "credsStore", next);
	}
	if (icr_json_is(&config->json, last, ICR_JSON_STRING) &&
	    icr_json_string_is(&config->json, last, DOCKER_CONFIG_OURS))
		helper_note("credsStore in %s is \"" DOCKER_CONFIG_OURS "\", so that Docker asks "
			    "this helper for every registry, and it keeps icr.io credentials only; "
			    "take that line out, credHelpers is enough",
			    config->path);
}

static bool is_program(const char *folder, size_t len)
{
	_cleanup_free_ char *copy = strndup(folder, len);
	_cleanup_free_ char *file = copy ? icr_path_join(copy, HELPER_NAME) : NULL;
	struct stat st;

	/* Go's exec.LookPath does not run what a relative folder holds. */
	return file && file[0] == '/' && stat(file, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(file, X_OK) == 0;
}

static void report_path(const struct icr_environment *environment)
{
	const char *folder = environment->path ? environment->path : "";

	for (; *folder; folder += folder[0] == ':') {
		size_t len = strcspn(folder, ":");
		if (len > 0 && is_program(folder, len))
			return;
		folder += len;
	}
	helper_note("Docker will not find this helper: no folder of PATH has a program "
		    "called " HELPER_NAME);
}

void configure_report(const struct docker_config *after, const struct docker_config_change *change,
		      const struct icr_environment *environment)
{
	report_passwords(after, change);
	if (change->remove)
		return;
	report_other_helpers(after, change);
	report_ignored(after);
	report_default_store(after);
	report_path(environment);
	if (environment->docker_auth_config)
		helper_note("DOCKER_AUTH_CONFIG is set, and Docker 28.3 and newer prefer it to any "
			    "helper; unset it");
	if (strncmp(after->json.text, "\xef\xbb\xbf", 3) == 0)
		helper_note("%s begins with a byte order mark, and Docker refuses to read such a "
			    "file",
			    after->path);
}
