// SPDX-License-Identifier: GPL-2.0-only
/* L1 changes its tree and tells nobody: legal, and never mixed up. */
#include "inval_test.h"

/* Old or new, as L1 deserves; the audit knows the two apart. */
static void moved(void)
{
	static struct world w;
	u64 value;

	inval_world(&w);
	l1_map(&w.tree, NGPA(3), NEW_GPA, SHIFT_64K, PTE_ALL);
	value = l2_must_load(&w.v, NGPA(3));
	CHECK(value == OLD_VALUE || value == NEW_VALUE);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

/* I1: a fault over a leaf of another frame replaces it. */
static void i1_other_frame_is_not_merged(void)
{
	static struct world w;
	u64 gpa = OLD_GPA + 3 * PAGE_BYTES;

	inval_world(&w);
	l1_map(&w.tree, NGPA(3), gpa, SHIFT_64K, PTE_REF | PTE_READ);
	CHECK_EQ(l1_inval_page(&w.v, 1, NGPA(3), AP_64K), H_SUCCESS);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	l1_map(&w.tree, NGPA(3), NEW_GPA, SHIFT_64K, PTE_ALL);
	l2_must_store(&w.v, NGPA(3), 0x42);
	CHECK_EQ(*(u64 *)l1_memory(&w.l1, NEW_GPA), 0x42);
	CHECK_EQ(*(u64 *)l1_memory(&w.l1, gpa), OLD_VALUE);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), 0x42);
	world_end(&w);
}

/* I1, another size: a 2M leaf where 64K leaves are, and back. */
static void i1_other_size_replaces(void)
{
	static struct world w;

	inval_world(&w);
	l1_map(&w.tree, NGPA(3), OLD_GPA + 3 * PAGE_BYTES, SHIFT_64K,
	       PTE_REF | PTE_READ);
	CHECK_EQ(l1_inval_page(&w.v, 1, NGPA(3), AP_64K), H_SUCCESS);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	l1_map(&w.tree, L2_DATA, NEW_GPA, SHIFT_2M, PTE_ALL);
	l2_must_store(&w.v, NGPA(3), 0x43);
	CHECK_EQ(*(u64 *)l1_memory(&w.l1, NEW_GPA + 3 * PAGE_BYTES), 0x43);
	CHECK_EQ(*(u64 *)l1_memory(&w.l1, OLD_GPA + 3 * PAGE_BYTES), OLD_VALUE);
	world_end(&w);
}

/* I7, and: what hardware found and L1 has no more is dropped. */
static void refused_leaf_is_dropped(void)
{
	static struct world w;

	inval_world(&w);
	l1_map(&w.tree, NGPA(3), OLD_GPA + 3 * PAGE_BYTES, SHIFT_64K,
	       PTE_REF | PTE_READ);
	CHECK_EQ(l1_inval_page(&w.v, 1, NGPA(3), AP_64K), H_SUCCESS);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	l1_unmap(&w.tree, NGPA(3));
	CHECK_EQ(l2_do_store(&w.v, NGPA(3), 1), TRAP_HDSI);
	CHECK_EQ(STATE(&w.v, hdsisr) & DSISR_NOHPTE, DSISR_NOHPTE);
	CHECK_EQ(l2_do_load(&w.v, NGPA(3), NULL), TRAP_HDSI);
	world_end(&w);
}

/* I7: C is set on the leaf of the frame that was walked, or not at all. */
static void i7_c_on_another_frame(void)
{
	static struct world w;
	u64 gpa = OLD_GPA + 3 * PAGE_BYTES;

	inval_world(&w);
	l1_map(&w.tree, NGPA(3), gpa, SHIFT_64K,
	       PTE_REF | PTE_READ | PTE_WRITE);
	CHECK_EQ(l1_inval_page(&w.v, 1, NGPA(3), AP_64K), H_SUCCESS);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	CHECK_EQ(l2_do_store(&w.v, NGPA(3), 9), TRAP_HDSI);
	CHECK_EQ(STATE(&w.v, hdsisr) & DSISR_SET_RC, DSISR_SET_RC);
	l1_map(&w.tree, NGPA(3), NEW_GPA, SHIFT_64K, PTE_ALL);
	l2_must_store(&w.v, NGPA(3), 0x44);
	CHECK_EQ(*(u64 *)l1_memory(&w.l1, NEW_GPA), 0x44);
	CHECK_EQ(*(u64 *)l1_memory(&w.l1, gpa), OLD_VALUE);
	world_end(&w);
}

/* A peer stores for ever while L1 moves its pages and says nothing. */
static void under_a_storing_peer(void)
{
	static struct world w;
	static struct spinner s;
	unsigned int round;

	inval_world(&w);
	spinner_create(&s, &w, 1);
	spinner_store(&s, NGPA(0), PAGES, PAGE_BYTES);
	for (round = 0; round < 300; round++) {
		l1_map(&w.tree, NGPA(round % PAGES),
		       round & 8 ? OLD_GPA : NEW_GPA, SHIFT_64K,
		       round & 16 ? PTE_ALL : PTE_REF | PTE_READ);
		if (round % 16 == 15)
			CHECK_EQ(l1_inval_page(&w.v, 1, NGPA(round % PAGES),
					       AP_64K), H_SUCCESS);
		if (round % 64 == 63)
			vm_check_audit(&w.l1.vm);
	}
	l1_map_range(&w.tree, NGPA(0), OLD_GPA, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	spinner_stop(&s);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "moved", moved },
	{ "i1_other_frame_is_not_merged", i1_other_frame_is_not_merged },
	{ "i1_other_size_replaces", i1_other_size_replaces },
	{ "refused_leaf_is_dropped", refused_leaf_is_dropped },
	{ "i7_c_on_another_frame", i7_c_on_another_frame },
	{ "under_a_storing_peer", under_a_storing_peer },
};

TEST_MAIN(cases)
