/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdbool.h>
#include <string.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/verb/verb.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/program.h"

#define SUMMARY                                                                                    \
	"Keeps and finds the credentials of IBM Cloud Container Registry for Docker and\n"         \
	"other clients. The verbs of the protocol read standard input and answer on\n"             \
	"standard output."
#define TEXT_MAX   ((size_t)64 * 1024)
#define EXIT_USAGE 2

static const struct helper_verb {
	struct icr_verb verb;
	bool protocol;	  /* for programs: one argument, errors on standard output, exit status 1 */
	const char *more; /* for the verb's own --help */
} verbs[] = {
	{
		{"store", cmd_store, "", "keep the credential given as JSON on standard input"},
		true,
		"{\"ServerURL\":\"us.icr.io\",\"Username\":\"iamapikey\",\"Secret\":\"...\"}\n",
	},
	{
		{"get", cmd_get, "", "find the credential of the server URL on standard input"},
		true,
		"echo us.icr.io | " HELPER_NAME " get\n",
	},
	{
		{"erase", cmd_erase, "",
		 "forget the credential of the server URL on standard input"},
		true,
		"echo us.icr.io | " HELPER_NAME " erase\n",
	},
	{
		{"list", cmd_list, "",
		 "tell which servers get would answer for, and the user names"},
		true,
		"",
	},
	{
		{"version", cmd_version, "", "tell the version"},
		true,
		"",
	},
	{
		{"configure", cmd_configure,
		 "[--regions LIST|all] [--remove] [--force] [--config FILE] [--dry-run]",
		 "name this helper for the registry's hosts in Docker's config.json"},
		false,
		"  --regions LIST  only these: us, us-south or us.icr.io, separated by commas; "
		"global is\n"
		"                  icr.io itself; default: all (Compose asks for every one)\n"
		"  --remove        take the entries that name this helper out again\n"
		"  --force         also take over hosts that name another helper\n"
		"  --config FILE   edit FILE, not config.json in $DOCKER_CONFIG or ~/.docker\n"
		"  --dry-run       only show what would change; exit status 3 if anything would\n",
	},
};

static int print(const struct icr_buf *text, int status)
{
	_cleanup_error_ struct icr_error failure = {0};

	if (protocol_write(text, &failure) >= 0)
		return status;
	helper_note_error(&failure, NULL);
	return EXIT_FAILURE;
}

/* One line, as docker-credential-helpers print it. */
static int print_usage_line(void)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, TEXT_MAX);
	icr_buf_text(&text, "Usage: " HELPER_NAME " <");
	for (size_t i = 0; i < ICR_LENGTH(verbs); i++)
		if (verbs[i].protocol)
			icr_buf_printf(&text, "%s%s", i > 0 ? "|" : "", verbs[i].verb.name);
	icr_buf_text(&text, ">\n");
	helper_note("all verbs: %s --help", HELPER_NAME);
	return print(&text, EXIT_FAILURE);
}

static int print_help(void)
{
	_cleanup_buf_ struct icr_buf text;
	struct icr_verb all[ICR_LENGTH(verbs)];

	icr_buf_init(&text, TEXT_MAX);
	for (size_t i = 0; i < ICR_LENGTH(verbs); i++)
		all[i] = verbs[i].verb;
	icr_verb_usage(HELPER_NAME, SUMMARY, all, ICR_LENGTH(all), &text);
	return print(&text, EXIT_SUCCESS);
}

static int print_verb_help(const struct helper_verb *verb)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, TEXT_MAX);
	icr_verb_help(HELPER_NAME, &verb->verb, &text);
	if (*verb->more)
		icr_buf_printf(&text, "\n%s", verb->more);
	return print(&text, EXIT_SUCCESS);
}

/* For programs: the error alone on standard output, what to do about it on standard error. Faults
 * are told there too, because of some verbs Docker keeps standard output to itself: docker 20.10
 * and 28.2 do so for get, which then pulls without a login, and for erase. */
static int print_error(const struct helper_verb *verb, const struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, TEXT_MAX);
	if (verb && !verb->protocol) {
		helper_note_error(err, NULL);
		return err->code == ICR_E_USAGE ? EXIT_USAGE : EXIT_FAILURE;
	}
	icr_error_print(err, &text);
	helper_one_line(&text);
	icr_buf_char(&text, '\n');
	if (verb && err->code != ICR_E_PROTOCOL)
		helper_note_error(err, NULL);
	else if (err->hint)
		helper_note("%s", err->hint);
	return print(&text, EXIT_FAILURE);
}

static int print_unknown(const char *name)
{
	_cleanup_error_ struct icr_error err = {0};

	icr_fail(&err, ICR_E_USAGE, "%s: unknown action: %s", HELPER_NAME, name);
	(void)icr_error_hint(&err, "all verbs: %s --help", HELPER_NAME);
	return print_error(NULL, &err);
}

static const struct helper_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ICR_LENGTH(verbs); i++)
		if (strcmp(verbs[i].verb.name, name) == 0)
			return &verbs[i];
	return NULL;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int run(const struct helper_verb *verb, int argc, char **argv)
{
	_cleanup_error_ struct icr_error err = {0};

	int r = verb->verb.run(argc - 1, argv + 1, &err);
	return r < 0 ? print_error(verb, &err) : r;
}

int main(int argc, char **argv)
{
	if (icr_program_start() < 0)
		return EXIT_FAILURE;
	if (argc < 2)
		return print_usage_line();
	const struct helper_verb *verb = find_verb(argv[1]);
	if (verb && asks_for_help(argc, argv))
		return print_verb_help(verb);
	if (verb && (!verb->protocol || argc == 2))
		return run(verb, argc, argv);
	if (argc > 2)
		return print_usage_line();
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return print_help();
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)
		return run(find_verb("version"), argc, argv);
	return print_unknown(argv[1]);
}
