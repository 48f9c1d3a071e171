/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/processes.h"

#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"

static const char *const engines[] = {"dockerd",    "containerd", "crio", "buildkitd",
				      "k3s-server", "k3s-agent",  "rke2", "kubelet"};

/* slirp4netns(1) and passt(1): what a rootless engine sends leaves the host over their sockets */
static const char *const others[] = {"podman", "buildah",     "skopeo", "nerdctl",
				     "ctr",    "slirp4netns", "pasta",	"pasta.avx2"};

const char *processes_next(DIR *dir)
{
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			return entry->d_name;
	return NULL;
}

void process_name(const char *pid, char ret_name[PROCESS_NAME_MAX])
{
	_cleanup_free_ char *path = icr_printf("/proc/%s/comm", pid);
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);

	(void)icr_file_read(path, &text, NULL);
	size_t len = strcspn(text.data, "\n");
	if (len >= PROCESS_NAME_MAX)
		len = PROCESS_NAME_MAX - 1;
	memcpy(ret_name, text.data, len);
	ret_name[len] = '\0';
}

bool process_is(const char *pid, const char *name)
{
	char own[PROCESS_NAME_MAX];

	process_name(pid, own);
	return strcmp(own, name) == 0;
}

const char *process_engine(const char *pid)
{
	char name[PROCESS_NAME_MAX];

	process_name(pid, name);
	for (size_t i = 0; i < ICR_LENGTH(engines); i++)
		if (strcmp(name, engines[i]) == 0)
			return engines[i];
	return NULL;
}

bool process_pulls(const char *pid)
{
	char name[PROCESS_NAME_MAX];

	if (process_engine(pid))
		return true;
	process_name(pid, name);
	for (size_t i = 0; i < ICR_LENGTH(others); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return false;
}
