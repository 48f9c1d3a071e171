/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/systemd.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/process.h"
#include "icr/text.h"
#include "icr/utf8.h"
#include "rewrite/block.h"

#define FILE_SIZE_MAX ((size_t)1024 * 1024)

/* Earlier ones hide later ones. Source: systemd-system.conf(5). */
#define ETC	  "/etc/systemd"
#define RUN	  "/run/systemd"
#define USR_LOCAL "/usr/local/lib/systemd"
#define USR	  "/usr/lib/systemd"
#define LIB	  "/lib/systemd"

static const char *const places[] = {ETC, RUN, USR_LOCAL, USR, LIB};

/* Source: systemd.unit(5), "Unit File Load Path"; earlier ones hide later ones. */
static const struct {
	const char *place, *folder;
} unit_folders[] = {
	{ETC, ETC "/system.control"}, {RUN, RUN "/system.control"},
	{RUN, RUN "/transient"},      {RUN, RUN "/generator.early"},
	{ETC, SYSTEMD_ETC},	      {RUN, SYSTEMD_RUN},
	{RUN, RUN "/generator"},      {USR_LOCAL, SYSTEMD_USR_LOCAL},
	{USR, SYSTEMD_USR},	      {LIB, SYSTEMD_LIB},
	{RUN, RUN "/generator.late"},
};

/* Digits of a number in TEXT of just this length; negative when they are none. */
static int64_t digits(const char *text, size_t len, size_t count, int base)
{
	int64_t value = 0;

	for (size_t i = 0; i < count; i++) {
		int d = i < len ? icr_hex_digit(text[i]) : -1;
		if (d < 0 || d >= base)
			return -1;
		value = value * base + d;
	}
	return value;
}

/* Reads the escape behind a backslash. Returns how many characters belong to it, 0 when systemd
 * knows none of that kind. Source: systemd.syntax(7), "Quoting". */
static size_t unescape(const char *text, size_t len, struct icr_buf *out)
{
	static const char names[] = "abfnrtvs\\\"'", values[] = "\a\b\f\n\r\t\v \\\"'";
	static const struct {
		char name;
		size_t skip, count;
		int base;
		int64_t max;
	} numbers[] = {{'x', 1, 2, 16, UINT8_MAX},
		       {'u', 1, 4, 16, 0xffff},
		       {'U', 1, 8, 16, 0x10ffff},
		       {'\0', 0, 3, 8, UINT8_MAX}};

	const char *name = len > 0 && text[0] != '\0' ? strchr(names, text[0]) : NULL;
	if (name) {
		icr_buf_char(out, values[name - names]);
		return 1;
	}
	for (size_t i = 0; len > 0 && i < ICR_LENGTH(numbers); i++) {
		size_t skip = numbers[i].skip, count = numbers[i].count;
		if (skip > 0 && text[0] != numbers[i].name)
			continue;
		int64_t value = digits(text + skip, len - skip, count, numbers[i].base);
		if (value <= 0 || value > numbers[i].max || (value >= 0xd800 && value < 0xe000))
			continue;
		char bytes[4] = {(char)value};
		size_t n = numbers[i].max > UINT8_MAX ? icr_utf8_encode((uint32_t)value, bytes) : 1;
		icr_buf_append(out, bytes, n);
		return skip + count;
	}
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What backslashes mean, C escapes or just the next character as it is, and what comes of those
 * that are none: they stay, or the line ends there. */
enum escapes { ESCAPES_STAY, ESCAPES_END, ESCAPES_NONE };

/* Takes what stands behind a backslash; negative when that ends the line. */
static int take_escape(const char *text, size_t len, size_t *i, enum escapes escapes,
		       struct icr_buf *word)
{
	size_t used = escapes == ESCAPES_NONE ? 0 : unescape(text + *i + 1, len - *i - 1, word);

	if (used == 0 && escapes == ESCAPES_END)
		return -1;
	if (used == 0 && (escapes == ESCAPES_STAY || *i + 1 == len))
		icr_buf_char(word, '\\');
	if (used == 0 && *i + 1 < len) {
		icr_buf_char(word, text[*i + 1]);
		used = 1;
	}
	*i += used;
	return 0;
}

/* The next word from TEXT[*at] on. 0: there is none, -1: a quote is left open, or an escape is none
 * that may stand there. */
static int next_word(const char *text, size_t len, size_t *at, enum escapes escapes,
		     struct icr_buf *word)
{
	char quote = '\0';
	size_t i = *at;

	icr_buf_truncate(word, 0);
	while (i < len && is_space(text[i]))
		i++;
	size_t start = i;
	for (; i < len && (quote != '\0' || !is_space(text[i])); i++) {
		char c = text[i];
		if (c == '\\') {
			if (take_escape(text, len, &i, escapes, word) < 0)
				return -1;
		} else if (quote != '\0' && c == quote) {
			quote = '\0';
		} else if (quote == '\0' && (c == '"' || c == '\'')) {
			quote = c;
		} else {
			icr_buf_char(word, c);
		}
	}
	*at = i;
	if (quote != '\0' && escapes != ESCAPES_NONE)
		return -1;
	return i > start;
}

static bool split(struct icr_strings *words, const char *text, size_t len, enum escapes escapes)
{
	_cleanup_buf_ struct icr_buf word = ICR_BUF(len);
	size_t at = 0;
	int r;

	while ((r = next_word(text, len, &at, escapes, &word)) > 0)
		icr_strings_add_span(words, word.data, word.len);
	return r == 0;
}

bool systemd_split(struct icr_strings *words, const char *text, size_t len)
{
	return split(words, text, len, ESCAPES_STAY);
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

static bool ends_line(char c)
{
	return c == '\n' || c == '\r';
}

/* The value from TEXT[i] to the end of its line, which quotes and backslashes may carry on. Quotes
 * count at its beginning, and where such a stretch ends; "it's" is what it looks like. */
static size_t take_value(const char *text, size_t len, size_t i, struct icr_buf *out)
{
	size_t solid = out->len; /* trailing white space beyond this is dropped */
	bool bare = false;

	while (i < len && !ends_line(text[i])) {
		if (!bare && (text[i] == '"' || text[i] == '\'')) {
			i = take_quoted(text, len, i, out);
			solid = out->len;
			continue;
		}
		bool escape = text[i] == '\\' && i + 1 < len;
		bool blank = !escape && is_space(text[i]);
		i += escape;
		bare |= !blank;
		if (bare && !(escape && ends_line(text[i])))
			icr_buf_char(out, text[i]);
		if (!blank)
			solid = out->len;
		i++;
	}
	icr_buf_truncate(out, solid);
	return i;
}

void systemd_environment_parse(struct icr_strings *environment, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		if (is_space(text[i])) {
			i++;
			continue;
		}
		_cleanup_buf_ struct icr_buf item = ICR_BUF(len + 1);
		size_t end = i, value;
		bool comment = text[i] == '#' || text[i] == ';';
		while (end < len && !ends_line(text[end]) && (comment || text[end] != '='))
			end++;
		if (comment || end == len || text[end] != '=') {
			i = end;
			continue;
		}
		for (value = end + 1; end > i && is_space(text[end - 1]);)
			end--;
		icr_buf_append(&item, text + i, end - i);
		icr_buf_char(&item, '=');
		bool named = name_length(text + i, end - i) == end - i && end > i;
		i = take_value(text, len, value, &item);
		if (named)
			icr_strings_add_span(environment, item.data, item.len);
	}
}

/* Specifiers that are the same for the system's manager everywhere. Source: systemd.unit(5),
 * "Specifiers". */
static const struct {
	char letter;
	const char *value;
} specifiers[] = {
	{'%', "%"},    {'t', "/run"}, {'S', "/var/lib"}, {'C', "/var/cache"}, {'L', "/var/log"},
	{'E', "/etc"}, {'T', "/tmp"}, {'V', "/var/tmp"}, {'h', "/root"},      {'u', "root"},
	{'U', "0"},    {'g', "root"}, {'G', "0"},	 {'i', ""},	      {'I', ""},
};

/* Appends what the specifier stands for; false for one that only systemd can fill in. */
static bool specifier(char letter, const struct systemd_names *names, struct icr_buf *out)
{
	size_t stem = strcspn(names->unit, ".");

	for (size_t i = 0; i < ICR_LENGTH(specifiers); i++)
		if (specifiers[i].letter == letter) {
			icr_buf_text(out, specifiers[i].value);
			return true;
		}
	if (letter == 'n')
		icr_buf_text(out, names->unit);
	else if (letter == 'd')
		icr_buf_printf(out, SYSTEMD_CREDENTIALS "/%s", names->unit);
	else if (letter == 'N' || letter == 'p' || letter == 'j')
		icr_buf_append(out, names->unit, stem);
	else if (letter == 'H' && names->host)
		icr_buf_text(out, names->host);
	else if (letter == 'l' && names->host)
		icr_buf_append(out, names->host, strcspn(names->host, "."));
	else
		return false;
	return true;
}

bool systemd_fill_in(struct icr_strings *out, const char *text, const struct systemd_names *names)
{
	_cleanup_buf_ struct icr_buf item = ICR_BUF(ICR_BUF_MAX);
	bool all = true;

	for (const char *c = text; *c; c++) {
		if (*c == '%' && c[1] && specifier(c[1], names, &item)) {
			c++;
			continue;
		}
		all &= *c != '%' || !isalpha((unsigned char)c[1]);
		icr_buf_char(&item, *c);
	}
	icr_strings_add_span(out, item.data, item.len);
	return all;
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
	if (word[0] == '$' && word[1] != '{' && word[1] != '$') {
		const char *value = look_up(environment, word + 1, strlen(word + 1));
		(void)split(command, value, strlen(value), ESCAPES_NONE);
	} else {
		add_filled(command, word, environment);
	}
}

/* The words of the line's first command, as written. */
static void split_command(struct icr_strings *words, const char *line)
{
	size_t len = strlen(line), at = 0;
	_cleanup_buf_ struct icr_buf word = ICR_BUF(len);

	for (;;) {
		at += strspn(line + at, " \t\r\n");
		size_t raw = strcspn(line + at, " \t\r\n");
		bool escaped = raw == 2 && strncmp(line + at, "\\;", raw) == 0;
		if (raw == 1 && line[at] == ';')
			return;
		if (next_word(line, len, &at, ESCAPES_STAY, &word) <= 0)
			return;
		icr_strings_add_span(words, escaped ? ";" : word.data, escaped ? 1 : word.len);
	}
}

void systemd_command_parse(struct icr_strings *command, const char *line,
			   const struct icr_strings *environment, const struct systemd_names *names)
{
	_cleanup_strings_ struct icr_strings raw = {0}, words = {0};

	split_command(&raw, line);
	for (size_t i = 0; i < raw.count; i++)
		(void)systemd_fill_in(&words, raw.items[i], names);
	if (words.count == 0)
		return;
	size_t prefixes = strspn(words.items[0], "@-:+!|");
	bool named = memchr(words.items[0], '@', prefixes) != NULL;
	bool literal = memchr(words.items[0], ':', prefixes) != NULL;
	icr_strings_add(command, words.items[0] + prefixes);
	for (size_t i = named ? 2 : 1; i < words.count; i++) {
		if (literal)
			icr_strings_add(command, words.items[i]);
		else
			add_word(command, words.items[i], environment);
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

/* Folders that systemd makes for a service, whose processes find their paths in a variable. Source:
 * systemd.exec(5), "RuntimeDirectory=, ...". */
static const struct {
	const char *setting, *variable, *parent;
} unit_directories[] = {
	{"ConfigurationDirectory", "CONFIGURATION_DIRECTORY", "/etc"},
	{"RuntimeDirectory", "RUNTIME_DIRECTORY", "/run"},
	{"StateDirectory", "STATE_DIRECTORY", "/var/lib"},
	{"CacheDirectory", "CACHE_DIRECTORY", "/var/cache"},
	{"LogsDirectory", "LOGS_DIRECTORY", "/var/log"},
};

/* What the files said so far. */
struct parser {
	bool counts; /* in section [Service], or [Manager] of system.conf */
	char *start; /* ExecStart, as written */
	char *folder, *root, *image;
	char *closed; /* a file that may not be read; or NULL */
	struct icr_strings manager, environment, files, unset, binds, temporary;
	struct icr_strings directories[ICR_LENGTH(unit_directories)];
};

struct dropin {
	char *name, *path;
};

struct dropins {
	struct dropin *items;
	size_t count;
};

static bool is(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(text, word, len) == 0;
}

/* Words are added; none takes back what came before. */
static void assign_words(struct icr_strings *words, const char *value, size_t len)
{
	if (len == 0)
		icr_strings_free(words);
	(void)split(words, value, len, ESCAPES_END);
}

static void assign_text(char **text, const char *value, size_t len)
{
	free(*text);
	*text = len > 0 ? icr_strndup(value, len) : NULL;
}

/* What tells of the files that the service sees. */
static void assign_sight(struct parser *parser, const char *key, size_t key_len, const char *value,
			 size_t len)
{
	if (is(key, key_len, "WorkingDirectory"))
		assign_text(&parser->folder, value, len);
	else if (is(key, key_len, "RootDirectory"))
		assign_text(&parser->root, value, len);
	else if (is(key, key_len, "RootImage"))
		assign_text(&parser->image, value, len);
	else if (is(key, key_len, "BindPaths") || is(key, key_len, "BindReadOnlyPaths"))
		assign_words(&parser->binds, value, len);
	else if (is(key, key_len, "TemporaryFileSystem"))
		assign_words(&parser->temporary, value, len);
	for (size_t i = 0; i < ICR_LENGTH(unit_directories); i++)
		if (is(key, key_len, unit_directories[i].setting))
			assign_words(&parser->directories[i], value, len);
}

static void assign(struct parser *parser, const char *key, size_t key_len, const char *value,
		   size_t len)
{
	if (is(key, key_len, "ExecStart")) {
		if (len > 0 && parser->start)
			return;
		free(parser->start);
		parser->start = len > 0 ? icr_strndup(value, len) : NULL;
	} else if (is(key, key_len, "DefaultEnvironment")) {
		assign_words(&parser->manager, value, len);
	} else if (is(key, key_len, "Environment")) {
		assign_words(&parser->environment, value, len);
	} else if (is(key, key_len, "UnsetEnvironment")) {
		assign_words(&parser->unset, value, len);
	} else if (is(key, key_len, "EnvironmentFile")) {
		if (len == 0)
			icr_strings_free(&parser->files);
		else
			icr_strings_add_span(&parser->files, value, len);
	} else {
		assign_sight(parser, key, key_len, value, len);
	}
}

static void parse_line(struct parser *parser, const char *line, size_t len)
{
	icr_trim(&line, &len);
	if (len > 1 && line[0] == '[' && line[len - 1] == ']') {
		parser->counts = is(line, len, "[Service]") || is(line, len, "[Manager]");
		return;
	}
	const char *equals = parser->counts ? memchr(line, '=', len) : NULL;
	if (!equals)
		return;
	const char *key = line, *value = equals + 1;
	size_t key_len = (size_t)(equals - line), value_len = len - key_len - 1;
	icr_trim(&key, &key_len);
	icr_trim(&value, &value_len);
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
	icr_trim(&line, &len);
	return len > 0 && (line[0] == '#' || line[0] == ';');
}

static void parse_text(struct parser *parser, const char *text, size_t len)
{
	_cleanup_buf_ struct icr_buf whole = ICR_BUF(FILE_SIZE_MAX);

	parser->counts = false;
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

static void parser_clear(struct parser *parser)
{
	free(parser->start);
	free(parser->folder);
	free(parser->root);
	free(parser->image);
	icr_strings_free(&parser->binds);
	icr_strings_free(&parser->temporary);
	for (size_t i = 0; i < ICR_LENGTH(parser->directories); i++)
		icr_strings_free(&parser->directories[i]);
	icr_strings_free(&parser->manager);
	icr_strings_free(&parser->environment);
	icr_strings_free(&parser->files);
	icr_strings_free(&parser->unset);
	free(parser->closed);
}

static void note_closed(char **closed, const char *path)
{
	if (!*closed && access(path, R_OK) < 0 && errno == EACCES)
		*closed = icr_strdup(path);
}

/* OURS: a drop-in that does not count when we wrote it. */
static void parse_file(struct parser *parser, const char *path, const char *ours)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(FILE_SIZE_MAX);

	if (!host_read(path, &text)) {
		note_closed(&parser->closed, path);
		return;
	}
	if (strcmp(path, ours) != 0 || !block_is_whole(text.data, text.len))
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

static void dropins_add(struct dropins *dropins, const char *path)
{
	const char *name = icr_path_base(path);

	for (size_t i = 0; i < dropins->count; i++)
		if (strcmp(dropins->items[i].name, name) == 0)
			return;
	*ICR_APPEND(dropins) = (struct dropin){icr_strdup(name), icr_strdup(path)};
}

/* A FOLDER with nothing in it is added to EMPTY, unless that is NULL. */
static void dropins_scan(struct dropins *dropins, const char *folder, struct icr_strings *empty)
{
	_cleanup_strings_ struct icr_strings paths = {0};

	icr_folder_list(folder, ".conf", &paths);
	if (empty && !paths.count)
		icr_strings_add(empty, folder);
	for (size_t i = 0; i < paths.count; i++)
		if (icr_path_base(paths.items[i])[0] != '.')
			dropins_add(dropins, paths.items[i]);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct dropin *)a)->name, ((const struct dropin *)b)->name);
}

/* Those in the folders KIND of FOLDERS; of one name the first counts. */
static void dropins_find(struct dropins *dropins, const struct icr_strings *folders,
			 const char *kind, struct icr_strings *empty)
{
	for (size_t i = 0; i < folders->count; i++) {
		_cleanup_free_ char *folder = icr_path_join(folders->items[i], kind);
		dropins_scan(dropins, folder, empty);
	}
}

/* By their names, wherever they are. */
static void parse_dropins(struct parser *parser, struct dropins *dropins, const char *ours)
{
	if (dropins->count > 1)
		qsort(dropins->items, dropins->count, sizeof(struct dropin), by_name);
	for (size_t i = 0; i < dropins->count; i++)
		parse_file(parser, dropins->items[i].path, ours);
}

/* What all services get. Source: systemd-system.conf(5), DefaultEnvironment= */
static void parse_manager(struct parser *parser, const struct icr_strings *there,
			  struct icr_strings *empty)
{
	icr_cleanup(dropins_clear) struct dropins dropins = {0};
	bool found = false;

	for (size_t i = 0; i < there->count && !found; i++) {
		_cleanup_free_ char *path = icr_path_join(there->items[i], "system.conf");
		found = host_has(path);
		if (found)
			parse_file(parser, path, "");
	}
	dropins_find(&dropins, there, "system.conf.d", empty);
	parse_dropins(parser, &dropins, "");
}

struct systemd_units {
	struct icr_strings folders; /* those of unit_folders that are there */
	struct icr_strings manager; /* the environment that all services get */
	struct dropins shared;	    /* the drop-ins that all services get */
	struct {
		struct unit_place {
			char *unit, *path; /* NULL: there is none */
		} * items;
		size_t count;
	} places;		    /* where units were found to stand so far */
	struct icr_strings missing; /* folders that are not there, or have nothing for services */
};

struct systemd_units *systemd_look(void)
{
	struct systemd_units *units = icr_calloc(1, sizeof(*units));
	_cleanup_strings_ struct icr_strings there = {0};
	struct parser parser = {0};
	const char *folders[ICR_LENGTH(unit_folders)];
	size_t count = 0;

	host_folders(places, ICR_LENGTH(places), &there, &units->missing);
	for (size_t i = 0; i < ICR_LENGTH(unit_folders); i++)
		if (icr_strings_has(&there, unit_folders[i].place))
			folders[count++] = unit_folders[i].folder;
	host_folders(folders, count, &units->folders, &units->missing);
	parse_manager(&parser, &there, &units->missing);
	units->manager = parser.manager;
	parser.manager = (struct icr_strings){0};
	parser_clear(&parser);
	dropins_find(&units->shared, &units->folders, "service.d", &units->missing);
	return units;
}

void systemd_units_free(struct systemd_units *units)
{
	if (!units)
		return;
	icr_strings_free(&units->folders);
	icr_strings_free(&units->manager);
	dropins_clear(&units->shared);
	icr_strings_free(&units->missing);
	for (size_t i = 0; i < units->places.count; i++) {
		free(units->places.items[i].unit);
		free(units->places.items[i].path);
	}
	free(units->places.items);
	free(units);
}

bool systemd_lacks(const struct host *host, const char *path)
{
	const struct icr_strings *missing = &host->units->missing;

	for (size_t i = 0; i < missing->count; i++) {
		size_t len = strlen(missing->items[i]);
		if (strncmp(path, missing->items[i], len) == 0 && strchr("/", path[len]))
			return true;
	}
	return false;
}

static char *find_unit(const struct icr_strings *folders, const char *unit)
{
	for (size_t i = 0; i < folders->count; i++) {
		_cleanup_free_ char *path = icr_path_join(folders->items[i], unit);
		if (host_has(path))
			return icr_steal(&path);
	}
	return NULL;
}

char *systemd_unit_path(const struct host *host, const char *unit)
{
	struct systemd_units *units = host->units;
	const struct unit_place *place = NULL;

	for (size_t i = 0; i < units->places.count && !place; i++)
		if (strcmp(units->places.items[i].unit, unit) == 0)
			place = &units->places.items[i];
	if (!place) {
		struct unit_place *found = ICR_APPEND(&units->places);
		*found = (struct unit_place){icr_strdup(unit), find_unit(&units->folders, unit)};
		place = found;
	}
	return place->path ? icr_strdup(place->path) : NULL;
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

/* Adds assignments whose names systemd takes. */
static void add_assignments(struct systemd_unit *unit, const struct icr_strings *words,
			    const struct systemd_names *names)
{
	_cleanup_strings_ struct icr_strings filled = {0};

	for (size_t i = 0; i < words->count; i++)
		unit->open |= !systemd_fill_in(&filled, words->items[i], names);
	for (size_t i = 0; i < filled.count; i++) {
		const char *item = filled.items[i], *equals = strchr(item, '=');
		size_t len = equals ? (size_t)(equals - item) : 0;
		if (len > 0 && name_length(item, len) == len)
			icr_strings_add(&unit->environment, item);
	}
}

/* Adds what matches PATTERN below FOLDER, as glob(3) finds it. The C library's asks the user
 * database for "~", be there one or not, which a statically linked program must not. */
static void find_matches(const char *folder, const char *pattern, struct icr_strings *paths)
{
	pattern += strspn(pattern, "/");
	size_t len = strcspn(pattern, "/");
	const char *rest = pattern + len + strspn(pattern + len, "/");
	_cleanup_free_ char *step = icr_strndup(pattern, len);
	_cleanup_strings_ struct icr_strings found = {0};

	if (strpbrk(step, "*?[\\"))
		icr_folder_list(folder[0] ? folder : "/", "", &found);
	else
		icr_strings_add_format(&found, "%s/%s", folder, step);
	for (size_t i = 0; i < found.count; i++) {
		const char *path = found.items[i];
		if (fnmatch(step, icr_path_base(path), FNM_PERIOD) != 0)
			continue;
		if (*rest)
			find_matches(path, rest, paths);
		else if (host_has(path))
			icr_strings_add(paths, path);
	}
}

/* What EnvironmentFile= names may be a pattern. */
static void read_environment_files(struct systemd_unit *unit, const char *named,
				   const struct systemd_names *names)
{
	_cleanup_strings_ struct icr_strings filled = {0}, found = {0};

	(void)systemd_fill_in(&filled, named + (named[0] == '-'), names);
	const char *pattern = filled.items[0];
	if (pattern[0] != '/')
		return;
	/* the kernel takes no longer one, and each step of it is a call deeper */
	if (strlen(pattern) < PATH_MAX)
		find_matches("", pattern, &found);
	if (found.count == 0)
		note_closed(&unit->closed, pattern);
	for (size_t i = 0; i < found.count; i++) {
		_cleanup_buf_ struct icr_buf text = ICR_BUF(FILE_SIZE_MAX);
		if (host_read(found.items[i], &text))
			systemd_environment_parse(&unit->files, text.data, text.len);
		else
			note_closed(&unit->closed, found.items[i]);
	}
}

/* The variables that systemd sets by itself. */
static void add_own_variables(const struct parser *parser, const struct systemd_names *names,
			      struct icr_strings *environment)
{
	icr_strings_add_format(environment, "CREDENTIALS_DIRECTORY=" SYSTEMD_CREDENTIALS "/%s",
			       names->unit);
	for (size_t i = 0; i < ICR_LENGTH(unit_directories); i++) {
		_cleanup_strings_ struct icr_strings filled = {0};
		_cleanup_buf_ struct icr_buf value = ICR_BUF(ICR_BUF_MAX);
		for (size_t k = 0; k < parser->directories[i].count; k++) {
			(void)systemd_fill_in(&filled, parser->directories[i].items[k], names);
			icr_buf_printf(&value, "%s%s/%s", k > 0 ? ":" : "",
				       unit_directories[i].parent, filled.items[k]);
		}
		if (value.len > 0)
			icr_strings_add_format(environment, "%s=%s", unit_directories[i].variable,
					       value.data);
	}
}

static char *fill_in(const char *text, const struct systemd_names *names)
{
	_cleanup_strings_ struct icr_strings filled = {0};

	(void)systemd_fill_in(&filled, text, names);
	return icr_strdup(filled.items[0]);
}

/* "-" before a path means that it need not exist, "~" the home of root. */
static char *find_folder(const char *text, const struct systemd_names *names)
{
	text += text[0] == '-';
	return strcmp(text, "~") == 0 ? icr_strdup("/root") : fill_in(text, names);
}

/* Words are SOURCE:PATH:OPTIONS; only SOURCE when it is put over itself. */
static void add_covered(const struct parser *parser, const struct systemd_names *names,
			struct icr_strings *covered, struct icr_strings *sources)
{
	for (size_t i = 0; i < parser->binds.count; i++) {
		_cleanup_free_ char *word = fill_in(parser->binds.items[i], names);
		const char *source = word + (word[0] == '-'), *path = strchr(source, ':');
		if (!path || strncmp(path + 1, source, (size_t)(path - source) + 1) == 0)
			continue;
		icr_strings_add_span(covered, path + 1, strcspn(path + 1, ":"));
		icr_strings_add_span(sources, source, (size_t)(path - source));
	}
	for (size_t i = 0; i < parser->temporary.count; i++) {
		_cleanup_free_ char *word = fill_in(parser->temporary.items[i], names);
		icr_strings_add_span(covered, word, strcspn(word, ":"));
		icr_strings_add(sources, "");
	}
}

/* Which files of the host the service sees as what. */
static void finish_sight(const struct parser *parser, const struct systemd_names *names,
			 struct systemd_unit *unit)
{
	const char *root = parser->root ? parser->root : parser->image;

	if (root && strcmp(root, "/") != 0)
		unit->root = fill_in(root, names);
	if (parser->folder)
		unit->folder = find_folder(parser->folder, names);
	add_covered(parser, names, &unit->covered, &unit->sources);
}

/* Later assignments win, so what is in files comes last. */
static void finish_environment(struct parser *parser, const struct icr_strings *manager,
			       const struct systemd_names *names, struct systemd_unit *unit)
{
	_cleanup_strings_ struct icr_strings unset = {0};

	add_assignments(unit, manager, names);
	add_assignments(unit, &parser->environment, names);
	for (size_t i = 0; i < parser->files.count; i++)
		read_environment_files(unit, parser->files.items[i], names);
	for (size_t i = 0; i < unit->files.count; i++)
		icr_strings_add(&unit->environment, unit->files.items[i]);
	for (size_t i = 0; i < parser->unset.count; i++)
		(void)systemd_fill_in(&unset, parser->unset.items[i], names);
	drop_unset(&unset, &unit->environment);
	drop_unset(&unset, &unit->files);
}

static void finish_command(const struct parser *parser, const struct systemd_names *names,
			   struct systemd_unit *unit)
{
	_cleanup_strings_ struct icr_strings known = {0};

	add_own_variables(parser, names, &known);
	for (size_t i = 0; i < unit->environment.count; i++)
		icr_strings_add(&known, unit->environment.items[i]);
	if (parser->start)
		systemd_command_parse(&unit->command, parser->start, &known, names);
}

/* Those of the unit itself, of its template, and of all whose names begin as its does, up to each
 * dash: "a-b.service.d" before "a-.service.d". Source: systemd.unit(5), "Description". */
static void dropins_of(struct dropins *dropins, const struct icr_strings *folders, const char *name)
{
	const char *suffix = strrchr(name, '.'), *at = strchr(name, '@');
	size_t len = suffix ? (size_t)(suffix - name) : 0;
	_cleanup_free_ char *own = icr_printf("%s.d", name);

	dropins_find(dropins, folders, own, NULL);
	if (at && at < suffix && at + 1 < suffix) {
		_cleanup_free_ char *all =
			icr_printf("%.*s%s.d", (int)(at + 1 - name), name, suffix);
		dropins_find(dropins, folders, all, NULL);
	}
	while (len > 0) {
		if (name[--len] != '-' || name + len + 1 == suffix)
			continue;
		_cleanup_free_ char *all = icr_printf("%.*s%s.d", (int)len + 1, name, suffix);
		dropins_find(dropins, folders, all, NULL);
	}
}

struct systemd_unit systemd_unit_read(const struct host *host, const char *name, const char *ours)
{
	icr_cleanup(parser_clear) struct parser parser = {0};
	icr_cleanup(dropins_clear) struct dropins dropins = {0};
	struct systemd_unit unit = {.path = systemd_unit_path(host, name)};

	if (!unit.path)
		return unit;
	struct utsname here;
	bool known = host->root[0] == '\0' && uname(&here) == 0;
	const struct systemd_names names = {name, known ? here.nodename : NULL};
	const struct systemd_units *units = host->units;
	parse_file(&parser, unit.path, ours);
	dropins_of(&dropins, &units->folders, name);
	for (size_t i = 0; i < units->shared.count; i++)
		dropins_add(&dropins, units->shared.items[i].path);
	parse_dropins(&parser, &dropins, ours);
	unit.closed = icr_steal(&parser.closed);
	finish_environment(&parser, &units->manager, &names, &unit);
	finish_command(&parser, &names, &unit);
	finish_sight(&parser, &names, &unit);
	return unit;
}

void systemd_unit_free(struct systemd_unit *unit)
{
	free(unit->path);
	free(unit->folder);
	free(unit->root);
	free(unit->closed);
	icr_strings_free(&unit->covered);
	icr_strings_free(&unit->sources);
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
