/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_DOCKER_CONFIG_H
#define HELPER_DOCKER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "helper/credential.h"
#include "icr/buf.h"
#include "icr/error.h"
#include "icr/host.h"
#include "icr/json.h"
#include "icr/text.h"

/* The value of a credHelpers entry that makes Docker run docker-credential-icr. */
#define DOCKER_CONFIG_OURS "icr"

/* Docker's config.json as it was read. */
struct docker_config {
	const char *path; /* the caller's */
	bool exists;
	struct stat seen;	/* the file behind links, when it was read */
	struct icr_buf file;	/* its bytes */
	struct icr_buf instead; /* of a missing or blank file: the empty object that is edited */
	struct icr_json json;	/* of instead where that is set, else of file */
};

/*
 * Reads and checks the file at PATH. A missing file, and one that is empty or white space, stands
 * for an empty object. -ICR_E_SYNTAX or -ICR_E_CONFIG at PATH:LINE:COLUMN when it does not parse,
 * is no object, or credHelpers is not an object of strings. To be freed in every case.
 */
int docker_config_read(const char *path, struct docker_config *ret_config, struct icr_error *err);

/* The same for TEXT, which is copied, as the content of PATH. */
int docker_config_parse(const char *path, const struct icr_buf *text,
			struct docker_config *ret_config, struct icr_error *err);

/* Wipes and frees. */
void docker_config_free(struct docker_config *config);

#define _cleanup_docker_config_ __attribute__((cleanup(docker_config_free)))

/*
 * The root's next member called NAME behind AFTER (ICR_JSON_NONE: the first). Letter case does not
 * matter, as in Go's encoding/json, and several such members count together: a map takes the
 * entries of each (measured with docker 28.2.2).
 */
uint32_t docker_config_next(const struct docker_config *config, const char *name, uint32_t after);

/* The credHelpers entry that Docker uses for NAME: the last one of all. ICR_JSON_NONE without. */
uint32_t docker_config_helper(const struct docker_config *config, const char *name);

/* Is the member's name an ICR host in any spelling? */
bool docker_config_host(const struct docker_config *config, uint32_t member,
			struct icr_host *ret_host);

/* The login of an ICR host in the root's "auths" that holds a secret, behind AFTER (ICR_JSON_NONE:
 * the first). ICR_JSON_NONE without. */
uint32_t docker_config_login(const struct docker_config *config, uint32_t after,
			     struct icr_host *ret_host);

/* What a login of "auths" says, its host normalised as HOST is. -ICR_E_CONFIG at its place when
 * that is no user name and password (a registrytoken alone, base64 that is none), or when there is
 * another secret beside it. */
int docker_config_credential(const struct docker_config *config, uint32_t login,
			     const struct icr_host *host, struct credential *ret_credential,
			     struct icr_error *err);

struct docker_config_change {
	struct icr_strings names; /* of hosts, normalised */
	bool all;		  /* with REMOVE: also entries of ours for any other name */
	bool remove;
	bool force; /* takes entries that name another helper */
};

/*
 * Appends the file as CHANGE wants it. Adding: entries for the names, those that name another
 * helper left alone without FORCE. Removing: the entries of these registries whose value is ours,
 * and credHelpers where that empties it. Adds the keys of the entries that changed to RET_CHANGED;
 * none means equal bytes.
 */
int docker_config_edit(const struct docker_config *config,
		       const struct docker_config_change *change, struct icr_strings *ret_changed,
		       struct icr_buf *ret_text, struct icr_error *err);

/* Appends the file with {} in place of these logins, as Docker leaves them for a helper. */
int docker_config_empty_logins(const struct docker_config *config, const uint32_t *logins,
			       size_t count, struct icr_buf *ret_text, struct icr_error *err);

/*
 * Makes the folder of PATH where there is none and locks it, against other runs of ours only:
 * Docker takes no lock. Removes what a killed run left there. Returns the lock's descriptor, or one
 * of none when somebody keeps a folder locked that others than its owner may open.
 */
int docker_config_lock(const char *path, struct icr_error *err);

/* Only removes what a killed run left, unless another run is at work. */
void docker_config_sweep(const char *path);

/*
 * Puts TEXT in the place of CONFIG, under the lock. -EAGAIN, without touching anything, when the
 * file is no longer the one that was read. What root makes anew belongs to the owner of the folder
 * that it is in.
 */
int docker_config_write(const struct docker_config *config, const struct icr_buf *text,
			struct icr_error *err);

#endif
