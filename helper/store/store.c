/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/store.h"

#include <errno.h>
#include <string.h>

#include "icr/cleanup.h"

/* The stores there are, in the default order: store_NAME of NAME.c. */
#define STORES(X)                                                                                  \
	X(libsecret)                                                                               \
	X(file)

#define DECLARE(name) extern const struct store store_##name;
#define ENTRY(name)   &store_##name,

STORES(DECLARE)

const struct store *const stores[] = {STORES(ENTRY)};
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
