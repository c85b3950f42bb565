// SPDX-License-Identifier: GPL-2.0-only
/*
 * L5: no hypercall or fault of one vCPU keeps another from its own for long,
 * however large the trees are. Coarse: an emulator on a busy machine has no
 * time; instructions are counted by bench.
 */
#include "lib/spinner.h"

#define PAGES		900ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define TOO_LONG	(500 * TICKS_PER_MS)

static struct world w;
static struct l1_vcpu other;
static volatile int rounds;

/* Fill a large tree, drop it; for ever. */
static void churn(struct l1_vcpu *v)
{
	while (!v->stop) {
		l2_touch_pages(v, L2_DATA, PAGES, PAGE_BYTES);
		if (rounds++ & 1)
			CHECK_EQ(l1_inval_lpid(v, 2), H_SUCCESS);
		else
			CHECK_EQ(l1_rpt(v, 2, RPTI_TYPE_TLB, RPTI_PAGE_64K,
					L2_DATA, L2_DATA + PAGES * PAGE_BYTES),
				 H_SUCCESS);
	}
}

static void l5_peer_is_not_held_up(void)
{
	u64 worst = 0, n;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, L1_DATA, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	l1_install(&w.l1, 2, &w.tree);
	l1_add_vcpu(&w.l1, &other, 1);
	l2_prepare(&other, 2);
	l1_go(&other, churn);
	for (n = 0; rounds < 6 && n < 3000; n++) {
		l2_must_store(&w.v, L2_DATA + n % 8 * PAGE_BYTES, n);
		CHECK_EQ(l1_inval_page(&w.v, 1, L2_DATA + n % 8 * PAGE_BYTES,
				       AP_64K), H_SUCCESS);
		if (w.v.ticks > worst)
			worst = w.v.ticks;
	}
	other.stop = 1;
	l1_join(&other);
	note("worst invalidation of one page: %llu us",
	     (unsigned long long)(worst / 512));
	CHECK(worst < TOO_LONG);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l5_peer_is_not_held_up", l5_peer_is_not_held_up },
};

TEST_MAIN(cases)
