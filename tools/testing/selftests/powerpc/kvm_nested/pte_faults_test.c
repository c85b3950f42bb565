// SPDX-License-Identifier: GPL-2.0-only
/* What L1 does not allow is reflected to L1, with the status hardware gives. */
#include "lib/l1.h"

#define WHY	(DSISR_NOHPTE | DSISR_NOEXEC | DSISR_PROTFAULT | DSISR_UNSUPP_MMU | \
		 DSISR_SET_RC | DSISR_PRTABLE_FAULT)
#define PAGE	(L2_DATA + 0x2468)

static void check_hdsi(struct l1_vcpu *v, s64 trap, u64 why, u64 ngpa)
{
	CHECK_EQ(trap, TRAP_HDSI);
	CHECK_EQ(STATE(v, hdsisr) & (WHY | DSISR_ISSTORE), why);
	CHECK_EQ(STATE(v, hdar), ngpa);
	CHECK_EQ(STATE(v, asdr) & ~0xf000000000000fffULL, ngpa & ~0xfffULL);
}

static void check_load(struct world *w, u64 why)
{
	check_hdsi(&w->v, l2_do_load(&w->v, PAGE, NULL), why, PAGE);
}

static void check_store(struct world *w, u64 why)
{
	check_hdsi(&w->v, l2_do_store(&w->v, PAGE, 1), why | DSISR_ISSTORE,
		   PAGE);
}

static s64 fetch(struct world *w, u64 ngpa)
{
	l2_goto(&w->v, l2_jump);
	SET_REG(&w->v, 4, ngpa);
	return l1_run(&w->v);
}

static void check_fetch(struct world *w, u64 why)
{
	CHECK_EQ(fetch(w, L2_DATA), TRAP_HISI);
	CHECK_EQ(REGS(&w->v, msr) & WHY, why);
	CHECK_EQ(REGS(&w->v, nip), L2_DATA);
	CHECK_EQ(STATE(&w->v, asdr) & ~0xf000000000000fffULL, L2_DATA);
	CHECK_EQ(REGS(&w->v, msr) & l1_msr(&w->l1), l1_msr(&w->l1));
}

static void give(struct world *w, u64 bits)
{
	l1_map(&w->tree, L2_DATA, L1_DATA, SHIFT_64K, bits);
}

static void absent(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	check_load(&w, DSISR_NOHPTE);
	check_store(&w, DSISR_NOHPTE);
	check_fetch(&w, DSISR_NOHPTE);
	world_end(&w);
}

static void store_to_read_only(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	give(&w, PTE_REF | PTE_CHG | PTE_READ);
	check_store(&w, DSISR_PROTFAULT);
	l2_must_load(&w.v, PAGE);
	check_store(&w, DSISR_PROTFAULT);
	world_end(&w);
}

static void load_without_right(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	give(&w, PTE_REF | PTE_CHG | PTE_EXEC);
	check_load(&w, DSISR_PROTFAULT);
	world_end(&w);
}

static void fetch_without_right(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	give(&w, PTE_REF | PTE_CHG | PTE_READ | PTE_WRITE);
	check_fetch(&w, DSISR_NOEXEC);
	l2_must_load(&w.v, PAGE);
	check_fetch(&w, DSISR_NOEXEC);
	world_end(&w);
}

/* The right to execute alone is enough to fetch. */
static void fetch_with_right(void)
{
	static struct world w;
	u32 *code;

	world_create(&w, L1_LITTLE);
	code = l1_memory(&w.l1, L1_DATA);
	*code = 0x44000022;			/* sc 1 */
	__builtin___clear_cache(code, code + 1);
	give(&w, PTE_REF | PTE_EXEC);
	CHECK_EQ(fetch(&w, L2_DATA), TRAP_HCALL);
	CHECK_EQ(REGS(&w.v, nip), L2_DATA + 4);
	world_end(&w);
}

/* Neither, then R, then R and C; L1 sets them, and tells nobody. */
static void r_and_c_in_three_steps(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	give(&w, PTE_READ | PTE_WRITE);
	check_load(&w, DSISR_SET_RC);
	check_store(&w, DSISR_SET_RC);
	give(&w, PTE_READ | PTE_WRITE | PTE_REF);
	l2_must_load(&w.v, PAGE);
	check_store(&w, DSISR_SET_RC);
	CHECK_EQ(l1_pte(&w.tree, PAGE) & (PTE_REF | PTE_CHG), PTE_REF);
	give(&w, PTE_READ | PTE_WRITE | PTE_REF | PTE_CHG);
	l2_must_store(&w.v, PAGE, 77);
	CHECK_EQ(l2_must_load(&w.v, PAGE), 77);
	world_end(&w);
}

static void fetch_sets_r(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	give(&w, PTE_EXEC);
	check_fetch(&w, DSISR_SET_RC);
	world_end(&w);
}

/* Each size, at its first and last doubleword. */
static void all_sizes(void)
{
	static const unsigned int shifts[] = {
		SHIFT_4K, SHIFT_64K, SHIFT_2M, SHIFT_1G,
	};
	static struct world w;
	u64 ngpa, span;
	size_t i;

	world_create(&w, L1_LITTLE);
	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		ngpa = (2 + i) << SHIFT_1G;
		span = BIT(shifts[i]);
		if (span > L1_DATA_BYTES)
			span = L1_DATA_BYTES;
		l1_map(&w.tree, ngpa, L1_DATA, shifts[i], PTE_ALL);
		l2_must_store(&w.v, ngpa, i + 10);
		l2_must_store(&w.v, ngpa + span - 8, i + 20);
		CHECK_EQ(*(u64 *)l1_memory(&w.l1, L1_DATA), i + 10);
		CHECK_EQ(*(u64 *)l1_memory(&w.l1, L1_DATA + span - 8), i + 20);
		vm_check_audit(&w.l1.vm);
	}
	world_end(&w);
}

static void misaligned_frame(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	l1_map(&w.tree, L2_DATA, L1_DATA + 0x1000, SHIFT_64K, PTE_ALL);
	check_load(&w, DSISR_UNSUPP_MMU);
	world_end(&w);
}

/* A directory that names an index width that POWER9 does not have. */
static void strange_width(void)
{
	static struct world w;
	u64 *entry;
	u64 table;

	world_create(&w, L1_LITTLE);
	l1_map(&w.tree, BIT(SHIFT_512G), L1_DATA, SHIFT_64K, PTE_ALL);
	entry = (u64 *)l1_memory(&w.l1, w.tree.root) + 1;
	table = __builtin_bswap64(*entry) & PDE_NLB;
	*entry = __builtin_bswap64(PTE_VALID | table | 7);
	CHECK_EQ(l2_do_load(&w.v, BIT(SHIFT_512G), NULL), TRAP_HDSI);
	CHECK_EQ(STATE(&w.v, hdsisr) & WHY, DSISR_UNSUPP_MMU);
	*entry = __builtin_bswap64(PTE_VALID | table);
	CHECK_EQ(l2_do_load(&w.v, BIT(SHIFT_512G), NULL), TRAP_HDSI);
	CHECK_EQ(STATE(&w.v, hdsisr) & WHY, DSISR_UNSUPP_MMU);
	*entry = __builtin_bswap64(PTE_VALID | table | 9);
	l2_must_load(&w.v, BIT(SHIFT_512G));
	world_end(&w);
}

static void leaf_at_the_root(void)
{
	static struct world w;
	u64 *entry;

	world_create(&w, L1_LITTLE);
	l2_prepare(&w.v, 1);
	entry = (u64 *)l1_memory(&w.l1, w.tree.root) + 1;
	*entry = __builtin_bswap64(PTE_VALID | PTE_LEAF | PTE_ALL);
	CHECK_EQ(l2_do_load(&w.v, BIT(SHIFT_512G), NULL), TRAP_HDSI);
	CHECK_EQ(STATE(&w.v, hdsisr) & WHY, DSISR_UNSUPP_MMU);
	world_end(&w);
}

/* L1's table is where L1 has no memory: the address of the entry is told. */
static void table_outside_memory(void)
{
	static struct world w;
	u64 nowhere = 0x7f00000000ULL;
	u64 *entry;

	world_create(&w, L1_LITTLE);
	entry = (u64 *)l1_memory(&w.l1, w.tree.root) + 1;
	*entry = __builtin_bswap64(PTE_VALID | nowhere | 9);
	CHECK_EQ(l2_do_load(&w.v, BIT(SHIFT_512G), NULL), TRAP_HDSI);
	CHECK_EQ(STATE(&w.v, hdsisr) & WHY, DSISR_PRTABLE_FAULT);
	CHECK_EQ(STATE(&w.v, asdr) & ~0xf000000000000fffULL, nowhere);
	world_end(&w);
}

/*
 * I9: an L2 real address above 52 bits has no translation. The CPU may find
 * that out by itself and interrupt L2: then L2 has no code at the vector.
 */
static void i9_address_above_52_bits(void)
{
	static struct world w;
	u64 high = BIT(53) | PAGE;
	s64 trap;

	world_create(&w, L1_LITTLE);
	give(&w, PTE_ALL);
	l2_must_store(&w.v, PAGE, 7);
	trap = l2_do_store(&w.v, high, 8);
	if (trap == TRAP_HDSI)
		CHECK_EQ(STATE(&w.v, hdsisr) & WHY, DSISR_NOHPTE);
	else
		CHECK(trap == TRAP_HISI && REGS(&w.v, nip) == 0x380);
	CHECK_EQ(l2_must_load(&w.v, PAGE), 7);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "absent", absent },
	{ "store_to_read_only", store_to_read_only },
	{ "load_without_right", load_without_right },
	{ "fetch_without_right", fetch_without_right },
	{ "fetch_with_right", fetch_with_right },
	{ "r_and_c_in_three_steps", r_and_c_in_three_steps },
	{ "fetch_sets_r", fetch_sets_r },
	{ "all_sizes", all_sizes },
	{ "misaligned_frame", misaligned_frame },
	{ "strange_width", strange_width },
	{ "leaf_at_the_root", leaf_at_the_root },
	{ "table_outside_memory", table_outside_memory },
	{ "i9_address_above_52_bits", i9_address_above_52_bits },
};

TEST_MAIN(cases)
