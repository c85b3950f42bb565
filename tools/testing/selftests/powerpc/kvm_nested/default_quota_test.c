// SPDX-License-Identifier: GPL-2.0-only
/*
 * L3: who uses no more than L1's memory never feels the quota, even if L1 maps
 * it by the smallest pages; and who does is heard of before another.
 */
#include "lib/l1.h"
#include "lib/param.h"

#define L1_BYTES	BIT(30)
#define PAGE		BIT(SHIFT_4K)
#define PASSES		3

static struct world w;
static struct l1_tree second;

/* What tells that translations were lost. */
static s64 losses(void)
{
	return vm_counter(&w.l1.vm, "faults") +
	       vm_counter(&w.l1.vm, "evicted_tables") +
	       vm_counter(&w.l1.vm, "evicted_guests");
}

static void touch(u32 lpid, u64 pages)
{
	l2_prepare(&w.v, lpid);
	l2_touch_pages(&w.v, L2_DATA, pages, PAGE);
}

static void show(const char *when)
{
	note("%s: faults %lld, evicted tables %lld, guests %lld, bytes %lld of %lld",
	     when, (long long)vm_counter(&w.l1.vm, "faults"),
	     (long long)vm_counter(&w.l1.vm, "evicted_tables"),
	     (long long)vm_counter(&w.l1.vm, "evicted_guests"),
	     (long long)vm_counter(&w.l1.vm, "bytes"),
	     (long long)vm_counter(&w.l1.vm, "quota"));
}

/* L1 of 1 GiB whose L2 uses nine tenths of it. */
static void l3_nine_tenths_by_4k(void)
{
	u64 pages = L1_BYTES / PAGE * 9 / 10;
	unsigned int pass;
	s64 before;

	world_create_sized(&w, L1_LITTLE, L1_BYTES);
	l1_map_range(&w.tree, L2_DATA, L1_DATA, pages * PAGE, SHIFT_4K, PTE_ALL);
	touch(1, pages);
	show("first pass");
	CHECK_EQ(vm_counter(&w.l1.vm, "evicted_tables"), 0);
	before = losses();
	for (pass = 1; pass < PASSES; pass++)
		touch(1, pages);
	show("last pass");
	CHECK_EQ(losses() - before, 0);
	world_end(&w);
}

/* Two L2s of the same L1, by turns. */
static void l3_two_by_turns_by_4k(void)
{
	u64 pages = L1_BYTES / PAGE * 45 / 100;
	unsigned int pass;
	s64 before;

	world_create_sized(&w, L1_LITTLE, L1_BYTES);
	l1_map_range(&w.tree, L2_DATA, L1_DATA, pages * PAGE, SHIFT_4K, PTE_ALL);
	l1_new_tree(&w.l1, &second);
	l1_map_range(&second, L2_SNIPPETS, L1_SNIPPETS, BIT(SHIFT_64K), SHIFT_4K,
		     PTE_ALL);
	l1_map_range(&second, L2_DATA, L1_DATA + pages * PAGE, pages * PAGE,
		     SHIFT_4K, PTE_ALL);
	l1_install(&w.l1, 2, &second);
	touch(1, pages);
	touch(2, pages);
	show("first turn");
	before = losses();
	for (pass = 1; pass < PASSES; pass++) {
		touch(1, pages);
		touch(2, pages);
	}
	show("last turn");
	CHECK_EQ(losses() - before, 0);
	world_end(&w);
}

#define HOT		8ULL
#define COLD		400ULL
#define STRIDE		BIT(SHIFT_2M)
#define AT		(16ULL << SHIFT_1G)
#define GPA		(L1_DATA + 0x200000)

static u64 leaves_at(u64 n)
{
	unsigned int shift;
	u64 i, pte, found = 0;

	for (i = 0; i < n; i++)
		found += !!l1_shadow_leaf(&w.l1, 1, AT + i * STRIDE, &pte,
					  &shift);
	return found;
}

/* Tables that are used all the time stay, while others are used once each. */
static void l3_used_again_is_evicted_last(void)
{
	u64 n, lost = 0;

	world_create(&w, L1_LITTLE);
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_quota", 1 << 20), 0);
	for (n = 0; n < HOT + COLD; n++)
		l1_map(&w.tree, AT + n * STRIDE, GPA, SHIFT_4K, PTE_ALL);
	for (n = HOT; n < HOT + COLD; n++) {
		l2_must_load(&w.v, AT + n * STRIDE);
		lost += HOT - leaves_at(HOT);
		l2_touch_pages(&w.v, AT, HOT, STRIDE);
	}
	note("%lld tables evicted, %llu of them in use",
	     (long long)vm_counter(&w.l1.vm, "evicted_tables"),
	     (unsigned long long)lost - HOT);
	CHECK(vm_counter(&w.l1.vm, "evicted_tables") > (s64)COLD / 2);
	/* The first time they are not there yet. */
	CHECK_EQ(lost, HOT);
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_quota", 0), 0);
	world_end(&w);
}

/* Over the quota, an L2 that has just left is not idle: it keeps its share. */
static void l3_just_left_is_not_idle(void)
{
	u64 n, pages = 100;

	world_create(&w, L1_LITTLE);
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_quota", 3 << 20), 0);
	param_set("nested_idle_ms", 1000000);
	l1_new_tree(&w.l1, &second);
	l1_map(&second, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	for (n = 0; n < pages; n++) {
		l1_map(&w.tree, AT + n * STRIDE, GPA, SHIFT_4K, PTE_ALL);
		l1_map(&second, AT + n * STRIDE, GPA, SHIFT_4K, PTE_ALL);
	}
	l1_install(&w.l1, 2, &second);
	for (n = 0; n < 6; n++) {
		l2_prepare(&w.v, 1 + (n & 1));
		l2_touch_pages(&w.v, AT, pages, STRIDE);
	}
	show("by turns");
	CHECK_EQ(vm_counter(&w.l1.vm, "evicted_guests"), 0);
	CHECK(vm_counter(&w.l1.vm, "evicted_tables") > 0);
	/* Once they are idle, they go whole. */
	param_set("nested_idle_ms", 0);
	l2_prepare(&w.v, 1);
	l2_touch_pages(&w.v, AT, pages, STRIDE);
	CHECK(vm_counter(&w.l1.vm, "evicted_guests") > 0);
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_quota", 0), 0);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l3_nine_tenths_by_4k", l3_nine_tenths_by_4k, 240 },
	{ "l3_two_by_turns_by_4k", l3_two_by_turns_by_4k, 240 },
	{ "l3_used_again_is_evicted_last", l3_used_again_is_evicted_last, 120 },
	{ "l3_just_left_is_not_idle", l3_just_left_is_not_idle },
};

TEST_MAIN(cases)
