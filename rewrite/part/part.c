/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/part/part.h"

#include <string.h>

#include "icr/cleanup.h"

const struct part *const parts[] = {
	&part_hosts,	&part_docker, &part_podman, &part_crio,	 &part_containerd,
	&part_buildkit, &part_k3s,    &part_rke2,   &part_timer,
};

const size_t parts_count = ICR_LENGTH(parts);

const struct part *part_find(const char *name)
{
	for (size_t i = 0; i < parts_count; i++)
		if (strcmp(parts[i]->name, name) == 0)
			return parts[i];
	return NULL;
}
