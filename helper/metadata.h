/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_METADATA_H
#define HELPER_METADATA_H

#include "icr/error.h"
#include "icr/iam.h"

/*
 * The access token that the metadata service of this instance (VPC, bare metal of a VPC, Power
 * Virtual Server) gives for the trusted profile that it is linked to: PROFILE_ID, or PROFILE_CRN,
 * or with neither the instance's own default. Asked at its link-local addresses alone, never
 * through a proxy; version 2 of its API, then 1 where there is no 2. At most TIMEOUT_MS.
 *
 * -EACCES: the service is off, or the instance is not linked to the profile. -ETIMEDOUT: there is
 * no such service here. -EAGAIN: it does not serve now. -ICR_E_PROTOCOL: an answer that is none.
 */
int metadata_token(const char *profile_id, const char *profile_crn, int timeout_ms,
		   struct icr_iam_token *ret_token, struct icr_error *err);

#endif
