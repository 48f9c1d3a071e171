/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <netdb.h>
#include <string.h>

#include "icr/cleanup.h"
#include "rewrite/choose.h"
#include "tests/unit/suite.h"

/* Every outcome that a request can have is told as one of three. */
static const struct {
	enum icr_http_outcome outcome;
	enum choose_evidence evidence;
} http_cases[] = {
	{ICR_HTTP_CONNECT_TIMEOUT, EVIDENCE_DEATH},
	{ICR_HTTP_TIMEOUT, EVIDENCE_DEATH},
	{ICR_HTTP_REFUSED, EVIDENCE_DEATH},
	{ICR_HTTP_UNREACHABLE, EVIDENCE_DEATH},
	{ICR_HTTP_NO_NAME, EVIDENCE_DEATH},
	{ICR_HTTP_DONE, EVIDENCE_LIFE}, /* 429, 403, 5xx */
	{ICR_HTTP_TOO_LARGE, EVIDENCE_LIFE},
	{ICR_HTTP_RESET, EVIDENCE_LIFE},
	{ICR_HTTP_TLS_NAME, EVIDENCE_LIFE},
	{ICR_HTTP_TLS_UNTRUSTED, EVIDENCE_LIFE},
	{ICR_HTTP_TLS, EVIDENCE_LIFE},
	{ICR_HTTP_LOCAL, EVIDENCE_FAULT_HERE},
	{ICR_HTTP_FAILED, EVIDENCE_NONE},
};

static void test_http(void)
{
	for (size_t i = 0; i < ICR_LENGTH(http_cases); i++)
		CU_ASSERT_EQUAL(choose_evidence_http(http_cases[i].outcome),
				http_cases[i].evidence);
	/* None is missing above. */
	for (int outcome = ICR_HTTP_DONE; outcome <= ICR_HTTP_FAILED; outcome++) {
		bool known = false;
		for (size_t i = 0; i < ICR_LENGTH(http_cases); i++)
			known |= (int)http_cases[i].outcome == outcome;
		CU_ASSERT_TRUE(known);
	}
}

static void test_name(void)
{
	CU_ASSERT_EQUAL(choose_evidence_name(EAI_NONAME), EVIDENCE_DEATH);
	CU_ASSERT_EQUAL(choose_evidence_name(EAI_NODATA), EVIDENCE_DEATH);
	CU_ASSERT_EQUAL(choose_evidence_name(EAI_ADDRFAMILY), EVIDENCE_DEATH);
	CU_ASSERT_EQUAL(choose_evidence_name(0), EVIDENCE_DEATH);
	CU_ASSERT_EQUAL(choose_evidence_name(EAI_AGAIN), EVIDENCE_NONE);
	CU_ASSERT_EQUAL(choose_evidence_name(EAI_FAIL), EVIDENCE_NONE);
	CU_ASSERT_EQUAL(choose_evidence_name(EAI_SYSTEM), EVIDENCE_FAULT_HERE);
	CU_ASSERT_EQUAL(choose_evidence_name(EAI_MEMORY), EVIDENCE_FAULT_HERE);
}

/* What two addresses say together, asked by the private name. */
static enum choose_evidence both(enum icr_http_outcome a, enum icr_http_outcome b)
{
	struct probe_address addresses[2] = {0};
	struct probe_region region = {.addresses = addresses, .count = 2};
	addresses[0].answers[PROBE_PRIVATE].outcome = a;
	addresses[0].answers[PROBE_PUBLIC].outcome = ICR_HTTP_DONE;
	addresses[1].answers[PROBE_PRIVATE].outcome = b;
	addresses[1].answers[PROBE_PUBLIC].outcome = ICR_HTTP_REFUSED;
	return choose_evidence(&region);
}

/* The private network that serves its own name lives, whatever becomes of the public one there. */
static void test_served_privately(void)
{
	struct probe_address addresses[2] = {0};
	struct probe_region region = {.addresses = addresses, .count = 2};
	addresses[0].answers[PROBE_PRIVATE].passed = true;
	addresses[0].answers[PROBE_PUBLIC].outcome = ICR_HTTP_TIMEOUT;
	addresses[1].answers[PROBE_PRIVATE].outcome = ICR_HTTP_CONNECT_TIMEOUT;
	CU_ASSERT_EQUAL(choose_evidence(&region), EVIDENCE_LIFE);
	addresses[0].answers[PROBE_PRIVATE].passed = false;
	addresses[0].answers[PROBE_PRIVATE].outcome = ICR_HTTP_TIMEOUT;
	CU_ASSERT_EQUAL(choose_evidence(&region), EVIDENCE_DEATH);
}

static void test_region(void)
{
	CU_ASSERT_EQUAL(both(ICR_HTTP_REFUSED, ICR_HTTP_CONNECT_TIMEOUT), EVIDENCE_DEATH);
	CU_ASSERT_EQUAL(both(ICR_HTTP_REFUSED, ICR_HTTP_DONE), EVIDENCE_LIFE);
	CU_ASSERT_EQUAL(both(ICR_HTTP_TLS_NAME, ICR_HTTP_TIMEOUT), EVIDENCE_LIFE);
	CU_ASSERT_EQUAL(both(ICR_HTTP_DONE, ICR_HTTP_LOCAL), EVIDENCE_FAULT_HERE);
	CU_ASSERT_EQUAL(both(ICR_HTTP_LOCAL, ICR_HTTP_REFUSED), EVIDENCE_FAULT_HERE);
	struct probe_region region = {.private_name = {.failure = EAI_AGAIN}};
	CU_ASSERT_EQUAL(choose_evidence(&region), EVIDENCE_NONE);
	region.private_name.failure = EAI_NONAME;
	CU_ASSERT_EQUAL(choose_evidence(&region), EVIDENCE_DEATH);
}

int main(void)
{
	static const struct test tests[] = {
		{"outcomes of requests", test_http},
		{"failures of names", test_name},
		{"the private name is served", test_served_privately},
		{"a region", test_region},
	};
	return suite_run("choose", tests, ICR_LENGTH(tests));
}
