// SPDX-License-Identifier: GPL-2.0-only
/* L3: L2 uses one page here and one page there; its tables stay below a bound. */
#include "lib/param.h"
#include "lib/spinner.h"

#define GPA		(L1_DATA + 0x200000)
#define AT		(16ULL << SHIFT_1G)
#define REGIONS		1500ULL

/* The root, what a vCPU keeps in any case, and what it has in flight. */
#define LEAST		(256LL << 10)
#define SLACK		((32 + 8) * 16384LL)

static struct world w;

static void begin(u64 stride)
{
	u64 n;

	world_create(&w, L1_LITTLE);
	for (n = 0; n < REGIONS; n++)
		l1_map(&w.tree, AT + n * stride, GPA, SHIFT_64K, PTE_ALL);
}

static void check_bound(void)
{
	s64 bytes = vm_counter(&w.l1.vm, "bytes");
	s64 quota = vm_counter(&w.l1.vm, "quota");

	note("%lld bytes of tables, quota %lld", (long long)bytes,
	     (long long)quota);
	CHECK(bytes <= (quota > LEAST ? quota : LEAST) + SLACK);
}

/* A directory and a leaf table for each page. */
static void l3_one_page_in_each_gigabyte(void)
{
	begin(BIT(SHIFT_1G));
	l2_touch_pages(&w.v, AT, REGIONS, BIT(SHIFT_1G));
	check_bound();
	vm_check_audit(&w.l1.vm);
	CHECK_EQ(l2_must_load(&w.v, AT), AT + (REGIONS - 1) * BIT(SHIFT_1G));
	world_end(&w);
}

static void l3_one_page_in_each_2m(void)
{
	begin(BIT(SHIFT_2M));
	l2_touch_pages(&w.v, AT, REGIONS, BIT(SHIFT_2M));
	check_bound();
	world_end(&w);
}

/* Eviction, not failure: the oldest go, and a fault brings them back. */
static void l3_small_quota(void)
{
	u64 before = param_set("nested_quota", 256 << 10);
	unsigned int round;

	begin(BIT(SHIFT_2M));
	for (round = 0; round < 2; round++) {
		l2_touch_pages(&w.v, AT, REGIONS, BIT(SHIFT_2M));
		check_bound();
	}
	CHECK(vm_counter(&w.l1.vm, "evicted_tables") > 0);
	param_set("nested_quota", before);
	world_end(&w);
}

/* Hypercalls over holes take the holes by their level. */
static void l6_range_over_holes(void)
{
	begin(BIT(SHIFT_1G));
	l2_touch_pages(&w.v, AT, 100, BIT(SHIFT_1G));
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, RPTI_PAGE_4K, AT,
			AT + (REGIONS << SHIFT_1G)), H_SUCCESS);
	CHECK(w.v.ticks < 100 * TICKS_PER_MS);
	CHECK(l1_shadow_leaves(&w.l1, 1) <= 1);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l3_one_page_in_each_gigabyte", l3_one_page_in_each_gigabyte },
	{ "l3_one_page_in_each_2m", l3_one_page_in_each_2m },
	{ "l3_small_quota", l3_small_quota },
	{ "l6_range_over_holes", l6_range_over_holes },
};

TEST_MAIN(cases)
