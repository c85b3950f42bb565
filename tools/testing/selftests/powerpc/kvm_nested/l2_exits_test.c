// SPDX-License-Identifier: GPL-2.0-only
/* C9: exits that are L1's to judge reach it, interrupts of L0 are L2's own. */
#include "lib/l1.h"

#define NOWHERE		0x7000000000ULL
#define NO_TABLE	0x8000000ULL	/* L2 real, where L1 has no memory */
#define USER		0x2000000ULL	/* L2 effective, for problem state */
#define LPCR_ILE	BIT(25)
#define FACILITY_MSGP	10
#define MSR_EE		BIT(15)

static struct world w;

static s64 run_at(const char *snippet)
{
	l2_goto(&w.v, snippet);
	return l1_run(&w.v);
}

static u64 address_of(const char *snippet)
{
	return L2_SNIPPETS + (snippet - snippets_begin);
}

/* --- facilities --- */

static void disabled(const char *snippet)
{
	SET_STATE(&w.v, hfscr, 0);
	CHECK_EQ(run_at(snippet), TRAP_HFAC);
	CHECK_EQ(STATE(&w.v, hfscr) >> 56, FACILITY_MSGP);
	CHECK_EQ(REGS(&w.v, nip), address_of(snippet));
}

static void c9_facility_that_l1_disabled(void)
{
	world_create(&w, L1_LITTLE);
	disabled(l2_doorbell);
	disabled(l2_read_dpdes);
	world_end(&w);
}

/* What L1 allows and L0 does not have is no instruction. */
static void enabled(const char *snippet)
{
	SET_STATE(&w.v, hfscr, BIT(FACILITY_MSGP));
	CHECK_EQ(run_at(snippet), TRAP_HEAI);
	CHECK_EQ(STATE(&w.v, heir), *(const u32 *)snippet);
	CHECK_EQ(REGS(&w.v, nip), address_of(snippet));
}

static void c9_facility_that_l1_enabled(void)
{
	world_create(&w, L1_LITTLE);
	enabled(l2_doorbell);
	enabled(l2_read_dpdes);
	world_end(&w);
}

/* L1 may map code that cannot be read: then it is told no instruction. */
static void c9_facility_in_code_for_execution_only(void)
{
	world_create(&w, L1_LITTLE);
	world_translate(&w);
	l1_map(&w.tree, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_REF | PTE_EXEC);
	CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
	SET_STATE(&w.v, hfscr, BIT(FACILITY_MSGP));
	CHECK_EQ(run_at(l2_doorbell), TRAP_HEAI);
	world_end(&w);
}

/* --- hypercalls --- */

static void own_hcall(u64 address, u64 msr)
{
	SET_REGS(&w.v, nip, address);
	SET_REGS(&w.v, msr, msr);
	SET_REG(&w.v, 3, H_RPT_INVALIDATE);
	SET_REG(&w.v, 4, 1);
	SET_REG(&w.v, 5, RPTI_TARGET_CMMU);
	SET_REG(&w.v, 6, RPTI_TYPE_TLB);
	SET_REG(&w.v, 7, RPTI_PAGE_64K);
	SET_REG(&w.v, 8, 0);
	SET_REG(&w.v, 9, 0x10000);
	SET_REG(&w.v, 11, 77);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
}

static void c9_hcall_from_problem_state(void)
{
	u64 offset = l2_own_hcall - snippets_begin;
	u64 msr;

	world_create(&w, L1_LITTLE);
	world_translate(&w);
	l1_map(&w.ea, USER, L2_SNIPPETS, SHIFT_64K, PTE_ALL);
	msr = l1_msr(&w.l1) | MSR_IR | MSR_DR;

	/* L0 does it for the kernel of L2: L1 sees the next one. */
	own_hcall(L2_SNIPPETS + offset, msr);
	CHECK_EQ(REG(&w.v, 11), H_SUCCESS);
	CHECK_EQ(REG(&w.v, 3), 0);

	own_hcall(USER + offset, msr | MSR_PR | MSR_EE);
	CHECK_EQ(REGS(&w.v, nip), USER + offset + 4);
	CHECK_EQ(REG(&w.v, 3), H_RPT_INVALIDATE);
	CHECK_EQ(REG(&w.v, 11), 77);
	world_end(&w);
}

/* --- interrupts --- */

/*
 * L2's tables for 1G from L2_DATA on are in no memory. Nor does L2 have code
 * at its vectors: L1 sees the first fetch there.
 */
static void begin_without_table(enum l1_order order)
{
	u64 *root, *entry;

	world_create(&w, order);
	world_translate(&w);
	l1_map(&w.tree, NO_TABLE, NOWHERE, SHIFT_64K, PTE_ALL);
	root = l1_memory(&w.l1, w.ea.root);
	entry = l1_memory(&w.l1, __builtin_bswap64(root[0]) & PDE_NLB);
	entry[L2_DATA >> SHIFT_1G] =
		__builtin_bswap64(PTE_VALID | NO_TABLE | 9);
}

static void interrupt_of_other_order(enum l1_order order)
{
	u64 ile = order == L1_BIG ? LPCR_ILE : 0;

	begin_without_table(order);
	SET_STATE(&w.v, lpcr, ile);
	CHECK_EQ(l2_do_load(&w.v, L2_DATA, NULL), TRAP_HISI);
	CHECK_EQ(REGS(&w.v, nip), 0x300);
	CHECK_EQ(REGS(&w.v, msr) & MSR_LE, ile ? MSR_LE : 0);
	CHECK_EQ(STATE(&w.v, srr0), address_of(l2_load));

	/* Nor does it stay: the next one is as L1 says then. */
	SET_STATE(&w.v, lpcr, ile ^ LPCR_ILE);
	CHECK_EQ(l2_do_load(&w.v, L2_DATA, NULL), TRAP_HISI);
	CHECK_EQ(REGS(&w.v, nip), 0x300);
	CHECK_EQ(REGS(&w.v, msr) & MSR_LE, ile ? 0 : MSR_LE);
	world_end(&w);
}

static void c9_interrupt_in_big_endian_below_little(void)
{
	interrupt_of_other_order(L1_LITTLE);
}

static void c9_interrupt_in_little_endian_below_big(void)
{
	interrupt_of_other_order(L1_BIG);
}

static const struct test_case cases[] = {
	{ "c9_facility_that_l1_disabled", c9_facility_that_l1_disabled },
	{ "c9_facility_that_l1_enabled", c9_facility_that_l1_enabled },
	{ "c9_facility_in_code_for_execution_only",
	  c9_facility_in_code_for_execution_only, 10 },
	{ "c9_hcall_from_problem_state", c9_hcall_from_problem_state },
	{ "c9_interrupt_in_big_endian_below_little",
	  c9_interrupt_in_big_endian_below_little },
	{ "c9_interrupt_in_little_endian_below_big",
	  c9_interrupt_in_little_endian_below_big },
};

TEST_MAIN(cases)
