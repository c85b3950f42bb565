// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault-around: neighbours of a page that faulted are there without a fault,
 * and a sample of them says how many were worth it.
 */
#include "lib/l1.h"

#define PAGES		960ULL
/* As large as those of the host: only then an entry of L1 is one leaf. */
#define PAGE_BYTES	((u64)host_page())
#define PAGE_SHIFT	(host_page() == BIT(SHIFT_4K) ? SHIFT_4K : SHIFT_64K)
#define LINE		16ULL
#define SAMPLES		(PAGES / 64)

static struct world w;

/* L1 has all pages, used and changed, and the host has them too. */
static void begin(void)
{
	struct l1_vcpu touch;

	world_create(&w, L1_LITTLE);
	l1_add_vcpu(&w.l1, &touch, 1);
	l1_do(&touch, l2_touch, L1_DATA, PAGES, PAGE_BYTES);
	vcpu_destroy(&touch.vcpu);
	w.l1.vcpus[1] = NULL;
	l1_map_range(&w.tree, L2_DATA, L1_DATA, PAGES * PAGE_BYTES, PAGE_SHIFT,
		     PTE_ALL);
}

static void drop_all(void)
{
	CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
	while (vm_counter(&w.l1.vm, "draining"))
		sleep_ms(10);
}

static void one_fault_brings_a_line(void)
{
	s64 faults, around;

	begin();
	faults = vm_counter(&w.l1.vm, "faults");
	around = vm_counter(&w.l1.vm, "around");
	l2_touch_pages(&w.v, L2_DATA, LINE, PAGE_BYTES);
	/* Code and data, and perhaps a sample that is used. */
	CHECK(vm_counter(&w.l1.vm, "faults") - faults <= 4);
	CHECK(vm_counter(&w.l1.vm, "around") - around >= (s64)LINE - 1);
	world_end(&w);
}

static void neighbours_in_vain(void)
{
	begin();
	l2_touch_pages(&w.v, L2_DATA, PAGES / LINE, LINE * PAGE_BYTES);
	drop_all();
	note("of %lld samples %lld were used",
	     (long long)(vm_counter(&w.l1.vm, "samples_used") +
			 vm_counter(&w.l1.vm, "samples_unused")),
	     (long long)vm_counter(&w.l1.vm, "samples_used"));
	CHECK(vm_counter(&w.l1.vm, "samples_unused") >= (s64)SAMPLES / 2);
	CHECK_EQ(vm_counter(&w.l1.vm, "samples_used"), 0);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

static void neighbours_all_used(void)
{
	begin();
	l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
	vm_check_audit(&w.l1.vm);
	drop_all();
	CHECK(vm_counter(&w.l1.vm, "samples_used") >= (s64)SAMPLES / 2);
	CHECK_EQ(vm_counter(&w.l1.vm, "samples_unused"), 0);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "one_fault_brings_a_line", one_fault_brings_a_line },
	{ "neighbours_in_vain", neighbours_in_vain },
	{ "neighbours_all_used", neighbours_all_used },
};

TEST_MAIN(cases)
