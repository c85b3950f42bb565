/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test is one function for one behaviour. Output is KTAP. An expectation that
 * is not met prints where, what and both values; the test goes on and counts
 * as failed. After each test all memory must have been given back.
 */
#ifndef _TEST_H
#define _TEST_H

#include <stdio.h>

#include "shim.h"

struct test_case {
	const char *name;
	void (*run)(void);
	struct test_case *next;
};

void test_register(struct test_case *t);
void test_fail(const char *file, int line, const char *fmt, ...)
	__printf(3, 4);

/* Printed with a failure until changed: the row of a table. */
void test_row(const char *fmt, ...) __printf(1, 2);

#define TEST(fn)							\
	static void fn(void);						\
	__attribute__((constructor)) static void register_##fn(void)	\
	{								\
		static struct test_case t = { #fn, fn, NULL };		\
									\
		test_register(&t);					\
	}								\
	static void fn(void)

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

/* Run in a child; whether it ends by die() with this in what it says. */
bool test_dies(void (*fn)(void), const char *says);

#define EXPECT_DIES(fn, says)						\
	do {								\
		if (!test_dies(fn, says))				\
			test_fail(__FILE__, __LINE__,			\
				  #fn " does not end by: %s", says);	\
	} while (0)

#endif /* _TEST_H */
