// SPDX-License-Identifier: GPL-2.0-only
/* I5: the register set by the VMM, which checks nothing, is checked at use. */
#include "lib/param.h"
#include "lib/spinner.h"

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

/* --- L11: what the guests of the old table held comes back ---------------- */

#define GUESTS	5
#define POOL	4096
#define GPA	(L1_DATA + 0x200000)

static void run_guests(struct world *w)
{
	u32 lpid;

	for (lpid = 1; lpid <= GUESTS; lpid++) {
		l1_install(&w->l1, lpid, &w->tree);
		l2_prepare(&w->v, lpid);
		l2_must_store(&w->v, L2_DATA + lpid * 0x10000, lpid);
	}
	CHECK_EQ(vm_counter(&w->l1.vm, "guests"), GUESTS);
	CHECK(vm_counter(&w->l1.vm, "tables") >= 3 * GUESTS);
	CHECK(vm_counter(&w->l1.vm, "bytes") > GUESTS * 65536);
}

static void nothing_is_held(struct world *w)
{
	CHECK_EQ(vm_counter(&w->l1.vm, "guests"), 0);
	l1_wait_for_zero(&w->l1, "draining");
	l1_wait_for_zero(&w->l1, "tables");
	l1_wait_for_zero(&w->l1, "bytes");
	vm_check_audit(&w->l1.vm);
}

/* A leak of one LPID, table or guest in a round fills up what there is. */
static void l11_zero_gives_all_back(void)
{
	u64 before = param_set("nested_lpid_reserve", POOL - 2 * GUESTS);
	static struct world w;
	unsigned int round;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x100000, SHIFT_64K, PTE_ALL);
	for (round = 0; round < 20; round++) {
		run_guests(&w);
		vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, 0);
		nothing_is_held(&w);
		CHECK_EQ(l1_enter(&w.v), H_NOT_AVAILABLE);
		vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, L1_PTCR);
	}
	CHECK_EQ(vm_counter(&w.l1.vm, "kills"), 20 * GUESTS);
	CHECK_EQ(vm_counter(&w.l1.vm, "evicted_guests"), 0);
	CHECK_EQ(vm_counter(&w.l1.vm, "refusals"), 0);
	param_set("nested_lpid_reserve", before);
	world_end(&w);
}

/* The value that it has already says nothing new. */
static void same_value_drops_nothing(void)
{
	static struct world w;
	s64 kills;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x100000, SHIFT_64K, PTE_ALL);
	run_guests(&w);
	kills = vm_counter(&w.l1.vm, "kills");
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, L1_PTCR);
	CHECK_EQ(vm_counter(&w.l1.vm, "guests"), GUESTS);
	CHECK_EQ(vm_counter(&w.l1.vm, "kills"), kills);
	world_end(&w);
}

/* A peer in L2 has to leave before the last of it can be given back. */
static void l11_zero_under_a_peer(void)
{
	static struct world w;
	static struct spinner s;
	unsigned int round;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x100000, SHIFT_64K, PTE_ALL);
	spinner_create(&s, &w, 1);
	for (round = 0; round < 20; round++) {
		*(u64 *)l1_memory(&w.l1, GPA) = 0;
		l2_prepare(&s.v, 1);
		spinner_store(&s, L2_DATA, 8, 0x10000);
		wait_until_set(l1_memory(&w.l1, GPA));
		vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, 0);
		l1_join(&s.v);
		CHECK_EQ(s.v.result, H_NOT_AVAILABLE);
		nothing_is_held(&w);
		vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, L1_PTCR);
	}
	world_end(&w);
}

/* --- C12: it counts only if the VMM means to change it ------------------- */

static void guests_are_untouched(struct world *w, s64 kills)
{
	CHECK_EQ(vcpu_reg(&w->v.vcpu, KVM_REG_PPC_PTCR), L1_PTCR);
	CHECK_EQ(vm_counter(&w->l1.vm, "guests"), GUESTS);
	CHECK_EQ(vm_counter(&w->l1.vm, "kills"), kills);
	l2_must_store(&w->v, L2_DATA, 7);
}

/* As device_add of a vCPU does: all registers of a vCPU that never ran. */
static void c12_hot_plug(void)
{
	static struct world w;
	static struct spinner s;
	struct vcpu fresh;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x100000, SHIFT_64K, PTE_ALL);
	run_guests(&w);
	spinner_create(&s, &w, 1);
	spinner_store(&s, L2_DATA, 8, 0x10000);
	vcpu_create(&w.l1.vm, 2, &fresh);
	vcpu_set_reg(&fresh, KVM_REG_PPC_PTCR, 0);
	guests_are_untouched(&w, 0);
	vcpu_set_reg(&fresh, KVM_REG_PPC_PTCR,
		     vcpu_reg(&fresh, KVM_REG_PPC_PTCR));
	guests_are_untouched(&w, 0);
	CHECK(!s.v.ended);
	spinner_stop(&s);
	vcpu_destroy(&fresh);
	world_end(&w);
}

/* What was read before L1 changed it is put back after. */
static void c12_stale_value_is_put(void)
{
	static struct world w;
	static struct l1_vcpu other;
	u64 stale, stale_other;

	l1_create(&w.l1, L1_LITTLE, L1_DATA_BYTES);
	l1_add_vcpu(&w.l1, &w.v, 0);
	l1_add_vcpu(&w.l1, &other, 1);
	stale = vcpu_reg(&w.v.vcpu, KVM_REG_PPC_PTCR);
	stale_other = vcpu_reg(&other.vcpu, KVM_REG_PPC_PTCR);
	CHECK_EQ(stale, 0);
	l1_new_tree(&w.l1, &w.tree);
	l1_map(&w.tree, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x100000, SHIFT_64K, PTE_ALL);
	CHECK_EQ(l1_set_table(&w.v, L1_PTCR), H_SUCCESS);
	run_guests(&w);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, stale);
	vcpu_set_reg(&other.vcpu, KVM_REG_PPC_PTCR, stale_other);
	guests_are_untouched(&w, 0);
	world_end(&w);
}

/* A VMM that reads all registers, changes them and puts them: a reset. */
static void c12_reset_after_a_look(void)
{
	static struct world w;
	static struct l1_vcpu other;

	world_create(&w, L1_LITTLE);
	l1_add_vcpu(&w.l1, &other, 1);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x100000, SHIFT_64K, PTE_ALL);
	run_guests(&w);
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_PTCR), L1_PTCR);
	CHECK_EQ(vcpu_reg(&other.vcpu, KVM_REG_PPC_PTCR), L1_PTCR);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, 0);
	vcpu_set_reg(&other.vcpu, KVM_REG_PPC_PTCR, 0);
	nothing_is_held(&w);
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_PTCR), 0);
	/* L1 boots again, and the VMM puts what it put: nothing is meant. */
	CHECK_EQ(l1_set_table(&other, L1_PTCR), H_SUCCESS);
	run_guests(&w);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, 0);
	vcpu_set_reg(&other.vcpu, KVM_REG_PPC_PTCR, 0);
	guests_are_untouched(&w, GUESTS);
	world_end(&w);
}

/* A VMM that never reads the register resets every vCPU. */
static void c12_reset_without_a_look(void)
{
	static struct world w;
	static struct l1_vcpu other;

	world_create(&w, L1_LITTLE);
	l1_add_vcpu(&w.l1, &other, 1);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x100000, SHIFT_64K, PTE_ALL);
	run_guests(&w);
	vcpu_set_reg(&other.vcpu, KVM_REG_PPC_PTCR, 0);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, 0);
	nothing_is_held(&w);
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_PTCR), 0);
	CHECK_EQ(l1_set_table(&w.v, L1_PTCR), H_SUCCESS);
	world_end(&w);
}

/* The destination puts zeroes first, then what the source had, on each vCPU. */
static void c12_migration(void)
{
	static struct world w;
	static struct l1_vcpu other;

	l1_create(&w.l1, L1_LITTLE, L1_DATA_BYTES);
	l1_add_vcpu(&w.l1, &w.v, 0);
	l1_add_vcpu(&w.l1, &other, 1);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, 0);
	vcpu_set_reg(&other.vcpu, KVM_REG_PPC_PTCR, 0);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_PTCR, L1_PTCR);
	vcpu_set_reg(&other.vcpu, KVM_REG_PPC_PTCR, L1_PTCR);
	l1_new_tree(&w.l1, &w.tree);
	l1_map(&w.tree, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x100000, SHIFT_64K, PTE_ALL);
	run_guests(&w);
	/* Loaded again while L1 is there: what was saved is as it is. */
	vcpu_set_reg(&other.vcpu, KVM_REG_PPC_PTCR, L1_PTCR);
	guests_are_untouched(&w, 0);
	world_end(&w);
}

/* One vCPU puts and gets for ever, while L1 changes its table from another. */
static volatile int putting;

static void *put_and_get(void *vcpu)
{
	while (putting)
		vcpu_set_reg(vcpu, KVM_REG_PPC_PTCR,
			     vcpu_reg(vcpu, KVM_REG_PPC_PTCR));
	return NULL;
}

static void c12_put_and_get_beside_l1(void)
{
	static struct world w;
	static struct l1_vcpu other;
	pthread_t thread;
	unsigned int round;

	world_create(&w, L1_LITTLE);
	l1_add_vcpu(&w.l1, &other, 1);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x100000, SHIFT_64K, PTE_ALL);
	putting = 1;
	CHECK(!pthread_create(&thread, NULL, put_and_get, &other.vcpu));
	for (round = 0; round < 300; round++) {
		CHECK_EQ(l1_set_table(&w.v, 0), H_SUCCESS);
		CHECK_EQ(l1_enter(&w.v), H_NOT_AVAILABLE);
		CHECK_EQ(l1_set_table(&w.v, L1_PTCR), H_SUCCESS);
		l2_must_store(&w.v, L2_DATA, round);
	}
	putting = 0;
	pthread_join(thread, NULL);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i5_any_value", i5_any_value },
	{ "i5_large_table", i5_large_table },
	{ "register_follows_the_hypercall", register_follows_the_hypercall },
	{ "l11_zero_gives_all_back", l11_zero_gives_all_back },
	{ "same_value_drops_nothing", same_value_drops_nothing },
	{ "l11_zero_under_a_peer", l11_zero_under_a_peer },
	{ "c12_hot_plug", c12_hot_plug },
	{ "c12_stale_value_is_put", c12_stale_value_is_put },
	{ "c12_reset_after_a_look", c12_reset_after_a_look },
	{ "c12_reset_without_a_look", c12_reset_without_a_look },
	{ "c12_migration", c12_migration },
	{ "c12_put_and_get_beside_l1", c12_put_and_get_beside_l1 },
};

TEST_MAIN(cases)
