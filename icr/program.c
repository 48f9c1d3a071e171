/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/program.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "icr/cleanup.h"
#include "icr/environment.h"
#include "icr/memory.h"
#include "icr/progress.h"
#include "icr/region-set.h"
#include "icr/secret.h"
#include "icr/text.h"

#define TEXT_MAX  ((size_t)1024 * 1024)
#define WIDTH_MAX 79 /* of help, in characters */
#define HEAD_MAX  26 /* a longer option has its help below it */

/* Taken by icr_program_main itself. */
static const struct icr_option quiet_option = {
	.name = "quiet",
	.help = "say only what went wrong, or has to be known",
	.letter = 'q',
};

/* icr_program_start sets it before anything can be said. */
static const char *program_name = "icr";

/* Whether --quiet was given. */
static bool quiet;

bool icr_quiet(void)
{
	return quiet;
}

static int fill_descriptors(void)
{
	static const int modes[] = {O_RDONLY, O_RDONLY, O_WRONLY};

	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* The lowest that is free is this one. Without O_CLOEXEC: children need it too. */
		if (open("/dev/null", modes[fd]) != fd)
			return -EBADF;
	}
	return 0;
}

int icr_program_start(const char *name)
{
	program_name = name;
	icr_secret_harden_process();
	/* libcurl would write the keys of every connection to that file, and so would child
	 * programs. Here, since later there are threads that read the environment. */
	(void)unsetenv("SSLKEYLOGFILE");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	return fill_descriptors();
}

/* systemd.exec(5): JOURNAL_STREAM holds device and inode of the stream to the journal, for a
 * program to find out whether its standard error still is that stream. */
static bool is_journal(int fd)
{
	const char *stream = icr_environment_get("JOURNAL_STREAM");
	struct stat st;

	if (!stream || fstat(fd, &st) < 0)
		return false;
	_cleanup_free_ char *ours =
		icr_printf("%" PRIu64 ":%" PRIu64, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

/* LINES: those of the text stay lines, such as can be put into a file; indented, so that none looks
 * like a message of ours. */
static void say(enum icr_priority priority, const char *text, bool lines)
{
	_cleanup_buf_ struct icr_buf line = ICR_BUF(TEXT_MAX);

	if (quiet && priority == ICR_INFO)
		return;
	if (is_journal(STDERR_FILENO))
		icr_buf_printf(&line, "<%d>", priority);
	icr_buf_printf(&line, "%s: ", program_name);
	for (size_t len; lines && (len = strcspn(text, "\n"), text[len]); text += len + 1) {
		icr_text_safe(text, len, "", &line);
		icr_buf_text(&line, "\n    ");
	}
	icr_text_safe(text, strlen(text), "", &line);
	icr_buf_char(&line, '\n');
	/* What cannot be told is not worth failing for. */
	ssize_t written = write(STDERR_FILENO, line.data, line.len);
	(void)written;
}

void icr_say(enum icr_priority priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	_cleanup_free_ char *text = icr_vprintf(format, args);
	va_end(args);
	say(priority, text, false);
}

void icr_say_error(const struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);

	icr_error_print(err, &text);
	say(ICR_ERROR, text.data, false);
	if (err->hint)
		say(ICR_ERROR, err->hint, true);
}

static const struct icr_verb *find_verb(const struct icr_program *program, const char *name)
{
	for (size_t i = 0; i < program->count; i++)
		if (strcmp(program->verbs[i].name, name) == 0)
			return &program->verbs[i];
	return NULL;
}

/* Appends TEXT from COLUMN on, broken between words, further lines as deep as INDENT. Line feeds in
 * it stay. */
static void wrap(const char *text, size_t column, size_t indent, struct icr_buf *out)
{
	bool first = true;

	while (*text) {
		size_t len = strcspn(text, " \n");
		if (!first && column + 1 + len > WIDTH_MAX) {
			icr_buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			icr_buf_char(out, ' ');
			column++;
		}
		icr_buf_append(out, text, len);
		column += len;
		text += len;
		first = false;
		if (*text == '\n') {
			icr_buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		if (*text)
			text++;
	}
	icr_buf_char(out, '\n');
}

void icr_program_usage(const struct icr_program *program, struct icr_buf *out)
{
	size_t width = strlen("--version");

	for (size_t i = 0; i < program->count; i++)
		if (strlen(program->verbs[i].name) > width)
			width = strlen(program->verbs[i].name);
	icr_buf_printf(out, "Usage: %s%s\n\n%s\n%s", program->name,
		       program->count > 0 ? " VERB [ARGUMENT...]" : "", program->summary,
		       program->count > 0 ? "\nVerbs:\n" : "");
	for (size_t i = 0; i < program->count; i++)
		icr_buf_printf(out, "  %-*s  %s\n", (int)width, program->verbs[i].name,
			       program->verbs[i].help);
	icr_buf_printf(out, "\nOptions:\n  %-*s  %s\n  %-*s  %s\n", (int)width, "--help",
		       "this text; behind a verb, what that verb takes, as help VERB", (int)width,
		       "--version", "the version");
}

/* Takes --quiet and -q out of the words in front of "--", where every verb may have them. */
static int take_quiet(int argc, char **argv)
{
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			for (; i < argc; i++)
				argv[kept++] = argv[i];
		} else if (strcmp(argv[i], "--quiet") == 0 || strcmp(argv[i], "-q") == 0) {
			quiet = true;
		} else {
			argv[kept++] = argv[i];
		}
	}
	argv[kept] = NULL;
	return kept;
}

/* "--regions LIST|all", "--quiet, -q" */
static char *option_head(const struct icr_option *option)
{
	char letter[] = {',', ' ', '-', option->letter, '\0'};

	return icr_printf("--%s%s%s%s", option->name, option->argument ? " " : "",
			  option->argument ? option->argument : "", option->letter ? letter : "");
}

static void print_option(const struct icr_option *option, size_t width, struct icr_buf *out)
{
	_cleanup_free_ char *head = option_head(option);
	size_t indent = width + 4;

	icr_buf_printf(out, "  %-*s  ", (int)width, head);
	if (strlen(head) > width) {
		icr_buf_truncate(out, out->len - 2);
		icr_buf_printf(out, "\n%*s", (int)indent, "");
	}
	wrap(option->help, indent, indent, out);
}

static void print_options(const struct icr_option *options, struct icr_buf *out)
{
	size_t width = strlen("--quiet, -q");

	for (const struct icr_option *option = options; option && option->name; option++) {
		_cleanup_free_ char *head = option_head(option);
		size_t len = strlen(head);
		if (len > width && len <= HEAD_MAX)
			width = len;
	}
	for (const struct icr_option *option = options; option && option->name; option++)
		print_option(option, width, out);
	print_option(&quiet_option, width, out);
}

void icr_verb_help(const char *program, const struct icr_verb *verb, struct icr_buf *out)
{
	icr_buf_printf(out, "Usage: %s %s%s%s%s\n\n", program, verb->name,
		       verb->protocol ? "" : " [OPTION...]", verb->operands ? " " : "",
		       verb->operands ? verb->operands : "");
	wrap(verb->help, 0, 0, out);
	if (!verb->protocol) {
		icr_buf_text(out, "\nOptions:\n");
		print_options(verb->options, out);
	}
	if (verb->more) {
		icr_buf_char(out, '\n');
		wrap(verb->more, 0, 0, out);
	}
}

/* To standard output; STATUS, or EXIT_FAILURE with a word why. */
static int print(const struct icr_buf *text, int status)
{
	if (fwrite(text->data, 1, text->len, stdout) == text->len && fflush(stdout) == 0)
		return status;
	icr_say(ICR_ERROR, "cannot write to standard output: %s", strerror(errno));
	return EXIT_FAILURE;
}

static int help(const struct icr_program *program, const struct icr_verb *verb)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);

	if (verb)
		icr_verb_help(program->name, verb, &text);
	else
		icr_program_usage(program, &text);
	return print(&text, EXIT_SUCCESS);
}

static int usage(const struct icr_program *program)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);

	if (program->usage)
		return program->usage();
	icr_program_usage(program, &text);
	ssize_t written = write(STDERR_FILENO, text.data, text.len);
	(void)written;
	return ICR_EXIT_USAGE;
}

/* A mistake on the command line is one line, with where to read on. VERB may be NULL. */
static int fail(const struct icr_program *program, const struct icr_verb *verb,
		const struct icr_error *err)
{
	if (verb && verb->protocol && program->failed)
		return program->failed(err);
	if (err->code != ICR_E_USAGE || err->hint) {
		icr_say_error(err);
	} else {
		bool asks = err->what[0] && err->what[strlen(err->what) - 1] == '?';
		icr_say(ICR_ERROR, "%s%s%s%s %s%s%s --help", err->where ? err->where : "",
			err->where ? ": " : "", err->what, asks ? " See" : "; see", program->name,
			verb ? " " : "", verb ? verb->name : "");
	}
	switch (err->code) {
	case ICR_E_USAGE:
		return ICR_EXIT_USAGE;
	case ICR_E_UNPROVEN:
		return ICR_EXIT_UNPROVEN;
	default:
		return EXIT_FAILURE;
	}
}

static int unknown(const struct icr_program *program, const char *word)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_free_ const char **names = icr_calloc(program->count + 1, sizeof(*names));

	if (program->unknown)
		return program->unknown(word);
	for (size_t i = 0; i < program->count; i++)
		names[i] = program->verbs[i].name;
	names[program->count] = "help";
	const char *nearest = icr_nearest(word, names, program->count + 1);
	if (word[0] == '-')
		(void)icr_fail(&err, ICR_E_USAGE,
			       "unknown option \"%.*s\" in front of the verb, options of a verb "
			       "stand behind it",
			       (int)strcspn(word, "="), word);
	else
		(void)icr_fail(&err, ICR_E_USAGE, "unknown verb \"%s\"%s%s%s", word,
			       nearest ? ", did you mean \"" : "", nearest ? nearest : "",
			       nearest ? "\"?" : "");
	return fail(program, NULL, &err);
}

static void say_progress(const char *text)
{
	say(ICR_INFO, text, false);
}

static int run_verb(const struct icr_program *program, const struct icr_verb *verb, int argc,
		    char **argv)
{
	_cleanup_error_ struct icr_error err = {0};
	if (!verb->protocol && isatty(STDERR_FILENO))
		icr_progress_start(say_progress);
	int status = verb->run(argc, argv, &err);

	if (status < 0)
		return fail(program, verb, &err);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	icr_say(ICR_ERROR, "cannot write to standard output: %s", strerror(errno));
	return EXIT_FAILURE;
}

static int version(const struct icr_program *program, int argc, char **argv)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);
	const struct icr_verb *verb = find_verb(program, "version");

	if (verb)
		return run_verb(program, verb, argc, argv);
	icr_buf_printf(&text, "%s %s\n", program->name, ICR_VERSION);
	return print(&text, EXIT_SUCCESS);
}

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words;
}

static const char *const help_words[] = {"--help", "-h", NULL};
static const char *const version_words[] = {"--version", "-V", "-v", "version", NULL};

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (is_one_of(argv[i], help_words))
			return true;
	return false;
}

int icr_program_main(const struct icr_program *program, int argc, char **argv)
{
	if (icr_program_start(program->name) < 0)
		return EXIT_FAILURE;
	if (argc < 2)
		return usage(program);
	const char *word = argv[1];
	const struct icr_verb *verb = find_verb(program, word);
	if (verb && wants_help(argc - 1, argv + 1))
		return help(program, verb);
	if (verb && verb->protocol && argc > 2)
		return usage(program);
	if (verb)
		return run_verb(program, verb, verb->protocol ? 1 : take_quiet(argc - 1, argv + 1),
				argv + 1);
	if (strcmp(word, "help") == 0 && argc > 2 && strcmp(argv[2], "help") != 0) {
		verb = find_verb(program, argv[2]);
		return verb ? help(program, verb) : unknown(program, argv[2]);
	}
	if (argc > 2 && program->usage && strcmp(word, "help") != 0)
		return program->usage();
	if (strcmp(word, "help") == 0 || is_one_of(word, help_words))
		return help(program, NULL);
	if (is_one_of(word, version_words))
		return version(program, argc - 1, argv + 1);
	return unknown(program, word);
}

static const struct icr_option *find_option(const struct icr_option *options, const char *word,
					    size_t len)
{
	for (; options->name; options++) {
		if (len == 2 && word[0] == '-' && options->letter && word[1] == options->letter)
			return options;
		if (len > 2 && memcmp(word, "--", 2) == 0 && strlen(options->name) == len - 2 &&
		    memcmp(options->name, word + 2, len - 2) == 0)
			return options;
	}
	return NULL;
}

/* Only the name is repeated: the value may have been meant to be secret. */
static int fail_unknown(const struct icr_option *options, const char *word, size_t len,
			struct icr_error *err)
{
	_cleanup_strings_ struct icr_strings names = {0};
	_cleanup_free_ char *name = icr_strndup(word, len);

	for (; options->name; options++)
		icr_strings_add_format(&names, "--%s", options->name);
	icr_strings_add(&names, "--quiet");
	icr_strings_add(&names, "--help");
	const char *nearest = icr_nearest(name, (const char *const *)names.items, names.count);
	return icr_fail(err, ICR_E_USAGE, "unknown option \"%s\"%s%s%s", name,
			nearest ? ", did you mean \"" : "", nearest ? nearest : "",
			nearest ? "\"?" : "");
}

static int set_value(const struct icr_option *option, const char *value, void *values,
		     struct icr_error *err)
{
	void *place = (char *)values + option->offset;

	if (option->kind == ICR_OPTION_REGIONS) {
		int r = icr_region_set_parse(place, value, err);
		if (r < 0)
			(void)icr_error_wrap(err, "--%s", option->name);
		return r;
	}
	if (option->kind == ICR_OPTION_LIST) {
		for (;; value++) {
			size_t len = strcspn(value, ",");
			icr_strings_add_span(place, value, len);
			value += len;
			if (!*value)
				return 0;
		}
	}
	*(const char **)place = value;
	return 0;
}

/* One word that begins with "-". NEXT is the word behind it or NULL. Returns how many words were
 * used. */
static int parse_option(const struct icr_option *options, const char *word, const char *next,
			void *values, struct icr_error *err)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	const struct icr_option *option = find_option(options, word, len);

	if (!option)
		return fail_unknown(options, word, len, err);
	if (option->kind == ICR_OPTION_FLAG) {
		if (value)
			return icr_fail(err, ICR_E_USAGE, "--%s takes no value", option->name);
		*(bool *)((char *)values + option->offset) = true;
		return 1;
	}
	if (!value && !next)
		return icr_fail(err, ICR_E_USAGE, "--%s needs a value", option->name);
	int r = set_value(option, value ? value : next, values, err);
	if (r < 0)
		return r;
	return value ? 1 : 2;
}

int icr_options_parse(const struct icr_option *options, int argc, char **argv, int max_operands,
		      void *values, struct icr_error *err)
{
	bool ended = false;
	int operands = 0;

	for (int i = 1; i < argc;) {
		char *word = argv[i];
		if (!ended && strcmp(word, "--") == 0) {
			ended = true;
			i++;
			continue;
		}
		if (!ended && word[0] == '-' && word[1]) {
			int used = parse_option(options, word, i + 1 < argc ? argv[i + 1] : NULL,
						values, err);
			if (used < 0)
				return used;
			i += used;
			continue;
		}
		if (operands == max_operands)
			return icr_fail(err, ICR_E_USAGE, "unexpected argument \"%s\"", word);
		argv[++operands] = word;
		i++;
	}
	return operands;
}
