/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdbool.h>
#include <string.h>

#include "helper/apikey.h"
#include "helper/helper.h"
#include "helper/source/source.h"
#include "icr/cleanup.h"
#include "icr/environment.h"
#include "icr/file.h"
#include "icr/memory.h"

/* The names that IBM's own tools read, most common first. */
static const struct {
	const char *name;
	bool file; /* may be @FILE, as for the ibmcloud CLI (IBM Cloud Docs, cli, env_var_cli) */
} variables[] = {
	{"IBMCLOUD_API_KEY", true},
	{"IC_API_KEY", false},
	{"CONTAINER_REGISTRY_APIKEY", false},
};

static int read_file(const struct lookup *lookup, const char *variable, const char *name,
		     struct credential *ret_credential, struct icr_error *err)
{
	const char *home = lookup->context->environment.home;

	if (!*name)
		return icr_fail_at(err, ICR_E_CONFIG, variable, "names no file behind the @");
	_cleanup_free_ char *path = strncmp(name, "~/", 2) == 0 && home
					    ? icr_path_join(home, name + 2)
					    : icr_strdup(name);
	int r = apikey_read_file(ret_credential, lookup->host.name, path, err);
	return r < 0 ? icr_error_wrap(err, "$%s", variable) : r;
}

static int read_value(const struct lookup *lookup, const char *variable, const char *value,
		      struct credential *ret_credential, struct icr_error *err)
{
	int r;

	if (value[0] == '@')
		r = icr_fail_at(err, ICR_E_CONFIG, variable,
				"begins with @, and only IBMCLOUD_API_KEY may be @FILE");
	else
		r = apikey_set(ret_credential, lookup->host.name, value, strlen(value), variable,
			       err);
	if (r < 0)
		(void)icr_error_hint(err, "set %s to an API key and nothing else, or unset it",
				     variable);
	return r;
}

static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	for (size_t i = 0; i < ICR_LENGTH(variables); i++) {
		const char *name = variables[i].name, *value = icr_environment_get(name);
		_cleanup_free_ char *where = icr_printf("$%s", name);
		if (!value) {
			lookup_note(lookup, LOOKUP_MISS, where, "not set");
			continue;
		}
		int r = variables[i].file && value[0] == '@'
				? read_file(lookup, name, value + 1, ret_credential, err)
				: read_value(lookup, name, value, ret_credential, err);
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
