/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_STORE_LIBSECRET_API_H
#define HELPER_STORE_LIBSECRET_API_H

#include <libsecret/secret.h>

#include "icr/error.h"

/* The functions of libsecret and of the GLib beneath it that the keyring's client calls, each under
 * its own name. */
#define KEYRING_FUNCTIONS(X)                                                                       \
	X(secret_service_get_sync)                                                                 \
	X(secret_service_search_sync)                                                              \
	X(secret_service_store_sync)                                                               \
	X(secret_collection_for_alias_sync)                                                        \
	X(secret_collection_get_locked)                                                            \
	X(secret_item_get_locked)                                                                  \
	X(secret_item_get_attributes)                                                              \
	X(secret_item_get_modified)                                                                \
	X(secret_item_get_secret)                                                                  \
	X(secret_item_load_secrets_sync)                                                           \
	X(secret_item_delete_sync)                                                                 \
	X(secret_value_new)                                                                        \
	X(secret_value_get)                                                                        \
	X(secret_value_unref)                                                                      \
	X(g_hash_table_new)                                                                        \
	X(g_hash_table_insert)                                                                     \
	X(g_hash_table_lookup)                                                                     \
	X(g_list_prepend)                                                                          \
	X(g_str_hash)                                                                              \
	X(g_str_equal)

#define KEYRING_MEMBER(name) __typeof__(name) *name;

struct keyring_api {
	KEYRING_FUNCTIONS(KEYRING_MEMBER)
};

/* Loads the library. -ICR_E_UNAVAILABLE when it is not installed. */
int keyring_api_load(struct keyring_api *api, struct icr_error *err);

#endif
