// SPDX-License-Identifier: GPL-2.0-only
/* H_TLB_INVALIDATE with IS=3 drops everything of every LPID of this L1. */
#include "inval_test.h"

static s64 inval(struct l1_vcpu *v)
{
	return l1_inval_all(v);
}

INVAL_TESTS(inval)

static void every_guest(void)
{
	static struct world w;

	inval_world(&w);
	l1_install(&w.l1, 2, &w.tree);
	SET_STATE32(&w.v, lpid, 2);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	CHECK_EQ(inval(&w.v), H_SUCCESS);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), 0);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 2), 0);
	world_end(&w);
}

/* With RIC=2 the entries are read anew: a guest whose entry is gone goes. */
static void with_entries(void)
{
	static struct world w;

	inval_world(&w);
	l1_install(&w.l1, 2, &w.tree);
	SET_STATE32(&w.v, lpid, 2);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	l1_set_entry(&w.l1, 2, 0, 0);
	CHECK_EQ(l1_tlbie(&w.v, 2, 0, 0xc00), H_SUCCESS);
	CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	SET_STATE32(&w.v, lpid, 1);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	world_end(&w);
}

static const struct test_case cases[] = {
	INVAL_CASES,
	{ "every_guest", every_guest },
	{ "with_entries", with_entries },
};

TEST_MAIN(cases)
