/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "helper/source/source.h"
#include "helper/store/store.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/iam.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/text.h"

#define CONFIG_MAX ((size_t)64 * 1024)

/* One configuration file while it is read. */
struct reading {
	const struct icr_environment *environment;
	const char *path;
	struct icr_json json;
	struct config *config;
};

static const struct config_value *find_value(const struct config *config, const char *key)
{
	for (size_t i = 0; i < config->count; i++)
		if (strcmp(config->items[i].key, key) == 0)
			return &config->items[i];
	return NULL;
}

const char *config_text(const struct config *config, const char *key)
{
	const struct config_value *value = find_value(config, key);

	return value ? value->text : NULL;
}

bool config_is(const struct config *config, const char *key, const char *word)
{
	const char *text = config_text(config, key);

	return text && strcmp(text, word) == 0;
}

bool config_has(const struct config *config, const char *key)
{
	return find_value(config, key) != NULL;
}

int64_t config_number(const struct config *config, const char *key, int64_t otherwise)
{
	const struct config_value *value = find_value(config, key);

	return value ? value->number : otherwise;
}

const char *config_place(const struct config *config, const char *key)
{
	return find_value(config, key)->place;
}

int config_fail(const struct config *config, const char *key, struct icr_error *err,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	_cleanup_free_ char *text = icr_vprintf(format, args);
	va_end(args);
	return icr_fail_at(err, ICR_E_CONFIG, config_place(config, key), "\"%s\" %s", key, text);
}

static int check_iam_url(const struct config *config, const char *key, struct icr_error *err)
{
	_cleanup_error_ struct icr_error failure = {0};
	_cleanup_free_ char *url = NULL;

	if (icr_iam_url(config_text(config, key), &url, &failure) >= 0)
		return 0;
	return config_fail(config, key, err, "%s", failure.what);
}

static const char *const tokens[] = {"apikey", "bearer", NULL};

/* Keys that belong to no source or store; "stores" and "sources" are read apart. */
static const struct config_key own_keys[] = {
	{.name = "token", .type = CONFIG_WORD, .words = tokens},
	{.name = "iam_url",
	 .type = CONFIG_TEXT,
	 .wanted = "\"private\" or an https:// address",
	 .check = check_iam_url},
	{0},
};

static int fail_at_offset(const struct reading *reading, size_t offset, struct icr_error *err,
			  const char *format, ...) ICR_PRINTF(4, 5);

static int fail_at_offset(const struct reading *reading, size_t offset, struct icr_error *err,
			  const char *format, ...)
{
	_cleanup_free_ char *place = icr_json_place(&reading->json, reading->path, offset);
	va_list args;

	va_start(args, format);
	_cleanup_free_ char *text = icr_vprintf(format, args);
	va_end(args);
	return icr_fail_at(err, ICR_E_CONFIG, place, "%s", text);
}

static int fail_value(const struct reading *reading, uint32_t node, struct icr_error *err,
		      const char *key, const char *wanted)
{
	const struct icr_json_node *value = &reading->json.nodes[node];

	return fail_at_offset(reading, value->start, err, "\"%s\" must be %s, not %s", key, wanted,
			      icr_json_type_name(value->type));
}

/* What KEY must be, for people. */
static void say_wanted(const struct config_key *key, struct icr_buf *out)
{
	static const char *const by_type[] = {
		[CONFIG_TEXT] = "a string",
		[CONFIG_PATH] = "a path",
		[CONFIG_OBJECT] = "an object",
	};

	if (key->wanted) {
		icr_buf_text(out, key->wanted);
	} else if (key->type == CONFIG_NUMBER) {
		icr_buf_printf(out, "a whole number from %lld to %lld", (long long)key->min,
			       (long long)key->max);
	} else if (key->type == CONFIG_WORD) {
		for (size_t i = 0; key->words[i]; i++)
			icr_buf_printf(out, "%s\"%s\"", i > 0 ? " or " : "", key->words[i]);
	} else {
		icr_buf_text(out, by_type[key->type]);
	}
}

static void forget_value(struct config_value *value)
{
	free(value->key);
	free(value->place);
	free(value->text);
}

/* Forgets NAME and its members: an earlier file, or an earlier member of this one, set them. */
static void forget(struct config *config, const char *name)
{
	size_t len = strlen(name), kept = 0;

	for (size_t i = 0; i < config->count; i++) {
		struct config_value *value = &config->items[i];
		if (strncmp(value->key, name, len) == 0 &&
		    (value->key[len] == '\0' || value->key[len] == '.'))
			forget_value(value);
		else
			config->items[kept++] = *value;
	}
	config->count = kept;
}

static int read_path(const struct reading *reading, uint32_t node, const char *name, char **path,
		     struct icr_error *err)
{
	size_t start = reading->json.nodes[node].start;
	const char *home = reading->environment->home;

	if (strncmp(*path, "~/", 2) == 0 && !home)
		return fail_at_offset(reading, start, err,
				      "\"%s\": no home folder is known for the path", name);
	if (strncmp(*path, "~/", 2) == 0) {
		char *below = icr_path_join(home, *path + 2);
		free(*path);
		*path = below;
	}
	if ((*path)[0] != '/')
		return fail_at_offset(reading, start, err,
				      "\"%s\" must be a path that begins with / or ~/", name);
	return 0;
}

static bool is_word(const struct config_key *key, const char *text)
{
	for (size_t i = 0; key->words[i]; i++)
		if (strcmp(key->words[i], text) == 0)
			return true;
	return false;
}

static int read_string(const struct reading *reading, const struct config_key *key, uint32_t node,
		       struct config_value *value, struct icr_error *err)
{
	size_t start = reading->json.nodes[node].start;
	_cleanup_buf_ struct icr_buf wanted = ICR_BUF(CONFIG_MAX);

	say_wanted(key, &wanted);
	if (!icr_json_is(&reading->json, node, ICR_JSON_STRING))
		return fail_value(reading, node, err, value->key, wanted.data);
	value->text = icr_json_string_dup(&reading->json, node);
	if (!*value->text)
		return fail_at_offset(reading, start, err, "\"%s\" may not be empty", value->key);
	if (key->type == CONFIG_WORD && !is_word(key, value->text))
		return fail_at_offset(reading, start, err, "\"%s\" must be %s", value->key,
				      wanted.data);
	return key->type == CONFIG_PATH ? read_path(reading, node, value->key, &value->text, err)
					: 0;
}

static int read_number(const struct reading *reading, const struct config_key *key, uint32_t node,
		       struct config_value *value, struct icr_error *err)
{
	const struct icr_json_node *number = &reading->json.nodes[node];
	_cleanup_buf_ struct icr_buf wanted = ICR_BUF(CONFIG_MAX);

	say_wanted(key, &wanted);
	if (number->type != ICR_JSON_NUMBER)
		return fail_value(reading, node, err, value->key, wanted.data);
	_cleanup_free_ char *text =
		icr_strndup(reading->json.text + number->start, number->end - number->start);
	if (icr_number_parse(text, key->min, key->max, &value->number, NULL) < 0)
		return fail_at_offset(reading, number->start, err, "\"%s\" must be %s", value->key,
				      wanted.data);
	return 0;
}

static int read_members(const struct reading *reading, const struct config_key *keys,
			uint32_t object, const char *prefix, struct icr_error *err);

static int read_value(const struct reading *reading, const struct config_key *key, uint32_t node,
		      const char *prefix, struct icr_error *err)
{
	_cleanup_free_ char *name = icr_printf("%s%s", prefix, key->name);
	int r;

	forget(reading->config, name);
	struct config_value *value = ICR_APPEND(reading->config);
	value->key = icr_strdup(name);
	value->place =
		icr_json_place(&reading->json, reading->path, reading->json.nodes[node].start);
	if (key->type == CONFIG_OBJECT) {
		if (!icr_json_is(&reading->json, node, ICR_JSON_OBJECT))
			return fail_value(reading, node, err, name, "an object");
		_cleanup_free_ char *below = icr_printf("%s.", name);
		r = read_members(reading, key->members, node, below, err);
	} else if (key->type == CONFIG_NUMBER) {
		r = read_number(reading, key, node, value, err);
	} else {
		r = read_string(reading, key, node, value, err);
	}
	if (r < 0)
		return r;
	return key->check ? key->check(reading->config, name, err) : 0;
}

static int fail_unknown(const struct reading *reading, uint32_t member,
			const struct icr_strings *known, struct icr_error *err)
{
	const struct icr_json_node *node = &reading->json.nodes[member];
	_cleanup_free_ char *name = icr_json_name_dup(&reading->json, member);
	_cleanup_buf_ struct icr_buf list = ICR_BUF(CONFIG_MAX);
	const char *near = icr_nearest(name, (const char *const *)known->items, known->count);

	int r = fail_at_offset(reading, node->key_start, err, "unknown key %.*s",
			       (int)(node->key_end - node->key_start),
			       reading->json.text + node->key_start);
	for (size_t i = 0; i < known->count; i++)
		icr_buf_printf(&list, "%s%s",
			       i == 0		      ? ""
			       : i + 1 < known->count ? ", "
						      : " and ",
			       known->items[i]);
	if (near)
		(void)icr_error_hint(err, "did you mean \"%s\"?", near);
	else
		(void)icr_error_hint(err, "the keys are %s", list.data);
	return r;
}

/* Adds the names of KEYS to KNOWN; the key that MEMBER is called by, or NULL. */
static const struct config_key *find_key(const struct reading *reading,
					 const struct config_key *keys, uint32_t member,
					 struct icr_strings *known)
{
	for (; keys && keys->name; keys++) {
		if (icr_json_name_is(&reading->json, member, keys->name))
			return keys;
		icr_strings_add(known, keys->name);
	}
	return NULL;
}

static int read_members(const struct reading *reading, const struct config_key *keys,
			uint32_t object, const char *prefix, struct icr_error *err)
{
	for (uint32_t member = reading->json.nodes[object].child; member != ICR_JSON_NONE;
	     member = reading->json.nodes[member].next) {
		_cleanup_strings_ struct icr_strings known = {0};
		const struct config_key *key = find_key(reading, keys, member, &known);
		int r = key ? read_value(reading, key, member, prefix, err)
			    : fail_unknown(reading, member, &known, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The number in NAMES of the word that ITEM of the list KEY is. */
static int read_name(const struct reading *reading, const char *key, uint32_t item,
		     const char *const *names, size_t count, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf known = ICR_BUF(CONFIG_MAX);

	if (!icr_json_is(&reading->json, item, ICR_JSON_STRING))
		return fail_value(reading, item, err, key, "a list of names");
	for (size_t i = 0; i < count; i++)
		if (icr_json_string_is(&reading->json, item, names[i]))
			return (int)i;
	for (size_t i = 0; i < count; i++)
		icr_buf_printf(&known, " %s", names[i]);
	_cleanup_free_ char *name = icr_json_string_dup(&reading->json, item);
	int r = fail_at_offset(reading, reading->json.nodes[item].start, err,
			       "\"%s\": unknown %.*s \"%s\"", key, (int)strlen(key) - 1, key, name);
	(void)icr_error_hint(err, "known %s:%s", key, known.data);
	return r;
}

/* Reads a list of NAMES, each at most once, as their numbers. */
static int read_names(const struct reading *reading, const char *key, uint32_t value,
		      const char *const *names, size_t count, size_t *ret_chosen, size_t *ret_count,
		      struct icr_error *err)
{
	const struct icr_json_node *nodes = reading->json.nodes;
	size_t chosen = 0;

	if (nodes[value].type != ICR_JSON_ARRAY)
		return fail_value(reading, value, err, key, "a list of names");
	if (nodes[value].count == 0)
		return fail_at_offset(reading, nodes[value].start, err, "\"%s\" may not be empty",
				      key);
	for (uint32_t item = nodes[value].child; item != ICR_JSON_NONE; item = nodes[item].next) {
		int number = read_name(reading, key, item, names, count, err);
		if (number < 0)
			return number;
		for (size_t i = 0; i < chosen; i++)
			if (ret_chosen[i] == (size_t)number)
				return fail_at_offset(reading, nodes[item].start, err,
						      "\"%s\": \"%s\" is repeated", key,
						      names[number]);
		ret_chosen[chosen++] = (size_t)number;
	}
	*ret_count = chosen;
	return 0;
}

static int read_stores(const struct reading *reading, uint32_t value, struct icr_error *err)
{
	_cleanup_free_ const char **names = icr_calloc(stores_count, sizeof(*names));
	_cleanup_free_ size_t *chosen = icr_calloc(stores_count, sizeof(*chosen));
	struct config *config = reading->config;

	for (size_t i = 0; i < stores_count; i++)
		names[i] = stores[i]->name;
	int r = read_names(reading, "stores", value, names, stores_count, chosen,
			   &config->stores_count, err);
	for (size_t i = 0; r >= 0 && i < config->stores_count; i++)
		config->stores[i] = stores[chosen[i]];
	return r;
}

static int read_sources(const struct reading *reading, uint32_t value, struct icr_error *err)
{
	_cleanup_free_ const char **names = icr_calloc(sources_count, sizeof(*names));
	_cleanup_free_ size_t *chosen = icr_calloc(sources_count, sizeof(*chosen));
	struct config *config = reading->config;

	for (size_t i = 0; i < sources_count; i++)
		names[i] = sources[i]->name;
	int r = read_names(reading, "sources", value, names, sources_count, chosen,
			   &config->sources_count, err);
	for (size_t i = 0; r >= 0 && i < config->sources_count; i++)
		config->sources[i] = sources[chosen[i]];
	return r;
}

static int read_member(const struct reading *reading, uint32_t member, struct icr_error *err)
{
	_cleanup_strings_ struct icr_strings known = {0};

	if (icr_json_name_is(&reading->json, member, "stores"))
		return read_stores(reading, member, err);
	if (icr_json_name_is(&reading->json, member, "sources"))
		return read_sources(reading, member, err);
	icr_strings_add(&known, "stores");
	icr_strings_add(&known, "sources");
	const struct config_key *key = find_key(reading, own_keys, member, &known);
	for (size_t i = 0; !key && i < stores_count; i++)
		key = find_key(reading, stores[i]->keys, member, &known);
	for (size_t i = 0; !key && i < sources_count; i++)
		key = find_key(reading, sources[i]->keys, member, &known);
	return key ? read_value(reading, key, member, "", err)
		   : fail_unknown(reading, member, &known, err);
}

/* Is there nothing at PATH, for this user? It may be behind a folder that he may not enter, or that
 * is none: a service without access to a home folder has nothing stored there. A link that he does
 * see, to what is not there or not for him, is a fault. */
static bool is_missing(const char *path)
{
	struct stat status;

	return lstat(path, &status) < 0 && (errno == ENOENT || errno == EACCES || errno == ENOTDIR);
}

/* Who may write to it decides to whom keys are sent. */
static int check_writers(const char *path, const struct stat *seen, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf quoted = ICR_BUF(CONFIG_MAX);

	if (!(seen->st_mode & S_IWOTH))
		return 0;
	icr_fail_at(err, ICR_E_REFUSED, path,
		    "may be written to by everybody (mode %04o), and is not gone by: it says where "
		    "keys are and where they are sent",
		    (unsigned)seen->st_mode & 07777);
	icr_text_shell(path, &quoted);
	return icr_error_hint(err, "see what it says, then: chmod o-w %s", quoted.data);
}

static int read_file(const struct icr_environment *environment, const char *path,
		     struct config *config, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(CONFIG_MAX);
	struct stat seen;

	int r = is_missing(path) ? 0 : icr_file_read_seen(path, &text, &seen, err);
	if (r > 0) {
		int trusted = check_writers(path, &seen, err);
		if (trusted < 0)
			return trusted;
	}
	if (r == -EACCES) {
		_cleanup_buf_ struct icr_buf quoted = ICR_BUF(CONFIG_MAX);
		icr_text_shell(path, &quoted);
		(void)icr_error_hint(err, "it holds no secret: chmod a+r %s", quoted.data);
	}
	if (r <= 0)
		return r;
	struct reading reading = {.environment = environment, .path = path, .config = config};
	r = icr_json_parse(text.data, text.len, path, ICR_JSON_NO_NUL, &reading.json, err);
	if (r < 0)
		return r;
	_cleanup_json_ struct icr_json json = reading.json;
	if (!icr_json_is(&json, 0, ICR_JSON_OBJECT))
		return fail_at_offset(&reading, json.nodes[0].start, err,
				      "a configuration must be an object, not %s",
				      icr_json_type_name(json.nodes[0].type));
	for (uint32_t member = json.nodes[0].child; member != ICR_JSON_NONE;
	     member = json.nodes[member].next) {
		r = read_member(&reading, member, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_files(const struct icr_environment *environment, struct config *config,
		      struct icr_error *err)
{
	_cleanup_free_ char *path = NULL;

	int r = read_file(environment, CONFIG_SYSTEM_FILE, config, err);
	if (r < 0)
		return r;
	/* no home folder, no configuration of the user's */
	if (icr_environment_config_file(environment, &path, NULL) < 0)
		return 0;
	return read_file(environment, path, config, err);
}

int config_load(const struct icr_environment *environment, struct config *ret_config,
		struct icr_error *err)
{
	struct config config = {
		.stores = icr_calloc(stores_count, sizeof(*config.stores)),
		.sources = icr_calloc(sources_count, sizeof(*config.sources)),
	};

	for (size_t i = 0; i < stores_count; i++)
		if (!stores[i]->asked_for)
			config.stores[config.stores_count++] = stores[i];
	for (size_t i = 0; i < sources_count; i++)
		config.sources[config.sources_count++] = sources[i];
	int r = read_files(environment, &config, err);
	if (r < 0) {
		config_free(&config);
		return r;
	}
	*ret_config = config;
	return 0;
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->count; i++)
		forget_value(&config->items[i]);
	free(config->items);
	free(config->stores);
	free(config->sources);
	*config = (struct config){0};
}
