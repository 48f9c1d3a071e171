/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "rewrite/probe.h"
#include "tests/unit/suite.h"

#define ADDRESSES 2

/* A region whose addresses all answered the same under both names. */
struct scene {
	struct probe_region region;
	struct probe_address addresses[ADDRESSES];
};

static void answer(struct probe_answer *ret_answer, const char *name, enum icr_http_outcome outcome,
		   const char *message)
{
	(void)snprintf(ret_answer->name, sizeof(ret_answer->name), "%s", name);
	ret_answer->outcome = outcome;
	ret_answer->asked = true;
	ret_answer->passed = !message;
	ret_answer->message = message ? strdup(message) : NULL;
}

static void set_up(struct scene *scene, enum icr_http_outcome private, enum icr_http_outcome public)
{
	size_t count;

	*scene = (struct scene){.region = {.region = &icr_regions(&count)[1], .count = ADDRESSES}};
	scene->region.addresses = scene->addresses;
	scene->region.private_name.name = scene->region.region->private_name;
	scene->region.public_name.name = scene->region.region->public_name;
	for (int i = 0; i < ADDRESSES; i++) {
		struct probe_address *address = &scene->addresses[i];
		(void)snprintf(address->address, ICR_ADDRESS_MAX, "192.0.2.%d", i + 1);
		answer(&address->answers[PROBE_PRIVATE], scene->region.region->private_name,
		       private, private == ICR_HTTP_DONE ? NULL : icr_http_outcome_text(private));
		answer(&address->answers[PROBE_PUBLIC], scene->region.region->public_name, public,
		       public == ICR_HTTP_DONE ? NULL : icr_http_outcome_text(public));
	}
}

static void clean_scene(struct scene *scene)
{
	for (int i = 0; i < ADDRESSES; i++)
		for (int name = 0; name < PROBE_NAMES; name++) {
			free(scene->addresses[i].answers[name].realm);
			free(scene->addresses[i].answers[name].message);
		}
	free(scene->region.already);
	free(scene->region.failure);
	free(scene->region.hint);
}

#define _cleanup_scene_ icr_cleanup(clean_scene)

static void expect(struct scene *scene, const char *failure, const char *hint)
{
	probe_explain(&scene->region);
	CU_ASSERT_PTR_NULL(scene->region.already);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene->region.failure);
	CU_ASSERT_PTR_NOT_NULL(strstr(scene->region.failure, failure));
	if (!strstr(scene->region.failure, failure))
		fprintf(stderr, "%s\n", scene->region.failure);
	if (!hint) {
		CU_ASSERT_PTR_NULL(scene->region.hint);
		return;
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene->region.hint);
	CU_ASSERT_PTR_NOT_NULL(strstr(scene->region.hint, hint));
}

static void test_outcomes(void)
{
	static const struct {
		enum icr_http_outcome outcome;
		const char *failure, *hint;
	} cases[] = {
		{ICR_HTTP_CONNECT_TIMEOUT, "192.0.2.1, 192.0.2.2: asked as private.", "VRF"},
		{ICR_HTTP_UNREACHABLE, "unreachable", "service endpoints"},
		{ICR_HTTP_REFUSED, "refused", "firewall"},
		{ICR_HTTP_RESET, "reset", "firewall"},
		{ICR_HTTP_TIMEOUT, "timed out", "MTU"},
		{ICR_HTTP_TLS_NAME, "certificate there does not cover private.", "/etc/hosts"},
		{ICR_HTTP_TLS_UNTRUSTED, "not trusted", "clock"},
		{ICR_HTTP_TLS, "handshake", "clock"},
		{ICR_HTTP_TOO_LARGE, "too large", "not the registry"},
		{ICR_HTTP_FAILED, "failed", NULL},
	};
	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_scene_ struct scene scene;
		set_up(&scene, cases[i].outcome, cases[i].outcome);
		expect(&scene, cases[i].failure, cases[i].hint);
	}
}

static void test_public_name(void)
{
	_cleanup_scene_ struct scene scene;

	set_up(&scene, ICR_HTTP_DONE, ICR_HTTP_TLS_NAME);
	expect(&scene, "does not cover us.icr.io", "/etc/hosts");
}

static void test_registry(void)
{
	static const struct {
		int status;
		const char *hint;
	} cases[] = {
		{403, "the registry itself refuses"}, {401, "not the registry"}, {503, "later"}};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_scene_ struct scene scene;
		set_up(&scene, ICR_HTTP_DONE, ICR_HTTP_DONE);
		for (int j = 0; j < ADDRESSES; j++) {
			struct probe_answer *first = &scene.addresses[j].answers[PROBE_PRIVATE];
			answer(first, scene.region.region->private_name, ICR_HTTP_DONE,
			       "its own words");
			first->status = cases[i].status;
		}
		expect(&scene, "its own words", cases[i].hint);
	}
}

/* The one that came furthest decides, the other is told too. */
static void test_mixture(void)
{
	_cleanup_scene_ struct scene scene;

	set_up(&scene, ICR_HTTP_CONNECT_TIMEOUT, ICR_HTTP_CONNECT_TIMEOUT);
	struct probe_answer *second = &scene.addresses[1].answers[PROBE_PRIVATE];
	free(second->message);
	answer(second, scene.region.region->private_name, ICR_HTTP_REFUSED, "connection refused");
	expect(&scene,
	       "192.0.2.2: asked as private.us.icr.io: connection refused; 192.0.2.1: connect "
	       "timed out",
	       "firewall");
}

/* What passes for a registry, and what does not. */
static void test_judge(void)
{
	static const struct {
		enum icr_http_outcome outcome;
		int status;
		const char *challenge, *body;
		bool passed;
	} cases[] = {
		{ICR_HTTP_DONE, 200, NULL, "", true},
		{ICR_HTTP_DONE, 200, NULL, "{}", true},
		{ICR_HTTP_DONE, 200, NULL, " { }\n", true},
		{ICR_HTTP_DONE, 200, NULL, "{\"welcome\":\"to the hotel wifi\"}", false},
		{ICR_HTTP_DONE, 200, NULL, "[]", false},
		{ICR_HTTP_DONE, 200, NULL, "<html>", false},
		{ICR_HTTP_DONE, 401, "Bearer realm=\"https://us.icr.io/t\"", "", true},
		{ICR_HTTP_DONE, 401, "Bearer realm=\"https://us.icr.io/t\"", "<html>", true},
		{ICR_HTTP_TOO_LARGE, 401, "Bearer realm=\"https://us.icr.io/t\"", "", true},
		{ICR_HTTP_TOO_LARGE, 200, NULL, "", false},
		{ICR_HTTP_TOO_LARGE, 0, NULL, "", false},
		{ICR_HTTP_DONE, 401, "Bearer realm=\"https://evil.example/t\"", "", false},
		{ICR_HTTP_DONE, 401, "Bearer realm=\"https://dd0.us.icr.io/t\"", "", false},
		{ICR_HTTP_DONE, 401, "Bearer realm=\"https://us.icr.io:8443/t\"", "", false},
		{ICR_HTTP_DONE, 401, "Basic realm=\"hello\"", "", false},
		{ICR_HTTP_DONE, 401, NULL, "", false},
		{ICR_HTTP_DONE, 204, NULL, "", false},
		{ICR_HTTP_DONE, 302, NULL, "", false},
		{ICR_HTTP_DONE, 403, NULL, "", false},
		{ICR_HTTP_DONE, 500, NULL, "", false},
		{ICR_HTTP_RESET, 0, NULL, "", false},
	};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_free_ char *challenge =
			cases[i].challenge ? icr_strdup(cases[i].challenge) : NULL;
		struct icr_http_reply reply = {.outcome = cases[i].outcome,
					       .status = cases[i].status,
					       .challenge = challenge,
					       .body = ICR_BUF(1000)};
		struct probe_answer judged = {0};
		icr_buf_text(&reply.body, cases[i].body);
		probe_judge(&reply, &judged);
		CU_ASSERT_EQUAL(judged.passed, cases[i].passed);
		CU_ASSERT_EQUAL(judged.message != NULL, !cases[i].passed);
		if (judged.passed != cases[i].passed)
			fprintf(stderr, "case %zu: %s\n", i, judged.message);
		probe_answer_free(&judged);
		icr_buf_free(&reply.body);
	}
}

static void outside(struct scene *scene, int name, const char *address)
{
	struct icr_resolution *resolution = &scene->region.outside[name];
	(void)snprintf(resolution->addresses[resolution->count++], ICR_ADDRESS_MAX, "%s", address);
}

static void test_lacks(void)
{
	_cleanup_scene_ struct scene scene;
	_cleanup_strings_ struct icr_strings found = {0};
	struct region_route route = {0};

	set_up(&scene, ICR_HTTP_DONE, ICR_HTTP_DONE);
	scene.region.proven = scene.addresses[0].proven = true;
	CU_ASSERT_FALSE(probe_lacks(&scene.region, AF_INET));
	CU_ASSERT_FALSE(probe_lacks(&scene.region, AF_INET6));
	outside(&scene, PROBE_PUBLIC, "203.0.113.10");
	CU_ASSERT_FALSE(probe_lacks(&scene.region, AF_INET));
	outside(&scene, PROBE_ALIAS, "2001:db8::10");
	outside(&scene, PROBE_ALIAS, "203.0.113.10");
	outside(&scene, PROBE_PUBLIC, "166.9.1.1");
	outside(&scene, PROBE_PUBLIC, ROUTE_CLOSED4);
	CU_ASSERT_TRUE(probe_lacks(&scene.region, AF_INET6));
	probe_route(&scene.region, &route);
	CU_ASSERT_FALSE(route.close4);
	CU_ASSERT_TRUE(route.close6);
	CU_ASSERT_EQUAL(route.count, 1);
	CU_ASSERT_EQUAL(route.status, REGION_ACTIVE);
	free(route.reason);
	probe_outside(&scene.region, &found);
	CU_ASSERT_EQUAL_FATAL(found.count, 2);
	CU_ASSERT_STRING_EQUAL(found.items[0], "203.0.113.10");
	CU_ASSERT_STRING_EQUAL(found.items[1], "2001:db8::10");
	(void)snprintf(scene.addresses[0].address, ICR_ADDRESS_MAX, "fd00::1");
	CU_ASSERT_TRUE(probe_lacks(&scene.region, AF_INET));
	CU_ASSERT_FALSE(probe_lacks(&scene.region, AF_INET6));
}

static void test_never_asked(void)
{
	_cleanup_scene_ struct scene scene;

	set_up(&scene, ICR_HTTP_FAILED, ICR_HTTP_FAILED);
	for (int i = 0; i < ADDRESSES; i++)
		scene.addresses[i].answers[PROBE_PRIVATE].asked = false;
	expect(&scene, "192.0.2.1, 192.0.2.2: ", "166.8.0.0/14");
}

static void test_no_name(void)
{
	static const int failures[] = {EAI_NONAME, EAI_AGAIN, 0};

	for (size_t i = 0; i < ICR_LENGTH(failures); i++) {
		_cleanup_scene_ struct scene scene;
		set_up(&scene, ICR_HTTP_DONE, ICR_HTTP_DONE);
		scene.region.count = 0;
		scene.region.private_name.failure = failures[i];
		expect(&scene, i == 1 ? "name server" : "does not resolve", "resolv.conf");
	}
}

static void test_gateway(void)
{
	_cleanup_scene_ struct scene scene;
	char message[] = "connect timed out";

	set_up(&scene, ICR_HTTP_CONNECT_TIMEOUT, ICR_HTTP_CONNECT_TIMEOUT);
	scene.region.public_name.count = 1;
	(void)snprintf(scene.region.public_name.addresses[0], ICR_ADDRESS_MAX, "10.240.0.5");
	scene.region.gateway = (struct probe_gateway){.asked = 1, .message = message};
	expect(&scene, "timed out", "security group");
	CU_ASSERT_PTR_NOT_NULL(strstr(scene.region.hint, "10.240.0.5"));
}

static void test_already(void)
{
	static const struct {
		const char *address, *words;
	} cases[] = {{"10.240.0.5", "VPE gateway"},
		     {"169.254.2.1", "IKS"},
		     {"166.9.250.214", "IBM Cloud's private network"},
		     {"161.26.0.9", "IBM Cloud's private network"}};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_scene_ struct scene scene;
		set_up(&scene, ICR_HTTP_CONNECT_TIMEOUT, ICR_HTTP_CONNECT_TIMEOUT);
		scene.region.public_name.count = 1;
		(void)snprintf(scene.region.public_name.addresses[0], ICR_ADDRESS_MAX, "%s",
			       cases[i].address);
		scene.region.gateway = (struct probe_gateway){.asked = 2, .passed = 1};
		probe_explain(&scene.region);
		CU_ASSERT_PTR_NULL(scene.region.failure);
		CU_ASSERT_PTR_NOT_NULL_FATAL(scene.region.already);
		CU_ASSERT_PTR_NOT_NULL(strstr(scene.region.already, cases[i].words));
		CU_ASSERT_PTR_NOT_NULL(strstr(scene.region.already, cases[i].address));
	}
}

static void test_covers(void)
{
	_cleanup_scene_ struct scene scene;

	set_up(&scene, ICR_HTTP_DONE, ICR_HTTP_DONE);
	CU_ASSERT_FALSE(probe_covers(&scene.region, PROBE_PUBLIC));
	scene.region.proven = scene.addresses[0].proven = true;
	CU_ASSERT_TRUE(probe_covers(&scene.region, PROBE_PUBLIC));
	CU_ASSERT_FALSE(probe_covers(&scene.region, PROBE_ALIAS));
	scene.addresses[0].answers[PROBE_ALIAS].passed = true;
	CU_ASSERT_TRUE(probe_covers(&scene.region, PROBE_ALIAS));
	scene.addresses[1].proven = true;
	CU_ASSERT_FALSE(probe_covers(&scene.region, PROBE_ALIAS));
	probe_explain(&scene.region);
	CU_ASSERT_PTR_NULL(scene.region.failure);
	probe_free(NULL);
}

int main(void)
{
	static const struct test tests[] = {
		{"each outcome and its prerequisite", test_outcomes},
		{"the public name alone fails", test_public_name},
		{"the registry's answers", test_registry},
		{"addresses that differ", test_mixture},
		{"what passes for a registry", test_judge},
		{"families to close", test_lacks},
		{"addresses that are never asked", test_never_asked},
		{"no name", test_no_name},
		{"a gateway that does not answer", test_gateway},
		{"private already", test_already},
		{"names that share the block", test_covers},
	};
	return suite_run("probe", tests, ICR_LENGTH(tests));
}
