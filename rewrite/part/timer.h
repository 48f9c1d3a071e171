/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PART_TIMER_H
#define REWRITE_PART_TIMER_H

struct work;

/* Notes that something else has to run refresh, where there is no timer of ours. */
void timer_remind(struct work *work);

#endif
