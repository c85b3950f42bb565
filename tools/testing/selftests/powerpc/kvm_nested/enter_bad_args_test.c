// SPDX-License-Identifier: GPL-2.0-only
/* H_ENTER_NESTED with every argument and field wrong, in both byte orders. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/l1.h"

#define NOWHERE		0x7f00000000ULL
#define MSR_TS_S	BIT(33)
#define MSR_TS_T	BIT(34)
#define MSR_HV		BIT(60)
#define MSR_S		BIT(22)

static const enum l1_order orders[] = { L1_LITTLE, L1_BIG };

static void good(struct l1_vcpu *v)
{
	l2_goto(v, l2_hcall);
	SET_REG(v, 3, 0x77);
	CHECK_EQ(l1_run(v), TRAP_HCALL);
	CHECK_EQ(REG(v, 3), 0x77);
}

/* One doubleword of the state, what to put there, what L1 is told. */
struct bad_field {
	size_t offset;
	unsigned int width;
	u64 value;
	s64 result;
};

#define FIELD(field, value, result) {					\
	offsetof(struct hv_state, field),				\
	sizeof(((struct hv_state *)0)->field), value, result		\
}

static const struct bad_field bad_fields[] = {
	FIELD(version, 0, H_PARAMETER),
	FIELD(version, 3, H_PARAMETER),
	FIELD(version, ~0ULL, H_PARAMETER),
	FIELD(version, BIT(32) | 2, H_PARAMETER),
	FIELD(version, 2ULL << 56, H_PARAMETER),
	FIELD(lpid, 0, H_PARAMETER),
	FIELD(lpid, 5, H_PARAMETER),		/* empty entry */
	FIELD(lpid, 4095, H_PARAMETER),
	FIELD(lpid, 4096, H_PARAMETER),
	FIELD(lpid, BIT(31), H_PARAMETER),
	FIELD(lpid, 0xffffffff, H_PARAMETER),
	FIELD(vcpu_token, 0xffffffff, H_PARAMETER),
	FIELD(vcpu_token, BIT(31), H_PARAMETER),
	FIELD(tb_offset, 1, H_PARAMETER),
	FIELD(tb_offset, BIT(23), H_PARAMETER),
	FIELD(tb_offset, ~0ULL, H_PARAMETER),
	FIELD(tb_offset, BIT(63) | 0x1000, H_PARAMETER),
};

static void set_field(struct l1_vcpu *v, size_t offset, unsigned int width,
		      u64 value)
{
	char *at = (char *)v->state + offset;

	if (width == 4)
		*(u32 *)at = l1_swap32(v->l1, value);
	else
		*(u64 *)at = l1_swap64(v->l1, value);
}

static void i5_refused_fields(void)
{
	static struct world w;
	size_t o, i;

	for (o = 0; o < ARRAY_SIZE(orders); o++) {
		world_create(&w, orders[o]);
		for (i = 0; i < ARRAY_SIZE(bad_fields); i++) {
			const struct bad_field *f = &bad_fields[i];

			l2_prepare(&w.v, 1);
			l2_goto(&w.v, l2_hcall);
			set_field(&w.v, f->offset, f->width, f->value);
			if (l1_enter(&w.v) != f->result)
				fail("order %zu, row %zu: not refused", o, i);
			CHECK_EQ(REGS(&w.v, nip), L2_SNIPPETS +
				 (l2_hcall - snippets_begin));
		}
		l2_prepare(&w.v, 1);
		good(&w.v);
		world_end(&w);
	}
}

/* What L1 may not give, L2 does not get; it runs all the same. */
static void i9_sanitised_fields(void)
{
	static const struct bad_field fields[] = {
		FIELD(lpcr, ~0ULL, 0),
		FIELD(pcr, 0, 0),
		FIELD(amor, 0, 0),
		FIELD(hfscr, ~0ULL, 0),
		FIELD(dawr0, 0, 0),
		FIELD(dawrx0, 0x4, 0),
		FIELD(dawrx1, 0x4, 0),
		FIELD(ciabr, L2_SNIPPETS | 3, 0),
		FIELD(tb_offset, BIT(24), 0),
		FIELD(tb_offset, -BIT(24), 0),
		FIELD(purr, ~0ULL, 0),
		FIELD(vtb, ~0ULL, 0),
		FIELD(pidr, 0xfffff, 0),
	};
	static struct world w;
	size_t o, i;

	for (o = 0; o < ARRAY_SIZE(orders); o++) {
		world_create(&w, orders[o]);
		for (i = 0; i < ARRAY_SIZE(fields); i++) {
			l2_prepare(&w.v, 1);
			set_field(&w.v, fields[i].offset, fields[i].width,
				  fields[i].value);
			good(&w.v);
		}
		world_end(&w);
	}
}

static void i9_msr_bits(void)
{
	static struct world w;
	size_t o;

	for (o = 0; o < ARRAY_SIZE(orders); o++) {
		world_create(&w, orders[o]);
		l2_goto(&w.v, l2_hcall);
		SET_REGS(&w.v, msr, (l1_msr(&w.l1) | MSR_HV | MSR_S) & ~MSR_ME);
		CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
		CHECK_EQ(REGS(&w.v, msr) & (MSR_HV | MSR_S | MSR_ME), MSR_ME);
		l2_goto(&w.v, l2_hcall);
		SET_REGS(&w.v, msr, l1_msr(&w.l1) | MSR_TS_S);
		CHECK_EQ(l1_enter(&w.v), H_BAD_MODE);
		SET_REGS(&w.v, msr, l1_msr(&w.l1) | MSR_TS_T);
		CHECK_EQ(l1_enter(&w.v), H_BAD_MODE);
		SET_REGS(&w.v, msr, l1_msr(&w.l1) | MSR_TS_T | MSR_TS_S);
		CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
		good(&w.v);
		world_end(&w);
	}
}

/* Version 1 ends before dawr1: what is behind it is not touched. */
static void both_versions(void)
{
	static struct world w;
	size_t o;

	for (o = 0; o < ARRAY_SIZE(orders); o++) {
		world_create(&w, orders[o]);
		SET_STATE(&w.v, version, 1);
		w.v.state->dawr1 = 0xa5a5a5a5a5a5a5a5ULL;
		w.v.state->dawrx1 = 0x5a5a5a5a5a5a5a5aULL;
		good(&w.v);
		CHECK_EQ(w.v.state->dawr1, 0xa5a5a5a5a5a5a5a5ULL);
		CHECK_EQ(w.v.state->dawrx1, 0x5a5a5a5a5a5a5a5aULL);
		CHECK_EQ(STATE(&w.v, version), 1);
		SET_STATE(&w.v, version, 2);
		SET_STATE(&w.v, dawr1, 0);
		SET_STATE(&w.v, dawrx1, 0);
		good(&w.v);
		world_end(&w);
	}
}

/* A version 1 at the very end of memory: nothing behind it is read. */
static void version_1_at_the_end_of_memory(void)
{
	static struct world w;
	u64 gpa = L1_LOW_BYTES - offsetof(struct hv_state, dawr1);

	world_create(&w, L1_LITTLE);
	l2_goto(&w.v, l2_hcall);
	SET_STATE(&w.v, version, 1);
	SET_STATE(&w.v, hdec_expiry, timebase() + w.v.slice);
	memcpy(l1_memory(&w.l1, gpa), w.v.state, offsetof(struct hv_state, dawr1));
	CHECK_EQ(L1_HCALL(&w.v, H_ENTER_NESTED, gpa, w.v.regs_gpa), TRAP_HCALL);
	*(u64 *)l1_memory(&w.l1, gpa) = 2;
	CHECK_EQ(L1_HCALL(&w.v, H_ENTER_NESTED, gpa, w.v.regs_gpa), H_PARAMETER);
	world_end(&w);
}

/* C5: a buffer that cannot be read or written is refused before L2 runs. */
static void c5_buffers(void)
{
	static struct world w;
	u64 *marker;
	size_t i;

	world_create(&w, L1_LITTLE);
	l1_map(&w.tree, L2_DATA, L1_DATA, SHIFT_64K, PTE_ALL);
	marker = l1_memory(&w.l1, L1_DATA);
	l2_goto(&w.v, l2_store);
	SET_REG(&w.v, 4, L2_DATA);
	SET_REG(&w.v, 5, 0xbad);
	SET_STATE(&w.v, hdec_expiry, timebase() + w.v.slice);
	const u64 bad[][2] = {
		{ NOWHERE, w.v.regs_gpa },
		{ w.v.state_gpa, NOWHERE },
		{ L1_LOW_BYTES - 8, w.v.regs_gpa },
		{ w.v.state_gpa, L1_LOW_BYTES - 8 },
		{ ~0ULL, w.v.regs_gpa },
		{ w.v.state_gpa, ~0ULL - 7 },
		{ BIT(60) | w.v.state_gpa, NOWHERE },
	};
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (L1_HCALL(&w.v, H_ENTER_NESTED, bad[i][0], bad[i][1]) !=
		    H_PARAMETER)
			fail("row %zu is not refused", i);
		CHECK_EQ(*marker, 0);
	}
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	CHECK_EQ(*marker, 0xbad);
	world_end(&w);
}

/*
 * C5: the VMM has made the buffer read-only. That is seen before L2 runs, or L1
 * is told afterwards; either way L1 goes on.
 */
static void c5_buffer_read_only_for_the_vmm(void)
{
	static struct world w;
	char *page;
	s64 r;

	world_create(&w, L1_LITTLE);
	page = l1_memory(&w.l1, L1_DATA);
	l2_goto(&w.v, l2_hcall);
	SET_STATE(&w.v, hdec_expiry, timebase() + w.v.slice);
	memcpy(page, w.v.state, sizeof(*w.v.state));
	CHECK(!mprotect(page, BIT(SHIFT_64K), PROT_READ));
	r = L1_HCALL(&w.v, H_ENTER_NESTED, L1_DATA, w.v.regs_gpa);
	CHECK(r == H_PARAMETER || r == H_AUTHORITY);
	CHECK(!mprotect(page, BIT(SHIFT_64K), PROT_READ | PROT_WRITE));
	l2_goto(&w.v, l2_hcall);
	r = L1_HCALL(&w.v, H_ENTER_NESTED, L1_DATA, w.v.regs_gpa);
	CHECK_EQ(r, TRAP_HCALL);
	world_end(&w);
}

/* Buffers at odd addresses, over a page boundary, and one over the other. */
static void strange_buffers(void)
{
	static struct world w;
	u64 at = L1_DATA + 0x10000 - 0x35;

	world_create(&w, L1_LITTLE);
	l2_goto(&w.v, l2_hcall);
	SET_STATE(&w.v, hdec_expiry, timebase() + w.v.slice);
	memcpy(l1_memory(&w.l1, at), w.v.state, sizeof(*w.v.state));
	memcpy(l1_memory(&w.l1, at + 0x30000), w.v.regs, sizeof(*w.v.regs));
	CHECK_EQ(L1_HCALL(&w.v, H_ENTER_NESTED, at, at + 0x30000), TRAP_HCALL);
	L1_HCALL(&w.v, H_ENTER_NESTED, w.v.state_gpa, w.v.state_gpa);
	l2_prepare(&w.v, 1);
	good(&w.v);
	world_end(&w);
}

static void bad_tables(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	CHECK_EQ(l1_set_table(&w.v, L1_TABLE | 5), H_PARAMETER);
	CHECK_EQ(l1_set_table(&w.v, L1_TABLE | 31), H_PARAMETER);
	CHECK_EQ(l1_set_table(&w.v, NOWHERE | 4), H_PARAMETER);
	good(&w.v);
	/* A table of 256 entries: 300 is outside, whatever is in memory there. */
	l1_install(&w.l1, 300, &w.tree);
	CHECK_EQ(l1_set_table(&w.v, L1_TABLE), H_SUCCESS);
	SET_STATE32(&w.v, lpid, 300);
	CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	SET_STATE32(&w.v, lpid, 1);
	good(&w.v);
	world_end(&w);
}

/* Roots that make no sense: L2 faults, or is not entered. */
static void bad_roots(void)
{
	static const u64 roots[] = {
		1, PATB_HR, ~0ULL, PATB_HR | PATB_RTS52 | NOWHERE | ROOT_BITS,
		PATB_RTS52 | ROOT_BITS, PATB_HR | ROOT_BITS,
		PATB_HR | PATB_RTS52 | L1_POOL | 31, PATB_HR | PATB_RTS52 | L1_POOL,
		PATB_HR | PATB_RTS52 | 0x100 | ROOT_BITS,
	};
	static struct world w;
	size_t i;
	s64 r;

	world_create(&w, L1_LITTLE);
	for (i = 0; i < ARRAY_SIZE(roots); i++) {
		l1_set_entry(&w.l1, 1, roots[i], ~0ULL);
		CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
		l2_goto(&w.v, l2_hcall);
		r = l1_run(&w.v);
		if (r != TRAP_HISI && r != H_PARAMETER && r != TRAP_HCALL)
			fail("root %zu: 0x%llx", i, (unsigned long long)r);
	}
	l1_install(&w.l1, 1, &w.tree);
	CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
	good(&w.v);
	world_end(&w);
}

static int is_documented(s64 r)
{
	static const s64 codes[] = {
		0, H_NOT_AVAILABLE, H_PARAMETER, H_BAD_MODE, H_AUTHORITY, H_P2,
		0x500, 0x980, 0xc00, 0xe00, 0xe20, 0xe40, 0xf80, 0x200,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(codes); i++)
		if (r == codes[i])
			return 1;
	return 0;
}

/* C7: whatever is in the buffers, the code is one that is documented. */
static void c7_random_buffers(void)
{
	static struct world w;
	unsigned int round, i;
	s64 r;

	srandom(20260101);
	world_create(&w, L1_LITTLE);
	w.v.slice = 5 * TICKS_PER_MS;
	for (round = 0; round < 400; round++) {
		l2_prepare(&w.v, 1);
		l2_goto(&w.v, l2_hcall);
		for (i = 0; i < 1 + round % 6; i++) {
			u64 *at = round & 1 ? (u64 *)w.v.state + random() % 31 :
					      (u64 *)w.v.regs + random() % 40;

			*at = (u64)random() << 33 ^ (u64)random() << 11 ^
			      (round & 2 ? random() : 0);
		}
		r = l1_enter(&w.v);
		if (!is_documented(r))
			fail("round %u: 0x%llx", round, (unsigned long long)r);
	}
	l2_prepare(&w.v, 1);
	good(&w.v);
	world_end(&w);
}

/* I10: another CPU of L1 changes the state while it is fetched. */
static struct world shared;
static volatile int keep_going;

static void *scribble(void *unused)
{
	struct hv_state *state = shared.v.state;
	u64 n;

	(void)unused;
	for (n = 0; keep_going; n++) {
		state->version = n % 5;
		state->lpid = n % 3;
		state->tb_offset = n % 7 ? 0 : n;
		state->vcpu_token = n % 11 ? 0 : n;
		shared.v.regs->msr = l1_msr(&shared.l1) |
				     (n % 13 ? 0 : (n & 3) << 33);
	}
	return NULL;
}

static void i10_state_changes_while_it_is_read(void)
{
	pthread_t thread;
	unsigned int round;
	s64 r;

	world_create(&shared, L1_LITTLE);
	keep_going = 1;
	CHECK(!pthread_create(&thread, NULL, scribble, NULL));
	for (round = 0; round < 300; round++) {
		shared.v.regs->nip = L2_SNIPPETS + (l2_hcall - snippets_begin);
		r = l1_enter(&shared.v);
		if (!is_documented(r))
			fail("round %u: 0x%llx", round, (unsigned long long)r);
	}
	keep_going = 0;
	pthread_join(thread, NULL);
	l2_prepare(&shared.v, 1);
	good(&shared.v);
	world_end(&shared);
}

/* L12: a token is only bookkeeping; two vCPUs with one token both run. */
static void l12_tokens(void)
{
	static struct world w;
	static struct l1_vcpu other;
	unsigned int i;

	world_create(&w, L1_LITTLE);
	l1_add_vcpu(&w.l1, &other, 1);
	l2_prepare(&other, 1);
	SET_STATE32(&other, vcpu_token, 0);
	for (i = 0; i < 20; i++) {
		good(&w.v);
		good(&other);
	}
	for (i = 0; i < 32; i++) {
		SET_STATE32(&w.v, vcpu_token, i);
		good(&w.v);
	}
	world_end(&w);
}

/* L10: a thousand refusals print nothing. */
static void l10_refusals_are_quiet(void)
{
	static struct world w;
	unsigned int i;

	world_create(&w, L1_LITTLE);
	for (i = 0; i < 250; i++) {
		SET_STATE(&w.v, version, 9);
		CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
		SET_STATE(&w.v, version, 2);
		SET_STATE32(&w.v, lpid, 7);
		CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
		SET_STATE32(&w.v, lpid, 1);
		CHECK_EQ(l1_set_table(&w.v, NOWHERE), H_PARAMETER);
		CHECK_EQ(l1_tlbie(&w.v, 3, 1, 0), H_PARAMETER);
	}
	good(&w.v);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i5_refused_fields", i5_refused_fields },
	{ "i9_sanitised_fields", i9_sanitised_fields },
	{ "i9_msr_bits", i9_msr_bits },
	{ "both_versions", both_versions },
	{ "version_1_at_the_end_of_memory", version_1_at_the_end_of_memory },
	{ "c5_buffers", c5_buffers },
	{ "c5_buffer_read_only_for_the_vmm", c5_buffer_read_only_for_the_vmm },
	{ "strange_buffers", strange_buffers },
	{ "bad_tables", bad_tables },
	{ "bad_roots", bad_roots },
	{ "c7_random_buffers", c7_random_buffers },
	{ "i10_state_changes_while_it_is_read",
	  i10_state_changes_while_it_is_read },
	{ "l12_tokens", l12_tokens },
	{ "l10_refusals_are_quiet", l10_refusals_are_quiet },
};

TEST_MAIN(cases)
