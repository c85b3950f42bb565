// SPDX-License-Identifier: GPL-2.0-only
/* H_ENTER_NESTED runs L2 with the registers given, and hands them back. */
#include "lib/l1.h"

static void without_table(void)
{
	static struct l1 l1;
	static struct l1_vcpu v;

	l1_start(&l1, L1_LITTLE);
	l1_add_vcpu(&l1, &v, 0);
	l2_prepare(&v, 1);
	CHECK_EQ(l1_enter(&v), H_NOT_AVAILABLE);
	l1_finish(&l1);
}

static void hypercall_of_l2(void)
{
	static struct world w;

	world_create(&w, L1_LITTLE);
	l2_goto(&w.v, l2_hcall);
	SET_REG(&w.v, 3, 0x1234);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	CHECK_EQ(REG(&w.v, 3), 0x1234);
	CHECK_EQ(REGS(&w.v, nip),
		 L2_SNIPPETS + (l2_hcall - snippets_begin) + 4);
	world_end(&w);
}

/* A page fault loses no register; a hypercall may lose what its ABI says. */
static void registers_survive(void)
{
	static struct world w;
	unsigned int n;

	world_create(&w, L1_LITTLE);
	l2_goto(&w.v, l2_store);
	for (n = 0; n < 32; n++)
		SET_REG(&w.v, n, 0x0000111111111110ULL * (n % 15) + n * 8);
	SET_REGS(&w.v, ctr, 0xc0c0);
	SET_REGS(&w.v, link, 0xf0f0f0f0);
	SET_REGS(&w.v, xer, 0x20000000);
	SET_REGS(&w.v, ccr, 0x12345678);
	SET_STATE(&w.v, sprg[0], 0xa0);
	SET_STATE(&w.v, sprg[3], 0xa3);
	SET_STATE(&w.v, srr0, 0xb0);
	SET_STATE(&w.v, srr1, 0xb1);
	CHECK_EQ(l1_run(&w.v), TRAP_HDSI);
	for (n = 0; n < 32; n++)
		CHECK_EQ(REG(&w.v, n),
			 0x0000111111111110ULL * (n % 15) + n * 8);
	CHECK_EQ(REGS(&w.v, nip),
		 L2_SNIPPETS + (l2_store - snippets_begin));
	CHECK_EQ(REGS(&w.v, ctr), 0xc0c0);
	CHECK_EQ(REGS(&w.v, link), 0xf0f0f0f0);
	CHECK_EQ(REGS(&w.v, xer), 0x20000000);
	CHECK_EQ(REGS(&w.v, ccr), 0x12345678);
	CHECK_EQ(STATE(&w.v, sprg[0]), 0xa0);
	CHECK_EQ(STATE(&w.v, sprg[3]), 0xa3);
	CHECK_EQ(STATE(&w.v, srr0), 0xb0);
	CHECK_EQ(STATE(&w.v, srr1), 0xb1);
	world_end(&w);
}

static void store_and_load(void)
{
	static struct world w;
	u64 *page;

	world_create(&w, L1_LITTLE);
	l1_map(&w.tree, L2_DATA, L1_DATA, SHIFT_64K, PTE_ALL);
	page = l1_memory(&w.l1, L1_DATA + 0x3458);
	l2_must_store(&w.v, L2_DATA + 0x3458, 0xfeedface);
	CHECK_EQ(*page, 0xfeedface);
	*page = 0xdeadbeef;
	CHECK_EQ(l2_must_load(&w.v, L2_DATA + 0x3458), 0xdeadbeef);
	world_end(&w);
}

static void hdec_ends_a_spinning_l2(void)
{
	static struct world w;
	u64 begin;

	world_create(&w, L1_LITTLE);
	l2_goto(&w.v, l2_spin);
	begin = timebase();
	CHECK_EQ(l1_enter(&w.v), TRAP_HDEC);
	CHECK(timebase() - begin >= 512ULL * 1000 * 100);
	world_end(&w);
}

static void two_guests_do_not_see_each_other(void)
{
	static struct world w;
	struct l1_tree other;

	world_create(&w, L1_LITTLE);
	l1_map(&w.tree, L2_DATA, L1_DATA, SHIFT_64K, PTE_ALL);
	l1_new_tree(&w.l1, &other);
	l1_map(&other, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	l1_map(&other, L2_DATA, L1_DATA + 0x10000, SHIFT_64K, PTE_ALL);
	l1_install(&w.l1, 2, &other);
	l2_must_store(&w.v, L2_DATA, 1);
	SET_STATE32(&w.v, lpid, 2);
	l2_must_store(&w.v, L2_DATA, 2);
	SET_STATE32(&w.v, lpid, 1);
	CHECK_EQ(l2_must_load(&w.v, L2_DATA), 1);
	SET_STATE32(&w.v, lpid, 2);
	CHECK_EQ(l2_must_load(&w.v, L2_DATA), 2);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "without_table", without_table },
	{ "hypercall_of_l2", hypercall_of_l2 },
	{ "registers_survive", registers_survive },
	{ "store_and_load", store_and_load },
	{ "hdec_ends_a_spinning_l2", hdec_ends_a_spinning_l2 },
	{ "two_guests_do_not_see_each_other", two_guests_do_not_see_each_other },
};

TEST_MAIN(cases)
