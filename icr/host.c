/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/host.h"

#include <string.h>

#include "icr/text.h"

#define LABEL_MAX      63 /* RFC 1035, section 2.3.4 */
#define PRIVATE_PREFIX "private."
#define DIGEST_MARK    "@sha256:"
#define DIGEST_MIN     32 /* digits; no port has as many */

/* Part of a text that need not end in a NUL. */
struct piece {
	const char *at;
	size_t len;
};

static bool equals(struct piece piece, const char *text)
{
	return strlen(text) == piece.len && memcmp(piece.at, text, piece.len) == 0;
}

/* Not isalnum() and tolower(): other alphabets and the locale have no say here. */
static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Takes PREFIX, which is in lower case, off the front of PIECE. */
static bool skip(struct piece *piece, const char *prefix)
{
	size_t len = strlen(prefix);

	if (piece->len < len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (to_lower(piece->at[i]) != prefix[i])
			return false;
	piece->at += len;
	piece->len -= len;
	return true;
}

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* Moves the host name in front of TEXT to NAME, in lower case. */
static bool take_name(struct piece *text, char name[ICR_HOST_MAX])
{
	size_t n = 0;

	for (; n < text->len; n++) {
		char c = to_lower(text->at[n]);
		if (!is_label_char(c) && c != '.')
			break;
		if (n == ICR_HOST_MAX - 1)
			return false;
		name[n] = c;
	}
	name[n] = '\0';
	text->at += n;
	text->len -= n;
	return n > 0;
}

/*
 * What may follow the host. Only a path may hold any printable character: a '@' right behind the
 * host makes of it the user name of another one ("https://us.icr.io@sha256:443" is port 443 of the
 * host sha256), unless this is no URL and all that follows is a digest. '?' and '#' are not taken
 * either: no client puts them there.
 */
static bool is_fine_rest(struct piece rest, bool is_url)
{
	if (rest.len == 0)
		return true;
	if (rest.at[0] == '/') {
		for (size_t i = 0; i < rest.len; i++)
			if (rest.at[i] <= ' ' || rest.at[i] > '~')
				return false;
		return true;
	}
	if (is_url || !skip(&rest, DIGEST_MARK) || rest.len < DIGEST_MIN)
		return false;
	for (size_t i = 0; i < rest.len; i++)
		if (icr_hex_digit(rest.at[i]) < 0)
			return false;
	return true;
}

/* dd0, dd1, ...: hosts that downloads are redirected to; no credential belongs there. */
static bool is_download(struct piece label)
{
	if (label.len < 3 || memcmp(label.at, "dd", 2) != 0)
		return false;
	for (size_t i = 2; i < label.len; i++)
		if (label.at[i] < '0' || label.at[i] > '9')
			return false;
	return true;
}

static bool is_region_label(struct piece label)
{
	if (label.len == 0 || label.len > LABEL_MAX)
		return false;
	if (label.at[0] == '-' || label.at[label.len - 1] == '-')
		return false;
	if (label.len >= 4 && memcmp(label.at, "xn--", 4) == 0)
		return false;
	if (memchr(label.at, '.', label.len))
		return false;
	return !is_download(label) && !equals(label, "private") && !equals(label, "cp") &&
	       !equals(label, "stg");
}

/* Takes SUFFIX off the end of PIECE. */
static bool cut(struct piece *piece, const char *suffix)
{
	size_t len = strlen(suffix);

	if (piece->len < len || memcmp(piece->at + piece->len - len, suffix, len) != 0)
		return false;
	piece->len -= len;
	return true;
}

static bool classify(const char *name, enum icr_host_kind *ret_kind)
{
	struct piece label = {name, strlen(name)};

	*ret_kind = ICR_HOST_PUBLIC;
	if (equals(label, "icr.io"))
		return true;
	if (!cut(&label, ".icr.io"))
		return false;
	if (equals(label, "cp")) {
		*ret_kind = ICR_HOST_ENTITLED;
		return true;
	}
	if (equals(label, "stg")) {
		*ret_kind = ICR_HOST_STAGING;
		return true;
	}
	if (equals(label, "private")) {
		*ret_kind = ICR_HOST_PRIVATE;
		return true;
	}
	if (skip(&label, PRIVATE_PREFIX))
		*ret_kind = ICR_HOST_PRIVATE;
	return is_region_label(label);
}

static const struct icr_region *find_alias(const char *name)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < count; i++)
		if (regions[i].alias && strcmp(regions[i].alias, name) == 0)
			return &regions[i];
	return NULL;
}

static const struct icr_region *find_region(const char *name)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(regions[i].public_name, name) == 0 ||
		    strcmp(regions[i].private_name, name) == 0)
			return &regions[i];
	return NULL;
}

bool icr_host_parse(const char *text, size_t len, struct icr_host *ret_host)
{
	struct piece rest = {text, len};
	struct icr_host host;

	bool is_url = skip(&rest, "https://") || skip(&rest, "http://");
	if (!take_name(&rest, host.name))
		return false;
	/* ":443" and not ":4433" or ":443x": is_fine_rest() sees what follows */
	(void)skip(&rest, ":443");
	if (!is_fine_rest(rest, is_url))
		return false;
	host.region = find_alias(host.name);
	host.kind = ICR_HOST_ALIAS;
	if (!host.region) {
		if (!classify(host.name, &host.kind))
			return false;
		host.region = find_region(host.name);
	}
	*ret_host = host;
	return true;
}

/* NAMES are ours and fit: the table's, or LABEL.icr.io of a parsed host with the prefix. */
static void put_name(char ret_name[ICR_HOST_MAX], const char *prefix, const char *name)
{
	size_t prefix_len = strlen(prefix), len = strlen(name);

	memmove(ret_name + prefix_len, name, len + 1);
	memcpy(ret_name, prefix, prefix_len);
}

void icr_host_public(const struct icr_host *host, char ret_name[ICR_HOST_MAX])
{
	if (host->kind == ICR_HOST_PRIVATE)
		put_name(ret_name, "", host->name + strlen(PRIVATE_PREFIX));
	else if (host->kind == ICR_HOST_ALIAS)
		put_name(ret_name, "", host->region->public_name);
	else
		put_name(ret_name, "", host->name);
}

bool icr_host_private(const struct icr_host *host, char ret_name[ICR_HOST_MAX])
{
	switch (host->kind) {
	case ICR_HOST_PUBLIC:
		put_name(ret_name, PRIVATE_PREFIX, host->name);
		return true;
	case ICR_HOST_PRIVATE:
		put_name(ret_name, "", host->name);
		return true;
	case ICR_HOST_ALIAS:
		put_name(ret_name, "", host->region->private_name);
		return true;
	case ICR_HOST_ENTITLED:
	case ICR_HOST_STAGING:
		break;
	}
	return false;
}

bool icr_host_twin(const struct icr_host *host, char ret_name[ICR_HOST_MAX])
{
	if (host->kind != ICR_HOST_PRIVATE)
		return icr_host_private(host, ret_name);
	icr_host_public(host, ret_name);
	return true;
}

size_t icr_host_relatives(const struct icr_host *host,
			  char ret_names[ICR_HOST_RELATIVES][ICR_HOST_MAX])
{
	if (host->kind == ICR_HOST_ALIAS) {
		put_name(ret_names[0], "", host->region->public_name);
		put_name(ret_names[1], "", host->region->private_name);
		return 2;
	}
	if (!icr_host_twin(host, ret_names[0]))
		return 0;
	if (!host->region || !host->region->alias)
		return 1;
	put_name(ret_names[1], "", host->region->alias);
	return 2;
}
