// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls and attributes that the kernel's own files answer, with any argument. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "lib/l1.h"

#define H_RANDOM	0x300
#define MSR_EE		BIT(15)
#define USER		0x2000000ULL

static struct world w;

/* --- H_STUFF_TCE --- */

#define LIOBN		0x80000001ULL
#define TCE_SHIFT	12
#define TCES		BIT(24)
#define MAX_GAP		(300 * TICKS_PER_MS)

static volatile int gap_stop;
static volatile u64 gap;

/* The longest time between two moments that this thread gets. */
static void *measure_gap(void *unused)
{
	u64 last = timebase(), now;

	(void)unused;
	while (!gap_stop) {
		sched_yield();
		now = timebase();
		if (now - last > gap)
			gap = now - last;
		last = now;
	}
	return NULL;
}

static void l6_tce_range_lets_others_run(void)
{
	struct kvm_create_spapr_tce_64 table = {
		.liobn = LIOBN, .page_shift = TCE_SHIFT, .size = TCES,
	};
	pthread_t thread;

	world_create(&w, L1_LITTLE);
	vm_enable(&w.l1.vm, KVM_CAP_PPC_ENABLE_HCALL, H_STUFF_TCE, 1);
	control(w.l1.vm.fd, KVM_CREATE_SPAPR_TCE_64, &table,
		"KVM_CREATE_SPAPR_TCE_64");
	CHECK_EQ(L1_HCALL(&w.v, H_STUFF_TCE, LIOBN, 0, 0, 1), H_SUCCESS);
	CHECK_EQ(L1_HCALL(&w.v, H_STUFF_TCE, LIOBN, BIT(12), 0, TCES),
		 H_PARAMETER);
	CHECK_EQ(L1_HCALL(&w.v, H_STUFF_TCE, LIOBN, BIT(12), 0, ~0ULL),
		 H_PARAMETER);

	stay_on_cpu(1);
	CHECK(!pthread_create(&thread, NULL, measure_gap, NULL));
	CHECK_EQ(L1_HCALL(&w.v, H_STUFF_TCE, LIOBN, 0, 0, TCES), H_SUCCESS);
	gap_stop = 1;
	pthread_join(thread, NULL);
	note("hypercall %llu ms, longest wait %llu ms",
	     (unsigned long long)(w.v.ticks / TICKS_PER_MS),
	     (unsigned long long)(gap / TICKS_PER_MS));
	CHECK(gap < MAX_GAP);
	world_end(&w);
}

/* --- H_PAGE_INIT --- */

static void page_init_copies_and_clears(void)
{
	u64 *from, *to;

	world_create(&w, L1_LITTLE);
	vm_enable(&w.l1.vm, KVM_CAP_PPC_ENABLE_HCALL, H_PAGE_INIT, 1);
	from = l1_memory(&w.l1, L1_DATA);
	to = l1_memory(&w.l1, L1_DATA + 0x1000);
	*from = 77;
	CHECK_EQ(L1_HCALL(&w.v, H_PAGE_INIT, H_COPY_PAGE, L1_DATA + 0x1000,
			  L1_DATA), H_SUCCESS);
	CHECK_EQ(*to, 77);
	CHECK_EQ(L1_HCALL(&w.v, H_PAGE_INIT, H_ZERO_PAGE, L1_DATA + 0x1000, 0),
		 H_SUCCESS);
	CHECK_EQ(*to, 0);
	CHECK_EQ(L1_HCALL(&w.v, H_PAGE_INIT, H_COPY_PAGE, BIT(59), L1_DATA),
		 H_PARAMETER);
	CHECK_EQ(L1_HCALL(&w.v, H_PAGE_INIT, H_ZERO_PAGE, -0x1000ULL, 0),
		 H_PARAMETER);
	CHECK_EQ(L1_HCALL(&w.v, H_PAGE_INIT, H_ZERO_PAGE, L1_DATA + 1, 0),
		 H_PARAMETER);
	world_end(&w);
}

/* --- kvm_run belongs to the VMM --- */

static volatile int liar_stop;

static void *lie_about_the_exit(void *unused)
{
	(void)unused;
	while (!liar_stop)
		*(volatile u32 *)&w.v.vcpu.run->exit_reason =
			KVM_EXIT_PAPR_HCALL;
	return NULL;
}

/* L1 itself in problem state, translated by tables of its own. */
static void spin_in_problem_state(void)
{
	u64 table = l1_alloc(&w.l1, 0x10000);
	struct kvm_ppc_mmuv3_cfg mmu = {
		.flags = KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE,
		.process_table = PATB_HR | table | 4,
	};
	u64 *entry = l1_memory(&w.l1, table);

	l1_new_tree(&w.l1, &w.ea);
	l1_map(&w.ea, USER, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	entry[0] = __builtin_bswap64(l1_root_word(&w.ea) & ~PATB_HR);
	control(w.l1.vm.fd, KVM_PPC_CONFIGURE_V3_MMU, &mmu,
		"KVM_PPC_CONFIGURE_V3_MMU");
	vcpu_start_at(&w.v.vcpu, USER + (l2_count - snippets_begin),
		      l1_msr(&w.l1) | MSR_IR | MSR_DR | MSR_PR | MSR_EE);
}

static void run_a_second(struct l1_vcpu *v)
{
	u64 end = timebase() + 1000 * TICKS_PER_MS;

	while (timebase() < end)
		vcpu_run(&v->vcpu);
}

static void l10_vmm_lies_about_the_exit(void)
{
	struct kvm_regs regs;
	pthread_t liar;
	unsigned int i;

	world_create(&w, L1_LITTLE);
	spin_in_problem_state();
	CHECK(!pthread_create(&liar, NULL, lie_about_the_exit, NULL));
	l1_go(&w.v, run_a_second);
	for (i = 0; i < 1000 && !w.v.ended; i++) {
		sleep_ms(2);
		pthread_kill(w.v.thread, SIGUSR1);
	}
	liar_stop = 1;
	l1_stop(&w.v);
	pthread_join(liar, NULL);
	control(w.v.vcpu.fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	note("r8 %llu pc 0x%llx msr 0x%llx", (unsigned long long)regs.gpr[8],
	     (unsigned long long)regs.pc, (unsigned long long)regs.msr);
	CHECK(regs.gpr[8] > 1000000);
	CHECK_EQ(regs.msr & MSR_PR, MSR_PR);
}

/* --- an interrupt controller --- */

#define WRONG		100

static void l10_wrong_attributes_do_not_fill_the_log(void)
{
	struct kvm_create_device create = { .type = KVM_DEV_TYPE_XIVE };
	struct kvm_ppc_xive_eq eq = { .flags = ~0U };
	struct kvm_device_attr attr = {
		.group = KVM_DEV_XIVE_GRP_EQ_CONFIG,
		.addr = (uintptr_t)&eq,
	};
	unsigned int i;

	world_create(&w, L1_LITTLE);
	control(w.l1.vm.fd, KVM_CREATE_DEVICE, &create, "KVM_CREATE_DEVICE");
	for (i = 0; i < WRONG; i++) {
		attr.attr = (u64)(i + 77) << KVM_XIVE_EQ_SERVER_SHIFT;
		CHECK(ioctl(create.fd, KVM_SET_DEVICE_ATTR, &attr) < 0);
	}
	world_end(&w);
}

/* Nor do lengths that are written between the elements of a vector. */
static void l10_wrong_lengths_do_not_fill_the_log(void)
{
	struct kvm_run *run;
	unsigned int i;

	world_create(&w, L1_LITTLE);
	run = w.v.vcpu.run;
	for (i = 0; i < WRONG; i++) {
		vcpu_start_at(&w.v.vcpu, L1_SNIPPETS +
			      (l2_load_vector - snippets_begin),
			      l1_msr(&w.l1) | MSR_VSX | MSR_FP);
		run->papr_hcall.ret = H_DONE;
		run->papr_hcall.args[0] = 0x7000000000ULL;
		CHECK_EQ(vcpu_run(&w.v.vcpu), 0);
		CHECK_EQ(run->exit_reason, KVM_EXIT_MMIO);
		run->mmio.len = 16;
		CHECK_EQ(vcpu_run(&w.v.vcpu), 0);
		CHECK_EQ(run->exit_reason, KVM_EXIT_INTERNAL_ERROR);
		while (run->exit_reason != KVM_EXIT_PAPR_HCALL)
			CHECK_EQ(vcpu_run(&w.v.vcpu), 0);
	}
	vcpu_start_at(&w.v.vcpu, L1_STUB, l1_msr(&w.l1));
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l6_tce_range_lets_others_run", l6_tce_range_lets_others_run },
	{ "page_init_copies_and_clears", page_init_copies_and_clears },
	{ "l10_vmm_lies_about_the_exit", l10_vmm_lies_about_the_exit },
	{ "l10_wrong_attributes_do_not_fill_the_log",
	  l10_wrong_attributes_do_not_fill_the_log },
	{ "l10_wrong_lengths_do_not_fill_the_log",
	  l10_wrong_lengths_do_not_fill_the_log },
};

TEST_MAIN(cases)
