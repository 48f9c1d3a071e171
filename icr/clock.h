/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_CLOCK_H
#define ICR_CLOCK_H

#include <stdint.h>
#include <time.h>

/* The monotonic clock, for deadlines: setting the time of day does not move it. */
static inline int64_t icr_clock_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t icr_clock_ms(void)
{
	return icr_clock_us() / 1000;
}

/* The time of day, in seconds since 1970. */
static inline int64_t icr_clock_wall_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

#endif
