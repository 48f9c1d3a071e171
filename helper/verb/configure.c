/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/configure-redact.h"
#include "helper/docker-config.h"
#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/diff.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/program.h"
#include "icr/region-set.h"

#define TRIES		  5
#define DIFF_MAX	  (16 * ICR_FILE_MAX)
#define EXIT_WOULD_CHANGE 3
#define WORD_MAX	  ((size_t)512) /* of a name from the file that is shown */

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

/*
 * Tells on standard error what the user should know about Docker's configuration as it stands after
 * CHANGE: hosts left to other helpers, plain-text passwords (never their values), and what keeps
 * Docker from asking us.
 */
static void report(const struct docker_config *after, const struct docker_config_change *change,
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

/* Returns how many entries would change; TEXT is then the whole new file. */
static int plan(const char *path, const struct docker_config_change *change,
		struct docker_config *ret_config, struct icr_buf *text, struct icr_error *err)
{
	int r = docker_config_read(path, ret_config, err);

	return r < 0 ? r : docker_config_edit(ret_config, change, text, err);
}

static int print_diff(const struct docker_config *before, const struct docker_config *after,
		      struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf old_text, new_text, diff;

	icr_buf_init(&old_text, DIFF_MAX);
	icr_buf_init(&new_text, DIFF_MAX);
	icr_buf_init(&diff, DIFF_MAX);
	int r = configure_redact(before, &old_text, err);
	if (r < 0)
		return r;
	r = configure_redact(after, &new_text, err);
	if (r < 0)
		return r;
	icr_diff(before->path, before->exists ? old_text.data : NULL, old_text.len, new_text.data,
		 new_text.len, &diff);
	r = icr_buf_check(&diff, "the difference", err);
	return r < 0 ? r : protocol_write(&diff, err);
}

static int show(const char *path, const struct docker_config_change *change,
		const struct icr_environment *environment, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config before = {0}, after = {0};
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, ICR_FILE_MAX);
	int changed = plan(path, change, &before, &text, err);
	if (changed < 0)
		return changed;
	int r = docker_config_parse(path, &text, &after, err);
	if (r < 0)
		return r;
	if (changed > 0)
		r = print_diff(&before, &after, err);
	if (r < 0)
		return r;
	report(&after, change, environment);
	return changed > 0 ? EXIT_WOULD_CHANGE : 0;
}

/* One go under the lock; -EAGAIN when Docker was quicker. */
static int try_once(const char *path, const struct docker_config_change *change,
		    struct icr_buf *text, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config config = {0};

	icr_buf_truncate(text, 0);
	int changed = plan(path, change, &config, text, err);
	if (changed <= 0)
		return changed;
	int r = docker_config_write(&config, text, err);
	return r < 0 ? r : changed;
}

static int change_file(const char *path, const struct docker_config_change *change,
		       struct icr_buf *text, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config config = {0};
	int changed = plan(path, change, &config, text, err);

	/* With nothing to do the folder may be missing or read-only. */
	if (changed == 0)
		docker_config_sweep(path);
	if (changed <= 0)
		return changed;
	_cleanup_fd_ int lock = docker_config_lock(path, err);
	if (lock < 0)
		return lock;
	for (int i = 0; i < TRIES; i++) {
		icr_error_clear(err);
		changed = try_once(path, change, text, err);
		if (changed != -EAGAIN)
			break;
	}
	return changed;
}

static int do_it(const char *path, const struct docker_config_change *change,
		 const struct icr_environment *environment, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config after = {0};
	_cleanup_buf_ struct icr_buf text, line;

	icr_buf_init(&text, ICR_FILE_MAX);
	icr_buf_init(&line, DIFF_MAX);
	int changed = change_file(path, change, &text, err);
	if (changed < 0)
		return changed;
	int r = docker_config_parse(path, &text, &after, err);
	if (r < 0)
		return r;
	report(&after, change, environment);
	if (changed > 0)
		icr_buf_printf(&line, "%s: %d credHelpers %s %s", path, changed,
			       changed == 1 ? "entry" : "entries",
			       change->remove ? "removed" : "written");
	else
		icr_buf_printf(&line, "%s: nothing to change", path);
	helper_one_line(&line);
	icr_buf_char(&line, '\n');
	r = icr_buf_check(&line, path, err);
	return r < 0 ? r : protocol_write(&line, err);
}

struct values {
	struct icr_region_set regions;
	const char *config;
	bool remove, force, dry_run;
};

const struct icr_option configure_options[] = {
	ICR_REGIONS(struct values, regions, "regions", "LIST",
		    "only these: us, us-south or us.icr.io, separated by commas; global is icr.io "
		    "itself; "
		    "default: all (Compose asks for every one)"),
	ICR_FLAG(struct values, remove, "remove",
		 "take the entries that name this helper out again"),
	ICR_FLAG(struct values, force, "force", "also take over hosts that name another helper"),
	ICR_STRING(struct values, config, "config", "FILE",
		   "edit FILE, not config.json in $DOCKER_CONFIG or ~/.docker"),
	ICR_FLAG(struct values, dry_run, "dry-run",
		 "only show what would change; exit status 3 if anything would"),
	{0},
};

int cmd_configure(int argc, char **argv, struct icr_error *err)
{
	struct values values = {0};
	struct icr_environment environment;
	_cleanup_free_ char *path = NULL;
	size_t count, chosen;

	int r = icr_options_parse(configure_options, argc, argv, 0, &values, err);
	if (r < 0)
		return r;
	const char *config = values.config;
	struct docker_config_change change = {
		.regions = values.regions, .remove = values.remove, .force = values.force};
	if (config && !*config)
		return icr_fail(err, ICR_E_USAGE, "--config needs the name of a file");
	(void)icr_regions(&count);
	chosen = icr_region_set_count(&change.regions);
	change.all_regions = chosen == 0 || chosen == count;
	icr_environment_read(&environment);
	if (config)
		path = strdup(config);
	else if ((r = icr_environment_docker_config(&environment, &path, err)) < 0)
		return r;
	if (!path)
		return icr_fail_memory(err);
	return values.dry_run ? show(path, &change, &environment, err)
			      : do_it(path, &change, &environment, err);
}
