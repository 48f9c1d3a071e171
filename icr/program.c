/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "icr/region-set.h"
#include "icr/secret.h"

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

int icr_program_start(void)
{
	icr_secret_harden_process();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	return fill_descriptors();
}

const struct icr_verb *icr_verb_find(const struct icr_verb *verbs, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

void icr_verb_usage(const char *program, const char *summary, const struct icr_verb *verbs,
		    size_t count, struct icr_buf *out)
{
	size_t width = strlen("--version");

	for (size_t i = 0; i < count; i++)
		if (strlen(verbs[i].name) > width)
			width = strlen(verbs[i].name);
	icr_buf_printf(out, "Usage: %s VERB [ARGUMENT...]\n\n%s\n\nVerbs:\n", program, summary);
	for (size_t i = 0; i < count; i++)
		icr_buf_printf(out, "  %-*s  %s\n", (int)width, verbs[i].name, verbs[i].help);
	icr_buf_printf(out, "\nOptions:\n  %-*s  %s\n  %-*s  %s\n", (int)width, "--help",
		       "this text; behind a verb, what that verb takes", (int)width, "--version",
		       "the version");
}

void icr_verb_help(const char *program, const struct icr_verb *verb, struct icr_buf *out)
{
	icr_buf_printf(out, "Usage: %s %s%s%s\n\n%s\n", program, verb->name,
		       *verb->arguments ? " " : "", verb->arguments, verb->help);
}

static const struct icr_option *find_option(const struct icr_option *options, size_t count,
					    const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
			return &options[i];
	return NULL;
}

static int set_value(const struct icr_option *option, const char *value, struct icr_error *err)
{
	if (option->kind == ICR_OPTION_REGIONS) {
		int r = icr_region_set_parse(option->value, value, err);
		if (r < 0)
			(void)icr_error_wrap(err, "--%s", option->name);
		return r;
	}
	*(const char **)option->value = value;
	return 0;
}

/* One word that begins with "-". NEXT is the word behind it or NULL. Returns how many words were
 * used. */
static int parse_option(const struct icr_option *options, size_t count, const char *word,
			const char *next, struct icr_error *err)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	const struct icr_option *option = NULL;

	if (word[1] == '-')
		option = find_option(options, count, word + 2, len - 2);
	if (!option)
		return icr_fail(err, ICR_E_USAGE, "unknown option \"%.*s\"", (int)len, word);
	if (option->kind == ICR_OPTION_FLAG) {
		if (value)
			return icr_fail(err, ICR_E_USAGE, "--%s takes no value", option->name);
		*(bool *)option->value = true;
		return 1;
	}
	if (!value && !next)
		return icr_fail(err, ICR_E_USAGE, "--%s needs a value", option->name);
	int r = set_value(option, value ? value : next, err);
	if (r < 0)
		return r;
	return value ? 1 : 2;
}

int icr_options_parse(const struct icr_option *options, size_t count, int argc, char **argv,
		      int max_operands, struct icr_error *err)
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
			int used = parse_option(options, count, word,
						i + 1 < argc ? argv[i + 1] : NULL, err);
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
