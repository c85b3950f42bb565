// SPDX-License-Identifier: GPL-2.0-only
/* L3: L2 uses one page here and one page there; its tables stay below a bound. */
#include <errno.h>

#include "lib/group.h"
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
	s64 before = host_sec_page_tables(), wanted;

	begin(BIT(SHIFT_2M));
	l2_touch_pages(&w.v, AT, REGIONS, BIT(SHIFT_2M));
	check_bound();
	wanted = vm_counter(&w.l1.vm, "bytes") - SLACK;
	CHECK(wanted > SLACK);
	CHECK(host_sec_page_tables() - before >= wanted);
	world_end(&w);
	CHECK(host_sec_page_tables() - before <= SLACK);
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

/* As above, for this VM only. */
static void l3_quota_of_one_vm(void)
{
	static struct world other;

	begin(BIT(SHIFT_2M));
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_quota", 256 << 10), 0);
	CHECK_EQ(vm_counter(&w.l1.vm, "quota"), 256 << 10);
	l2_touch_pages(&w.v, AT, REGIONS, BIT(SHIFT_2M));
	check_bound();
	CHECK(vm_counter(&w.l1.vm, "evicted_tables") > 0);
	world_create(&other, L1_LITTLE);
	CHECK(vm_counter(&other.l1.vm, "quota") > 256 << 10);
	world_end(&other);
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_quota", 0), 0);
	CHECK(vm_counter(&w.l1.vm, "quota") > 256 << 10);
	world_end(&w);
}

/* Who may not nest has no limits to set. */
static void limits_of_a_plain_vm(void)
{
	static struct vm vm;

	vm_nest_late = 1;
	vm_create(&vm);
	vm_nest_late = 0;
	CHECK_EQ(vm_set_limit(&vm, "nested_quota", 1 << 20), EINVAL);
	CHECK_EQ(vm_set_limit(&vm, "nested_max_guests", 1), EINVAL);
	vm_nest(&vm);
	CHECK_EQ(vm_set_limit(&vm, "nested_max_guests", 4097), ERANGE);
	CHECK_EQ(vm_set_limit(&vm, "nested_max_guests", 1), 0);
	vm_destroy(&vm);
}

/* Hypercalls over holes take the holes by their level. */
static void l6_range_over_holes(void)
{
	s64 whole;

	begin(BIT(SHIFT_1G));
	l2_touch_pages(&w.v, AT, 100, BIT(SHIFT_1G));
	whole = vm_counter(&w.l1.vm, "guest_invals");
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, RPTI_PAGE_4K, AT,
			AT + (REGIONS << SHIFT_1G)), H_SUCCESS);
	/* Page by page it would have been given up for the whole guest. */
	CHECK_EQ(vm_counter(&w.l1.vm, "guest_invals"), whole);
	CHECK(l1_shadow_leaves(&w.l1, 1) <= 1);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l3_one_page_in_each_gigabyte", l3_one_page_in_each_gigabyte },
	{ "l3_one_page_in_each_2m", l3_one_page_in_each_2m },
	{ "l3_small_quota", l3_small_quota },
	{ "l3_quota_of_one_vm", l3_quota_of_one_vm },
	{ "limits_of_a_plain_vm", limits_of_a_plain_vm },
	{ "l6_range_over_holes", l6_range_over_holes },
};

TEST_MAIN(cases)
