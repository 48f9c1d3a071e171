/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_PROGRESS_H
#define ICR_PROGRESS_H

/*
 * A word on a terminal when something takes longer than a second. There is neither a thread (some
 * steps need a process without any) nor a timer's signal (which would end other waits early):
 * whoever waits does it in slices and calls icr_progress_tick() between them. Off unless
 * icr_progress_start() was called, with SAY for the words.
 */
void icr_progress_start(void (*say)(const char *text));

/* From now on WHAT is waited for ("asking the private network"); NULL: something without a name.
 * The text has to stay. */
void icr_progress(const char *what);

/* Says what is waited for, once, when that has taken more than a second; and once that a Ctrl-C is
 * held back, as it is while files are half changed. */
void icr_progress_tick(void);

/* How much of MS a wait may take before the next tick. */
int icr_progress_slice(int ms);

/* Sleeps for MS, ticking. */
void icr_progress_sleep(int ms);

#endif
