/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdio.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/program.h"
#include "rewrite/report.h"
#include "rewrite/verb/verb.h"

#define PROGRAM "icr-rewrite"
#define SUMMARY "Pulls of IBM Cloud Container Registry's public names over the private network."

#define APPLY_OPTIONS                                                                              \
	"[--regions LIST|all] [--route auto|hosts] [--engines LIST|auto] "                         \
	"[--fallback never|public] [--docker-mirror] [--force] [--root DIR] [--offline] "

static const struct icr_verb verbs[] = {
	{"check", cmd_check, "[--regions LIST|all] [--pull REF] [--json]",
	 "prove the private network; change nothing"},
	{"plan", cmd_plan, APPLY_OPTIONS "[--json]", "show what apply would change, as a diff"},
	{"apply", cmd_apply, APPLY_OPTIONS "[--dry-run] [--json]",
	 "steer the public names over the private network and prove it"},
	{"refresh", cmd_refresh, "[--json]", "prove again and update; run by the timer"},
	{"status", cmd_status, "[--root DIR] [--offline] [--json]",
	 "show where every name leads now, and what has drifted"},
	{"undo", cmd_undo, "[--root DIR] [--dry-run] [--json]", "take out what apply put in"},
	{"ref", cmd_ref, "[--private|--public] [--json] REF...|-",
	 "print image references by their private or public names"},
};

static int print(FILE *stream, struct icr_buf *text)
{
	fwrite(text->data, 1, text->len, stream);
	return fflush(stream) ? STATUS_FAILED : STATUS_DONE;
}

static int usage(FILE *stream, int status)
{
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, 65536);
	icr_verb_usage(PROGRAM, SUMMARY, verbs, ICR_LENGTH(verbs), &text);
	return print(stream, &text) ? STATUS_FAILED : status;
}

static int help(const struct icr_verb *verb)
{
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, 65536);
	icr_verb_help(PROGRAM, verb, &text);
	return print(stdout, &text);
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int tell(const struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, 1 << 20);
	icr_error_print(err, &text);
	fprintf(stderr, PROGRAM ": %s\n", text.data);
	if (err->hint)
		fprintf(stderr, PROGRAM ": %s\n", err->hint);
	switch (err->code) {
	case ICR_E_USAGE:
		return STATUS_USAGE;
	case ICR_E_UNPROVEN:
		return STATUS_UNPROVEN;
	default:
		return STATUS_FAILED;
	}
}

static int run(const struct icr_verb *verb, int argc, char **argv)
{
	_cleanup_error_ struct icr_error err = {0};
	int status = verb->run(argc, argv, &err);
	if (status < 0)
		return tell(&err);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, PROGRAM ": cannot write to standard output\n");
		return STATUS_FAILED;
	}
	return status;
}

int main(int argc, char **argv)
{
	if (icr_program_start() < 0)
		return STATUS_FAILED;
	if (argc < 2)
		return usage(stderr, STATUS_USAGE);
	const char *word = argv[1];
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
		return usage(stdout, STATUS_DONE);
	if (strcmp(word, "--version") == 0) {
		printf(PROGRAM " %s\n", ICR_VERSION);
		return fflush(stdout) ? STATUS_FAILED : STATUS_DONE;
	}
	const struct icr_verb *verb = icr_verb_find(verbs, ICR_LENGTH(verbs), word);
	if (!verb) {
		fprintf(stderr, PROGRAM ": unknown verb: %s\n", word);
		return usage(stderr, STATUS_USAGE);
	}
	if (wants_help(argc - 1, argv + 1))
		return help(verb);
	return run(verb, argc - 1, argv + 1);
}
