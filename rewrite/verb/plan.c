/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/cleanup.h"
#include "rewrite/complete.h"
#include "rewrite/options.h"
#include "rewrite/report.h"
#include "rewrite/verb/verb.h"

int cmd_plan(int argc, char **argv, struct icr_error *err)
{
	struct apply_options options;

	int r = apply_options_parse(argc, argv, true, &options, err);
	if (r < 0)
		return report_usage("plan", argc, argv, err);
	if (!options.root && !options.offline)
		complete_take_over();
	icr_cleanup(run_free) struct run run;
	const struct run_request request = {apply_options_join, &options,
					    apply_options_mode(&options)};
	r = run_open(&run, options.root, options.offline, RUN_READ, err);
	if (r >= 0)
		r = run_preview(&run, &request, err);
	if (r >= 0)
		r = r == 0 && run_differs(&run) ? STATUS_DIFFERS : STATUS_DONE;
	return report(&run, &(struct report){"plan", options.json, true, false}, r, err);
}
