/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_WORK_H
#define REWRITE_WORK_H

#include <stdint.h>

#include "rewrite/host.h"
#include "rewrite/known.h"
#include "rewrite/notes.h"
#include "rewrite/route.h"
#include "rewrite/settings.h"

struct docker;

/* Everything that one run of plan, apply, refresh, status or undo works on. */
struct work {
	struct host host;
	struct settings settings;
	struct routes routes;	 /* wanted */
	struct routes *recorded; /* as the state has them, or what a part found in its place */
	struct notes notes;
	int64_t probe_ms;      /* that the last probe took */
	int64_t answer_ms;     /* ... and the slowest of its answers that were good */
	struct known *known;   /* of the hosts file, which is not read then; or NULL */
	struct docker *docker; /* as it was when the files were planned; see docker_of() */
};

void work_free(struct work *work);

#endif
