// SPDX-License-Identifier: GPL-2.0-only
/* H_RPT_INVALIDATE: any range ends, none wraps, wrong arguments are refused. */
#include "inval_test.h"

#define SIZES	(RPTI_PAGE_4K | RPTI_PAGE_64K | RPTI_PAGE_2M | RPTI_PAGE_1G)

/* 0.2 s of the time base: far more than any range should take. */
#define TOO_LONG	(512ULL * 1000 * 200)

static void l6_ranges_near_the_end(void)
{
	static const u64 ranges[][2] = {
		{ ~0ULL - 0xffff, ~0ULL },
		{ ~0ULL - 1, ~0ULL },
		{ ~0ULL, ~0ULL },
		{ BIT(52) - BIT(SHIFT_64K), BIT(52) },
		{ BIT(52), ~0ULL },
		{ BIT(63), ~0ULL - 0xfff },
		{ 1, ~0ULL },
		{ L2_DATA * 4, ~0ULL },
	};
	static struct world w;
	size_t i;

	inval_world(&w);
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, SIZES, ranges[i][0],
				ranges[i][1]), H_SUCCESS);
		CHECK(w.v.ticks < TOO_LONG);
		CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, RPTI_PAGE_4K,
				ranges[i][0], ranges[i][1]), H_SUCCESS);
		CHECK(w.v.ticks < TOO_LONG);
	}
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	world_end(&w);
}

static void everything(void)
{
	static struct world w;

	inval_world(&w);
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB | RPTI_TYPE_PWC, ~0ULL, 0, ~0ULL),
		 H_SUCCESS);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), 0);
	world_end(&w);
}

static void with_entry(void)
{
	static struct world w;

	inval_world(&w);
	l1_set_entry(&w.l1, 1, 0, 0);
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB | RPTI_TYPE_PWC | RPTI_TYPE_PAT,
			~0ULL, 0, ~0ULL), H_SUCCESS);
	CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	world_end(&w);
}

static void unknown_guest_is_success(void)
{
	static struct world w;

	inval_world(&w);
	CHECK_EQ(l1_rpt(&w.v, 99, RPTI_TYPE_TLB, SIZES, 0, ~0ULL), H_SUCCESS);
	CHECK_EQ(l1_rpt(&w.v, 4095, RPTI_TYPE_TLB | RPTI_TYPE_PAT, SIZES, 0,
			~0ULL), H_SUCCESS);
	world_end(&w);
}

static void i5_bad_arguments(void)
{
	static struct world w;
	unsigned int before;

	inval_world(&w);
	before = l1_shadow_leaves(&w.l1, 1);
	CHECK_EQ(l1_rpt(&w.v, 0, RPTI_TYPE_TLB, SIZES, 0, ~0ULL), H_PARAMETER);
	CHECK_EQ(l1_rpt(&w.v, 4096, RPTI_TYPE_TLB, SIZES, 0, ~0ULL),
		 H_PARAMETER);
	CHECK_EQ(l1_rpt(&w.v, BIT(32) | 1, RPTI_TYPE_TLB, SIZES, 0, ~0ULL),
		 H_PARAMETER);
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, 0, NGPA(0), NGPA(1)), H_P4);
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, 0x100, NGPA(0), NGPA(1)), H_P4);
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, SIZES, NGPA(1), NGPA(0)), H_P5);
	CHECK_EQ(L1_HCALL(&w.v, H_RPT_INVALIDATE, 1, 4,
			  RPTI_TYPE_TLB | RPTI_TYPE_NESTED, SIZES, 0, ~0ULL),
		 H_P2);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), before);
	world_end(&w);
}

static void empty_range_drops_nothing(void)
{
	static struct world w;
	unsigned int before;

	inval_world(&w);
	before = l1_shadow_leaves(&w.l1, 1);
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, SIZES, NGPA(3), NGPA(3)),
		 H_SUCCESS);
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_PWC, SIZES, 0, ~0ULL), H_SUCCESS);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), before);
	world_end(&w);
}

static unsigned int leaves_in_2m(struct l1 *l1)
{
	unsigned int n = 0, shift;
	u64 ngpa, pte;

	for (ngpa = L2_DATA; ngpa < L2_DATA + BIT(SHIFT_2M); ngpa += 0x1000)
		n += l1_shadow_leaf(l1, 1, ngpa, &pte, &shift);
	return n;
}

/*
 * A 2M leaf of L1 over small pages of the host, which has as many shadow leaves:
 * all of them go, though the range named is 64K.
 */
static void rewrite_2m(u64 sizes)
{
	static struct world w;
	u64 n;

	world_create(&w, L1_LITTLE);
	l1_map(&w.tree, L2_DATA, OLD_GPA, SHIFT_2M, PTE_ALL);
	for (n = 0; n < BIT(SHIFT_2M) / PAGE_BYTES; n++) {
		*(u64 *)l1_memory(&w.l1, OLD_GPA + n * PAGE_BYTES) = OLD_VALUE;
		*(u64 *)l1_memory(&w.l1, NEW_GPA + n * PAGE_BYTES) = NEW_VALUE;
		CHECK_EQ(l2_must_load(&w.v, NGPA(n)), OLD_VALUE);
	}
	CHECK(leaves_in_2m(&w.l1) >= BIT(SHIFT_2M) / PAGE_BYTES);
	l1_map(&w.tree, L2_DATA, NEW_GPA, SHIFT_2M, PTE_ALL);
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, sizes, NGPA(7), NGPA(8)),
		 H_SUCCESS);
	CHECK_EQ(leaves_in_2m(&w.l1), 0);
	for (n = 0; n < BIT(SHIFT_2M) / PAGE_BYTES; n++)
		CHECK_EQ(l2_must_load(&w.v, NGPA(n)), NEW_VALUE);
	world_end(&w);
}

static void c3_largest_size_named(void)
{
	rewrite_2m(RPTI_PAGE_64K | RPTI_PAGE_2M);
}

static void c3_every_size_named(void)
{
	rewrite_2m(~0ULL);
}

/* One small size named, as Linux does: what is beside the range stays. */
static void c3_small_size_alone_drops_no_more(void)
{
	static struct world w;
	unsigned int shift;
	u64 n, pte;

	inval_world(&w);
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, RPTI_PAGE_64K, NGPA(3), NGPA(4)),
		 H_SUCCESS);
	for (n = 0; n < PAGES; n++)
		CHECK_EQ(l1_shadow_leaf(&w.l1, 1, NGPA(n), &pte, &shift),
			 n != 3);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l6_ranges_near_the_end", l6_ranges_near_the_end },
	{ "everything", everything },
	{ "with_entry", with_entry },
	{ "unknown_guest_is_success", unknown_guest_is_success },
	{ "i5_bad_arguments", i5_bad_arguments },
	{ "empty_range_drops_nothing", empty_range_drops_nothing },
	{ "c3_largest_size_named", c3_largest_size_named },
	{ "c3_every_size_named", c3_every_size_named },
	{ "c3_small_size_alone_drops_no_more", c3_small_size_alone_drops_no_more },
};

TEST_MAIN(cases)
