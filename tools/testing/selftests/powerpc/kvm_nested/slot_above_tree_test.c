// SPDX-License-Identifier: GPL-2.0-only
/*
 * I13: the tree of a VM ends at 2^52, and so do its memory slots. What L1 maps
 * beyond is no memory, for L1 as for L2, and nobody comes there again and again.
 */
#include <errno.h>
#include <string.h>

#include "lib/l1.h"

#define SLOT		6
#define TREE_END	BIT(52)
#define BYTES		0x200000ULL
#define LOW		0x80000000ULL
#define OFFSET		0x128ULL

/* A guest that comes to the same fault again and again ends by its timer. */
#define SLICE		(300 * TICKS_PER_MS)
#define SECONDS		15

static struct world w;
static char *memory;

static void create(void)
{
	world_create(&w, L1_LITTLE);
	memory = vm_map(BYTES);
}

/* Return: 0 or an errno. */
static int try_slot(u64 gpa, u64 bytes)
{
	return vm_try_slot(&w.l1.vm, SLOT, gpa, memory, bytes, 0) ? errno : 0;
}

static void drop_slot(void)
{
	vm_try_slot(&w.l1.vm, SLOT, LOW, memory, 0, 0);
}

static void must_be_refused(u64 gpa, u64 bytes)
{
	int err = try_slot(gpa, bytes);

	if (err != EINVAL)
		fail("a slot of 0x%llx bytes at 0x%llx: %s",
		     (unsigned long long)bytes, (unsigned long long)gpa,
		     err ? strerror(err) : "is there");
}

static void i13_slot_is_refused_above_the_tree(void)
{
	create();
	must_be_refused(TREE_END, 0x10000);
	must_be_refused(TREE_END - 0x10000, 0x20000);
	must_be_refused(TREE_END - 0x100000, BYTES);
	must_be_refused(TREE_END + 0x40000000, BYTES);
	must_be_refused(16 * TREE_END, BYTES);
	world_end(&w);
}

static void i13_slot_is_not_moved_above_the_tree(void)
{
	create();
	CHECK_EQ(try_slot(LOW, BYTES), 0);
	must_be_refused(TREE_END, BYTES);
	must_be_refused(TREE_END - 0x100000, BYTES);
	/* It is where it was. */
	l1_map(&w.tree, L2_DATA, LOW, SHIFT_64K, PTE_ALL);
	l2_must_store(&w.v, L2_DATA, 5);
	CHECK_EQ(*(u64 *)memory, 5);
	world_end(&w);
}

/* Up to the last byte of the tree there may be memory, and L2 reaches it. */
static void slot_may_end_with_the_tree(void)
{
	u64 gpa = TREE_END - BYTES;

	create();
	CHECK_EQ(try_slot(gpa, BYTES), 0);
	l1_map(&w.tree, L2_DATA, TREE_END - 0x10000, SHIFT_64K, PTE_ALL);
	l2_must_store(&w.v, L2_DATA + 0xfff8, 6);
	CHECK_EQ(*(u64 *)(memory + BYTES - 8), 6);
	drop_slot();
	CHECK_EQ(try_slot(LOW, BYTES), 0);
	CHECK_EQ(vm_try_slot(&w.l1.vm, SLOT, gpa, memory, BYTES, 0), 0);
	l2_must_store(&w.v, L2_DATA + 0xfff8, 7);
	CHECK_EQ(*(u64 *)(memory + BYTES - 8), 7);
	world_end(&w);
}

/* To the VMM, or to L1: at the first attempt. */
static void enter_once(const char *snippet, u64 ngpa)
{
	s64 r;

	w.v.slice = SLICE;
	w.v.mmio.count = 0;
	l2_goto(&w.v, snippet);
	SET_REG(&w.v, 4, ngpa);
	SET_REG(&w.v, 5, 1);
	r = l1_enter(&w.v);
	if (r == 0 && w.v.mmio.count == 1)
		return;
	if (r != TRAP_HDSI || w.v.mmio.count)
		fail("L2 above the tree: 0x%llx, MMIO %u times",
		     (unsigned long long)r, w.v.mmio.count);
}

static void l2_beyond(u64 gpa, unsigned int shift)
{
	create();
	/* Where that is not refused, there is memory behind it. */
	if (!try_slot(gpa, BYTES))
		note("there is a slot at 0x%llx", (unsigned long long)gpa);
	l1_map(&w.tree, L2_DATA, gpa, shift, PTE_ALL);
	enter_once(l2_load, L2_DATA + OFFSET);
	enter_once(l2_store, L2_DATA + OFFSET);
	CHECK_EQ(*(u64 *)(memory + OFFSET), 0);
	drop_slot();
	world_end(&w);
}

static void i13_leaf_of_l1_beyond_the_tree(void)
{
	l2_beyond(TREE_END, SHIFT_64K);
}

static void i13_small_leaf_of_l1_beyond_the_tree(void)
{
	l2_beyond(TREE_END + 0x40000000, SHIFT_4K);
}

static void i13_large_leaf_of_l1_beyond_the_tree(void)
{
	l2_beyond(8 * TREE_END, SHIFT_2M);
}

/* --- a plain guest --------------------------------------------------------- */

/* L1 translates for itself: its low memory, and one page. */
static void translate_l1(u64 ea, u64 gpa)
{
	struct kvm_ppc_mmuv3_cfg radix = {
		.flags = KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE,
	};
	u64 table = l1_alloc(&w.l1, 0x10000);
	struct l1_tree tree;

	l1_new_tree(&w.l1, &tree);
	l1_map(&tree, 0, 0, SHIFT_2M, PTE_ALL | PTE_PRIV);
	l1_map(&tree, ea, gpa, SHIFT_64K, PTE_ALL | PTE_PRIV);
	*(u64 *)l1_memory(&w.l1, table) =
		__builtin_bswap64(l1_root_word(&tree) & ~PATB_HR);
	radix.process_table = PATB_HR | table | 4;
	control(w.l1.vm.fd, KVM_PPC_CONFIGURE_V3_MMU, &radix,
		"KVM_PPC_CONFIGURE_V3_MMU");
}

static void l1_access(const char *snippet, u64 ea)
{
	w.v.mmio.count = 0;
	vcpu_start_at(&w.v.vcpu, L1_SNIPPETS + (snippet - snippets_begin),
		      l1_msr(&w.l1) | MSR_IR | MSR_DR);
	L1_HCALL(&w.v, H_DONE, ea, 1);
	vcpu_start_at(&w.v.vcpu, L1_STUB, l1_msr(&w.l1));
}

/* It is MMIO, as is anything else that is in no slot. */
static void i13_l1_itself_beyond_the_tree(void)
{
	u64 gpa = TREE_END + 0x7000000000;

	create();
	if (!try_slot(gpa, BYTES))
		note("there is a slot above the tree");
	translate_l1(L2_DATA, gpa);
	w.v.mmio.answer = 0x4142;
	l1_access(l2_load, L2_DATA + OFFSET);
	CHECK_EQ(w.v.mmio.count, 1);
	CHECK_EQ(w.v.mmio.gpa & ~TREE_END, (gpa + OFFSET) & ~TREE_END);
	l1_access(l2_store, L2_DATA + OFFSET);
	CHECK_EQ(w.v.mmio.count, 1);
	CHECK_EQ(*(u64 *)(memory + OFFSET), 0);
	drop_slot();
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i13_slot_is_refused_above_the_tree",
	  i13_slot_is_refused_above_the_tree, SECONDS },
	{ "i13_slot_is_not_moved_above_the_tree",
	  i13_slot_is_not_moved_above_the_tree, SECONDS },
	{ "slot_may_end_with_the_tree", slot_may_end_with_the_tree, SECONDS },
	{ "i13_leaf_of_l1_beyond_the_tree", i13_leaf_of_l1_beyond_the_tree,
	  SECONDS },
	{ "i13_small_leaf_of_l1_beyond_the_tree",
	  i13_small_leaf_of_l1_beyond_the_tree, SECONDS },
	{ "i13_large_leaf_of_l1_beyond_the_tree",
	  i13_large_leaf_of_l1_beyond_the_tree, SECONDS },
	{ "i13_l1_itself_beyond_the_tree", i13_l1_itself_beyond_the_tree,
	  SECONDS },
};

TEST_MAIN(cases)
