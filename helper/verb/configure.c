/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/containers-config.h"
#include "helper/docker-config.h"
#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/diff.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/program.h"
#include "icr/redact.h"
#include "icr/region-set.h"
#include "icr/text.h"

#define TRIES		  5
#define DIFF_MAX	  (16 * ICR_FILE_MAX)
#define EXIT_WOULD_CHANGE 3
#define WORD_MAX	  ((size_t)512) /* of a name from the file that is shown */

struct values {
	const char *client, *config;
	struct icr_strings regions;
	bool remove, force, dry_run, json;
};

const struct icr_option configure_options[] = {
	ICR_STRING(struct values, client, "client", "docker|containers",
		   "whose configuration: docker, credHelpers in config.json (the default); "
		   "containers, one drop-in of registries.conf that serves podman, buildah, skopeo "
		   "and CRI-O for every host"),
	ICR_LIST(struct values, regions, "regions", "LIST|all",
		 "of docker, only these: us, us-south or us.icr.io, separated by commas; global is "
		 "icr.io itself; also " ICR_ENTITLED_NAME
		 " and the registry.*.bluemix.net names; default: "
		 "all regions (Compose asks for every one)"),
	ICR_FLAG(struct values, remove, "remove", "take out again what names this helper"),
	ICR_FLAG(struct values, force, "force", "also take over hosts that name another helper"),
	ICR_STRING(struct values, config, "config", "FILE",
		   "edit FILE, not config.json in $DOCKER_CONFIG or ~/.docker"),
	ICR_FLAG(struct values, dry_run, "dry-run",
		 "only show what would change; exit status 3 if anything would"),
	ICR_FLAG(struct values, json, "json", "report as JSON"),
	{0},
};

/* What the verb has to tell, printed at the end as lines or as JSON. */
struct report {
	const struct values *values;
	const char *path;
	struct icr_strings hosts;     /* whose entries change */
	struct icr_strings passwords; /* hosts with a plain-text password in the file */
	struct icr_strings notes;
	bool changed;
};

static void report_free(struct report *report)
{
	icr_strings_free(&report->hosts);
	icr_strings_free(&report->passwords);
	icr_strings_free(&report->notes);
}

#define note(report, ...) icr_strings_add_format(&(report)->notes, __VA_ARGS__)

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

static void report_other_helper(struct report *report, const struct docker_config *config,
				const char *name)
{
	uint32_t entry = docker_config_helper(config, name);

	if (entry == ICR_JSON_NONE || icr_json_string_is(&config->json, entry, DOCKER_CONFIG_OURS))
		return;
	_cleanup_free_ char *helper = plain_word(icr_json_string_dup(&config->json, entry));
	if (helper)
		note(report, "%s keeps its credential helper \"%s\"; --force takes it over", name,
		     helper);
	else
		note(report,
		     "%s keeps its entry in credHelpers, which names %s helper; --force takes it "
		     "over",
		     name, icr_json_string_is(&config->json, entry, "") ? "no" : "another");
}

/* What Docker does with a login in the file, and how to be rid of it there. */
static void report_password(struct report *report, const struct docker_config *config,
			    uint32_t login, const struct icr_host *host)
{
	const struct icr_json *json = &config->json;
	uint32_t entry = docker_config_helper(config, host->name);
	bool ours = entry != ICR_JSON_NONE && icr_json_string_is(json, entry, DOCKER_CONFIG_OURS);
	_cleanup_free_ char *key = plain_word(icr_json_name_dup(json, login));
	const char *where = config->path;

	icr_strings_add_once(&report->passwords, host->name);
	if (!key)
		note(report,
		     "a plain-text password for %s is in %s; take that entry of auths out with an "
		     "editor%s%s",
		     host->name, where, ours ? ", then run: docker login " : "",
		     ours ? host->name : "");
	else if (report->values->remove)
		note(report,
		     "a plain-text password for %s is in %s, and Docker uses it; to remove it: "
		     "docker logout %s",
		     host->name, where, key);
	else if (!ours)
		note(report,
		     "a plain-text password for %s is in %s, and Docker uses it; to keep it in "
		     "the helper: " HELPER_NAME " configure --regions %s; " HELPER_NAME " import",
		     host->name, where, host->name);
	else if (strcmp(key, host->name) == 0)
		note(report,
		     "a plain-text password for %s is still in %s, and Docker no longer uses it; "
		     "to keep it in the helper and empty it there: " HELPER_NAME " import",
		     host->name, where);
	else
		note(report,
		     "a plain-text password for %s is still in %s under the name %s; to keep it "
		     "in the helper: " HELPER_NAME " import; Docker takes names as they are "
		     "spelled, so log in with: docker login %s",
		     host->name, where, key, host->name);
}

static void report_passwords(struct report *report, const struct docker_config *config)
{
	uint32_t login = ICR_JSON_NONE;
	struct icr_host host;

	while ((login = docker_config_login(config, login, &host)) != ICR_JSON_NONE)
		report_password(report, config, login, &host);
}

/* Docker looks a host up by its bare name: docker/cli cli/config/configfile/file.go,
 * getConfiguredCredentialStore. */
static void report_ignored(struct report *report, const struct docker_config *config)
{
	const struct icr_json *json = &config->json;
	uint32_t object = ICR_JSON_NONE;
	struct icr_host host;

	while ((object = docker_config_next(config, "credHelpers", object)) != ICR_JSON_NONE)
		for (uint32_t i = json->nodes[object].child; i != ICR_JSON_NONE;
		     i = json->nodes[i].next) {
			_cleanup_free_ char *key = icr_json_name_dup(json, i);
			if (strchr(key, '/') && docker_config_host(config, i, &host))
				note(report,
				     "Docker ignores the credHelpers entry \"%s\" in %s: it looks "
				     "for the bare name %s",
				     key, config->path, host.name);
		}
}

static void report_default_store(struct report *report, const struct docker_config *config)
{
	uint32_t next = docker_config_next(config, "credsStore", ICR_JSON_NONE), last = next;

	while (next != ICR_JSON_NONE) {
		last = next;
		next = docker_config_next(config, "credsStore", next);
	}
	if (icr_json_is(&config->json, last, ICR_JSON_STRING) &&
	    icr_json_string_is(&config->json, last, DOCKER_CONFIG_OURS))
		note(report,
		     "credsStore in %s is \"" DOCKER_CONFIG_OURS "\", so that Docker asks this "
		     "helper for every registry, and it keeps icr.io credentials only; take that "
		     "line out, credHelpers is enough",
		     config->path);
}

/* Under sudo, HOME and so the file are mostly root's, and not those of the user who typed it. */
static void report_sudo(struct report *report, const struct icr_environment *environment)
{
	struct stat st;

	if (!environment->sudo_user || geteuid() != 0 ||
	    strcmp(environment->sudo_user, "root") == 0)
		return;
	const struct passwd *user = getpwnam(environment->sudo_user);
	if (stat(report->path, &st) == 0 && user && st.st_uid == user->pw_uid)
		return;
	note(report, "%s is root's, since this runs under sudo; for %s's own run it without sudo",
	     report->path, environment->sudo_user);
}

/*
 * What the user should know about Docker's configuration as it stands after the change: hosts left
 * to other helpers, plain-text passwords (never their values), and what keeps Docker from asking
 * us.
 */
static void report_docker(struct report *report, const struct docker_config *after,
			  const struct docker_config_change *change,
			  const struct icr_environment *environment)
{
	report_sudo(report, environment);
	report_passwords(report, after);
	if (change->remove)
		return;
	for (size_t i = 0; i < change->names.count; i++)
		report_other_helper(report, after, change->names.items[i]);
	report_ignored(report, after);
	report_default_store(report, after);
	if (!helper_is_in_path(environment))
		note(report, "Docker will not find this helper: no folder of PATH has a program "
			     "called " HELPER_NAME);
	if (environment->docker_auth_config)
		note(report, "DOCKER_AUTH_CONFIG is set, and Docker 28.3 and newer prefer it to "
			     "any helper; unset it");
	if (strncmp(after->json.text, "\xef\xbb\xbf", 3) == 0)
		note(report,
		     "%s begins with a byte order mark, and Docker refuses to read such a file",
		     after->path);
}

static void put_strings(struct icr_buf *out, const char *name, const struct icr_strings *strings)
{
	icr_json_begin(out, name, '[');
	for (size_t i = 0; i < strings->count; i++)
		icr_json_put_text(out, NULL, strings->items[i]);
	icr_buf_char(out, ']');
}

static int print_json(const struct report *report, const struct icr_error *failure,
		      struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ICR_BUF_MAX);
	const struct values *values = report->values;

	icr_json_begin(&out, NULL, '{');
	icr_json_put(&out, "version", "1");
	icr_json_put_text(&out, "client", values->client);
	if (report->path)
		icr_json_put_text(&out, "file", report->path);
	icr_json_put_flag(&out, "dry_run", values->dry_run);
	icr_json_put_flag(&out, "remove", values->remove);
	icr_json_put_flag(&out, "changed", report->changed);
	put_strings(&out, "hosts", &report->hosts);
	put_strings(&out, "passwords", &report->passwords);
	put_strings(&out, "notes", &report->notes);
	if (failure) {
		icr_json_begin(&out, "error", '{');
		icr_json_put_text(&out, "message", failure->what);
		if (failure->where)
			icr_json_put_text(&out, "where", failure->where);
		if (failure->hint)
			icr_json_put_text(&out, "hint", failure->hint);
		icr_buf_char(&out, '}');
	}
	icr_buf_text(&out, "}\n");
	return protocol_write(&out, err);
}

/* LINE: what was done, for people; NULL when it was told otherwise. */
static int print_report(const struct report *report, const char *line, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	if (report->values->json)
		return print_json(report, NULL, err);
	for (size_t i = 0; i < report->notes.count; i++)
		helper_note("%s", report->notes.items[i]);
	if (!line)
		return 0;
	icr_text_safe(line, strlen(line), "", &text);
	icr_buf_char(&text, '\n');
	return protocol_tell(&text, err);
}

/* The verb's exit status where nothing failed. */
static int status(const struct report *report)
{
	return report->values->dry_run && report->changed ? EXIT_WOULD_CHANGE : 0;
}

/* A blank file has nothing to hide. */
static int redact(const struct docker_config *config, struct icr_buf *out, struct icr_error *err)
{
	if (config->instead.len == 0)
		return icr_redact_json(&config->json, true, out, err);
	icr_buf_append(out, config->file.data, config->file.len);
	return icr_buf_check(out, config->path, err);
}

static int print_diff(const struct docker_config *before, const struct docker_config *after,
		      struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf old_text = ICR_BUF(DIFF_MAX), new_text = ICR_BUF(DIFF_MAX),
				     diff = ICR_BUF(DIFF_MAX);

	int r = redact(before, &old_text, err);
	if (r < 0)
		return r;
	r = redact(after, &new_text, err);
	if (r < 0)
		return r;
	icr_diff(before->path, before->exists ? old_text.data : NULL, old_text.len, new_text.data,
		 new_text.len, &diff);
	r = icr_buf_check(&diff, "the difference", err);
	return r < 0 ? r : protocol_write(&diff, err);
}

static int show_docker(struct report *report, const struct docker_config_change *change,
		       const struct icr_environment *environment, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config before = {0}, after = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);

	int r = docker_config_read(report->path, &before, err);
	if (r >= 0)
		r = docker_config_edit(&before, change, &report->hosts, &text, err);
	if (r >= 0)
		r = docker_config_parse(report->path, &text, &after, err);
	if (r < 0)
		return r;
	report->changed = report->hosts.count > 0;
	if (report->changed && !report->values->json)
		r = print_diff(&before, &after, err);
	if (r < 0)
		return r;
	report_docker(report, &after, change, environment);
	return print_report(report, NULL, err);
}

/* One go under the lock; -EAGAIN when Docker was quicker. */
static int try_once(struct report *report, const struct docker_config_change *change,
		    struct icr_buf *text, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config config = {0};

	icr_buf_truncate(text, 0);
	icr_strings_free(&report->hosts);
	int r = docker_config_read(report->path, &config, err);
	if (r >= 0)
		r = docker_config_edit(&config, change, &report->hosts, text, err);
	if (r < 0 || report->hosts.count == 0)
		return r;
	return docker_config_write(&config, text, err);
}

static int change_docker(struct report *report, const struct docker_config_change *change,
			 struct icr_buf *text, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config config = {0};

	int r = docker_config_read(report->path, &config, err);
	if (r >= 0)
		r = docker_config_edit(&config, change, &report->hosts, text, err);
	if (r < 0)
		return r;
	/* With nothing to do the folder may be missing or read-only. */
	if (report->hosts.count == 0) {
		docker_config_sweep(report->path);
		return 0;
	}
	_cleanup_fd_ int lock = docker_config_lock(report->path, err);
	if (lock < 0)
		return lock;
	r = -EAGAIN;
	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		icr_error_clear(err);
		r = try_once(report, change, text, err);
	}
	return r;
}

static int do_docker(struct report *report, const struct docker_config_change *change,
		     const struct icr_environment *environment, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config after = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);

	int r = change_docker(report, change, &text, err);
	if (r >= 0)
		r = docker_config_parse(report->path, &text, &after, err);
	if (r < 0)
		return r;
	size_t changed = report->hosts.count;
	report->changed = changed > 0;
	report_docker(report, &after, change, environment);
	_cleanup_free_ char *line =
		changed == 0 ? icr_printf("%s: nothing to change", report->path)
			     : icr_printf("%s: %zu credHelpers %s %s", report->path, changed,
					  changed == 1 ? "entry" : "entries",
					  change->remove ? "removed" : "written");
	return print_report(report, line, err);
}

static void add_regions(struct report *report, const struct icr_region_set *set,
			struct icr_strings *names)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < count; i++) {
		if (!icr_region_set_has(set, &regions[i]))
			continue;
		if (regions[i].unknown && !icr_strings_has(names, regions[i].public_name))
			note(report, "%s is not in this version's table of regions",
			     regions[i].public_name);
		icr_strings_add_once(names, regions[i].public_name);
		icr_strings_add_once(names, regions[i].private_name);
	}
}

/* The names that LIST stands for, in the order of the region table, and cp.icr.io and the aliases,
 * which regions do not bring along, behind them. */
static int choose_names(struct report *report, const struct icr_strings *list,
			struct docker_config_change *change, struct icr_error *err)
{
	struct icr_region_set set = {0};
	_cleanup_strings_ struct icr_strings others = {0};
	bool all = list->count == 0;
	struct icr_host host;

	for (size_t i = 0; i < list->count; i++) {
		const char *word = list->items[i];
		bool named = icr_host_parse(word, strlen(word), &host);
		all |= strcmp(word, "all") == 0;
		if (named && (host.kind == ICR_HOST_ENTITLED || host.kind == ICR_HOST_ALIAS))
			icr_strings_add_once(&others, host.name);
		if (named && host.kind == ICR_HOST_ENTITLED)
			continue;
		int r = icr_region_set_parse(&set, word, err);
		if (r < 0)
			return icr_error_wrap(err, "--regions");
	}
	if (all && icr_region_set_parse(&set, "all", err) < 0)
		return -ICR_E_USAGE;
	add_regions(report, &set, &change->names);
	for (size_t i = 0; i < others.count; i++)
		icr_strings_add_once(&change->names, others.items[i]);
	change->all = all;
	return 0;
}

static int run_docker(struct report *report, const struct icr_environment *environment,
		      struct icr_error *err)
{
	const struct values *values = report->values;
	_cleanup_strings_ struct icr_strings names = {0};
	_cleanup_free_ char *path = NULL;
	struct docker_config_change change = {.remove = values->remove, .force = values->force};

	int r = choose_names(report, &values->regions, &change, err);
	names = change.names;
	if (r < 0)
		return r;
	if (values->config)
		path = icr_strdup(values->config);
	else if ((r = icr_environment_docker_config(environment, &path, err)) < 0)
		return r;
	report->path = path;
	r = values->dry_run ? show_docker(report, &change, environment, err)
			    : do_docker(report, &change, environment, err);
	/* "is no folder": of a path that DOCKER_CONFIG made */
	if (r == -ENOTDIR && !values->config && environment->docker_config)
		(void)icr_error_hint(err,
				     "DOCKER_CONFIG names a folder, the one that holds "
				     "config.json; \"%s\" is none",
				     environment->docker_config);
	report->path = NULL;
	return r;
}

static int show_containers(struct report *report, const struct containers_config *config,
			   struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf diff = ICR_BUF(DIFF_MAX);
	bool remove = report->values->remove;

	icr_diff(config->path, config->exists ? config->before.data : NULL, config->before.len,
		 remove ? NULL : config->after.data, remove ? 0 : config->after.len, &diff);
	return protocol_write(&diff, err);
}

static void report_containers(struct report *report, const struct containers_config *config,
			      const struct icr_environment *environment)
{
	report_sudo(report, environment);
	if (report->values->remove)
		return;
	for (size_t i = 0; i < config->later.count; i++)
		note(report,
		     "%s is read after %s by some versions and names other helpers in its place; "
		     "add \"icr\" as the first of its credential-helpers",
		     config->later.items[i], CONTAINERS_DROP_IN);
	if (icr_environment_get("CONTAINERS_REGISTRIES_CONF"))
		note(report, "CONTAINERS_REGISTRIES_CONF is set: the clients read that file and no "
			     "drop-in; unset it, or add the line to that file");
	if (icr_environment_get("REGISTRY_AUTH_FILE"))
		note(report, "REGISTRY_AUTH_FILE is set: logins in that file come before this "
			     "helper's");
	if (!helper_is_in_path(environment))
		note(report, "podman and the like will not find this helper: no folder of PATH has "
			     "a program called " HELPER_NAME);
}

static int run_containers(struct report *report, const struct icr_environment *environment,
			  struct icr_error *err)
{
	_cleanup_containers_config_ struct containers_config config = {0};
	const struct values *values = report->values;
	_cleanup_free_ char *line = NULL;

	if (values->regions.count > 0 || values->config || values->force)
		return icr_fail(err, ICR_E_USAGE,
				"--client containers takes none of --regions, --config and "
				"--force: one drop-in serves every host");
	int r = containers_config_read(environment, values->remove, &config, err);
	if (r < 0)
		return r;
	report->path = config.path;
	report->changed = values->remove
				  ? config.exists
				  : !config.exists || config.before.len != config.after.len ||
					    memcmp(config.before.data, config.after.data,
						   config.after.len) != 0;
	if (report->changed && values->dry_run && !values->json)
		r = show_containers(report, &config, err);
	else if (report->changed && !values->dry_run)
		r = values->remove ? containers_config_remove(&config, err)
				   : containers_config_write(&config, err);
	if (r < 0)
		return r;
	report_containers(report, &config, environment);
	if (!values->dry_run)
		line = icr_printf("%s: %s", config.path,
				  !report->changed ? "nothing to change"
				  : values->remove ? "removed"
						   : "written");
	r = print_report(report, line, err);
	report->path = NULL;
	return r;
}

static int run(struct report *report, struct icr_error *err)
{
	const struct values *values = report->values;
	struct icr_environment environment;

	icr_environment_read(&environment);
	if (values->config && !*values->config)
		return icr_fail(err, ICR_E_USAGE, "--config needs the name of a file");
	if (strcmp(values->client, "docker") == 0)
		return run_docker(report, &environment, err);
	if (strcmp(values->client, "containers") == 0)
		return run_containers(report, &environment, err);
	return icr_fail(err, ICR_E_USAGE, "--client must be docker or containers, not \"%s\"",
			values->client);
}

int cmd_configure(int argc, char **argv, struct icr_error *err)
{
	struct values values = {0};
	icr_cleanup(report_free) struct report report = {.values = &values};

	int r = icr_options_parse(configure_options, argc, argv, 0, &values, err);
	_cleanup_strings_ struct icr_strings regions = values.regions;
	if (r < 0)
		return r;
	if (!values.client)
		values.client = "docker";
	r = run(&report, err);
	if (r < 0 && values.json && err)
		(void)print_json(&report, err, NULL);
	return r < 0 ? r : status(&report);
}
