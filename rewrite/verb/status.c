/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/error.h"
#include "icr/memory.h"
#include "icr/program.h"
#include "icr/resolve.h"
#include "icr/text.h"
#include "icr/value.h"
#include "rewrite/choose.h"
#include "rewrite/known.h"
#include "rewrite/last.h"
#include "rewrite/part/hosts.h"
#include "rewrite/part/part.h"
#include "rewrite/part/timer.h"
#include "rewrite/report.h"
#include "rewrite/run.h"
#include "rewrite/surroundings.h"
#include "rewrite/verb/verb.h"

#define RESOLVE_TIMEOUT_MS 3000
#define STATUS_MAX	   ((size_t)4 * 1024 * 1024)

/* What the hosts file says about a name. */
struct entry {
	size_t line;	    /* of the first that has it; 0: none */
	size_t others_line; /* of the first that gives it an address which is not ours; 0: none */
	char address[ICR_ADDRESS_MAX];
	bool ours, closed;	   /* it has such addresses */
	struct icr_resolution all; /* of its addresses */
};

/* Where a name leads now. */
struct name {
	const char *name;
	const struct icr_region *region;
	const struct region_route *route; /* that steers it; or NULL */
	struct entry entry;
	/* "block", "closed", "private", "public", "unresolved"; "unknown": nobody was asked */
	const char *leads;
	const struct icr_resolution *resolution; /* NULL: nobody was asked */
};

/* What status found out. */
struct status {
	struct name *items;
	size_t count;
	struct last last;
	/* of all items, in their order; asked for while files are read */
	struct icr_resolution *resolutions;
	struct icr_lookups *lookups;
	int64_t deadline_ms;
	bool from_hosts; /* the resolver answers from the hosts file, and was not asked */
	bool drift;
	bool unplanned; /* what apply would make of the files cannot be told: a problem says why */
	struct icr_strings problems; /* why what was applied is not in force, or not known to be */
};

static void add_problem(struct status *status, const char *format, ...) ICR_PRINTF(2, 3);

static void add_problem(struct status *status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	_cleanup_free_ char *text = icr_vprintf(format, args);
	va_end(args);
	icr_strings_add_once(&status->problems, text);
}

static bool steers(const struct name *name)
{
	return name->route &&
	       (name->route->status == REGION_ACTIVE || name->route->status == REGION_CLOSED);
}

static bool is_closed(const char *address)
{
	return strcmp(address, ROUTE_CLOSED4) == 0 || strcmp(address, ROUTE_CLOSED6) == 0;
}

static const char *where_to(const struct name *name)
{
	const struct icr_resolution *resolution = name->resolution;
	size_t ours = 0, closed = 0, private = 0;

	if (resolution->failure || resolution->count == 0)
		return "unresolved";
	for (size_t i = 0; i < resolution->count; i++) {
		const char *address = resolution->addresses[i];
		closed += is_closed(address);
		ours += steers(name) && !is_closed(address) && route_leads_to(name->route, address);
		private += icr_address_is_private(address) != 0;
	}
	if (resolution->has_public)
		return "public";
	if (closed == resolution->count)
		return "closed";
	if (ours + closed == resolution->count)
		return "block";
	return private + closed == resolution->count ? "private" : "public";
}

/* Will the hosts file answer for all of them, before any name server is asked? */
static bool stand_in_hosts(const struct status *status)
{
	bool dns;

	for (size_t i = 0; i < status->count; i++)
		if (!status->items[i].entry.line)
			return false;
	return known_files_first(&dns);
}

static int resolve_start(struct status *status, struct icr_error *err)
{
	/* what the resolver says is what was read, and asking it takes longer than all else here */
	status->from_hosts = stand_in_hosts(status);
	if (status->from_hosts)
		return 0;
	status->resolutions = icr_calloc(status->count, sizeof(*status->resolutions));
	status->deadline_ms = icr_clock_ms() + RESOLVE_TIMEOUT_MS;
	for (size_t i = 0; i < status->count; i++)
		status->resolutions[i].name = status->items[i].name;
	return icr_lookups_start(status->resolutions, status->count, &status->lookups, err);
}

static void resolve_end(struct status *status)
{
	if (!status->resolutions && !status->from_hosts)
		return;
	while (status->lookups && !icr_lookups_collect(status->lookups, status->resolutions) &&
	       icr_lookups_wait(status->lookups, status->deadline_ms))
		;
	for (size_t i = 0; i < status->count; i++) {
		status->items[i].resolution =
			status->from_hosts ? &status->items[i].entry.all : &status->resolutions[i];
		status->items[i].leads = where_to(&status->items[i]);
	}
}

static void add_names(struct status *status, const struct icr_region *region,
		      const struct region_route *route)
{
	const char *names[ROUTE_NAMES_MAX] = {region->public_name};
	size_t count = route ? route_names(route, names) : 1;

	for (size_t i = 0; i < count; i++)
		*ICR_APPEND(status) = (struct name){
			.name = names[i], .region = region, .route = route, .leads = "unknown"};
}

static void note_entry(struct name *name, size_t line, const char *address)
{
	struct entry *entry = &name->entry;

	icr_resolution_add(&entry->all, address);
	if (!entry->line) {
		entry->line = line;
		memcpy(entry->address, address, sizeof(entry->address));
	}
	bool closed = steers(name) && is_closed(address);
	bool ours = steers(name) && !closed && route_leads_to(name->route, address);
	entry->ours |= ours;
	entry->closed |= closed;
	if (!ours && !closed && !entry->others_line)
		entry->others_line = line;
}

/* As the resolver prints it, however an editor spelled it. */
static void spell_address(char address[ICR_ADDRESS_MAX])
{
	unsigned char bytes[sizeof(struct in6_addr)];
	int family = icr_address_family(address);

	if (family && inet_pton(family, address, bytes) == 1)
		(void)inet_ntop(family, bytes, address, ICR_ADDRESS_MAX);
}

/* One line of the hosts file, its comment cut off. */
static void read_line(struct status *status, const char *text, size_t len, size_t line)
{
	char address[ICR_ADDRESS_MAX] = "";
	const char *end = text + len;

	while (text < end) {
		size_t word = 0;
		while (text < end && icr_is_space(*text))
			text++;
		while (text + word < end && !icr_is_space(text[word]))
			word++;
		if (!address[0]) {
			if (word == 0 || word >= sizeof(address))
				return;
			memcpy(address, text, word);
			spell_address(address);
		}
		/* to the resolver a final dot means nothing */
		size_t name = word > 1 && text[word - 1] == '.' ? word - 1 : word;
		for (size_t i = 0; i < status->count; i++)
			if (strlen(status->items[i].name) == name &&
			    strncasecmp(status->items[i].name, text, name) == 0)
				note_entry(&status->items[i], line, address);
		text += word;
	}
}

static void read_hosts(const struct run *run, struct status *status)
{
	const struct change *change = changes_find(&run->changes, HOSTS_FILE);
	const char *text = change ? change->current.text.data : "";
	const char *end = text + (change ? change->current.text.len : 0);
	const struct block_grammar grammar = hosts_grammar(NULL);

	for (size_t line = 1; text < end; line++) {
		const char *next = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((next ? next : end) - text);
		const char *comment = memchr(text, '#', len);
		/* most lines of a large file are of no interest */
		if (grammar.next(text, text + len))
			read_line(status, text, comment ? (size_t)(comment - text) : len, line);
		text += len + 1;
	}
}

/* The names that are applied, used on this host or given by its hosts file; with ALL the others
 * behind them. */
static void choose_names(struct run *run, bool all, struct status *status)
{
	struct icr_region_set used = {0};
	size_t count, kept = 0, left = 0;
	const struct icr_region *regions = icr_regions(&count);
	_cleanup_error_ struct icr_error err = {0};

	for (size_t i = 0; i < parts_count; i++)
		if (parts[i]->regions)
			(void)parts[i]->regions(&run->work, &used, &err);
	for (size_t i = 0; i < count; i++)
		add_names(status, &regions[i], routes_find(&run->work.routes, &regions[i]));
	read_hosts(run, status);
	for (size_t i = 0; i < status->count; i++) {
		struct name *name = &status->items[i];
		if (!name->entry.others_line && (name->entry.ours || name->entry.closed))
			name->leads = name->entry.ours ? "block" : "closed";
	}
	_cleanup_free_ struct name *others = icr_calloc(status->count, sizeof(*others));
	for (size_t i = 0; i < status->count; i++) {
		const struct name *name = &status->items[i];
		if (name->route || name->entry.line || icr_region_set_has(&used, name->region))
			status->items[kept++] = *name;
		else
			others[left++] = *name;
	}
	for (size_t i = 0; all && i < left; i++)
		status->items[kept++] = others[i];
	status->count = kept;
}

static void status_free(struct status *status)
{
	free(status->items);
	free(status->resolutions);
	icr_lookups_leave(&status->lookups);
	last_free(&status->last);
	icr_strings_free(&status->problems);
}

/* Is all that we want in the file, although not to the byte? */
static bool stands(const struct change *change)
{
	return change_differs(change) && change->part->stands && change->part->stands(change);
}

static const char *edited_words(bool ours)
{
	return ours ? "edited since by others; our part is in it"
		    : "edited since by others; nothing of ours is left in it";
}

/* What has become of a file since it was applied: NULL for nothing, else a few words. An edit of
 * others that leaves our part alone is no drift. */
static const char *drift_of(const struct status *status, const struct change *change,
			    bool *ret_drift)
{
	bool there = !status->unplanned && stands(change);
	bool differs = !status->unplanned && change_differs(change) && !there;

	*ret_drift = differs && !change->unclear;
	if (change->unclear)
		return "edited since by others; only root can tell what of it is ours";
	if (change->recorded && !change->current.exists && (change->created || change->edited))
		return "removed since";
	*ret_drift |= change->lost;
	if (change->lost)
		return "edited since by others, and what tells ours in it is gone";
	if (status->unplanned)
		return change->recorded && change->edited ? edited_words(change_holds_ours(change))
							  : NULL;
	if (change->recorded && (change->edited || there))
		return differs ? "edited since, and lacks our part"
			       : edited_words(change_is_ours(change));
	return differs ? "apply would change it" : NULL;
}

/* What apply would make of the recorded routes today; that it could not is drift as well. */
static void look_for_drift(struct run *run, struct status *status)
{
	_cleanup_error_ struct icr_error err = {0};

	if (!run->state.found) {
		status->drift = changes_differ(&run->changes);
		return;
	}
	if (run_plan(run, &err) >= 0)
		return;
	add_problem(status, "%s%s%s", err.where ? err.where : "", err.where ? ": " : "", err.what);
	status->drift = status->unplanned = true;
}

/* "4 min" */
static char *age_text(int64_t seconds)
{
	if (seconds < 120)
		return icr_printf("%" PRId64 " s", seconds);
	if (seconds < 120 * 60)
		return icr_printf("%" PRId64 " min", seconds / 60);
	return seconds < 48 * 3600 ? icr_printf("%" PRId64 " h", seconds / 3600)
				   : icr_printf("%" PRId64 " days", seconds / 86400);
}

/* Below --root nothing is in force, whatever was proven where the tree comes from. */
static void judge_unbooted(struct status *status, const struct region_route *route)
{
	const char *name = route->region->public_name;

	if (route->status == REGION_CLOSED)
		add_problem(status, "%s: closed until the first boot proves it", name);
	else if (route->status == REGION_PENDING || route->status == REGION_WITHDRAWN)
		add_problem(status, "%s: %s, and public, until a boot proves it", name,
			    region_status_text(route->status));
	else
		add_problem(status, "%s: not proven before the first boot", name);
}

static void judge_region(struct status *status, const struct region_route *route)
{
	const char *name = route->region->public_name;
	struct last_time proven = last_proven(&status->last, name);
	const char *stray = last_stray(&status->last, name);
	const char *reason = last_reason(&status->last, name);
	const char *colon = reason ? ": " : "";

	reason = reason ? reason : "";
	switch (route->status) {
	case REGION_PENDING:
		add_problem(status, "%s: pending: the next refresh that can prove it steers it%s%s",
			    name, colon, reason);
		return;
	case REGION_CLOSED:
		add_problem(status, "%s: closed until the first refresh that can prove it%s%s",
			    name, colon, reason);
		return;
	case REGION_WITHDRAWN:
		add_problem(status,
			    "%s: withdrawn until the private network is back, and public%s%s", name,
			    colon, reason);
		return;
	case REGION_PRIVATE:
	case REGION_ACTIVE:
		break;
	}
	if (!proven.at) {
		add_problem(status, "%s: not proven since this host has started", name);
	} else if (proven.age_s > LAST_STALE_S) {
		_cleanup_free_ char *age = age_text(proven.age_s);
		add_problem(status, "%s: not proven for %s", name, age);
	}
	if (stray)
		add_problem(status,
			    "%s: the registry sends logins to %s, which is not steered: engines "
			    "send their key there over the public network",
			    name, stray);
}

/* The cause first: what the file says, then what the resolver makes of it. */
static const char by_engines[] = "engines";

static char *name_problem(const struct name *name)
{
	if (name->leads == by_engines)
		return NULL;

	const struct entry *entry = &name->entry;

	if (name->route && name->route->status == REGION_PRIVATE)
		return strcmp(name->leads, "public") == 0
			       ? icr_printf("leads to the public network by now")
			       : NULL;
	if (!steers(name))
		return NULL;
	if (!entry->line)
		return icr_printf("its lines are gone from " HOSTS_FILE
				  ", so the name is public; icr-rewrite refresh puts them back");
	if (entry->others_line)
		return icr_printf(HOSTS_FILE ":%zu gives it addresses that were not applied",
				  entry->others_line);
	if (strcmp(name->leads, "public") == 0 || strcmp(name->leads, "private") == 0 ||
	    strcmp(name->leads, "unresolved") == 0)
		return icr_printf("this host's resolver does not follow the block in " HOSTS_FILE);
	return NULL;
}

/* With the route native the names are as DNS has them, and the engines' files tell where pulls go.
 */
static void lead_by_engines(const struct run *run, struct status *status)
{
	bool native = settings_route(&run->work.settings) == ROUTE_NATIVE;

	for (size_t i = 0; i < status->count; i++) {
		struct name *name = &status->items[i];
		if (native && !name->entry.line && name->route &&
		    (name->route->status == REGION_ACTIVE || name->route->status == REGION_CLOSED))
			name->leads = by_engines;
	}
}

static void judge(const struct run *run, struct status *status)
{
	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		bool drift;
		const char *words = drift_of(status, change, &drift);
		if (change->internal)
			continue;
		if ((drift || change->unclear) && run->state.found)
			add_problem(status, "%s%s: %s", run->work.host.root, change->path, words);
		status->drift |= drift;
	}
	if (!run->state.found)
		return;
	if (!run->work.routes.count)
		add_problem(status, "the record of what was applied names no region: icr-rewrite "
				    "apply --regions says which");
	for (size_t i = 0; i < status->count; i++) {
		_cleanup_free_ char *problem = name_problem(&status->items[i]);
		if (!problem)
			continue;
		add_problem(status, "%s: %s", status->items[i].name, problem);
		status->drift = true;
	}
	for (size_t i = 0; i < run->work.routes.count; i++)
		(run->work.host.root[0] ? judge_unbooted
					: judge_region)(status, &run->work.routes.items[i]);
	if (status->last.reason)
		add_problem(status, "the last %s failed: %s", status->last.verb,
			    status->last.reason);
}

static void put_time(struct icr_value *object, const char *name, const struct last_time *moment)
{
	if (moment->at)
		icr_value_put_number(object, name, moment->at);
	else
		icr_value_put_text(object, name, NULL);
}

static void put_regions(struct icr_value *object, const struct run *run,
			const struct status *status)
{
	const struct routes *routes = &run->work.routes;
	struct icr_value *list = icr_value_put_list(object, "regions");

	for (size_t i = 0; i < routes->count; i++) {
		const struct region_route *route = &routes->items[i];
		const char *name = route->region->public_name;
		struct last_time proven = last_proven(&status->last, name);
		bool lately = proven.at && proven.age_s <= LAST_STALE_S;
		struct icr_value *item =
			report_region(list, route, lately, last_reason(&status->last, name));
		put_time(item, "last_proven", &proven);
		if (proven.at)
			icr_value_put_number(item, "age_s", proven.age_s);
		else
			icr_value_put_text(item, "age_s", NULL);
		icr_value_put_text(item, "stray_realm", last_stray(&status->last, name));
	}
}

static void put_names(struct icr_value *object, const struct status *status)
{
	struct icr_value *list = icr_value_put_list(object, "names");

	for (size_t i = 0; i < status->count; i++) {
		const struct name *name = &status->items[i];
		_cleanup_free_ char *problem = name_problem(name);
		struct icr_value *item = icr_value_push_object(list);
		icr_value_put_text(item, "name", name->name);
		icr_value_put_text(item, "region", name->region->id);
		icr_value_put_text(item, "status",
				   name->route ? region_status_text(name->route->status) : NULL);
		icr_value_put_text(item, "leads", name->leads);
		struct icr_value *addresses = icr_value_put_list(item, "addresses");
		const struct icr_resolution *found = name->resolution;
		for (size_t j = 0; found && j < found->count; j++)
			icr_value_push_text(addresses, found->addresses[j]);
		icr_value_put_text(item, "failure",
				   found && found->failure ? gai_strerror(found->failure) : NULL);
		if (name->entry.line)
			icr_value_put_number(item, "hosts_line", (int64_t)name->entry.line);
		else
			icr_value_put_text(item, "hosts_line", NULL);
		icr_value_put_text(item, "problem", problem);
	}
}

static void put_files(struct icr_value *object, const struct run *run, const struct status *status)
{
	struct icr_value *list = icr_value_put_list(object, "files");

	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		bool drift;
		const char *words = drift_of(status, change, &drift);
		if ((!words && !change->recorded) || change->internal)
			continue;
		_cleanup_free_ char *path = icr_printf("%s%s", run->work.host.root, change->path);
		struct icr_value *item = icr_value_push_object(list);
		icr_value_put_text(item, "path", path);
		icr_value_put_text(item, "part", change->part->name);
		icr_value_put_text(item, "drift", drift ? words : NULL);
		icr_value_put_text(item, "edited", drift ? NULL : words);
	}
}

/* Has the route nothing for an engine that is here? */
static bool is_past_route(const struct run *run, const char *engine, const struct icr_value *told)
{
	const struct settings *settings = &run->work.settings;
	const struct part *part = part_find(engine);

	return part && !part->is_there && settings_route(settings) == ROUTE_NATIVE &&
	       settings_have_part(settings, part) && icr_value_flag(told, "found");
}

/* Engines in an array, other parts as members of their own. */
static int put_parts(struct icr_value *object, struct run *run, struct icr_error *err)
{
	_cleanup_value_ struct icr_value *engines = icr_value_new();
	struct icr_value *list = icr_value_put_list(engines, "engines");
	int r = 0;

	for (size_t i = 0; r >= 0 && i < parts_count; i++) {
		if (!parts[i]->status)
			continue;
		struct icr_value *entry = parts[i]->engine
						  ? icr_value_push_object(list)
						  : icr_value_put_object(object, parts[i]->name);
		r = parts[i]->status(&run->work, entry, err);
	}
	icr_value_move(object, engines);
	return r;
}

static void put_status(struct icr_value *object, const struct run *run, const struct status *status)
{
	const struct settings *settings = &run->work.settings;
	const struct last *last = &status->last;
	struct icr_value *problems = icr_value_put_list(object, "problems");

	for (size_t i = 0; i < status->problems.count; i++)
		icr_value_push_text(problems, status->problems.items[i]);
	icr_value_put_flag(object, "applied", run->state.found);
	if (run->state.found)
		icr_value_put_flag(object, "in_force", status->problems.count == 0);
	else
		icr_value_put_text(object, "in_force", NULL);
	icr_value_put_flag(object, "drift", status->drift);
	icr_value_put_text(object, "route",
			   run->state.found ? route_kind_text(settings_route(settings)) : NULL);
	icr_value_put_text(object, "fallback",
			   settings->fallback == FALLBACK_PUBLIC ? "public" : "never");
	if (!last->run.at) {
		icr_value_put_text(object, "last_refresh", NULL);
		return;
	}
	struct icr_value *ended = icr_value_put_object(object, "last_refresh");
	icr_value_put_text(ended, "verb", last->verb);
	put_time(ended, "at", &last->run);
	icr_value_put_number(ended, "age_s", last->run.age_s);
	icr_value_put_flag(ended, "ok", !last->reason);
	icr_value_put_text(ended, "reason", last->reason);
}

/* What was noted of pulls past the route is a problem here, and no note any more. */
static void take_notes(struct notes *notes, struct status *status)
{
	size_t kept = 0;

	for (size_t i = 0; i < notes->count; i++) {
		if (!notes->items[i].past) {
			notes->items[kept++] = notes->items[i];
			continue;
		}
		add_problem(status, "%s", notes->items[i].text);
		free(notes->items[i].text);
	}
	notes->count = kept;
}

/* PAST, and engines that pull past the route, are problems of the whole. */
static void judge_parts(const struct run *run, const struct icr_strings *past,
			const struct icr_value *parts_told, struct status *status)
{
	for (size_t i = 0; i < past->count; i++)
		add_problem(status, "%s", past->items[i]);
	icr_value_each(engine, icr_value_get(parts_told, "engines")) {
		const char *name = icr_value_text(engine, "name");
		if (icr_value_is(icr_value_get(engine, "no_proxy_ok"), ICR_JSON_FALSE))
			add_problem(status, "%s pulls the names through its proxy, past the route",
				    name);
		if (is_past_route(run, name, engine))
			add_problem(status,
				    "%s pulls past the route native, over the public network: "
				    "--route hosts serves it; where it pulls nothing, leave it out "
				    "of --engines",
				    name);
	}
}

static int look(struct run *run, bool all, struct status *status, struct icr_value *object,
		struct icr_error *err)
{
	_cleanup_strings_ struct icr_strings past = {0};
	int r = 0;

	choose_recorded(&run->work, &run->state.routes);
	look_for_drift(run, status);
	choose_names(run, all, status);
	if (run->work.host.live)
		r = resolve_start(status, err);
	if (r < 0)
		return r;
	if (!run->work.host.root[0])
		last_load(&status->last);
	if (run->state.found) {
		timer_remind(&run->work);
		surroundings_of(&run->work, &past);
	}
	_cleanup_value_ struct icr_value *parts_told = icr_value_new();
	r = put_parts(parts_told, run, err);
	if (r < 0)
		return r;
	resolve_end(status);
	lead_by_engines(run, status);
	judge(run, status);
	if (run->state.found) {
		take_notes(&run->work.notes, status);
		judge_parts(run, &past, parts_told, status);
	}
	put_status(object, run, status);
	put_regions(object, run, status);
	put_names(object, status);
	put_files(object, run, status);
	icr_value_move(object, parts_told);
	return 0;
}

static const char *words_for(const char *leads)
{
	static const char *const words[][2] = {
		{"block", "private, by the block in " HOSTS_FILE},
		{"closed", "closed, leads nowhere"},
		{by_engines, "private for the engines, by their own configuration"},
		{"private", "private already, without us"},
		{"public", "public"},
		{"unresolved", "does not resolve"},
	};

	for (size_t i = 0; i < ICR_LENGTH(words); i++)
		if (strcmp(words[i][0], leads) == 0)
			return words[i][1];
	return "not steered";
}

static const struct icr_value *region_of(const struct icr_value *object,
					 const struct icr_value *name)
{
	const char *id = icr_value_text(name, "region");

	icr_value_each(region, icr_value_get(object, "regions"))
		if (strcmp(icr_value_text(region, "region"), id) == 0)
			return region;
	return NULL;
}

static void text_name(const struct icr_value *object, const struct icr_value *name,
		      struct icr_buf *out)
{
	const struct icr_value *region = region_of(object, name);
	const struct icr_value *line = icr_value_get(name, "hosts_line");
	const char *leads = icr_value_text(name, "leads");
	const char *status = icr_value_text(name, "status");
	const char *failure = icr_value_text(name, "failure");
	const char *problem = icr_value_text(name, "problem");
	const char *separator =
		strcmp(leads, by_engines) == 0 ? "; for everybody else -> " : " -> ";
	int64_t age;

	icr_buf_printf(out, "%s: ", icr_value_text(name, "name"));
	if (!region && icr_value_is(line, ICR_JSON_NUMBER))
		icr_buf_printf(out, "given by " HOSTS_FILE ":%s, which no record tells of",
			       line->text);
	else if (problem && strcmp(leads, "private") == 0)
		icr_buf_text(out, "not as applied");
	else
		icr_buf_text(out, words_for(leads));
	if (failure)
		icr_buf_printf(out, " (%s)", failure);
	icr_value_each(item, icr_value_get(name, "addresses")) {
		icr_buf_printf(out, "%s%s", separator, item->text);
		separator = ", ";
	}
	/* What was proven is where the name should lead, or led. */
	if (icr_value_number(region, "age_s", 0, INT64_MAX, &age) && !problem) {
		_cleanup_free_ char *text = age_text(age);
		icr_buf_printf(out, "; %sproven %s ago",
			       strcmp(leads, "public") == 0 ? "last " : "", text);
	}
	if (problem)
		icr_buf_printf(out, "; %s", problem);
	if (status && strcmp(status, region_status_text(REGION_PENDING)) == 0)
		icr_buf_text(out, "; pending: the next refresh that can prove it steers it");
	if (status && strcmp(status, region_status_text(REGION_WITHDRAWN)) == 0)
		icr_buf_text(out, "; withdrawn until the private network is back");
	icr_buf_char(out, '\n');
}

static void text_files(const struct icr_value *object, struct icr_buf *out)
{
	icr_value_each(file, icr_value_get(object, "files")) {
		const char *drift = icr_value_text(file, "drift");
		const char *edited = icr_value_text(file, "edited");
		icr_buf_printf(out, "%s: %s\n", icr_value_text(file, "path"),
			       drift	? drift
			       : edited ? edited
					: "as applied");
	}
}

static void print_value(const struct icr_value *item, struct icr_buf *out)
{
	icr_value_each(entry, item)
		icr_buf_printf(out, "%s%s", entry == item->child ? "" : " ",
			       icr_value_is(entry, ICR_JSON_STRING) ? entry->text : "-");
	if (item->text)
		icr_buf_text(out, item->text);
}

static void word_member(const struct part_words *words, const struct icr_value *item,
			struct icr_buf *out)
{
	while (words->name && strcmp(words->name, item->name) != 0)
		words++;
	if (item->type == ICR_JSON_TRUE || item->type == ICR_JSON_FALSE) {
		const char *text = item->type == ICR_JSON_TRUE ? words->yes : words->no;
		icr_buf_text(out, text ? text : "");
		return;
	}
	if (!words->before || icr_value_is(item, ICR_JSON_NULL) ||
	    (icr_value_is(item, ICR_JSON_ARRAY) && !item->child))
		return;
	icr_buf_text(out, words->before);
	print_value(item, out);
	icr_buf_text(out, words->after);
}

/* "docker: configured by /etc/docker/daemon.json, version 26.1, classic image store". Returns
 * whether there was anything to say. */
static bool text_part(const struct part *part, const struct icr_value *told, struct icr_buf *out)
{
	bool first = true;

	if (!part || !part->words)
		return false;
	icr_value_each(item, told) {
		_cleanup_buf_ struct icr_buf text = ICR_BUF(STATUS_MAX);
		word_member(part->words, item, &text);
		if (text.len == 0)
			continue;
		icr_buf_printf(out, "%s%s%s", first ? part->name : "", first ? ": " : ", ",
			       text.data);
		first = false;
	}
	if (!first)
		icr_buf_char(out, '\n');
	return !first;
}

/* A line for each that is there or has more to say, one for all the others. */
static void text_engines(const struct icr_value *engines, struct icr_buf *out)
{
	_cleanup_buf_ struct icr_buf missing = ICR_BUF(STATUS_MAX);

	icr_value_each(item, engines) {
		const char *name = icr_value_text(item, "name");
		_cleanup_free_ char *bare = icr_printf("%s: not found\n", name);
		size_t before = out->len;
		if (!text_part(part_find(name), item, out)) {
			icr_buf_printf(out, "%s: found\n", name);
		} else if (strcmp(out->data + before, bare) == 0) {
			icr_buf_truncate(out, before);
			icr_buf_printf(&missing, "%s%s", missing.len ? ", " : "", name);
		}
	}
	if (missing.len)
		icr_buf_printf(out, "not found: %s\n", missing.data);
}

static void text_status(const struct icr_value *object, struct icr_buf *out)
{
	const struct icr_value *force = icr_value_get(object, "in_force");
	const struct icr_value *ended = icr_value_get(object, "last_refresh");
	bool drift = icr_value_flag(object, "drift");
	int64_t since;

	if (icr_value_flag(object, "applied"))
		icr_buf_printf(out, "applied: route %s, fallback %s%s%s\n",
			       icr_value_text(object, "route"), icr_value_text(object, "fallback"),
			       icr_value_is(force, ICR_JSON_TRUE)    ? "; in force"
			       : icr_value_is(force, ICR_JSON_FALSE) ? "; NOT in force"
								     : "",
			       drift ? "; has drifted" : "");
	else
		icr_buf_text(out, drift ? "nothing recorded, but a block of ours is there; "
					  "icr-rewrite refresh takes it over, "
					  "icr-rewrite undo takes it out\n"
					: "nothing applied\n");
	icr_value_each(item, icr_value_get(object, "problems"))
		icr_buf_printf(out, "problem: %s\n", item->text);
	if (icr_value_number(ended, "age_s", 0, INT64_MAX, &since)) {
		_cleanup_free_ char *age = age_text(since);
		icr_buf_printf(out, "last %s: %s ago, %s\n", icr_value_text(ended, "verb"), age,
			       icr_value_flag(ended, "ok") ? "all went well" : "failed");
	}
	icr_value_each(item, icr_value_get(object, "names"))
		text_name(object, item, out);
	text_files(object, out);
	text_engines(icr_value_get(object, "engines"), out);
	for (size_t i = 0; i < parts_count; i++)
		if (parts[i]->status && !parts[i]->engine)
			(void)text_part(parts[i], icr_value_get(object, parts[i]->name), out);
}

static void metric(struct icr_buf *out, const char *name, const char *help)
{
	icr_buf_printf(out, "# HELP icr_rewrite_%s %s\n# TYPE icr_rewrite_%s gauge\n", name, help,
		       name);
}

static int64_t time_of(const struct icr_value *object, const char *name)
{
	int64_t at = 0;

	(void)icr_value_number(object, name, 0, INT64_MAX, &at);
	return at;
}

/* Did the last refresh prove the region, also where it failed for another? */
static bool proven_lately(const struct icr_value *object, const struct icr_value *region)
{
	const struct icr_value *ended = icr_value_get(object, "last_refresh");

	return icr_value_flag(region, "proven") &&
	       (icr_value_flag(ended, "ok") ||
		time_of(region, "last_proven") >= time_of(ended, "at"));
}

static bool name_in_force(const struct icr_value *object, const struct icr_value *name)
{
	const struct icr_value *region = region_of(object, name);
	const char *leads = icr_value_text(name, "leads");
	const char *status = icr_value_text(name, "status");

	return (strcmp(leads, "block") == 0 || strcmp(leads, by_engines) == 0 ||
		(strcmp(leads, "private") == 0 &&
		 strcmp(status, region_status_text(REGION_PRIVATE)) == 0)) &&
	       !icr_value_text(name, "problem") && !icr_value_text(region, "stray_realm") &&
	       proven_lately(object, region);
}

/* The text format of Prometheus, for the textfile collector of node_exporter; see
 * prometheus.io/docs/instrumenting/exposition_formats. None of the labels needs escaping. */
static void text_metrics(const struct icr_value *object, struct icr_buf *out)
{
	const struct icr_value *ended = icr_value_get(object, "last_refresh");
	const char *route = icr_value_text(object, "route");

	metric(out, "in_force", "Whether the name leads to the private network and was proven to.");
	icr_value_each(item, icr_value_get(object, "names"))
		if (icr_value_text(item, "status"))
			icr_buf_printf(out, "icr_rewrite_in_force{name=\"%s\"} %d\n",
				       icr_value_text(item, "name"), name_in_force(object, item));
	metric(out, "last_proven_timestamp_seconds", "When the name was last proven; 0: never.");
	icr_value_each(item, icr_value_get(object, "names"))
		if (icr_value_text(item, "status"))
			icr_buf_printf(
				out,
				"icr_rewrite_last_proven_timestamp_seconds{name=\"%s\"} %" PRId64
				"\n",
				icr_value_text(item, "name"),
				time_of(region_of(object, item), "last_proven"));
	metric(out, "last_refresh_timestamp_seconds", "When the last refresh ended; 0: never.");
	icr_buf_printf(out, "icr_rewrite_last_refresh_timestamp_seconds %" PRId64 "\n",
		       time_of(ended, "at"));
	metric(out, "last_refresh_success", "Whether the last refresh went well.");
	icr_buf_printf(out, "icr_rewrite_last_refresh_success %d\n", icr_value_flag(ended, "ok"));
	metric(out, "problems", "How many reasons status gives why it is not in force.");
	icr_buf_printf(out, "icr_rewrite_problems %zu\n", icr_value_get(object, "problems")->count);
	metric(out, "drift", "Whether something differs from what was applied.");
	icr_buf_printf(out, "icr_rewrite_drift %d\n", icr_value_flag(object, "drift"));
	metric(out, "info", "What is applied.");
	icr_buf_printf(out, "icr_rewrite_info{version=\"%s\",route=\"%s\",fallback=\"%s\"} 1\n",
		       ICR_VERSION, route ? route : "none", icr_value_text(object, "fallback"));
}

struct values {
	const char *root;
	bool all, offline, json, prometheus;
};

const struct icr_option status_options[] = {
	ICR_FLAG(struct values, all, "all",
		 "tell about every name of the registry, not only those that are applied or used "
		 "on this host"),
	ICR_STRING(struct values, root, "root", "DIR",
		   "tell about the files below DIR, as an image has them"),
	ICR_FLAG(struct values, offline, "offline", "ask neither the resolver nor the engines"),
	ICR_FLAG(struct values, json, "json", "print one JSON object"),
	ICR_FLAG(struct values, prometheus, "prometheus",
		 "print metrics, for the textfile collector of node_exporter"),
	{0},
};

/* With nothing applied only the files can be judged. */
static int judgement(const struct run *run, const struct status *status)
{
	bool fine = run->state.found ? status->problems.count == 0 : !status->drift;

	return fine ? STATUS_DONE : STATUS_DIFFERS;
}

/* What is said with --quiet too: the metrics, which were asked for, or what is wrong. */
static void print_quietly(const struct icr_value *object, bool metrics)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(STATUS_MAX);

	if (metrics) {
		text_metrics(object, &text);
		fwrite(text.data, 1, text.len, stdout);
		return;
	}
	icr_value_each(item, icr_value_get(object, "problems"))
		icr_say(ICR_ERROR, "%s", item->text);
}

int cmd_status(int argc, char **argv, struct icr_error *err)
{
	struct values values = {0};
	int r = icr_options_parse(status_options, argc, argv, 0, &values, err);

	if (r >= 0 && values.json && values.prometheus)
		r = icr_fail(err, ICR_E_USAGE, "--json and --prometheus exclude each other");
	if (r < 0)
		return report_usage("status", argc, argv, err);
	_cleanup_value_ struct icr_value *object = report_new("status");
	icr_cleanup(status_free) struct status status = {0};
	icr_cleanup(run_free) struct run run;
	r = run_open(&run, values.root, values.offline, RUN_READ, err);
	if (r >= 0)
		r = look(&run, values.all, &status, object, err);
	if (r >= 0)
		r = judgement(&run, &status);
	if (r >= 0 && icr_quiet() && !values.json)
		print_quietly(object, values.prometheus);
	report_text *text = values.prometheus ? text_metrics : text_status;
	return report_print(object, values.json, r < 0 ? NULL : text, &run.work.notes, r, err);
}
