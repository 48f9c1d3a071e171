/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/region-set.h"
#include "tests/unit/suite.h"

/* The facts, by hand: the table in the code is compared with this one. */
static const struct {
	const char *id, *former, *label, *alias;
} facts[] = {
	{"global", NULL, "", "registry.bluemix.net"},
	{"us-south", NULL, "us", "registry.ng.bluemix.net"},
	{"eu-gb", "uk-south", "uk", "registry.eu-gb.bluemix.net"},
	{"eu-de", "eu-central", "de", "registry.eu-de.bluemix.net"},
	{"eu-es", NULL, "es", NULL},
	{"au-syd", "ap-south", "au", "registry.au-syd.bluemix.net"},
	{"jp-tok", "ap-north", "jp", NULL},
	{"jp-osa", NULL, "jp2", NULL},
	{"ca-tor", NULL, "ca", NULL},
	{"ca-mon", NULL, "ca2", NULL},
	{"br-sao", NULL, "br", NULL},
	{"in-che", NULL, "in", NULL},
	{"in-mum", NULL, "in2", NULL},
	{"eu-fr2", NULL, "fr2", NULL},
};

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void put(struct icr_buf *buf, const char *format, const char *text)
{
	icr_buf_truncate(buf, 0);
	icr_buf_printf(buf, format, text);
}

static void test_table(void)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	_cleanup_buf_ struct icr_buf name;

	icr_buf_init(&name, 1000);
	CU_ASSERT_EQUAL_FATAL(count, ICR_LENGTH(facts));
	for (size_t i = 0; i < count; i++) {
		CU_ASSERT(same(regions[i].id, facts[i].id));
		CU_ASSERT(same(regions[i].former_id, facts[i].former));
		CU_ASSERT(same(regions[i].label, facts[i].label));
		CU_ASSERT(same(regions[i].alias, facts[i].alias));
		CU_ASSERT(regions[i].place && *regions[i].place);
		put(&name, *facts[i].label ? "%s.icr.io" : "%sicr.io", facts[i].label);
		CU_ASSERT(same(regions[i].public_name, name.data));
		put(&name, *facts[i].label ? "private.%s.icr.io" : "private.%sicr.io",
		    facts[i].label);
		CU_ASSERT(same(regions[i].private_name, name.data));
	}
}

static void test_sets(void)
{
	static const struct {
		const char *list;
		unsigned long bits;
	} cases[] = {
		{"us", 1 << 1},
		{"us-south", 1 << 1},
		{"us.icr.io", 1 << 1},
		{"private.us.icr.io", 1 << 1},
		{"registry.ng.bluemix.net", 1 << 1},
		{"US,Us-South,US.ICR.IO", 1 << 1},
		{"uk-south", 1 << 2},
		{"eu-central", 1 << 3},
		{"ap-south", 1 << 5},
		{"ap-north", 1 << 6},
		{"jp2", 1 << 7},
		{"jp,jp-osa", 1 << 6 | 1 << 7},
		{"global", 1},
		{"icr.io", 1},
		{"private.icr.io,registry.bluemix.net", 1},
		{"fr2", 1 << 13},
		{"all", (1 << 14) - 1},
		{"us,all", (1 << 14) - 1},
	};
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		struct icr_region_set set = {0};
		_cleanup_error_ struct icr_error err = {0};
		CU_ASSERT_EQUAL(icr_region_set_parse(&set, cases[i].list, &err), 0);
		CU_ASSERT_EQUAL(set.bits, cases[i].bits);
	}
	struct icr_region_set set = {0};
	CU_ASSERT_EQUAL(icr_region_set_parse(&set, "us", NULL), 0);
	CU_ASSERT_EQUAL(icr_region_set_parse(&set, "de,jp", NULL), 0);
	CU_ASSERT_EQUAL(icr_region_set_count(&set), 3);
	CU_ASSERT(icr_region_set_has(&set, &regions[1]));
	CU_ASSERT(!icr_region_set_has(&set, &regions[0]));
	CU_ASSERT(!icr_region_set_has(&set, NULL));
	icr_region_set_add(&set, &regions[0]);
	CU_ASSERT(icr_region_set_has(&set, &regions[0]));
}

static void test_new_regions(void)
{
	struct icr_region_set set = {0};
	size_t before, after;

	(void)icr_regions(&before);
	CU_ASSERT_EQUAL(icr_region_set_parse(&set, "ZZ.icr.io,private.zz.icr.io,us", NULL), 0);
	const struct icr_region *regions = icr_regions(&after);
	CU_ASSERT_EQUAL(after, before + 1);
	CU_ASSERT_EQUAL(set.bits, UINT64_C(1) << before | 1 << 1);
	CU_ASSERT(regions[before].unknown && !regions[1].unknown);
	CU_ASSERT_STRING_EQUAL(regions[before].id, "zz");
	CU_ASSERT_STRING_EQUAL(regions[before].public_name, "zz.icr.io");
	CU_ASSERT_STRING_EQUAL(regions[before].private_name, "private.zz.icr.io");
	CU_ASSERT_PTR_NULL(regions[before].alias);
	/* it has a name now, but is not one of all */
	CU_ASSERT_EQUAL(icr_region_set_parse(&set, "zz", NULL), 0);
	set.bits = 0;
	CU_ASSERT_EQUAL(icr_region_set_parse(&set, "all", NULL), 0);
	CU_ASSERT_EQUAL(set.bits, (UINT64_C(1) << before) - 1);
}

static void test_no_more_regions(void)
{
	struct icr_region_set set = {0};
	char name[] = "qAA.icr.io";
	size_t count, taken = 0;

	for (int i = 0; i < 2 * ICR_REGIONS_MAX; i++) {
		name[1] = (char)('a' + i / 26);
		name[2] = (char)('a' + i % 26);
		taken += icr_region_set_parse(&set, name, NULL) == 0;
	}
	(void)icr_regions(&count);
	CU_ASSERT_EQUAL(count, ICR_REGIONS_MAX);
	CU_ASSERT(taken > 0 && taken < ICR_REGIONS_MAX);
}

static void test_unknown_words(void)
{
	static const struct {
		const char *list, *what;
	} cases[] = {
		{"xx", "'xx'"},
		{"us,xx,de", "'xx'"},
		{"us-north", "'us-north'"},
		{"xy.icr.io.", "'xy.icr.io.'"},
		{"dd0.icr.io", "'dd0.icr.io'"},
		{"a.b.icr.io", "'a.b.icr.io'"},
		{"usa", "did you mean 'us'?"},
		{"us-suoth", "did you mean 'us-south'?"},
		{"cp.icr.io", "'cp.icr.io'"},
		{"https://us.icr.io", "'https://us.icr.io'"},
		{"us de", "'us de'"},
		{"us, de", "' de'"},
		{"", "an empty word"},
		{",us", "an empty word"},
		{"us,", "an empty word"},
		{"us,,de", "an empty word"},
	};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		struct icr_region_set set = {.bits = 1 << 4};
		_cleanup_error_ struct icr_error err = {0};
		CU_ASSERT_EQUAL(icr_region_set_parse(&set, cases[i].list, &err), -ICR_E_USAGE);
		CU_ASSERT_EQUAL(set.bits, 1 << 4);
		CU_ASSERT_PTR_NOT_NULL_FATAL(err.what);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.what, cases[i].what));
		CU_ASSERT_PTR_NOT_NULL_FATAL(err.hint);
		for (size_t k = 0; k < ICR_LENGTH(facts); k++)
			CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, facts[k].id));
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"the table is that of the facts", test_table}, {"sets of regions", test_sets},
		{"unknown regions", test_unknown_words},	{"new regions", test_new_regions},
		{"as many as fit", test_no_more_regions},
	};

	return suite_run("region", tests, ICR_LENGTH(tests));
}
