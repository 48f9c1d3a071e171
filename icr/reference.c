/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/reference.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"

/* distribution/reference v0.6.0, regexp.go and reference.go */
#define NAME_MAX_LENGTH 255 /* host and path */
#define TAG_MAX		128
#define HEX_MIN		32 /* of a digest whose algorithm is not in the table */

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

/* '.', '_', '__' or any number of '-': its length, 0 for none of them. */
static size_t separator(const char *at, const char *end)
{
	size_t n = 0;

	if (at < end && *at == '.')
		return 1;
	while (at + n < end && at[n] == '_')
		n++;
	if (n > 0)
		return n <= 2 ? n : 0;
	while (at + n < end && at[n] == '-')
		n++;
	return n;
}

static bool is_component(const char *at, const char *end)
{
	for (;;) {
		const char *from = at;
		while (at < end && is_lower_alnum(*at))
			at++;
		if (at == from)
			return false;
		if (at == end)
			return true;
		size_t n = separator(at, end);
		if (n == 0)
			return false;
		at += n;
	}
}

static bool is_path(const char *at, const char *end)
{
	for (;;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		if (!is_component(at, slash ? slash : end))
			return false;
		if (!slash)
			return true;
		at = slash + 1;
	}
}

static bool is_tag(const char *at, const char *end)
{
	if (at == end || end - at > TAG_MAX || *at == '.' || *at == '-')
		return false;
	for (; at < end; at++)
		if (!is_alnum(*at) && *at != '_' && *at != '.' && *at != '-')
			return false;
	return true;
}

/* Words of letters and digits, each beginning with a letter, joined by one of "+._-". */
static bool is_algorithm(const char *at, const char *end)
{
	for (;; at++) {
		if (at == end || !is_letter(*at))
			return false;
		while (at < end && is_alnum(*at))
			at++;
		if (at == end)
			return true;
		if (!strchr("+._-", *at))
			return false;
	}
}

static bool is_digest(const char *text)
{
	static const struct {
		const char *prefix;
		size_t digits;
	} known[] = {{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}};
	const char *colon = strchr(text, ':');
	size_t wanted = 0;

	if (!colon || !is_algorithm(text, colon))
		return false;
	for (size_t i = 0; i < ICR_LENGTH(known); i++)
		if (strncmp(text, known[i].prefix, strlen(known[i].prefix)) == 0)
			wanted = known[i].digits;
	/* those of the table in lower case only (opencontainers/go-digest v1.0.0, algorithm.go) */
	size_t digits = strspn(colon + 1, wanted ? "0123456789abcdef" : "0123456789abcdefABCDEF");
	return colon[1 + digits] == '\0' && (wanted ? digits == wanted : digits >= HEX_MIN);
}

static int fail(const char *text, const char *why, struct icr_error *err)
{
	return icr_fail(err, EINVAL, "'%.300s' is no reference to an image of ICR: %s", text, why);
}

static int take_rest(const char *text, const char *path, struct icr_reference *reference,
		     struct icr_error *err)
{
	const char *end = path + strcspn(path, "@"),
		   *colon = memchr(path, ':', (size_t)(end - path));
	const char *path_end = colon ? colon : end;

	if (!is_path(path, path_end))
		return fail(text,
			    "its path must be of lower-case letters and digits, with '.', '_', "
			    "'__' or '-' between them",
			    err);
	if (strlen(reference->host.name) + 1 + (size_t)(path_end - path) > NAME_MAX_LENGTH)
		return fail(text, "its name is longer than 255 characters", err);
	if (colon && !is_tag(colon + 1, end))
		return fail(text, "its tag must be 1 to 128 letters, digits, '_', '.' or '-'", err);
	if (*end == '@' && !is_digest(end + 1))
		return fail(text, "its digest must be as sha256: and 64 hexadecimal digits", err);
	reference->repository = icr_memdup(path, (size_t)(path_end - path));
	if (colon)
		reference->tag = icr_memdup(colon + 1, (size_t)(end - colon - 1));
	if (*end == '@')
		reference->digest = icr_strdup(end + 1);
	return 0;
}

int icr_reference_parse(const char *text, struct icr_reference *ret_reference,
			struct icr_error *err)
{
	_cleanup_reference_ struct icr_reference reference = {0};
	const char *slash = strchr(text, '/');

	if (!slash)
		return fail(text, "a host and a path are expected, as us.icr.io/namespace/image",
			    err);
	/* what icr_host_parse takes behind a bare host, a digest, stands behind the path here */
	if (memchr(text, '@', (size_t)(slash - text)) ||
	    !icr_host_parse(text, (size_t)(slash - text), &reference.host))
		return fail(text,
			    strstr(text, "://") ? "it begins with a scheme"
						: "its host is not one of icr.io",
			    err);
	int r = take_rest(text, slash + 1, &reference, err);
	if (r < 0)
		return r;
	*ret_reference = reference;
	reference = (struct icr_reference){0};
	return 0;
}

char *icr_reference_map(const struct icr_reference *reference, enum icr_host_kind kind)
{
	char name[ICR_HOST_MAX];

	if (kind == ICR_HOST_PUBLIC)
		icr_host_public(&reference->host, name);
	else if (kind != ICR_HOST_PRIVATE || !icr_host_private(&reference->host, name))
		return NULL;
	if (strlen(name) + 1 + strlen(reference->repository) > NAME_MAX_LENGTH)
		return NULL;
	return icr_printf("%s/%s%s%s%s%s", name, reference->repository, reference->tag ? ":" : "",
			  reference->tag ? reference->tag : "", reference->digest ? "@" : "",
			  reference->digest ? reference->digest : "");
}

void icr_reference_free(struct icr_reference *reference)
{
	if (!reference)
		return;
	free(reference->repository);
	free(reference->tag);
	free(reference->digest);
	*reference = (struct icr_reference){0};
}
