/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "icr/buf.h"
#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/error.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/http.h"
#include "icr/memory.h"
#include "icr/program.h"
#include "icr/reference.h"
#include "icr/region-set.h"
#include "icr/resolve.h"
#include "rewrite/part/hosts.h"
#include "rewrite/part/part.h"
#include "rewrite/probe.h"
#include "rewrite/pull.h"
#include "rewrite/report.h"
#include "rewrite/state.h"
#include "rewrite/verb/verb.h"
#include "rewrite/work.h"
#include "rewrite/writer.h"

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

/* Source: IBM/go-sdk-core v5.22.1; the private name from IBM Cloud Docs, IBM Cloud Logs. Any answer
 * will do, so the request carries nothing. */
static const struct {
	const char *name, *url;
	bool use_proxy;
} iam_hosts[CHECK_IAMS] = {
	[CHECK_IAM_PRIVATE] = {"private.iam.cloud.ibm.com", "https://private.iam.cloud.ibm.com/",
			       false},
	[CHECK_IAM_PUBLIC] = {"iam.cloud.ibm.com", "https://iam.cloud.ibm.com/", true},
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

/* "-": never got there, so nobody knows */
static const char *tcp_word(enum icr_http_outcome outcome)
{
	switch (outcome) {
	case ICR_HTTP_NO_NAME:
	case ICR_HTTP_LOCAL:
	case ICR_HTTP_FAILED:
		return "-";
	case ICR_HTTP_CONNECT_TIMEOUT:
	case ICR_HTTP_REFUSED:
	case ICR_HTTP_UNREACHABLE:
		return "no";
	default:
		return "yes";
	}
}

static const char *tls_word(enum icr_http_outcome outcome)
{
	switch (outcome) {
	case ICR_HTTP_DONE:
	case ICR_HTTP_TOO_LARGE:
		return "yes";
	case ICR_HTTP_TLS_NAME:
	case ICR_HTTP_TLS_UNTRUSTED:
	case ICR_HTTP_TLS:
		return "no";
	default:
		return "-";
	}
}

#define ROW "  %-15s  %-28s  %-3s  %-3s  "

static void print_answer(const char *address, const struct probe_answer *answer,
			 struct icr_buf *out)
{
	if (!answer->name[0])
		return;
	icr_buf_printf(out, ROW, address, answer->name, tcp_word(answer->outcome),
		       tls_word(answer->outcome));
	if (answer->status)
		icr_buf_printf(out, "%d   ", answer->status);
	else
		icr_buf_text(out, "-     ");
	icr_buf_printf(out, "%s\n",
		       answer->message ? answer->message
		       : answer->realm ? answer->realm
				       : "no login needed");
}

static void print_state(const struct probe_region *region, struct icr_buf *out)
{
	icr_buf_printf(out, "%s (%s, %s): ", region->region->public_name, region->region->id,
		       region->region->place);
	if (region->already)
		icr_buf_printf(out, "private already: %s\n", region->already);
	else if (region->proven)
		icr_buf_printf(out, "proven by %s\n", region->region->private_name);
	else
		icr_buf_printf(out, "not proven: %s: %s\n", region->region->private_name,
			       region->failure ? region->failure : "nothing answers");
}

static const struct {
	int family;
	const char *name;
} families[] = {{AF_INET, "IPv4"}, {AF_INET6, "IPv6"}};

static void print_region(const struct probe_region *region, struct icr_buf *out)
{
	print_state(region, out);
	if (region->count)
		icr_buf_printf(out, ROW "%s\n", "ADDRESS", "NAME", "TCP", "TLS",
			       "/v2/  LOGIN REALM, OR WHY NOT");
	for (size_t i = 0; i < region->count; i++)
		for (int name = 0; name < PROBE_NAMES; name++)
			print_answer(region->addresses[i].address,
				     &region->addresses[i].answers[name], out);
	if (region->proven)
		icr_buf_printf(out, "  management (/api/v1/messages, for ibmcloud cr): %s\n",
			       region->management ? "answered there too" : "not answered there");
	if (region->stray)
		icr_buf_printf(out,
			       "  logins are sent to %s, which would not be steered: over the "
			       "public network\n",
			       region->stray);
	for (size_t i = 0; region->proven && i < ICR_LENGTH(families); i++)
		if (probe_lacks(region, families[i].family))
			icr_buf_printf(out,
				       "  no private %s address, while the public name has one: "
				       "apply closes it\n",
				       families[i].name);
}

static bool same_hint(const struct probe_region *a, const struct probe_region *b)
{
	return a->hint && b->hint && strcmp(a->hint, b->hint) == 0;
}

/* Each hint once, with all the regions that it is for. */
static void print_hints(const struct probe *probe, struct icr_buf *out)
{
	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_region *region = &probe->regions[i];
		size_t first = 0;
		while (first < i && !same_hint(&probe->regions[first], region))
			first++;
		if (!region->hint || first < i)
			continue;
		icr_buf_text(out, region->region->public_name);
		for (size_t j = i + 1; j < probe->count; j++)
			if (same_hint(&probe->regions[j], region))
				icr_buf_printf(out, ", %s", probe->regions[j].region->public_name);
		icr_buf_printf(out, ": %s\n", region->hint);
	}
}

static void print_iams(const struct check_iam *iams, struct icr_buf *out)
{
	for (size_t i = 0; i < CHECK_IAMS; i++) {
		icr_buf_printf(out, "IAM: %s: ", iams[i].name);
		if (iams[i].outcome == ICR_HTTP_DONE)
			icr_buf_printf(out, "answers%s%s\n", iams[i].address ? " at " : "",
				       iams[i].address ? iams[i].address : "");
		else
			icr_buf_printf(out, "%s\n",
				       iams[i].message ? iams[i].message : "not asked");
	}
}

static void print_pull(const struct check *check, struct icr_buf *out)
{
	const struct pull *pull = &check->pull;
	const struct icr_resolution *name = &pull->redirect_name;

	icr_buf_printf(out, "pull of %s as %s: manifest and blob %s", check->pull_text,
		       pull->username, pull->redirect ? "answered" : "served");
	if (pull->address)
		icr_buf_printf(out, " by %s", pull->address);
	if (!pull->redirect) {
		icr_buf_char(out, '\n');
		return;
	}
	icr_buf_printf(out, "; the blob is redirected to %s",
		       pull->redirect_url ? pull->redirect_url : pull->redirect);
	for (size_t i = 0; i < name->count; i++)
		icr_buf_printf(out, "%s%s, %s", i ? "; " : " (", name->addresses[i],
			       icr_address_is_private(name->addresses[i])
				       ? "private"
				       : "not a private address");
	icr_buf_text(out, name->count ? ")\n" : ", which does not resolve\n");
}

/* HINTS: also what to do about each region that failed. */
static void print_check(const struct check *check, bool hints, struct icr_buf *out)
{
	for (size_t i = 0; i < check->probe.count; i++)
		print_region(&check->probe.regions[i], out);
	if (hints)
		print_hints(&check->probe, out);
	print_iams(check->iams, out);
	if (check->pull.done)
		print_pull(check, out);
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

static cJSON *answer_json(struct writer *writer, const struct probe_answer *answer)
{
	cJSON *item = cJSON_CreateObject();

	writer_text(writer, item, "name", answer->name);
	writer_put(writer, item, "passed", cJSON_CreateBool(answer->passed));
	writer_text(writer, item, "outcome", outcome_word(answer->outcome));
	writer_put(writer, item, "status",
		   answer->status ? cJSON_CreateNumber(answer->status) : cJSON_CreateNull());
	writer_text(writer, item, "realm", answer->realm);
	writer_text(writer, item, "message", answer->message);
	return item;
}

static cJSON *address_json(struct writer *writer, const struct probe_address *address)
{
	cJSON *item = cJSON_CreateObject(), *answers = cJSON_CreateArray();

	writer_text(writer, item, "address", address->address);
	writer_put(writer, item, "proven", cJSON_CreateBool(address->proven));
	writer_put(writer, item, "management", cJSON_CreateBool(address->management));
	for (int name = 0; name < PROBE_NAMES; name++)
		if (address->answers[name].name[0])
			writer_push(writer, answers, answer_json(writer, &address->answers[name]));
	writer_put(writer, item, "answers", answers);
	return item;
}

static cJSON *region_json(struct writer *writer, const struct probe_region *region)
{
	cJSON *item = cJSON_CreateObject(), *addresses = cJSON_CreateArray();

	writer_text(writer, item, "region", region->region->id);
	writer_text(writer, item, "public", region->region->public_name);
	writer_text(writer, item, "private", region->region->private_name);
	writer_put(writer, item, "proven", cJSON_CreateBool(region->proven));
	writer_text(writer, item, "already", region->already);
	writer_text(writer, item, "reason", region->failure);
	writer_text(writer, item, "hint", region->hint);
	writer_put(writer, item, "management", cJSON_CreateBool(region->management));
	writer_text(writer, item, "stray_realm", region->stray);
	for (size_t i = 0; i < region->count; i++)
		writer_push(writer, addresses, address_json(writer, &region->addresses[i]));
	writer_put(writer, item, "addresses", addresses);
	return item;
}

static cJSON *iam_json(struct writer *writer, const struct check_iam *iam)
{
	cJSON *item = cJSON_CreateObject();

	writer_text(writer, item, "name", iam->name);
	writer_put(writer, item, "reachable", cJSON_CreateBool(iam->outcome == ICR_HTTP_DONE));
	writer_text(writer, item, "outcome", outcome_word(iam->outcome));
	writer_text(writer, item, "address", iam->address);
	writer_text(writer, item, "message", iam->message);
	return item;
}

static cJSON *pull_json(struct writer *writer, const struct check *check)
{
	const struct pull *pull = &check->pull;
	cJSON *item = cJSON_CreateObject(), *addresses = cJSON_CreateArray();

	writer_text(writer, item, "reference", check->pull_text);
	writer_put(writer, item, "pulled", cJSON_CreateBool(pull->done));
	writer_text(writer, item, "address", pull->address);
	writer_text(writer, item, "username", pull->username);
	writer_text(writer, item, "manifest", pull->manifest);
	writer_text(writer, item, "blob", pull->blob);
	writer_text(writer, item, "redirect", pull->redirect);
	writer_text(writer, item, "redirect_url", pull->redirect_url);
	for (size_t i = 0; i < pull->redirect_name.count; i++)
		writer_push(writer, addresses,
			    cJSON_CreateString(pull->redirect_name.addresses[i]));
	writer_put(writer, item, "redirect_addresses", addresses);
	return item;
}

static int print_json(const struct check *check, const struct icr_error *failure,
		      struct icr_buf *out, struct icr_error *err)
{
	_cleanup_message_ cJSON *object = icr_message_new();
	cJSON *regions = cJSON_CreateArray(), *iams = cJSON_CreateArray();
	struct writer writer = {0};

	writer_put(&writer, object, "version", cJSON_CreateNumber(1));
	writer_text(&writer, object, "verb", "check");
	writer_put(&writer, object, "private",
		   cJSON_CreateBool(check->probed && failure->code != ICR_E_UNPROVEN));
	for (size_t i = 0; i < check->probe.count; i++)
		writer_push(&writer, regions, region_json(&writer, &check->probe.regions[i]));
	writer_put(&writer, object, "regions", regions);
	for (size_t i = 0; check->probed && i < CHECK_IAMS; i++)
		writer_push(&writer, iams, iam_json(&writer, &check->iams[i]));
	writer_put(&writer, object, "iam", iams);
	writer_put(&writer, object, "pull",
		   check->pull_text ? pull_json(&writer, check) : cJSON_CreateNull());
	writer_put(&writer, object, "notes", report_notes(&writer, &check->notes));
	if (failure->code)
		report_error(&writer, object, failure);
	return writer.failed ? icr_fail_memory(err) : icr_message_print(object, out, err);
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
			     err.where ? ": " : "", err.what ? err.what : "out of memory");
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
	struct state state = {0};
	bool asked = icr_region_set_count(&scope->regions) > 0;

	icr_buf_init(&state.text, ICR_FILE_MAX);
	int r = host_open(NULL, false, &work.host, err);
	if (r >= 0)
		r = state_load(&work.host, &state, err);
	if (r >= 0)
		r = hosts_pinned(&work, &scope->managed, err);
	if (r >= 0) {
		if (!asked) {
			recorded_regions(&state, scope);
			used_regions(&work, &scope->regions);
		}
		for (size_t i = 0; i < work.notes.count; i++)
			note(&check->notes, "%s", work.notes.items[i].text);
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
	pthread_t thread;
	bool started = pthread_create(&thread, NULL, run_iam, check->iams) == 0;

	int r = probe_run(&scope->regions, &scope->managed, PROBE_TIMEOUT_MS, &check->probe, err);
	if (started)
		(void)pthread_join(thread, NULL);
	else
		ask_iam(check->iams, IAM_TIMEOUT_MS / 6);
	return r;
}

static int unproven(const struct probe *probe, const struct scope *scope, size_t *ret_failed,
		    struct icr_error *err)
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
	*ret_failed = failed;
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

/* FAILURE: of what was checked; ERR: of telling it. */
static int tell(const struct check *check, bool json, bool hints, const struct icr_error *failure,
		struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(REPORT_MAX);
	int r = 0;

	if (json)
		r = print_json(check, failure, &out, err);
	else
		print_check(check, hints, &out);
	if (r >= 0)
		r = icr_buf_check(&out, "the report", err);
	if (r < 0)
		return r;
	printf("%s%s", out.data, json ? "\n" : "");
	for (size_t i = 0; !json && i < check->notes.count; i++)
		fprintf(stderr, "icr-rewrite: %s\n", check->notes.items[i].text);
	return 0;
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
static int examine(struct check *check, struct scope *scope, size_t *ret_failed,
		   struct icr_error *err)
{
	int r = choose_regions(check, scope, err);
	if (r >= 0)
		r = probe(check, scope, err);
	if (r < 0)
		return r;
	check->probed = true;
	r = unproven(&check->probe, scope, ret_failed, err);
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
		    "ask for just these regions: us, us-south or us.icr.io, separated by commas"),
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
	_cleanup_error_ struct icr_error failure = {0};
	struct values values = {0};
	size_t failed = 0;

	check.deadline_ms = icr_clock_ms() + TIMEOUT_MS;
	int r = icr_options_parse(check_options, argc, argv, 0, &values, err);
	struct scope scope = {.regions = values.regions};
	check.pull_text = values.pull;
	if (r >= 0)
		r = take_reference(&check, &scope, err);
	if (r < 0)
		return report_usage("check", argc, argv, err);
	int result = examine(&check, &scope, &failed, &failure);
	if (check.probed || values.json)
		r = tell(&check, values.json, failed > 1 || result >= 0, &failure, err);
	if (r < 0)
		return r;
	if (result < 0)
		icr_error_move(err, &failure);
	return result;
}
