/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/credential.h"

#include <string.h>

#include "icr/cleanup.h"
#include "tests/unit/suite.h"

static void check_expiry(const char *token, int64_t expected)
{
	int64_t expiry = -1;

	CU_ASSERT_TRUE(jwt_expiry(token, strlen(token), &expiry));
	CU_ASSERT_EQUAL(expiry, expected);
}

static void check_none(const char *token)
{
	int64_t expiry = -1;

	CU_ASSERT_FALSE(jwt_expiry(token, strlen(token), &expiry));
	CU_ASSERT_EQUAL(expiry, -1);
}

static void test_expiry(void)
{
	/* the example of RFC 7519 section 3.1: {"iss":"joe",\r\n "exp":1300819380, ... } */
	check_expiry("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
		     "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p"
		     "c19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		     1300819380);
	check_expiry("h.eyJleHAiOjF9.s", 1);
	check_expiry("h.eyJleHAiOjEuNX0.s", 1);		/* {"exp":1.5} */
	check_expiry("h.eyJleHAiOi03fQ.s", -7);		/* {"exp":-7} */
	check_expiry("h.eyJleHAiOjEsImV4cCI6Mn0.s", 2); /* repeated: the last */
	check_expiry(".eyJleHAiOjF9.", 1);		/* alg none */
}

static void test_no_expiry(void)
{
	check_none("");
	check_none(".");
	check_none("..");
	check_none("no token");
	check_none("h.eyJleHAiOjF9");	    /* two parts */
	check_none("h.e30.s");		    /* {} */
	check_none("h.W10.s");		    /* [] */
	check_none("h.eyJleHAiOiIxIn0.s");  /* {"exp":"1"} */
	check_none("h.eyJleHAiOm51bGx9.s"); /* {"exp":null} */
	check_none("h.eyJleHAiOjFlM30.s");  /* {"exp":1e3} */
	check_none("h.eyJleHAiOjE.s");	    /* cut */
	check_none("h.eyJleHAiOjF9=.s");    /* padding */
	check_none("h.eyJl+HAiOjF9.s");	    /* base64, not base64url */
	check_none("h.e.s");		    /* a length that no bytes have */
	/* {"exp":99999999999999999999} */
	check_none("h.eyJleHAiOjk5OTk5OTk5OTk5OTk5OTk5OTk5fQ.s");
}

static void test_whole_alphabet(void)
{
	/* {"?":"~~~???","exp":42} holds both - and _ in base64url */
	check_expiry("h.eyI_Ijoifn5-Pz8_IiwiZXhwIjo0Mn0.s", 42);
}

int main(void)
{
	static const struct test tests[] = {
		{"expiry", test_expiry},
		{"no expiry", test_no_expiry},
		{"whole alphabet", test_whole_alphabet},
	};

	return suite_run("jwt", tests, ICR_LENGTH(tests));
}
