/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_APIKEY_H
#define HELPER_APIKEY_H

#include <stddef.h>

#include "helper/credential.h"
#include "icr/error.h"

/* What the sources of IAM API keys share. ICR wants this user name with a key (IBM Cloud Docs,
 * Container Registry, "Automating access": registry_access). */
#define APIKEY_USERNAME "iamapikey"
#define APIKEY_FILE_MAX ((size_t)64 * 1024)

/* A key of LEN bytes, white space around it dropped. -ICR_E_CONFIG at WHERE when that leaves
 * nothing, more than one printable word, or a key in a wrapping: quotes, NAME=KEY, JSON, HTML. */
int apikey_set(struct credential *ret_credential, const char *host, const char *key, size_t len,
	       const char *where, struct icr_error *err);

/* The same from a file's content: the bare key, or the JSON object that "ibmcloud iam
 * api-key-create --file" writes (member apikey; apiKey in older ones). */
int apikey_set_from_file(struct credential *ret_credential, const char *host, const char *text,
			 size_t len, const char *path, struct icr_error *err);

/*
 * The same of a file. It must be this user's own and closed to others; or root's, and open to
 * others through a group of this process at most; or on a read-only file system, which is how
 * orchestrators hand secrets to those that they are meant for. Links are followed, because mounted
 * secrets are links into a folder of their version.
 */
int apikey_read_file(struct credential *ret_credential, const char *host, const char *path,
		     struct icr_error *err);

#endif
