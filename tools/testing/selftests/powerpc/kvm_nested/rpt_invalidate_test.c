// SPDX-License-Identifier: GPL-2.0-only
/* H_RPT_INVALIDATE: any range ends, none wraps, wrong arguments are refused. */
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

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

#define PROCESS_MS	5000

/*
 * A kernel that fails here never comes back, and its task cannot be killed. So
 * it is a task that nobody waits for, on the CPU that can be spared.
 */
static void in_a_task_of_its_own(void (*body)(volatile int *done))
{
	volatile int *done = mmap(NULL, host_page(), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int ms;
	cpu_set_t spare;

	CHECK(done != MAP_FAILED);
	CPU_ZERO(&spare);
	CPU_SET(1, &spare);
	if (!fork()) {
		sched_setaffinity(0, sizeof(spare), &spare);
		body(done);
		*done = -1;
		_exit(0);
	}
	for (ms = 0; ms < PROCESS_MS && *done != -1; ms += 10)
		sleep_ms(10);
	if (*done != -1)
		fail("does not return from range %d", *done);
}

static const u64 top_ranges[][2] = {
	{ ~0ULL - 0x2fff, ~0ULL },
	{ ~0ULL, ~0ULL },
	{ ~0ULL - 0x1ffff, ~0ULL - 0xffff },
	{ ~0ULL - 0x1ffff, ~0ULL - 0xfffe },
	{ BIT(63), ~0ULL },
	{ 1, ~0ULL },
	{ 0, BIT(52) },
};

static void l1_asks(volatile int *done)
{
	static struct world w;
	size_t i;

	inval_world(&w);
	for (i = 0; i < ARRAY_SIZE(top_ranges); i++) {
		*done = i;
		CHECK_EQ(L1_HCALL(&w.v, H_RPT_INVALIDATE, 1, RPTI_TARGET_CMMU,
				  RPTI_TYPE_TLB, SIZES, top_ranges[i][0],
				  top_ranges[i][1]), H_SUCCESS);
		CHECK(w.v.ticks < TOO_LONG);
	}
	world_end(&w);
}

/* L2's own: L0 answers, and L1 never sees it. */
static void l2_asks(volatile int *done)
{
	static struct world w;
	size_t i;

	inval_world(&w);
	for (i = 0; i < ARRAY_SIZE(top_ranges); i++) {
		*done = i;
		l2_goto(&w.v, l2_own_hcall);
		SET_REG(&w.v, 3, H_RPT_INVALIDATE);
		SET_REG(&w.v, 4, 1);
		SET_REG(&w.v, 5, RPTI_TARGET_CMMU);
		SET_REG(&w.v, 6, RPTI_TYPE_TLB);
		SET_REG(&w.v, 7, SIZES);
		SET_REG(&w.v, 8, top_ranges[i][0]);
		SET_REG(&w.v, 9, top_ranges[i][1]);
		CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
		CHECK_EQ(REG(&w.v, 11), H_SUCCESS);
	}
	world_end(&w);
}

static void l6_process_scoped_range_at_the_top(void)
{
	in_a_task_of_its_own(l1_asks);
}

static void l6_process_scoped_range_of_l2(void)
{
	in_a_task_of_its_own(l2_asks);
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
	{ "l6_process_scoped_range_at_the_top",
	  l6_process_scoped_range_at_the_top },
	{ "l6_process_scoped_range_of_l2", l6_process_scoped_range_of_l2 },
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
