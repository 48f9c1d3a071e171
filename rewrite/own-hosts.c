/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/own-hosts.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "rewrite/go-order.h"
#include "rewrite/part/hosts.h"
#include "rewrite/processes.h"
#include "rewrite/route.h"

/* More of them are a host of containers, whose names would say no more. */
#define SAID_MAX   4
#define LOOKED_MAX 16

/* Which file a process sees at PATH, malloc'ed: with mounts or a root of its own another than this
 * host's, or none. NULL when it cannot be told. */
static char *file_of(const char *pid, const char *path)
{
	_cleanup_fd_ int fd = process_open(pid, path);
	struct stat info;

	if (fd >= 0 && fstat(fd, &info) == 0)
		return icr_printf("%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
	return fd == -ENOENT ? icr_strdup("none") : NULL;
}

/* The first name that a process sees elsewhere than this host does; NULL for none. */
static const char *stray_of(const struct work *work, const char *pid)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(HOSTS_MAX);

	/* what is no file gives no addresses; a process may be gone */
	if (!process_read_file(pid, HOSTS_FILE, &text) && !process_is_here(pid))
		return NULL;
	return hosts_stray(&text, &work->routes);
}

static void say(struct work *work, const char *engine, const char *pid, const char *name,
		struct icr_strings *past)
{
	bool root = process_is_root(pid);

	if (root && !process_is_here(pid)) {
		note(&work->notes,
		     "%s (process %s) has a hosts file of its own, as in a container, which does "
		     "not lead %s to the private network: what it pulls is not steered from here",
		     engine, pid, name);
		return;
	}
	_cleanup_free_ char *text =
		root ? icr_printf(
			       "%s (process %s) goes by a hosts file of its own, as with a root "
			       "folder "
			       "or a mount over /etc/hosts, which does not lead %s to the private "
			       "network: restart it, or take that out of its unit",
			       engine, pid, name)
		     : icr_printf("%s (process %s, rootless) goes by the copy of /etc/hosts that "
				  "it was started "
				  "with, which does not lead %s to the private network: restart it "
				  "(as that user: "
				  "systemctl --user restart docker)",
				  engine, pid, name);
	note_past(&work->notes, past, text);
}

/* An engine that sees another nsswitch.conf(5) may ask name servers before it reads any hosts file.
 */
static void look_at_order(struct work *work, const char *engine, const char *pid, const char *own,
			  struct icr_strings *past)
{
	_cleanup_free_ char *file = file_of(pid, NSSWITCH_FILE);
	_cleanup_buf_ struct icr_buf text = ICR_BUF(HOSTS_MAX);

	if (!file || strcmp(file, own) == 0 || !process_is_here(pid) || !process_is_root(pid) ||
	    !process_read_file(pid, NSSWITCH_FILE, &text))
		return;
	_cleanup_free_ char *reason = go_asks_servers(text.data, text.len);
	if (!reason)
		return;
	_cleanup_free_ char *said =
		icr_printf("%s (process %s) goes by a " NSSWITCH_FILE " of its own, as with a root "
			   "folder or a mount over it, in which \"hosts:\" %s: name servers are "
			   "asked first; restart it, or take that out of its unit",
			   engine, pid, reason);
	note_past(&work->notes, past, said);
}

void own_hosts_of(struct work *work, const struct processes *processes, struct icr_strings *past)
{
	if (!processes->count || settings_route(&work->settings) != ROUTE_HOSTS)
		return;
	_cleanup_strings_ struct icr_strings seen = {0};
	_cleanup_free_ char *own = file_of("self", HOSTS_FILE);
	_cleanup_free_ char *own_order = file_of("self", NSSWITCH_FILE);
	size_t looked = 0;

	for (size_t at = 0; own && at < processes->count; at++) {
		const char *pid = processes->items[at].pid;
		const char *engine = process_engine_called(processes->items[at].name);
		if (engine && own_order)
			look_at_order(work, engine, pid, own_order, past);
		_cleanup_free_ char *file = engine ? file_of(pid, HOSTS_FILE) : NULL;
		if (!file || strcmp(file, own) == 0)
			continue;
		/* anybody may start any number of them, with files of any size */
		bool trusted = process_is_here(pid) && process_is_root(pid);
		if (!trusted && (seen.count >= SAID_MAX || looked++ >= LOOKED_MAX))
			continue;
		bool again = false;
		for (size_t i = 0; i < seen.count; i++)
			again |= strcmp(seen.items[i], file) == 0;
		const char *name = again ? NULL : stray_of(work, pid);
		if (!name)
			continue;
		icr_strings_add(&seen, file);
		say(work, engine, pid, name, past);
	}
}

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	while (len > 0 && folder[len - 1] == '/')
		len--;
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Where the host has what the unit's processes see as their hosts file, malloc'ed: "" for nowhere.
 * NULL when they see this host's. Source: systemd.exec(5); the mount that is deeper counts. */
static char *file_of_unit(const struct systemd_unit *unit)
{
	const char *source = NULL;
	size_t depth = 0;

	for (size_t i = 0; i < unit->covered.count; i++) {
		const char *folder = unit->covered.items[i];
		size_t len = strlen(folder);
		while (len > 0 && folder[len - 1] == '/')
			len--;
		if (!is_below(HOSTS_FILE, folder) || (source && len < depth))
			continue;
		source = unit->sources.items[i];
		depth = len;
	}
	if (!source)
		return unit->root ? icr_printf("%s" HOSTS_FILE, unit->root) : NULL;
	if (!source[0])
		return icr_strdup("");
	/* with a source that is not there it does not start, or does without the mount */
	return host_has(source) ? icr_printf("%s%s", source, HOSTS_FILE + depth) : NULL;
}

void own_hosts_of_unit(struct work *work, const struct systemd_unit *unit, const char *name,
		       struct icr_strings *past)
{
	_cleanup_free_ char *file = NULL;
	_cleanup_buf_ struct icr_buf text = ICR_BUF(HOSTS_MAX);

	if (settings_route(&work->settings) == ROUTE_HOSTS)
		file = file_of_unit(unit);
	if (!file)
		return;
	(void)host_read(file, &text);
	const char *stray = hosts_stray(&text, &work->routes);
	if (!stray)
		return;
	_cleanup_free_ char *said = icr_printf(
		"%s%s, with its drop-ins: gives %s a hosts file of its own (RootDirectory=, "
		"BindPaths= or the like), which does not lead %s to the private network: take that "
		"out of the unit",
		work->host.root, unit->path, name, stray);
	note_past(&work->notes, past, said);
}
