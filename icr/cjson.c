/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/cjson.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/utf8.h"

/* What stands before each block of cJSON's, so that free() knows how much to wipe. Blocks are
 * strings and items; two words are what an allocator writes into memory that is free. */
struct header {
	_Alignas(2 * sizeof(size_t)) size_t size;
};

/* Most texts fit into that, and the rest is copied once at each doubling. */
#define PRINTED_FIRST 1024

static void *allocate(size_t size)
{
	if (size > SIZE_MAX - sizeof(struct header))
		return NULL;
	struct header *header = icr_malloc(sizeof(*header) + size);
	header->size = size;
	return header + 1;
}

static void wipe_and_free(void *pointer)
{
	if (!pointer)
		return;
	struct header *header = (struct header *)pointer - 1;
	icr_wipe(pointer, header->size);
	free(header);
}

/* With these cJSON grows its buffers by allocate, copy and free: it calls realloc() only where the
 * hooks are those of libc. */
static void install_hooks(void)
{
	cJSON_Hooks hooks = {.malloc_fn = allocate, .free_fn = wipe_and_free};

	cJSON_InitHooks(&hooks);
}

int icr_message_parse(const char *text, size_t len, bool prefix, cJSON **ret_message,
		      struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	unsigned flags = ICR_JSON_NO_NUL | (prefix ? ICR_JSON_PREFIX : 0U);
	int r = icr_json_parse(text, len, NULL, flags, &json, err);

	if (r < 0)
		return r;
	if (json.nodes[0].type != ICR_JSON_OBJECT)
		return icr_fail(err, ICR_E_PROTOCOL, "an object is expected, not %s",
				icr_json_type_name(json.nodes[0].type));
	install_hooks();
	cJSON *message = cJSON_ParseWithLength(text, json.end);
	if (!message)
		/* with some versions: a number of more than 63 characters */
		return icr_fail(err, ICR_E_SYNTAX, "the message cannot be read");
	*ret_message = message;
	return 0;
}

const char *icr_message_string(const cJSON *message, const char *name)
{
	const cJSON *item, *found = NULL;

	cJSON_ArrayForEach(item, message) if (item->string && strcmp(item->string, name) == 0)
		found = item;
	return cJSON_GetStringValue(found);
}

cJSON *icr_message_new(void)
{
	install_hooks();
	return cJSON_CreateObject();
}

void icr_message_put(cJSON *object, const char *name, cJSON *value)
{
	(void)cJSON_AddItemToObject(object, name, value);
}

void icr_message_put_text(cJSON *object, const char *name, const char *text)
{
	icr_message_put(object, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void icr_message_put_flag(cJSON *object, const char *name, bool flag)
{
	icr_message_put(object, name, cJSON_CreateBool(flag));
}

void icr_message_put_number(cJSON *object, const char *name, double number)
{
	icr_message_put(object, name, cJSON_CreateNumber(number));
}

void icr_message_put_size(cJSON *object, const char *name, size_t size)
{
	_cleanup_free_ char *text = icr_printf("%zu", size);

	icr_message_put(object, name, cJSON_CreateRaw(text));
}

cJSON *icr_message_put_list(cJSON *object, const char *name)
{
	return cJSON_AddArrayToObject(object, name);
}

cJSON *icr_message_put_object(cJSON *object, const char *name)
{
	return cJSON_AddObjectToObject(object, name);
}

void icr_message_push_text(cJSON *list, const char *text)
{
	(void)cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

cJSON *icr_message_push_object(cJSON *list)
{
	cJSON *object = cJSON_CreateObject();

	(void)cJSON_AddItemToArray(list, object);
	return object;
}

const cJSON *icr_message_get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

bool icr_message_flag(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(icr_message_get(object, name));
}

static bool is_utf8(const char *text)
{
	size_t left = strlen(text), n;

	for (; left > 0; text += n, left -= n) {
		n = icr_utf8_length(text, left);
		if (n == 0)
			return false;
	}
	return true;
}

int icr_message_print(const cJSON *message, struct icr_buf *out, struct icr_error *err)
{
	install_hooks();
	char *text = cJSON_PrintBuffered(message, PRINTED_FIRST, false);
	if (!text)
		return icr_fail(err, EINVAL, "the message cannot be printed");
	bool fine = is_utf8(text);
	if (fine)
		icr_buf_text(out, text);
	cJSON_free(text);
	if (!fine)
		return icr_fail(err, EINVAL, "a text that is not UTF-8 cannot be put into JSON");
	return icr_buf_check(out, "the message", err);
}
