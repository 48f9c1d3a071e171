/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/systemd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/process.h"
#include "icr/text.h"

#define FILE_SIZE_MAX ((size_t)1024 * 1024)

/* Source: systemd.unit(5), "Unit File Load Path"; earlier ones hide later ones. */
static const char *const folders[] = {
	"/etc/systemd/system.control",
	"/run/systemd/system.control",
	"/run/systemd/transient",
	"/run/systemd/generator.early",
	SYSTEMD_ETC,
	SYSTEMD_RUN,
	"/run/systemd/generator",
	SYSTEMD_USR_LOCAL,
	SYSTEMD_USR,
	SYSTEMD_LIB,
	"/run/systemd/generator.late",
};

/* \xHH, \OOO: how many characters after the backslash belong to it, 0 when it is no such escape. */
static size_t numeric_escape(const char *text, size_t len, char *ret_c)
{
	bool hexadecimal = len > 0 && text[0] == 'x';
	int base = hexadecimal ? 16 : 8, value = 0;
	size_t start = hexadecimal ? 1 : 0, digits = hexadecimal ? 2 : 3;

	if (len < start + digits)
		return 0;
	for (size_t i = start; i < start + digits; i++) {
		int d = icr_hex_digit(text[i]);
		if (d < 0 || d >= base)
			return 0;
		value = value * base + d;
	}
	if (value == 0 || value > UINT8_MAX)
		return 0;
	*ret_c = (char)value;
	return start + digits;
}

/* Reads the escape behind a backslash; one that systemd does not know stays as it is. */
static size_t unescape(const char *text, size_t len, struct icr_buf *out)
{
	static const char names[] = "abfnrtvs\\\"'", values[] = "\a\b\f\n\r\t\v \\\"'";
	char c = '\0';

	const char *name = len > 0 && text[0] != '\0' ? strchr(names, text[0]) : NULL;
	size_t used = name ? 1 : numeric_escape(text, len, &c);
	if (name)
		c = values[name - names];
	icr_buf_char(out, used > 0 ? c : '\\');
	return used;
}

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool systemd_split(struct icr_strings *words, const char *text, size_t len)
{
	_cleanup_buf_ struct icr_buf word = ICR_BUF(len);
	bool inside = false;
	char quote = '\0';

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (quote == '\0' && is_separator(c)) {
			if (inside)
				icr_strings_add_span(words, word.data, word.len);
			icr_buf_truncate(&word, 0);
			inside = false;
			continue;
		}
		inside = true;
		if (c == '\\')
			i += unescape(text + i + 1, len - i - 1, &word);
		else if (quote != '\0' && c == quote)
			quote = '\0';
		else if (quote == '\0' && (c == '"' || c == '\''))
			quote = c;
		else
			icr_buf_char(&word, c);
	}
	if (quote != '\0')
		return false;
	if (inside)
		icr_strings_add_span(words, word.data, word.len);
	return true;
}

const char *environment_value(const struct icr_strings *words, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = words->count; i > 0; i--) {
		const char *item = words->items[i - 1];
		if (strncmp(item, name, len) == 0 && item[len] == '=')
			return item[len + 1] != '\0' ? item + len + 1 : NULL;
	}
	return NULL;
}

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

void systemd_environment_parse(struct icr_strings *environment, const char *text, size_t len)
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
		_cleanup_buf_ struct icr_buf item = ICR_BUF(len + 1);
		icr_buf_append(&item, text + i, name);
		icr_buf_char(&item, '=');
		i = take_value(text, len, equals + 1, &item);
		icr_strings_add_span(environment, item.data, item.len);
	}
}

static void add_percent(struct icr_strings *out, const char *text)
{
	_cleanup_buf_ struct icr_buf item = ICR_BUF(strlen(text));

	for (const char *c = text; *c; c++) {
		icr_buf_char(&item, *c);
		c += c[0] == '%' && c[1] == '%';
	}
	icr_strings_add_span(out, item.data, item.len);
}

void systemd_percent(const struct icr_strings *in, struct icr_strings *out)
{
	for (size_t i = 0; i < in->count; i++)
		add_percent(out, in->items[i]);
}

static const char *look_up(const struct icr_strings *environment, const char *name, size_t len)
{
	_cleanup_free_ char *copy = icr_strndup(name, len);
	const char *value = environment_value(environment, copy);

	return value ? value : "";
}

/* ${NAME} anywhere in a word stays one word. */
static void add_filled(struct icr_strings *command, const char *word,
		       const struct icr_strings *environment)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF((size_t)1024 * 1024);

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
	icr_strings_add_span(command, out.data, out.len);
}

/* $NAME as a word of its own becomes as many words as its value has. */
static void add_word(struct icr_strings *command, const char *word,
		     const struct icr_strings *environment)
{
	size_t len = strlen(word);

	if (len > 1 && word[0] == '$' && name_length(word + 1, len - 1) == len - 1) {
		const char *value = look_up(environment, word + 1, len - 1);
		(void)systemd_split(command, value, strlen(value));
	} else {
		add_filled(command, word, environment);
	}
}

void systemd_command_parse(struct icr_strings *command, const char *line,
			   const struct icr_strings *environment)
{
	_cleanup_strings_ struct icr_strings raw = {0}, split = {0};

	(void)systemd_split(&raw, line, strlen(line));
	systemd_percent(&raw, &split);
	if (split.count == 0)
		return;
	size_t prefixes = strspn(split.items[0], "@-:+!|");
	bool named = memchr(split.items[0], '@', prefixes) != NULL;
	bool literal = memchr(split.items[0], ':', prefixes) != NULL;
	icr_strings_add(command, split.items[0] + prefixes);
	for (size_t i = named ? 2 : 1; i < split.count; i++) {
		if (literal)
			icr_strings_add(command, split.items[i]);
		else
			add_word(command, split.items[i], environment);
	}
}

void systemd_environment_quote(struct icr_buf *out, const char *name, const char *value)
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

/* What the files said so far. */
struct parser {
	bool service; /* in section [Service] */
	char *start;  /* ExecStart, as written */
	struct icr_strings environment, files, unset;
};

struct dropin {
	char *name, *path;
};

struct dropins {
	struct dropin *items;
	size_t count;
};

bool systemd_dropin_is_ours(const char *text, size_t len)
{
	size_t mark = strlen(SYSTEMD_DROPIN_MARK);
	return len >= mark && memcmp(text, SYSTEMD_DROPIN_MARK, mark) == 0;
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_space((*text)[0])) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_space((*text)[*len - 1]))
		(*len)--;
}

static bool is(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(text, word, len) == 0;
}

static void assign(struct parser *parser, const char *key, size_t key_len, const char *value,
		   size_t len)
{
	if (is(key, key_len, "ExecStart")) {
		if (len > 0 && parser->start)
			return;
		free(parser->start);
		parser->start = len > 0 ? icr_strndup(value, len) : NULL;
	} else if (is(key, key_len, "Environment")) {
		if (len == 0)
			icr_strings_free(&parser->environment);
		(void)systemd_split(&parser->environment, value, len);
	} else if (is(key, key_len, "UnsetEnvironment")) {
		if (len == 0)
			icr_strings_free(&parser->unset);
		(void)systemd_split(&parser->unset, value, len);
	} else if (is(key, key_len, "EnvironmentFile")) {
		if (len == 0)
			icr_strings_free(&parser->files);
		else
			icr_strings_add_span(&parser->files, value, len);
	}
}

static void parse_line(struct parser *parser, const char *line, size_t len)
{
	trim(&line, &len);
	if (len > 1 && line[0] == '[' && line[len - 1] == ']') {
		parser->service = is(line, len, "[Service]");
		return;
	}
	const char *equals = parser->service ? memchr(line, '=', len) : NULL;
	if (!equals)
		return;
	const char *key = line, *value = equals + 1;
	size_t key_len = (size_t)(equals - line), value_len = len - key_len - 1;
	trim(&key, &key_len);
	trim(&value, &value_len);
	assign(parser, key, key_len, value, value_len);
}

/* Does the line end in a backslash that nothing escapes? */
static bool continues(const char *line, size_t len)
{
	size_t backslashes = 0;

	while (backslashes < len && line[len - 1 - backslashes] == '\\')
		backslashes++;
	return backslashes % 2 == 1;
}

static bool is_comment(const char *line, size_t len)
{
	trim(&line, &len);
	return len > 0 && (line[0] == '#' || line[0] == ';');
}

static void parse_text(struct parser *parser, const char *text, size_t len)
{
	_cleanup_buf_ struct icr_buf whole = ICR_BUF(FILE_SIZE_MAX);

	parser->service = false;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	for (const char *end = text + len; text < end;) {
		const char *feed = memchr(text, '\n', (size_t)(end - text));
		const char *line = text;
		size_t line_len = (size_t)((feed ? feed : end) - line);
		text = feed ? feed + 1 : end;
		if (line_len > 0 && line[line_len - 1] == '\r')
			line_len--;
		/* a comment between continued lines does not end them */
		if (is_comment(line, line_len))
			continue;
		bool more = continues(line, line_len);
		icr_buf_append(&whole, line, more ? line_len - 1 : line_len);
		if (more)
			icr_buf_char(&whole, ' ');
		if (more && text < end)
			continue;
		parse_line(parser, whole.data, whole.len);
		icr_buf_truncate(&whole, 0);
	}
}

/* OURS: a drop-in that does not count when we wrote it. */
static void parse_file(struct parser *parser, const struct host *host, const char *path,
		       const char *ours)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(FILE_SIZE_MAX);

	if (!host_read(host, path, &text))
		return;
	if (strcmp(path, ours) != 0 || !systemd_dropin_is_ours(text.data, text.len))
		parse_text(parser, text.data, text.len);
}

static void dropins_clear(struct dropins *dropins)
{
	for (size_t i = 0; i < dropins->count; i++) {
		free(dropins->items[i].name);
		free(dropins->items[i].path);
	}
	free(dropins->items);
}

static void dropins_add(struct dropins *dropins, const char *folder, const char *name)
{
	for (size_t i = 0; i < dropins->count; i++)
		if (strcmp(dropins->items[i].name, name) == 0)
			return;
	*ICR_APPEND(dropins) = (struct dropin){icr_strdup(name), icr_path_join(folder, name)};
}

static void dropins_scan(struct dropins *dropins, const struct host *host, const char *folder)
{
	_cleanup_free_ char *full = NULL;
	/* most are not there, and to say so is cheap */
	if (!host_has(host, folder) || host_locate(host, folder, true, &full, NULL) < 0)
		return;
	_cleanup_dir_ DIR *dir = opendir(full);
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);
		if (len > 5 && entry->d_name[0] != '.' &&
		    strcmp(entry->d_name + len - 5, ".conf") == 0)
			dropins_add(dropins, folder, entry->d_name);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct dropin *)a)->name, ((const struct dropin *)b)->name);
}

static void parse_dropins(struct parser *parser, const struct host *host, const char *unit,
			  const char *ours)
{
	icr_cleanup(dropins_clear) struct dropins dropins = {0};
	_cleanup_free_ char *own = icr_printf("%s.d", unit);
	const char *const kinds[] = {own, "service.d"};

	for (size_t k = 0; k < ICR_LENGTH(kinds); k++)
		for (size_t i = 0; i < ICR_LENGTH(folders); i++) {
			_cleanup_free_ char *folder = icr_path_join(folders[i], kinds[k]);
			dropins_scan(&dropins, host, folder);
		}
	if (dropins.count > 1)
		qsort(dropins.items, dropins.count, sizeof(struct dropin), by_name);
	for (size_t i = 0; i < dropins.count; i++)
		parse_file(parser, host, dropins.items[i].path, ours);
}

char *systemd_unit_path(const struct host *host, const char *unit)
{
	for (size_t i = 0; i < ICR_LENGTH(folders); i++) {
		_cleanup_free_ char *path = icr_path_join(folders[i], unit);
		if (host_has(host, path))
			return icr_steal(&path);
	}
	return NULL;
}

static void parser_clear(struct parser *parser)
{
	free(parser->start);
	icr_strings_free(&parser->environment);
	icr_strings_free(&parser->files);
	icr_strings_free(&parser->unset);
}

/* Takes out what UnsetEnvironment= names: a variable, or one with just this value. */
static void drop_unset(const struct icr_strings *unset, struct icr_strings *environment)
{
	struct icr_strings kept = {0};

	for (size_t i = 0; i < environment->count; i++) {
		const char *item = environment->items[i];
		_cleanup_free_ char *name = icr_strndup(item, strcspn(item, "="));
		if (!icr_strings_has(unset, name) && !icr_strings_has(unset, item))
			icr_strings_add(&kept, item);
	}
	icr_strings_free(environment);
	*environment = kept;
}

/* Later assignments win, so what is in files comes last. */
static void finish(struct parser *parser, const struct host *host, struct systemd_unit *unit)
{
	systemd_percent(&parser->environment, &unit->environment);
	for (size_t i = 0; i < parser->files.count; i++) {
		const char *path = parser->files.items[i];
		_cleanup_buf_ struct icr_buf text = ICR_BUF(FILE_SIZE_MAX);
		path += path[0] == '-';
		if (path[0] == '/' && host_read(host, path, &text))
			systemd_environment_parse(&unit->files, text.data, text.len);
	}
	for (size_t i = 0; i < unit->files.count; i++)
		icr_strings_add(&unit->environment, unit->files.items[i]);
	drop_unset(&parser->unset, &unit->environment);
	drop_unset(&parser->unset, &unit->files);
	if (parser->start)
		systemd_command_parse(&unit->command, parser->start, &unit->environment);
}

struct systemd_unit systemd_unit_read(const struct host *host, const char *name, const char *ours)
{
	icr_cleanup(parser_clear) struct parser parser = {0};
	struct systemd_unit unit = {.path = systemd_unit_path(host, name)};

	if (!unit.path)
		return unit;
	parse_file(&parser, host, unit.path, ours);
	parse_dropins(&parser, host, name, ours);
	finish(&parser, host, &unit);
	return unit;
}

void systemd_unit_free(struct systemd_unit *unit)
{
	free(unit->path);
	icr_strings_free(&unit->command);
	icr_strings_free(&unit->environment);
	icr_strings_free(&unit->files);
	*unit = (struct systemd_unit){0};
}

bool systemd_runs(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

int systemd_ctl(const char *verb, const char *unit, int timeout_ms, struct icr_error *err)
{
	const char *const arguments[] = {"systemctl", "--quiet", verb, unit, NULL};
	_cleanup_buf_ struct icr_buf errors = ICR_BUF(65536), safe = ICR_BUF(ICR_BUF_MAX);
	const struct icr_process process = {
		.arguments = arguments,
		.timeout_ms = timeout_ms,
		.errors = &errors,
	};

	int r = icr_process_run(&process, err);
	if (r <= 0)
		return r;
	icr_text_safe(errors.data, strcspn(errors.data, "\n"), "", &safe);
	return icr_fail(err, EIO, "%s", safe.len > 0 ? safe.data : "it does not say why");
}

int systemd_reload(int timeout_ms, struct icr_error *err)
{
	return systemd_ctl("daemon-reload", NULL, timeout_ms, err);
}
