// SPDX-License-Identifier: GPL-2.0-only
/*
 * L17: a huge page that L2 used once is old when it is asked for the second
 * time, whatever L1 made of it. What is young for ever is never reclaimed.
 *
 * The host asks as it reclaims: a page that was used goes another round, one
 * that was not goes to the swap.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "lib/group.h"
#include "lib/spinner.h"

#define SLOT		6
#define START		0x80000000ULL
#define HUGE		BIT(SHIFT_2M)
#define PAGES		8ULL
#define BYTES		(PAGES * HUGE)
#define ALIAS		(16ULL << SHIFT_1G)

/* Each asks every page that is left at least once. */
#define ROUNDS		8
#define SECONDS		60

static struct world w;
static char *memory;

static unsigned int huge_pages_in_memory(void)
{
	static unsigned char present[BYTES / 4096];
	unsigned int per = HUGE / host_page(), n, i, found = 0, any;

	CHECK(!mincore(memory, BYTES, present));
	for (n = 0; n < PAGES; n++) {
		for (any = 0, i = n * per; i < (n + 1) * per; i++)
			any |= present[i] & 1;
		found += any;
	}
	return found;
}

static void begin(void)
{
	group_join_with_swap(48 << 20);
	world_create(&w, L1_LITTLE);
	memory = vm_map(BYTES);
	CHECK(!madvise(memory, BYTES, MADV_HUGEPAGE));
	memset(memory, 1, BYTES);
	vm_set_slot(&w.l1.vm, SLOT, START, memory, BYTES, 0);
}

static void check_size(u64 ngpa, unsigned int wanted)
{
	unsigned int shift = 0;
	u64 pte;

	CHECK(l1_shadow_leaf(&w.l1, 1, ngpa, &pte, &shift));
	CHECK_EQ(shift, wanted);
}

/* Nobody uses them from here on. */
static void must_grow_old(void)
{
	unsigned int round, left = PAGES;

	CHECK_EQ(huge_pages_in_memory(), PAGES);
	for (round = 0; round < ROUNDS && left; round++) {
		group_reclaim("24M");
		left = huge_pages_in_memory();
		note("asked %u times: %u of %llu huge pages in memory",
		     round + 1, left, PAGES);
	}
	CHECK(left <= PAGES / 4);
	vm_check_audit(&w.l1.vm);
	CHECK_EQ(l2_must_load(&w.v, ALIAS + 8), 0x0101010101010101);
	world_end(&w);
	swap_off();
}

static void l17_huge_pages_used_once(void)
{
	begin();
	l1_map_range(&w.tree, ALIAS, START, BYTES, SHIFT_2M, PTE_ALL);
	l2_touch_pages(&w.v, ALIAS, PAGES, HUGE);
	check_size(ALIAS, SHIFT_2M);
	must_grow_old();
}

/* Each by many names, one after the other. */
static void huge_pages_by_names(u64 names)
{
	u64 page, n;

	begin();
	for (page = 0; page < PAGES; page++)
		for (n = 0; n < names; n++)
			l1_map(&w.tree, ALIAS + (page * names + n) * HUGE,
			       START + page * HUGE, SHIFT_2M, PTE_ALL);
	l2_touch_pages(&w.v, ALIAS, PAGES * names, HUGE);
	check_size(ALIAS, SHIFT_2M);
	must_grow_old();
}

static void l17_huge_pages_with_60_aliases(void)
{
	huge_pages_by_names(60);
}

static void l17_huge_pages_with_400_aliases(void)
{
	huge_pages_by_names(400);
}

/* L1 maps small pages; the host's leaf is large. */
static void l17_huge_pages_below_small_leaves(void)
{
	begin();
	l1_map_range(&w.tree, ALIAS, START, BYTES, SHIFT_4K, PTE_ALL);
	l2_touch_pages(&w.v, ALIAS, BYTES >> SHIFT_4K, BIT(SHIFT_4K));
	check_size(ALIAS, SHIFT_4K);
	must_grow_old();
}

/* --- C9: what is used stays ------------------------------------------------- */

#define HOT		64ULL
#define COLD		256ULL
#define HOT_GPA		(L1_DATA + 0x200000)
#define COLD_GPA	(L1_DATA + 0x1000000)
#define HOT_AT		L2_DATA
#define COLD_AT		(L2_DATA + 0x10000000)
#define SMALL		BIT(SHIFT_64K)

static struct spinner user;

static u64 came_back(void)
{
	struct rusage usage;

	CHECK(!getrusage(RUSAGE_SELF, &usage));
	return usage.ru_majflt;
}

static unsigned int small_pages_in_memory(u64 gpa, u64 n)
{
	static unsigned char present[COLD * 16];
	unsigned int per = SMALL / host_page(), found = 0, i;

	CHECK(!mincore(l1_memory(&w.l1, gpa), n * SMALL, present));
	for (i = 0; i < n; i++)
		found += present[i * per] & 1;
	return found;
}

/* A vCPU goes round its pages all the time, between two askings at least once. */
static void one_more_round(void)
{
	u64 *last = l1_memory(&w.l1, HOT_GPA + (HOT - 1) * SMALL);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		*(volatile u64 *)last = 0;
		wait_until_set(last);
	}
}

static void c9_pages_in_use_stay(void)
{
	unsigned int round;
	u64 before;

	group_join_with_swap(48 << 20);
	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, HOT_AT, HOT_GPA, HOT * SMALL, SHIFT_64K, PTE_ALL);
	l1_map_range(&w.tree, COLD_AT, COLD_GPA, COLD * SMALL, SHIFT_64K,
		     PTE_ALL);
	spinner_create(&user, &w, 1);
	l2_touch_pages(&w.v, COLD_AT, COLD, SMALL);
	l2_touch_pages(&w.v, HOT_AT, HOT, SMALL);
	spinner_store(&user, HOT_AT, HOT, SMALL);
	one_more_round();
	before = came_back();
	for (round = 0; round < 8; round++) {
		group_reclaim("1M");
		one_more_round();
	}
	note("%llu faults brought a page back, %u of %llu cold pages are in memory",
	     (unsigned long long)(came_back() - before),
	     small_pages_in_memory(COLD_GPA, COLD), COLD);
	CHECK(small_pages_in_memory(COLD_GPA, COLD) < COLD);
	CHECK(came_back() - before < HOT);
	spinner_stop(&user);
	world_end(&w);
	swap_off();
}

static const struct test_case cases[] = {
	{ "l17_huge_pages_used_once", l17_huge_pages_used_once, SECONDS },
	{ "l17_huge_pages_with_60_aliases", l17_huge_pages_with_60_aliases,
	  SECONDS },
	{ "l17_huge_pages_with_400_aliases", l17_huge_pages_with_400_aliases,
	  SECONDS },
	{ "l17_huge_pages_below_small_leaves",
	  l17_huge_pages_below_small_leaves, SECONDS },
	{ "c9_pages_in_use_stay", c9_pages_in_use_stay, SECONDS },
};

TEST_MAIN(cases)
