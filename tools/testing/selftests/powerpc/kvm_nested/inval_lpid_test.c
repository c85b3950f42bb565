// SPDX-License-Identifier: GPL-2.0-only
/* H_TLB_INVALIDATE of an LPID drops everything of it, and nothing of others. */
#include "inval_test.h"

static s64 inval(struct l1_vcpu *v)
{
	return l1_inval_lpid(v, 1);
}

INVAL_TESTS(inval)

static void everything_goes(void)
{
	static struct world w;

	inval_world(&w);
	CHECK_EQ(inval(&w.v), H_SUCCESS);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), 0);
	world_end(&w);
}

/* Page-walk cache only: no translation is meant. */
static void walk_cache_alone_drops_nothing(void)
{
	static struct world w;
	unsigned int before;

	inval_world(&w);
	before = l1_shadow_leaves(&w.l1, 1);
	CHECK_EQ(l1_tlbie(&w.v, 1, 1, 0x800), H_SUCCESS);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), before);
	world_end(&w);
}

static void other_guest_stays(void)
{
	static struct world w;
	unsigned int before;

	inval_world(&w);
	l1_install(&w.l1, 2, &w.tree);
	SET_STATE32(&w.v, lpid, 2);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), OLD_VALUE);
	before = l1_shadow_leaves(&w.l1, 2);
	CHECK(before);
	CHECK_EQ(inval(&w.v), H_SUCCESS);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 2), before);
	world_end(&w);
}

static const struct test_case cases[] = {
	INVAL_CASES,
	{ "everything_goes", everything_goes },
	{ "walk_cache_alone_drops_nothing", walk_cache_alone_drops_nothing },
	{ "other_guest_stays", other_guest_stays },
};

TEST_MAIN(cases)
