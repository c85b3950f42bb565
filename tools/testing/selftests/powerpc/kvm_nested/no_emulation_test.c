// SPDX-License-Identifier: GPL-2.0-only
/* C10: what L0 cannot emulate interrupts the guest, and is not tried again. */
#include "lib/l1.h"

#define NOWHERE		0x7000000000ULL
#define CODE		(L2_DATA + 0x10000)	/* L2's, for execution only */
#define VALUE		0x0102030405060708ULL
#define LPCR_ILE	BIT(25)
#define SRR1_NOEXEC	0x10000000ULL
#define LD_R6_R4	0xe8c40000U	/* ld r6, 0(r4) */
#define VECTORS		(MSR_FP | MSR_VEC | MSR_VSX)

static struct world w;

static void begin(enum l1_order order)
{
	world_create(&w, order);
	l1_map(&w.tree, L2_DATA, NOWHERE, SHIFT_64K, PTE_ALL);
	SET_STATE(&w.v, lpcr, order == L1_BIG ? 0 : LPCR_ILE);
	SET_STATE(&w.v, hfscr, 3);
	w.v.l2_msr = VECTORS;
}

/* --- a guest of the guest, in real mode --- */

/* L2 has no code at its vectors: L1 sees the first fetch there. */
static void interrupts_l2(const char *snippet, u64 vector, u64 at)
{
	l2_goto(&w.v, snippet);
	SET_REG(&w.v, 4, L2_DATA);
	CHECK_EQ(l1_enter(&w.v), TRAP_HISI);
	CHECK_EQ(REGS(&w.v, nip), vector);
	CHECK_EQ(STATE(&w.v, srr0), at);
	CHECK_EQ(w.v.mmio.count, 0);
}

static u64 address_of(const char *snippet)
{
	return L2_SNIPPETS + (snippet - snippets_begin);
}

static void c10_fetch_of_l2_without_memory(void)
{
	begin(L1_LITTLE);
	interrupts_l2(l2_jump, 0x400, L2_DATA);
	CHECK_EQ(STATE(&w.v, srr1) & SRR1_NOEXEC, SRR1_NOEXEC);
	world_end(&w);
}

static void c10_vector_of_l2(void)
{
	begin(L1_LITTLE);
	interrupts_l2(l2_load_quad_vector, 0x300,
		      address_of(l2_load_quad_vector));
	world_end(&w);
}

static void c10_multiple_of_l2(void)
{
	begin(L1_BIG);
	interrupts_l2(l2_load_multiple, 0x300, address_of(l2_load_multiple));
	world_end(&w);
}

/* Nothing to do where there is no cache: it is done. */
static void c10_cache_operation_of_l2(void)
{
	begin(L1_LITTLE);
	l2_goto(&w.v, l2_icbi);
	SET_REG(&w.v, 4, L2_DATA);
	CHECK_EQ(l1_enter(&w.v), TRAP_HCALL);
	world_end(&w);
}

/* What L2 executes next is emulated, once, and has loaded what it should. */
static void l2_loads_by_mmio(void)
{
	CHECK_EQ(l1_enter(&w.v), 0);
	CHECK_EQ(w.v.mmio.count, 1);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	CHECK_EQ(REG(&w.v, 5), VALUE);
	world_end(&w);
}

/* L1 maps L2's code for execution only; L0 has to read it all the same. */
static void c10_code_for_execution_only(void)
{
	begin(L1_LITTLE);
	l1_map(&w.tree, CODE, L1_SNIPPETS, SHIFT_64K, PTE_REF | PTE_EXEC);
	w.v.mmio.answer = VALUE;
	l2_goto(&w.v, l2_load);
	SET_REGS(&w.v, nip, CODE + (l2_load - snippets_begin));
	SET_REG(&w.v, 4, L2_DATA);
	l2_loads_by_mmio();
}

/* All of a page of L1 is another load than that of the code. */
static void fill_with_decoys(u64 gpa)
{
	u32 *decoy = l1_memory(&w.l1, gpa);
	unsigned int i;

	for (i = 0; i < 0x10000 / sizeof(*decoy); i++)
		decoy[i] = l1_swap32(&w.l1, LD_R6_R4);
}

/* Only data are translated, not the code. */
static void c10_code_of_l2_in_real_mode(void)
{
	begin(L1_LITTLE);
	world_translate(&w);
	fill_with_decoys(L1_DATA);
	l1_map(&w.tree, CODE, L1_DATA, SHIFT_64K, PTE_ALL);
	l1_set_pte(&w.ea, L2_SNIPPETS,
		   PTE_VALID | PTE_LEAF | CODE | PTE_ALL | PTE_PRIV);
	w.v.l2_msr = MSR_DR;
	w.v.mmio.answer = VALUE;
	CHECK_EQ((u32)l2_must_load(&w.v, L2_SNIPPETS), LD_R6_R4);
	l2_goto(&w.v, l2_load);
	SET_REG(&w.v, 4, L2_DATA);
	l2_loads_by_mmio();
}

/* A translating L2 is read through quadrants, which find nothing to read. */
static void c10_code_of_a_process_for_execution_only(void)
{
	begin(L1_LITTLE);
	world_translate(&w);
	l1_map(&w.tree, CODE, L1_SNIPPETS, SHIFT_64K, PTE_REF | PTE_EXEC);
	l2_goto(&w.v, l2_load);
	SET_REGS(&w.v, nip, CODE + (l2_load - snippets_begin));
	SET_REG(&w.v, 4, L2_DATA);
	CHECK_EQ(l1_enter(&w.v), TRAP_HISI);
	CHECK_EQ(REGS(&w.v, nip), 0x300);
	CHECK_EQ(STATE(&w.v, srr0), CODE + (l2_load - snippets_begin));
	CHECK_EQ(w.v.mmio.count, 0);
	world_end(&w);
}

/* --- a plain guest --- */

/* Where @vector of L1 is taken, say so: r4 = SRR1, r5 = SRR0. */
static void begin_plain(enum l1_order order, u64 vector)
{
	u32 *to;
	const u32 *from = (const u32 *)l1_vector;
	unsigned int i;

	begin(order);
	to = l1_memory(&w.l1, vector);
	for (i = 0; i < 8; i++)
		to[i] = l1_swap32(&w.l1, from[i]);
	__builtin___clear_cache((char *)to, (char *)(to + 8));
}

static u64 plain(const char *snippet)
{
	const u64 *args = w.v.vcpu.run->papr_hcall.args;

	vcpu_start_at(&w.v.vcpu, L1_SNIPPETS + (snippet - snippets_begin),
		      l1_msr(&w.l1) | VECTORS);
	L1_HCALL(&w.v, H_DONE, NOWHERE);
	CHECK_EQ(w.v.mmio.count, 0);
	vcpu_start_at(&w.v.vcpu, L1_STUB, l1_msr(&w.l1));
	return args[1];
}

static void c10_fetch_of_a_guest_without_memory(void)
{
	begin_plain(L1_LITTLE, 0x400);
	CHECK_EQ(plain(l2_jump), NOWHERE);
	CHECK_EQ(w.v.vcpu.run->papr_hcall.args[0] & SRR1_NOEXEC, SRR1_NOEXEC);
	world_end(&w);
}

static void c10_vector_of_a_guest(void)
{
	begin_plain(L1_LITTLE, 0x300);
	CHECK_EQ(plain(l2_load_quad_vector),
		 address_of(l2_load_quad_vector) - L2_SNIPPETS + L1_SNIPPETS);
	world_end(&w);
}

static void c10_multiple_of_a_guest(void)
{
	begin_plain(L1_BIG, 0x300);
	CHECK_EQ(plain(l2_load_multiple),
		 address_of(l2_load_multiple) - L2_SNIPPETS + L1_SNIPPETS);
	world_end(&w);
}

/* Goes on behind it, with what it was given in r5. */
static void c10_cache_operation_of_a_guest(void)
{
	begin_plain(L1_LITTLE, 0x300);
	CHECK_EQ(plain(l2_icbi), 0);
	world_end(&w);
}

/* The guest has tables of its own, in which CODE is @gpa. */
static void begin_process(u64 gpa, u64 bits)
{
	struct kvm_ppc_mmuv3_cfg mmu = {
		.flags = KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE,
	};
	u64 table;

	begin(L1_LITTLE);
	table = l1_alloc(&w.l1, 0x10000);
	mmu.process_table = PATB_HR | table | 4;
	l1_new_tree(&w.l1, &w.ea);
	l1_map(&w.ea, CODE, gpa, SHIFT_64K, bits | PTE_PRIV);
	l1_map(&w.ea, L2_DATA, NOWHERE, SHIFT_64K, PTE_ALL | PTE_PRIV);
	*(u64 *)l1_memory(&w.l1, table) =
		__builtin_bswap64(l1_root_word(&w.ea) & ~PATB_HR);
	control(w.l1.vm.fd, KVM_PPC_CONFIGURE_V3_MMU, &mmu,
		"KVM_PPC_CONFIGURE_V3_MMU");
	w.v.mmio.answer = VALUE;
}

static u64 load(u64 code, u64 msr, u64 ea)
{
	vcpu_start_at(&w.v.vcpu, code + (l2_load - snippets_begin),
		      l1_msr(&w.l1) | msr);
	L1_HCALL(&w.v, H_DONE, ea);
	return w.v.vcpu.run->papr_hcall.args[1];
}

static void load_by(u64 code, u64 msr, u64 ea)
{
	CHECK_EQ(load(code, msr, ea), VALUE);
	CHECK_EQ(w.v.mmio.count, 1);
	vcpu_start_at(&w.v.vcpu, L1_STUB, l1_msr(&w.l1));
	world_end(&w);
}

/* The guest's own tables allow no more than to execute what it executes. */
static void c10_code_of_a_guest_for_execution_only(void)
{
	begin_process(L1_SNIPPETS, PTE_REF | PTE_EXEC);
	load_by(CODE, MSR_IR | MSR_DR, L2_DATA);
}

/* In real mode its tables say nothing about what it executes. */
static void c10_code_of_a_guest_in_real_mode(void)
{
	begin_process(L1_SNIPPETS, PTE_ALL);
	fill_with_decoys(L1_DATA);
	l1_map(&w.ea, L1_SNIPPETS, L1_DATA, SHIFT_64K, PTE_ALL | PTE_PRIV);
	/* L0 has all of it mapped now. */
	CHECK_EQ((u32)load(CODE, MSR_IR | MSR_DR, L1_SNIPPETS), LD_R6_R4);
	load_by(L1_SNIPPETS, 0, NOWHERE);
}

static const struct test_case cases[] = {
	{ "c10_fetch_of_l2_without_memory", c10_fetch_of_l2_without_memory, 10 },
	{ "c10_vector_of_l2", c10_vector_of_l2, 10 },
	{ "c10_multiple_of_l2", c10_multiple_of_l2, 10 },
	{ "c10_cache_operation_of_l2", c10_cache_operation_of_l2, 10 },
	{ "c10_code_for_execution_only", c10_code_for_execution_only, 10 },
	{ "c10_code_of_a_process_for_execution_only",
	  c10_code_of_a_process_for_execution_only, 10 },
	{ "c10_code_of_l2_in_real_mode", c10_code_of_l2_in_real_mode, 10 },
	{ "c10_fetch_of_a_guest_without_memory",
	  c10_fetch_of_a_guest_without_memory, 10 },
	{ "c10_vector_of_a_guest", c10_vector_of_a_guest, 10 },
	{ "c10_multiple_of_a_guest", c10_multiple_of_a_guest, 10 },
	{ "c10_cache_operation_of_a_guest", c10_cache_operation_of_a_guest, 10 },
	{ "c10_code_of_a_guest_for_execution_only",
	  c10_code_of_a_guest_for_execution_only, 10 },
	{ "c10_code_of_a_guest_in_real_mode",
	  c10_code_of_a_guest_in_real_mode, 10 },
};

TEST_MAIN(cases)
