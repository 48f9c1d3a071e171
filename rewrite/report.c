/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/report.h"

#include <stdio.h>
#include <string.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "rewrite/part/part.h"
#include "rewrite/writer.h"

#define REPORT_MAX (4 * ICR_FILE_MAX)

/* "us.icr.io: 166.9.250.214 (private.us.icr.io)" and its like; no newline. */
static void text_region(const struct region_route *route, struct icr_buf *out)
{
	const char *names[ROUTE_NAMES_MAX];
	size_t count = route_names(route, names);
	for (size_t i = 0; i < count; i++)
		icr_buf_printf(out, "%s%s", i ? ", " : "", names[i]);
	switch (route->status) {
	case REGION_ACTIVE:
		for (size_t i = 0; i < route->count; i++)
			icr_buf_printf(out, "%s%s", i ? ", " : " -> ", route->addresses[i]);
		icr_buf_printf(out, " (%s)", route->region->private_name);
		break;
	case REGION_PENDING:
		icr_buf_text(out, ": pending, still public");
		if (!route->reason)
			icr_buf_text(out, "; the first refresh that can prove it steers it");
		break;
	case REGION_CLOSED:
		icr_buf_text(out, ": closed until the first refresh that can prove it");
		break;
	case REGION_WITHDRAWN:
		icr_buf_printf(out, ": public, because %s cannot be proven now (--fallback public)",
			       route->region->private_name);
		break;
	case REGION_PRIVATE:
		icr_buf_text(out, ": private already, nothing to change");
		break;
	}
	if (route->reason)
		icr_buf_printf(out, ": %s", route->reason);
	if (route->status == REGION_ACTIVE && route->reason)
		icr_buf_text(out, "; the last proven addresses stay (--fallback never)");
}

static const char *action_of(const struct change *change)
{
	if (!change->current.exists)
		return "create";
	return change->wanted.exists ? "change" : "remove";
}

static void text_files(const struct run *run, struct icr_buf *out)
{
	for (size_t i = 0; i < run->changes.count; i++)
		if (change_differs(run->changes.items[i]) && !run->changes.items[i]->internal)
			icr_buf_printf(out, "%sd %s\n", action_of(run->changes.items[i]),
				       run->changes.items[i]->path);
}

/* Which route, and why: --route auto does not tell. */
static void text_route(const struct routes *routes, struct icr_buf *out)
{
	bool proven = false;
	for (size_t i = 0; i < routes->count; i++)
		proven |= routes->items[i].proven;
	if (routes_active(routes))
		icr_buf_printf(out, "route: hosts (%s)\n",
			       proven ? "these addresses answer under the public names"
				      : "with the addresses that were proven last");
}

static void text_report(const struct run *run, const struct report *report, struct icr_buf *out)
{
	if (report->diff) {
		changes_diff(&run->changes, out);
		return;
	}
	text_route(&run->work.routes, out);
	for (size_t i = 0; i < run->work.routes.count; i++) {
		text_region(&run->work.routes.items[i], out);
		icr_buf_char(out, '\n');
	}
	if (run->written)
		text_files(run, out);
}

/* What no diff shows: regions that nothing is written for. */
static void tell_unsteered(const struct routes *routes, struct icr_buf *out)
{
	for (size_t i = 0; i < routes->count; i++) {
		const struct region_route *route = &routes->items[i];
		if (route->status == REGION_ACTIVE && !route->reason)
			continue;
		icr_buf_text(out, "icr-rewrite: ");
		text_region(route, out);
		icr_buf_char(out, '\n');
	}
}

static void tell_notes(const struct run *run, const struct report *report, int result,
		       struct icr_buf *out)
{
	for (size_t i = 0; i < run->work.notes.count; i++)
		icr_buf_printf(out, "icr-rewrite: %s\n", run->work.notes.items[i].text);
	if (!report->diff || result < 0)
		return;
	tell_unsteered(&run->work.routes, out);
	if (result == STATUS_DIFFERS && !changes_differ(&run->changes))
		icr_buf_text(out, "icr-rewrite: only the record in " STATE_FILE " would change\n");
}

static int print_text(const struct run *run, const struct report *report, int result,
		      struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text, notes;
	icr_buf_init(&text, REPORT_MAX);
	icr_buf_init(&notes, REPORT_MAX);
	if (result >= 0 || report->always)
		text_report(run, report, &text);
	tell_notes(run, report, result, &notes);
	fwrite(text.data, 1, text.len, stdout);
	fwrite(notes.data, 1, notes.len, stderr);
	int r = icr_buf_check(&text, "the report", err);
	return r < 0 ? r : result;
}

static cJSON *json_files(struct writer *writer, const struct run *run, bool diff)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		if (!change_differs(change) || change->internal || (!diff && !run->written))
			continue;
		cJSON *item = cJSON_CreateObject();
		writer_text(writer, item, "path", change->path);
		writer_text(writer, item, "part", change->part->name);
		writer_text(writer, item, "action", action_of(change));
		writer_push(writer, list, item);
	}
	return list;
}

static void json_report(struct writer *writer, cJSON *object, const struct run *run,
			const struct report *report, int result)
{
	bool differs = run_differs(run);
	writer_put(writer, object, "version", cJSON_CreateNumber(1));
	writer_text(writer, object, "verb", report->verb);
	writer_text(writer, object, "route", "hosts");
	writer_put(writer, object, "changed", cJSON_CreateBool(run->written));
	if (report->diff)
		writer_put(writer, object, "would_change",
			   cJSON_CreateBool(differs && result >= 0));
	writer_put(writer, object, "regions", routes_json(writer, &run->work.routes));
	writer_put(writer, object, "files", json_files(writer, run, report->diff && result >= 0));
	if (report->diff) {
		_cleanup_buf_ struct icr_buf diff;
		icr_buf_init(&diff, REPORT_MAX);
		if (result >= 0)
			changes_diff(&run->changes, &diff);
		writer_text(writer, object, "diff", diff.data);
	}
	writer_put(writer, object, "notes", report_notes(writer, &run->work.notes));
}

static int print_json(const struct run *run, const struct report *report, int result,
		      struct icr_error *err)
{
	struct writer writer = {0};
	_cleanup_message_ cJSON *object = icr_message_new();
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, REPORT_MAX);
	json_report(&writer, object, run, report, result);
	if (result < 0)
		report_error(&writer, object, err);
	int r = writer.failed ? icr_fail_memory(err) : icr_message_print(object, &text, err);
	if (r < 0)
		return r;
	printf("%s\n", text.data);
	return result;
}

cJSON *report_notes(struct writer *writer, const struct notes *notes)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < notes->count; i++)
		writer_push(writer, list, cJSON_CreateString(notes->items[i].text));
	return list;
}

void report_error(struct writer *writer, cJSON *object, const struct icr_error *err)
{
	cJSON *item = cJSON_CreateObject();
	writer_text(writer, item, "message", err->what);
	writer_text(writer, item, "where", err->where);
	writer_text(writer, item, "hint", err->hint);
	writer_put(writer, object, "error", item);
}

int report(const struct run *run, const struct report *how, int result, struct icr_error *err)
{
	return how->json ? print_json(run, how, result, err) : print_text(run, how, result, err);
}

int report_usage(const char *verb, int argc, char **argv, struct icr_error *err)
{
	bool json = false;
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		json |= strcmp(argv[i], "--json") == 0;
	struct writer writer = {0};
	_cleanup_message_ cJSON *object = icr_message_new();
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, REPORT_MAX);
	writer_put(&writer, object, "version", cJSON_CreateNumber(1));
	writer_text(&writer, object, "verb", verb);
	report_error(&writer, object, err);
	if (json && !writer.failed && icr_message_print(object, &text, NULL) >= 0)
		printf("%s\n", text.data);
	return -err->code;
}
