/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */

/*
 * The program that clients call: the verbs of the protocol, which docker asks for again and again,
 * without all that takes time at every start. Everything else is the complete program's
 * (helper/main.c), which takes this one's place for it.
 */
#include <string.h>

#include "helper/front/handover.h"
#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/program.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct icr_error *err);
} verbs[] = {
	{"get", cmd_get},   {"store", handover_store}, {"erase", cmd_erase},
	{"list", cmd_list}, {"version", cmd_version},
};

static int run(int (*verb)(int argc, char **argv, struct icr_error *err), char **argv)
{
	_cleanup_error_ struct icr_error err = {0};

	if (icr_program_start(HELPER_NAME) < 0)
		return EXIT_FAILURE;
	int status = handover_for_home(argv, &err);
	if (status == 0)
		status = verb(1, argv + 1, &err);
	return status < 0 ? protocol_fail(&err) : status;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(icr_path_base(argv[0]), KUBELET_NAME) != 0)
		for (size_t i = 0; i < ICR_LENGTH(verbs); i++)
			if (strcmp(argv[1], verbs[i].name) == 0)
				return run(verbs[i].run, argv);
	return handover(argv);
}
