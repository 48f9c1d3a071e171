/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/signing.h"

#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "icr/value.h"
#include "rewrite/native.h"

#define POLICY "/etc/containers/policy.json"

/* Where signatures are kept: containers-registries.d(5). */
static const char *const folders[] = {
	"/usr/share/containers/registries.d",
	"/etc/containers/registries.d",
};

static bool is_signed(const struct icr_value *requirements)
{
	icr_value_each(item, requirements) {
		const char *type = icr_value_string(icr_value_get(item, "type"));
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
static const struct icr_value *rule_of(const struct icr_value *policy, const char *name)
{
	const struct icr_value *scopes =
		icr_value_get(icr_value_get(policy, "transports"), "docker");
	const struct icr_value *rule = icr_value_get(scopes, name);

	for (const char *dot = name; !rule && (dot = strchr(dot, '.')); dot++) {
		_cleanup_free_ char *wildcard = icr_printf("*%s", dot);
		rule = icr_value_get(scopes, wildcard);
	}
	if (!rule)
		rule = icr_value_get(scopes, "");
	return rule ? rule : icr_value_get(policy, "default");
}

static bool has_signed(const struct icr_value *policy, const char *name)
{
	const struct icr_value *scopes =
		icr_value_get(icr_value_get(policy, "transports"), "docker");

	icr_value_each(scope, scopes) {
		if (scope->name && behind_name(scope->name, name) && is_signed(scope))
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
	_cleanup_value_ struct icr_value *policy = NULL;

	if (!host_has_program(&work->host, programs) || !host_read(POLICY, &text))
		return;
	if (icr_value_parse(text.data, text.len, false, &policy, NULL) < 0)
		return;
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
}
