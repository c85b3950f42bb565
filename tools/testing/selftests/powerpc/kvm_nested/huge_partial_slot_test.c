// SPDX-License-Identifier: GPL-2.0-only
/* I6: a large leaf lies inside its slot, however large L1's page is. */
#include <sys/mman.h>

#include "lib/spinner.h"

#define SLOT		6
#define START		0x80000000ULL

static struct world w;

struct shape {
	u64 first;			/* offset of the slot from START */
	u64 bytes;
};

static const struct shape shapes[] = {
	{ 0x10000, 0x300000 },
	{ 0x10000, 0x1f0000 },
	{ 0x1f0000, 0x20000 },
	{ 0, 0x210000 },
	{ 0x200000, 0x200000 },
	{ 0x30000, 0x3c0000 },
};

/* Every leaf inside [first, last] of the slot, as L2 sees it one to one. */
static void check_leaves(const struct shape *shape)
{
	u64 at, pte, begin;
	unsigned int shift;

	for (at = shape->first; at < shape->first + shape->bytes; at += 0x10000) {
		if (!l1_shadow_leaf(&w.l1, 1, L2_DATA + at, &pte, &shift))
			continue;
		begin = at & ~(BIT(shift) - 1);
		CHECK(begin >= shape->first);
		CHECK(begin + BIT(shift) <= shape->first + shape->bytes);
	}
}

static void one_shape(const struct shape *shape, unsigned int l1_shift)
{
	size_t span = 8UL << 20;
	char *memory;
	u64 n;

	world_create(&w, L1_LITTLE);
	memory = vm_map(span);
	madvise(memory, span, MADV_HUGEPAGE);
	for (n = 0; n < span; n += 0x10000)
		memory[n] = 1;
	vm_set_slot(&w.l1.vm, SLOT, START + shape->first, memory + shape->first,
		    shape->bytes, 0);
	l1_map_range(&w.tree, L2_DATA, START, l1_shift == SHIFT_1G ? BIT(30) :
		     BIT(22), l1_shift, PTE_ALL);
	l2_touch_pages(&w.v, L2_DATA + shape->first, shape->bytes / 0x10000,
		       0x10000);
	check_leaves(shape);
	vm_check_audit(&w.l1.vm);
	for (n = 0; n < shape->bytes; n += 0x10000)
		CHECK_EQ(*(u64 *)(memory + shape->first + n),
			 L2_DATA + shape->first + n);
	CHECK(!madvise(memory, span, MADV_DONTNEED));
	vm_check_audit(&w.l1.vm);
	CHECK_EQ(l2_must_load(&w.v, L2_DATA + shape->first), 0);
	world_end(&w);
}

static void i6_under_2m_leaves(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++)
		one_shape(&shapes[i], SHIFT_2M);
}

static void i6_under_a_1g_leaf(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++)
		one_shape(&shapes[i], SHIFT_1G);
}

/* Outside of the slot there is nothing, though L1's leaf goes on. */
static void outside_is_mmio(void)
{
	char *memory;
	s64 r;

	world_create(&w, L1_LITTLE);
	memory = vm_map(4UL << 20);
	madvise(memory, 4UL << 20, MADV_HUGEPAGE);
	memory[0x110000] = 1;
	vm_set_slot(&w.l1.vm, SLOT, START, memory, 0x110000, 0);
	l1_map(&w.tree, L2_DATA, START, SHIFT_2M, PTE_ALL);
	l2_must_store(&w.v, L2_DATA + 0x100000, 1);
	w.v.slice = 5 * TICKS_PER_MS;
	l2_goto(&w.v, l2_store);
	SET_REG(&w.v, 4, L2_DATA + 0x110000);
	r = l1_enter(&w.v);
	CHECK(w.v.mmio.count || r != TRAP_HCALL);
	CHECK_EQ(*(u64 *)(memory + 0x110000), 1);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i6_under_2m_leaves", i6_under_2m_leaves },
	{ "i6_under_a_1g_leaf", i6_under_a_1g_leaf },
	{ "outside_is_mmio", outside_is_mmio },
};

TEST_MAIN(cases)
