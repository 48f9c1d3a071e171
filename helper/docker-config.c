/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/docker-config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/region-set.h"
#include "icr/json-edit.h"

#define NAME_MAX_LEN	((size_t)4096)	    /* of a member's name that we compare or print */
#define SPACE_MAX	((size_t)64 * 1024) /* of white space that we repeat */
#define VALUE		"\"" DOCKER_CONFIG_OURS "\""
#define LOCK_TIMEOUT_MS 10000
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

	icr_fail_at(err, ICR_E_CONFIG, place ? place : config->path, "%s is %s, not %s", what,
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
	*config = (struct docker_config){.path = path};
	icr_buf_init(&config->file, ICR_FILE_MAX);
	icr_buf_init(&config->instead, sizeof(BOM) + sizeof(EMPTY_OBJECT));
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
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, NAME_MAX_LEN);
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
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, NAME_MAX_LEN);
	icr_json_name(&config->json, member, &text);
	return icr_host_parse(text.data, text.len, ret_host);
}

/*
 * How --remove knows, with nothing recorded, that credHelpers stood there empty before us: white
 * space behind its last entry that nobody else writes and Docker's own saving drops. The first for
 * {}, the second where there was white space between the braces.
 */
#define WAS_TIGHT  "\t "
#define WAS_SPACED " \t"

struct job {
	const struct docker_config *config;
	const struct icr_json *json;
	const struct docker_config_change *change;
	struct icr_edit edit;
	const char **names; /* to be added: those of the regions that are not somebody else's */
	size_t names_count;
	int changed; /* entries */
};

static void free_job(struct job *job)
{
	free(job->names);
	icr_edit_free(&job->edit);
}

static bool is_wanted(const struct docker_config_change *change, const struct icr_region *region)
{
	return change->all_regions || (region && icr_region_set_has(&change->regions, region));
}

static bool is_ours(const struct job *job, uint32_t entry)
{
	return icr_json_string_is(job->json, entry, DOCKER_CONFIG_OURS);
}

static void add_name(struct job *job, const char *name)
{
	uint32_t entry = docker_config_helper(job->config, name);

	if (entry == ICR_JSON_NONE || is_ours(job, entry) || job->change->force)
		job->names[job->names_count++] = name;
}

static int choose_names(struct job *job, struct icr_error *err)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	job->names = calloc(count * 2, sizeof(*job->names));
	if (!job->names)
		return icr_fail_memory(err);
	for (size_t i = 0; i < count; i++)
		if (is_wanted(job->change, &regions[i])) {
			add_name(job, regions[i].public_name);
			add_name(job, regions[i].private_name);
		}
	return 0;
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

/* Appends credHelpers' value with all names, MARK behind the last. */
static void print_object(const struct job *job, const char *mark, struct icr_buf *out)
{
	_cleanup_buf_ struct icr_buf inner, outer;
	const char *between = colon(job->json);

	icr_buf_init(&inner, SPACE_MAX);
	icr_buf_init(&outer, SPACE_MAX);
	icr_json_edit_indent(job->json, 0, 1, &inner);
	icr_json_edit_indent(job->json, 0, 0, &outer);
	for (size_t i = 0; i < job->names_count; i++) {
		const char *comma = inner.len > 0 || !between[1] ? "," : ", ";
		icr_buf_printf(out, "%s%s\"%s\"%s" VALUE, i == 0 ? "{" : comma, inner.data,
			       job->names[i], between);
	}
	icr_buf_printf(out, "%s%s}", mark, outer.data);
	out->failed = out->failed ? out->failed : inner.failed ? inner.failed : outer.failed;
}

static int add_object(struct job *job, uint32_t empty, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf value;

	icr_buf_init(&value, ICR_FILE_MAX);
	print_object(job, empty == ICR_JSON_NONE ? "" : WAS_TIGHT, &value);
	int r = icr_buf_check(&value, "the new text of credHelpers", err);
	if (r < 0)
		return r;
	if (empty == ICR_JSON_NONE)
		icr_json_edit_add_member(&job->edit, job->json, 0, "credHelpers", value.data);
	else
		icr_json_edit_replace(&job->edit, job->json, empty, value.data);
	job->changed += (int)job->names_count;
	return 0;
}

/* With force, every other helper that OBJECT gives to NAME, also where a later one wins. */
static void take_over(struct job *job, uint32_t object, const char *name)
{
	const struct icr_json_node *nodes = job->json->nodes;

	for (uint32_t i = nodes[object].child; i != ICR_JSON_NONE; i = nodes[i].next)
		if (icr_json_name_is(job->json, i, name) && !is_ours(job, i)) {
			icr_json_edit_replace(&job->edit, job->json, i, VALUE);
			job->changed++;
		}
}

static void add_entries(struct job *job, uint32_t object)
{
	for (size_t i = 0; i < job->names_count; i++) {
		const char *name = job->names[i];
		if (icr_json_member(job->json, object, name) == ICR_JSON_NONE) {
			icr_json_edit_add_member(&job->edit, job->json, object, name, VALUE);
			job->changed++;
		} else if (job->change->force) {
			take_over(job, object, name);
		}
	}
}

static int add(struct job *job, struct icr_error *err)
{
	const struct icr_json_node *nodes = job->json->nodes;
	uint32_t object = ICR_JSON_NONE;
	int r = choose_names(job, err);

	if (r < 0 || job->names_count == 0)
		return r;
	if (docker_config_next(job->config, "credHelpers", ICR_JSON_NONE) == ICR_JSON_NONE)
		return add_object(job, ICR_JSON_NONE, err);
	/* A repeated credHelpers is edited in each place: which one counts depends on the reader.
	 */
	while ((object = docker_config_next(job->config, "credHelpers", object)) != ICR_JSON_NONE) {
		if (nodes[object].end - nodes[object].start == strlen("{}")) {
			r = add_object(job, object, err);
			if (r < 0)
				return r;
			continue;
		}
		add_entries(job, object);
		if (nodes[object].count == 0)
			icr_edit_splice(&job->edit, nodes[object].start + 1,
					nodes[object].start + 1, WAS_SPACED, strlen(WAS_SPACED));
	}
	return 0;
}

static bool is_to_go(const struct job *job, uint32_t entry)
{
	struct icr_host host;

	if (!is_ours(job, entry))
		return false;
	if (job->change->all_regions)
		return true;
	return docker_config_host(job->config, entry, &host) && is_wanted(job->change, host.region);
}

/* Was OBJECT, all of whose entries go, empty before they came? Then RET gets it as it was. */
static bool was_empty(const struct job *job, uint32_t object, struct icr_buf *ret)
{
	const struct icr_json_node *nodes = job->json->nodes;
	size_t from = nodes[nodes[object].last].end, to = nodes[object].end - 1;
	const char *tail = job->json->text + from;
	bool tight = strncmp(tail, WAS_TIGHT, strlen(WAS_TIGHT)) == 0;

	if (!tight && strncmp(tail, WAS_SPACED, strlen(WAS_SPACED)) != 0)
		return false;
	icr_buf_char(ret, '{');
	if (!tight)
		icr_buf_append(ret, tail + strlen(WAS_SPACED), to - from - strlen(WAS_SPACED));
	icr_buf_char(ret, '}');
	return true;
}

/* Removes from OBJECT what is ours. Returns 1 when the whole member of the root has to go. */
static int remove_entries(struct job *job, uint32_t object, struct icr_error *err)
{
	const struct icr_json_node *nodes = job->json->nodes;
	_cleanup_free_ uint32_t *going = calloc(nodes[object].count + 1, sizeof(*going));
	_cleanup_buf_ struct icr_buf empty;
	size_t count = 0;

	icr_buf_init(&empty, SPACE_MAX);
	if (!going)
		return icr_fail_memory(err);
	for (uint32_t i = nodes[object].child; i != ICR_JSON_NONE; i = nodes[i].next)
		if (is_to_go(job, i))
			going[count++] = i;
	job->changed += (int)count;
	if (count == 0)
		return 0;
	if (count < nodes[object].count) {
		icr_json_edit_remove(&job->edit, job->json, going, count);
		return 0;
	}
	if (!was_empty(job, object, &empty))
		return 1;
	icr_json_edit_replace(&job->edit, job->json, object, empty.data);
	return icr_buf_check(&empty, "credHelpers", err);
}

static int remove_all(struct job *job, struct icr_error *err)
{
	_cleanup_free_ uint32_t *going = calloc(job->json->nodes[0].count + 1, sizeof(*going));
	uint32_t object = ICR_JSON_NONE;
	size_t count = 0;

	if (!going)
		return icr_fail_memory(err);
	while ((object = docker_config_next(job->config, "credHelpers", object)) != ICR_JSON_NONE) {
		int r = remove_entries(job, object, err);
		if (r < 0)
			return r;
		if (r > 0)
			going[count++] = object;
	}
	if (count > 0)
		icr_json_edit_remove(&job->edit, job->json, going, count);
	return 0;
}

int docker_config_edit(const struct docker_config *config,
		       const struct docker_config_change *change, struct icr_buf *ret_text,
		       struct icr_error *err)
{
	__attribute__((cleanup(free_job))) struct job job = {
		.config = config, .json = &config->json, .change = change};
	int r = change->remove ? remove_all(&job, err) : add(&job, err);

	if (r < 0)
		return r;
	if (job.changed == 0) {
		icr_buf_append(ret_text, config->file.data, config->file.len);
		return icr_buf_check(ret_text, config->path, err);
	}
	size_t before = ret_text->len;
	r = icr_edit_apply(&job.edit, config->json.text, config->json.len, ret_text, err);
	if (r < 0)
		return r;
	r = icr_json_edit_check(&job.edit, &config->json, ret_text->data + before,
				ret_text->len - before, config->path, err);
	return r < 0 ? r : job.changed;
}

/* The file behind links, and the folder that holds it. */
static int resolve(const char *path, char **ret_target, char **ret_folder, struct icr_error *err)
{
	_cleanup_free_ char *target = NULL;
	int r = icr_file_resolve(path, &target, err);

	if (r < 0)
		return r;
	*ret_folder = icr_path_folder(target);
	if (!*ret_folder)
		return icr_fail_memory(err);
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

int docker_config_lock(const char *path, struct icr_error *err)
{
	_cleanup_free_ char *folder = icr_path_folder(path);

	if (!folder)
		return icr_fail_memory(err);
	int r = icr_folder_make(folder, FOLDER_MODE, err);
	return r < 0 ? r : lock_and_sweep(path, LOCK_TIMEOUT_MS, err);
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
