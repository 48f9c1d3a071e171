/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Kubelet's request: what is taken is what json-c reads there; the response to it, with its texts
 * as a credential, is an object that json-c reads back the same. */
#include <json-c/json.h>

#include "helper/protocol.h"
#include "tests/fuzz/fuzz.h"

static struct icr_buf input = ICR_BUF(ICR_BUF_MAX), output = ICR_BUF(ICR_BUF_MAX);

static int fuzz_read_all(size_t max, struct icr_buf *ret, struct icr_error *err)
{
	(void)max;
	icr_buf_append(ret, input.data, input.len);
	return icr_buf_check(ret, "the input", err);
}

static int fuzz_write(const struct icr_buf *out, struct icr_error *err)
{
	icr_buf_append(&output, out->data, out->len);
	return icr_buf_check(out, "the reply", err);
}

#define protocol_read_all fuzz_read_all
#define protocol_write	  fuzz_write
#include "helper/verb/kubelet.c"

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *member = NULL;

	CHECK(json_object_object_get_ex(object, name, &member));
	CHECK(json_object_is_type(member, json_type_string));
	return json_object_get_string(member);
}

static void check_response(const char *host, const struct credential *credential)
{
	struct json_object *auth = NULL, *login = NULL;

	icr_buf_truncate(&output, 0);
	CHECK(print_response(host, credential, NULL) >= 0);
	CHECK(memchr(output.data, '\n', output.len) != NULL);
	struct json_object *response = json_tokener_parse(output.data);
	CHECK(strcmp(text_of(response, "kind"), RESPONSE) == 0);
	CHECK(strcmp(text_of(response, "apiVersion"), API_VERSION) == 0);
	CHECK(strcmp(text_of(response, "cacheKeyType"), KEY_TYPE) == 0);
	const char *kept = text_of(response, "cacheDuration");
	CHECK(kept[strspn(kept, "0123456789")] == 's');
	CHECK(json_object_object_get_ex(response, "auth", &auth));
	CHECK(json_object_object_length(auth) == (credential != NULL));
	if (credential) {
		CHECK(json_object_object_get_ex(auth, host, &login));
		CHECK(strcmp(text_of(login, "username"), credential->username) == 0);
		CHECK(strcmp(text_of(login, "password"), credential->secret.data) == 0);
	}
	json_object_put(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	icr_cleanup(request_free) struct request request = {0};
	_cleanup_credential_ struct credential credential = {0};
	struct icr_host host;

	icr_buf_truncate(&input, 0);
	icr_buf_append(&input, data, size);
	check_response(NULL, NULL);
	if (read_request(&request, NULL) < 0)
		return 0;
	const char *image = request.image,
		   *secret = request.token.data ? request.token.data : image;
	/* of names that come twice both take the last; json-c 0.16 has doubts about surrogates */
	if (!strchr(input.data, '\\')) {
		struct json_object *object = json_tokener_parse(input.data), *token = NULL;
		CHECK(object);
		CHECK(strcmp(text_of(object, "kind"), REQUEST) == 0);
		CHECK(strcmp(text_of(object, "apiVersion"), API_VERSION) == 0);
		CHECK(strcmp(text_of(object, "image"), image) == 0);
		if (request.token.data)
			CHECK(json_object_object_get_ex(object, "serviceAccountToken", &token) &&
			      strcmp(json_object_get_string(token), request.token.data) == 0);
		json_object_put(object);
	}
	bool ours = icr_host_parse(image, strlen(image), &host);
	CHECK(credential_set(&credential, ours ? host.name : "us.icr.io",
			     size % 2 ? "iambearer" : "iamapikey", secret, strlen(secret),
			     NULL) >= 0);
	check_response(credential.host, &credential);
	return 0;
}
