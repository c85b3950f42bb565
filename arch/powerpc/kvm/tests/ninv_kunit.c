// SPDX-License-Identifier: GPL-2.0-only
/* The decoding of invalidations. */
#include "cases_ninv.h"
#include "nested_test.h"

static void check(int err, const struct ninv *inv, const struct ninv_want *want)
{
	EXPECT_EQ(err, want->err);
	if (err || want->err)
		return;
	EXPECT_EQ(inv->kind, want->kind);
	if (want->kind != NINV_ALL_TLB && want->kind != NINV_ALL_ALL)
		EXPECT_EQ(inv->glpid.val, want->glpid);
	if (want->kind != NINV_RANGE)
		return;
	EXPECT_EQ(inv->start, want->start);
	EXPECT_EQ(inv->last, want->last);
}

TEST(ninv_tlbie_decodes_or_refuses)
{
	struct ninv inv;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(ninv_tlbie_cases); i++) {
		test_row("%s", ninv_tlbie_cases[i].name);
		memset(&inv, 0xa5, sizeof(inv));
		err = ninv_decode_tlbie(ninv_tlbie_cases[i].insn,
					ninv_tlbie_cases[i].rs,
					ninv_tlbie_cases[i].rb, &inv);
		check(err, &inv, &ninv_tlbie_cases[i].want);
	}
}

TEST(ninv_rpt_decodes_or_refuses)
{
	struct ninv inv;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(ninv_rpt_cases); i++) {
		test_row("%s", ninv_rpt_cases[i].name);
		memset(&inv, 0xa5, sizeof(inv));
		err = ninv_decode_rpt(ninv_rpt_cases[i].lpid,
				      ninv_rpt_cases[i].type,
				      ninv_rpt_cases[i].pg_sizes,
				      ninv_rpt_cases[i].start,
				      ninv_rpt_cases[i].end, &inv);
		check(err, &inv, &ninv_rpt_cases[i].want);
	}
}

/* What holds for any operand whatever. */
static void check_form(const struct ninv *inv)
{
	bool all = inv->kind >= NINV_ALL_PWC;

	EXPECT(inv->kind <= NINV_ALL_ALL);
	EXPECT(inv->glpid.val < 4096);
	if (!all && inv->kind != NINV_NOTHING)
		EXPECT(inv->glpid.val > 0);
	if (inv->kind != NINV_RANGE)
		return;
	EXPECT(inv->start <= inv->last);
	EXPECT(inv->last <= 0xfffffffffffff);
	EXPECT(IS_ALIGNED(inv->start, 0x1000));
	EXPECT(IS_ALIGNED(inv->last + 1, 0x1000));
}

static u64 pick(u64 *s)
{
	static const u64 special[] = { 0, 1, 0xfff, 0x1000, 1ULL << 52,
				       (1ULL << 52) - 1, ~0ULL, ~0ULL - 1 };
	u64 r = rnd(s);

	switch (r & 3) {
	case 0:
		return special[(r >> 2) % ARRAY_SIZE(special)];
	case 1:
		return rnd(s) & 0xfffff;
	case 2:
		return 1ULL << (r >> 2 & 63);
	}
	return rnd(s);
}

TEST(ninv_result_is_well_formed_for_any_operands)
{
	u64 s = 3, start, end, lpid;
	struct ninv inv;
	unsigned int i;

	for (i = 0; i < TEST_ROUNDS; i++) {
		test_row("%u", i);
		lpid = rnd(&s) & 1 ? rnd(&s) & 0x1fff : pick(&s);
		if (!ninv_decode_tlbie(pick(&s) | 0x10000, lpid, pick(&s),
				       &inv))
			check_form(&inv);
		start = pick(&s);
		end = pick(&s);
		if (end < start)
			continue;
		if (ninv_decode_rpt(lpid, rnd(&s) & 0xf, rnd(&s) & 0x1f, start,
				    end, &inv))
			continue;
		check_form(&inv);
		if (inv.kind != NINV_RANGE)
			continue;
		/* N1: what L1 asks is dropped, or more. */
		EXPECT(inv.start <= start);
		EXPECT(inv.last >= min(end - 1, 0xfffffffffffffULL));
	}
}

TEST_SUITE(kvm_nested_ninv,
	   KUNIT_CASE(ninv_tlbie_decodes_or_refuses),
	   KUNIT_CASE(ninv_rpt_decodes_or_refuses),
	   KUNIT_CASE(ninv_result_is_well_formed_for_any_operands));
