/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker-environment.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "icr/cleanup.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static size_t name_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (text[n] == '_' || isalnum((unsigned char)text[n])))
		n++;
	return n > 0 && !isdigit((unsigned char)text[0]) ? n : 0;
}

/* One quoted stretch from TEXT[i] on, the quote itself; returns where it ends. */
static size_t take_quoted(const char *text, size_t len, size_t i, struct icr_buf *out)
{
	char quote = text[i++];

	for (; i < len && text[i] != quote; i++) {
		bool escape = quote == '"' && text[i] == '\\' && i + 1 < len;
		if (escape && text[i + 1] == '\n') {
			i++;
			continue;
		}
		if (escape && strchr("\"\\`$", text[i + 1]))
			i++;
		icr_buf_char(out, text[i]);
	}
	return i < len ? i + 1 : i;
}

/* The value from TEXT[i] to the end of its line, which quotes and backslashes may carry on. */
static size_t take_value(const char *text, size_t len, size_t i, struct icr_buf *out)
{
	size_t solid = out->len; /* trailing white space beyond this is dropped */

	while (i < len && is_space(text[i]))
		i++;
	while (i < len && text[i] != '\n') {
		if (text[i] == '"' || text[i] == '\'') {
			i = take_quoted(text, len, i, out);
			solid = out->len;
			continue;
		}
		bool escape = text[i] == '\\' && i + 1 < len;
		i += escape;
		if (!escape || text[i] != '\n')
			icr_buf_char(out, text[i]);
		if (escape || !is_space(text[i]))
			solid = out->len;
		i++;
	}
	icr_buf_truncate(out, solid);
	return i < len ? i + 1 : i;
}

void docker_environment_parse(struct words *environment, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		while (i < len && (is_space(text[i]) || text[i] == '\n'))
			i++;
		size_t name = i < len ? name_length(text + i, len - i) : 0;
		size_t equals = i + name;
		while (equals < len && is_space(text[equals]))
			equals++;
		if (name == 0 || equals >= len || text[equals] != '=') {
			const char *feed = i < len ? memchr(text + i, '\n', len - i) : NULL;
			i = feed ? (size_t)(feed - text) + 1 : len;
			continue;
		}
		_cleanup_buf_ struct icr_buf item;
		icr_buf_init(&item, len + 1);
		icr_buf_append(&item, text + i, name);
		icr_buf_char(&item, '=');
		i = take_value(text, len, equals + 1, &item);
		words_add(environment, item.data, item.len);
		environment->failed |= item.failed != 0;
	}
}

static void add_percent(struct words *out, const char *text)
{
	_cleanup_buf_ struct icr_buf item;

	icr_buf_init(&item, strlen(text));
	for (const char *c = text; *c; c++) {
		icr_buf_char(&item, *c);
		c += c[0] == '%' && c[1] == '%';
	}
	words_add(out, item.data, item.len);
	out->failed |= item.failed != 0;
}

void docker_percent(const struct words *in, struct words *out)
{
	for (size_t i = 0; i < in->count; i++)
		add_percent(out, in->items[i]);
	out->failed |= in->failed;
}

static const char *look_up(const struct words *environment, const char *name, size_t len)
{
	char *copy = strndup(name, len);
	const char *value = copy ? words_value(environment, copy) : NULL;

	free(copy);
	return value ? value : "";
}

/* ${NAME} anywhere in a word stays one word. */
static void add_filled(struct words *command, const char *word, const struct words *environment)
{
	_cleanup_buf_ struct icr_buf out;

	icr_buf_init(&out, (size_t)1024 * 1024);
	for (const char *c = word; *c; c++) {
		size_t name = c[0] == '$' && c[1] == '{' ? name_length(c + 2, strlen(c + 2)) : 0;
		if (name > 0 && c[2 + name] == '}') {
			icr_buf_text(&out, look_up(environment, c + 2, name));
			c += 2 + name;
			continue;
		}
		icr_buf_char(&out, *c);
		c += c[0] == '$' && c[1] == '$';
	}
	words_add(command, out.data, out.len);
	command->failed |= out.failed != 0;
}

/* $NAME as a word of its own becomes as many words as its value has. */
static void add_word(struct words *command, const char *word, const struct words *environment)
{
	size_t len = strlen(word);

	if (len > 1 && word[0] == '$' && name_length(word + 1, len - 1) == len - 1) {
		const char *value = look_up(environment, word + 1, len - 1);
		(void)words_split(command, value, strlen(value));
	} else {
		add_filled(command, word, environment);
	}
}

void docker_command_parse(struct words *command, const char *line, const struct words *environment)
{
	_cleanup_words_ struct words raw = {0}, split = {0};

	(void)words_split(&raw, line, strlen(line));
	docker_percent(&raw, &split);
	command->failed |= split.failed;
	if (split.count == 0)
		return;
	size_t prefixes = strspn(split.items[0], "@-:+!|");
	bool named = memchr(split.items[0], '@', prefixes) != NULL;
	bool literal = memchr(split.items[0], ':', prefixes) != NULL;
	words_add(command, split.items[0] + prefixes, strlen(split.items[0] + prefixes));
	for (size_t i = named ? 2 : 1; i < split.count; i++) {
		if (literal)
			words_add(command, split.items[i], strlen(split.items[i]));
		else
			add_word(command, split.items[i], environment);
	}
}

void docker_environment_quote(struct icr_buf *out, const char *name, const char *value)
{
	icr_buf_printf(out, "Environment=\"%s=", name);
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			icr_buf_char(out, '\\');
		if (*c == '%')
			icr_buf_char(out, '%');
		icr_buf_char(out, *c);
	}
	icr_buf_text(out, "\"\n");
}
