/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "helper/apikey.h"
#include "helper/source/source.h"
#include "icr/cleanup.h"
#include "icr/environment.h"
#include "icr/memory.h"

/* The names that IBM's own tools read, most common first. */
static const char *const variables[] = {
	"IBMCLOUD_API_KEY",
	"IC_API_KEY",
	"CONTAINER_REGISTRY_APIKEY",
};

static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	for (size_t i = 0; i < ICR_LENGTH(variables); i++) {
		const char *value = icr_environment_get(variables[i]);
		_cleanup_free_ char *where = icr_printf("$%s", variables[i]);
		if (!value) {
			lookup_note(lookup, LOOKUP_MISS, where, "not set");
			continue;
		}
		int r = apikey_set(ret_credential, lookup->host.name, value, strlen(value),
				   variables[i], err);
		if (r < 0)
			(void)icr_error_hint(err,
					     "set %s to an API key and nothing else, or unset "
					     "it",
					     variables[i]);
		if (r < 0)
			return r;
		lookup_note(lookup, LOOKUP_HIT, where, NULL);
		return 1;
	}
	return 0;
}

const struct source source_environment = {
	.name = "environment",
	.any_host = true,
	.find = find,
};
