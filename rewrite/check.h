/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_CHECK_H
#define REWRITE_CHECK_H

#include <stdbool.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/http.h"
#include "icr/reference.h"
#include "icr/resolve.h"
#include "rewrite/probe.h"
#include "rewrite/work.h"

/* How IBM's identity service is reached: for information, nothing depends on it. */
struct check_iam {
	const char *name;
	enum icr_http_outcome outcome; /* ICR_HTTP_DONE: name, TCP and TLS are fine */
	char *address;
	char *message;
};

enum { CHECK_IAM_PRIVATE, CHECK_IAM_PUBLIC, CHECK_IAMS };

/* One image, asked for as an engine would. */
struct check_pull {
	bool done;
	char *address; /* of the private network that was asked; NULL: where the name leads */
	char *username;
	char *manifest; /* media type */
	char *blob;	/* digest */
	char *redirect; /* host that the blob's request is sent on to; NULL: served directly */
	struct icr_resolution redirect_name;
};

/* All that check found out. */
struct check {
	bool probed; /* it came as far as asking */
	struct probe probe;
	struct check_iam iams[CHECK_IAMS];
	const char *pull_text; /* --pull */
	struct icr_reference reference;
	struct check_pull pull;
	struct notes notes;
};

/* Asks both names of IAM; never fails, the outcomes tell. */
void check_iam(struct check_iam *iams, int timeout_ms);

/*
 * Gets the helper's credentials for the reference's host, then a token, the manifest and the head
 * of a blob. PROBED is the reference's region.
 */
int check_pull(const struct icr_reference *reference, const struct probe_region *probed,
	       struct check_pull *pull, struct icr_error *err);

/* The credentials that the helper has for HOST. */
int check_credentials(const char *host, char **ret_username, struct icr_secret *ret_secret,
		      struct icr_error *err);

/* Is the region's traffic private: proven, or already so? */
bool check_is_private(const struct probe_region *region);

/* HINTS: also what to do about each region that failed. */
void check_print(const struct check *check, bool hints, struct icr_buf *out);
int check_print_json(const struct check *check, const struct icr_error *failure,
		     struct icr_buf *out, struct icr_error *err);

#endif
