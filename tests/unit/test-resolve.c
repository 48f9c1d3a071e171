/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <netdb.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/resolve.h"
#include "tests/unit/suite.h"

static void test_private(void)
{
	static const char *const private[] = {
		"10.0.0.0",	"10.255.255.255",  "172.16.0.1",       "172.31.255.255",
		"192.168.0.0",	"192.168.255.1",   "100.64.0.0",       "100.127.255.255",
		"169.254.2.1",	"169.254.169.254", "127.0.0.1",	       "127.255.0.9",
		"161.26.0.7",	"166.8.0.0",	   "166.9.250.214",    "166.11.255.255",
		"::1",		"fe80::1",	   "febf::1",	       "fc00::1",
		"fdff:ffff::1", "::ffff:10.0.0.1", "::ffff:166.9.1.1",
	};
	for (size_t i = 0; i < ICR_LENGTH(private); i++) {
		CU_ASSERT_EQUAL(icr_address_is_private(private[i]), 1);
		if (icr_address_is_private(private[i]) != 1)
			fprintf(stderr, "not private: %s\n", private[i]);
	}
}

static void test_public(void)
{
	static const char *const public[] = {
		"9.255.255.255",
		"11.0.0.0",
		"172.15.255.255",
		"172.32.0.0",
		"192.167.255.255",
		"192.169.0.0",
		"100.63.255.255",
		"100.128.0.0",
		"169.253.255.255",
		"169.255.0.0",
		"126.255.255.255",
		"128.0.0.1",
		"161.25.255.255",
		"161.27.0.0",
		"166.7.255.255",
		"166.12.0.0",
		"8.8.8.8",
		"2001:db8::1",
		"::2",
		"fec0::1",
		"fbff::1",
		"fe00::1",
		"::ffff:8.8.8.8",
		"::",
		"",
		"us.icr.io",
		"10.0.0",
		"10.0.0.0.0",
		"0x0a000001",
		"fe80::1%eth0",
		"[::1]",
	};
	for (size_t i = 0; i < ICR_LENGTH(public); i++) {
		CU_ASSERT_EQUAL(icr_address_is_private(public[i]), 0);
		if (icr_address_is_private(public[i]) != 0)
			fprintf(stderr, "private: %s\n", public[i]);
	}
}

static void test_numeric_names(void)
{
	struct icr_resolution names[] = {{.name = "192.0.2.7"}, {.name = "2001:db8::7"}};

	CU_ASSERT_EQUAL_FATAL(icr_resolve(names, 2, 5000, NULL), 0);
	CU_ASSERT_EQUAL(names[0].failure, 0);
	CU_ASSERT_EQUAL_FATAL(names[0].count, 1);
	CU_ASSERT_STRING_EQUAL(names[0].addresses[0], "192.0.2.7");
	CU_ASSERT_EQUAL(names[1].failure, 0);
	CU_ASSERT_EQUAL_FATAL(names[1].count, 1);
	CU_ASSERT_STRING_EQUAL(names[1].addresses[0], "2001:db8::7");
}

static void test_localhost(void)
{
	struct icr_resolution name = {.name = "localhost"};

	CU_ASSERT_EQUAL_FATAL(icr_resolve(&name, 1, 5000, NULL), 0);
	CU_ASSERT_EQUAL(name.failure, 0);
	CU_ASSERT_FATAL(name.count >= 1);
	for (size_t i = 0; i < name.count; i++)
		CU_ASSERT_EQUAL(icr_address_is_private(name.addresses[i]), 1);
}

/* A label of 64 characters is refused before anybody is asked. */
static void test_failure(void)
{
	struct icr_resolution name = {
		.name = "a123456789012345678901234567890123456789012345678901234567890123456789."
			"invalid",
		.count = 9,
	};

	CU_ASSERT_EQUAL_FATAL(icr_resolve(&name, 1, 5000, NULL), 0);
	CU_ASSERT_NOT_EQUAL(name.failure, 0);
	CU_ASSERT_EQUAL(name.count, 0);
}

static void test_none(void)
{
	CU_ASSERT_EQUAL(icr_resolve(NULL, 0, 5000, NULL), 0);
}

/* The answers come after their asker has left; sanitizers watch their memory. */
static void test_no_time(void)
{
	for (int round = 0; round < 50; round++) {
		struct icr_resolution names[8];
		for (size_t i = 0; i < ICR_LENGTH(names); i++)
			names[i] = (struct icr_resolution){.name = "localhost"};
		CU_ASSERT_EQUAL_FATAL(icr_resolve(names, ICR_LENGTH(names), 0, NULL), 0);
		for (size_t i = 0; i < ICR_LENGTH(names); i++)
			CU_ASSERT(names[i].failure == EAI_AGAIN ? names[i].count == 0
								: names[i].failure == 0);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"private addresses", test_private},
		{"public addresses", test_public},
		{"numeric names", test_numeric_names},
		{"localhost", test_localhost},
		{"a name that cannot be", test_failure},
		{"no names", test_none},
		{"no time", test_no_time},
	};
	return suite_run("resolve", tests, ICR_LENGTH(tests));
}
