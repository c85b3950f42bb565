// SPDX-License-Identifier: GPL-2.0-only
/* I5: the register set by the VMM, which checks nothing, is checked at use. */
#include "lib/l1.h"

static const u64 bad[] = {
	L1_TABLE | 31, L1_TABLE | 25, 0x7f00000000ULL | 4, ~0ULL, 31, BIT(63) | 4,
	0x0ffffffffffff000ULL | 4,
};

static void i5_any_value(void)
{
	static struct world w;
	size_t i;
	s64 r;

	world_create(&w, L1_LITTLE);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, bad[i]);
		CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_PTCR), bad[i]);
		l2_goto(&w.v, l2_hcall);
		SET_STATE32(&w.v, lpid, 2000 + i);
		r = l1_enter(&w.v);
		if (r != H_PARAMETER)
			fail("value %zu: 0x%llx", i, (unsigned long long)r);
		SET_STATE32(&w.v, lpid, 1);
		r = l1_enter(&w.v);
		if (r != H_PARAMETER && r != TRAP_HCALL && r != TRAP_HISI)
			fail("value %zu: 0x%llx", i, (unsigned long long)r);
		CHECK_EQ(l1_inval_all(&w.v), H_SUCCESS);
	}
	CHECK_EQ(l1_set_table(&w.v, L1_PTCR), H_SUCCESS);
	l2_goto(&w.v, l2_hcall);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	world_end(&w);
}

/* A table too large by the register: LPIDs of more than 12 bits stay refused. */
static void i5_large_table(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, L1_TABLE | 12);
	SET_STATE32(&w.v, lpid, 4096);
	CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	SET_STATE32(&w.v, lpid, 70000);
	CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	CHECK_EQ(l1_set_table(&w.v, L1_PTCR), H_SUCCESS);
	world_end(&w);
}

static void register_follows_the_hypercall(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_PTCR), L1_PTCR);
	CHECK_EQ(l1_set_table(&w.v, 0), H_SUCCESS);
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_PTCR), 0);
	CHECK_EQ(l1_enter(&w.v), H_NOT_AVAILABLE);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, L1_PTCR);
	l2_goto(&w.v, l2_hcall);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i5_any_value", i5_any_value },
	{ "i5_large_table", i5_large_table },
	{ "register_follows_the_hypercall", register_follows_the_hypercall },
};

TEST_MAIN(cases)
