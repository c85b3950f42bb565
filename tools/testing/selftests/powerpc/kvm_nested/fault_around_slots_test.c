// SPDX-License-Identifier: GPL-2.0-only
/*
 * I6: what is installed beside a page that faulted belongs to its memslot, or
 * is not installed, wherever L1's neighbouring entries point.
 *
 * One line of L1's table has 16 entries. Those in the middle are the end of one
 * memslot, and the entries around them point where they should not matter.
 */
#include <string.h>
#include <sys/mman.h>

#include "lib/l1.h"

#define PAGE_BYTES	((u64)host_page())
#define PAGE_SHIFT	(host_page() == BIT(SHIFT_4K) ? SHIFT_4K : SHIFT_64K)
#define LINE		16ULL

/* Two memslots of 4 pages that adjoin, with holes before and after them. */
#define FIRST		6
#define SECOND		7
#define EACH		4ULL
#define START		0x80000000ULL
#define FIRST_GPA	(START + 4 * PAGE_BYTES)
#define SECOND_GPA	(FIRST_GPA + EACH * PAGE_BYTES)
#define ENDS_AT		(SECOND_GPA + EACH * PAGE_BYTES)

static struct world w;
static char *memory;

static volatile u64 *word(u64 gpa)
{
	return (volatile u64 *)(memory + (gpa - FIRST_GPA));
}

static u64 gpa_of(u64 n)
{
	return START + n * PAGE_BYTES;
}

static u64 ngpa_of(u64 n)
{
	return L2_DATA + n * PAGE_BYTES;
}

static int has_memory(u64 gpa)
{
	return gpa >= FIRST_GPA && gpa < ENDS_AT;
}

/* L1 has used all of its pages: the host has a leaf with R for each. */
static void use_as_l1(u64 gpa, u64 pages)
{
	static struct l1_vcpu touch;

	l1_add_vcpu(&w.l1, &touch, 1);
	l1_do(&touch, l2_touch, gpa, pages, PAGE_BYTES);
}

/* One mapping is the memory of both slots. */
static void begin(void)
{
	u64 n;

	world_create(&w, L1_LITTLE);
	memory = vm_map(2 * EACH * PAGE_BYTES);
	vm_set_slot(&w.l1.vm, FIRST, FIRST_GPA, memory, EACH * PAGE_BYTES, 0);
	vm_set_slot(&w.l1.vm, SECOND, SECOND_GPA, memory + EACH * PAGE_BYTES,
		    EACH * PAGE_BYTES, 0);
	use_as_l1(FIRST_GPA, 2 * EACH);
	for (n = 0; n < LINE; n++)
		l1_map(&w.tree, ngpa_of(n), gpa_of(n), PAGE_SHIFT, PTE_ALL);
}

/* Whatever is in the shadow table for it leads to this memory and no other. */
static void load_is_right(u64 n, u64 gpa)
{
	u64 value = 0xabc000 + n;

	if (has_memory(gpa)) {
		*word(gpa) = value;
		CHECK_EQ(l2_must_load(&w.v, ngpa_of(n)), value);
		return;
	}
	w.v.mmio.count = 0;
	w.v.mmio.answer = value;
	CHECK_EQ(l2_must_load(&w.v, ngpa_of(n)), value);
	CHECK_EQ(w.v.mmio.count, 1);
	CHECK_EQ(w.v.mmio.gpa, gpa);
}

static void no_leaf_over_a_hole(void)
{
	unsigned int shift;
	u64 n, pte;

	for (n = 0; n < LINE; n++)
		if (!has_memory(gpa_of(n)))
			CHECK(!l1_shadow_leaf(&w.l1, 1, ngpa_of(n), &pte,
					      &shift));
}

/* Other memory at the same place. The old one stays, or it would come back. */
static void host_replaces(u64 gpa)
{
	void *at = (void *)word(gpa), *away = vm_map(PAGE_BYTES);

	CHECK(mremap(at, PAGE_BYTES, PAGE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
		     away) == away);
	CHECK(mmap(at, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
}

/*
 * A leaf that hangs on the wrong head is missed when the host takes its page.
 * Each page is taken alone, with all others of its slot in use.
 */
static void host_takes_each(void)
{
	u64 n, gpa;

	for (n = 0; n < LINE; n++) {
		gpa = gpa_of(n);
		if (!has_memory(gpa))
			continue;
		host_replaces(gpa);
		vm_check_audit(&w.l1.vm);
		load_is_right(n, gpa);
	}
}

static void from_one_slot(u64 fault_at)
{
	s64 around;
	u64 n;

	begin();
	around = vm_counter(&w.l1.vm, "around");
	l2_must_load(&w.v, ngpa_of(fault_at));
	/* Those of its own slot are installed, or nothing is tested here. */
	CHECK(vm_counter(&w.l1.vm, "around") - around >= (s64)EACH - 1);
	no_leaf_over_a_hole();
	vm_check_audit(&w.l1.vm);
	host_takes_each();
	for (n = 0; n < LINE; n++)
		load_is_right(n, gpa_of(n));
	no_leaf_over_a_hole();
	world_end(&w);
}

static void i6_beyond_the_end(void)
{
	from_one_slot((FIRST_GPA - START) / PAGE_BYTES + EACH - 1);
}

static void i6_before_the_begin(void)
{
	from_one_slot((SECOND_GPA - START) / PAGE_BYTES);
}

/* The neighbour's slot goes alone: nothing of it may be left. */
static void i6_neighbours_slot_goes(void)
{
	u64 n, first = (SECOND_GPA - START) / PAGE_BYTES, pte;
	unsigned int shift;

	begin();
	l2_must_load(&w.v, ngpa_of(first - 1));
	l2_must_load(&w.v, ngpa_of(first));
	vm_set_slot(&w.l1.vm, SECOND, SECOND_GPA, NULL, 0, 0);
	for (n = first; n < first + EACH; n++)
		CHECK(!l1_shadow_leaf(&w.l1, 1, ngpa_of(n), &pte, &shift));
	for (n = first; n < first + EACH; n++) {
		w.v.mmio.count = 0;
		w.v.mmio.answer = n;
		CHECK_EQ(l2_must_load(&w.v, ngpa_of(n)), n);
		CHECK_EQ(w.v.mmio.gpa, gpa_of(n));
	}
	load_is_right(first - 1, SECOND_GPA - PAGE_BYTES);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

/* Entries that name no real address at all, and some that are malformed. */
static void i6_wild_neighbours(void)
{
	static const u64 wild[] = {
		0x01fffffffffff000ULL, 0x000ffffffffff000ULL, BIT(52), BIT(55),
		0x7f00000000ULL, 0,
	};
	u64 first = (FIRST_GPA - START) / PAGE_BYTES, pte;
	unsigned int shift;
	size_t i;

	begin();
	for (i = 0; i < ARRAY_SIZE(wild); i++)
		l1_set_pte(&w.tree, ngpa_of(first + EACH + 2 + i), PTE_VALID |
			   PTE_LEAF | (wild[i] & -PAGE_BYTES & PTE_RPN) |
			   PTE_ALL);
	l2_must_load(&w.v, ngpa_of(first));
	for (i = 0; i + 1 < ARRAY_SIZE(wild); i++)
		CHECK(!l1_shadow_leaf(&w.l1, 1, ngpa_of(first + EACH + 2 + i),
				      &pte, &shift));
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i6_beyond_the_end", i6_beyond_the_end },
	{ "i6_before_the_begin", i6_before_the_begin },
	{ "i6_neighbours_slot_goes", i6_neighbours_slot_goes },
	{ "i6_wild_neighbours", i6_wild_neighbours },
};

TEST_MAIN(cases)
