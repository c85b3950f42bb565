// SPDX-License-Identifier: GPL-2.0-only
/* L2 register state between L1's memory and native form. */
#include "nested/nstate.h"
#include "nested_test.h"

/*
 * Offset and width of each field, and whether it comes back: written from the
 * ABI, byte by byte.
 */
static const struct {
	u16 offset, width;
	bool out;
} fields[] = {
	{ 0x00, 8, false }, { 0x08, 4, false }, { 0x0c, 4, false },
	{ 0x10, 8, false }, { 0x18, 8, false }, { 0x20, 8, false },
	{ 0x28, 8, true },  { 0x30, 8, true },  { 0x38, 8, false },
	{ 0x40, 8, false }, { 0x48, 8, false }, { 0x50, 8, false },
	{ 0x58, 8, false }, { 0x60, 8, true },  { 0x68, 8, true },
	{ 0x70, 8, true },  { 0x78, 8, true },  { 0x80, 8, true },
	{ 0x88, 8, true },  { 0x90, 8, true },  { 0x98, 8, true },
	{ 0xa0, 8, true },  { 0xa8, 8, true },  { 0xb0, 8, true },
	{ 0xb8, 8, true },  { 0xc0, 8, true },  { 0xc8, 8, true },
	{ 0xd0, 8, true },  { 0xd8, 8, true },  { 0xe0, 8, true },
	{ 0xe8, 8, false }, { 0xf0, 8, false },
};

static void fill(void *p, size_t n, u64 seed)
{
	u8 *b = p;

	while (n--)
		*b++ = rnd(&seed);
}

static void reverse(u8 *b, unsigned int width)
{
	unsigned int i;

	for (i = 0; i < width / 2; i++) {
		u8 t = b[i];

		b[i] = b[width - 1 - i];
		b[width - 1 - i] = t;
	}
}

static void reverse_fields(void *hv, size_t size)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].offset < size)
			reverse((u8 *)hv + fields[i].offset, fields[i].width);
}

TEST(nstate_fields_fill_the_structure)
{
	unsigned int i, at = 0;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		EXPECT_EQ(fields[i].offset, at);
		at += fields[i].width;
	}
	EXPECT_EQ(at, sizeof(struct hv_guest_state));
}

TEST(nstate_version_is_one_or_two_in_the_order_of_L1)
{
	static const struct {
		u64 version;
		int size;
	} cases[] = {
		{ 1, 0xe8 }, { 2, 0xf8 }, { 0, -EINVAL }, { 3, -EINVAL },
		{ 0x100000001, -EINVAL }, { ~0ULL, -EINVAL },
		{ 1ULL << 56, -EINVAL }, { 1ULL << 63, -EINVAL },
		{ 0xffffffff, -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		test_row("%#llx", cases[i].version);
		EXPECT_EQ(nstate_version(cases[i].version, NSTATE_NATIVE),
			  cases[i].size);
		EXPECT_EQ(nstate_version(swab64(cases[i].version),
					 NSTATE_SWAPPED), cases[i].size);
	}
	EXPECT_EQ(nstate_version(1, NSTATE_SWAPPED), -EINVAL);
	EXPECT_EQ(nstate_version(2, NSTATE_SWAPPED), -EINVAL);
}

static void check_import(size_t size, enum nstate_order order)
{
	struct hv_guest_state *wire = test_alloc(size), want = {}, hv;

	fill(wire, size, size);
	memcpy(&want, wire, size);
	if (order == NSTATE_SWAPPED)
		reverse_fields(&want, size);
	memset(&hv, 0xa5, sizeof(hv));
	/* The buffer is no larger than the version: ASan sees a read past it. */
	nstate_import(wire, size, order, &hv);
	EXPECT(!memcmp(&hv, &want, sizeof(hv)));
	test_free(wire);
}

TEST(nstate_import_takes_each_field_of_the_version_and_no_more)
{
	check_import(0xe8, NSTATE_NATIVE);
	check_import(0xe8, NSTATE_SWAPPED);
	check_import(0xf8, NSTATE_NATIVE);
	check_import(0xf8, NSTATE_SWAPPED);
}

static void check_export(size_t size, enum nstate_order order)
{
	struct hv_guest_state *wire = test_alloc(size), hv, want, swapped;
	unsigned int i;

	fill(wire, size, 11);
	memset(&want, 0, sizeof(want));
	memcpy(&want, wire, size);
	fill(&hv, sizeof(hv), 12);
	swapped = hv;
	if (order == NSTATE_SWAPPED)
		reverse_fields(&swapped, sizeof(swapped));
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].out)
			memcpy((u8 *)&want + fields[i].offset,
			       (u8 *)&swapped + fields[i].offset,
			       fields[i].width);
	nstate_export(&hv, size, order, wire);
	EXPECT(!memcmp(wire, &want, size));
	test_free(wire);
}

TEST(nstate_export_gives_back_only_what_is_L1s_to_see)
{
	check_export(0xe8, NSTATE_NATIVE);
	check_export(0xe8, NSTATE_SWAPPED);
	check_export(0xf8, NSTATE_NATIVE);
	check_export(0xf8, NSTATE_SWAPPED);
}

TEST(nstate_regs_are_swapped_by_doubleword)
{
	const size_t last = sizeof(struct pt_regs) / sizeof(u64) - 1;
	struct pt_regs regs, want;

	fill(&regs, sizeof(regs), 5);
	want = regs;
	nstate_swap_regs(&regs, NSTATE_NATIVE);
	EXPECT(!memcmp(&regs, &want, sizeof(regs)));
	nstate_swap_regs(&regs, NSTATE_SWAPPED);
	EXPECT_EQ(regs.gpr[0], swab64(want.gpr[0]));
	EXPECT_EQ(regs.msr, swab64(want.msr));
	EXPECT_EQ(((u64 *)&regs)[last], swab64(((u64 *)&want)[last]));
	nstate_swap_regs(&regs, NSTATE_SWAPPED);
	EXPECT(!memcmp(&regs, &want, sizeof(regs)));
}

static const struct nstate_limits limits = {
	.lpcr = 0x4000000000502400, .hfscr_permitted = 0x5ff,
	.pcr = 0xf000000000000000, .nr_tokens = 100,
};

static int sane(struct hv_guest_state *hv, struct pt_regs *regs)
{
	if (!hv->lpid)
		hv->lpid = 1;
	return nstate_sanitise(hv, regs, &limits);
}

TEST(nstate_refuses_what_cannot_be_run)
{
	static const struct {
		u32 lpid, token;
		s64 tb;
		u64 msr;
		int err;
	} cases[] = {
		{ 1, 0, 0, 0, 0 },
		{ 4095, 99, 0, 0, 0 },
		{ 0, 0, 0, 0, -EINVAL },
		{ 4096, 0, 0, 0, -EINVAL },
		{ 0xffffffff, 0, 0, 0, -EINVAL },
		{ 1, 100, 0, 0, -EINVAL },
		{ 1, 0xffffffff, 0, 0, -EINVAL },
		{ 1, 0, 1 << 24, 0, 0 },
		{ 1, 0, -(1 << 24), 0, 0 },
		{ 1, 0, 1, 0, -EINVAL },
		{ 1, 0, -1, 0, -EINVAL },
		{ 1, 0, 1 << 23, 0, -EINVAL },
		{ 1, 0, (1LL << 40) + 4096, 0, -EINVAL },
		{ 1, 0, 0, 1ULL << 33, 0 },
		{ 1, 0, 0, 1ULL << 34, 0 },
		{ 1, 0, 0, 3ULL << 33, -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hv_guest_state hv = { .lpid = cases[i].lpid,
					     .vcpu_token = cases[i].token,
					     .tb_offset = cases[i].tb };
		struct pt_regs regs = { .msr = cases[i].msr };

		test_row("%u", i);
		EXPECT_EQ(nstate_sanitise(&hv, &regs, &limits), cases[i].err);
	}
}

TEST(nstate_msr_has_machine_checks_and_no_hypervisor_or_secure_state)
{
	struct hv_guest_state hv = {};
	struct pt_regs regs = { .msr = 0xfffffff9ffffffff };

	EXPECT_EQ(sane(&hv, &regs), 0);
	EXPECT_EQ(regs.msr, 0xeffffff9ffbfffff);
	regs.msr = 0;
	EXPECT_EQ(sane(&hv, &regs), 0);
	EXPECT_EQ(regs.msr, 0x1000);
}

TEST(nstate_lpcr_bits_are_L1s_but_for_those_it_may_choose)
{
	const u64 may = (7ULL << 52) | 0x2000000 | 0x200 | 0x1800000 | 0x20000 |
			0x800;
	struct hv_guest_state hv = { .lpcr = ~0ULL };
	struct pt_regs regs = {};

	EXPECT_EQ(sane(&hv, &regs), 0);
	EXPECT_EQ(hv.lpcr, limits.lpcr | may);
	hv.lpcr = 0;
	EXPECT_EQ(sane(&hv, &regs), 0);
	EXPECT_EQ(hv.lpcr, limits.lpcr & ~may);
}

TEST(nstate_hfscr_is_what_L1_has_and_the_cause_is_kept)
{
	struct hv_guest_state hv = { .hfscr = ~0ULL };
	struct pt_regs regs = {};

	EXPECT_EQ(sane(&hv, &regs), 0);
	EXPECT_EQ(hv.hfscr, 0xff000000000005ff);
	hv.hfscr = 0x1200000000000003;
	EXPECT_EQ(sane(&hv, &regs), 0);
	EXPECT_EQ(hv.hfscr, 0x1200000000000003);
}

TEST(nstate_breakpoints_do_not_match_in_hypervisor_state)
{
	static const u64 ciabr[][2] = {
		{ 0x1000, 0x1000 }, { 0x1001, 0x1001 }, { 0x1002, 0x1002 },
		{ 0x1003, 0x1000 },
	};
	struct hv_guest_state hv = { .dawrx0 = ~0ULL, .dawrx1 = ~0ULL };
	struct pt_regs regs = {};
	unsigned int i;

	EXPECT_EQ(sane(&hv, &regs), 0);
	EXPECT_EQ(hv.dawrx0, ~4ULL);
	EXPECT_EQ(hv.dawrx1, ~4ULL);
	for (i = 0; i < ARRAY_SIZE(ciabr); i++) {
		test_row("%#llx", ciabr[i][0]);
		hv.ciabr = ciabr[i][0];
		EXPECT_EQ(sane(&hv, &regs), 0);
		EXPECT_EQ(hv.ciabr, ciabr[i][1]);
	}
}

TEST(nstate_pcr_never_gives_back_what_L1_lost)
{
	const struct nstate_limits lim = { .pcr = 0x2000000000000008,
					   .nr_tokens = 1 };
	struct hv_guest_state hv = { .lpid = 1, .pcr = 0x4 };
	struct pt_regs regs = {};
	u64 reserved = ~(0xf000000000000000 | 0x1eULL);

	EXPECT_EQ(nstate_sanitise(&hv, &regs, &lim), 0);
	EXPECT_EQ(hv.pcr, reserved | 0x200000000000000c);
}

/* L0 writes PPR in hypervisor state, where each priority is permitted. */
TEST(nstate_priority_is_one_that_L1_could_set_itself)
{
	const u64 rest = ~(7ULL << 50);
	struct hv_guest_state hv = {};
	struct pt_regs regs = {};
	u64 priority, want;

	for (priority = 0; priority < 8; priority++) {
		test_row("%llu", priority);
		want = priority == 7 ? 6 : priority;
		hv.ppr = rest | priority << 50;
		EXPECT_EQ(sane(&hv, &regs), 0);
		EXPECT_EQ(hv.ppr, rest | want << 50);
	}
}

TEST(nstate_sanitised_state_is_stable)
{
	struct hv_guest_state hv, once;
	struct pt_regs regs, regs_once;
	unsigned int i;

	for (i = 0; i < TEST_ROUNDS / 30; i++) {
		fill(&hv, sizeof(hv), i);
		fill(&regs, sizeof(regs), i + 1);
		hv.lpid = 1 + hv.lpid % 4095;
		hv.vcpu_token %= 100;
		hv.tb_offset &= ~0xffffffLL;
		regs.msr &= ~(1ULL << 33);
		test_row("%u", i);
		EXPECT_EQ(nstate_sanitise(&hv, &regs, &limits), 0);
		once = hv;
		regs_once = regs;
		EXPECT_EQ(nstate_sanitise(&hv, &regs, &limits), 0);
		EXPECT(!memcmp(&hv, &once, sizeof(hv)));
		EXPECT(!memcmp(&regs, &regs_once, sizeof(regs)));
	}
}

TEST(nstate_transactional_states_fit)
{
	/* none, suspended, transactional, reserved: L1 down, L2 across */
	static const bool ok[4][4] = {
		{ true, false, false, false },
		{ false, true, true, false },
		{ false, false, false, false },
		{ false, false, false, false },
	};
	u64 l1, l2;

	for (l1 = 0; l1 < 4; l1++) {
		for (l2 = 0; l2 < 4; l2++) {
			test_row("L1 %llu L2 %llu", l1, l2);
			EXPECT_EQ(nstate_check_tm(l1 << 33 | 0x9000,
						  l2 << 33 | 0x1000),
				  ok[l1][l2] ? NSTATE_TM_OK : NSTATE_TM_BAD);
		}
	}
}

TEST(nstate_time_limit_is_in_the_future_if_the_expiry_is)
{
	static const struct {
		u64 expiry, offset, now, limit;
	} cases[] = {
		{ ~0ULL, 0, 1000, ~0ULL },
		{ ~0ULL, -900ULL, 1000, ~0ULL },
		{ ~0ULL, -1000ULL, 1000, ~0ULL },
		{ ~0ULL - 900, -900ULL, 1000, ~0ULL },
		{ ~0ULL - 901, -900ULL, 1000, ~0ULL - 1 },
		{ ~0ULL, 500, 1000, ~0ULL - 500 },
		{ ~0ULL, BIT_ULL(63), 1000, BIT_ULL(63) - 1 },
		{ BIT_ULL(62), BIT_ULL(63), 1000, 0 },
		{ 1, -1000ULL, 1000, 1001 },
		{ 150, -900ULL, 1000, 1050 },
		{ 100, -900ULL, 1000, 0 },
		{ 50, -900ULL, 1000, 0 },
		{ 0, -900ULL, 1000, 0 },
		{ 0, 0, 0, 0 },
		{ 1, 0, 0, 1 },
		{ 1600, 500, 1000, 1100 },
		{ 1500, 500, 1000, 0 },
		{ ~0ULL, ~0ULL, 0, 0 },
		{ ~0ULL, 0, ~0ULL, 0 },
		{ ~0ULL, -5ULL, ~0ULL, ~0ULL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		test_row("%llx at offset %llx", cases[i].expiry,
			 cases[i].offset);
		EXPECT_EQ(nstate_time_limit(cases[i].expiry, cases[i].offset,
					    cases[i].now), cases[i].limit);
	}
}

TEST_SUITE(kvm_nested_nstate,
	   KUNIT_CASE(nstate_fields_fill_the_structure),
	   KUNIT_CASE(nstate_version_is_one_or_two_in_the_order_of_L1),
	   KUNIT_CASE(nstate_import_takes_each_field_of_the_version_and_no_more),
	   KUNIT_CASE(nstate_export_gives_back_only_what_is_L1s_to_see),
	   KUNIT_CASE(nstate_regs_are_swapped_by_doubleword),
	   KUNIT_CASE(nstate_refuses_what_cannot_be_run),
	   KUNIT_CASE(nstate_msr_has_machine_checks_and_no_hypervisor_or_secure_state),
	   KUNIT_CASE(nstate_lpcr_bits_are_L1s_but_for_those_it_may_choose),
	   KUNIT_CASE(nstate_hfscr_is_what_L1_has_and_the_cause_is_kept),
	   KUNIT_CASE(nstate_breakpoints_do_not_match_in_hypervisor_state),
	   KUNIT_CASE(nstate_pcr_never_gives_back_what_L1_lost),
	   KUNIT_CASE(nstate_priority_is_one_that_L1_could_set_itself),
	   KUNIT_CASE(nstate_sanitised_state_is_stable),
	   KUNIT_CASE(nstate_transactional_states_fit),
	   KUNIT_CASE(nstate_time_limit_is_in_the_future_if_the_expiry_is));
