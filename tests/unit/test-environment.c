/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/environment.h"
#include "tests/unit/suite.h"

static void test_read(void)
{
	struct icr_environment environment;

	(void)setenv("HOME", "/home/me", 1);
	(void)setenv("DOCKER_CONFIG", "/tmp/docker", 1);
	(void)setenv("XDG_DATA_HOME", "", 1);
	(void)unsetenv("DOCKER_HOST");
	icr_environment_read(&environment);
	CU_ASSERT_STRING_EQUAL(environment.home, "/home/me");
	CU_ASSERT_STRING_EQUAL(environment.docker_config, "/tmp/docker");
	CU_ASSERT_PTR_NULL(environment.xdg_data_home);
	CU_ASSERT_PTR_NULL(environment.docker_host);
}

static void test_get(void)
{
	(void)setenv("ICR_TEST_VARIABLE", "x", 1);
	CU_ASSERT_STRING_EQUAL(icr_environment_get("ICR_TEST_VARIABLE"), "x");
	(void)setenv("ICR_TEST_VARIABLE", "", 1);
	CU_ASSERT_PTR_NULL(icr_environment_get("ICR_TEST_VARIABLE"));
	(void)unsetenv("ICR_TEST_VARIABLE");
	CU_ASSERT_PTR_NULL(icr_environment_get("ICR_TEST_VARIABLE"));
}

static void test_no_home(void)
{
	struct icr_environment environment;

	(void)unsetenv("HOME");
	icr_environment_read(&environment);
	/* every user database knows who runs this, or there is no answer at all */
	if (environment.home)
		CU_ASSERT_EQUAL(environment.home[0], '/');
	struct icr_environment again;
	icr_environment_read(&again);
	CU_ASSERT_PTR_EQUAL(environment.home, again.home);
}

typedef int path_function(const struct icr_environment *environment, char **ret_path,
			  struct icr_error *err);

static void check(path_function *function, const struct icr_environment *environment,
		  const char *expected)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_error_ struct icr_error err = {0};

	int r = function(environment, &path, &err);
	if (expected) {
		CU_ASSERT_EQUAL_FATAL(r, 0);
		CU_ASSERT_STRING_EQUAL(path, expected);
	} else {
		CU_ASSERT_EQUAL(r, -ENOENT);
		CU_ASSERT_PTR_NULL(path);
		CU_ASSERT_STRING_EQUAL(err.hint, "set HOME");
	}
}

static void test_docker_config(void)
{
	check(icr_environment_docker_config, &(struct icr_environment){.home = "/h"},
	      "/h/.docker/config.json");
	check(icr_environment_docker_config,
	      &(struct icr_environment){.home = "/h", .docker_config = "/d/"}, "/d/config.json");
	check(icr_environment_docker_config, &(struct icr_environment){.docker_config = "rel"},
	      "rel/config.json");
	check(icr_environment_docker_config, &(struct icr_environment){0}, NULL);
}

static void test_config_file(void)
{
	check(icr_environment_config_file, &(struct icr_environment){.home = "/h"},
	      "/h/.config/docker-credential-icr/config.json");
	check(icr_environment_config_file,
	      &(struct icr_environment){.home = "/h", .xdg_config_home = "/c"},
	      "/c/docker-credential-icr/config.json");
	check(icr_environment_config_file,
	      &(struct icr_environment){.home = "/h", .xdg_config_home = "relative"},
	      "/h/.config/docker-credential-icr/config.json");
	check(icr_environment_config_file, &(struct icr_environment){.xdg_config_home = "rel"},
	      NULL);
}

static void test_data_folder(void)
{
	check(icr_environment_data_folder, &(struct icr_environment){.home = "/"},
	      "/.local/share/docker-credential-icr");
	check(icr_environment_data_folder,
	      &(struct icr_environment){.home = "/h", .xdg_data_home = "/d"},
	      "/d/docker-credential-icr");
	check(icr_environment_data_folder,
	      &(struct icr_environment){.home = "/h", .xdg_data_home = "./d"},
	      "/h/.local/share/docker-credential-icr");
}

static const struct test tests[] = {
	{"read", test_read},
	{"one variable", test_get},
	{"no HOME", test_no_home},
	{"Docker's configuration", test_docker_config},
	{"our configuration", test_config_file},
	{"data folder", test_data_folder},
};

int main(void)
{
	return suite_run("environment", tests, sizeof(tests) / sizeof(tests[0]));
}
