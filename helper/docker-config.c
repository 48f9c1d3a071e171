/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/docker-config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/json-edit.h"
#include "icr/memory.h"
#include "icr/utf8.h"

#define NAME_MAX_LEN	((size_t)4096)	    /* of a member's name that we compare or print */
#define SPACE_MAX	((size_t)64 * 1024) /* of white space that we repeat */
#define VALUE		"\"" DOCKER_CONFIG_OURS "\""
#define LOCK_TIMEOUT_MS 10000
#define OPEN_TIMEOUT_MS 3000
#define FILE_MODE	0600
#define FOLDER_MODE	0700

#define MEND "nothing was changed; mend the file by hand, then run this again"

/* What a blank file is edited as, so that adding and removing need no case of their own. */
static const char EMPTY_OBJECT[] = "{\n}\n";
static const char BOM[] = "\xef\xbb\xbf";

static int fail_type(const struct docker_config *config, uint32_t node, const char *what,
		     const char *wanted, struct icr_error *err)
{
	_cleanup_free_ char *place =
		icr_json_place(&config->json, config->path, config->json.nodes[node].start);

	icr_fail_at(err, ICR_E_CONFIG, place, "%s is %s, not %s", what,
		    icr_json_type_name(config->json.nodes[node].type), wanted);
	return icr_error_hint(err, MEND);
}

static int check_types(const struct docker_config *config, struct icr_error *err)
{
	const struct icr_json *json = &config->json;
	uint32_t object = ICR_JSON_NONE;

	if (!icr_json_is(json, 0, ICR_JSON_OBJECT))
		return fail_type(config, 0, "the whole file", "an object", err);
	while ((object = docker_config_next(config, "credHelpers", object)) != ICR_JSON_NONE) {
		if (!icr_json_is(json, object, ICR_JSON_OBJECT))
			return fail_type(config, object, "credHelpers", "an object", err);
		for (uint32_t i = json->nodes[object].child; i != ICR_JSON_NONE;
		     i = json->nodes[i].next)
			if (!icr_json_is(json, i, ICR_JSON_STRING))
				return fail_type(config, i, "an entry of credHelpers",
						 "the name of a helper", err);
	}
	return 0;
}

static int scan(struct docker_config *config, const struct icr_buf *text, struct icr_error *err)
{
	int r = icr_json_parse(text->data, text->len, config->path, ICR_JSON_BOM | ICR_JSON_EMPTY,
			       &config->json, err);

	if (r < 0)
		(void)icr_error_hint(err, MEND);
	return r;
}

static int scan_file(struct docker_config *config, struct icr_error *err)
{
	int r = scan(config, &config->file, err);

	if (r < 0)
		return r;
	if (config->json.count == 0) {
		icr_json_free(&config->json);
		if (config->file.len >= strlen(BOM) &&
		    memcmp(config->file.data, BOM, strlen(BOM)) == 0)
			icr_buf_text(&config->instead, BOM);
		icr_buf_text(&config->instead, EMPTY_OBJECT);
		r = scan(config, &config->instead, err);
		if (r < 0)
			return r;
	}
	return check_types(config, err);
}

static void init(struct docker_config *config, const char *path)
{
	*config = (struct docker_config){
		.path = path,
		.file = ICR_BUF(ICR_FILE_MAX),
		.instead = ICR_BUF(sizeof(BOM) + sizeof(EMPTY_OBJECT)),
	};
}

int docker_config_read(const char *path, struct docker_config *ret_config, struct icr_error *err)
{
	init(ret_config, path);
	/* before reading: a change in between then shows when it is compared again */
	if (stat(path, &ret_config->seen) < 0)
		ret_config->seen = (struct stat){.st_nlink = 0};
	int r = icr_file_read(path, &ret_config->file, err);
	if (r < 0)
		return r;
	ret_config->exists = r > 0;
	return scan_file(ret_config, err);
}

int docker_config_parse(const char *path, const struct icr_buf *text,
			struct docker_config *ret_config, struct icr_error *err)
{
	init(ret_config, path);
	ret_config->exists = true;
	icr_buf_append(&ret_config->file, text->data, text->len);
	int r = icr_buf_check(&ret_config->file, path, err);
	return r < 0 ? r : scan_file(ret_config, err);
}

void docker_config_free(struct docker_config *config)
{
	icr_json_free(&config->json);
	icr_buf_free(&config->instead);
	icr_buf_free(&config->file);
}

static bool name_is(const struct icr_json *json, uint32_t member, const char *name)
{
	size_t len = json->nodes[member].key_end - json->nodes[member].key_start;

	if (len < strlen(name) || len > strlen(name) * strlen("\\u0041") + strlen("\"\""))
		return false;
	_cleanup_buf_ struct icr_buf text = ICR_BUF(NAME_MAX_LEN);
	icr_json_name(json, member, &text);
	return text.len == strlen(name) && strcasecmp(text.data, name) == 0;
}

uint32_t docker_config_next(const struct docker_config *config, const char *name, uint32_t after)
{
	const struct icr_json_node *nodes = config->json.nodes;
	uint32_t i = after == ICR_JSON_NONE ? nodes[0].child : nodes[after].next;

	while (i != ICR_JSON_NONE && !name_is(&config->json, i, name))
		i = nodes[i].next;
	return i;
}

uint32_t docker_config_helper(const struct docker_config *config, const char *name)
{
	uint32_t found = ICR_JSON_NONE, object = ICR_JSON_NONE;

	while ((object = docker_config_next(config, "credHelpers", object)) != ICR_JSON_NONE) {
		uint32_t member = icr_json_member(&config->json, object, name);
		if (member != ICR_JSON_NONE)
			found = member;
	}
	return found;
}

bool docker_config_host(const struct docker_config *config, uint32_t member,
			struct icr_host *ret_host)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(NAME_MAX_LEN);

	icr_json_name(&config->json, member, &text);
	return icr_host_parse(text.data, text.len, ret_host);
}

struct job {
	const struct docker_config *config;
	const struct icr_json *json;
	const struct docker_config_change *change;
	struct icr_edit edit;
	struct icr_strings names;    /* to be added: the wanted ones that are not somebody else's */
	struct icr_strings *changed; /* the entries that were, by their keys */
};

static void free_job(struct job *job)
{
	icr_strings_free(&job->names);
	icr_edit_free(&job->edit);
}

static bool is_ours(const struct job *job, uint32_t entry)
{
	return icr_json_string_is(job->json, entry, DOCKER_CONFIG_OURS);
}

static void choose_names(struct job *job)
{
	for (size_t i = 0; i < job->change->names.count; i++) {
		const char *name = job->change->names.items[i];
		uint32_t entry = docker_config_helper(job->config, name);
		if (entry == ICR_JSON_NONE || is_ours(job, entry) || job->change->force)
			icr_strings_add(&job->names, name);
	}
}

/* Does this document put a blank behind its colons? */
static const char *colon(const struct icr_json *json)
{
	uint32_t first = json->nodes[0].child;

	if (first == ICR_JSON_NONE)
		return ": ";
	size_t from = json->nodes[first].key_end, to = json->nodes[first].start;
	return to == from + 1 ? ":" : ": ";
}

/* credHelpers and its value with all names, behind the root's last member. */
static void add_object(struct job *job)
{
	_cleanup_buf_ struct icr_buf inner = ICR_BUF(SPACE_MAX), outer = ICR_BUF(SPACE_MAX),
				     value = ICR_BUF(ICR_FILE_MAX);
	const char *between = colon(job->json);

	icr_json_edit_indent(job->json, 0, 1, &inner);
	icr_json_edit_indent(job->json, 0, 0, &outer);
	for (size_t i = 0; i < job->names.count; i++) {
		const char *comma = inner.len > 0 || !between[1] ? "," : ", ";
		icr_buf_printf(&value, "%s%s\"%s\"%s" VALUE, i == 0 ? "{" : comma, inner.data,
			       job->names.items[i], between);
		icr_strings_add(job->changed, job->names.items[i]);
	}
	icr_buf_printf(&value, "%s}", outer.data);
	icr_json_edit_add_member(&job->edit, job->json, 0, "credHelpers", value.data);
}

/* With force, every other helper that OBJECT gives to NAME, also where a later one wins. */
static void take_over(struct job *job, uint32_t object, const char *name)
{
	const struct icr_json_node *nodes = job->json->nodes;

	for (uint32_t i = nodes[object].child; i != ICR_JSON_NONE; i = nodes[i].next)
		if (icr_json_name_is(job->json, i, name) && !is_ours(job, i)) {
			icr_json_edit_replace(&job->edit, job->json, i, VALUE);
			icr_strings_add_once(job->changed, name);
		}
}

static void add(struct job *job)
{
	uint32_t object = ICR_JSON_NONE;

	choose_names(job);
	if (job->names.count == 0)
		return;
	if (docker_config_next(job->config, "credHelpers", ICR_JSON_NONE) == ICR_JSON_NONE) {
		add_object(job);
		return;
	}
	/* A repeated credHelpers is edited in each place: which one counts depends on the reader.
	 */
	while ((object = docker_config_next(job->config, "credHelpers", object)) != ICR_JSON_NONE)
		for (size_t i = 0; i < job->names.count; i++) {
			const char *name = job->names.items[i];
			if (icr_json_member(job->json, object, name) == ICR_JSON_NONE) {
				icr_json_edit_add_member(&job->edit, job->json, object, name,
							 VALUE);
				icr_strings_add_once(job->changed, name);
			} else if (job->change->force) {
				take_over(job, object, name);
			}
		}
}

/* The names of a registry stand for each other: an entry goes with any of them. */
static bool is_to_go(const struct job *job, uint32_t entry)
{
	char relatives[ICR_HOST_RELATIVES][ICR_HOST_MAX];
	struct icr_host host;

	if (!is_ours(job, entry))
		return false;
	if (job->change->all)
		return true;
	if (!docker_config_host(job->config, entry, &host))
		return false;
	bool found = icr_strings_has(&job->change->names, host.name);
	size_t count = icr_host_relatives(&host, relatives);
	for (size_t i = 0; i < count; i++)
		found |= icr_strings_has(&job->change->names, relatives[i]);
	return found;
}

/* Removes from OBJECT what is ours. True when that empties it: then its member has to go. */
static bool remove_entries(struct job *job, uint32_t object)
{
	const struct icr_json_node *nodes = job->json->nodes;
	_cleanup_free_ uint32_t *going = icr_calloc(nodes[object].count + 1, sizeof(*going));
	size_t count = 0;

	for (uint32_t i = nodes[object].child; i != ICR_JSON_NONE; i = nodes[i].next)
		if (is_to_go(job, i)) {
			_cleanup_free_ char *name = icr_json_name_dup(job->json, i);
			icr_strings_add_once(job->changed, name);
			going[count++] = i;
		}
	if (count == 0 || count == nodes[object].count)
		return count > 0;
	icr_json_edit_remove(&job->edit, job->json, going, count);
	return false;
}

static void remove_all(struct job *job)
{
	_cleanup_free_ uint32_t *going = icr_calloc(job->json->nodes[0].count + 1, sizeof(*going));
	uint32_t object = ICR_JSON_NONE;
	size_t count = 0;

	while ((object = docker_config_next(job->config, "credHelpers", object)) != ICR_JSON_NONE)
		if (remove_entries(job, object))
			going[count++] = object;
	if (count > 0)
		icr_json_edit_remove(&job->edit, job->json, going, count);
}

/* Appends the edited text, having proven that it says the same but for the edit. */
static int apply_edit(const struct docker_config *config, const struct icr_edit *edit,
		      struct icr_buf *ret_text, struct icr_error *err)
{
	size_t before = ret_text->len;
	int r = icr_edit_apply(edit, config->json.text, config->json.len, ret_text, err);

	if (r < 0)
		return r;
	return icr_json_edit_check(edit, &config->json, ret_text->data + before,
				   ret_text->len - before, config->path, err);
}

int docker_config_edit(const struct docker_config *config,
		       const struct docker_config_change *change, struct icr_strings *ret_changed,
		       struct icr_buf *ret_text, struct icr_error *err)
{
	icr_cleanup(free_job) struct job job = {
		.config = config, .json = &config->json, .change = change, .changed = ret_changed};

	if (change->remove)
		remove_all(&job);
	else
		add(&job);
	if (ret_changed->count == 0) {
		icr_buf_append(ret_text, config->file.data, config->file.len);
		return icr_buf_check(ret_text, config->path, err);
	}
	return apply_edit(config, &job.edit, ret_text, err);
}

int docker_config_empty_logins(const struct docker_config *config, const uint32_t *logins,
			       size_t count, struct icr_buf *ret_text, struct icr_error *err)
{
	_cleanup_edit_ struct icr_edit edit = {0};

	for (size_t i = 0; i < count; i++)
		icr_json_edit_replace(&edit, &config->json, logins[i], "{}");
	return apply_edit(config, &edit, ret_text, err);
}

/* docker/cli cli/config/types/authconfig.go: what may be a secret in an entry of auths */
static const char *const secrets[] = {"auth", "password", "identitytoken", "registrytoken"};

static bool is_secret(const struct icr_json *json, uint32_t member)
{
	_cleanup_free_ char *name = icr_json_name_dup(json, member);

	if (!icr_json_is(json, member, ICR_JSON_STRING) || icr_json_string_is(json, member, ""))
		return false;
	for (size_t k = 0; k < ICR_LENGTH(secrets); k++)
		if (strcasecmp(name, secrets[k]) == 0)
			return true;
	return false;
}

static bool has_secret(const struct docker_config *config, uint32_t login)
{
	const struct icr_json *json = &config->json;

	if (!icr_json_is(json, login, ICR_JSON_OBJECT))
		return false;
	for (uint32_t i = json->nodes[login].child; i != ICR_JSON_NONE; i = json->nodes[i].next)
		if (is_secret(json, i))
			return true;
	return false;
}

/* The last string member of LOGIN called NAME in any case, as Go's decoder has it. */
static bool read_member(const struct docker_config *config, uint32_t login, const char *name,
			struct icr_buf *ret)
{
	const struct icr_json *json = &config->json;

	for (uint32_t i = json->nodes[login].child; i != ICR_JSON_NONE; i = json->nodes[i].next)
		if (name_is(json, i, name) && icr_json_is(json, i, ICR_JSON_STRING)) {
			icr_buf_truncate(ret, 0);
			icr_json_string(json, i, ret);
		}
	return ret->len > 0;
}

static int fail_login(const struct docker_config *config, uint32_t login,
		      const struct icr_host *host, const char *what, struct icr_error *err)
{
	_cleanup_free_ char *place =
		icr_json_place(&config->json, config->path, config->json.nodes[login].start);

	return icr_fail_at(err, ICR_E_CONFIG, place, "the login of %s %s, and is left there",
			   host->name, what);
}

/* "USER:PASSWORD", of which Docker takes NULs off the end. */
static bool split_auth(const struct icr_buf *auth, struct icr_buf *username, struct icr_buf *secret)
{
	_cleanup_buf_ struct icr_buf plain = ICR_BUF(ICR_FILE_MAX);

	const char *colon = icr_base64_decode(auth->data, auth->len, &plain)
				    ? memchr(plain.data, ':', plain.len)
				    : NULL;
	if (!colon)
		return false;
	size_t before = (size_t)(colon - plain.data), len = plain.len - before - 1;
	while (len > 0 && colon[len] == '\0')
		len--;
	icr_buf_append(username, plain.data, before);
	icr_buf_append(secret, colon + 1, len);
	return true;
}

/* Does LOGIN hold a secret that is not this one? It would be gone with the entry. */
static bool has_another(const struct docker_config *config, uint32_t login,
			const struct icr_buf *secret)
{
	const struct icr_json *json = &config->json;

	for (uint32_t i = json->nodes[login].child; i != ICR_JSON_NONE; i = json->nodes[i].next) {
		_cleanup_buf_ struct icr_buf value = ICR_BUF(ICR_FILE_MAX),
					     username = ICR_BUF(ICR_FILE_MAX),
					     other = ICR_BUF(ICR_FILE_MAX);
		if (!is_secret(json, i))
			continue;
		icr_json_string(json, i, &value);
		bool split = name_is(json, i, "auth") && split_auth(&value, &username, &other);
		const struct icr_buf *held = split ? &other : &value;
		if (held->len > 0 &&
		    (held->len != secret->len || memcmp(held->data, secret->data, held->len) != 0))
			return true;
	}
	return false;
}

/* docker/cli cli/config/configfile/file.go: auth is base64 of "USER:PASSWORD", perhaps with NULs
 * behind, and is what counts before username and password; an identity token before all that. */
int docker_config_credential(const struct docker_config *config, uint32_t login,
			     const struct icr_host *host, struct credential *ret_credential,
			     struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf auth = ICR_BUF(ICR_FILE_MAX), username = ICR_BUF(ICR_FILE_MAX),
				     secret = ICR_BUF(ICR_FILE_MAX);

	if (read_member(config, login, "identitytoken", &secret)) {
		icr_buf_text(&username, "<token>");
	} else if (read_member(config, login, "auth", &auth)) {
		(void)split_auth(&auth, &username, &secret);
	} else {
		(void)read_member(config, login, "username", &username);
		(void)read_member(config, login, "password", &secret);
	}
	if (username.len == 0 || secret.len == 0)
		return fail_login(config, login, host, "is no user name and password", err);
	if (!icr_utf8_is_text(username.data, username.len) ||
	    !icr_utf8_is_text(secret.data, secret.len))
		return fail_login(config, login, host,
				  "holds bytes that no password has (a NUL, or not UTF-8)", err);
	if (has_another(config, login, &secret))
		return fail_login(config, login, host, "holds more than one secret", err);
	return credential_set(ret_credential, host->name, username.data, secret.data, secret.len,
			      err);
}

uint32_t docker_config_login(const struct docker_config *config, uint32_t after,
			     struct icr_host *ret_host)
{
	const struct icr_json_node *nodes = config->json.nodes;
	uint32_t auths = after == ICR_JSON_NONE ? ICR_JSON_NONE : nodes[after].parent;
	uint32_t i = after == ICR_JSON_NONE ? ICR_JSON_NONE : nodes[after].next;

	for (;;) {
		for (; i != ICR_JSON_NONE; i = nodes[i].next)
			if (has_secret(config, i) && docker_config_host(config, i, ret_host))
				return i;
		do
			auths = docker_config_next(config, "auths", auths);
		while (auths != ICR_JSON_NONE &&
		       !icr_json_is(&config->json, auths, ICR_JSON_OBJECT));
		if (auths == ICR_JSON_NONE)
			return ICR_JSON_NONE;
		i = nodes[auths].child;
	}
}

/* The file behind links, and the folder that holds it. */
static int resolve(const char *path, char **ret_target, char **ret_folder, struct icr_error *err)
{
	_cleanup_free_ char *target = NULL;
	int r = icr_file_resolve(path, &target, err);

	if (r < 0)
		return r;
	*ret_folder = icr_path_folder(target);
	*ret_target = icr_steal(&target);
	return 0;
}

/* The folder itself is locked: nothing of ours is left beside the files of others. */
static int lock_and_sweep(const char *path, int timeout_ms, struct icr_error *err)
{
	_cleanup_free_ char *target = NULL, *folder = NULL;
	int r = resolve(path, &target, &folder, err);

	if (r < 0)
		return r;
	r = icr_lock(folder, timeout_ms, err);
	if (r >= 0)
		icr_temporary_sweep(target);
	return r;
}

/* What root makes in the home folder of somebody belongs to him, who could not use it otherwise. FD
 * is of what was made just now: still root's, and no other name of a file that was there before. */
static void give_to(int fd, const struct stat *owner)
{
	struct stat made;

	if (geteuid() != 0 || owner->st_uid == 0 || fstat(fd, &made) < 0 || made.st_uid != 0 ||
	    made.st_nlink != 1)
		return;
	/* where this fails it stays root's, which is said nowhere but harms nobody else */
	int r = fchown(fd, owner->st_uid, owner->st_gid);
	(void)r;
}

/* May other users open the folder, and so lock it? */
static bool is_open_to_others(const char *path)
{
	_cleanup_free_ char *target = NULL, *folder = NULL;
	struct stat st;

	return resolve(path, &target, &folder, NULL) >= 0 && stat(folder, &st) == 0 &&
	       (st.st_uid != geteuid() || (st.st_mode & (S_IRGRP | S_IROTH)));
}

int docker_config_lock(const char *path, struct icr_error *err)
{
	_cleanup_free_ char *folder = icr_path_folder(path);

	int r = icr_folder_make(folder, FOLDER_MODE, err);
	if (r < 0)
		return r;
	bool open_to_others = is_open_to_others(path);
	r = lock_and_sweep(path, open_to_others ? OPEN_TIMEOUT_MS : LOCK_TIMEOUT_MS, err);
	if (r != -ETIMEDOUT || !open_to_others)
		return r;
	/* another user may hold it for as long as he likes: the last look before the file is
	 * replaced must do */
	icr_error_clear(err);
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void docker_config_sweep(const char *path)
{
	_cleanup_fd_ int lock = lock_and_sweep(path, 0, NULL);

	(void)lock;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_unchanged(const struct docker_config *config)
{
	const struct stat *then = &config->seen;
	struct stat now;

	if (stat(config->path, &now) < 0)
		return errno == ENOENT && !config->exists;
	return config->exists && now.st_dev == then->st_dev && now.st_ino == then->st_ino &&
	       now.st_size == then->st_size && same_time(&now.st_mtim, &then->st_mtim) &&
	       same_time(&now.st_ctim, &then->st_ctim);
}

static void give_new_file(const char *target, const char *temporary)
{
	_cleanup_free_ char *folder = icr_path_folder(target);
	_cleanup_fd_ int fd = open(temporary, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat owner;

	if (fd >= 0 && stat(folder, &owner) == 0)
		give_to(fd, &owner);
}

int docker_config_write(const struct docker_config *config, const struct icr_buf *text,
			struct icr_error *err)
{
	_cleanup_free_ char *target = NULL, *temporary = NULL;
	int r = icr_file_resolve(config->path, &target, err);

	if (r < 0)
		return r;
	r = icr_temporary_name(target, "", &temporary, err);
	if (r < 0)
		return r;
	/* Written and on the disk before the last look at the file: Docker has least time then. */
	r = icr_file_stage(target, temporary, text->data, text->len, FILE_MODE, err);
	if (r < 0)
		return r;
	if (!config->exists)
		give_new_file(target, temporary);
	if (!is_unchanged(config)) {
		(void)unlink(temporary);
		return icr_fail_at(err, EAGAIN, config->path,
				   "another program keeps changing the file; run this again");
	}
	if (rename(temporary, target) < 0) {
		r = icr_fail_errno(err, errno, target, "cannot put the new file in its place");
		(void)unlink(temporary);
		return r;
	}
	return icr_file_sync_folder(target, err);
}
