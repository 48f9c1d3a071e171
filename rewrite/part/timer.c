/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/process.h"
#include "rewrite/part/timer.h"
#include "rewrite/work.h"

#define TIMER_LINK "/etc/systemd/system/timers.target.wants/" TIMER_UNIT

#define SYSTEMD_RUNS	  "/run/systemd/system"
#define SYSTEMCTL_WAIT_MS 10000

/* Where systemd looks for units of the system (systemd.unit(5)) and packages put them. */
static const char *const unit_files[] = {
	"/etc/systemd/system/" TIMER_UNIT,
	"/usr/local/lib/systemd/system/" TIMER_UNIT,
	"/lib/systemd/system/" TIMER_UNIT,
	"/usr/lib/systemd/system/" TIMER_UNIT,
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

static int systemctl(struct work *work, const char *verb, const char *unit)
{
	const char *const arguments[] = {"systemctl", "--quiet", verb, unit, NULL};
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_buf_ struct icr_buf errors;
	icr_buf_init(&errors, 65536);
	struct icr_process process = {
		.arguments = arguments,
		.timeout_ms = SYSTEMCTL_WAIT_MS,
		.errors = &errors,
	};
	int r = icr_process_run(&process, &err);
	if (r == 0)
		return 0;
	errors.data[strcspn(errors.data, "\n")] = '\0';
	note(&work->notes, "systemctl %s%s%s failed: %s", verb, unit ? " " : "", unit ? unit : "",
	     r < 0 ? err.what : errors.data);
	return -1;
}

/* The links are what counts at the next boot; a systemd that cannot be told now is worth a note
 * only. */
static int timer_activate(struct work *work, const struct changes *changes, struct icr_error *err)
{
	(void)err;
	const struct change *change = changes_find(changes, TIMER_LINK);
	if (!change || !change_differs(change))
		return 0;
	if (access(SYSTEMD_RUNS, F_OK) < 0) {
		if (change->wanted.exists)
			note(&work->notes, "systemd does not run here: until it does, run "
					   "\"icr-rewrite refresh\" every 15 minutes");
		return 0;
	}
	(void)systemctl(work, "daemon-reload", NULL);
	(void)systemctl(work, change->wanted.exists ? "start" : "stop", TIMER_UNIT);
	return 0;
}

bool timer_enabled(const struct host *host)
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

const struct part part_timer = {
	.name = "timer",
	.status = timer_status,
	.find = timer_find,
	.plan = timer_plan,
	.activate = timer_activate,
};
