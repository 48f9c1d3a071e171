/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/cjson.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "icr/json.h"
#include "icr/memory.h"

/* What stands before each block of cJSON's, so that free() knows how much to wipe. Blocks are
 * strings and items; two words are what an allocator writes into memory that is free. */
struct header {
	_Alignas(2 * sizeof(size_t)) size_t size;
};

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

static void install_hooks(void)
{
	cJSON_Hooks hooks = {.malloc_fn = allocate, .free_fn = wipe_and_free};

	cJSON_InitHooks(&hooks);
}

int icr_message_parse(const char *text, size_t len, cJSON **ret_message, struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	int r = icr_json_parse(text, len, NULL, ICR_JSON_NO_NUL, &json, err);

	if (r < 0)
		return r;
	if (json.nodes[0].type != ICR_JSON_OBJECT)
		return icr_fail(err, ICR_E_PROTOCOL, "an object is expected, not %s",
				icr_json_type_name(json.nodes[0].type));
	install_hooks();
	cJSON *message = cJSON_ParseWithLength(text, len);
	if (!message)
		/* with some versions: a number of more than 63 characters */
		return icr_fail(err, ICR_E_SYNTAX, "the message cannot be read");
	*ret_message = message;
	return 0;
}

const char *icr_message_string(const cJSON *message, const char *name)
{
	const cJSON *item, *found = NULL;

	cJSON_ArrayForEach(item, message)
		if (item->string && strcmp(item->string, name) == 0)
			found = item;
	return cJSON_GetStringValue(found);
}
