/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>
#include <sys/stat.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/value.h"
#include "rewrite/change.h"
#include "rewrite/part/part.h"
#include "rewrite/part/timer.h"
#include "rewrite/systemd.h"
#include "rewrite/work.h"

#define SYSTEMCTL_WAIT_MS 10000

/* What runs refresh: at every boot, before anything pulls, and then now and again. */
static const struct unit {
	const char *name, *link, *member; /* of status */
	bool started;			  /* by apply, too */
} units[] = {
	{"icr-rewrite-boot.service",
	 SYSTEMD_ETC "/multi-user.target.wants/icr-rewrite-boot.service", "boot", false},
	{"icr-rewrite.timer", SYSTEMD_ETC "/timers.target.wants/icr-rewrite.timer", "enabled",
	 true},
};

/* Known also when they are not there, so that undo finds the folders that an interrupted run made.
 */
static int timer_find(struct work *work, struct changes *changes, struct icr_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ICR_LENGTH(units); i++) {
		struct change *change;
		r = changes_link(changes, &work->host, &part_timer, units[i].link, &change, err);
	}
	return r;
}

/* By the administrator: systemd starts it for nobody, whatever links there are. Source:
 * systemctl(1), and unit_load_fragment() of systemd, to which an empty file is the same. */
static bool is_masked(const char *path)
{
	struct stat info;

	return path && stat(path, &info) == 0 &&
	       (S_ISCHR(info.st_mode) || (S_ISREG(info.st_mode) && info.st_size == 0));
}

static int timer_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ICR_LENGTH(units); i++) {
		/* not in /run: what is there is gone at the next boot */
		_cleanup_free_ char *path = systemd_unit_path(&work->host, units[i].name);
		struct change *change;
		if (!path || is_masked(path) ||
		    strncmp(path, SYSTEMD_RUN "/", strlen(SYSTEMD_RUN "/")) == 0)
			continue;
		r = changes_link(changes, &work->host, &part_timer, units[i].link, &change, err);
		/* Enabled by somebody else: not ours to disable one day. */
		if (r >= 0 && !change->base.exists)
			r = change_link(change, path, err);
	}
	return r;
}

static void note_failure(struct work *work, const char *verb, const char *unit,
			 const struct icr_error *err)
{
	note_warning(&work->notes, "systemctl %s%s%s failed: %s; try it again%s", verb,
		     unit ? " " : "", unit ? unit : "", err->what,
		     strcmp(verb, "start") == 0 ? ": until then nothing runs refresh before the "
						  "next boot"
						: "");
}

/* The links are what counts at the next boot; a systemd that cannot be told now is worth a note
 * only. */
static int timer_activate(struct work *work, const struct changes *changes, struct icr_error *err)
{
	bool changed = false, enabled = false;

	(void)err;
	for (size_t i = 0; i < ICR_LENGTH(units); i++) {
		const struct change *change = changes_find(changes, units[i].link);
		changed |= change && change_differs(change);
		enabled |= change && change->wanted.exists;
	}
	if (!changed)
		return 0;
	if (!systemd_runs()) {
		if (enabled)
			note(&work->notes, "systemd does not run here: until it does, run "
					   "\"icr-rewrite refresh\" at boot and every 15 minutes");
		return 0;
	}
	_cleanup_error_ struct icr_error why = {0};
	if (systemd_reload(SYSTEMCTL_WAIT_MS, &why) < 0)
		note_failure(work, "daemon-reload", NULL, &why);
	for (size_t i = 0; i < ICR_LENGTH(units); i++) {
		const struct change *change = changes_find(changes, units[i].link);
		bool start = change && change->wanted.exists;
		if (!change || !change_differs(change) || (start && !units[i].started))
			continue;
		icr_error_clear(&why);
		const char *verb = start ? "start" : "stop";
		if (systemd_ctl(verb, units[i].name, SYSTEMCTL_WAIT_MS, &why) < 0)
			note_failure(work, verb, units[i].name, &why);
	}
	return 0;
}

void timer_remind(struct work *work)
{
	for (size_t i = 0; i < ICR_LENGTH(units); i++) {
		_cleanup_free_ char *path = systemd_unit_path(&work->host, units[i].name);
		if (is_masked(path)) {
			note_warning(&work->notes,
				     "%s is masked, so it runs no refresh: systemctl unmask %s, "
				     "then icr-rewrite apply",
				     units[i].name, units[i].name);
			continue;
		}
		if (path || host_has(units[i].link))
			continue;
		note(&work->notes,
		     "%s is not installed: let cron or another timer run \"icr-rewrite refresh\" "
		     "at boot and every 15 minutes",
		     units[i].name);
		return;
	}
}

static int timer_status(struct work *work, struct icr_value *status, struct icr_error *err)
{
	(void)err;
	for (size_t i = 0; i < ICR_LENGTH(units); i++) {
		_cleanup_free_ char *path = systemd_unit_path(&work->host, units[i].name);
		icr_value_put_flag(status, units[i].member,
				   host_has(units[i].link) && !is_masked(path));
	}
	return 0;
}

static bool timer_writes(const char *path)
{
	for (size_t i = 0; i < ICR_LENGTH(units); i++)
		if (strcmp(path, units[i].link) == 0)
			return true;
	return false;
}

static const struct part_words timer_words[] = {
	{.name = "boot", .yes = "refresh at boot", .no = "no refresh at boot"},
	{.name = "enabled", .yes = "refresh every 15 minutes", .no = "no refresh by the timer"},
	{0},
};

const struct part part_timer = {
	.name = "timer",
	.writes = timer_writes,
	.status = timer_status,
	.words = timer_words,
	.find = timer_find,
	.plan = timer_plan,
	.activate = timer_activate,
};
