/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/cleanup.h"
#include "icr/http.h"
#include "rewrite/choose.h"
#include "rewrite/complete.h"
#include "rewrite/last.h"
#include "rewrite/options.h"
#include "rewrite/part/timer.h"
#include "rewrite/report.h"
#include "rewrite/surroundings.h"
#include "rewrite/verb/verb.h"

static int apply(struct run *run, const struct apply_options *options, bool *ret_verified,
		 struct icr_error *err)
{
	const struct run_request request = {apply_options_join, options,
					    apply_options_mode(options)};

	int r = run_open(run, options->root, options->offline,
			 options->dry_run ? RUN_READ : RUN_WRITE, err);
	if (r < 0)
		return r;
	r = options->dry_run ? run_preview(run, &request, err) : run_apply(run, &request, err);
	if (r != 0)
		return r < 0 ? r : STATUS_DONE;
	if (options->dry_run)
		return run_differs(run) ? STATUS_DIFFERS : STATUS_DONE;
	if (run->written)
		timer_remind(&run->work);
	surroundings_of(&run->work, NULL);
	*ret_verified = true;
	return STATUS_DONE;
}

/* Also with --quiet: what goes on as it was, unproven. A change of side is told already. */
static void note_unproven(struct work *work)
{
	for (size_t i = 0; i < work->routes.count; i++) {
		const struct region_route *route = &work->routes.items[i];
		if (route->status == REGION_ACTIVE && !route->proven &&
		    work->settings.fallback == FALLBACK_NEVER)
			note_warning(&work->notes,
				     "%s: cannot be proven now, the last proven addresses stay: "
				     "%s",
				     route->region->public_name,
				     route->reason ? route->reason : "nothing answers");
	}
}

int cmd_apply(int argc, char **argv, struct icr_error *err)
{
	struct apply_options options;

	int r = apply_options_parse(argc, argv, false, &options, err);
	if (r < 0)
		return report_usage("apply", argc, argv, err);
	_cleanup_error_ struct icr_error unproven = {0};
	icr_cleanup(icr_http_load_end) struct icr_http_loading loading = {.begun = false};
	icr_cleanup(run_free) struct run run;
	bool verified = false;
	/* below a root its libraries would be loaded, and nobody is asked */
	if (!options.root && !options.offline) {
		complete_take_over();
		loading = icr_http_load();
	}
	r = apply(&run, &options, &verified, err);
	/* Without --regions a region that was proven before may be dead: nothing to fail for, but
	 * no proof either. */
	if (verified && choose_unproven(&run.work, &unproven) < 0) {
		last_note(&run, "apply", verified, -unproven.code, &unproven);
		note_unproven(&run.work);
	} else {
		last_note(&run, "apply", verified, r, err);
	}
	return report(&run, &(struct report){"apply", options.json, options.dry_run, false}, r,
		      err);
}
