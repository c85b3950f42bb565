// SPDX-License-Identifier: GPL-2.0-only
/* A memory slot that is deleted or moved takes every shadow leaf with it. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/spinner.h"

#define PAGES		16ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define SLOT		6
#define GPA		0x80000000ULL
#define MOVED		0xa0000000ULL
#define BYTES		(PAGES * PAGE_BYTES)

static struct world w;
static struct spinner s;
static char *memory;

static void begin(void)
{
	world_create(&w, L1_LITTLE);
	memory = vm_map(BYTES);
	vm_set_slot(&w.l1.vm, SLOT, GPA, memory, BYTES, 0);
	l1_map_range(&w.tree, L2_DATA, GPA, BYTES, SHIFT_64K, PTE_ALL);
	spinner_create(&s, &w, 1);
}

static void no_leaves(void)
{
	unsigned int shift;
	u64 pte, n;

	for (n = 0; n < PAGES; n++)
		CHECK(!l1_shadow_leaf(&w.l1, 1, L2_DATA + n * PAGE_BYTES, &pte,
				      &shift));
}

static void deleted(void)
{
	begin();
	l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
	vm_set_slot(&w.l1.vm, SLOT, GPA, memory, 0, 0);
	no_leaves();
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

static void i4_deleted_and_made_anew_under_a_peer(void)
{
	unsigned int round;
	char *other;

	begin();
	other = vm_map(BYTES);
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	for (round = 0; round < 20; round++) {
		char *now = round & 1 ? memory : other;

		vm_set_slot(&w.l1.vm, SLOT, GPA, now, 0, 0);
		memset(now, 0, BYTES);
		vm_set_slot(&w.l1.vm, SLOT, GPA, now, BYTES, 0);
		wait_until_set((u64 *)(now + (PAGES - 1) * PAGE_BYTES));
		memset(round & 1 ? other : memory, 0, BYTES);
		sleep_ms(2);
		CHECK_EQ(*(u64 *)(round & 1 ? other : memory), 0);
	}
	spinner_stop(&s);
	world_end(&w);
}

static void moved(void)
{
	s64 r;

	begin();
	l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
	vm_set_slot(&w.l1.vm, SLOT, MOVED, memory, BYTES, 0);
	no_leaves();
	w.v.slice = 5 * TICKS_PER_MS;
	l2_goto(&w.v, l2_load);
	SET_REG(&w.v, 4, L2_DATA);
	r = l1_enter(&w.v);
	CHECK(w.v.mmio.count || r == TRAP_HDEC);
	l1_map_range(&w.tree, L2_DATA, MOVED, BYTES, SHIFT_64K, PTE_ALL);
	l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
	world_end(&w);
}

/* The slot with L1's own tables: L2's faults are L1's until it is back. */
static void slot_of_the_tables(void)
{
	char *tables;
	u64 *root, *copy;

	begin();
	tables = vm_map(0x100000);
	vm_set_slot(&w.l1.vm, 7, MOVED, tables, 0x100000, 0);
	root = l1_memory(&w.l1, w.tree.root);
	copy = (u64 *)tables;
	memcpy(copy, root, 8 << ROOT_BITS);
	l1_set_entry(&w.l1, 1, PATB_HR | PATB_RTS52 | MOVED | ROOT_BITS, PATB_HR);
	CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
	l2_must_store(&w.v, L2_DATA, 1);
	vm_set_slot(&w.l1.vm, 7, MOVED, tables, 0, 0);
	CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
	l2_goto(&w.v, l2_hcall);
	CHECK_EQ(l1_run(&w.v), TRAP_HISI);
	CHECK_EQ(REGS(&w.v, msr) & DSISR_PRTABLE_FAULT, DSISR_PRTABLE_FAULT);
	vm_check_audit(&w.l1.vm);
	vm_set_slot(&w.l1.vm, 7, MOVED, tables, 0x100000, 0);
	l2_must_store(&w.v, L2_DATA, 2);
	world_end(&w);
}

/* A tree maps 52 bits: what ends above is refused, and changes nothing. */
static void i13_slot_above_the_tree(void)
{
	struct vm *vm = &w.l1.vm;

	begin();
	l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
	CHECK(vm_try_slot(vm, 7, BIT(52) - BYTES + PAGE_BYTES, vm_map(BYTES),
			  BYTES, 0) < 0 && errno == EINVAL);
	CHECK(vm_try_slot(vm, 7, BIT(60), vm_map(BYTES), BYTES, 0) < 0 &&
	      errno == EINVAL);
	CHECK(vm_try_slot(vm, SLOT, BIT(52) - BYTES + PAGE_BYTES, memory, BYTES,
			  0) < 0 && errno == EINVAL);
	l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);

	vm_set_slot(vm, 7, BIT(52) - BYTES, vm_map(BYTES), BYTES, 0);
	l1_map(&w.tree, L2_DATA, BIT(52) - PAGE_BYTES, SHIFT_64K, PTE_ALL);
	CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
	l2_must_store(&w.v, L2_DATA, 5);
	CHECK_EQ(l2_must_load(&w.v, L2_DATA), 5);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "deleted", deleted },
	{ "i4_deleted_and_made_anew_under_a_peer",
	  i4_deleted_and_made_anew_under_a_peer },
	{ "moved", moved },
	{ "slot_of_the_tables", slot_of_the_tables },
	{ "i13_slot_above_the_tree", i13_slot_above_the_tree },
};

TEST_MAIN(cases)
