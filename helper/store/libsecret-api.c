/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/libsecret-api.h"

#include "icr/cleanup.h"
#include "icr/library.h"

ICR_LIBRARY_NOTE(
	libsecret_note,
	"[{\"feature\":\"libsecret\",\"description\":\"Credentials in the desktop's keyring\","
	"\"priority\":\"recommended\",\"soname\":[\"libsecret-1.so.0\"]}]");

#define SYMBOL(name) {#name, (void **)&api->name},

int keyring_api_load(struct keyring_api *api, struct icr_error *err)
{
	static const char *const names[] = {"libsecret-1.so.0", NULL};
	const struct icr_library_symbol symbols[] = {KEYRING_FUNCTIONS(SYMBOL)};

	return icr_library_load(names, "libsecret", symbols, ICR_LENGTH(symbols), err);
}
