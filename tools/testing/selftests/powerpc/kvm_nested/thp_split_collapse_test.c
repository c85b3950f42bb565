// SPDX-License-Identifier: GPL-2.0-only
/* Huge pages of the host come and go under a large leaf of L1. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/spinner.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define GPA		(L1_DATA + 0x200000)
#define BYTES		BIT(SHIFT_2M)
#define STRIDE		0x10000ULL
#define PAGES		(BYTES / STRIDE)

static struct world w;
static struct spinner s;
static char *memory;

static void begin(unsigned int shift)
{
	world_create(&w, L1_LITTLE);
	memory = l1_memory(&w.l1, GPA);
	CHECK(!((uintptr_t)memory & (BYTES - 1)));
	CHECK(!madvise(memory, BYTES, MADV_HUGEPAGE));
	memset(memory, 0, BYTES);
	l1_map_range(&w.tree, L2_DATA, GPA, BYTES, shift, PTE_ALL);
	spinner_create(&s, &w, 1);
}

static unsigned int shadow_shift(u64 ngpa)
{
	unsigned int shift = 0;
	u64 pte;

	return l1_shadow_leaf(&w.l1, 1, ngpa, &pte, &shift) ? shift : 0;
}

/* On a host that knows 2M pages, a leaf of 2M is made. */
static void huge_leaf_over_a_huge_page(void)
{
	begin(SHIFT_2M);
	l2_must_store(&w.v, L2_DATA + 0x123458, 1);
	note("leaf of %u bits", shadow_shift(L2_DATA));
	CHECK_EQ(shadow_shift(L2_DATA), SHIFT_2M);
	world_end(&w);
}

static void split(void)
{
	u64 n;

	begin(SHIFT_2M);
	l2_touch_pages(&w.v, L2_DATA, PAGES, STRIDE);
	CHECK(!madvise(memory + 5 * STRIDE, STRIDE, MADV_DONTNEED));
	vm_check_audit(&w.l1.vm);
	for (n = 0; n < PAGES; n++)
		CHECK_EQ(l2_must_load(&w.v, L2_DATA + n * STRIDE),
			 n == 5 ? 0 : L2_DATA + n * STRIDE);
	world_end(&w);
}

static void collapse_and_split_under_a_peer(void)
{
	unsigned int round, collapsed = 0;

	begin(SHIFT_2M);
	spinner_store(&s, L2_DATA, PAGES, STRIDE);
	for (round = 0; round < 30; round++) {
		char *hole = memory + round % PAGES * STRIDE;

		CHECK(!madvise(hole, STRIDE, MADV_DONTNEED));
		wait_until_set((u64 *)hole);
		collapsed += !madvise(memory, BYTES, MADV_COLLAPSE);
		wait_until_set((u64 *)hole);
		if (round % 8 == 0)
			vm_check_audit(&w.l1.vm);
	}
	note("collapsed %u times", collapsed);
	spinner_stop(&s);
	world_end(&w);
}

/* Small leaves of L1 over a huge page of the host. */
static void small_leaves_over_a_huge_page(void)
{
	u64 n;

	begin(SHIFT_4K);
	for (n = 0; n < 64; n++)
		l2_must_store(&w.v, L2_DATA + n * 0x1000, n + 1);
	CHECK_EQ(shadow_shift(L2_DATA), SHIFT_4K);
	CHECK(!madvise(memory, STRIDE, MADV_DONTNEED));
	for (n = 0; n < 64; n++)
		CHECK_EQ(l2_must_load(&w.v, L2_DATA + n * 0x1000),
			 n < 16 ? 0 : n + 1);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "huge_leaf_over_a_huge_page", huge_leaf_over_a_huge_page },
	{ "split", split },
	{ "collapse_and_split_under_a_peer", collapse_and_split_under_a_peer },
	{ "small_leaves_over_a_huge_page", small_leaves_over_a_huge_page },
};

TEST_MAIN(cases)
