/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "rewrite/check.h"

/* Source: IBM/go-sdk-core v5.22.1; the private name from IBM Cloud Docs, IBM Cloud Logs. Any answer
 * will do, so the request carries nothing. */
static const struct {
	const char *name, *url;
	bool use_proxy;
} hosts[CHECK_IAMS] = {
	[CHECK_IAM_PRIVATE] = {"private.iam.cloud.ibm.com", "https://private.iam.cloud.ibm.com/",
			       false},
	[CHECK_IAM_PUBLIC] = {"iam.cloud.ibm.com", "https://iam.cloud.ibm.com/", true},
};

void check_iam(struct check_iam *iams, int timeout_ms)
{
	_cleanup_error_ struct icr_error err = {0};
	struct icr_http_request requests[CHECK_IAMS];
	struct icr_http_reply replies[CHECK_IAMS] = {0};

	for (size_t i = 0; i < CHECK_IAMS; i++)
		requests[i] = (struct icr_http_request){
			.method = "GET",
			.url = hosts[i].url,
			.use_proxy = hosts[i].use_proxy,
			.connect_timeout_ms = timeout_ms,
			.timeout_ms = timeout_ms,
		};
	int r = icr_http_perform(requests, CHECK_IAMS, replies, &err);
	for (size_t i = 0; i < CHECK_IAMS; i++) {
		iams[i].name = hosts[i].name;
		iams[i].outcome = r < 0 ? ICR_HTTP_FAILED : replies[i].outcome;
		iams[i].address = icr_steal(&replies[i].address);
		iams[i].message = icr_steal(&replies[i].message);
		if (r < 0 && !iams[i].message)
			iams[i].message = strdup(err.what ? err.what : "out of memory");
		icr_http_reply_free(&replies[i]);
	}
}
