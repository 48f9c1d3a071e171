/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store.h"

#include <errno.h>
#include <string.h>

#include "icr/cleanup.h"

/* Also the default order. */
const struct store *const stores[] = {
	&store_libsecret,
	&store_file,
};
const size_t stores_count = ICR_LENGTH(stores);

const struct store *store_find(const char *name)
{
	for (size_t i = 0; i < stores_count; i++)
		if (strcmp(stores[i]->name, name) == 0)
			return stores[i];
	return NULL;
}

bool store_passes(int code)
{
	return code == -ICR_E_UNAVAILABLE || code == -ICR_E_LOCKED || code == -ETIMEDOUT;
}
