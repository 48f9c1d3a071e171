/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "rewrite/change.h"
#include "rewrite/part/part.h"
#include "rewrite/part/timer.h"
#include "rewrite/systemd.h"
#include "rewrite/work.h"

#define TIMER_UNIT "icr-rewrite.timer"
#define TIMER_LINK SYSTEMD_ETC "/timers.target.wants/" TIMER_UNIT

#define SYSTEMCTL_WAIT_MS 10000

/* Where the unit is looked for. Not in /run: what is there is gone at the next boot. */
static const char *const unit_files[] = {
	SYSTEMD_ETC "/" TIMER_UNIT,
	SYSTEMD_USR_LOCAL "/" TIMER_UNIT,
	SYSTEMD_LIB "/" TIMER_UNIT,
	SYSTEMD_USR "/" TIMER_UNIT,
};

static const char *find_unit(const struct host *host)
{
	for (size_t i = 0; i < ICR_LENGTH(unit_files); i++)
		if (host_has(host, unit_files[i]))
			return unit_files[i];
	return NULL;
}

/* Known also when it is not there, so that undo finds the folder that an interrupted run made. */
static int timer_find(struct work *work, struct changes *changes, struct icr_error *err)
{
	struct change *change;
	return changes_link(changes, &work->host, &part_timer, TIMER_LINK, &change, err);
}

static int timer_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	const char *unit = find_unit(&work->host);
	if (!unit)
		return 0;
	struct change *change;
	int r = changes_link(changes, &work->host, &part_timer, TIMER_LINK, &change, err);
	/* Enabled by somebody else: not ours to disable one day. */
	if (r < 0 || change->base.exists)
		return r;
	return change_link(change, unit, err);
}

static void note_failure(struct work *work, const char *command, const struct icr_error *err)
{
	note(&work->notes, "systemctl %s failed: %s", command, err->what);
}

/* The links are what counts at the next boot; a systemd that cannot be told now is worth a note
 * only. */
static int timer_activate(struct work *work, const struct changes *changes, struct icr_error *err)
{
	(void)err;
	const struct change *change = changes_find(changes, TIMER_LINK);
	if (!change || !change_differs(change))
		return 0;
	if (!systemd_runs()) {
		if (change->wanted.exists)
			note(&work->notes, "systemd does not run here: until it does, run "
					   "\"icr-rewrite refresh\" every 15 minutes");
		return 0;
	}
	bool start = change->wanted.exists;
	_cleanup_error_ struct icr_error why = {0};
	if (systemd_reload(SYSTEMCTL_WAIT_MS, &why) < 0)
		note_failure(work, "daemon-reload", &why);
	icr_error_clear(&why);
	if (systemd_ctl(start ? "start" : "stop", TIMER_UNIT, SYSTEMCTL_WAIT_MS, &why) < 0)
		note_failure(work, start ? "start " TIMER_UNIT : "stop " TIMER_UNIT, &why);
	return 0;
}

/* Will systemd run refresh, by us or by somebody else's doing? */
static bool timer_enabled(const struct host *host)
{
	return host_has(host, TIMER_LINK);
}

void timer_remind(struct work *work)
{
	if (!timer_enabled(&work->host) && !find_unit(&work->host))
		note(&work->notes,
		     "%s is not installed: let cron or another timer run \"icr-rewrite refresh\" "
		     "at boot and every 15 minutes",
		     TIMER_UNIT);
}

static int timer_status(struct work *work, cJSON *status, struct icr_error *err)
{
	bool enabled = timer_enabled(&work->host);
	if (!cJSON_AddBoolToObject(status, "enabled", enabled))
		return icr_fail_memory(err);
	return 0;
}

static bool timer_writes(const char *path)
{
	return strcmp(path, TIMER_LINK) == 0;
}

const struct part part_timer = {
	.name = "timer",
	.writes = timer_writes,
	.status = timer_status,
	.find = timer_find,
	.plan = timer_plan,
	.activate = timer_activate,
};
