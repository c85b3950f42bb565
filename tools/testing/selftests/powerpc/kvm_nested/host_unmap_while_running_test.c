// SPDX-License-Identifier: GPL-2.0-only
/* What the host takes away is gone from every shadow leaf, while L2 uses it. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/param.h"
#include "lib/spinner.h"

#define PAGES		16ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#define BYTES		(PAGES * PAGE_BYTES)

static struct world w;
static struct spinner s;
static char *memory;

static void begin(unsigned int shift)
{
	world_create(&w, L1_LITTLE);
	memory = l1_memory(&w.l1, GPA);
	l1_map_range(&w.tree, L2_DATA, GPA, BYTES, shift, PTE_ALL);
	spinner_create(&s, &w, 1);
}

/* L2 stores for ever; a page that the host took must come back with its stores. */
static void all_pages_are_stored_to(void)
{
	u64 n;

	for (n = 0; n < PAGES; n++)
		wait_until_set((u64 *)(memory + n * PAGE_BYTES));
}

static void dontneed(unsigned int shift)
{
	unsigned int round;

	begin(shift);
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	for (round = 0; round < 30; round++) {
		CHECK(!madvise(memory, BYTES, MADV_DONTNEED));
		all_pages_are_stored_to();
	}
	vm_check_audit(&w.l1.vm);
	spinner_stop(&s);
	world_end(&w);
}

static void i4_dontneed(void)
{
	dontneed(SHIFT_64K);
}

static void i4_dontneed_small_leaves(void)
{
	dontneed(SHIFT_4K);
}

/* A single base page at a time. */
static void i4_dontneed_one_page(void)
{
	volatile u64 *at;
	unsigned int round;

	begin(SHIFT_64K);
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	for (round = 0; round < 100; round++) {
		at = (u64 *)(memory + round % PAGES * PAGE_BYTES);
		CHECK(!madvise((void *)at, host_page(), MADV_DONTNEED));
	}
	all_pages_are_stored_to();
	spinner_stop(&s);
	world_end(&w);
}

/* Other memory appears at the same place: L2 sees it without any exit. */
static void i4_mremap(void)
{
	char *other;

	begin(SHIFT_64K);
	other = vm_map(PAGE_BYTES);
	*(u64 *)other = 0x5151;
	*(u64 *)memory = 0x4141;
	CHECK_EQ(l2_must_load(&w.v, L2_DATA), 0x4141);
	spinner_load_until(&s, L2_DATA, 0x5151);
	sleep_ms(50);
	CHECK(!s.v.ended);
	CHECK(mremap(other, PAGE_BYTES, PAGE_BYTES,
		     MREMAP_MAYMOVE | MREMAP_FIXED, memory) == memory);
	spinner_wait_for(&s, 5);
	world_end(&w);
}

/* Read-only for the VMM: L2's store has to wait until it is writable again. */
static void mprotect_and_back(void)
{
	unsigned int round;

	begin(SHIFT_64K);
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	for (round = 0; round < 30; round++) {
		CHECK(!mprotect(memory, BYTES, PROT_READ));
		CHECK(!mprotect(memory, BYTES, PROT_READ | PROT_WRITE));
	}
	all_pages_are_stored_to();
	spinner_stop(&s);
	world_end(&w);
}

/* Not even readable for the VMM: L2 comes out, and is not sent back for ever. */
static void mprotect_none_and_back(void)
{
	s64 r;

	begin(SHIFT_64K);
	l2_must_store(&w.v, L2_DATA, 0x4141);
	CHECK(!mprotect(memory, BYTES, PROT_NONE));
	l2_goto(&w.v, l2_load);
	SET_REG(&w.v, 4, L2_DATA);
	r = l1_enter(&w.v);
	CHECK(r == TRAP_HDSI || r == 0 || r == H_PARAMETER);
	CHECK(!mprotect(memory, BYTES, PROT_READ | PROT_WRITE));
	CHECK_EQ(l2_must_load(&w.v, L2_DATA), 0x4141);
	world_end(&w);
}

/* The same L1 pages in two guests and at two sizes: all lose it. */
static void i4_every_guest_and_every_size(void)
{
	struct l1_tree other;
	u64 pte;
	unsigned int shift;

	begin(SHIFT_64K);
	l1_new_tree(&w.l1, &other);
	l1_map(&other, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	l1_map(&other, L2_DATA, GPA & ~(BIT(SHIFT_2M) - 1), SHIFT_2M, PTE_ALL);
	l1_map(&other, L2_DATA + BIT(SHIFT_2M), GPA, SHIFT_4K, PTE_ALL);
	l1_install(&w.l1, 2, &other);
	l2_must_store(&w.v, L2_DATA, 1);
	SET_STATE32(&w.v, lpid, 2);
	l2_must_store(&w.v, L2_DATA, 2);
	l2_must_store(&w.v, L2_DATA + BIT(SHIFT_2M), 3);
	CHECK(!madvise(memory, PAGE_BYTES, MADV_DONTNEED));
	CHECK(!l1_shadow_leaf(&w.l1, 1, L2_DATA, &pte, &shift));
	CHECK(!l1_shadow_leaf(&w.l1, 2, L2_DATA, &pte, &shift));
	CHECK(!l1_shadow_leaf(&w.l1, 2, L2_DATA + BIT(SHIFT_2M), &pte, &shift));
	CHECK_EQ(l2_must_load(&w.v, L2_DATA), 0);
	world_end(&w);
}

/*
 * A guest whose entry L1 has dropped, and one that L1 has made anew under the
 * same LPID, while the old one is still being drained.
 */
static void i4_dropped_and_made_anew(void)
{
	unsigned int round;

	begin(SHIFT_64K);
	for (round = 0; round < 20; round++) {
		l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
		l1_set_entry(&w.l1, 1, 0, 0);
		CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
		CHECK(!madvise(memory, BYTES, MADV_DONTNEED));
		CHECK_EQ(*(u64 *)memory, 0);
		l1_install(&w.l1, 1, &w.tree);
		CHECK_EQ(l2_must_load(&w.v, L2_DATA), 0);
		vm_check_audit(&w.l1.vm);
	}
	world_end(&w);
}

/* Pages of equal content become one, and L2's store makes them two again. */
static void i4_ksm(void)
{
	unsigned int n, ms;
	u64 pte, other;
	unsigned int shift;
	int merged = 0;

	begin(SHIFT_64K);
	for (n = 0; n < PAGES; n++)
		memset(memory + n * PAGE_BYTES, 0x77, PAGE_BYTES);
	for (n = 0; n < PAGES; n++)
		l2_must_store(&w.v, L2_DATA + n * PAGE_BYTES, 0x7777777777777777);
	CHECK(!madvise(memory, BYTES, MADV_MERGEABLE));
	file_write("/sys/kernel/mm/ksm/pages_to_scan", "2000");
	file_write("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	file_write("/sys/kernel/mm/ksm/run", "1");
	for (ms = 0; !merged && ms < 10000; ms += 20) {
		sleep_ms(20);
		CHECK_EQ(l2_must_load(&w.v, L2_DATA), 0x7777777777777777);
		CHECK_EQ(l2_must_load(&w.v, L2_DATA + PAGE_BYTES),
			 0x7777777777777777);
		merged = l1_shadow_leaf(&w.l1, 1, L2_DATA, &pte, &shift) &&
			 l1_shadow_leaf(&w.l1, 1, L2_DATA + PAGE_BYTES, &other,
					&shift) &&
			 !((pte ^ other) & PTE_RPN);
	}
	CHECK(merged);
	vm_check_audit(&w.l1.vm);
	l2_must_store(&w.v, L2_DATA, 1);
	CHECK_EQ(l2_must_load(&w.v, L2_DATA + PAGE_BYTES), 0x7777777777777777);
	CHECK_EQ(*(u64 *)memory, 1);
	file_write("/sys/kernel/mm/ksm/run", "2");
	for (n = 1; n < PAGES; n++)
		CHECK_EQ(l2_must_load(&w.v, L2_DATA + n * PAGE_BYTES),
			 0x7777777777777777);
	world_end(&w);
}

/* The VMM takes its memory away for good: L2 ends, L0 does not. */
static void munmap_for_good(void)
{
	s64 r;

	begin(SHIFT_64K);
	l2_must_store(&w.v, L2_DATA, 1);
	CHECK(!munmap(memory, BYTES));
	l2_goto(&w.v, l2_store);
	SET_REG(&w.v, 4, L2_DATA);
	r = l1_enter(&w.v);
	CHECK(r == TRAP_HDSI || r == 0 || r == H_PARAMETER);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i4_dontneed", i4_dontneed },
	{ "i4_dontneed_small_leaves", i4_dontneed_small_leaves },
	{ "i4_dontneed_one_page", i4_dontneed_one_page },
	{ "i4_mremap", i4_mremap },
	{ "mprotect_and_back", mprotect_and_back },
	{ "mprotect_none_and_back", mprotect_none_and_back },
	{ "i4_every_guest_and_every_size", i4_every_guest_and_every_size },
	{ "i4_dropped_and_made_anew", i4_dropped_and_made_anew },
	{ "i4_ksm", i4_ksm },
	{ "munmap_for_good", munmap_for_good },
};

TEST_MAIN(cases)
