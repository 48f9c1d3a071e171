/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/systemd.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "rewrite/docker-environment.h"

#define FILE_SIZE_MAX ((size_t)1024 * 1024)

/* Source: systemd.unit(5), "Unit File Load Path"; earlier ones hide later ones. */
static const char *const folders[] = {
	"/etc/systemd/system",	   "/run/systemd/system", "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system", "/lib/systemd/system",
};

/* What the files said so far. */
struct parser {
	bool service; /* in section [Service] */
	char *start;  /* ExecStart, as written */
	struct words environment, files;
	bool failed;
};

struct dropin {
	char *name, *path;
};

struct dropins {
	struct dropin *items;
	size_t count;
	bool failed;
};

bool docker_dropin_is_ours(const char *text, size_t len)
{
	size_t mark = strlen(DOCKER_DROPIN_MARK);
	return len >= mark && memcmp(text, DOCKER_DROPIN_MARK, mark) == 0;
}

bool docker_read(const struct host *host, const char *path, struct icr_buf *buf)
{
	_cleanup_free_ char *full = NULL;
	return host_has(host, path) && host_locate(host, path, true, &full, NULL) >= 0 &&
	       icr_file_read(full, buf, NULL) > 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
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
		parser->start = len > 0 ? strndup(value, len) : NULL;
		parser->failed |= len > 0 && !parser->start;
	} else if (is(key, key_len, "Environment")) {
		if (len == 0)
			words_clear(&parser->environment);
		(void)words_split(&parser->environment, value, len);
	} else if (is(key, key_len, "EnvironmentFile")) {
		if (len == 0)
			words_clear(&parser->files);
		else
			words_add(&parser->files, value, len);
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
	_cleanup_buf_ struct icr_buf whole;

	icr_buf_init(&whole, FILE_SIZE_MAX);
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
	parser->failed |= whole.failed != 0;
}

static void parse_file(struct parser *parser, const struct host *host, const char *path)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, FILE_SIZE_MAX);
	if (!docker_read(host, path, &text))
		return;
	if (strcmp(path, DOCKER_DROPIN) != 0 || !docker_dropin_is_ours(text.data, text.len))
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
	struct dropin *items =
		reallocarray(dropins->items, dropins->count + 1, sizeof(struct dropin));
	if (items)
		dropins->items = items;
	_cleanup_free_ char *copy = strdup(name);
	char *path = icr_path_join(folder, name);
	if (!items || !copy || !path) {
		free(path);
		dropins->failed = true;
		return;
	}
	items[dropins->count++] = (struct dropin){icr_steal(&copy), path};
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

static int parse_dropins(struct parser *parser, const struct host *host, struct icr_error *err)
{
	static const char *const kinds[] = {DOCKER_UNIT ".d", "service.d"};
	icr_cleanup(dropins_clear) struct dropins dropins = {0};

	for (size_t k = 0; k < ICR_LENGTH(kinds); k++)
		for (size_t i = 0; i < ICR_LENGTH(folders); i++) {
			_cleanup_free_ char *folder = icr_path_join(folders[i], kinds[k]);
			if (!folder)
				return icr_fail_memory(err);
			dropins_scan(&dropins, host, folder);
		}
	if (dropins.failed)
		return icr_fail_memory(err);
	if (dropins.count > 1)
		qsort(dropins.items, dropins.count, sizeof(struct dropin), by_name);
	for (size_t i = 0; i < dropins.count; i++)
		parse_file(parser, host, dropins.items[i].path);
	return 0;
}

static int find_unit(const struct host *host, char **ret_path, struct icr_error *err)
{
	for (size_t i = 0; i < ICR_LENGTH(folders); i++) {
		_cleanup_free_ char *path = icr_path_join(folders[i], DOCKER_UNIT);
		if (!path)
			return icr_fail_memory(err);
		if (!host_has(host, path))
			continue;
		*ret_path = icr_steal(&path);
		return 1;
	}
	return 0;
}

static void parser_clear(struct parser *parser)
{
	free(parser->start);
	words_clear(&parser->environment);
	words_clear(&parser->files);
}

/* Later assignments win, so what is in files comes last. */
static int finish(struct parser *parser, const struct host *host, struct docker_unit *unit,
		  struct icr_error *err)
{
	docker_percent(&parser->environment, &unit->environment);
	for (size_t i = 0; i < parser->files.count; i++) {
		const char *path = parser->files.items[i];
		_cleanup_buf_ struct icr_buf text;
		icr_buf_init(&text, FILE_SIZE_MAX);
		path += path[0] == '-';
		if (path[0] == '/' && docker_read(host, path, &text))
			docker_environment_parse(&unit->files, text.data, text.len);
	}
	for (size_t i = 0; i < unit->files.count; i++)
		words_add(&unit->environment, unit->files.items[i], strlen(unit->files.items[i]));
	if (parser->start)
		docker_command_parse(&unit->command, parser->start, &unit->environment);
	if (parser->failed || parser->environment.failed || parser->files.failed)
		return icr_fail_memory(err);
	if (unit->environment.failed || unit->files.failed || unit->command.failed)
		return icr_fail_memory(err);
	return 0;
}

int docker_unit_read(const struct host *host, struct docker_unit *ret_unit, struct icr_error *err)
{
	icr_cleanup(docker_unit_free) struct docker_unit unit = {0};
	icr_cleanup(parser_clear) struct parser parser = {0};

	int r = find_unit(host, &unit.path, err);
	if (r > 0) {
		parse_file(&parser, host, unit.path);
		r = parse_dropins(&parser, host, err);
	}
	if (r >= 0 && unit.path)
		r = finish(&parser, host, &unit, err);
	if (r < 0)
		return r;
	*ret_unit = unit;
	unit = (struct docker_unit){0};
	return 0;
}

void docker_unit_free(struct docker_unit *unit)
{
	free(unit->path);
	words_clear(&unit->command);
	words_clear(&unit->environment);
	words_clear(&unit->files);
	*unit = (struct docker_unit){0};
}
