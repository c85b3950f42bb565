// SPDX-License-Identifier: GPL-2.0-only
/* The decisions on one fault of an L2. */
#include "cases_nfault.h"
#include "nested_test.h"

TEST(nfault_init_decodes_what_hardware_says)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nfault_init_cases); i++) {
		struct nested_fault f = { .side = nfault_init_cases[i].side };

		test_row("%s", nfault_init_cases[i].name);
		nfault_init(&f, nfault_init_cases[i].dsisr,
			    nfault_init_cases[i].asdr,
			    nfault_init_cases[i].dar);
		EXPECT_EQ(f.ngpa, nfault_init_cases[i].ngpa);
		EXPECT_EQ(f.access, nfault_init_cases[i].access);
		EXPECT_EQ(f.dsisr, nfault_init_cases[i].dsisr);
	}
}

TEST(nfault_refusal_names_what_is_missing)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nfault_refusal_cases); i++) {
		test_row("%#llx", nfault_refusal_cases[i].pte);
		EXPECT_EQ(nfault_refusal(nfault_refusal_cases[i].pte,
					 nfault_refusal_cases[i].access),
			  nfault_refusal_cases[i].why);
	}
}

TEST(nfault_l1_refusal_covers_every_cause)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nfault_l1_cases); i++) {
		struct nested_fault f = {
			.access = NFAULT_LOAD,
			.l1 = { .cause = nfault_l1_cases[i].cause,
				.pte = { nfault_l1_cases[i].pte } },
		};

		test_row("%u", i);
		EXPECT_EQ(nfault_l1_refusal(&f), nfault_l1_cases[i].why);
	}
}

/* C6: what neither L1 nor the host has taken away may stay. */
TEST(nfault_still_gives_what_nobody_has_taken_away)
{
	static const u64 ro = RPT_R | RPT_REF;
	static const u64 rw = RPT_R | RPT_W | RPT_RC;
	static const struct {
		u64 l1, l0, had;
		u64 moved;
		bool gives;
	} cases[] = {
		/* A store, C of L1 clear: what L2 loads stays. */
		{ RPT_R | RPT_W | RPT_REF, rw, ro, 0, true },
		{ RPT_W | RPT_REF, rw, ro, 0, true },
		{ rw, rw, rw, 0, true },
		/* R of the host's leaf comes and goes. */
		{ rw, rw & ~RPT_REF, rw, 0, true },
		{ RPT_R | RPT_W | RPT_REF, rw, ro, 0x10000, false },
		{ RPT_R | RPT_W, rw, ro, 0, false },
		{ RPT_R | RPT_W | RPT_REF, rw, rw, 0, false },
		{ rw, ro, rw, 0, false },
		{ RPT_X | RPT_REF, rw | RPT_X, ro, 0, false },
		{ rw, rw, ro | RPT_X, 0, false },
		/* A blocked leaf gives nothing. */
		{ rw, RPT_RC, ro, 0, false },
	};
	struct pst_table table = { .base = 0x200000, .shift = 16, .bits = 5 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct pst_leaf l0 = { .pa = 0x40000000, .shift = 21,
					     .attrs = cases[i].l0 };
		const struct nested_fault f = {
			.ngpa = 0x212345,
			.l1 = { .pte = { cases[i].l1 }, .shift = 16,
				.addr = 0x632345 + cases[i].moved },
		};
		const struct pst_pos pos = {
			.table = &table, .index = 1,
			.pte = { 0x40030000 | cases[i].had },
		};

		test_row("%u", i);
		EXPECT_EQ(nfault_still_gives(&f, &l0, 16, &pos),
			  cases[i].gives);
	}
}

TEST(nfault_reflected_status_has_only_bits_of_its_register)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nfault_reflect_cases); i++) {
		struct nested_fault f = {
			.dsisr = nfault_reflect_cases[i].dsisr
		};

		test_row("%u", i);
		EXPECT_EQ(nfault_reflect_dsisr(&f,
					       nfault_reflect_cases[i].why),
			  nfault_reflect_cases[i].hdsisr);
		EXPECT_EQ(nfault_reflect_srr1(&f, nfault_reflect_cases[i].msr,
					      nfault_reflect_cases[i].why),
			  nfault_reflect_cases[i].hsrr1);
	}
}

static const unsigned int sizes[] = { 12, 16, 21, 30 };

/*
 * The reference: try every size from the largest. A leaf is possible if it lies
 * in one leaf of L1 and in one of ours. Below 2M it is our base page, or L1's
 * page if that is smaller.
 */
static unsigned int best_shift(unsigned int l1, unsigned int l0,
			       unsigned int base)
{
	int i;

	for (i = ARRAY_SIZE(sizes) - 1; i >= 0; i--) {
		if (sizes[i] > l1 || sizes[i] > l0)
			continue;
		if (sizes[i] < 21 && sizes[i] > base)
			continue;
		return sizes[i];
	}
	return 0;
}

TEST(nfault_leaf_is_the_largest_that_fits_both)
{
	unsigned int i, j, base;

	for (base = 12; base <= 16; base += 4) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			for (j = 0; j < ARRAY_SIZE(sizes); j++) {
				/* Our own leaves are base pages or larger. */
				if (sizes[j] < base ||
				    (sizes[j] < 21 && sizes[j] != base))
					continue;
				test_row("L1 %u L0 %u base %u", sizes[i],
					 sizes[j], base);
				EXPECT_EQ(nfault_leaf_shift(sizes[i], sizes[j],
							    base),
					  best_shift(sizes[i], sizes[j],
						     base));
			}
		}
	}
}

TEST(nfault_leaf_size_below_2M_does_not_depend_on_ours)
{
	unsigned int i, base;

	for (base = 12; base <= 16; base += 4) {
		for (i = 0; i < 2; i++) {
			test_row("L1 %u base %u", sizes[i], base);
			EXPECT_EQ(nfault_leaf_shift(sizes[i], base, base),
				  nfault_leaf_shift(sizes[i], 30, base));
		}
	}
}

/* What an access may do through one leaf, by the table of the ISA. */
static u64 allows(u64 pte)
{
	static const u64 allow[] = { 0, 1, 6, 7, 4, 5, 6, 7 };

	return allow[pte & 7];
}

static void check_attrs(u64 l1, u64 l0, u64 got)
{
	u64 both = allows(l1) & allows(l0);
	u64 want = both & 5;

	if ((both & 2) && (l1 & 0x80) && (l0 & 0x80))
		want |= 2;
	/* P7: exactly what both allow, but W only with C on both sides (C1). */
	EXPECT_EQ(allows(got), want);
	EXPECT_EQ(!!(got & 2), !!(got & 0x80));
	EXPECT_EQ(got & 0x100, l1 & l0 & 0x100);
	EXPECT_EQ(got & 0x30, l0 & 0x30);
	EXPECT_EQ(got & ~0x1b7ULL, 0);
}

static void check_place(const struct nested_fault *f,
			const struct pst_leaf *l0, unsigned int base)
{
	unsigned int shift = best_shift(f->l1.shift, l0->shift, base);
	u64 page = 1ULL << shift;

	EXPECT_EQ(f->leaf.shift, shift);
	EXPECT_EQ(f->addr % page, 0);
	EXPECT_EQ(f->gpa % page, 0);
	EXPECT_EQ(f->leaf.pa % page, 0);
	EXPECT(f->addr <= f->ngpa && f->ngpa < f->addr + page);
	EXPECT(f->gpa <= f->l1.addr && f->l1.addr < f->gpa + page);
	/* The byte that faulted goes where both leaves send it. */
	EXPECT_EQ(f->leaf.pa + (f->ngpa - f->addr),
		  l0->pa + f->l1.addr % (1ULL << l0->shift));
	/* Every byte of the leaf is inside ours. */
	EXPECT(f->leaf.pa >= l0->pa &&
	       f->leaf.pa + page <= l0->pa + (1ULL << l0->shift));
}

static void compose_one(u64 *s, unsigned int l1, unsigned int l0s,
			unsigned int base, u64 l1_attrs, u64 l0_attrs)
{
	u64 frame = (rnd(s) & 0xffffffffff) << 12 & (~0ULL << l1);
	struct nested_fault f = { .ngpa = rnd(s) & RPT_EA_LAST };
	struct pst_leaf l0 = {
		.pa = (rnd(s) & 0xffffffffff) << 12 & (~0ULL << l0s),
		.attrs = l0_attrs, .shift = l0s,
	};

	f.l1.shift = l1;
	f.l1.pte = rpt_make_leaf(frame, l1_attrs);
	f.l1.addr = frame | (f.ngpa & (BIT_ULL(l1) - 1));
	test_row("L1 %u %#llx L0 %u %#llx base %u", l1, l1_attrs, l0s,
		 l0_attrs, base);
	nfault_compose(&f, &l0, base);
	check_place(&f, &l0, base);
	check_attrs(l1_attrs, l0_attrs, f.leaf.attrs);
}

static void compose_every_size(u64 *s, u64 l1, u64 l0, unsigned int base)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (j = 0; j < ARRAY_SIZE(sizes); j++)
			if (sizes[j] == base || sizes[j] >= 21)
				compose_one(s, sizes[i], sizes[j], base, l1,
					    l0);
}

TEST(nfault_compose_never_gives_more_than_both)
{
	unsigned int a, b;
	u64 s = 7;

	/* R, C and the three rights, for both, and one attribute each. */
	for (a = 0; a < 32; a++) {
		for (b = 0; b < 32; b++) {
			u64 l1 = (a & 7) | (a & 24) << 4 | 0x30;
			u64 l0 = (b & 7) | (b & 24) << 4 | (a & b & 1) << 5;

			compose_every_size(&s, l1, l0, 12);
			compose_every_size(&s, l1, l0, 16);
		}
	}
}

TEST(nfault_access_that_is_allowed_is_possible_through_the_leaf)
{
	static const u64 need[] = { 4, 2, 1 };
	struct pst_leaf l0 = { .attrs = 0x187, .shift = 16 };
	unsigned int a, access;

	for (a = 0; a < 32; a++) {
		for (access = 0; access < 3; access++) {
			u64 pte = (a & 7) | (a & 24) << 4;
			struct nested_fault f = {
				.access = access,
				.l1 = { .cause = GWALK_LEAF, .shift = 16,
					.pte = { pte } },
			};

			test_row("%#llx access %u", pte, access);
			nfault_compose(&f, &l0, 16);
			if (!nfault_l1_refusal(&f))
				EXPECT(f.leaf.attrs & need[access]);
		}
	}
}

TEST_SUITE(kvm_nested_nfault,
	   KUNIT_CASE(nfault_init_decodes_what_hardware_says),
	   KUNIT_CASE(nfault_refusal_names_what_is_missing),
	   KUNIT_CASE(nfault_l1_refusal_covers_every_cause),
	   KUNIT_CASE(nfault_still_gives_what_nobody_has_taken_away),
	   KUNIT_CASE(nfault_reflected_status_has_only_bits_of_its_register),
	   KUNIT_CASE(nfault_leaf_is_the_largest_that_fits_both),
	   KUNIT_CASE(nfault_leaf_size_below_2M_does_not_depend_on_ours),
	   KUNIT_CASE(nfault_compose_never_gives_more_than_both),
	   KUNIT_CASE(nfault_access_that_is_allowed_is_possible_through_the_leaf));
