// SPDX-License-Identifier: GPL-2.0-only
/* Edges of the entry: what is owed to L1, its buffers, MMIO of L2. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/spinner.h"

#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#define DEVICE		(L2_DATA + 0x200000)
#define NOWHERE		0x7000000000ULL
#define VALUE		0x0102030405060708ULL
#define ROUNDS		10000

static struct world w;

static void begin(enum l1_order order)
{
	world_create(&w, order);
	l1_map_range(&w.tree, L2_DATA, GPA, 8 * PAGE_BYTES, SHIFT_64K, PTE_ALL);
	l1_map(&w.tree, DEVICE, NOWHERE, SHIFT_64K, PTE_ALL);
	l2_must_store(&w.v, L2_DATA, 1);
}

static void begin_enter(const char *snippet, u64 r4, u64 r5)
{
	const u64 args[] = { w.v.state_gpa, w.v.regs_gpa };

	l2_goto(&w.v, snippet);
	SET_REG(&w.v, 4, r4);
	SET_REG(&w.v, 5, r5);
	SET_REG(&w.v, 7, L2_DATA + 0x100);
	SET_STATE(&w.v, hdec_expiry, timebase() + 30000 * TICKS_PER_MS);
	l1_begin(&w.v, H_ENTER_NESTED, args, ARRAY_SIZE(args));
}

static int run_once(int immediate)
{
	int err;

	w.v.vcpu.run->immediate_exit = immediate;
	err = vcpu_run(&w.v.vcpu);
	w.v.vcpu.run->immediate_exit = 0;
	return err;
}

/* --- buffers that user space has for reading only ------------------------- */

/* C5: refused before L2 runs. */
static void c5_buffers_for_reading_only(void)
{
	char *page;
	s64 r;

	begin(L1_LITTLE);
	page = l1_memory(&w.l1, L1_BUFFERS);
	begin_enter(l2_store, L2_DATA, 77);
	CHECK(!mprotect(page, PAGE_BYTES, PROT_READ));
	r = l1_resume(&w.v);
	CHECK(!mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE));
	note("H_ENTER_NESTED %lld, L2 stored %lld", (long long)r,
	     (long long)*(u64 *)l1_memory(&w.l1, GPA));
	CHECK_EQ(*(u64 *)l1_memory(&w.l1, GPA), 1);
	CHECK_EQ(r, H_PARAMETER);
	world_end(&w);
}

/* --- MMIO ----------------------------------------------------------------- */

static void device_load(u64 at)
{
	begin_enter(l2_load, DEVICE + at, 0);
	CHECK_EQ(run_once(0), 0);
}

/* An access that begins in a leaf of L1 and ends beyond it, where L1 has none. */
static void p7_access_over_the_end_of_a_leaf(void)
{
	struct kvm_run *run;

	begin(L1_LITTLE);
	run = w.v.vcpu.run;
	device_load(PAGE_BYTES - 4);
	if (run->exit_reason == KVM_EXIT_MMIO)
		fail("L2 reaches %u bytes at 0x%llx, L1's leaf ends at 0x%llx",
		     run->mmio.len, (unsigned long long)run->mmio.phys_addr,
		     (unsigned long long)(NOWHERE + PAGE_BYTES));
	world_end(&w);
}

static void p7_store_over_the_end_of_a_leaf(void)
{
	struct kvm_run *run;

	begin(L1_LITTLE);
	run = w.v.vcpu.run;
	begin_enter(l2_store, DEVICE + PAGE_BYTES - 4, VALUE);
	CHECK_EQ(run_once(0), 0);
	if (run->exit_reason == KVM_EXIT_MMIO)
		fail("L2 writes %u bytes at 0x%llx, L1's leaf ends at 0x%llx",
		     run->mmio.len, (unsigned long long)run->mmio.phys_addr,
		     (unsigned long long)(NOWHERE + PAGE_BYTES));
	world_end(&w);
}

/* The first half is memory of L2, the second is not. */
static void c4_access_from_memory_into_a_device(void)
{
	struct kvm_run *run;

	begin(L1_LITTLE);
	run = w.v.vcpu.run;
	l1_map(&w.tree, DEVICE - PAGE_BYTES, GPA, SHIFT_64K, PTE_ALL);
	l2_must_store(&w.v, DEVICE - 8, VALUE);
	device_load(-4ULL);
	if (run->exit_reason == KVM_EXIT_MMIO)
		fail("%u bytes at 0x%llx for 4 at 0x%llx", run->mmio.len,
		     (unsigned long long)run->mmio.phys_addr, NOWHERE);
	world_end(&w);
}

/* The two elements of a vector: the second is in the next page. */
static void p7_vector_over_the_end_of_a_leaf(void)
{
	struct kvm_run *run;

	begin(L1_LITTLE);
	run = w.v.vcpu.run;
	SET_STATE(&w.v, hfscr, 3);
	SET_REGS(&w.v, msr, REGS(&w.v, msr) | MSR_FP | MSR_VEC | MSR_VSX);
	w.v.l2_msr |= MSR_FP | MSR_VEC | MSR_VSX;
	device_load(0);
	CHECK_EQ(run_once(0), 0);
	begin_enter(l2_load_vector, DEVICE + PAGE_BYTES - 8, 0);
	SET_REGS(&w.v, msr, REGS(&w.v, msr) | MSR_FP | MSR_VEC | MSR_VSX);
	CHECK_EQ(run_once(0), 0);
	if (run->exit_reason == KVM_EXIT_MMIO &&
	    run->mmio.phys_addr == NOWHERE + PAGE_BYTES - 8)
		CHECK_EQ(run_once(0), 0);
	if (run->exit_reason == KVM_EXIT_MMIO)
		fail("L2 reaches %u bytes at 0x%llx, L1's leaf ends at 0x%llx",
		     run->mmio.len, (unsigned long long)run->mmio.phys_addr,
		     (unsigned long long)(NOWHERE + PAGE_BYTES));
	world_end(&w);
}

/*
 * Before KVM_RUN ends for an MMIO of L2, an interrupt for L1 may be delivered,
 * in the byte order that L1 has chosen for interrupts. User space does here what
 * L0 does then. L1's buffers are in the order in which it entered.
 */
static void c4_result_and_an_interrupt(enum l1_order order)
{
	struct kvm_regs before, regs;

	begin(order);
	device_load(0x100);
	CHECK_EQ(w.v.vcpu.run->exit_reason, KVM_EXIT_MMIO);
	memcpy(w.v.vcpu.run->mmio.data, &(u64){ l1_swap64(&w.l1, VALUE) }, 8);
	control(w.v.vcpu.fd, KVM_GET_REGS, &before, "KVM_GET_REGS");
	regs = before;
	regs.srr0 = regs.pc;
	regs.srr1 = regs.msr;
	regs.pc = 0x500;
	regs.msr ^= MSR_LE;
	control(w.v.vcpu.fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
	CHECK_EQ(run_once(1), -EINTR);
	control(w.v.vcpu.fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	before.gpr[3] = regs.gpr[3];
	control(w.v.vcpu.fd, KVM_SET_REGS, &before, "KVM_SET_REGS");
	CHECK_EQ(REG(&w.v, 5), VALUE);
	CHECK_EQ(l1_resume(&w.v), 0);
	world_end(&w);
}

static void c4_result_and_an_interrupt_little(void)
{
	c4_result_and_an_interrupt(L1_LITTLE);
}

static void c4_result_and_an_interrupt_big(void)
{
	c4_result_and_an_interrupt(L1_BIG);
}

/* --- owed, and something else happens ------------------------------------- */

/*
 * User space loads another state of L1, as of a snapshot, in which the vCPU is
 * in another hypercall: the timeline before must not write.
 */
static void snapshot_gets_nothing(void (*load)(struct kvm_regs *regs))
{
	struct kvm_regs regs;

	begin(L1_LITTLE);
	device_load(0x100);
	CHECK_EQ(w.v.vcpu.run->exit_reason, KVM_EXIT_MMIO);
	memcpy(w.v.vcpu.run->mmio.data, &(u64){ VALUE }, 8);
	control(w.v.vcpu.fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	load(&regs);
	regs.gpr[3] = 0x77;
	control(w.v.vcpu.fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
	memset(w.v.regs, 0, sizeof(*w.v.regs));
	CHECK_EQ(run_once(1), -EINTR);
	control(w.v.vcpu.fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	note("r3 0x%llx, L1's memory 0x%llx", (unsigned long long)regs.gpr[3],
	     (unsigned long long)REG(&w.v, 5));
	CHECK_EQ(REG(&w.v, 5), 0);
	CHECK_EQ(regs.gpr[3], 0x77);
	l1_resume(&w.v);
	l2_prepare(&w.v, 1);
	world_end(&w);
}

/* By the same stub, from another place. */
static void another_call(struct kvm_regs *regs)
{
	regs->gpr[1] += 0x1000;
	regs->lr += 0x100;
}

/* The same call, on the same stack: only what L1 does besides is different. */
static void same_call(struct kvm_regs *regs)
{
	regs->gpr[31] += 0x1000;
}

static void l14_owed_and_a_snapshot(void)
{
	snapshot_gets_nothing(another_call);
}

static void l14_owed_and_a_snapshot_of_the_same_call(void)
{
	snapshot_gets_nothing(same_call);
}

/* A reset is to 0x100, with what registers L1 had. sc has set SRR0. */
static void l14_owed_and_a_reset_to_the_vector(void)
{
	struct kvm_regs before, regs;

	begin(L1_LITTLE);
	device_load(0x100);
	CHECK_EQ(w.v.vcpu.run->exit_reason, KVM_EXIT_MMIO);
	memcpy(w.v.vcpu.run->mmio.data, &(u64){ VALUE }, 8);
	control(w.v.vcpu.fd, KVM_GET_REGS, &before, "KVM_GET_REGS");
	regs = before;
	regs.pc = 0x100;
	control(w.v.vcpu.fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
	memset(w.v.regs, 0, sizeof(*w.v.regs));
	CHECK_EQ(run_once(1), -EINTR);
	note("SRR0 0x%llx, pc was 0x%llx", (unsigned long long)regs.srr0,
	     (unsigned long long)before.pc);
	CHECK_EQ(REG(&w.v, 5), 0);
	control(w.v.vcpu.fd, KVM_SET_REGS, &before, "KVM_SET_REGS");
	l1_resume(&w.v);
	l2_prepare(&w.v, 1);
	world_end(&w);
}

static struct l1_vcpu stayer;
static volatile int hammering;
static volatile unsigned int refused;

/* Its L2 says that it is there, and stays until it is told, or for a minute. */
static void *stay_in_kvm(void *unused)
{
	const u64 args[] = { stayer.state_gpa, stayer.regs_gpa };

	(void)unused;
	l2_prepare(&stayer, 1);
	l2_goto(&stayer, l2_signal_spin);
	SET_REG(&stayer, 4, L2_DATA);
	SET_REG(&stayer, 7, L2_DATA + 0x100);
	SET_STATE(&stayer, hdec_expiry, timebase() + 60000 * TICKS_PER_MS);
	l1_begin(&stayer, H_ENTER_NESTED, args, ARRAY_SIZE(args));
	vcpu_run(&stayer.vcpu);
	return NULL;
}

static void *try_to_switch(void *unused)
{
	struct kvm_ppc_mmuv3_cfg hash = {};

	(void)unused;
	while (hammering) {
		if (!ioctl(w.l1.vm.fd, KVM_PPC_CONFIGURE_V3_MMU, &hash))
			fail("the switch was not refused");
		refused++;
	}
	return NULL;
}

/* A switch to HPT that is refused, as a vCPU runs, changes nothing. */
static void l14_owed_and_a_refused_switch(void)
{
	pthread_t staying, switching;
	unsigned int i, lost = 0;

	begin(L1_LITTLE);
	*(u64 *)l1_memory(&w.l1, GPA) = 0;
	*(u64 *)l1_memory(&w.l1, GPA + 0x100) = 0;
	l1_add_vcpu(&w.l1, &stayer, 1);
	CHECK(!pthread_create(&staying, NULL, stay_in_kvm, NULL));
	wait_until_set(l1_memory(&w.l1, GPA));
	hammering = 1;
	CHECK(!pthread_create(&switching, NULL, try_to_switch, NULL));
	for (i = 0; i < ROUNDS && !lost; i++) {
		device_load(0x100);
		CHECK_EQ(w.v.vcpu.run->exit_reason, KVM_EXIT_MMIO);
		memcpy(w.v.vcpu.run->mmio.data, &(u64){ VALUE + i }, 8);
		CHECK_EQ(l1_resume(&w.v), 0);
		lost += REG(&w.v, 5) != VALUE + i;
	}
	hammering = 0;
	pthread_join(switching, NULL);
	__atomic_store_n((u64 *)l1_memory(&w.l1, GPA + 0x100), 1,
			 __ATOMIC_SEQ_CST);
	pthread_join(staying, NULL);
	note("%u switches refused, %u loads", refused, i);
	CHECK_EQ(lost, 0);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "c5_buffers_for_reading_only", c5_buffers_for_reading_only },
	{ "p7_access_over_the_end_of_a_leaf", p7_access_over_the_end_of_a_leaf },
	{ "p7_store_over_the_end_of_a_leaf", p7_store_over_the_end_of_a_leaf },
	{ "c4_access_from_memory_into_a_device",
	  c4_access_from_memory_into_a_device },
	{ "p7_vector_over_the_end_of_a_leaf", p7_vector_over_the_end_of_a_leaf },
	{ "c4_result_and_an_interrupt_little", c4_result_and_an_interrupt_little },
	{ "c4_result_and_an_interrupt_big", c4_result_and_an_interrupt_big },
	{ "l14_owed_and_a_snapshot", l14_owed_and_a_snapshot },
	{ "l14_owed_and_a_snapshot_of_the_same_call",
	  l14_owed_and_a_snapshot_of_the_same_call },
	{ "l14_owed_and_a_reset_to_the_vector",
	  l14_owed_and_a_reset_to_the_vector },
	{ "l14_owed_and_a_refused_switch", l14_owed_and_a_refused_switch, 60 },
};

TEST_MAIN(cases)
