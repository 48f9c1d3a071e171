/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "icr/value.h"
#include "rewrite/part/part.h"

struct icr_value *report_new(const char *verb)
{
	struct icr_value *object = icr_value_new();

	icr_value_put_number(object, "version", 1);
	icr_value_put_text(object, "verb", verb);
	return object;
}

static void put_notes(struct icr_value *object, const struct notes *notes)
{
	struct icr_value *plain = icr_value_put_list(object, "notes");
	struct icr_value *warnings = icr_value_put_list(object, "warnings");

	for (size_t i = 0; i < notes->count; i++)
		icr_value_push_text(notes->items[i].warning ? warnings : plain,
				    notes->items[i].text);
}

static void put_error(struct icr_value *object, const struct icr_error *err)
{
	struct icr_value *item = icr_value_put_object(object, "error");

	icr_value_put_text(item, "message", err->what);
	icr_value_put_text(item, "where", err->where);
	icr_value_put_text(item, "hint", err->hint);
}

static int print_json(const struct icr_value *object, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	int r = icr_value_print(object, &text, err);

	if (r >= 0)
		printf("%s\n", text.data);
	return r;
}

static int print_text(const struct icr_value *object, report_text *text, const struct notes *notes,
		      struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf raw = ICR_BUF(ICR_BUF_MAX), safe = ICR_BUF(ICR_BUF_MAX);

	if (text && !icr_quiet())
		text(object, &raw);
	icr_text_safe(raw.data, raw.len, "\n\t", &safe);
	fwrite(safe.data, 1, safe.len, stdout);
	(void)fflush(stdout);
	for (size_t i = 0; i < notes->count; i++)
		icr_say(notes->items[i].warning ? ICR_WARNING : ICR_INFO, "%s",
			notes->items[i].text);
	return icr_buf_check(&safe, "the report", err);
}

int report_print(struct icr_value *object, bool json, report_text *text, const struct notes *notes,
		 int result, struct icr_error *err)
{
	static const struct notes none;
	int r;

	if (result < 0 && err->code == EACCES && !err->hint && geteuid() != 0)
		(void)icr_error_hint(err, "try it with sudo");
	if (result < 0)
		put_error(object, err);
	put_notes(object, notes ? notes : &none);
	if (result >= 0 || !json) {
		r = json ? print_json(object, err)
			 : print_text(object, text, notes ? notes : &none, err);
		return r < 0 ? r : result;
	}
	_cleanup_error_ struct icr_error failure = {0};
	if (print_json(object, &failure) < 0)
		icr_say_error(&failure);
	return result;
}

int report_usage(const char *verb, int argc, char **argv, struct icr_error *err)
{
	_cleanup_value_ struct icr_value *object = report_new(verb);
	bool json = false;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		json |= strcmp(argv[i], "--json") == 0;
	return report_print(object, json, NULL, NULL, -err->code, err);
}

struct icr_value *report_region(struct icr_value *list, const struct region_route *route,
				bool proven, const char *reason)
{
	struct icr_value *item = icr_value_push_object(list);

	route_put(item, route);
	icr_value_put_flag(item, "proven", proven);
	icr_value_put_text(item, "reason", reason);
	icr_value_put_text(item, "hint", route->hint);
	return item;
}

static void join(const struct icr_value *list, const char *first, struct icr_buf *out)
{
	icr_value_each(item, list)
		icr_buf_printf(out, "%s%s", item == list->child ? first : ", ", item->text);
}

/* Appends "us.icr.io, registry.ng.bluemix.net -> 166.9.250.214 (private.us.icr.io)" or its like. */
static void region_text(const struct icr_value *region, struct icr_buf *out)
{
	const char *status = icr_value_text(region, "status");
	const char *private_name = icr_value_text(region, "private");
	const char *reason = icr_value_text(region, "reason");
	bool active = strcmp(status, region_status_text(REGION_ACTIVE)) == 0;

	join(icr_value_get(region, "names"), "", out);
	if (active) {
		join(icr_value_get(region, "addresses"), " -> ", out);
		icr_buf_printf(out, " (%s)", private_name);
	} else if (strcmp(status, region_status_text(REGION_CLOSED)) == 0) {
		icr_buf_text(out, ": closed until the first refresh that can prove it");
	} else if (strcmp(status, region_status_text(REGION_WITHDRAWN)) == 0) {
		icr_buf_printf(out, ": public, because %s cannot be proven now (--fallback public)",
			       private_name);
	} else if (strcmp(status, region_status_text(REGION_PRIVATE)) == 0) {
		icr_buf_text(out, ": private already, nothing to change");
	} else {
		icr_buf_text(out, ": pending, still public");
		if (!reason)
			icr_buf_text(out, "; the first refresh that can prove it steers it");
	}
	if (reason)
		icr_buf_printf(out, ": %s", reason);
	if (reason && active && !icr_value_flag(region, "proven"))
		icr_buf_text(out, "; the last proven addresses stay");
}

static const char *action_of(const struct change *change)
{
	if (!change->current.exists)
		return "create";
	return change->wanted.exists ? "change" : "remove";
}

static void put_file(struct icr_value *list, const struct run *run, const struct change *change,
		     const char *action)
{
	struct icr_value *item = icr_value_push_object(list);
	_cleanup_free_ char *path = icr_printf("%s%s", run->work.host.root, change->path);

	icr_value_put_text(item, "path", path);
	icr_value_put_text(item, "part", change->part->name);
	icr_value_put_text(item, "action", action);
}

/* What was put back first is told as well, once. */
static void put_files(struct icr_value *object, const struct run *run, bool told)
{
	struct icr_value *list = icr_value_put_list(object, "files");

	for (size_t i = 0; i < run->put_back.count; i++) {
		const struct change *change = changes_find(&run->changes, run->put_back.items[i]);
		if (change && !(told && change_differs(change)))
			put_file(list, run, change, "change");
	}
	for (size_t i = 0; told && i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		if (!change_differs(change) || change->internal)
			continue;
		put_file(list, run, change, action_of(change));
	}
}

/* The routes that stand: of a run that came to nothing those of the run before. A refresh that is
 * not told to the end wrote nothing either, but what it found out about the same routes is told. */
static const struct routes *standing(const struct run *run, const struct report *how, int result)
{
	bool done = result >= 0 || run->written || (how->always && !run_differs(run));

	return done ? &run->work.routes : &run->state.routes;
}

/* Which route, and why: --route auto does not tell. */
static void put_route(struct icr_value *object, const struct run *run, const struct routes *routes)
{
	bool proven = false;

	for (size_t i = 0; i < routes->count; i++)
		proven |= routes->items[i].proven;
	icr_value_put_text(object, "route",
			   routes->count ? route_kind_text(settings_route(&run->work.settings))
					 : NULL);
	icr_value_put_text(object, "route_why",
			   !routes_active(routes) ? NULL
			   : !proven		  ? "with the addresses that were proven last"
			   : settings_route(&run->work.settings) == ROUTE_NATIVE
				   ? "these addresses answer under the private names"
				   : "these addresses answer under the public names");
}

/* What a run that changed nothing says of it; or NULL. */
static const char *summary(const struct run *run, const struct report *how, int result)
{
	bool undo = strcmp(how->verb, "undo") == 0;

	if (result < 0 || how->diff)
		return NULL;
	if (undo && run->written && !changes_differ(&run->changes))
		return "no file had our part in it; the record of what was applied is gone";
	if (run->written && !undo && !changes_differ(&run->changes) && !run->put_back.count)
		return "no file had to change, only what is recorded";
	if (run->written || run->put_back.count)
		return NULL;
	if (strcmp(how->verb, "refresh") == 0 && !run->work.routes.count)
		return "nothing is applied, so there is nothing to refresh";
	return undo ? "nothing to undo" : "nothing to change";
}

static void put_run(struct icr_value *object, const struct run *run, const struct report *how,
		    int result)
{
	const struct routes *routes = standing(run, how, result);

	put_route(object, run, routes);
	icr_value_put_flag(object, "changed", run->written || run->put_back.count);
	if (how->diff)
		icr_value_put_flag(object, "would_change", result >= 0 && run_differs(run));
	struct icr_value *regions = icr_value_put_list(object, "regions");
	for (size_t i = 0; i < routes->count; i++)
		(void)report_region(regions, &routes->items[i], routes->items[i].proven,
				    routes->items[i].reason);
	put_files(object, run, how->diff ? result >= 0 : run->written);
	if (how->diff) {
		_cleanup_buf_ struct icr_buf diff = ICR_BUF(ICR_BUF_MAX);
		if (result >= 0)
			changes_diff(&run->changes, &diff);
		icr_value_put_text(object, "diff", diff.data);
	}
	icr_value_put_text(object, "summary", summary(run, how, result));
}

static void text_run(const struct icr_value *object, struct icr_buf *out)
{
	const char *diff = icr_value_text(object, "diff");
	const char *why = icr_value_text(object, "route_why");
	const char *done = icr_value_text(object, "summary");

	if (diff) {
		icr_buf_text(out, diff);
		return;
	}
	if (why)
		icr_buf_printf(out, "route: %s (%s)\n", icr_value_text(object, "route"), why);
	icr_value_each(item, icr_value_get(object, "regions")) {
		region_text(item, out);
		icr_buf_char(out, '\n');
	}
	icr_value_each(item, icr_value_get(object, "files"))
		icr_buf_printf(out, "%sd %s\n", icr_value_text(item, "action"),
			       icr_value_text(item, "path"));
	if (done)
		icr_buf_printf(out, "%s\n", done);
}

/* What no diff shows: regions that nothing is written for, and changes of the record alone. */
static void note_unseen(const struct icr_value *object, const struct run *run, struct notes *notes)
{
	icr_value_each(region, icr_value_get(object, "regions")) {
		_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
		if (strcmp(icr_value_text(region, "status"), region_status_text(REGION_ACTIVE)) ==
			    0 &&
		    !icr_value_text(region, "reason"))
			continue;
		region_text(region, &text);
		note(notes, "%s", text.data);
	}
	if (icr_value_flag(object, "would_change") && !changes_differ(&run->changes))
		note(notes, "only the record in " STATE_FILE " would change");
}

int report(const struct run *run, const struct report *how, int result, struct icr_error *err)
{
	_cleanup_value_ struct icr_value *object = report_new(how->verb);
	icr_cleanup(notes_free) struct notes notes = {0};

	put_run(object, run, how, result);
	for (size_t i = 0; i < run->work.notes.count; i++)
		(run->work.notes.items[i].warning ? note_warning : note)(
			&notes, "%s", run->work.notes.items[i].text);
	if (how->diff && result >= 0)
		note_unseen(object, run, &notes);
	return report_print(object, how->json, result >= 0 || how->always ? text_run : NULL, &notes,
			    result, err);
}
