// SPDX-License-Identifier: GPL-2.0-only
/* L4: any number of shadow leaves over one page of L1. */
#include <sys/mman.h>

#include "lib/spinner.h"

#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#define AT		(16ULL << SHIFT_1G)
#define ALIASES		3000ULL

/* 0.3 s: a notifier that looks at each alias more than once takes longer. */
#define TOO_LONG	(300 * TICKS_PER_MS)

static struct world w;

static void begin(void)
{
	u64 n;

	world_create(&w, L1_LITTLE);
	for (n = 0; n < ALIASES; n++)
		l1_map(&w.tree, AT + n * PAGE_BYTES, GPA, SHIFT_64K, PTE_ALL);
	l2_touch_pages(&w.v, AT, ALIASES, PAGE_BYTES);
	CHECK(l1_shadow_leaves(&w.l1, 1) >= ALIASES);
}

static void l4_notifier(void)
{
	u64 begun;

	begin();
	begun = timebase();
	CHECK(!madvise(l1_memory(&w.l1, GPA), PAGE_BYTES, MADV_DONTNEED));
	note("%llu ticks", (unsigned long long)(timebase() - begun));
	CHECK(timebase() - begun < TOO_LONG);
	CHECK(l1_shadow_leaves(&w.l1, 1) < 4);
	CHECK_EQ(l2_must_load(&w.v, AT + 77 * PAGE_BYTES), 0);
	world_end(&w);
}

static void l4_invalidation(void)
{
	begin();
	CHECK_EQ(l1_inval_page(&w.v, 1, AT + 5 * PAGE_BYTES, AP_64K), H_SUCCESS);
	CHECK(w.v.ticks < TOO_LONG);
	CHECK_EQ(l1_inval_page(&w.v, 1, AT, AP_1G), H_SUCCESS);
	CHECK(l1_shadow_leaves(&w.l1, 1) <= 1);
	world_end(&w);
}

static void slot_goes(void)
{
	begin();
	vm_set_slot(&w.l1.vm, L1_SLOT_DATA, L1_DATA, w.l1.data, 0, 0);
	CHECK(l1_shadow_leaves(&w.l1, 1) < 4);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l4_notifier", l4_notifier },
	{ "l4_invalidation", l4_invalidation },
	{ "slot_goes", slot_goes },
};

TEST_MAIN(cases)
