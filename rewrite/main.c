/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/cleanup.h"
#include "icr/program.h"
#include "rewrite/complete.h"
#include "rewrite/options.h"
#include "rewrite/verb/verb.h"

static const struct icr_verb verbs[] = {
	{"check", cmd_check, "prove the private network; change nothing", .options = check_options},
	{"plan", cmd_plan, "show what apply would change, as a diff", .options = plan_options},
	{"apply", cmd_apply, "steer the public names over the private network and prove it",
	 .options = apply_options},
	{"refresh", cmd_refresh, "prove again and update; run by the timer",
	 .options = refresh_options},
	{"status", cmd_status, "show where the names lead now, and what has drifted",
	 .options = status_options},
	{"undo", cmd_undo, "take out what apply put in", .options = undo_options},
	{"ref", cmd_ref, "print image references by their private or public names",
	 .operands = "REF...|-", .options = ref_options},
	{"export", cmd_export, "print the same steering as configuration of a DNS server",
	 .options = export_options},
	{"private-only", cmd_private_only,
	 "tell or change whether the account's images are served over the private network alone",
	 .options = private_only_options},
};

static const struct icr_program program = {
	.name = "icr-rewrite",
	.summary = "Pulls of IBM Cloud Container Registry's public names over the private network.",
	.verbs = verbs,
	.count = ICR_LENGTH(verbs),
};

int main(int argc, char **argv)
{
	complete_start(argc, argv);
	return icr_program_main(&program, argc, argv);
}
