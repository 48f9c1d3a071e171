/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/go-order.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/resolve.h"
#include "rewrite/host.h"
#include "rewrite/route.h"

#define TEXT_MAX	   ((size_t)1024 * 1024)
#define RESOLVE_TIMEOUT_MS 3000

/* The sources of "hosts:" as Go has them: those of all lines, one behind the other. */
struct sources {
	struct icr_strings items;
	size_t lines; /* that have some */
	char *libc;   /* the first that glibc has: of the last line */
	bool broken;  /* Go makes nothing of the file, and goes by its default */
};

static void sources_free(struct sources *sources)
{
	icr_strings_free(&sources->items);
	free(sources->libc);
}

/* Words are separated by blanks, and by them alone: a tab is part of one. What stands in brackets
 * behind a word says nothing to a resolver that knows "files" and "dns" only. */
static void add_sources(struct sources *sources, const char *text, size_t len)
{
	size_t before = sources->items.count;

	icr_trim(&text, &len);
	size_t first = 0;
	while (first < len && !icr_is_space(text[first]) && text[first] != '[')
		first++;
	free(sources->libc);
	sources->libc = icr_strndup(text, first);
	while (len > 0) {
		const char *blank = memchr(text, ' ', len);
		size_t word = blank ? (size_t)(blank - text) : len;
		icr_strings_add_span(&sources->items, text, word);
		text += word;
		len -= word;
		icr_trim(&text, &len);
		const char *end = len && text[0] == '[' ? memchr(text, ']', len) : NULL;
		sources->broken |= len && text[0] == '[' && !end;
		if (!end)
			continue;
		len -= (size_t)(end + 1 - text);
		text = end + 1;
		icr_trim(&text, &len);
	}
	sources->lines += sources->items.count > before;
}

static struct sources read_sources(const char *text, size_t len)
{
	struct sources sources = {0};
	static const char database[] = "hosts";

	for (const char *end = text + len, *next; text < end && !sources.broken; text = next) {
		const char *feed = memchr(text, '\n', (size_t)(end - text));
		next = feed ? feed + 1 : end;
		size_t line = (size_t)((feed ? feed : end) - text);
		const char *comment = memchr(text, '#', line);
		line = comment ? (size_t)(comment - text) : line;
		icr_trim(&text, &line);
		const char *colon = memchr(text, ':', line), *name = text;
		size_t name_len = colon ? (size_t)(colon - text) : 0;
		sources.broken |= line && !colon;
		icr_trim(&name, &name_len);
		if (name_len == strlen(database) && memcmp(name, database, name_len) == 0)
			add_sources(&sources, colon + 1, line - (size_t)(colon + 1 - text));
	}
	return sources;
}

static bool is_dns(const char *source)
{
	return strcmp(source, "dns") == 0;
}

/* The place of the source that has name servers asked before the hosts file; count: none has. What
 * is not known counts as "dns" where that is named nowhere behind it. */
static size_t servers_first(const struct icr_strings *items)
{
	bool named = false;

	for (size_t i = 0; i < items->count; i++) {
		if (strcmp(items->items[i], "files") == 0)
			break;
		if (is_dns(items->items[i]))
			return i;
		for (size_t k = i + 1; k < items->count; k++)
			named |= is_dns(items->items[k]);
		if (!named)
			return i;
	}
	return items->count;
}

static char *why(const struct sources *sources)
{
	const struct icr_strings *items = &sources->items;
	size_t at = sources->broken ? items->count : servers_first(items);

	if (at == items->count)
		return NULL;
	for (size_t i = 0; i <= at; i++)
		if (strchr(items->items[i], '\t'))
			return icr_printf("has a tab between two sources, which joins them to one "
					  "that is not known");
	if (sources->lines > 1)
		return icr_printf("stands in %zu lines, which count as one that has %s before "
				  "files",
				  sources->lines, items->items[at]);
	if (is_dns(items->items[at]))
		return icr_printf("has dns before files");
	return icr_printf("has %s before files and no dns", items->items[at]);
}

char *go_asks_servers(const char *text, size_t len)
{
	icr_cleanup(sources_free) struct sources sources = read_sources(text, len);

	return why(&sources);
}

/* Is the first name server one of this host's, which may read the hosts file, as systemd-resolved
 * and dnsmasq do? None at all is the same: it is asked on 127.0.0.1. */
static bool is_served_here(void)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);
	static const char word[] = "nameserver";

	if (!host_read("/etc/resolv.conf", &text))
		return true;
	for (const char *line = text.data, *next; line; line = next) {
		next = strchr(line, '\n');
		next = next ? next + 1 : NULL;
		if (strncmp(line, word, strlen(word)) != 0 || !strchr(" \t", line[strlen(word)]))
			continue;
		const char *address = line + strlen(word) + strspn(line + strlen(word), " \t");
		return strncmp(address, "127.", strlen("127.")) == 0 ||
		       (strncmp(address, "::1", 3) == 0 && strchr(" \t\r\n", address[3]));
	}
	return true;
}

/* Do name servers lead the names as the hosts file does? 0: to other addresses; 1: they do, or
 * nowhere; -1: they did not answer. */
static int servers_follow(const struct work *work)
{
	struct icr_resolution asked[ROUTE_NAMES_MAX];
	int follow = 1;

	for (size_t i = 0; i < work->routes.count && follow > 0; i++) {
		const struct region_route *route = &work->routes.items[i];
		const char *names[ROUTE_NAMES_MAX], *lines[ROUTE_LINES_MAX];
		size_t count = route_lines(route, lines) ? route_names(route, names) : 0;
		memset(asked, 0, sizeof(asked));
		for (size_t k = 0; k < count; k++) {
			asked[k].name = names[k];
			asked[k].past_files = true;
		}
		if (count && icr_resolve(asked, count, RESOLVE_TIMEOUT_MS, NULL) < 0)
			return -1;
		for (size_t k = 0; k < count; k++) {
			for (size_t j = 0; j < asked[k].count; j++)
				if (!route_leads_to(route, asked[k].addresses[j]))
					return 0;
			if (asked[k].failure == EAI_AGAIN || asked[k].partial)
				follow = -1;
		}
	}
	return follow;
}

void go_order_of(struct work *work, struct icr_strings *past)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);

	if (!host_read(NSSWITCH_FILE, &text))
		return;
	icr_cleanup(sources_free) struct sources sources = read_sources(text.data, text.len);
	_cleanup_free_ char *reason = why(&sources);
	/* what all programs do is seen where the names lead */
	if (!reason || (sources.libc && is_dns(sources.libc)))
		return;
	int follow = work->host.live ? servers_follow(work) : -1;
	if (follow > 0 || (follow < 0 && is_served_here()))
		return;
	_cleanup_free_ char *said = icr_printf(
		"%s" NSSWITCH_FILE ": \"hosts:\" %s, so programs in Go that are built without "
		"glibc, as k3s and Docker's static build, ask name servers first: make it one line "
		"that begins with files, with blanks between the sources",
		work->host.root, reason);
	note_past(&work->notes, past, said);
}
