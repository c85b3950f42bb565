// SPDX-License-Identifier: GPL-2.0-only
/* What the KUnit cases of nested KVM-HV share: how one fails. */
#include "nested_test.h"

/* A broken table would say it thousands of times. */
#define TEST_MAX_FAILURES	10

static char row[160];
static unsigned int failures;

int test_begin(struct kunit *test)
{
	row[0] = 0;
	failures = 0;
	return 0;
}

void test_end(struct kunit *test)
{
	if (failures > TEST_MAX_FAILURES)
		kunit_err(test, "%u more failures\n",
			  failures - TEST_MAX_FAILURES);
}

void test_row(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row, sizeof(row), fmt, ap);
	va_end(ap);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	struct kunit *test = kunit_get_current_test();
	struct va_format vaf = { .fmt = fmt };
	va_list ap;

	if (failures++ >= TEST_MAX_FAILURES)
		return;
	va_start(ap, fmt);
	vaf.va = &ap;
	KUNIT_FAIL(test, "%s:%d: %pV%s%s", file, line,
		   &vaf, row[0] ? " in row " : "", row);
	va_end(ap);
}
