// SPDX-License-Identifier: GPL-2.0-only
/* C2: a doorbell for L1 is L1's, and one for L2 is L2's, whoever runs. */
#include "lib/spinner.h"

#define GPA		(L1_DATA + 0x200000)
#define SERVER		(5ULL << 27)

static struct world w;
static struct l1_vcpu sibling;

/* Two threads of one core, as L1 sees it: vCPUs 0 and 1. */
static void begin(void)
{
	l1_create(&w.l1, L1_LITTLE, L1_DATA_BYTES);
	if (vm_enable(&w.l1.vm, KVM_CAP_PPC_SMT, 2, 0))
		fail("KVM_CAP_PPC_SMT is refused");
	l1_add_vcpu(&w.l1, &w.v, 0);
	l1_add_vcpu(&w.l1, &sibling, 1);
	l1_new_tree(&w.l1, &w.tree);
	l1_map(&w.tree, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	l1_map(&w.tree, L2_DATA, GPA, SHIFT_64K, PTE_ALL);
	l1_install(&w.l1, 1, &w.tree);
	CHECK_EQ(l1_set_table(&w.v, L1_PTCR), H_SUCCESS);
	l2_prepare(&w.v, 1);
}

static volatile unsigned int returns;

/* Counts how often L1 gets control for a reason of its own. */
static void body(struct l1_vcpu *v)
{
	do {
		v->result = l1_enter(v);
		returns += !v->result;
	} while (!v->stop && v->result != TRAP_HCALL);
}

static void spin_in_l2(void)
{
	*(u64 *)l1_memory(&w.l1, GPA) = 0;
	*(u64 *)l1_memory(&w.l1, GPA + 0x100) = 0;
	l2_goto(&w.v, l2_signal_spin);
	SET_REG(&w.v, 4, L2_DATA);
	SET_REG(&w.v, 7, L2_DATA + 0x100);
	l1_go(&w.v, body);
	wait_until_set(l1_memory(&w.l1, GPA));
}

static void end_of_l2(void)
{
	__atomic_store_n((u64 *)l1_memory(&w.l1, GPA + 0x100), 1,
			 __ATOMIC_SEQ_CST);
	l1_join(&w.v);
	CHECK_EQ(w.v.result, TRAP_HCALL);
}

/*
 * The sibling rings for thread 0, which runs L2: L1 gets control, again and
 * again until it has taken its doorbell. Then L2 goes on.
 */
static void ring_and_take(void)
{
	unsigned int before = returns, ms;

	l1_do(&sibling, l2_doorbell, SERVER, 0, 0);
	for (ms = 0; returns < before + 3 && ms < 5000; ms++)
		sleep_ms(1);
	CHECK(returns >= before + 3);
	l1_stop(&w.v);
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_DPDES), 1);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_DPDES, 0);
	l1_go(&w.v, body);
}

static void c2_for_l1_while_l2_runs(void)
{
	begin();
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_DPDES), 0);
	spin_in_l2();
	ring_and_take();
	end_of_l2();
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_DPDES), 0);
	CHECK_EQ(STATE(&w.v, dpdes), 0);
	world_end(&w);
}

/* One that L1 gives to L2 stays L2's. */
static void c2_for_l2(void)
{
	begin();
	SET_STATE(&w.v, dpdes, 1);
	spin_in_l2();
	end_of_l2();
	CHECK_EQ(STATE(&w.v, dpdes), 1);
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_DPDES), 0);
	world_end(&w);
}

/* Both at once. */
static void c2_for_both(void)
{
	begin();
	SET_STATE(&w.v, dpdes, 1);
	spin_in_l2();
	ring_and_take();
	end_of_l2();
	CHECK_EQ(STATE(&w.v, dpdes), 1);
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_DPDES), 0);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "c2_for_l1_while_l2_runs", c2_for_l1_while_l2_runs },
	{ "c2_for_l2", c2_for_l2 },
	{ "c2_for_both", c2_for_both },
};

TEST_MAIN(cases)
