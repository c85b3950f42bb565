/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One body for a test in two places: as a KUnit case in the kernel, and in the
 * userspace harness (tools/testing/kvm-ppc-nested).
 *
 * TEST() is one function for one behaviour; TEST_SUITE() lists the cases of a
 * file for KUnit, the harness finds them by itself. An expectation that is not
 * met says where, what and both values; the test goes on and counts as failed.
 */
#ifndef _NESTED_TEST_H
#define _NESTED_TEST_H

#ifdef __KERNEL__

#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/slab.h>

#include "nested/pure.h"

#define TEST(fn)	static void fn(struct kunit *test)

#define TEST_SUITE(suite, ...)						\
	static struct kunit_case suite##_cases[] = { __VA_ARGS__, {} };	\
	static struct kunit_suite suite##_suite = {			\
		.name = #suite,						\
		.init = test_begin,					\
		.exit = test_end,					\
		.test_cases = suite##_cases,				\
	};								\
	kunit_test_suite(suite##_suite)

int test_begin(struct kunit *test);
void test_end(struct kunit *test);

/* The emulator is slow, and the harness has done it all. */
#define TEST_ROUNDS		100000
#define TEST_AUDITED_TABLES	8

#define test_alloc(size)	kzalloc(size, GFP_KERNEL)
#define test_free(p)		kfree(p)

/* Something that must not happen has; the test cannot go on. */
#define die(...)							\
	do {								\
		struct kunit *dying = kunit_get_current_test();		\
									\
		KUNIT_FAIL_AND_ABORT(dying, __VA_ARGS__);		\
	} while (0)

#else /* !__KERNEL__ */

#include <stdlib.h>

#include "shim.h"

struct test_case {
	const char *name;
	void (*run)(void);
	struct test_case *next;
};

void test_register(struct test_case *t);

#define TEST(fn)							\
	static void fn(void);						\
	__attribute__((constructor)) static void register_##fn(void)	\
	{								\
		static struct test_case t = { #fn, fn, NULL };		\
									\
		test_register(&t);					\
	}								\
	static void fn(void)

#define TEST_SUITE(suite, ...)	struct suite##_of_kunit

#define TEST_ROUNDS		300000
#define TEST_AUDITED_TABLES	~0UL

#define OPTIMIZER_HIDE_VAR(v)	__asm__("" : "+r" (v))
#define test_alloc(size)	calloc(1, size)
#define test_free(p)		free(p)
#endif /* __KERNEL__ */

#include "rnd.h"

void test_fail(const char *file, int line, const char *fmt, ...)
	__printf(3, 4);

/* Said with a failure until changed: the row of a table. */
void test_row(const char *fmt, ...) __printf(1, 2);

#define EXPECT_EQ(a, b)							\
	do {								\
		u64 va = (u64)(a), vb = (u64)(b);			\
									\
		if (va != vb)						\
			test_fail(__FILE__, __LINE__,			\
				  "%s is %#llx, not %#llx", #a, va, vb); \
	} while (0)

#define EXPECT(cond)							\
	do {								\
		if (!(cond))						\
			test_fail(__FILE__, __LINE__, "not: %s", #cond);	\
	} while (0)

#endif /* _NESTED_TEST_H */
