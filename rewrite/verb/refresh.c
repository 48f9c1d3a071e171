/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/cleanup.h"
#include "icr/http.h"
#include "icr/program.h"
#include "rewrite/choose.h"
#include "rewrite/complete.h"
#include "rewrite/last.h"
#include "rewrite/report.h"
#include "rewrite/verb/verb.h"

struct values {
	bool offline, json;
};

const struct icr_option refresh_options[] = {
	ICR_FLAG(struct values, offline, "offline",
		 "put back what was applied, with the addresses that were proven last, and ask "
		 "nobody"),
	ICR_FLAG(struct values, json, "json", "print one JSON object"),
	{0},
};

static int refresh(struct run *run, bool offline, bool *ret_verified, struct icr_error *err)
{
	const struct run_request request = {.mode = CHOOSE_REFRESH};
	struct work *work = &run->work;

	int r = run_open(run, NULL, offline, RUN_AGAIN, err);
	if (r < 0)
		return r;
	if (!icr_region_set_count(&work->settings.regions))
		return STATUS_DONE;
	r = run_put_back(run, err);
	if (r > 0)
		note_warning(&work->notes,
			     "what was applied did not stand as it was written; it was put back%s",
			     offline ? "" : " before the private network was asked");
	if (offline)
		return r < 0 ? r : STATUS_DONE;
	if (r >= 0)
		r = run_apply(run, &request, err);
	if (r < 0) {
		/* Told is what stands, not what was to be written. */
		choose_recorded(work, &run->state.routes);
		return r;
	}
	*ret_verified = true;
	return choose_unproven(work, err);
}

int cmd_refresh(int argc, char **argv, struct icr_error *err)
{
	struct values values = {0};
	int r = icr_options_parse(refresh_options, argc, argv, 0, &values, err);
	if (r < 0)
		return report_usage("refresh", argc, argv, err);
	if (!values.offline)
		complete_take_over();
	icr_cleanup(icr_http_load_end) struct icr_http_loading loading = {.begun = false};
	icr_cleanup(run_free) struct run run;
	bool verified = false;
	if (!values.offline && host_has(STATE_FILE))
		loading = icr_http_load();
	r = refresh(&run, values.offline, &verified, err);
	last_note(&run, "refresh", verified, r, err);
	/* What the run did is told also when something could not be proven. */
	return report(&run, &(struct report){"refresh", values.json, false, true}, r, err);
}
