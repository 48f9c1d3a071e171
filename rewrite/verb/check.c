/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/verb.h"
#include "rewrite/choose.h"
#include "rewrite/report.h"
#include "rewrite/state.h"
#include "rewrite/verb/verb.h"

#define IAM_TIMEOUT_MS 6000
#define REPORT_MAX     ((size_t)4 * 1024 * 1024)

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
	free(check->pull.address);
	free(check->pull.username);
	free(check->pull.manifest);
	free(check->pull.blob);
	free(check->pull.redirect);
	for (size_t i = 0; i < check->notes.count; i++)
		free(check->notes.lines[i]);
	free(check->notes.lines);
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
		r = routes_steered(&work.host, &scope->managed, err);
	if (r >= 0) {
		if (!asked) {
			recorded_regions(&state, scope);
			used_regions(&work, &scope->regions);
		}
		for (size_t i = 0; i < work.notes.count; i++)
			note(&check->notes, "%s", work.notes.lines[i]);
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

static void *ask_iam(void *iams)
{
	check_iam(iams, IAM_TIMEOUT_MS);
	return NULL;
}

/* IAM meanwhile, so that the whole costs no more than the probe. */
static int probe(struct check *check, const struct scope *scope, struct icr_error *err)
{
	pthread_t thread;
	bool started = pthread_create(&thread, NULL, ask_iam, check->iams) == 0;

	int r = probe_run(&scope->regions, &scope->managed, PROBE_TIMEOUT_MS, &check->probe, err);
	if (started)
		(void)pthread_join(thread, NULL);
	else
		check_iam(check->iams, IAM_TIMEOUT_MS / 6);
	return r;
}

static int unproven(const struct probe *probe, const struct scope *scope, size_t *ret_failed,
		    struct icr_error *err)
{
	const struct probe_region *first = NULL;
	_cleanup_buf_ struct icr_buf names;
	icr_buf_init(&names, REPORT_MAX);
	size_t failed = 0;

	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_region *region = &probe->regions[i];
		if (check_is_private(region))
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

static int pull(struct check *check, struct icr_error *err)
{
	for (size_t i = 0; i < check->probe.count; i++) {
		const struct probe_region *region = &check->probe.regions[i];
		if (region->region == check->reference.host.region && check_is_private(region))
			return check_pull(&check->reference, region, &check->pull, err);
	}
	return 0;
}

/* FAILURE: of what was checked; ERR: of telling it. */
static int tell(const struct check *check, bool json, bool hints, const struct icr_error *failure,
		struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf out;
	icr_buf_init(&out, REPORT_MAX);
	int r = 0;

	if (json)
		r = check_print_json(check, failure, &out, err);
	else
		check_print(check, hints, &out);
	if (r >= 0)
		r = icr_buf_check(&out, "the report", err);
	if (r < 0)
		return r;
	printf("%s%s", out.data, json ? "\n" : "");
	for (size_t i = 0; !json && i < check->notes.count; i++)
		fprintf(stderr, "icr-rewrite: %s\n", check->notes.lines[i]);
	return 0;
}

static int take_reference(struct check *check, struct scope *scope, struct icr_error *err)
{
	if (!check->pull_text)
		return 0;
	int r = icr_reference_parse(check->pull_text, &check->reference, err);
	if (r < 0)
		return r;
	const struct icr_region *region = check->reference.host.region;
	size_t count;
	if (check->reference.host.kind == ICR_HOST_ENTITLED)
		region = icr_regions(&count);
	if (!region)
		return icr_fail(err, ICR_E_USAGE, "--pull: %s is not a region that is known here",
				check->reference.host.name);
	check->reference.host.region = region;
	icr_region_set_add(&scope->regions, region);
	return 0;
}

/* Returns the exit status or the failure, which is told in the report too. */
static int prove(struct check *check, struct scope *scope, size_t *ret_failed,
		 struct icr_error *err)
{
	int r = take_reference(check, scope, err);
	if (r >= 0)
		r = choose_regions(check, scope, err);
	if (r >= 0)
		r = probe(check, scope, err);
	if (r < 0)
		return r;
	check->probed = true;
	r = unproven(&check->probe, scope, ret_failed, err);
	if (r >= 0 && check->pull_text)
		r = pull(check, err);
	return r < 0 ? r : STATUS_DONE;
}

int cmd_check(int argc, char **argv, struct icr_error *err)
{
	icr_cleanup(clean_check) struct check check = {0};
	_cleanup_error_ struct icr_error failure = {0};
	struct scope scope = {0};
	size_t failed = 0;
	bool json = false;
	const struct icr_option options[] = {
		{"regions", ICR_OPTION_REGIONS, &scope.regions},
		{"pull", ICR_OPTION_STRING, &check.pull_text},
		{"json", ICR_OPTION_FLAG, &json},
	};

	int r = icr_options_parse(options, ICR_LENGTH(options), argc, argv, 0, err);
	if (r < 0)
		return report_usage("check", argc, argv, err);
	int result = prove(&check, &scope, &failed, &failure);
	if (check.probed || json)
		r = tell(&check, json, failed > 1 || result >= 0, &failure, err);
	if (r < 0)
		return r;
	if (result < 0)
		icr_error_move(err, &failure);
	return result;
}
