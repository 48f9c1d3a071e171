/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/verb/verb.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/program.h"
#include "icr/text.h"

#define TEXT_MAX ((size_t)64 * 1024)

static const struct icr_verb verbs[] = {
	{"store", cmd_store, "keep the credential given as JSON on standard input",
	 .more = "{\"ServerURL\":\"us.icr.io\",\"Username\":\"iamapikey\",\"Secret\":\"...\"}",
	 .protocol = true},
	{"get", cmd_get, "find the credential of the server URL on standard input",
	 .more = "echo us.icr.io | " HELPER_NAME " get", .protocol = true},
	{"erase", cmd_erase, "forget the credential of the server URL on standard input",
	 .more = "echo us.icr.io | " HELPER_NAME " erase", .protocol = true},
	{"list", cmd_list, "tell which servers get would answer for, and the user names",
	 .protocol = true},
	{"version", cmd_version, "tell the version", .protocol = true},
	{"configure", cmd_configure,
	 "name this helper for the registry's hosts in Docker's config.json",
	 .options = configure_options},
	{"login", cmd_login, "keep a key that is good for every host of the registry",
	 .options = login_options, .operands = "[-]"},
	{"logout", cmd_logout, "forget that key", .options = logout_options},
	{"import", cmd_import,
	 "move the registry's logins from config.json, docker-credential-secretservice and "
	 "docker-credential-pass to this helper",
	 .options = import_options},
	{"explain", cmd_explain, "tell which credential get would answer with, and why",
	 .options = explain_options, .operands = "HOST"},
};

/* One line, as docker-credential-helpers print it. */
static int print_usage_line(void)
{
	_cleanup_error_ struct icr_error failure = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);

	icr_buf_text(&text, "Usage: " HELPER_NAME " <");
	for (size_t i = 0; i < ICR_LENGTH(verbs); i++)
		if (verbs[i].protocol)
			icr_buf_printf(&text, "%s%s", i > 0 ? "|" : "", verbs[i].name);
	icr_buf_text(&text, ">\n");
	helper_note("all verbs: %s --help", HELPER_NAME);
	if (protocol_write(&text, &failure) < 0)
		icr_say_error(&failure);
	return EXIT_FAILURE;
}

static int print_unknown(const char *name)
{
	_cleanup_error_ struct icr_error err = {0};
	const char *names[ICR_LENGTH(verbs)];

	for (size_t i = 0; i < ICR_LENGTH(verbs); i++)
		names[i] = verbs[i].name;
	const char *nearest = icr_nearest(name, names, ICR_LENGTH(verbs));
	icr_fail(&err, ICR_E_USAGE, "%s: unknown action: %s", HELPER_NAME, name);
	(void)icr_error_hint(&err, "%s%s%sall verbs: %s --help", nearest ? "did you mean \"" : "",
			     nearest ? nearest : "", nearest ? "\"? " : "", HELPER_NAME);
	return protocol_fail(&err);
}

static const struct icr_program program = {
	.name = HELPER_NAME,
	.summary =
		"Keeps and finds the credentials of IBM Cloud Container Registry for Docker and\n"
		"other clients. The verbs of the protocol read standard input and answer on\n"
		"standard output.",
	.verbs = verbs,
	.count = ICR_LENGTH(verbs),
	.usage = print_usage_line,
	.unknown = print_unknown,
	.failed = protocol_fail,
};

static int print_kubelet_usage(const char *word)
{
	helper_note("unexpected argument \"%s\": the request comes on standard input", word);
	return ICR_EXIT_USAGE;
}

static const struct icr_program kubelet = {
	.name = KUBELET_NAME,
	.summary = "Answers kubelet's request for the credential of an image, which comes on "
		   "standard\n"
		   "input as a CredentialProviderRequest.",
	.usage = kubelet_answer,
	.unknown = print_kubelet_usage,
};

int main(int argc, char **argv)
{
	if (argc > 0 && strcmp(icr_path_base(argv[0]), KUBELET_NAME) == 0)
		return icr_program_main(&kubelet, argc, argv);
	return icr_program_main(&program, argc, argv);
}
