/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/configure.h"

#include <errno.h>
#include <string.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/diff.h"
#include "icr/file.h"
#include "icr/verb.h"

#define TRIES		  5
#define DIFF_MAX	  (16 * ICR_FILE_MAX)
#define EXIT_WOULD_CHANGE 3

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
	configure_report(&after, change, environment);
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
	configure_report(&after, change, environment);
	if (changed > 0)
		icr_buf_printf(&line, "%s: %d credHelpers %s %s", path, changed,
			       changed == 1 ? "entry" : "entries",
			       change->remove ? "removed" : "written");
	else
		icr_buf_printf(&line, "%s: nothing to change", path);
	helper_one_line(line.data);
	icr_buf_char(&line, '\n');
	r = icr_buf_check(&line, path, err);
	return r < 0 ? r : protocol_write(&line, err);
}

int cmd_configure(int argc, char **argv, struct icr_error *err)
{
	struct docker_config_change change = {0};
	const char *config = NULL;
	bool dry_run = false;
	const struct icr_option options[] = {
		{"regions", ICR_OPTION_REGIONS, &change.regions},
		{"remove", ICR_OPTION_FLAG, &change.remove},
		{"config", ICR_OPTION_STRING, &config},
		{"dry-run", ICR_OPTION_FLAG, &dry_run},
		{"force", ICR_OPTION_FLAG, &change.force},
	};
	struct icr_environment environment;
	_cleanup_free_ char *path = NULL;
	size_t count, chosen;

	int r = icr_options_parse(options, ICR_LENGTH(options), argc, argv, 0, err);
	if (r < 0)
		return r;
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
	return dry_run ? show(path, &change, &environment, err)
		       : do_it(path, &change, &environment, err);
}
