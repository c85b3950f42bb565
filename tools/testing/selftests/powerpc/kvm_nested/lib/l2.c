// SPDX-License-Identifier: GPL-2.0-only
/* What L1 does with an L2: registers, and one access at a time. */
#include <stdlib.h>
#include <string.h>

#include "l1.h"

/**
 * l2_prepare() - an L2 in real mode that may use what L1 may
 * @v: vCPU whose buffers are filled
 * @lpid: L1's LPID
 */
void l2_prepare(struct l1_vcpu *v, u32 lpid)
{
	memset(v->state, 0, sizeof(*v->state));
	memset(v->regs, 0, sizeof(*v->regs));
	SET_STATE(v, version, 2);
	SET_STATE32(v, lpid, lpid);
	SET_STATE32(v, vcpu_token, v->vcpu.id);
	SET_STATE(v, amor, ~0ULL);
	SET_REGS(v, msr, l1_msr(v->l1));
}

void l2_goto(struct l1_vcpu *v, const char *snippet)
{
	SET_REGS(v, nip, L2_SNIPPETS + (snippet - snippets_begin));
	SET_REGS(v, msr, l1_msr(v->l1) | v->l2_msr);
}

/* Return: trap; TRAP_HCALL if the access succeeded. */
s64 l2_do_store(struct l1_vcpu *v, u64 ngpa, u64 value)
{
	l2_goto(v, l2_store);
	SET_REG(v, 4, ngpa);
	SET_REG(v, 5, value);
	return l1_run(v);
}

s64 l2_do_load(struct l1_vcpu *v, u64 ngpa, u64 *value)
{
	s64 trap;

	l2_goto(v, l2_load);
	SET_REG(v, 4, ngpa);
	trap = l1_run(v);
	if (value)
		*value = REG(v, 5);
	return trap;
}

static void must(struct l1_vcpu *v, s64 trap, u64 ngpa)
{
	if (trap != TRAP_HCALL)
		fail("L2 at 0x%llx: r3 %lld (0x%llx) hdsisr 0x%llx asdr 0x%llx nip 0x%llx",
		     (unsigned long long)ngpa, (long long)trap,
		     (unsigned long long)trap,
		     (unsigned long long)STATE(v, hdsisr),
		     (unsigned long long)STATE(v, asdr),
		     (unsigned long long)REGS(v, nip));
}

void l2_must_store(struct l1_vcpu *v, u64 ngpa, u64 value)
{
	must(v, l2_do_store(v, ngpa, value), ngpa);
}

u64 l2_must_load(struct l1_vcpu *v, u64 ngpa)
{
	u64 value = 0;

	must(v, l2_do_load(v, ngpa, &value), ngpa);
	return value;
}

/**
 * l2_touch_pages() - L2 stores to one doubleword of each of many pages
 * @v: vCPU
 * @ngpa: first
 * @n: how many
 * @stride: distance
 *
 * Return: ticks of all stores together.
 */
u64 l2_touch_pages(struct l1_vcpu *v, u64 ngpa, u64 n, u64 stride)
{
	l2_goto(v, l2_touch);
	SET_REG(v, 4, ngpa);
	SET_REG(v, 5, n);
	SET_REG(v, 6, stride);
	must(v, l1_run(v), ngpa);
	return REG(v, 8);
}

/**
 * world_begin() - give an L1 that was started a vCPU and a guest
 * @w: w->l1 is started
 */
void world_begin(struct world *w)
{
	l1_add_vcpu(&w->l1, &w->v, 0);
	l1_new_tree(&w->l1, &w->tree);
	l1_map(&w->tree, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K,
	       PTE_REF | PTE_READ | PTE_EXEC);
	l1_install(&w->l1, 1, &w->tree);
	CHECK_EQ(l1_set_table(&w->v, L1_PTCR), H_SUCCESS);
	l2_prepare(&w->v, 1);
}

/**
 * world_create_sized() - an L1 with one vCPU and one L2, LPID 1
 * @w: filled
 * @order: endianness of L1
 * @data_bytes: size of L1's data
 *
 * The L2 has its instructions mapped, and no data yet.
 */
void world_create_sized(struct world *w, enum l1_order order, size_t data_bytes)
{
	l1_create(&w->l1, order, data_bytes);
	world_begin(w);
}

void world_create(struct world *w, enum l1_order order)
{
	world_create_sized(w, order, L1_DATA_BYTES);
}

/**
 * world_translate() - give L2 a process table and a tree of its own
 * @w: world; its L2 leaves real mode
 *
 * Addresses stay what they are. The tables are in L1's pool, which L2 finds at
 * the same addresses, from L1_POOL on for 16M.
 */
void world_translate(struct world *w)
{
	u64 table = l1_alloc(&w->l1, 0x10000);
	u64 *entry = l1_memory(&w->l1, table);

	l1_new_tree(&w->l1, &w->ea);
	entry[0] = __builtin_bswap64(l1_root_word(&w->ea) & ~PATB_HR);
	l1_map(&w->ea, L2_SNIPPETS, L2_SNIPPETS, SHIFT_64K, PTE_ALL | PTE_PRIV);
	l1_map(&w->ea, L2_DATA, L2_DATA, SHIFT_2M, PTE_ALL | PTE_PRIV);
	l1_map_range(&w->tree, L1_POOL, L1_POOL, 0x1000000, SHIFT_64K, PTE_ALL);
	l1_set_entry(&w->l1, 1, l1_root_word(&w->tree), PATB_HR | table);
	CHECK_EQ(l1_inval_entry(&w->v, 1), H_SUCCESS);
	w->v.l2_msr = MSR_IR | MSR_DR;
}

/**
 * l2_has_no_quadrants() - L0 did not reach a translating L2 through quadrants
 *
 * An error where KVM_NESTED_QUADRANTS says that the CPU can do that.
 */
void l2_has_no_quadrants(void)
{
	if (getenv("KVM_NESTED_QUADRANTS"))
		fail("L0 does not reach L2 through quadrants");
	note("this CPU does not reach L2 through quadrants");
}

void world_end(struct world *w)
{
	l1_finish(&w->l1);
}
