/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* The store's file: what is put is what is read then, erased it is gone, and every other credential
 * stays as it is. The first byte picks the host, what stands before 0xff is the secret. */
#include "helper/store/file.h"
#include "icr/cleanup.h"
#include "icr/utf8.h"
#include "tests/fuzz/fuzz.h"

static int read_all(const struct icr_buf *text, struct credentials *ret)
{
	_cleanup_document_ struct document document = {0};

	CHECK(document_parse("file", text, &document, NULL) >= 0);
	return document_read(&document, NULL, 0, ret, NULL);
}

static void check_same(const struct credential *one, const struct credential *other)
{
	CHECK(one && other && strcmp(one->host, other->host) == 0);
	CHECK(strcmp(one->username, other->username) == 0);
	CHECK(one->secret.len == other->secret.len &&
	      memcmp(one->secret.data, other->secret.data, one->secret.len) == 0);
}

/* All but HOST's are in both, and the same. */
static void check_others(const struct credentials *before, const struct credentials *after,
			 const char *host)
{
	size_t others = 0;

	for (size_t i = 0; i < before->count; i++) {
		if (strcmp(before->items[i].host, host) == 0)
			continue;
		others++;
		check_same(&before->items[i], credentials_find(after, before->items[i].host));
	}
	CHECK(after->count == others + (credentials_find(after, host) != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = {"us.icr.io", "private.de.icr.io", CREDENTIAL_DEFAULT,
					    "registry.ng.bluemix.net"};
	_cleanup_document_ struct document document = {0}, full = {0};
	_cleanup_credentials_ struct credentials before = {0}, after = {0}, rest = {0};
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX), put = ICR_BUF(ICR_BUF_MAX),
				     erased = ICR_BUF(ICR_BUF_MAX);

	if (size == 0)
		return 0;
	const char *host = hosts[*data % ICR_LENGTH(hosts)];
	data++;
	size--;
	_cleanup_free_ char *secret = fuzz_cut(&data, &size);
	for (size_t at = 0, n; secret[at]; at += n)
		if ((n = icr_utf8_length(secret + at, strlen(secret + at))) == 0)
			return 0;
	icr_buf_append(&text, data, size);
	if (document_parse("file", &text, &document, NULL) < 0)
		return 0;
	int r = read_all(&text, &before);
	CHECK(credential_set(&credential, host, "iamapikey", secret, strlen(secret), NULL) >= 0);
	CHECK(document_put(&document, &credential, &put, NULL) >= 0);
	if (r < 0) /* another one is damaged, and must not be in the way */
		return 0;
	CHECK(read_all(&put, &after) >= 0);
	check_same(credentials_find(&after, host), &credential);
	check_others(&before, &after, host);
	CHECK(document_parse("file", &put, &full, NULL) >= 0);
	CHECK(document_erase(&full, host, &erased, NULL) == 1);
	CHECK(read_all(&erased, &rest) >= 0 && !credentials_find(&rest, host));
	check_others(&before, &rest, host);
	return 0;
}
