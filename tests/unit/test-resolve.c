/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

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

static void test_refused(void)
{
	static const struct {
		const char *address, *words;
	} cases[] = {
		{"127.0.0.1", "loopback"},
		{"127.255.255.254", "loopback"},
		{"::1", "loopback"},
		{"169.254.0.1", "link-local"},
		{"169.254.169.254", "link-local"},
		{"fe80::1", "link-local"},
		{"febf::ffff", "link-local"},
		{"0.0.0.0", "unspecified"},
		{"0.255.0.1", "unspecified"},
		{"::", "unspecified"},
		{"224.0.0.1", "multicast"},
		{"233.252.0.1", "multicast"},
		{"239.255.255.255", "multicast"},
		{"ff02::1", "multicast"},
		{"ff0e::db8:0:1", "multicast"},
		{"240.0.0.1", "reserved"},
		{"255.255.255.255", "reserved"},
		{"::ffff:127.0.0.1", "IPv4"},
		{"::ffff:0.0.0.0", "IPv4"},
		{"::ffff:169.254.1.1", "IPv4"},
		{"::ffff:224.0.0.1", "IPv4"},
		{"::ffff:166.9.1.1", "IPv4"},
		{"::127.0.0.1", "IPv4"},
		{"64:ff9b::7f00:1", "IPv4"},
		{"64:ff9b:1::7f00:1", "IPv4"},
		{"8.8.8.8", "public"},
		{"203.0.113.10", "public"},
		{"2001:db8::1", "public"},
		{"fec0::1", "public"},
		{"us.icr.io", "no address"},
	};
	static const char *const fine[] = {"166.9.250.214", "10.0.0.1",	  "172.16.0.1",
					   "192.168.1.1",   "100.64.0.1", "161.26.0.7",
					   "fd00::1",	    "fc00::1"};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		const char *refusal = icr_address_refusal(cases[i].address);
		CU_ASSERT_TRUE(refusal && strstr(refusal, cases[i].words));
		if (!refusal || !strstr(refusal, cases[i].words))
			fprintf(stderr, "%s: %s\n", cases[i].address, refusal ? refusal : "fine");
	}
	for (size_t i = 0; i < ICR_LENGTH(fine); i++)
		CU_ASSERT_PTR_NULL(icr_address_refusal(fine[i]));
}

static void test_networks(void)
{
	CU_ASSERT_TRUE(icr_address_in("10.1.2.3", "10.0.0.0/8"));
	CU_ASSERT_TRUE(icr_address_in("10.1.2.3", "10.1.2.3/32"));
	CU_ASSERT_TRUE(icr_address_in("10.1.2.3", "0.0.0.0/0"));
	CU_ASSERT_TRUE(icr_address_in("fd00::1", "fd00::/8"));
	CU_ASSERT_FALSE(icr_address_in("11.1.2.3", "10.0.0.0/8"));
	CU_ASSERT_FALSE(icr_address_in("10.1.2.3", "10.0.0.0/33"));
	CU_ASSERT_FALSE(icr_address_in("10.1.2.3", "10.0.0.0"));
	CU_ASSERT_FALSE(icr_address_in("10.1.2.3", "10.0.0.0/"));
	CU_ASSERT_FALSE(icr_address_in("10.1.2.3", "us.icr.io"));
	CU_ASSERT_FALSE(icr_address_in("10.1.2.3", "::/0"));
	CU_ASSERT_FALSE(icr_address_in("fd00::1", "0.0.0.0/0"));
	CU_ASSERT_FALSE(icr_address_in("us.icr.io", "0.0.0.0/0"));
	CU_ASSERT_EQUAL(icr_address_family("10.0.0.1"), AF_INET);
	CU_ASSERT_EQUAL(icr_address_family("::1"), AF_INET6);
	CU_ASSERT_EQUAL(icr_address_family("localhost"), 0);
	CU_ASSERT_TRUE(icr_address_is_public("8.8.8.8"));
	CU_ASSERT_TRUE(icr_address_is_public("2001:db8::1"));
	CU_ASSERT_FALSE(icr_address_is_public("166.9.1.1"));
	CU_ASSERT_FALSE(icr_address_is_public("233.252.0.1"));
	CU_ASSERT_FALSE(icr_address_is_public("ff0e::db8:0:1"));
}

static void test_families(void)
{
	struct icr_resolution names[] = {{.name = "192.0.2.7", .family = AF_INET},
					 {.name = "192.0.2.7", .family = AF_INET6},
					 {.name = "2001:db8::7", .family = AF_INET},
					 {.name = "2001:db8::7", .family = AF_INET6}};

	CU_ASSERT_EQUAL_FATAL(icr_resolve(names, 4, 5000, NULL), 0);
	for (int i = 0; i < 4; i++) {
		CU_ASSERT_TRUE(names[i].done);
		CU_ASSERT_EQUAL(names[i].count, i == 0 || i == 3);
	}
	CU_ASSERT_STRING_EQUAL(names[0].addresses[0], "192.0.2.7");
}

/* Not asking is no answer: who has no descriptor left knows nothing about the name. */
static void test_descriptors(void)
{
	struct icr_resolution name = {.name = "a.name.of.nobody.invalid"};
	int fds[1024], count = 0;

	struct rlimit limit, before;
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = 64;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (count < 1024 && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		count++;
	CU_ASSERT(icr_resolve(&name, 1, 5000, NULL) < 0);
	(void)close(fds[--count]);
	(void)close(fds[--count]);
	CU_ASSERT_EQUAL(icr_resolve(&name, 1, 5000, NULL), -EMFILE);
	while (count > 0)
		(void)close(fds[--count]);
	(void)setrlimit(RLIMIT_NOFILE, &before);
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
		{"addresses that no private service has", test_refused},
		{"networks", test_networks},
		{"one family", test_families},
		{"no descriptors", test_descriptors},
		{"numeric names", test_numeric_names},
		{"localhost", test_localhost},
		{"a name that cannot be", test_failure},
		{"no names", test_none},
		{"no time", test_no_time},
	};
	return suite_run("resolve", tests, ICR_LENGTH(tests));
}
