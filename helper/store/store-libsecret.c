/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>
#include <sys/stat.h>

#include "helper/helper.h"
#include "helper/store/libsecret-child.h"
#include "helper/store/store.h"
#include "icr/cleanup.h"
#include "icr/file.h"

/* The user's bus, as the D-Bus specification ("Well-known Message Bus Instances") and sd-bus find
 * it. Without one there is nothing to ask, and asking would start one. */
static bool has_bus(const struct icr_environment *environment)
{
	const char *address = environment->dbus_session_bus_address;
	struct stat status;

	if (address)
		return strstr(address, "autolaunch:") == NULL;
	if (!environment->xdg_runtime_dir)
		return false;
	_cleanup_free_ char *path = icr_path_join(environment->xdg_runtime_dir, "bus");
	return path && stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int ask(const struct helper_context *context, const struct keyring_request *request,
	       struct credentials *ret, struct icr_error *err)
{
	if (!has_bus(&context->environment))
		return icr_fail_at(err, ICR_E_UNAVAILABLE, "libsecret", "no session bus");
	return keyring_run(request, HELPER_KEYRING_TIMEOUT_MS, ret, err);
}

static int store_libsecret_read(const struct helper_context *context, const char *const *hosts,
				size_t count, struct credentials *ret, struct icr_error *err)
{
	return ask(
		context,
		&(struct keyring_request){.action = KEYRING_READ, .hosts = hosts, .count = count},
		ret, err);
}

static int store_libsecret_put(const struct helper_context *context,
			       const struct credential *credential, struct icr_error *err)
{
	const char *host = credential->host;

	return ask(context,
		   &(struct keyring_request){.action = KEYRING_PUT,
					     .hosts = &host,
					     .count = 1,
					     .credential = credential},
		   NULL, err);
}

static int store_libsecret_erase(const struct helper_context *context, const char *host,
				 struct icr_error *err)
{
	return ask(context,
		   &(struct keyring_request){.action = KEYRING_ERASE, .hosts = &host, .count = 1},
		   NULL, err);
}

static void store_libsecret_where(const struct helper_context *context, struct icr_buf *out)
{
	(void)context;
	icr_buf_text(out, "the desktop's keyring");
}

const struct store store_libsecret = {
	.name = "libsecret",
	.read = store_libsecret_read,
	.put = store_libsecret_put,
	.erase = store_libsecret_erase,
	.where = store_libsecret_where,
};
