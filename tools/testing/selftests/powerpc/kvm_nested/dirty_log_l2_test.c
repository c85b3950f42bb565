// SPDX-License-Identifier: GPL-2.0-only
/* C3: dirty logging sees every store of L2, before and after it is cleaned. */
#include <string.h>
#include <sys/mman.h>

#include "lib/spinner.h"

#define SLOT		6
#define GPA		0x80000000ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define PAGES		32ULL
#define BYTES		(PAGES * PAGE_BYTES)

/* More shadow leaves over one page than one hold of mmu_lock works on. */
#define ALIASES		1500ULL
#define ALIASED		3ULL
#define AT		(16ULL << SHIFT_1G)

static struct world w;
static struct spinner s;
static char *memory;
static u64 bitmap[64];

static void begin(unsigned int shift)
{
	world_create(&w, L1_LITTLE);
	memory = vm_map(BYTES);
	if (shift == SHIFT_2M)
		madvise(memory, BYTES, MADV_HUGEPAGE);
	memset(memory, 0, BYTES);
	vm_set_slot(&w.l1.vm, SLOT, GPA, memory, BYTES, 0);
	l1_map_range(&w.tree, L2_DATA, GPA, BYTES, shift, PTE_ALL);
	spinner_create(&s, &w, 1);
}

static void log_on(void)
{
	vm_set_slot(&w.l1.vm, SLOT, GPA, memory, BYTES, KVM_MEM_LOG_DIRTY_PAGES);
}

static void fetch_log(void)
{
	memset(bitmap, 0, sizeof(bitmap));
	vm_dirty_log(&w.l1.vm, SLOT, bitmap);
}

/* Is any host page of this 64K dirty? */
static int is_dirty(u64 n)
{
	u64 per = PAGE_BYTES / host_page(), i;

	for (i = n * per; i < (n + 1) * per; i++)
		if (bitmap[i / 64] >> (i % 64) & 1)
			return 1;
	return 0;
}

static void store(u64 n)
{
	l2_must_store(&w.v, L2_DATA + n * PAGE_BYTES, n + 1);
}

static void before_and_after_a_clean(unsigned int shift)
{
	begin(shift);
	store(1);
	store(3);
	log_on();
	fetch_log();
	store(3);
	store(5);
	fetch_log();
	CHECK(is_dirty(3) && is_dirty(5));
	fetch_log();
	CHECK(!is_dirty(3) && !is_dirty(5) && !is_dirty(1));
	store(3);
	fetch_log();
	CHECK(is_dirty(3));
	CHECK(!is_dirty(5));
	l2_must_load(&w.v, L2_DATA + 5 * PAGE_BYTES);
	fetch_log();
	CHECK(!is_dirty(5));
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

/* The oldest and the newest shadow leaves are not treated alike: try both. */
static void c3_many_aliases(void)
{
	static const u64 through[] = { 0, 1, ALIASES / 2, ALIASES - 40,
				       ALIASES - 1 };
	unsigned int i;
	u64 n;

	begin(SHIFT_64K);
	for (n = 0; n < ALIASES; n++)
		l1_map(&w.tree, AT + n * PAGE_BYTES, GPA + ALIASED * PAGE_BYTES,
		       SHIFT_64K, PTE_ALL);
	log_on();
	for (i = 0; i < ARRAY_SIZE(through); i++) {
		l2_touch_pages(&w.v, AT, ALIASES, PAGE_BYTES);
		CHECK(l1_shadow_leaves(&w.l1, 1) >= ALIASES);
		fetch_log();
		CHECK(is_dirty(ALIASED));
		vm_check_audit(&w.l1.vm);
		fetch_log();
		CHECK(!is_dirty(ALIASED));
		l2_must_store(&w.v, AT + through[i] * PAGE_BYTES, i);
		fetch_log();
		CHECK(is_dirty(ALIASED));
	}
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

static void c3_small_pages(void)
{
	before_and_after_a_clean(SHIFT_64K);
}

static void c3_pages_below_the_host(void)
{
	before_and_after_a_clean(SHIFT_4K);
}

static void c3_large_pages(void)
{
	before_and_after_a_clean(SHIFT_2M);
}

/* The tree is detached between the store and the log, and after it. */
static void c3_with_a_detach_between(void)
{
	begin(SHIFT_64K);
	log_on();
	fetch_log();
	store(7);
	CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
	fetch_log();
	CHECK(is_dirty(7));
	store(7);
	l1_set_entry(&w.l1, 1, 0, 0);
	CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
	fetch_log();
	CHECK(is_dirty(7));
	fetch_log();
	CHECK(!is_dirty(7));
	world_end(&w);
}

/* A peer that never leaves L2 stores on: its pages are dirty each time. */
static void c3_under_a_storing_peer(void)
{
	unsigned int round, ms;
	u64 n, seen;

	begin(SHIFT_64K);
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	wait_until_set((u64 *)(memory + (PAGES - 1) * PAGE_BYTES));
	log_on();
	for (round = 0; round < 10; round++) {
		fetch_log();
		for (seen = ms = 0; seen != PAGES && ms < 3000; ms += 20) {
			u64 old[64];

			sleep_ms(20);
			memcpy(old, bitmap, sizeof(old));
			fetch_log();
			for (n = 0; n < ARRAY_SIZE(bitmap); n++)
				bitmap[n] |= ms ? old[n] : 0;
			for (seen = n = 0; n < PAGES; n++)
				seen += is_dirty(n);
		}
		CHECK_EQ(seen, PAGES);
	}
	spinner_stop(&s);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

/* The last store before the log is fetched is in memory and in the log. */
static void c3_no_store_escapes(void)
{
	u64 n, before[PAGES];
	unsigned int round;

	begin(SHIFT_64K);
	log_on();
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	wait_until_set((u64 *)(memory + (PAGES - 1) * PAGE_BYTES));
	for (round = 0; round < 40; round++) {
		fetch_log();
		for (n = 0; n < PAGES; n++)
			before[n] = *(volatile u64 *)(memory + n * PAGE_BYTES);
		sleep_ms(1);
		for (n = 0; n < PAGES; n++)
			before[n] = *(volatile u64 *)(memory + n * PAGE_BYTES) !=
				    before[n];
		fetch_log();
		for (n = 0; n < PAGES; n++)
			if (before[n] && !is_dirty(n))
				fail("page %llu was stored to, and is clean",
				     (unsigned long long)n);
	}
	spinner_stop(&s);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "c3_small_pages", c3_small_pages },
	{ "c3_pages_below_the_host", c3_pages_below_the_host },
	{ "c3_large_pages", c3_large_pages },
	{ "c3_with_a_detach_between", c3_with_a_detach_between },
	{ "c3_under_a_storing_peer", c3_under_a_storing_peer },
	{ "c3_no_store_escapes", c3_no_store_escapes },
	{ "c3_many_aliases", c3_many_aliases },
};

TEST_MAIN(cases)
