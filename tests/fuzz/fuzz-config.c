/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Somebody's configuration: every value that is taken is of its type and stands where it says; the
 * same file over itself changes nothing; a failure says where. */
#include "helper/config.c"

#include <sys/mman.h>

#include "tests/fuzz/fuzz.h"

static const struct config_key *key_of(const struct config_key *keys, const char *name)
{
	size_t len = strcspn(name, ".");

	for (; keys && keys->name; keys++)
		if (strlen(keys->name) == len && strncmp(keys->name, name, len) == 0)
			return name[len] ? key_of(keys->members, name + len + 1) : keys;
	return NULL;
}

static void check_value(const struct config_value *value)
{
	const struct config_key *key = key_of(own_keys, value->key);

	for (size_t i = 0; !key && i < stores_count; i++)
		key = key_of(stores[i]->keys, value->key);
	for (size_t i = 0; !key && i < sources_count; i++)
		key = key_of(sources[i]->keys, value->key);
	CHECK(key && strncmp(value->place, "/proc/self/fd/", strlen("/proc/self/fd/")) == 0);
	CHECK((value->text != NULL) == (key->type <= CONFIG_WORD));
	CHECK(key->type > CONFIG_WORD || value->text[0]);
	CHECK(key->type != CONFIG_PATH || value->text[0] == '/');
	CHECK(key->type != CONFIG_WORD || is_word(key, value->text));
	CHECK(key->type != CONFIG_NUMBER ||
	      (value->number >= key->min && value->number <= key->max));
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	const struct icr_environment environment = {.home = "/home/somebody"};
	struct config config = {
		.stores = icr_calloc(stores_count, sizeof(*config.stores)),
		.sources = icr_calloc(sources_count, sizeof(*config.sources)),
	};
	struct config_value kept[16];
	_cleanup_error_ struct icr_error err = {0};

	if (fd < 0)
		fd = memfd_create("config", MFD_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	_cleanup_free_ char *path = icr_printf("/proc/self/fd/%d", fd);
	int r = read_file(&environment, path, &config, &err);
	CHECK((r < 0) == (err.what != NULL));
	CHECK(r >= 0 || (err.where && strncmp(err.where, path, strlen(path)) == 0));
	size_t count = config.count, lists = config.stores_count * 16 + config.sources_count;
	CHECK(count <= ICR_LENGTH(kept));
	for (size_t i = 0; r >= 0 && i < count; i++) {
		check_value(&config.items[i]);
		kept[i] = (struct config_value){
			icr_strdup(config.items[i].key), NULL,
			config.items[i].text ? icr_strdup(config.items[i].text) : NULL,
			config.items[i].number};
	}
	if (r >= 0) {
		CHECK(read_file(&environment, path, &config, &err) >= 0);
		CHECK(config.count == count);
		CHECK(config.stores_count * 16 + config.sources_count == lists);
	}
	for (size_t i = 0; r >= 0 && i < count; i++) {
		const struct config_value *now = find_value(&config, kept[i].key);
		CHECK(now && same_text(now->text, kept[i].text) && now->number == kept[i].number);
		forget_value(&kept[i]);
	}
	config_free(&config);
	return 0;
}
