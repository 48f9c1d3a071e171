/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_SYSTEM_KEY_H
#define HELPER_SYSTEM_KEY_H

#include "icr/error.h"
#include "icr/secret.h"

/*
 * The API key of this host, for hosts that have no identity of their own: sealed by systemd-creds
 * (TPM2 where there is one, else the host's key) on the disk, and unsealed into memory at boot by
 * icr-credential.service. In plain text it is in /run only.
 */
#define SYSTEM_KEY_FOLDER "/run/docker-credential-icr"
#define SYSTEM_KEY_FILE	  SYSTEM_KEY_FOLDER "/apikey"
#define SYSTEM_KEY_SEALED "/etc/credstore.encrypted/icr-apikey"
#define SYSTEM_KEY_UNIT	  "icr-credential.service"
#define SYSTEM_KEY_GROUP  "docker"

/*
 * Seals KEY and puts it in force for GROUP (NULL: docker) at once and at every boot; an older one
 * is replaced. As root only. -ENOENT when there is no such group, -ICR_E_UNAVAILABLE without
 * systemd 250: nothing was changed then.
 */
int system_key_seal(const struct icr_secret *key, const char *group, struct icr_error *err);

/* Can it be sealed here, for GROUP? The same failures; for a check before anybody is asked for the
 * key. */
int system_key_check(const char *group, struct icr_error *err);

/* Removes all of it. Returns 1, or 0 when there was none. */
int system_key_remove(struct icr_error *err);

#endif
