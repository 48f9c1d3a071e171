/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_CACHE_H
#define HELPER_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "icr/environment.h"
#include "icr/error.h"
#include "icr/iam.h"
#include "icr/secret.h"
#include "icr/sha256.h"

struct helper_context;

/*
 * Access tokens, kept for all processes of this user until they are about to expire: in a folder of
 * ours below $XDG_RUNTIME_DIR (or /run/user/UID; for root, /run), which is memory; else in the
 * kernel's keyring;
 * else in files of mode 0600 in the data folder. Each is kept under the hash of the identity and
 * endpoint that it came from. What is damaged, somebody else's or open to others is never used.
 *
 * Ages are told by the clock that counts from the boot on (CLOCK_BOOTTIME): setting the time of day
 * moves nothing, and what is from before the last boot is not used.
 */

/* Where a token comes from when the cache has none: asked by one process at a time, however many
 * want it. */
struct cache_origin {
	/* what the token depends on, hashed: endpoint, identity, profile */
	char id[ICR_SHA256_HEX];
	int (*obtain)(const struct cache_origin *origin, int timeout_ms,
		      struct icr_iam_token *ret_token, struct icr_error *err);
	bool hands_over; /* to a program that begins anew, and then has all the time to wait */
	void *data;
};

/* The folder for what all processes of this user share until the next boot: ours alone, in memory.
 * -1 when there is none. */
int cache_folder(const struct icr_environment *environment);

/* A folder for flock() among the processes of this user, which nobody else can open, and so cannot
 * lock: that one, or else the one of the data when it is there. -1 when there is none. */
int cache_lock_folder(const struct icr_environment *environment);

/* Begins the text that is hashed to origin->id: add each part with cache_id_part. */
void cache_id_part(struct icr_buf *text, const char *part);
void cache_id_finish(struct icr_buf *text, struct cache_origin *origin);

/*
 * The token, from the cache or its origin. A token that is good for now is renewed from half of its
 * life on, at a moment that differs from token to token; when that fails or takes longer than
 * seconds, it serves on. A failure is remembered for a while too: half a minute when the identity
 * is rejected, seconds otherwise. At most TIMEOUT_MS. RET_LEFT: for how many seconds it is good
 * yet.
 */
int cache_token(const struct helper_context *context, const struct cache_origin *origin,
		int timeout_ms, struct icr_secret *ret_access, int64_t *ret_left,
		struct icr_error *err);

/* For how many seconds there is a token of ORIGIN that cache_token hands out whether the origin
 * answers or not; 0: none. */
int64_t cache_left(const struct helper_context *context, const struct cache_origin *origin);

/* Takes away what is kept of ORIGIN. */
void cache_forget(const struct helper_context *context, const struct cache_origin *origin);

#endif
