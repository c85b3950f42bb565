/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Beyond nested_test.h, which KUnit has too: what a process can do. Output is
 * KTAP. After each test all memory must have been given back.
 */
#ifndef _TEST_H
#define _TEST_H

#include <stdio.h>

#include "nested_test.h"

/* Run in a child; whether it ends by die() with this in what it says. */
bool test_dies(void (*fn)(void), const char *says);

#define EXPECT_DIES(fn, says)						\
	do {								\
		if (!test_dies(fn, says))				\
			test_fail(__FILE__, __LINE__,			\
				  #fn " does not end by: %s", says);	\
	} while (0)

#endif /* _TEST_H */
