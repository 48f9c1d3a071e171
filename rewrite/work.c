/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/work.h"

#include <stdlib.h>

#include "rewrite/docker/find.h"

void work_free(struct work *work)
{
	notes_free(&work->notes);
	routes_free(&work->routes);
	settings_free(&work->settings);
	host_free(&work->host);
	free(work->known);
	docker_forget(work);
	*work = (struct work){.host = {.root = ""}};
}
