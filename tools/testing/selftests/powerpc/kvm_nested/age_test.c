// SPDX-License-Identifier: GPL-2.0-only
/* C3: pages of L2 grow old, are swapped out, and come back as they were. */
#include <sys/mman.h>

#include "lib/group.h"
#include "lib/spinner.h"

#define PAGES		128ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

static struct world w;
static struct spinner s;

/* Old or not. */
static void take_pages(void)
{
	CHECK(!madvise(l1_memory(&w.l1, GPA), PAGES * PAGE_BYTES,
		       MADV_PAGEOUT));
}

static unsigned int pages_in_memory(void)
{
	static unsigned char present[PAGES * 16];
	unsigned int per = PAGE_BYTES / host_page(), n, found = 0;

	CHECK(!mincore(l1_memory(&w.l1, GPA), PAGES * PAGE_BYTES, present));
	for (n = 0; n < PAGES; n++)
		found += present[n * per] & 1;
	return found;
}

static void begin(void)
{
	group_join_with_swap(48 << 20);
	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
}

static void c3_swapped_out_and_back(void)
{
	unsigned int round, least = PAGES;
	u64 n;

	begin();
	for (round = 0; round < 6; round++) {
		if (round & 1)
			take_pages();
		else
			group_reclaim("4M");
		least = pages_in_memory() < least ? pages_in_memory() : least;
		vm_check_audit(&w.l1.vm);
		for (n = 0; n < PAGES; n += 7)
			CHECK_EQ(l2_must_load(&w.v, L2_DATA + n * PAGE_BYTES),
				 L2_DATA + n * PAGE_BYTES);
	}
	note("at least, %u of %llu pages were in memory", least,
	     (unsigned long long)PAGES);
	CHECK(least < PAGES);
	world_end(&w);
	swap_off();
}

/* A peer stores to some of them all the time: no store is lost. */
static void i4_swapped_out_under_a_peer(void)
{
	unsigned int round;
	u64 n;

	begin();
	spinner_create(&s, &w, 1);
	spinner_store(&s, L2_DATA, 16, PAGE_BYTES);
	for (round = 0; round < 10; round++)
		group_reclaim("3M");
	vm_check_audit(&w.l1.vm);
	for (n = 0; n < 16; n++) {
		*(volatile u64 *)l1_memory(&w.l1, GPA + n * PAGE_BYTES) = 0;
		wait_until_set(l1_memory(&w.l1, GPA + n * PAGE_BYTES));
	}
	for (n = 16; n < PAGES; n++)
		CHECK_EQ(l2_must_load(&w.v, L2_DATA + n * PAGE_BYTES),
			 L2_DATA + n * PAGE_BYTES);
	spinner_stop(&s);
	world_end(&w);
	swap_off();
}

static const struct test_case cases[] = {
	{ "c3_swapped_out_and_back", c3_swapped_out_and_back },
	{ "i4_swapped_out_under_a_peer", i4_swapped_out_under_a_peer },
};

TEST_MAIN(cases)
