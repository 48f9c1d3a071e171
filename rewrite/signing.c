/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/signing.h"

#include <stdlib.h>
#include <string.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "rewrite/native.h"

#define POLICY "/etc/containers/policy.json"

/* Where signatures are kept: containers-registries.d(5). */
static const char *const folders[] = {
	"/usr/share/containers/registries.d",
	"/etc/containers/registries.d",
};

static bool is_signed(const cJSON *requirements)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, requirements)
	{
		const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(item, "type"));
		if (type && (strcmp(type, "signedBy") == 0 || strcmp(type, "sigstoreSigned") == 0))
			return true;
	}
	return false;
}

/* Behind NAME in TEXT: a repository, tag or nothing; NULL for another name. */
static const char *behind_name(const char *text, const char *name)
{
	size_t len = strlen(name);

	return strncmp(text, name, len) == 0 && (!text[len] || strchr("/:@", text[len]))
		       ? text + len
		       : NULL;
}

/* Which rule is for all of NAME: its own, one for "*.DOMAIN", one for all registries, or one for
 * everything. Source: containers-policy.json(5), "SCOPES". */
static const cJSON *rule_of(const cJSON *policy, const char *name)
{
	const cJSON *scopes = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(policy, "transports"), "docker");
	const cJSON *rule = cJSON_GetObjectItemCaseSensitive(scopes, name);

	for (const char *dot = name; !rule && (dot = strchr(dot, '.')); dot++) {
		_cleanup_free_ char *wildcard = icr_printf("*%s", dot);
		rule = cJSON_GetObjectItemCaseSensitive(scopes, wildcard);
	}
	if (!rule)
		rule = cJSON_GetObjectItemCaseSensitive(scopes, "");
	return rule ? rule : cJSON_GetObjectItemCaseSensitive(policy, "default");
}

static bool has_signed(const cJSON *policy, const char *name)
{
	const cJSON *scopes = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(policy, "transports"), "docker");
	const cJSON *scope;

	cJSON_ArrayForEach(scope, scopes)
	{
		if (behind_name(scope->string, name) && is_signed(scope))
			return true;
	}
	return is_signed(rule_of(policy, name));
}

/* "FILE:LINE" of a key of NAME, or of a part of it, in a folder registries.d; NULL for none. A key
 * is all that is looked for: what stands below it is the administrator's. */
static char *place_of(const char *name)
{
	_cleanup_strings_ struct icr_strings paths = {0};

	for (size_t i = 0; i < ICR_LENGTH(folders); i++)
		icr_folder_list(folders[i], ".yaml", &paths);
	for (size_t i = 0; i < paths.count; i++) {
		_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
		size_t number = 1;
		if (!host_read(paths.items[i], &text))
			continue;
		for (const char *line = text.data; line; number++) {
			const char *key = line + strspn(line, " \t\"'");
			const char *end = strchr(line, '\n');
			if (strncmp(key, name, strlen(name)) == 0 &&
			    strchr(":/\"'", key[strlen(name)]) && key[strlen(name)])
				return icr_printf("%s:%zu", paths.items[i], number);
			line = end ? end + 1 : NULL;
		}
	}
	return NULL;
}

static void note_native(struct work *work, const struct icr_region *region, const char *name)
{
	_cleanup_free_ char *place = place_of(name);
	_cleanup_free_ char *private_place = place_of(region->private_name);

	/* policies go by the name that was asked for, what registries.d says by the one it is
	 * fetched from */
	if (place && !private_place)
		note_warning(&work->notes,
			     "images of %s have to be signed (" POLICY "), and with the route "
			     "native signatures are looked for under %s: give it an entry like "
			     "that at %s, or pulls are refused",
			     name, region->private_name, place);
	else
		note(&work->notes,
		     "images of %s have to be signed (" POLICY "): their signatures stay valid",
		     name);
}

void signing_of(struct work *work)
{
	static const char *const programs[] = {"podman", "buildah", "skopeo", "crio", NULL};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	if (!host_has_program(&work->host, programs) || !host_read(POLICY, &text))
		return;
	cJSON *policy = cJSON_ParseWithLength(text.data, text.len);
	for (size_t i = 0; i < work->routes.count; i++) {
		const struct icr_region *region = work->routes.items[i].region;
		if (!has_signed(policy, region->public_name))
			continue;
		if (settings_route(&work->settings) == ROUTE_NATIVE)
			note_native(work, region, region->public_name);
		else
			note(&work->notes,
			     "images of %s have to be signed (" POLICY "): their signatures stay "
			     "valid, since the name does; for %s they need rules and signatures "
			     "of their own",
			     region->public_name, region->private_name);
	}
	cJSON_Delete(policy);
}
