// SPDX-License-Identifier: GPL-2.0-only
/* What the host takes away is gone from every shadow leaf, while L2 uses it. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
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
	s.v.cured = 1;
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	for (round = 0; round < 30; round++) {
		CHECK(!mprotect(memory, BYTES, PROT_READ));
		CHECK(!mprotect(memory, BYTES, PROT_READ | PROT_WRITE));
	}
	all_pages_are_stored_to();
	spinner_stop(&s);
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

/* --- C11: the VMM is told what it does not provide ------------------------ */

/* KVM_RUN once, with L2 about to run @snippet at @ngpa. */
static int run_l2_once(struct l1_vcpu *v, const char *snippet, u64 ngpa)
{
	const u64 args[] = { v->state_gpa, v->regs_gpa };

	l2_goto(v, snippet);
	SET_REG(v, 4, ngpa);
	SET_STATE(v, hdec_expiry, timebase() + 10000 * TICKS_PER_MS);
	l1_begin(v, H_ENTER_NESTED, args, ARRAY_SIZE(args));
	return vcpu_run(&v->vcpu);
}

static void told_of(struct vcpu *vcpu, int err, u64 gpa, u64 bytes)
{
	const struct kvm_run *run = vcpu->run;

	CHECK_EQ(err, -EFAULT);
	CHECK_EQ(run->exit_reason, KVM_EXIT_MEMORY_FAULT);
	CHECK_EQ(memory_fault(run)->gpa, gpa & ~(bytes - 1));
	CHECK_EQ(memory_fault(run)->size, bytes);
	CHECK_EQ(memory_fault(run)->flags, 0);
}

/* Nobody cures it: each KVM_RUN says so, and L1 is not asked. */
static void c11_munmap_for_good(void)
{
	unsigned int i;

	begin(SHIFT_64K);
	l2_must_store(&w.v, L2_DATA, 1);
	CHECK(!munmap(memory, BYTES));
	told_of(&w.v.vcpu, run_l2_once(&w.v, l2_store, L2_DATA), GPA,
		host_page());
	for (i = 0; i < 20; i++) {
		/* L1 sees 0; here the test is L1, and enters again. */
		CHECK_EQ(l1_resume(&w.v), 0);
		told_of(&w.v.vcpu, run_l2_once(&w.v, l2_load,
					       L2_DATA + 0x10128),
			GPA + 0x10128, host_page());
	}
	CHECK_EQ(l1_resume(&w.v), 0);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

/* Not even readable for the VMM, until it is: L2 goes on where it was. */
static void c11_mprotect_none_and_back(void)
{
	begin(SHIFT_64K);
	l2_must_store(&w.v, L2_DATA, 0x4141);
	CHECK(!mprotect(memory, BYTES, PROT_NONE));
	told_of(&w.v.vcpu, run_l2_once(&w.v, l2_load, L2_DATA), GPA,
		host_page());
	CHECK(!mprotect(memory, BYTES, PROT_READ | PROT_WRITE));
	CHECK_EQ(l1_resume(&w.v), 0);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	CHECK_EQ(REG(&w.v, 5), 0x4141);
	world_end(&w);
}

/* A store to what the VMM may only read. */
static void c11_store_to_what_is_read_only(void)
{
	begin(SHIFT_64K);
	*(u64 *)memory = 0x4141;
	CHECK(!mprotect(memory, BYTES, PROT_READ));
	CHECK_EQ(l2_must_load(&w.v, L2_DATA), 0x4141);
	told_of(&w.v.vcpu, run_l2_once(&w.v, l2_store, L2_DATA + 8), GPA,
		host_page());
	CHECK(!mprotect(memory, BYTES, PROT_READ | PROT_WRITE));
	CHECK_EQ(l1_resume(&w.v), 0);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	world_end(&w);
}

static void c11_plain_guest(void)
{
	const u64 args[] = { GPA + 0x128 };

	begin(SHIFT_64K);
	CHECK(ioctl(w.l1.vm.fd, KVM_CHECK_EXTENSION,
		    KVM_CAP_MEMORY_FAULT_INFO) > 0);
	CHECK(!mprotect(memory, BYTES, PROT_NONE));
	vcpu_start_at(&w.v.vcpu, L1_SNIPPETS + (l2_load - snippets_begin),
		      l1_msr(&w.l1));
	l1_begin(&w.v, H_DONE, args, 1);
	told_of(&w.v.vcpu, vcpu_run(&w.v.vcpu), GPA, host_page());
	told_of(&w.v.vcpu, vcpu_run(&w.v.vcpu), GPA, host_page());
	CHECK(!mprotect(memory, BYTES, PROT_READ | PROT_WRITE));
	CHECK_EQ(l1_resume(&w.v), GPA + 0x128);
	vcpu_start_at(&w.v.vcpu, L1_STUB, l1_msr(&w.l1));
	world_end(&w);
}

/* What L1 has its tables in is memory of the VMM as well. */
static void c11_table_of_l1(void)
{
	u64 table = L1_LOW_BYTES - 0x10000;
	char *at;

	begin(SHIFT_64K);
	w.l1.pool = table;
	l1_map(&w.tree, L2_DATA + BIT(SHIFT_1G), GPA, SHIFT_64K, PTE_ALL);
	at = l1_memory(&w.l1, table);
	CHECK(!mprotect(at, PAGE_BYTES, PROT_NONE));
	CHECK_EQ(run_l2_once(&w.v, l2_load, L2_DATA + BIT(SHIFT_1G)), -EFAULT);
	CHECK_EQ(w.v.vcpu.run->exit_reason, KVM_EXIT_MEMORY_FAULT);
	CHECK(memory_fault(w.v.vcpu.run)->gpa >= table &&
	      memory_fault(w.v.vcpu.run)->gpa < table + PAGE_BYTES);
	CHECK(!mprotect(at, PAGE_BYTES, PROT_READ | PROT_WRITE));
	CHECK_EQ(l1_resume(&w.v), 0);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	world_end(&w);
}

/* One vCPU after the other comes out; those that do not need the page run on. */
static void c11_beside_a_peer(void)
{
	unsigned int i;

	begin(SHIFT_64K);
	l2_must_store(&w.v, L2_DATA, 0x4141);
	spinner_store(&s, L2_DATA + PAGE_BYTES, 2, PAGE_BYTES);
	for (i = 0; i < 50; i++) {
		CHECK(!mprotect(memory, host_page(), PROT_NONE));
		told_of(&w.v.vcpu, run_l2_once(&w.v, l2_load, L2_DATA), GPA,
			host_page());
		CHECK_EQ(l1_resume(&w.v), 0);
		CHECK(!mprotect(memory, host_page(), PROT_READ | PROT_WRITE));
		CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
		CHECK_EQ(REG(&w.v, 5), 0x4141);
		CHECK(!s.v.ended);
	}
	spinner_stop(&s);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i4_dontneed", i4_dontneed },
	{ "i4_dontneed_small_leaves", i4_dontneed_small_leaves },
	{ "i4_dontneed_one_page", i4_dontneed_one_page },
	{ "i4_mremap", i4_mremap },
	{ "mprotect_and_back", mprotect_and_back },
	{ "i4_every_guest_and_every_size", i4_every_guest_and_every_size },
	{ "i4_dropped_and_made_anew", i4_dropped_and_made_anew },
	{ "i4_ksm", i4_ksm },
	{ "c11_munmap_for_good", c11_munmap_for_good },
	{ "c11_mprotect_none_and_back", c11_mprotect_none_and_back },
	{ "c11_store_to_what_is_read_only", c11_store_to_what_is_read_only },
	{ "c11_plain_guest", c11_plain_guest },
	{ "c11_table_of_l1", c11_table_of_l1 },
	{ "c11_beside_a_peer", c11_beside_a_peer },
};

TEST_MAIN(cases)
