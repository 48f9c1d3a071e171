/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/options.h"

#include <string.h>

#include "icr/cleanup.h"
#include "icr/program.h"
#include "rewrite/part/part.h"

const struct icr_option apply_options[] = {
	ICR_FLAG(struct apply_options, dry_run, "dry-run",
		 "change nothing and show what would change, as plan does; exit status 3 if any"),
	ICR_REGIONS(struct apply_options, regions, "regions", "LIST|all",
		    "steer just these regions: us, us-south or us.icr.io, separated by commas. "
		    "Without it the recorded ones, and those that this host's logins, mirrors and "
		    "images use"),
	ICR_STRING(
		struct apply_options, route, "route", "auto|hosts|native",
		"how the names are steered; hosts: a block in /etc/hosts; native: each engine's "
		"own configuration; auto, the default: hosts where it can be proven, else native"),
	ICR_STRING(struct apply_options, engines, "engines", "LIST|auto",
		   "the engines to configure besides: docker, podman, crio, containerd, buildkit, "
		   "k3s, rke2, separated by commas; auto: those that are found"),
	ICR_STRING(struct apply_options, fallback, "fallback", "never|public",
		   "when the private network is dead: keep the last proven addresses, so that "
		   "pulls fail (never, the default), or let the names lead to the public network "
		   "until it is back"),
	ICR_FLAG(struct apply_options, docker_mirror, "docker-mirror",
		 "also put the private names into Docker's registry-mirrors, for engines that are "
		 "patched to use them beyond Docker Hub; recorded until --no-docker-mirror"),
	ICR_FLAG(struct apply_options, no_docker_mirror, "no-docker-mirror",
		 "take back what --docker-mirror added"),
	ICR_FLAG(struct apply_options, force, "force",
		 "take the names out of lines of /etc/hosts that are somebody else's, and steer a "
		 "region whose management is not answered over the private network, or whose "
		 "logins go elsewhere; for this run only"),
	ICR_STRING(struct apply_options, root, "root", "DIR",
		   "work on the files below DIR, as an image has them: no probe, no reload"),
	ICR_FLAG(struct apply_options, offline, "offline",
		 "the same on this host: what is not proven yet waits for refresh"),
	ICR_FLAG(struct apply_options, json, "json", "print one JSON object"),
	{0},
};

static int check_words(const struct apply_options *options, struct icr_error *err)
{
	const char *route = options->route, *fallback = options->fallback;
	enum route_kind kind;
	if (route && !route_kind_parse(route, &kind))
		return icr_fail(err, ICR_E_USAGE, "--route takes auto, hosts or native, not \"%s\"",
				route);
	if (fallback && strcmp(fallback, "never") != 0 && strcmp(fallback, "public") != 0)
		return icr_fail(err, ICR_E_USAGE, "--fallback takes never or public, not \"%s\"",
				fallback);
	if (options->docker_mirror && options->no_docker_mirror)
		return icr_fail(err, ICR_E_USAGE,
				"--docker-mirror and --no-docker-mirror contradict each other");
	return 0;
}

int apply_options_parse(int argc, char **argv, bool plan, struct apply_options *ret_options,
			struct icr_error *err)
{
	struct apply_options options = {0};
	int r = icr_options_parse(plan ? plan_options : apply_options, argc, argv, 0, &options,
				  err);
	if (r >= 0)
		r = check_words(&options, err);
	if (r < 0)
		return r;
	*ret_options = options;
	return 0;
}

static int join_settings(struct settings *settings, const struct apply_options *options,
			 struct icr_error *err)
{
	if (options->route)
		(void)route_kind_parse(options->route, &settings->route);
	if (options->fallback)
		settings->fallback =
			strcmp(options->fallback, "public") == 0 ? FALLBACK_PUBLIC : FALLBACK_NEVER;
	if (options->docker_mirror || options->no_docker_mirror)
		settings->docker_mirror = options->docker_mirror;
	/* Consent to what this run finds is no consent to what a later one will. */
	settings->force = options->force;
	return options->engines ? settings_set_engines(settings, options->engines, err) : 0;
}

/* With --regions those; without, the recorded ones and what the host is seen to use. */
static int choose_regions(struct work *work, const struct icr_region_set *asked,
			  struct icr_error *err)
{
	struct icr_region_set *regions = &work->settings.regions;
	if (icr_region_set_count(asked)) {
		*regions = *asked;
		return 0;
	}
	for (size_t i = 0; i < parts_count; i++) {
		if (!parts[i]->regions || !settings_have_part(&work->settings, parts[i]))
			continue;
		int r = parts[i]->regions(work, regions, err);
		if (r < 0)
			return r;
	}
	if (icr_region_set_count(regions))
		return 0;
	icr_fail(err, ICR_E_USAGE,
		 "no region is in use on this host (no login, mirror or image of one is seen), and "
		 "none is guessed");
	return icr_error_hint(err, "say which: --regions us,de or --regions all");
}

int apply_options_join(struct work *work, const void *options, struct icr_error *err)
{
	const struct apply_options *asked = options;

	int r = join_settings(&work->settings, asked, err);
	return r < 0 ? r : choose_regions(work, &asked->regions, err);
}

/* Every region that was named has to be proven, unless "all" were. */
enum choose_mode apply_options_mode(const struct apply_options *options)
{
	const struct icr_region_set *asked = &options->regions;
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < count && icr_region_set_count(asked); i++)
		if (!regions[i].unknown && !icr_region_set_has(asked, &regions[i]))
			return CHOOSE_ALL_OR_NONE;
	return CHOOSE_WHAT_IS_PROVEN;
}
