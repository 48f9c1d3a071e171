/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/program.h"
#include "icr/region-set.h"
#include "icr/value.h"
#include "rewrite/part/hosts.h"
#include "rewrite/probe.h"
#include "rewrite/report.h"
#include "rewrite/route.h"
#include "rewrite/state.h"
#include "rewrite/verb/verb.h"
#include "rewrite/work.h"

/* Seconds that resolvers may keep an answer: shorter than the timer's period, since addresses
 * change. */
#define TTL 300

/*
 * How a server's configuration says what a name leads to. Each form names the public names
 * themselves and nothing below them: private.us.icr.io is below us.icr.io, and has to lead on to
 * where the world's DNS says.
 */
struct format {
	const char *name;
	void (*begin)(struct icr_buf *out); /* or NULL */
	void (*record)(const char *name, const char *address, bool six, struct icr_buf *out);
	/* NAME is what TARGET is, whatever that is by then; NULL where the server cannot say it */
	void (*alias)(const char *name, const char *target, struct icr_buf *out);
	/* of each name, before its first record; or NULL */
	void (*zone)(const char *name, struct icr_buf *out);
	const char *end;
	const char *comment;
	/* Does the server answer for a family that the name has no address of, with nothing? Else
	 * it asks on, and the closed address has to stand there. */
	bool complete;
};

static void hosts_text(const char *name, const char *address, bool six, struct icr_buf *out)
{
	(void)six;
	icr_buf_printf(out, "%s\t%s\n", address, name);
}

static void dnsmasq_record(const char *name, const char *address, bool six, struct icr_buf *out)
{
	(void)six;
	/* not address=/NAME/, which takes all names below as well (dnsmasq(8)) */
	icr_buf_printf(out, "host-record=%s,%s,%d\n", name, address, TTL);
}

static void unbound_begin(struct icr_buf *out)
{
	icr_buf_text(out, "server:\n");
}

static void unbound_zone(const char *name, struct icr_buf *out)
{
	icr_buf_printf(out, "    local-zone: \"%s.\" transparent\n", name);
}

static void unbound_record(const char *name, const char *address, bool six, struct icr_buf *out)
{
	icr_buf_printf(out, "    local-data: \"%s. %d IN %s %s\"\n", name, TTL, six ? "AAAA" : "A",
		       address);
}

static void rpz_begin(struct icr_buf *out)
{
	/* a serial that grows from one export to the next (RFC 1035 section 3.3.13) */
	icr_buf_printf(out,
		       "$TTL %d\n@ IN SOA localhost. root.localhost. %lld 3600 900 604800 %d\n"
		       "@ IN NS localhost.\n",
		       TTL, (long long)time(NULL), TTL);
}

static void rpz_record(const char *name, const char *address, bool six, struct icr_buf *out)
{
	icr_buf_printf(out, "%s IN %s %s\n", name, six ? "AAAA" : "A", address);
}

static void rpz_alias(const char *name, const char *target, struct icr_buf *out)
{
	icr_buf_printf(out, "%s IN CNAME %s.\n", name, target);
}

static void coredns_begin(struct icr_buf *out)
{
	icr_buf_text(out, "hosts {\n");
}

static void coredns_record(const char *name, const char *address, bool six, struct icr_buf *out)
{
	(void)six;
	icr_buf_printf(out, "    %s %s\n", address, name);
}

static void coredns_alias(const char *name, const char *target, struct icr_buf *out)
{
	icr_buf_printf(out, "rewrite stop {\n    name exact %s %s\n    answer auto\n}\n", name,
		       target);
}

#define COREDNS_END "    ttl 300\n    no_reverse\n    fallthrough\n}\n"

static const struct format formats[] = {
	{.name = "hosts", .record = hosts_text, .comment = "#"},
	{.name = "rpz",
	 .begin = rpz_begin,
	 .record = rpz_record,
	 .alias = rpz_alias,
	 .comment = ";",
	 .complete = true},
	{.name = "dnsmasq", .record = dnsmasq_record, .comment = "#"},
	{.name = "unbound",
	 .begin = unbound_begin,
	 .zone = unbound_zone,
	 .record = unbound_record,
	 .comment = "#",
	 .complete = true},
	{.name = "coredns",
	 .begin = coredns_begin,
	 .record = coredns_record,
	 .alias = coredns_alias,
	 .end = COREDNS_END,
	 .comment = "#",
	 .complete = true},
};

struct values {
	struct icr_region_set regions;
	const char *format;
	bool offline, json;
};

const struct icr_option export_options[] = {
	ICR_STRING(
		struct values, format, "format", "hosts|rpz|dnsmasq|unbound|coredns",
		"for which server: hosts for anything that reads a hosts file; rpz is a response "
		"policy zone, as of BIND; coredns goes into a server block"),
	ICR_REGIONS(struct values, regions, "regions", "LIST|all",
		    "which regions; without it those that are applied on this host"),
	ICR_FLAG(struct values, offline, "offline",
		 "ask nothing and name the private names instead of their addresses, where the "
		 "format can (rpz, coredns)"),
	ICR_FLAG(struct values, json, "json",
		 "print one JSON object, with the configuration as \"text\""),
	{0},
};

static void put_route(const struct format *format, const struct region_route *route,
		      struct icr_buf *out)
{
	const char *names[ROUTE_NAMES_MAX];
	size_t count = route_names(route, names);

	for (size_t i = 0; i < count; i++) {
		if (format->zone)
			format->zone(names[i], out);
		for (size_t j = 0; j < route->count; j++)
			format->record(names[i], route->addresses[j],
				       strchr(route->addresses[j], ':') != NULL, out);
		if (route->close4 && !format->complete)
			format->record(names[i], ROUTE_CLOSED4, false, out);
		if (route->close6 && !format->complete)
			format->record(names[i], ROUTE_CLOSED6, true, out);
	}
}

static void put_head(const struct format *format, struct icr_buf *out)
{
	icr_buf_printf(out,
		       "%s written by icr-rewrite export: private addresses change, so write "
		       "this anew from time to time\n",
		       format->comment);
}

/* Every region must be proven: a name that is left out would stay public without a word. */
static int put_proven(const struct format *format, const struct icr_region_set *regions,
		      const struct icr_region_set *managed, struct icr_buf *out,
		      struct icr_error *err)
{
	const struct probe_scope scope = {
		.regions = regions, .managed = managed, .timeout_ms = PROBE_TIMEOUT_MS};
	icr_cleanup(probe_free) struct probe probe = {0};
	_cleanup_buf_ struct icr_buf failed = ICR_BUF(ICR_BUF_MAX);

	int r = probe_run(&scope, &probe, err);
	if (r < 0)
		return r;
	put_head(format, out);
	if (format->begin)
		format->begin(out);
	for (size_t i = 0; i < probe.count; i++) {
		const struct probe_region *region = &probe.regions[i];
		struct routes routes = {0};
		if (region->proven) {
			struct region_route *route = routes_add(&routes, region->region);
			probe_route(region, route);
			put_route(format, route, out);
		} else {
			icr_buf_printf(&failed, "%s%s: %s", failed.len ? "; " : "",
				       region->region->public_name,
				       region->already ? region->already : region->failure);
		}
		routes_free(&routes);
	}
	if (format->end)
		icr_buf_text(out, format->end);
	if (failed.len == 0)
		return 0;
	(void)icr_fail(err, ICR_E_UNPROVEN,
		       "not proven, and only proven addresses are exported: %s", failed.data);
	return icr_error_hint(err, "icr-rewrite check tells more; --regions picks what to export");
}

static int put_aliases(const struct format *format, const struct icr_region_set *set,
		       struct icr_buf *out, struct icr_error *err)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	if (!format->alias)
		return icr_fail(err, ICR_E_USAGE,
				"--offline: %s has no way to say that one name is another",
				format->name);
	put_head(format, out);
	if (format->begin && !format->end)
		format->begin(out);
	for (size_t i = 0; i < count; i++) {
		if (!icr_region_set_has(set, &regions[i]))
			continue;
		format->alias(regions[i].public_name, regions[i].private_name, out);
		if (regions[i].alias)
			format->alias(regions[i].alias, regions[i].private_name, out);
	}
	return 0;
}

static const struct format *find_format(const char *name, struct icr_error *err)
{
	for (size_t i = 0; name && i < ICR_LENGTH(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	(void)icr_fail(err, ICR_E_USAGE,
		       "--format must be hosts, rpz, dnsmasq, unbound or coredns");
	return NULL;
}

/* What the block of this host steers says nothing about the public names; its regions are those
 * that are exported unless others are named. */
static int take_applied(struct values *options, struct icr_region_set *ret_managed,
			struct icr_error *err)
{
	icr_cleanup(work_free) struct work work = {.host = {.root = ""}};
	icr_cleanup(state_free) struct state state = {0};

	int r = host_open(NULL, false, &work.host, err);
	if (r >= 0)
		r = state_read(STATE_FILE, &state, err);
	if (r >= 0)
		r = hosts_pinned(&work, ret_managed, err);
	if (r < 0)
		return r;
	if (icr_region_set_count(&options->regions) == 0)
		options->regions = state.settings.regions;
	if (icr_region_set_count(&options->regions) > 0)
		return 0;
	return icr_fail(err, ICR_E_USAGE, "nothing is applied on this host: name --regions");
}

static int run(struct values *options, struct icr_buf *out, struct icr_error *err)
{
	struct icr_region_set managed = {0};

	const struct format *format = find_format(options->format, err);
	if (!format)
		return -ICR_E_USAGE;
	int r = take_applied(options, &managed, err);
	if (r < 0)
		return r;
	return options->offline ? put_aliases(format, &options->regions, out, err)
				: put_proven(format, &options->regions, &managed, out, err);
}

int cmd_export(int argc, char **argv, struct icr_error *err)
{
	struct values options = {0};
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ICR_BUF_MAX);

	int r = icr_options_parse(export_options, argc, argv, 0, &options, err);
	if (r >= 0)
		r = run(&options, &out, err);
	if (r == -ICR_E_USAGE)
		return report_usage("export", argc, argv, err);
	if (options.json) {
		_cleanup_value_ struct icr_value *object = report_new("export");
		icr_value_put_text(object, "format", options.format);
		if (r >= 0)
			icr_value_put_text(object, "text", out.data);
		return report_print(object, true, NULL, NULL, r, err);
	}
	if (r < 0)
		return r;
	(void)fwrite(out.data, 1, out.len, stdout);
	return STATUS_DONE;
}
