/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_CONTAINERS_CONFIG_H
#define HELPER_CONTAINERS_CONFIG_H

#include <stdbool.h>

#include "icr/buf.h"
#include "icr/environment.h"
#include "icr/error.h"
#include "icr/text.h"

/*
 * The drop-in of registries.conf(5) that makes podman, buildah, skopeo and CRI-O ask this helper
 * first, for every host: a file that is wholly ours. The helpers of an administrator stay behind
 * it, since the last file that names any replaces what the others say.
 */
#define CONTAINERS_DROP_IN "zz-docker-credential-icr.conf"

struct containers_config {
	char *path;	       /* of the drop-in: below /etc for root, else ~/.config */
	struct icr_buf before; /* its text; empty when it is not there */
	bool exists;
	struct icr_buf after;	  /* what it should say */
	struct icr_strings later; /* files that come after it and name other helpers */
};

/* Looks at all files of registries.conf, unless ours is to be REMOVEd, whatever they say.
 * -ICR_E_CONFLICT when somebody else's file stands in ours' place; -ICR_E_SYNTAX at FILE:LINE for a
 * list that cannot be read. To be freed in every case. */
int containers_config_read(const struct icr_environment *environment, bool remove,
			   struct containers_config *ret_config, struct icr_error *err);

/* Puts the drop-in there, mode 0644, or takes it out. */
int containers_config_write(const struct containers_config *config, struct icr_error *err);
int containers_config_remove(const struct containers_config *config, struct icr_error *err);

void containers_config_free(struct containers_config *config);

#define _cleanup_containers_config_ __attribute__((cleanup(containers_config_free)))

/* The strings of "credential-helpers" among the top-level keys of a TOML TEXT. Returns 1, or 0 when
 * there is no such key. */
int containers_helpers_parse(const char *path, const char *text, size_t len,
			     struct icr_strings *ret_helpers, struct icr_error *err);

#endif
