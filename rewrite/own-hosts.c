/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/own-hosts.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "rewrite/part/hosts.h"
#include "rewrite/processes.h"
#include "rewrite/route.h"

/* More of them are a host of containers, whose names would say no more. */
#define SAID_MAX 4

/* Which hosts file a process sees, malloc'ed: with mounts or a root of its own another than this
 * host's, or none. NULL when it cannot be told. */
static char *file_of(const char *pid)
{
	_cleanup_free_ char *path = icr_printf("/proc/%s/root" HOSTS_FILE, pid);
	struct stat info;

	if (stat(path, &info) == 0)
		return icr_printf("%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
	return errno == ENOENT ? icr_strdup("none") : NULL;
}

/* The first name that a process sees elsewhere than this host does; NULL for none. */
static const char *stray_of(const struct work *work, const char *pid)
{
	_cleanup_free_ char *path = icr_printf("/proc/%s/root" HOSTS_FILE, pid);
	_cleanup_buf_ struct icr_buf text = ICR_BUF(HOSTS_MAX);
	const char *lines[ROUTE_LINES_MAX];

	/* what is no file gives no addresses; a process may be gone */
	if (icr_file_read(path, &text, NULL) < 0 && !process_is_here(pid))
		return NULL;
	for (size_t i = 0; i < work->routes.count; i++)
		if (route_lines(&work->routes.items[i], lines) > 0 &&
		    !hosts_leads(&text, &work->routes.items[i]))
			return work->routes.items[i].region->public_name;
	return NULL;
}

static void say(struct work *work, const char *engine, const char *pid, const char *name,
		struct icr_strings *past)
{
	_cleanup_free_ char *path = icr_printf("/proc/%s", pid);
	struct stat info;

	bool root = stat(path, &info) == 0 && info.st_uid == 0;
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
	if (past)
		icr_strings_add(past, text);
	else
		note_warning(&work->notes, "%s", text);
}

void own_hosts_of(struct work *work, const struct processes *processes, struct icr_strings *past)
{
	if (!processes->count || settings_route(&work->settings) != ROUTE_HOSTS)
		return;
	_cleanup_strings_ struct icr_strings seen = {0};
	_cleanup_free_ char *own = file_of("self");

	for (size_t at = 0; own && at < processes->count; at++) {
		const char *pid = processes->items[at].pid;
		const char *engine = process_engine_called(processes->items[at].name);
		_cleanup_free_ char *file = engine ? file_of(pid) : NULL;
		if (!file || strcmp(file, own) == 0 ||
		    (seen.count >= SAID_MAX && !process_is_here(pid)))
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
