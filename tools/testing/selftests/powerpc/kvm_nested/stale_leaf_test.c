// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hardware had found when a fault ends without a leaf of its own. If L1
 * leads elsewhere by now, the old leaf goes, whatever the end was (C2). If L1
 * only wants to set C itself, nothing was taken away, and it stays (C6).
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/l1.h"

#define SLOT		6
#define SLOT_GPA	0x80000000ULL
#define SLOT_BYTES	0x200000ULL
#define NOWHERE		0x7000000000ULL
#define GPA		(L1_DATA + 0x200000)
#define OFFSET		0x128ULL
#define OLD		0x0101010101010101ULL
#define ANSWER		0x0202020202020202ULL

/* Right to load and nothing more, so that a store faults. */
#define LOADS		(PTE_REF | PTE_READ)

#define PAGES		64ULL
#define PAGE_BYTES	BIT(SHIFT_64K)

static struct world w;
static char *memory;

static int has_leaf(u64 ngpa)
{
	unsigned int shift;
	u64 pte;

	return l1_shadow_leaf(&w.l1, 1, ngpa, &pte, &shift);
}

static void lead_to(u64 gpa, unsigned int shift, u64 bits)
{
	l1_map(&w.tree, L2_DATA, gpa, shift, bits);
	__sync_synchronize();
}

/* L2 has a leaf that it may load by. */
static void begin(unsigned int shift)
{
	world_create(&w, L1_LITTLE);
	memory = l1_memory(&w.l1, GPA);
	if (shift == SHIFT_2M)
		madvise(memory, BIT(SHIFT_2M), MADV_HUGEPAGE);
	*(u64 *)(memory + OFFSET) = OLD;
	lead_to(GPA, shift, LOADS);
	CHECK_EQ(l2_must_load(&w.v, L2_DATA + OFFSET), OLD);
	CHECK(has_leaf(L2_DATA));
}

/* --- C2: no memory ---------------------------------------------------------- */

static void to_no_memory(unsigned int shift)
{
	begin(shift);
	lead_to(NOWHERE, shift, PTE_ALL);
	w.v.mmio.answer = ANSWER;
	l2_must_store(&w.v, L2_DATA + OFFSET, 7);
	CHECK_EQ(w.v.mmio.count, 1);
	CHECK(w.v.mmio.is_write);
	CHECK_EQ(w.v.mmio.gpa, NOWHERE + OFFSET);
	CHECK(!has_leaf(L2_DATA));
	CHECK_EQ(l2_must_load(&w.v, L2_DATA + OFFSET), ANSWER);
	CHECK_EQ(w.v.mmio.count, 2);
	CHECK_EQ(*(u64 *)(memory + OFFSET), OLD);
	world_end(&w);
}

static void c2_no_memory(void)
{
	to_no_memory(SHIFT_64K);
}

static void c2_no_memory_small_leaf(void)
{
	to_no_memory(SHIFT_4K);
}

static void c2_no_memory_large_leaf(void)
{
	to_no_memory(SHIFT_2M);
}

/* The slot is not deleted: L1 leads to where another one was. */
static void c2_slot_that_was_deleted(void)
{
	begin(SHIFT_64K);
	vm_set_slot(&w.l1.vm, SLOT, SLOT_GPA, vm_map(SLOT_BYTES), SLOT_BYTES, 0);
	vm_set_slot(&w.l1.vm, SLOT, SLOT_GPA, NULL, 0, 0);
	lead_to(SLOT_GPA, SHIFT_64K, PTE_ALL);
	w.v.mmio.answer = ANSWER;
	l2_must_store(&w.v, L2_DATA + OFFSET, 7);
	CHECK(!has_leaf(L2_DATA));
	CHECK_EQ(l2_must_load(&w.v, L2_DATA + OFFSET), ANSWER);
	world_end(&w);
}

/* --- C2: no page of the VMM ------------------------------------------------- */

/*
 * One H_ENTER_NESTED that user space has no page for. How that ends, for L1 or
 * for the VMM, is not looked at here.
 */
static void enter_badly(struct l1_vcpu *v)
{
	struct kvm_run *run = v->vcpu.run;

	l2_goto(v, l2_store);
	SET_REG(v, 4, L2_DATA + OFFSET);
	SET_REG(v, 5, 7);
	SET_STATE(v, hdec_expiry, timebase() + 20 * TICKS_PER_MS);
	run->papr_hcall.ret = H_ENTER_NESTED;
	run->papr_hcall.args[0] = v->state_gpa;
	run->papr_hcall.args[1] = v->regs_gpa;
	if (vcpu_run(&v->vcpu))
		note("KVM_RUN: %s", strerror(errno));
	else
		note("r3 of L1 is 0x%llx",
		     (unsigned long long)run->papr_hcall.args[0]);
}

static void to_no_page(int rights)
{
	struct l1_vcpu other;
	void *there;

	begin(SHIFT_64K);
	there = vm_map(SLOT_BYTES);
	vm_set_slot(&w.l1.vm, SLOT, SLOT_GPA, there, SLOT_BYTES, 0);
	if (!rights)
		CHECK(!munmap(there, SLOT_BYTES));
	else
		CHECK(!mprotect(there, SLOT_BYTES, rights));
	l1_add_vcpu(&w.l1, &other, 1);
	l2_prepare(&other, 1);
	lead_to(SLOT_GPA, SHIFT_64K, PTE_ALL);
	enter_badly(&other);
	CHECK(!has_leaf(L2_DATA));
	CHECK_EQ(*(u64 *)(memory + OFFSET), OLD);
	/* To other memory: what L2 sees is that. */
	lead_to(L1_DATA, SHIFT_64K, PTE_ALL);
	CHECK_EQ(l2_must_load(&w.v, L2_DATA + OFFSET), 0);
	world_end(&w);
}

static void c2_no_page_of_the_vmm(void)
{
	to_no_page(0);
}

static void c2_page_that_the_vmm_may_only_read(void)
{
	to_no_page(PROT_READ);
}

/* --- C2: what goes today, and has to go ------------------------------------- */

/* L1 takes it away, or leads to another frame that it has C clear for. */
static void reflected_and_gone(u64 gpa, u64 bits)
{
	begin(SHIFT_64K);
	if (bits)
		lead_to(gpa, SHIFT_64K, bits);
	else
		l1_unmap(&w.tree, L2_DATA);
	CHECK_EQ(l2_do_store(&w.v, L2_DATA + OFFSET, 7), TRAP_HDSI);
	CHECK(!has_leaf(L2_DATA));
	world_end(&w);
}

static void reflected_as_absent(void)
{
	reflected_and_gone(0, 0);
}

static void reflected_with_another_frame_without_c(void)
{
	reflected_and_gone(L1_DATA, PTE_REF | PTE_READ | PTE_WRITE);
}

static void reflected_without_the_right_to_load(void)
{
	reflected_and_gone(GPA, PTE_REF | PTE_CHG | PTE_EXEC);
}

/* R is not set any more: what L2 loads has to fault. */
static void reflected_without_r(void)
{
	reflected_and_gone(GPA, PTE_READ | PTE_WRITE);
}

/* --- C6: nothing was taken away --------------------------------------------- */

static void load_pages(u64 stride)
{
	l2_goto(&w.v, l2_look);
	SET_REG(&w.v, 4, L2_DATA);
	SET_REG(&w.v, 5, PAGES);
	SET_REG(&w.v, 6, stride);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
}

static void set_c(unsigned int shift)
{
	u64 n, ngpa;

	for (n = 0; n < PAGES; n++) {
		ngpa = L2_DATA + (n << shift);
		l1_set_pte(&w.tree, ngpa, l1_pte(&w.tree, ngpa) | PTE_CHG);
	}
}

/* L1 has R set and C clear: each store is L1's to note, and costs no leaf. */
static void store_without_c(unsigned int shift)
{
	unsigned int before;
	u64 n, ngpa;

	world_create(&w, L1_LITTLE);
	memset(l1_memory(&w.l1, GPA), 1, PAGES << shift);
	l1_map_range(&w.tree, L2_DATA, GPA, PAGES << shift, shift,
		     PTE_REF | PTE_READ | PTE_WRITE);
	load_pages(BIT(shift));
	before = l1_shadow_leaves(&w.l1, 1);
	CHECK(before > PAGES);
	for (n = 0; n < PAGES; n++) {
		ngpa = L2_DATA + (n << shift) + OFFSET;
		CHECK_EQ(l2_do_store(&w.v, ngpa, n), TRAP_HDSI);
		CHECK(STATE(&w.v, hdsisr) & DSISR_SET_RC);
		CHECK(has_leaf(ngpa));
	}
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), before);
	vm_check_audit(&w.l1.vm);
	set_c(shift);
	for (n = 0; n < PAGES; n++)
		l2_must_store(&w.v, L2_DATA + (n << shift) + OFFSET, n);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), before);
	world_end(&w);
}

static void c6_stores_without_c(void)
{
	store_without_c(SHIFT_64K);
}

static void c6_stores_without_c_small_leaves(void)
{
	store_without_c(SHIFT_4K);
}

static const struct test_case cases[] = {
	{ "c2_no_memory", c2_no_memory },
	{ "c2_no_memory_small_leaf", c2_no_memory_small_leaf },
	{ "c2_no_memory_large_leaf", c2_no_memory_large_leaf },
	{ "c2_slot_that_was_deleted", c2_slot_that_was_deleted },
	{ "c2_no_page_of_the_vmm", c2_no_page_of_the_vmm },
	{ "c2_page_that_the_vmm_may_only_read",
	  c2_page_that_the_vmm_may_only_read },
	{ "reflected_as_absent", reflected_as_absent },
	{ "reflected_with_another_frame_without_c",
	  reflected_with_another_frame_without_c },
	{ "reflected_without_the_right_to_load",
	  reflected_without_the_right_to_load },
	{ "reflected_without_r", reflected_without_r },
	{ "c6_stores_without_c", c6_stores_without_c },
	{ "c6_stores_without_c_small_leaves", c6_stores_without_c_small_leaves },
};

TEST_MAIN(cases)
