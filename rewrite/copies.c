/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/copies.h"

#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "rewrite/part/hosts.h"
#include "rewrite/processes.h"

#define WORDS_MAX  ((size_t)128 * 1024)
#define NAME_BYTES 64

/* The word behind OPTION on a command line, whose words end in NUL; or NULL. */
static const char *value_of(const struct icr_buf *command, const char *option)
{
	const char *end = command->data + command->len;

	for (const char *word = command->data; word < end; word += strlen(word) + 1)
		if (strcmp(word, option) == 0 && word + strlen(word) + 1 < end)
			return word + strlen(word) + 1;
	return NULL;
}

/* conmon(8) watches one container each: its name behind -n, and behind -p a file in the folder
 * where podman keeps the hosts file that is mounted into it (libpod, createHosts). */
static void look_at(const struct work *work, const char *process, struct icr_strings *names)
{
	_cleanup_buf_ struct icr_buf command = ICR_BUF(WORDS_MAX), text = ICR_BUF(ICR_FILE_MAX);
	_cleanup_free_ char *command_path = icr_printf("/proc/%s/cmdline", process);

	if (!process_is(process, "conmon") || !host_read(command_path, &command))
		return;
	const char *name = value_of(&command, "-n"), *file = value_of(&command, "-p");
	if (!name || !file || file[0] != '/')
		return;
	_cleanup_free_ char *folder = icr_path_folder(file);
	_cleanup_free_ char *hosts = icr_path_join(folder, "hosts");
	_cleanup_free_ char *shown = icr_strndup(name, NAME_BYTES);
	if (host_read(hosts, &text) && hosts_gives_recorded(work, &text))
		icr_strings_add_once(names, shown);
}

void copies_note(struct work *work)
{
	_cleanup_dir_ DIR *dir = work->recorded && work->host.live ? opendir("/proc") : NULL;
	_cleanup_strings_ struct icr_strings names = {0};
	_cleanup_buf_ struct icr_buf list = ICR_BUF(ICR_BUF_MAX);

	for (const char *process; (process = processes_next(dir));)
		look_at(work, process, &names);
	if (!names.count)
		return;
	for (size_t i = 0; i < names.count; i++)
		icr_buf_printf(&list, "%s%s", i ? ", " : "", names.items[i]);
	note_warning(&work->notes,
		     "running containers of podman keep the hosts file that they started with, and "
		     "our lines in it, until they are restarted: %s",
		     list.data);
}
