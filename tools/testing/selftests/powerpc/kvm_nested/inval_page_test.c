// SPDX-License-Identifier: GPL-2.0-only
/* H_TLB_INVALIDATE of one page drops that page, and no other. */
#include "inval_test.h"

static s64 inval(struct l1_vcpu *v)
{
	return l1_inval_page(v, 1, NGPA(3), AP_64K);
}

INVAL_TESTS(inval)

static void neighbours_stay(void)
{
	static struct world w;
	unsigned int shift, before;
	u64 pte;

	inval_world(&w);
	before = l1_shadow_leaves(&w.l1, 1);
	CHECK(before >= PAGES + 1);
	CHECK_EQ(inval(&w.v), H_SUCCESS);
	CHECK(!l1_shadow_leaf(&w.l1, 1, NGPA(3), &pte, &shift));
	CHECK(l1_shadow_leaf(&w.l1, 1, NGPA(2), &pte, &shift));
	CHECK(l1_shadow_leaf(&w.l1, 1, NGPA(4), &pte, &shift));
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	world_end(&w);
}

static void other_guest_stays(void)
{
	static struct world w;
	unsigned int before;

	inval_world(&w);
	l1_install(&w.l1, 2, &w.tree);
	before = l1_shadow_leaves(&w.l1, 1);
	CHECK_EQ(l1_inval_page(&w.v, 2, NGPA(3), AP_64K), H_SUCCESS);
	CHECK_EQ(l1_inval_page(&w.v, 7, NGPA(3), AP_64K), H_SUCCESS);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), before);
	world_end(&w);
}

/* Operands that tlbie could not mean; I5: LPID 0 among them. */
static void i5_bad_operands(void)
{
	static struct world w;
	unsigned int before;

	inval_world(&w);
	before = l1_shadow_leaves(&w.l1, 1);
	CHECK_EQ(L1_HCALL(&w.v, H_TLB_INVALIDATE, 0, 1, NGPA(3)), H_PARAMETER);
	CHECK_EQ(L1_HCALL(&w.v, H_TLB_INVALIDATE, 0x30000, 1, NGPA(3)),
		 H_PARAMETER);
	CHECK_EQ(l1_tlbie(&w.v, 3, 1, NGPA(3)), H_PARAMETER);
	CHECK_EQ(l1_tlbie(&w.v, 1, 1, NGPA(3)), H_PARAMETER);
	CHECK_EQ(l1_tlbie(&w.v, 2, 1, NGPA(3)), H_PARAMETER);
	CHECK_EQ(l1_tlbie(&w.v, 0, 1, NGPA(3) | 0x400), H_PARAMETER);
	CHECK_EQ(l1_inval_page(&w.v, 1, NGPA(3), 3), H_PARAMETER);
	CHECK_EQ(l1_inval_page(&w.v, 1, NGPA(3), 7), H_PARAMETER);
	CHECK_EQ(l1_inval_page(&w.v, 0, NGPA(3), AP_64K), H_PARAMETER);
	CHECK_EQ(l1_inval_page(&w.v, 4096, NGPA(3), AP_64K), H_PARAMETER);
	CHECK_EQ(l1_inval_page(&w.v, 0xffffffff, NGPA(3), AP_64K), H_PARAMETER);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), before);
	world_end(&w);
}

static void addresses_at_the_end(void)
{
	static struct world w;

	inval_world(&w);
	CHECK_EQ(l1_inval_page(&w.v, 1, ~0xfffULL, AP_1G), H_SUCCESS);
	CHECK_EQ(l1_inval_page(&w.v, 1, BIT(52) - 0x1000, AP_1G), H_SUCCESS);
	CHECK_EQ(l1_inval_page(&w.v, 1, BIT(52), AP_4K), H_SUCCESS);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	world_end(&w);
}

static const struct test_case cases[] = {
	INVAL_CASES,
	{ "neighbours_stay", neighbours_stay },
	{ "other_guest_stays", other_guest_stays },
	{ "i5_bad_operands", i5_bad_operands },
	{ "addresses_at_the_end", addresses_at_the_end },
};

TEST_MAIN(cases)
