/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/error.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/http.h"
#include "icr/iam.h"
#include "icr/memory.h"
#include "icr/program.h"
#include "icr/reference.h"
#include "icr/region-set.h"
#include "icr/resolve.h"
#include "icr/value.h"
#include "rewrite/complete.h"
#include "rewrite/part/hosts.h"
#include "rewrite/part/part.h"
#include "rewrite/probe.h"
#include "rewrite/pull.h"
#include "rewrite/report.h"
#include "rewrite/state.h"
#include "rewrite/surroundings.h"
#include "rewrite/verb/verb.h"
#include "rewrite/work.h"

#define TIMEOUT_MS     10000
#define IAM_TIMEOUT_MS 6000
#define REPORT_MAX     ((size_t)4 * 1024 * 1024)

/* How IBM's identity service is reached: for information, nothing depends on it. */
struct check_iam {
	const char *name;
	enum icr_http_outcome outcome; /* ICR_HTTP_DONE: name, TCP and TLS are fine */
	char *address;
	char *message;
};

enum { CHECK_IAM_PRIVATE, CHECK_IAM_PUBLIC, CHECK_IAMS };

/* All that check found out. */
struct check {
	bool probed;	     /* it came as far as asking */
	int64_t deadline_ms; /* of all but a blob */
	struct probe probe;
	struct check_iam iams[CHECK_IAMS];
	const char *pull_text; /* --pull */
	struct icr_reference reference;
	struct pull pull;
	struct notes notes;
};

/* Any answer will do, so the request carries nothing. */
static const struct {
	const char *name, *url;
	bool use_proxy;
} iam_hosts[CHECK_IAMS] = {
	[CHECK_IAM_PRIVATE] = {ICR_IAM_PRIVATE_NAME, ICR_IAM_PRIVATE "/", false},
	[CHECK_IAM_PUBLIC] = {ICR_IAM_PUBLIC_NAME, ICR_IAM_PUBLIC "/", true},
};

/* Asks both names of IAM; never fails, the outcomes tell. */
static void ask_iam(struct check_iam *iams, int timeout_ms)
{
	_cleanup_error_ struct icr_error err = {0};
	struct icr_http_request requests[CHECK_IAMS];
	struct icr_http_reply replies[CHECK_IAMS] = {0};

	for (size_t i = 0; i < CHECK_IAMS; i++)
		requests[i] = (struct icr_http_request){
			.method = "GET",
			.url = iam_hosts[i].url,
			.use_proxy = iam_hosts[i].use_proxy,
			.connect_timeout_ms = timeout_ms,
			.timeout_ms = timeout_ms,
		};
	int r = icr_http_perform(requests, CHECK_IAMS, replies, &err);
	for (size_t i = 0; i < CHECK_IAMS; i++) {
		iams[i].name = iam_hosts[i].name;
		iams[i].outcome = r < 0 ? ICR_HTTP_FAILED : replies[i].outcome;
		iams[i].address = icr_steal(&replies[i].address);
		iams[i].message = icr_steal(&replies[i].message);
		if (r < 0 && !iams[i].message)
			iams[i].message = icr_strdup(err.what);
		icr_http_reply_free(&replies[i]);
	}
}

/* Is the region's traffic private: proven, or already so? */
static bool is_private(const struct probe_region *region)
{
	return region->proven || region->already;
}

/* enum icr_http_outcome, for programs */
static const char *outcome_word(enum icr_http_outcome outcome)
{
	static const char *const words[] = {
		[ICR_HTTP_DONE] = "answered",
		[ICR_HTTP_NO_NAME] = "no-name",
		[ICR_HTTP_CONNECT_TIMEOUT] = "connect-timeout",
		[ICR_HTTP_REFUSED] = "refused",
		[ICR_HTTP_UNREACHABLE] = "unreachable",
		[ICR_HTTP_RESET] = "reset",
		[ICR_HTTP_TLS_NAME] = "certificate-name",
		[ICR_HTTP_TLS_UNTRUSTED] = "certificate-untrusted",
		[ICR_HTTP_TLS] = "tls",
		[ICR_HTTP_TIMEOUT] = "timeout",
		[ICR_HTTP_TOO_LARGE] = "too-large",
		[ICR_HTTP_LOCAL] = "local",
		[ICR_HTTP_FAILED] = "failed",
	};

	return words[outcome];
}

/* null: never got there, so nobody knows */
static enum icr_json_type tcp_json(enum icr_http_outcome outcome)
{
	switch (outcome) {
	case ICR_HTTP_NO_NAME:
	case ICR_HTTP_LOCAL:
	case ICR_HTTP_FAILED:
		return ICR_JSON_NULL;
	case ICR_HTTP_CONNECT_TIMEOUT:
	case ICR_HTTP_REFUSED:
	case ICR_HTTP_UNREACHABLE:
		return ICR_JSON_FALSE;
	default:
		return ICR_JSON_TRUE;
	}
}

static enum icr_json_type tls_json(enum icr_http_outcome outcome)
{
	switch (outcome) {
	case ICR_HTTP_DONE:
	case ICR_HTTP_TOO_LARGE:
		return ICR_JSON_TRUE;
	case ICR_HTTP_TLS_NAME:
	case ICR_HTTP_TLS_UNTRUSTED:
	case ICR_HTTP_TLS:
		return ICR_JSON_FALSE;
	default:
		return ICR_JSON_NULL;
	}
}

static void put_answer(struct icr_value *list, const struct probe_answer *answer)
{
	struct icr_value *item = icr_value_push_object(list);

	icr_value_put_text(item, "name", answer->name);
	icr_value_put_flag(item, "passed", answer->passed);
	icr_value_put_text(item, "outcome", outcome_word(answer->outcome));
	(void)icr_value_put(item, "tcp", tcp_json(answer->outcome));
	(void)icr_value_put(item, "tls", tls_json(answer->outcome));
	if (answer->status)
		icr_value_put_number(item, "status", answer->status);
	else
		icr_value_put_text(item, "status", NULL);
	icr_value_put_text(item, "realm", answer->realm);
	icr_value_put_text(item, "message", answer->message);
}

static void put_address(struct icr_value *list, const struct probe_address *address)
{
	struct icr_value *item = icr_value_push_object(list);

	icr_value_put_text(item, "address", address->address);
	icr_value_put_flag(item, "proven", address->proven);
	icr_value_put_flag(item, "management", address->management);
	struct icr_value *answers = icr_value_put_list(item, "answers");
	for (int name = 0; name < PROBE_NAMES; name++)
		if (address->answers[name].name[0])
			put_answer(answers, &address->answers[name]);
}

static void put_region(struct icr_value *list, const struct probe_region *region)
{
	static const struct {
		int family;
		const char *name;
	} families[] = {{AF_INET, "IPv4"}, {AF_INET6, "IPv6"}};
	struct icr_value *item = icr_value_push_object(list);

	icr_value_put_text(item, "region", region->region->id);
	icr_value_put_text(item, "place", region->region->place);
	icr_value_put_text(item, "public", region->region->public_name);
	icr_value_put_text(item, "private", region->region->private_name);
	icr_value_put_flag(item, "proven", region->proven);
	icr_value_put_text(item, "already", region->already);
	icr_value_put_text(item, "reason", region->failure);
	icr_value_put_text(item, "hint", region->hint);
	icr_value_put_flag(item, "management", region->management);
	icr_value_put_text(item, "stray_realm", region->stray);
	struct icr_value *lacks = icr_value_put_list(item, "lacks");
	for (size_t i = 0; region->proven && i < ICR_LENGTH(families); i++)
		if (probe_lacks(region, families[i].family))
			icr_value_push_text(lacks, families[i].name);
	struct icr_value *addresses = icr_value_put_list(item, "addresses");
	for (size_t i = 0; i < region->count; i++)
		put_address(addresses, &region->addresses[i]);
}

static void put_iam(struct icr_value *list, const struct check_iam *iam)
{
	struct icr_value *item = icr_value_push_object(list);

	icr_value_put_text(item, "name", iam->name);
	icr_value_put_flag(item, "reachable", iam->outcome == ICR_HTTP_DONE);
	icr_value_put_text(item, "outcome", outcome_word(iam->outcome));
	icr_value_put_text(item, "address", iam->address);
	icr_value_put_text(item, "message", iam->message);
}

static void put_pull(struct icr_value *object, const struct check *check)
{
	const struct pull *pull = &check->pull;

	if (!check->pull_text) {
		icr_value_put_text(object, "pull", NULL);
		return;
	}
	struct icr_value *item = icr_value_put_object(object, "pull");
	icr_value_put_text(item, "reference", check->pull_text);
	icr_value_put_flag(item, "pulled", pull->done);
	icr_value_put_text(item, "address", pull->address);
	icr_value_put_text(item, "username", pull->username);
	icr_value_put_text(item, "manifest", pull->manifest);
	icr_value_put_text(item, "blob", pull->blob);
	icr_value_put_text(item, "redirect", pull->redirect);
	icr_value_put_text(item, "redirect_url", pull->redirect_url);
	struct icr_value *addresses = icr_value_put_list(item, "redirect_addresses");
	for (size_t i = 0; i < pull->redirect_name.count; i++)
		icr_value_push_text(addresses, pull->redirect_name.addresses[i]);
}

static void put_check(struct icr_value *object, const struct check *check,
		      const struct icr_error *failure)
{
	icr_value_put_flag(object, "private", check->probed && failure->code != ICR_E_UNPROVEN);
	struct icr_value *regions = icr_value_put_list(object, "regions");
	for (size_t i = 0; i < check->probe.count; i++)
		put_region(regions, &check->probe.regions[i]);
	struct icr_value *iams = icr_value_put_list(object, "iam");
	for (size_t i = 0; check->probed && i < CHECK_IAMS; i++)
		put_iam(iams, &check->iams[i]);
	put_pull(object, check);
}

#define ROW "  %-15s  %-28s  %-3s  %-3s  "

static const char *yes_no(const struct icr_value *item)
{
	return icr_value_is(item, ICR_JSON_TRUE)    ? "yes"
	       : icr_value_is(item, ICR_JSON_FALSE) ? "no"
						    : "-";
}

static void text_answer(const char *address, const struct icr_value *answer, struct icr_buf *out)
{
	const char *message = icr_value_text(answer, "message");
	const char *realm = icr_value_text(answer, "realm");
	const struct icr_value *status = icr_value_get(answer, "status");

	icr_buf_printf(out, ROW, address, icr_value_text(answer, "name"),
		       yes_no(icr_value_get(answer, "tcp")), yes_no(icr_value_get(answer, "tls")));
	if (icr_value_is(status, ICR_JSON_NUMBER))
		icr_buf_printf(out, "%s   ", status->text);
	else
		icr_buf_text(out, "-     ");
	icr_buf_printf(out, "%s\n", message ? message : realm ? realm : "no login needed");
}

/* The table of the answers; of many regions only those that did not pass. HEAD: it has had its
 * head. */
static void text_answers(const struct icr_value *region, bool all, bool *head, struct icr_buf *out)
{
	icr_value_each(address, icr_value_get(region, "addresses"))
		icr_value_each(answer, icr_value_get(address, "answers")) {
			if (!all && icr_value_flag(answer, "passed"))
				continue;
			if (!*head)
				icr_buf_printf(out, ROW "%s\n", "ADDRESS", "NAME", "TCP", "TLS",
					       "/v2/  LOGIN REALM, OR WHY NOT");
			*head = true;
			text_answer(icr_value_text(address, "address"), answer, out);
		}
}

static void text_region(const struct icr_value *region, bool all, bool *head, struct icr_buf *out)
{
	const char *already = icr_value_text(region, "already");
	const char *reason = icr_value_text(region, "reason");
	const char *stray = icr_value_text(region, "stray_realm");
	const char *private_name = icr_value_text(region, "private");
	bool proven = icr_value_flag(region, "proven");
	bool management = icr_value_flag(region, "management");

	icr_buf_printf(out, "%s (%s, %s): ", icr_value_text(region, "public"),
		       icr_value_text(region, "region"), icr_value_text(region, "place"));
	if (already)
		icr_buf_printf(out, "private already: %s\n", already);
	else if (proven)
		icr_buf_printf(out, "proven by %s\n", private_name);
	else
		icr_buf_printf(out, "not proven: %s: %s\n", private_name,
			       reason ? reason : "nothing answers");
	text_answers(region, all, head, out);
	if (proven && (all || !management))
		icr_buf_printf(out, "  management (/api/v1/messages, for ibmcloud cr): %s\n",
			       management ? "answered there too" : "not answered there");
	if (stray)
		icr_buf_printf(out,
			       "  logins are sent to %s, which would not be steered: over the "
			       "public network\n",
			       stray);
	icr_value_each(family, icr_value_get(region, "lacks"))
		icr_buf_printf(out,
			       "  no private %s address, while the public name has one: apply "
			       "closes it\n",
			       family->text);
}

static bool same_hint(const struct icr_value *a, const struct icr_value *b)
{
	const char *first = icr_value_text(a, "hint"), *second = icr_value_text(b, "hint");

	return first && second && strcmp(first, second) == 0;
}

/* Each hint once, with all the regions that it is for, but the one that the error ends with. */
static void text_hints(const struct icr_value *regions, const char *said, struct icr_buf *out)
{
	icr_value_each(region, regions) {
		const struct icr_value *first = regions->child;
		while (first != region && !same_hint(first, region))
			first = first->next;
		const char *hint = icr_value_text(region, "hint");
		if (first != region || !hint || (said && strcmp(hint, said) == 0))
			continue;
		icr_buf_text(out, icr_value_text(region, "public"));
		for (const struct icr_value *other = region->next; other; other = other->next)
			if (same_hint(other, region))
				icr_buf_printf(out, ", %s", icr_value_text(other, "public"));
		icr_buf_printf(out, ": %s\n", hint);
	}
}

static void text_iam(const struct icr_value *iam, struct icr_buf *out)
{
	const char *address = icr_value_text(iam, "address");
	const char *message = icr_value_text(iam, "message");

	icr_buf_printf(out, "IAM: %s: ", icr_value_text(iam, "name"));
	if (icr_value_flag(iam, "reachable"))
		icr_buf_printf(out, "answers%s%s\n", address ? " at " : "", address ? address : "");
	else
		icr_buf_printf(out, "%s\n", message ? message : "not asked");
}

static void text_pull(const struct icr_value *pull, struct icr_buf *out)
{
	const char *address = icr_value_text(pull, "address");
	const char *redirect = icr_value_text(pull, "redirect");
	const char *url = icr_value_text(pull, "redirect_url");
	const struct icr_value *addresses = icr_value_get(pull, "redirect_addresses");

	icr_buf_printf(out, "pull of %s as %s: manifest and blob %s",
		       icr_value_text(pull, "reference"), icr_value_text(pull, "username"),
		       redirect ? "answered" : "served");
	if (address)
		icr_buf_printf(out, " by %s", address);
	if (!redirect) {
		icr_buf_char(out, '\n');
		return;
	}
	icr_buf_printf(out, "; the blob is redirected to %s", url ? url : redirect);
	icr_value_each(item, addresses) {
		const char *refusal = icr_address_refusal(item->text);
		bool private = icr_address_is_private(item->text);
		icr_buf_printf(out, "%s%s, %s", item == addresses->child ? " (" : "; ", item->text,
			       !private	 ? "not a private address"
			       : refusal ? refusal
					 : "private");
	}
	icr_buf_text(out, addresses->child ? ")\n" : ", which does not resolve\n");
}

static void text_check(const struct icr_value *object, struct icr_buf *out)
{
	const struct icr_value *regions = icr_value_get(object, "regions");
	const struct icr_value *failed = icr_value_get(object, "error");
	const struct icr_value *pull = icr_value_get(object, "pull");
	bool one = regions->count == 1, head = false;

	icr_value_each(item, regions)
		text_region(item, one, &head, out);
	text_hints(regions, icr_value_text(failed, "hint"), out);
	icr_value_each(item, icr_value_get(object, "iam"))
		text_iam(item, out);
	if (icr_value_flag(pull, "pulled"))
		text_pull(pull, out);
}

/* What to probe. */
struct scope {
	struct icr_region_set regions;
	struct icr_region_set managed; /* steered by our own block now */
	bool every;		       /* each region must be private, not just one */
};

static void clean_check(struct check *check)
{
	probe_free(&check->probe);
	for (size_t i = 0; i < CHECK_IAMS; i++) {
		free(check->iams[i].address);
		free(check->iams[i].message);
	}
	icr_reference_free(&check->reference);
	pull_free(&check->pull);
	notes_free(&check->notes);
}

/* What the host is seen to use. A part that cannot tell is no reason not to check. */
static void used_regions(struct work *work, struct icr_region_set *regions)
{
	for (size_t i = 0; i < parts_count; i++) {
		_cleanup_error_ struct icr_error err = {0};
		if (parts[i]->regions && parts[i]->regions(work, regions, &err) < 0)
			note(&work->notes, "%s%s%s", err.where ? err.where : "",
			     err.where ? ": " : "", err.what);
	}
}

static void recorded_regions(const struct state *state, struct scope *scope)
{
	for (size_t i = 0; i < state->routes.count; i++) {
		icr_region_set_add(&scope->regions, state->routes.items[i].region);
	}
}

/* Without --regions and --pull: what is applied and what is used; else all. */
static int choose_regions(struct check *check, struct scope *scope, struct icr_error *err)
{
	size_t count;
	struct work work = {.host = {.root = ""}};
	struct state state = {.text = ICR_BUF(ICR_FILE_MAX)};
	bool asked = icr_region_set_count(&scope->regions) > 0;

	int r = host_open(NULL, false, &work.host, err);
	if (r >= 0)
		r = state_read(STATE_FILE, &state, err);
	if (r >= 0)
		r = hosts_pinned(&work, &scope->managed, err);
	if (r >= 0) {
		if (!asked) {
			recorded_regions(&state, scope);
			used_regions(&work, &scope->regions);
		}
		const struct icr_region *regions = icr_regions(&count);
		for (size_t i = 0; i < count; i++)
			if (icr_region_set_has(&scope->regions, &regions[i]))
				(void)routes_add(&work.routes, &regions[i]);
		work.settings.route = state.settings.route;
		work.settings.chosen = state.settings.chosen;
		surroundings_of(&work, NULL);
		for (size_t i = 0; i < work.notes.count; i++)
			(work.notes.items[i].warning ? note_warning : note)(
				&check->notes, "%s", work.notes.items[i].text);
	}
	state_free(&state);
	work_free(&work);
	if (r < 0)
		return r;
	if (!icr_region_set_count(&scope->regions))
		return icr_region_set_parse(&scope->regions, "all", err);
	/* of all regions a host seldom reaches each one */
	(void)icr_regions(&count);
	scope->every = asked && icr_region_set_count(&scope->regions) < count;
	return 0;
}

static void *run_iam(void *iams)
{
	ask_iam(iams, IAM_TIMEOUT_MS);
	return NULL;
}

/* IAM meanwhile, so that the whole costs no more than the probe. */
static int probe(struct check *check, const struct scope *scope, struct icr_error *err)
{
	const struct probe_scope probed = {.regions = &scope->regions,
					   .managed = &scope->managed,
					   .management = &scope->regions,
					   .timeout_ms = PROBE_TIMEOUT_MS};
	pthread_t thread;
	bool started = pthread_create(&thread, NULL, run_iam, check->iams) == 0;

	int r = probe_run(&probed, &check->probe, err);
	if (started)
		(void)pthread_join(thread, NULL);
	else
		ask_iam(check->iams, IAM_TIMEOUT_MS / 6);
	return r;
}

static int unproven(const struct probe *probe, const struct scope *scope, struct icr_error *err)
{
	const struct probe_region *first = NULL;
	_cleanup_buf_ struct icr_buf names = ICR_BUF(REPORT_MAX);
	size_t failed = 0;

	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_region *region = &probe->regions[i];
		if (is_private(region))
			continue;
		first = first ? first : region;
		icr_buf_printf(&names, "%s%s", failed++ ? ", " : "", region->region->public_name);
	}
	if (failed == 0 || (!scope->every && failed < probe->count))
		return 0;
	if (failed > 1)
		return icr_fail(err, ICR_E_UNPROVEN, "the private network cannot be proven for %s",
				names.data);
	icr_fail_at(err, ICR_E_UNPROVEN, first->region->private_name, "%s",
		    first->failure ? first->failure : "nothing answers");
	return first->hint ? icr_error_hint(err, "%s", first->hint) : -ICR_E_UNPROVEN;
}

static int try_pull(struct check *check, struct icr_error *err)
{
	const struct probe_region *region = check->probe.regions;

	/* It is among those that were probed: choose_regions() took it in. */
	while (region->region != check->reference.host.region)
		region++;
	if (is_private(region))
		return pull_run(&check->reference, region, check->deadline_ms, &check->pull, err);
	(void)icr_fail_at(err, ICR_E_UNPROVEN, region->region->private_name,
			  "%s; nothing was pulled", region->failure);
	return region->hint ? icr_error_hint(err, "%s", region->hint) : -ICR_E_UNPROVEN;
}

/* What --pull names. A region that the table does not know is one all the same. */
static int take_reference(struct check *check, struct scope *scope, struct icr_error *err)
{
	struct icr_host *host = &check->reference.host;
	size_t count;

	if (!check->pull_text)
		return 0;
	int r = icr_reference_parse(check->pull_text, &check->reference, err);
	if (r >= 0 && host->kind == ICR_HOST_ENTITLED)
		host->region = icr_regions(&count);
	if (r >= 0 && host->kind == ICR_HOST_STAGING)
		r = icr_fail(err, ICR_E_USAGE, "%s has no private name", host->name);
	if (r >= 0 && !host->region) {
		r = icr_region_set_parse(&scope->regions, host->name, err);
		(void)icr_host_parse(host->name, strlen(host->name), host);
	}
	if (r < 0) {
		err->code = ICR_E_USAGE;
		return icr_error_wrap(err, "--pull");
	}
	icr_region_set_add(&scope->regions, host->region);
	return 0;
}

/* Returns the exit status or the failure, which is told in the report too. */
static int examine(struct check *check, struct scope *scope, struct icr_error *err)
{
	int r = choose_regions(check, scope, err);
	if (r >= 0)
		r = probe(check, scope, err);
	if (r < 0)
		return r;
	check->probed = true;
	r = unproven(&check->probe, scope, err);
	if (r >= 0 && check->pull_text)
		r = try_pull(check, err);
	return r < 0 ? r : STATUS_DONE;
}

struct values {
	struct icr_region_set regions;
	const char *pull;
	bool json;
};

const struct icr_option check_options[] = {
	ICR_REGIONS(struct values, regions, "regions", "LIST|all",
		    "ask for just these regions, each of which must be proven: us, us-south or "
		    "us.icr.io, separated by commas. Without it those that are applied or used on "
		    "this host, else all; of these, as with all, one that is proven will do"),
	ICR_STRING(
		struct values, pull, "pull", "REF",
		"also fetch the manifest of the image REF and one of its blobs, with the helper's "
		"credentials, and tell to which host the blob is redirected"),
	ICR_FLAG(struct values, json, "json", "print one JSON object"),
	{0},
};

int cmd_check(int argc, char **argv, struct icr_error *err)
{
	icr_cleanup(clean_check) struct check check = {0};
	struct values values = {0};

	check.deadline_ms = icr_clock_ms() + TIMEOUT_MS;
	int r = icr_options_parse(check_options, argc, argv, 0, &values, err);
	struct scope scope = {.regions = values.regions};
	check.pull_text = values.pull;
	if (r >= 0)
		r = take_reference(&check, &scope, err);
	if (r < 0)
		return report_usage("check", argc, argv, err);
	complete_take_over();
	icr_cleanup(icr_http_load_end) struct icr_http_loading loading = icr_http_load();
	int result = examine(&check, &scope, err);
	_cleanup_value_ struct icr_value *object = report_new("check");
	put_check(object, &check, err);
	return report_print(object, values.json, check.probed ? text_check : NULL, &check.notes,
			    result, err);
}
