/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/memory.h"
#include "icr/program.h"
#include "icr/reference.h"
#include "icr/value.h"
#include "rewrite/report.h"
#include "rewrite/verb/verb.h"

/* No reference is longer: a name of 255, a tag of 128, the longest digest of the table, and what
 * may stand before it. */
#define WORD_MAX 1024

/* What names the registry as a place for images or charts may stand before a reference. */
static const char *const transports[] = {
	"docker://",	   /* skopeo, podman */
	"docker-image://", /* buildx */
	"oci://",	   /* helm, flux */
};

struct mapping {
	enum icr_host_kind to;
	size_t line;	     /* of the stream, from 1 */
	size_t mapped;	     /* references whose name has changed */
	struct icr_buf left; /* lines with a host whose path holds a variable */
};

/* The reference TEXT by its other name, malloc'ed; NULL for what is none or has no such name. */
static char *map_reference(const char *text, const struct mapping *mapping)
{
	_cleanup_reference_ struct icr_reference reference = {0};

	if (icr_reference_parse(text, &reference, NULL) < 0)
		return NULL;
	return icr_reference_map(&reference, mapping->to);
}

static size_t transport_length(const char *text)
{
	for (size_t i = 0; i < ICR_LENGTH(transports); i++)
		if (strncmp(text, transports[i], strlen(transports[i])) == 0)
			return strlen(transports[i]);
	return 0;
}

/* TEXT as it shall be printed, malloc'ed; a change is counted. */
static char *map_word(const char *text, struct mapping *mapping)
{
	/* "${IMAGE:-us.icr.io/ns/img}": a shell's and Compose's default value; no tag begins so */
	const char *value = strstr(text, ":-");
	size_t prefix = value ? (size_t)(value - text) + 2 : 0;
	prefix += transport_length(text + prefix);
	_cleanup_free_ char *reference = map_reference(text + prefix, mapping);

	if (!reference)
		return icr_strdup(text);
	mapping->mapped += strcmp(reference, text + prefix) != 0;
	return icr_printf("%.*s%s", (int)prefix, text, reference);
}

static bool is_word(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("._-/:@+", c));
}

/* A host of ours by another name than wanted, with a variable of a template or a shell behind it:
 * "us.icr.io/${NS}". */
static bool is_unfinished(const char *word, int next, enum icr_host_kind to)
{
	struct icr_host host;

	word += transport_length(word);
	size_t len = strlen(word);
	return (next == '$' || next == '{' || next == '<') && len > 0 && word[len - 1] == '/' &&
	       icr_host_parse(word, len - 1, &host) && host.kind != to;
}

static size_t span_hex(const char *text, size_t len)
{
	size_t n = strspn(text, "0123456789abcdefABCDEF");

	return n >= len ? len : 0;
}

static size_t span_name(const char *text)
{
	return strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
}

/*
 * How much of WORD belongs to what stands before it: to an escape in a string ("\nus.icr.io/..",
 * "\u003c") or a URL ("%20"), or to a shell's or Compose's variable, with the operator before its
 * other value ("${IMAGE-us.icr.io/..}").
 */
static size_t lead_length(const char before[2], const char *word)
{
	if (before[1] == '\\' && (word[0] == 'u' || word[0] == 'x')) {
		size_t digits = span_hex(word + 1, word[0] == 'u' ? 4 : 2);
		return digits ? 1 + digits : 0;
	}
	if (before[1] == '\\')
		return word[0] == 'n' || word[0] == 'r' || word[0] == 't';
	if (before[1] == '%')
		return span_hex(word, 2);
	if (before[1] == '$')
		return span_name(word);
	if (before[1] != '{' || before[0] != '$')
		return 0;
	size_t name = span_name(word), colon = word[name] == ':';
	bool other = word[name + colon] == '-' || word[name + colon] == '+';
	return name + (other ? colon + 1 : 0);
}

/* Writes a word of the stream, which stands between BEFORE and NEXT: the reference that it is, or
 * is but for the punctuation behind it, by its other name. */
static void put_word(const char before[2], struct icr_buf *word, int next, struct mapping *mapping)
{
	size_t len = word->len;
	_cleanup_free_ char *whole = icr_buf_take(word);
	_cleanup_free_ char *end = NULL;
	size_t lead = lead_length(before, whole);
	char *text = whole + lead;

	(void)fwrite(whole, 1, lead, stdout);
	len -= lead;
	bool unfinished = is_unfinished(text, next, mapping->to);
	while (len > 0 && strchr(".:-/@_", text[len - 1]))
		len--;
	end = icr_strdup(text + len);
	text[len] = '\0';
	_cleanup_free_ char *mapped = map_word(text, mapping);
	/* "us.icr.io/ns/${IMAGE}" is long enough for its host to be sure of */
	if (unfinished && strcmp(mapped, text) == 0)
		icr_buf_printf(&mapping->left, "%s%zu", mapping->left.len ? ", " : "",
			       mapping->line);
	(void)fputs(mapped, stdout);
	(void)fputs(end, stdout);
}

/* Copies IN to standard output, with every word that is a reference by its other name. */
static int filter(FILE *in, struct mapping *mapping, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf word = ICR_BUF(WORD_MAX);
	bool running = false; /* through a word that is too long for a reference */
	char before[2] = "";  /* the word */
	int c;

	do {
		c = getc(in);
		if (c != EOF && is_word(c) && !running) {
			icr_buf_char(&word, (char)c);
			if (!word.failed)
				continue;
			(void)fwrite(word.data, 1, word.len, stdout);
			icr_buf_free(&word);
			running = true;
		}
		if (c == EOF || !is_word(c)) {
			put_word(before, &word, c, mapping);
			running = false;
			before[0] = before[1];
			before[1] = (char)c;
		}
		if (c != EOF)
			(void)putc(c, stdout);
		mapping->line += c == '\n';
	} while (c != EOF);
	if (ferror(in))
		return icr_fail_errno(err, errno, NULL, "cannot read standard input");
	return 0;
}

static void tell(const struct mapping *mapping, struct notes *notes)
{
	if (mapping->to == ICR_HOST_PRIVATE && mapping->mapped > 0)
		note_warning(notes, "a signature names the registry: signed images must be signed "
				    "again for their private names");
	if (mapping->left.len > 0)
		note_warning(notes, "left as it is, since a variable stands in the name: line %s",
			     mapping->left.data);
}

static void map_json(char **words, int count, struct mapping *mapping, struct icr_value *object)
{
	struct icr_value *list = icr_value_put_list(object, "references");

	for (int i = 0; i < count; i++) {
		struct icr_value *item = icr_value_push_object(list);
		_cleanup_free_ char *mapped = map_word(words[i], mapping);
		icr_value_put_text(item, "from", words[i]);
		icr_value_put_text(item, "to", mapped);
	}
}

static void map_operands(char **words, int count, struct mapping *mapping)
{
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *mapped = map_word(words[i], mapping);
		(void)puts(mapped);
	}
}

struct values {
	bool private, public, json;
};

const struct icr_option ref_options[] = {
	ICR_FLAG(struct values, private, "private", "to the private names (as without an option)"),
	ICR_FLAG(struct values, public, "public", "to the public names"),
	ICR_FLAG(struct values, json, "json", "print one JSON object"),
	{0},
};

int cmd_ref(int argc, char **argv, struct icr_error *err)
{
	struct values options = {0};
	struct mapping mapping = {.line = 1, .left = ICR_BUF(ICR_BUF_MAX)};

	int count = icr_options_parse(ref_options, argc, argv, argc, &options, err);
	bool stream = count == 1 && strcmp(argv[1], "-") == 0;
	if (count >= 0 && options.private && options.public)
		count = icr_fail(err, ICR_E_USAGE, "--private and --public exclude each other");
	if (count == 0)
		count = icr_fail(err, ICR_E_USAGE,
				 "name references, or - to filter standard input");
	if (stream && options.json)
		count = icr_fail(err, ICR_E_USAGE,
				 "a stream is filtered as it is: - without --json");
	if (count < 0)
		return report_usage("ref", argc, argv, err);
	mapping.to = options.public ? ICR_HOST_PUBLIC : ICR_HOST_PRIVATE;
	_cleanup_value_ struct icr_value *object = report_new("ref");
	icr_cleanup(notes_free) struct notes notes = {0};
	int r = 0;
	if (stream)
		r = filter(stdin, &mapping, err);
	else if (options.json)
		map_json(argv + 1, count, &mapping, object);
	else
		map_operands(argv + 1, count, &mapping);
	if (r >= 0) {
		tell(&mapping, &notes);
		r = report_print(object, options.json, NULL, &notes, STATUS_DONE, err);
	}
	icr_buf_free(&mapping.left);
	return r;
}
