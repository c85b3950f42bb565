// SPDX-License-Identifier: GPL-2.0-only
/*
 * I10: what L1 passes to H_ENTER_NESTED is read once. One vCPU of L1 enters,
 * and another writes one field, by turns good and bad, as fast as it can.
 *
 * The first is told what one of the two values means, and L2 never runs with
 * the bad one.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/spinner.h"

#define ROUNDS		400
#define FIRST		0x1001
#define SECOND		0x2002
#define MSR_HV		BIT(60)
#define MSR_S		BIT(22)
#define MSR_TS_S	BIT(33)
#define MSR_TS_T	BIT(34)
#define MSR_BAD		(MSR_HV | MSR_S | MSR_TS_S | MSR_TS_T)

/* Good or bad, for a doubleword of the state or the registers. */
struct flip {
	const char *name;
	size_t offset;
	u64 good;
	u64 bad;
	s64 refusal;			/* for bad, 0 for none */
};

#define IN_REGS		0x1000

/* lpid and vcpu_token share a doubleword, in the order of memory. */
#define LPID_TOKEN(lpid, token)	((u64)(token) << 32 | (lpid))
#define STATE_AT(field)	offsetof(struct hv_state, field)
#define REGS_AT(field)	(IN_REGS + offsetof(struct l2_regs, field))
#define MSR_GOOD	(MSR_SF | MSR_ME | MSR_LE)

static const struct flip flips[] = {
	{ "no lpid", STATE_AT(lpid), LPID_TOKEN(1, 0), LPID_TOKEN(0, 0),
	  H_PARAMETER },
	{ "large lpid", STATE_AT(lpid), LPID_TOKEN(1, 0),
	  LPID_TOKEN(0x7fffffff, 0), H_PARAMETER },
	{ "empty lpid", STATE_AT(lpid), LPID_TOKEN(1, 0), LPID_TOKEN(9, 0),
	  H_PARAMETER },
	{ "other lpid", STATE_AT(lpid), LPID_TOKEN(1, 0), LPID_TOKEN(2, 0) },
	{ "token", STATE_AT(lpid), LPID_TOKEN(1, 0), LPID_TOKEN(1, ~0U),
	  H_PARAMETER },
	{ "versions", STATE_AT(version), 2, 1 },
	{ "no version", STATE_AT(version), 2, 3, H_PARAMETER },
	{ "large version", STATE_AT(version), 1, ~0ULL, H_PARAMETER },
	{ "lpcr", STATE_AT(lpcr), 0, ~0ULL },
	{ "hfscr", STATE_AT(hfscr), 0, ~0ULL },
	{ "pcr", STATE_AT(pcr), 0, ~0ULL },
	{ "tb_offset", STATE_AT(tb_offset), 0, 1, H_PARAMETER },
	{ "ciabr", STATE_AT(ciabr), 0, L2_SNIPPETS | 3 },
	{ "dawrx0", STATE_AT(dawrx0), 0, 4 },
	{ "msr hv", REGS_AT(msr), MSR_GOOD, MSR_GOOD | MSR_HV | MSR_S },
	{ "msr ts", REGS_AT(msr), MSR_GOOD, MSR_GOOD | MSR_TS_S, H_BAD_MODE },
	{ "msr ts both", REGS_AT(msr), MSR_GOOD,
	  MSR_GOOD | MSR_TS_S | MSR_TS_T, H_PARAMETER },
};

static struct world w;
static struct l1_vcpu flipper, *enterer;
static const struct flip *flip;

static u64 flip_gpa(void)
{
	if (flip->offset >= IN_REGS)
		return enterer->regs_gpa + flip->offset - IN_REGS;
	return enterer->state_gpa + flip->offset;
}

/* L1 itself writes: both values, until the flags say stop. */
static void write_by_turns(struct l1_vcpu *v)
{
	vcpu_start_at(&v->vcpu, L1_SNIPPETS + (l1_flip - snippets_begin),
		      l1_msr(v->l1));
	L1_HCALL(v, H_DONE, flip_gpa(), flip->good, flip->bad,
		 L1_DATA + SPIN_STOP);
	vcpu_start_at(&v->vcpu, L1_STUB, l1_msr(v->l1));
}

static volatile u64 *stop_word(void)
{
	return l1_memory(&w.l1, L1_DATA + SPIN_STOP);
}

static void start_flipping(void)
{
	*stop_word() = 0;
	l1_go(&flipper, write_by_turns);
}

static void stop_flipping(void)
{
	__atomic_store_n(stop_word(), ~0ULL, __ATOMIC_SEQ_CST);
	l1_join(&flipper);
}

/* All but the doubleword that is flipped. */
static void fill(unsigned int round)
{
	SET_REGS(enterer, nip, L2_SNIPPETS + (l2_load_msr - snippets_begin));
	if (flip->offset != REGS_AT(msr))
		SET_REGS(enterer, msr, MSR_GOOD);
	SET_REG(enterer, 4, L2_DATA);
	SET_REG(enterer, 5, 0);
	SET_REG(enterer, 6, ~0ULL);
	SET_REG(enterer, 31, round);
}

/* What L2 has loaded says which guest it is; its MSR was read by itself. */
static void check_run(unsigned int round, s64 r)
{
	u64 value = REG(enterer, 5);

	if (r != TRAP_HCALL)
		fail("%s, round %u: r3 is 0x%llx", flip->name, round,
		     (unsigned long long)r);
	CHECK_EQ(REG(enterer, 31), round);
	CHECK_EQ(REG(enterer, 6) & MSR_BAD, 0);
	CHECK(value == FIRST ||
	      (value == SECOND && flip->bad == LPID_TOKEN(2, 0)));
}

static void one_flip(const struct flip *which)
{
	unsigned int round, refused = 0;
	s64 r;

	flip = which;
	l2_prepare(enterer, 1);
	SET_REGS(enterer, msr, MSR_GOOD);
	start_flipping();
	for (round = 0; round < ROUNDS; round++) {
		fill(round);
		r = l1_enter(enterer);
		if (!r || r == TRAP_EXTERNAL || r == TRAP_HDEC)
			continue;
		refused += r == which->refusal;
		if (!which->refusal || r != which->refusal)
			check_run(round, r);
	}
	stop_flipping();
	note("%s: %u of %u refused", which->name, refused, ROUNDS);
	if (which->refusal)
		CHECK(refused > 0 && refused < ROUNDS);
}

static void begin(void)
{
	static struct l1_tree second;

	world_create(&w, L1_LITTLE);
	enterer = &w.v;
	l1_add_vcpu(&w.l1, &flipper, 1);
	l1_new_tree(&w.l1, &second);
	l1_map(&second, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	l1_map(&w.tree, L2_DATA, L1_DATA + 0x200000, SHIFT_64K, PTE_ALL);
	l1_map(&second, L2_DATA, L1_DATA + 0x300000, SHIFT_64K, PTE_ALL);
	*(u64 *)l1_memory(&w.l1, L1_DATA + 0x200000) = FIRST;
	*(u64 *)l1_memory(&w.l1, L1_DATA + 0x300000) = SECOND;
	l1_install(&w.l1, 2, &second);
}

/* The same buffers each time: L0 reads them where they are. */
static void i10_buffers_in_place(void)
{
	size_t i;

	begin();
	for (i = 0; i < ARRAY_SIZE(flips); i++)
		one_flip(&flips[i]);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

/* Over a boundary of pages they are copied. */
static void i10_buffers_copied(void)
{
	u64 gpa = L1_DATA + 0x500000 - 8;
	size_t i;

	begin();
	enterer->state_gpa = gpa;
	enterer->regs_gpa = gpa + 0x10000;
	enterer->state = l1_memory(&w.l1, gpa);
	enterer->regs = l1_memory(&w.l1, gpa + 0x10000);
	for (i = 0; i < ARRAY_SIZE(flips); i++)
		one_flip(&flips[i]);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i10_buffers_in_place", i10_buffers_in_place, 120 },
	{ "i10_buffers_copied", i10_buffers_copied, 120 },
};

TEST_MAIN(cases)
