// SPDX-License-Identifier: GPL-2.0-only
/* Pages of L1 smaller, equal to and larger than the host's, side by side. */
#include <string.h>
#include <sys/mman.h>

#include "lib/spinner.h"

#define GPA	(L1_DATA + 0x400000)
#define OTHER	(L1_DATA + 0x800000)

static struct world w;

static u64 value_at(u64 gpa)
{
	return *(u64 *)l1_memory(&w.l1, gpa);
}

/* Sixteen 4K pages of L2 in reverse order over one 64K page of L1. */
static void small_pages_in_any_order(void)
{
	u64 n;

	world_create(&w, L1_LITTLE);
	for (n = 0; n < 16; n++)
		l1_map(&w.tree, L2_DATA + n * 0x1000, GPA + (15 - n) * 0x1000,
		       SHIFT_4K, PTE_ALL);
	for (n = 0; n < 16; n++)
		l2_must_store(&w.v, L2_DATA + n * 0x1000 + 8 * n, n + 1);
	for (n = 0; n < 16; n++)
		CHECK_EQ(value_at(GPA + (15 - n) * 0x1000 + 8 * n), n + 1);
	world_end(&w);
}

/* Neighbours with other rights: the one does not lend them to the other. */
static void small_pages_keep_their_rights(void)
{
	u64 n;

	world_create(&w, L1_LITTLE);
	for (n = 0; n < 16; n++)
		l1_map(&w.tree, L2_DATA + n * 0x1000, GPA + n * 0x1000, SHIFT_4K,
		       n & 1 ? PTE_ALL : PTE_REF | PTE_READ);
	for (n = 0; n < 16; n++)
		l2_must_load(&w.v, L2_DATA + n * 0x1000);
	for (n = 0; n < 16; n++)
		CHECK_EQ(l2_do_store(&w.v, L2_DATA + n * 0x1000, 1),
			 n & 1 ? TRAP_HCALL : TRAP_HDSI);
	world_end(&w);
}

/* One small page is dropped: its neighbours in the same host page stay. */
static void one_small_page_goes(void)
{
	unsigned int shift;
	u64 pte;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x10000, SHIFT_4K, PTE_ALL);
	l2_touch_pages(&w.v, L2_DATA, 16, 0x1000);
	l1_unmap(&w.tree, L2_DATA + 0x5000);
	CHECK_EQ(l1_inval_page(&w.v, 1, L2_DATA + 0x5000, AP_4K), H_SUCCESS);
	CHECK_EQ(l2_do_load(&w.v, L2_DATA + 0x5000, NULL), TRAP_HDSI);
	CHECK(l1_shadow_leaf(&w.l1, 1, L2_DATA + 0x4000, &pte, &shift));
	CHECK(l1_shadow_leaf(&w.l1, 1, L2_DATA + 0x6000, &pte, &shift));
	world_end(&w);
}

static u64 *table_of(const u64 *entry)
{
	return l1_memory(&w.l1, __builtin_bswap64(*entry) & PDE_NLB);
}

/* L1 replaces a table of one geometry by one of the other, and back. */
static void geometry_changes(void)
{
	unsigned int round;
	u64 *pmd, small, large;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, BIT(SHIFT_2M), SHIFT_4K, PTE_ALL);
	l1_map_range(&w.tree, L2_DATA + BIT(SHIFT_2M), OTHER, BIT(SHIFT_2M),
		     SHIFT_64K, PTE_ALL);
	pmd = table_of(table_of(l1_memory(&w.l1, w.tree.root)) +
		       (L2_DATA >> SHIFT_1G));
	small = pmd[0];
	large = pmd[1];
	for (round = 0; round < 12; round++) {
		pmd[0] = round & 1 ? large : small;
		if (round & 2)
			CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
		else
			CHECK_EQ(l1_inval_page(&w.v, 1, L2_DATA, AP_2M),
				 H_SUCCESS);
		l2_must_store(&w.v, L2_DATA + 0x12340, round + 100);
		CHECK_EQ(value_at((round & 1 ? OTHER : GPA) + 0x12340),
			 round + 100);
		vm_check_audit(&w.l1.vm);
	}
	world_end(&w);
}

/* The same without a word: whatever is in the way is dropped by the fault. */
static void geometry_changes_without_a_word(void)
{
	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, BIT(SHIFT_2M), SHIFT_4K, PTE_ALL);
	l2_touch_pages(&w.v, L2_DATA, 16, 0x1000);
	l1_map(&w.tree, L2_DATA, OTHER, SHIFT_2M, PTE_ALL);
	l2_must_store(&w.v, L2_DATA + 0x20000, 1);
	CHECK_EQ(value_at(OTHER + 0x20000), 1);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

/* One L1 page seen through leaves of 4K, 64K and 2M at once. */
static void one_page_through_all_sizes(void)
{
	u64 at = L2_DATA, n;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, at, GPA, 0x10000, SHIFT_4K, PTE_ALL);
	l1_map(&w.tree, at + BIT(SHIFT_2M), GPA, SHIFT_64K, PTE_ALL);
	l1_map(&w.tree, at + 2 * BIT(SHIFT_2M), GPA, SHIFT_2M, PTE_ALL);
	for (n = 0; n < 3; n++) {
		l2_must_store(&w.v, at + n * BIT(SHIFT_2M) + 0x7008, n + 40);
		CHECK_EQ(l2_must_load(&w.v, at + (n + 1) % 3 * BIT(SHIFT_2M) +
				      0x7008), n + 40);
	}
	CHECK(!madvise(l1_memory(&w.l1, GPA), 0x10000, MADV_DONTNEED));
	for (n = 0; n < 3; n++)
		CHECK_EQ(l2_must_load(&w.v, at + n * BIT(SHIFT_2M) + 0x7008), 0);
	world_end(&w);
}

/* Two sizes in one 2M region, used by two vCPUs: both make progress. */
static void two_sizes_do_not_drive_each_other_out(void)
{
	static struct spinner s;
	u64 n;

	world_create(&w, L1_LITTLE);
	spinner_create(&s, &w, 1);
	l1_map_range(&w.tree, L2_DATA, GPA, BIT(SHIFT_2M), SHIFT_4K, PTE_ALL);
	spinner_store(&s, L2_DATA, 8, 0x1000);
	for (n = 16; n < 200; n++)
		l2_must_store(&w.v, L2_DATA + n * 0x1000, n);
	spinner_stop(&s);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "small_pages_in_any_order", small_pages_in_any_order },
	{ "small_pages_keep_their_rights", small_pages_keep_their_rights },
	{ "one_small_page_goes", one_small_page_goes },
	{ "geometry_changes", geometry_changes },
	{ "geometry_changes_without_a_word", geometry_changes_without_a_word },
	{ "one_page_through_all_sizes", one_page_through_all_sizes },
	{ "two_sizes_do_not_drive_each_other_out",
	  two_sizes_do_not_drive_each_other_out },
};

TEST_MAIN(cases)
