/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/message.h"
#include "icr/verb.h"
#include "rewrite/choose.h"
#include "rewrite/part/timer.h"
#include "rewrite/report.h"
#include "rewrite/verb/verb.h"
#include "rewrite/writer.h"

static void status_free(struct status *status)
{
	free(status->names);
	cJSON_Delete(status->parts);
}

const char *status_drift(const struct change *change)
{
	if (change->recorded && change->created && !change->current.exists)
		return "removed since";
	if (change->recorded && change->edited)
		return change_differs(change) ? "edited since, and lacks our part"
					      : "edited since by others; our part is in it";
	return change_differs(change) ? "apply would change it" : NULL;
}

/* What apply would make of the recorded routes today; that it could not is drift as well. */
static int look_for_drift(struct run *run, struct status *status, struct icr_error *err)
{
	if (!run->state.found) {
		status->drift = changes_differ(&run->changes);
		return 0;
	}
	int r = run_plan(run, err);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		note(&run->work.notes, "%s%s%s", err->where ? err->where : "",
		     err->where ? ": " : "", err->what);
		icr_error_clear(err);
		status->drift = true;
	}
	for (size_t i = 0; i < run->changes.count; i++)
		status->drift |= status_drift(run->changes.items[i]) != NULL;
	return 0;
}

static int ask_parts(struct run *run, struct status *status, struct icr_error *err)
{
	struct writer writer = {0};
	status->parts = icr_message_new();
	for (size_t i = 0; i < parts_count; i++) {
		if (!parts[i]->status)
			continue;
		cJSON *entry = cJSON_CreateObject();
		writer_put(&writer, status->parts, parts[i]->name, entry);
		if (writer.failed)
			return icr_fail_memory(err);
		int r = parts[i]->status(&run->work, entry, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The block is there, but this host's resolver leads elsewhere. */
static void look_for_strays(struct status *status)
{
	for (size_t i = 0; i < status->count; i++)
		status->drift |= status_strays(&status->names[i]);
}

static int look(struct run *run, struct status *status, struct icr_error *err)
{
	int r = routes_recorded(&run->work, &run->state.routes, err);
	if (r >= 0)
		r = look_for_drift(run, status, err);
	if (r >= 0)
		r = status_names(run, status, err);
	if (r < 0)
		return r;
	look_for_strays(status);
	if (run->state.found)
		timer_remind(&run->work);
	return ask_parts(run, status, err);
}

int cmd_status(int argc, char **argv, struct icr_error *err)
{
	const char *root = NULL;
	bool offline = false, json = false;
	const struct icr_option table[] = {
		{"root", ICR_OPTION_STRING, &root},
		{"offline", ICR_OPTION_FLAG, &offline},
		{"json", ICR_OPTION_FLAG, &json},
	};
	int r = icr_options_parse(table, ICR_LENGTH(table), argc, argv, 0, err);
	if (r < 0)
		return report_usage("status", argc, argv, err);
	icr_cleanup(status_free) struct status status = {0};
	icr_cleanup(run_free) struct run run;
	r = run_open(&run, root, offline, RUN_READ, err);
	if (r >= 0)
		r = look(&run, &status, err);
	if (r < 0)
		return json ? status_print_error(&run, err) : r;
	if (json)
		r = status_print_json(&run, &status, err);
	else
		status_print(&run, &status);
	return r < 0 ? r : status.drift ? STATUS_DIFFERS : STATUS_DONE;
}
