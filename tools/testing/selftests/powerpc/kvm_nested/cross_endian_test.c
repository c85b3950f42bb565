// SPDX-License-Identifier: GPL-2.0-only
/* C4: an L1 of the other endianness is served in its own. */
#include "lib/spinner.h"

#define PAGES		8ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)

static struct world w;

static void begin(void)
{
	world_create(&w, L1_BIG);
	l1_map_range(&w.tree, L2_DATA, GPA, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
}

static u64 value_at(u64 gpa)
{
	return l1_swap64(&w.l1, *(u64 *)l1_memory(&w.l1, gpa));
}

static void c4_runs_to_completion(void)
{
	u64 n;

	begin();
	for (n = 0; n < PAGES; n++) {
		l2_must_store(&w.v, L2_DATA + n * PAGE_BYTES, 0x1234 + n);
		CHECK_EQ(value_at(GPA + n * PAGE_BYTES), 0x1234 + n);
		CHECK_EQ(l2_must_load(&w.v, L2_DATA + n * PAGE_BYTES),
			 0x1234 + n);
	}
	l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
	world_end(&w);
}

static void registers(void)
{
	unsigned int n;

	begin();
	l2_goto(&w.v, l2_store);
	for (n = 0; n < 32; n++)
		SET_REG(&w.v, n, 0x0001020304050600ULL + n * 8);
	SET_STATE(&w.v, sprg[1], 0x1122334455667788ULL);
	CHECK_EQ(l1_run(&w.v), TRAP_HDSI);
	for (n = 0; n < 32; n++)
		CHECK_EQ(REG(&w.v, n), 0x0001020304050600ULL + n * 8);
	CHECK_EQ(STATE(&w.v, sprg[1]), 0x1122334455667788ULL);
	CHECK_EQ(STATE(&w.v, hdar), 0x0001020304050620ULL);
	CHECK_EQ(STATE(&w.v, hdsisr) & (DSISR_NOHPTE | DSISR_ISSTORE),
		 DSISR_NOHPTE | DSISR_ISSTORE);
	world_end(&w);
}

static void faults_and_invalidations(void)
{
	begin();
	l2_must_store(&w.v, L2_DATA, 1);
	l1_unmap(&w.tree, L2_DATA);
	CHECK_EQ(l1_inval_page(&w.v, 1, L2_DATA, AP_64K), H_SUCCESS);
	CHECK_EQ(l2_do_load(&w.v, L2_DATA, NULL), TRAP_HDSI);
	CHECK_EQ(STATE(&w.v, asdr) & ~0xf000000000000fffULL, L2_DATA);
	l1_map(&w.tree, L2_DATA, GPA, SHIFT_64K, PTE_ALL);
	CHECK_EQ(l2_must_load(&w.v, L2_DATA), 1);
	world_end(&w);
}

static void peer_that_never_leaves(void)
{
	static struct spinner s;

	begin();
	spinner_create(&s, &w, 1);
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	wait_until_set(l1_memory(&w.l1, GPA));
	CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
	spinner_stop(&s);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "c4_runs_to_completion", c4_runs_to_completion },
	{ "registers", registers },
	{ "faults_and_invalidations", faults_and_invalidations },
	{ "peer_that_never_leaves", peer_that_never_leaves },
};

TEST_MAIN(cases)
