/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "helper/store/store.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/json.h"

/* One configuration file while it is read. */
struct reading {
	const struct icr_environment *environment;
	const char *path;
	struct icr_json json;
};

static int fail_at_offset(const struct reading *reading, size_t offset, struct icr_error *err,
			  const char *format, ...) ICR_PRINTF(4, 5);

static int fail_at_offset(const struct reading *reading, size_t offset, struct icr_error *err,
			  const char *format, ...)
{
	_cleanup_free_ char *place = icr_json_place(&reading->json, reading->path, offset);
	_cleanup_buf_ struct icr_buf text;
	va_list args;

	icr_buf_init(&text, CONFIG_MAX);
	va_start(args, format);
	icr_buf_vprintf(&text, format, args);
	va_end(args);
	if (!place)
		return icr_fail_memory(err);
	return icr_fail_at(err, ICR_E_CONFIG, place, "%s", text.data);
}

static int fail_value(const struct reading *reading, uint32_t node, struct icr_error *err,
		      const char *key, const char *wanted)
{
	return fail_at_offset(reading, reading->json.nodes[node].start, err,
			      "\"%s\" must be %s, not %s", key, wanted,
			      icr_json_type_name(reading->json.nodes[node].type));
}

static int read_store(const struct reading *reading, uint32_t item, struct config *config,
		      struct icr_error *err)
{
	size_t start = reading->json.nodes[item].start;

	if (!icr_json_is(&reading->json, item, ICR_JSON_STRING))
		return fail_value(reading, item, err, "stores", "a list of names");
	_cleanup_free_ char *name = icr_json_string_dup(&reading->json, item);
	if (!name)
		return icr_fail_memory(err);
	const struct store *store = store_find(name);
	if (!store) {
		_cleanup_buf_ struct icr_buf known;
		icr_buf_init(&known, CONFIG_MAX);
		for (size_t i = 0; i < stores_count; i++)
			icr_buf_printf(&known, " %s", stores[i]->name);
		int r = fail_at_offset(reading, start, err, "\"stores\": unknown store \"%s\"",
				       name);
		(void)icr_error_hint(err, "known stores:%s", known.data);
		return r;
	}
	for (size_t i = 0; i < config->stores_count; i++)
		if (config->stores[i] == store)
			return fail_at_offset(reading, start, err, "\"stores\": \"%s\" is repeated",
					      name);
	config->stores[config->stores_count++] = store;
	return 0;
}

static int read_stores(const struct reading *reading, uint32_t value, struct config *config,
		       struct icr_error *err)
{
	const struct icr_json_node *list = &reading->json.nodes[value];

	if (list->type != ICR_JSON_ARRAY)
		return fail_value(reading, value, err, "stores", "a list of names");
	if (list->count == 0)
		return fail_at_offset(reading, list->start, err, "\"stores\" may not be empty");
	config->stores_count = 0;
	for (uint32_t item = list->child; item != ICR_JSON_NONE;
	     item = reading->json.nodes[item].next) {
		int r = read_store(reading, item, config, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_token(const struct reading *reading, uint32_t value, struct config *config,
		      struct icr_error *err)
{
	size_t start = reading->json.nodes[value].start;

	(void)config;
	if (!icr_json_is(&reading->json, value, ICR_JSON_STRING))
		return fail_value(reading, value, err, "token", "\"apikey\"");
	if (icr_json_string_is(&reading->json, value, "bearer"))
		return fail_at_offset(reading, start, err,
				      "\"token\": \"bearer\" is not supported by this version yet");
	if (!icr_json_string_is(&reading->json, value, "apikey"))
		return fail_at_offset(reading, start, err, "\"token\" must be \"apikey\"");
	return 0;
}

static int read_apikey_file(const struct reading *reading, uint32_t value, struct config *config,
			    struct icr_error *err)
{
	size_t start = reading->json.nodes[value].start;
	const char *home = reading->environment->home;

	if (!icr_json_is(&reading->json, value, ICR_JSON_STRING))
		return fail_value(reading, value, err, "apikey_file", "a path");
	_cleanup_free_ char *path = icr_json_string_dup(&reading->json, value);
	if (!path)
		return icr_fail_memory(err);
	if (strncmp(path, "~/", 2) == 0) {
		if (!home)
			return fail_at_offset(reading, start, err,
					      "\"apikey_file\": no home folder is known for \"%s\"",
					      path);
		char *below = icr_path_join(home, path + 2);
		if (!below)
			return icr_fail_memory(err);
		free(path);
		path = below;
	}
	/* The value is not repeated: it may be the key itself, put here by mistake. */
	if (path[0] != '/')
		return fail_at_offset(reading, start, err,
				      "\"apikey_file\" must be the path of a file, beginning with "
				      "/ or ~/");
	free(config->apikey_file);
	config->apikey_file = icr_steal(&path);
	return 0;
}

static int read_later(const struct reading *reading, uint32_t value, struct config *config,
		      struct icr_error *err)
{
	const struct icr_json_node *node = &reading->json.nodes[value];

	(void)config;
	return fail_at_offset(
		reading, node->key_start, err, "%.*s is not supported by this version yet",
		(int)(node->key_end - node->key_start), reading->json.text + node->key_start);
}

static const struct {
	const char *name;
	int (*read)(const struct reading *reading, uint32_t value, struct config *config,
		    struct icr_error *err);
} keys[] = {
	{"stores", read_stores},	 {"token", read_token},	  {"apikey_file", read_apikey_file},
	{"trusted_profile", read_later}, {"iam_url", read_later},
};

static int read_member(const struct reading *reading, uint32_t member, struct config *config,
		       struct icr_error *err)
{
	const struct icr_json_node *node = &reading->json.nodes[member];

	for (size_t i = 0; i < ICR_LENGTH(keys); i++)
		if (icr_json_name_is(&reading->json, member, keys[i].name))
			return keys[i].read(reading, member, config, err);
	int r = fail_at_offset(reading, node->key_start, err, "unknown key %.*s",
			       (int)(node->key_end - node->key_start),
			       reading->json.text + node->key_start);
	(void)icr_error_hint(err, "the keys are stores, token and apikey_file");
	return r;
}

/* Is PATH behind a folder that this user may not enter, or that is none? A service without access
 * to a home folder has nothing stored there. */
static bool is_out_of_reach(const char *path)
{
	struct stat status;

	/* a link that this user does see, to what he may not read, is a fault */
	return lstat(path, &status) < 0 && (errno == EACCES || errno == ENOTDIR);
}

static int read_file(const struct icr_environment *environment, const char *path,
		     struct config *config, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, CONFIG_MAX);
	int r = is_out_of_reach(path) ? 0 : icr_file_read(path, &text, err);
	if (r == -EACCES)
		(void)icr_error_hint(err, "it holds no secret: chmod a+r '%s'", path);
	if (r <= 0)
		return r;
	struct reading reading = {.environment = environment, .path = path};
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
		r = read_member(&reading, member, config, err);
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
	struct config config = {.stores = calloc(stores_count, sizeof(*config.stores))};

	if (!config.stores)
		return icr_fail_memory(err);
	for (size_t i = 0; i < stores_count; i++)
		config.stores[config.stores_count++] = stores[i];
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
	free(config->stores);
	free(config->apikey_file);
	*config = (struct config){0};
}
