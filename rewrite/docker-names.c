/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker-names.h"

#include <string.h>
#include <strings.h>

static void trim(const char **item, size_t *len)
{
	while (*len > 0 && strchr(" \t\r\n", (*item)[0])) {
		(*item)++;
		(*len)--;
	}
	while (*len > 0 && strchr(" \t\r\n", (*item)[*len - 1]))
		(*len)--;
}

/* Takes ":443" off; false for another port. */
static bool take_port(const char *item, size_t *len)
{
	const char *colon = memrchr(item, ':', *len);

	if (!colon)
		return true;
	if ((size_t)(item + *len - colon) != 4 || memcmp(colon, ":443", 4) != 0)
		return false;
	*len = (size_t)(colon - item);
	return true;
}

static bool covers(const char *item, size_t len, const char *host)
{
	trim(&item, &len);
	if (len == 1 && item[0] == '*')
		return true;
	if (len == 0 || !take_port(item, &len))
		return false;
	if (len > 1 && item[0] == '*' && item[1] == '.') {
		item++;
		len--;
	}
	bool below_only = len > 0 && item[0] == '.';
	if (below_only) {
		item++;
		len--;
	}
	size_t host_len = strlen(host);
	if (len == 0 || len > host_len || strncasecmp(host + host_len - len, item, len) != 0)
		return false;
	return len == host_len ? !below_only : host[host_len - len - 1] == '.';
}

bool docker_names_cover(const char *list, const char *host)
{
	for (const char *item = list; item;) {
		size_t len = strcspn(item, ",");
		if (covers(item, len, host))
			return true;
		item = item[len] == ',' ? item + len + 1 : NULL;
	}
	return false;
}

void docker_names_join(const char *list, const struct words *names, struct icr_buf *out)
{
	size_t len = list ? strlen(list) : 0;
	const char *last = list;
	size_t rest = len;

	icr_buf_text(out, list ? list : "");
	if (len > 0)
		trim(&last, &rest);
	bool separate = rest > 0 && last[rest - 1] != ',';
	for (size_t i = 0; i < names->count; i++) {
		if (separate)
			icr_buf_char(out, ',');
		icr_buf_text(out, names->items[i]);
		separate = true;
	}
}

static bool contains(const struct words *names, const char *item, size_t len)
{
	trim(&item, &len);
	for (size_t i = 0; i < names->count; i++)
		if (strlen(names->items[i]) == len && memcmp(names->items[i], item, len) == 0)
			return true;
	return false;
}

void docker_names_without(const char *list, const struct words *names, struct icr_buf *out)
{
	bool first = true;

	for (const char *item = list; item;) {
		size_t len = strcspn(item, ",");
		if (!contains(names, item, len)) {
			if (!first)
				icr_buf_char(out, ',');
			icr_buf_append(out, item, len);
			first = false;
		}
		item = item[len] == ',' ? item + len + 1 : NULL;
	}
}
