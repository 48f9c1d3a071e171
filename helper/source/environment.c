/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "helper/apikey.h"
#include "helper/source/source.h"
#include "icr/cleanup.h"
#include "icr/environment.h"

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
		if (!value) {
			lookup_looked(lookup, "$%s", variables[i]);
			continue;
		}
		int r = apikey_set(ret_credential, lookup->host.name, value, strlen(value),
				   variables[i], err);
		if (r < 0)
			(void)icr_error_hint(err,
					     "set %s to an API key and nothing else, or unset "
					     "it",
					     variables[i]);
		return r < 0 ? r : 1;
	}
	return 0;
}

const struct source source_environment = {"environment", true, find};
