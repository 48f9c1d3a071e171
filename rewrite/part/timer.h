/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PART_TIMER_H
#define REWRITE_PART_TIMER_H

#include <stdbool.h>

#include "rewrite/work.h"

#define TIMER_UNIT "icr-rewrite.timer"

/* Will systemd run refresh, by us or by somebody else's doing? */
bool timer_enabled(const struct host *host);

/* Notes that something else has to run refresh, where there is no such timer. */
void timer_remind(struct work *work);

#endif
