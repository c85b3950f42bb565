// SPDX-License-Identifier: GPL-2.0-only
/* L1 empties, replaces or gives back the table while a vCPU is inside L2. */
#include "lib/spinner.h"

#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)

static struct world w;
static struct spinner s;

static void begin(void)
{
	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, 8 * PAGE_BYTES, SHIFT_64K, PTE_ALL);
	spinner_create(&s, &w, 1);
	spinner_store(&s, L2_DATA, 8, PAGE_BYTES);
	wait_until_set(l1_memory(&w.l1, GPA + 7 * PAGE_BYTES));
	CHECK(!s.v.ended);
}

static void wait_until_out(s64 result)
{
	unsigned int ms;

	for (ms = 0; !s.v.ended && ms < 5000; ms += 5)
		sleep_ms(5);
	CHECK(s.v.ended);
	l1_join(&s.v);
	CHECK_EQ(s.v.result, result);
}

static void entry_emptied(void)
{
	begin();
	l1_set_entry(&w.l1, 1, 0, 0);
	CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
	wait_until_out(H_PARAMETER);
	CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	world_end(&w);
}

/* It goes with its entry, and not when somebody comes back. */
static void entry_emptied_and_nobody_inside(void)
{
	world_create(&w, L1_LITTLE);
	l1_map(&w.tree, L2_DATA, GPA, SHIFT_64K, PTE_ALL);
	l2_must_store(&w.v, L2_DATA, 1);
	l1_set_entry(&w.l1, 1, 0, 0);
	CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
	if (vm_has_audit(&w.l1.vm))
		CHECK_EQ(vm_counter(&w.l1.vm, "guests"), 0);
	CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	world_end(&w);
}

static void table_given_back(void)
{
	begin();
	CHECK_EQ(l1_set_table(&w.v, 0), H_SUCCESS);
	wait_until_out(H_NOT_AVAILABLE);
	world_end(&w);
}

/* L11: a new table, as after kexec: nothing of the old one is left. */
static void l11_new_table_gives_all_back(void)
{
	unsigned int before;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, 8 * PAGE_BYTES, SHIFT_64K, PTE_ALL);
	l2_touch_pages(&w.v, L2_DATA, 8, PAGE_BYTES);
	before = l1_shadow_leaves(&w.l1, 1);
	CHECK(before >= 8);
	CHECK_EQ(l1_set_table(&w.v, L1_PTCR), H_SUCCESS);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), 0);
	if (vm_has_audit(&w.l1.vm))
		CHECK_EQ(vm_counter(&w.l1.vm, "guests"), 0);
	l2_touch_pages(&w.v, L2_DATA, 8, PAGE_BYTES);
	world_end(&w);
}

/* Another root: the peer goes on in the new tree, and only there. */
static void root_replaced(void)
{
	struct l1_tree other;
	volatile u64 *old, *new;
	u64 seen;

	begin();
	old = l1_memory(&w.l1, GPA);
	new = l1_memory(&w.l1, GPA + 0x400000);
	l1_new_tree(&w.l1, &other);
	l1_map(&other, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	l1_map(&other, L2_FLAGS, L1_DATA, SHIFT_64K, PTE_ALL);
	l1_map_range(&other, L2_DATA, GPA + 0x400000, 8 * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	l1_install(&w.l1, 1, &other);
	CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
	seen = *old;
	sleep_ms(50);
	CHECK_EQ(*old, seen);
	CHECK(*new);
	w.tree = other;
	spinner_stop(&s);
	world_end(&w);
}

/* Without a word to L0: legal, and the guest goes on as it was. */
static void entry_emptied_without_a_word(void)
{
	begin();
	l1_set_entry(&w.l1, 1, 0, 0);
	sleep_ms(30);
	vm_check_audit(&w.l1.vm);
	l1_install(&w.l1, 1, &w.tree);
	CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
	spinner_stop(&s);
	world_end(&w);
}

/* Dropped and made anew all the time; the peer is in the one or the other. */
static void l9_again_and_again(void)
{
	unsigned int round;

	begin();
	for (round = 0; round < 100; round++) {
		l1_set_entry(&w.l1, 1, 0, 0);
		CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
		l1_install(&w.l1, 1, &w.tree);
		l2_must_store(&w.v, L2_DATA, 1);
		if (s.v.ended) {
			l1_join(&s.v);
			CHECK_EQ(s.v.result, H_PARAMETER);
			spinner_store(&s, L2_DATA, 8, PAGE_BYTES);
		}
	}
	s.v.result = 0;
	l1_stop(&s.v);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "entry_emptied", entry_emptied },
	{ "entry_emptied_and_nobody_inside", entry_emptied_and_nobody_inside },
	{ "table_given_back", table_given_back },
	{ "l11_new_table_gives_all_back", l11_new_table_gives_all_back },
	{ "root_replaced", root_replaced },
	{ "entry_emptied_without_a_word", entry_emptied_without_a_word },
	{ "l9_again_and_again", l9_again_and_again },
};

TEST_MAIN(cases)
