/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/cleanup.h"
#include "icr/program.h"
#include "rewrite/complete.h"
#include "rewrite/copies.h"
#include "rewrite/last.h"
#include "rewrite/part/hosts.h"
#include "rewrite/report.h"
#include "rewrite/verb/verb.h"

struct values {
	const char *root;
	bool dry_run, json;
};

const struct icr_option undo_options[] = {
	ICR_STRING(struct values, root, "root", "DIR",
		   "work on the files below DIR, as an image has them"),
	ICR_FLAG(struct values, dry_run, "dry-run",
		 "change nothing and show what would change; exit status 3 if anything"),
	ICR_FLAG(struct values, json, "json", "print one JSON object"),
	{0},
};

/* Without a state and without marks there is nothing to lock, nor need for root. */
static bool is_untouched(const struct run *run)
{
	return !run_differs(run) && !run->recovered && !host_has(STATE_FOLDER);
}

/* What an earlier run left in a file that others edited since could not be told from theirs. */
static int check_lost(const struct changes *changes, struct icr_error *err)
{
	for (size_t i = 0; i < changes->count; i++) {
		if (!changes->items[i]->lost)
			continue;
		icr_fail_at(err, ICR_E_CONFLICT, changes->items[i]->path,
			    "was edited by others since, and what tells ours in it is gone: it is "
			    "left as it is");
		return icr_error_hint(err,
				      "look for private names of ICR in it, and take them out; "
				      "all else is undone");
	}
	return 0;
}

static int undo(struct run *run, const struct values *options, struct icr_error *err)
{
	int r = run_open(run, options->root, false, options->dry_run ? RUN_READ : RUN_KNOWN, err);
	if (r < 0)
		return r;
	/* Every change comes with its base as what is wanted, and no state is wanted at all. */
	if (options->dry_run) {
		r = run_check_clear(run, err);
		if (r >= 0)
			r = run_check_replaceable(run, err);
		if (r < 0)
			return host_error(&run->work.host, err);
		return run_differs(run) ? STATUS_DIFFERS : STATUS_DONE;
	}
	r = is_untouched(run) ? 0 : run_undo(run, err);
	if (r < 0)
		return r;
	last_forget(run);
	copies_note(&run->work);
	r = hosts_left_over(&run->work, &run->changes, err);
	if (r >= 0)
		r = check_lost(&run->changes, err);
	if (r < 0)
		return host_error(&run->work.host, err);
	return STATUS_DONE;
}

int cmd_undo(int argc, char **argv, struct icr_error *err)
{
	struct values options = {0};
	int r = icr_options_parse(undo_options, argc, argv, 0, &options, err);
	if (r < 0)
		return report_usage("undo", argc, argv, err);
	if (!options.root && !options.dry_run)
		complete_take_over();
	icr_cleanup(run_free) struct run run;
	r = undo(&run, &options, err);
	return report(&run, &(struct report){"undo", options.json, options.dry_run, false}, r, err);
}
