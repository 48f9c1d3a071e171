/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef TESTS_UNIT_SUITE_H
#define TESTS_UNIT_SUITE_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

struct test {
	const char *name;
	void (*run)(void);
};

/*
 * Runs one suite and returns the exit status. A suite whose init fails is not among CUnit's
 * failures, only among its failure records, and tests can be left out in silence: so both the
 * records and the number of tests that ran decide.
 */
static inline int suite_run(const char *name, const struct test *tests, size_t count)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return EXIT_FAILURE;
	CU_pSuite suite = CU_add_suite(name, NULL, NULL);
	for (size_t i = 0; suite && i < count; i++)
		if (!CU_add_test(suite, tests[i].name, tests[i].run))
			return EXIT_FAILURE;
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	unsigned int ran = CU_get_number_of_tests_run();
	unsigned int records = CU_get_number_of_failure_records();
	CU_cleanup_registry();
	printf("%s: %u of %zu tests run, %u failure records\n", name, ran, count, records);
	return suite && ran == count && records == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
