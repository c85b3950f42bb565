// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM has what nesting needs for its memory from the moment on that it may
 * nest, and what an HPT needs from the moment on that it has one.
 */
#include <sys/mman.h>

#include "lib/l1.h"

#define PAGES		16ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define LATE_SLOT	9
#define LATE_GPA	(L1_DATA + L1_DATA_BYTES)

static struct world w;

static void work(u64 ngpa, u64 gpa)
{
	l1_map_range(&w.tree, ngpa, gpa, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	l2_touch_pages(&w.v, ngpa, PAGES, PAGE_BYTES);
	vm_check_audit(&w.l1.vm);
}

/* Memory before nesting is enabled, and memory after it. */
static void nesting_after_memory(void)
{
	void *late = vm_map(PAGES * PAGE_BYTES);

	vm_nest_late = 1;
	l1_start(&w.l1, L1_LITTLE);
	vm_nest(&w.l1.vm);
	vm_set_slot(&w.l1.vm, LATE_SLOT, LATE_GPA, late, PAGES * PAGE_BYTES, 0);
	world_begin(&w);
	work(L2_DATA, L1_DATA);
	work(L2_DATA + PAGES * PAGE_BYTES, LATE_GPA);
	madvise(late, PAGES * PAGE_BYTES, MADV_DONTNEED);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
	vm_nest_late = 0;
}

/* The words of all frames are cleared on the way: they have to be there. */
static void hpt_without_nesting(void)
{
	static struct vm vm;
	void *memory = vm_map(PAGES * PAGE_BYTES);

	vm_nest_late = 1;
	vm_create(&vm);
	vm_set_slot(&vm, 0, 0, memory, PAGES * PAGE_BYTES, 0);
	CHECK(!vm_to_hpt(&vm));
	vm_set_slot(&vm, 1, PAGES * PAGE_BYTES, memory, PAGES * PAGE_BYTES, 0);
	madvise(memory, PAGES * PAGE_BYTES, MADV_DONTNEED);
	vm_destroy(&vm);
	vm_nest_late = 0;
}

/* What the guests held goes before the words become those of an HPT. */
static void hpt_after_nesting(void)
{
	l1_start(&w.l1, L1_LITTLE);
	world_begin(&w);
	work(L2_DATA, L1_DATA);
	CHECK(!vm_to_hpt(&w.l1.vm));
	CHECK_EQ(vm_counter(&w.l1.vm, "guests"), 0);
	CHECK_EQ(vm_counter(&w.l1.vm, "bytes"), 0);
	/* It takes no hypercalls of a hypervisor any more: no world_end(). */
	vcpu_destroy(&w.v.vcpu);
	vm_destroy(&w.l1.vm);
}

static const struct test_case cases[] = {
	{ "nesting_after_memory", nesting_after_memory },
	{ "hpt_without_nesting", hpt_without_nesting },
	{ "hpt_after_nesting", hpt_after_nesting },
};

TEST_MAIN(cases)
