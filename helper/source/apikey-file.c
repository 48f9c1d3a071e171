/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/apikey.h"
#include "helper/helper.h"
#include "helper/source/source.h"

#define KEY "apikey_file"

static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	const char *path = config_text(&lookup->context->config, KEY);

	if (!path) {
		lookup_note(lookup, LOOKUP_MISS, NULL, "\"%s\" is not set", KEY);
		return 0;
	}
	int r = apikey_read_file(ret_credential, lookup->host.name, path, err);
	if (r < 0)
		return r;
	lookup_note(lookup, LOOKUP_HIT, path, NULL);
	return 1;
}

static const struct config_key keys[] = {{.name = KEY, .type = CONFIG_PATH}, {0}};

const struct source source_apikey_file = {
	.name = KEY,
	.keys = keys,
	.any_host = true,
	.find = find,
};
