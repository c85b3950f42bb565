// SPDX-License-Identifier: GPL-2.0-only
/* H_RPT_INVALIDATE of a range drops the pages in it. */
#include "inval_test.h"

static s64 inval(struct l1_vcpu *v)
{
	return l1_rpt(v, 1, RPTI_TYPE_TLB, RPTI_PAGE_64K, NGPA(2), NGPA(5));
}

INVAL_TESTS(inval)

static void outside_stays(void)
{
	static struct world w;
	unsigned int shift;
	u64 n, pte;

	inval_world(&w);
	CHECK_EQ(inval(&w.v), H_SUCCESS);
	for (n = 0; n < PAGES; n++)
		CHECK_EQ(l1_shadow_leaf(&w.l1, 1, NGPA(n), &pte, &shift),
			 n < 2 || n >= 5);
	world_end(&w);
}

static void ends_inside_a_page(void)
{
	static struct world w;
	unsigned int shift;
	u64 pte;

	inval_world(&w);
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, RPTI_PAGE_4K, NGPA(3) + 0x7000,
			NGPA(3) + 0x8000), H_SUCCESS);
	CHECK(!l1_shadow_leaf(&w.l1, 1, NGPA(3), &pte, &shift) ||
	      shift == SHIFT_4K);
	CHECK(l1_shadow_leaf(&w.l1, 1, NGPA(4), &pte, &shift));
	world_end(&w);
}

static const struct test_case cases[] = {
	INVAL_CASES,
	{ "outside_stays", outside_stays },
	{ "ends_inside_a_page", ends_inside_a_page },
};

TEST_MAIN(cases)
