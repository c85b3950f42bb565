// SPDX-License-Identifier: GPL-2.0-only
/* The size named by tlbie need not be that of the leaves: all in it go. */
#include "lib/l1.h"

#define FIRST	(L2_DATA + 0x200000)

static const struct {
	unsigned int leaf;
	unsigned int ap;
	unsigned int size;
} pairs[] = {
	{ SHIFT_4K, AP_64K, SHIFT_64K },
	{ SHIFT_4K, AP_2M, SHIFT_2M },
	{ SHIFT_64K, AP_4K, SHIFT_4K },
	{ SHIFT_64K, AP_2M, SHIFT_2M },
	{ SHIFT_64K, AP_1G, SHIFT_1G },
	{ SHIFT_2M, AP_4K, SHIFT_4K },
	{ SHIFT_2M, AP_64K, SHIFT_64K },
};

/* @leaf pages in 2M; drop one unit of @size at 64K offset 5; then unmapped. */
static void one_pair(struct world *w, size_t i)
{
	u64 at = FIRST + 5 * BIT(SHIFT_64K), unit = BIT(pairs[i].size);
	unsigned int shift;
	u64 ngpa, pte;

	l1_map_range(&w->tree, FIRST, L1_DATA, BIT(SHIFT_2M), pairs[i].leaf,
		     PTE_ALL);
	for (ngpa = FIRST; ngpa < FIRST + BIT(SHIFT_2M); ngpa += 0x8000)
		l2_must_store(&w->v, ngpa, 1);
	for (ngpa = at & ~(unit - 1); ngpa < (at & ~(unit - 1)) + unit &&
	     ngpa < FIRST + BIT(SHIFT_2M); ngpa += BIT(pairs[i].leaf))
		if (ngpa >= FIRST)
			l1_unmap(&w->tree, ngpa);
	CHECK_EQ(l1_inval_page(&w->v, 1, at, pairs[i].ap), H_SUCCESS);
	CHECK(!l1_shadow_leaf(&w->l1, 1, at, &pte, &shift));
	CHECK_EQ(l2_do_load(&w->v, at, NULL), TRAP_HDSI);
	vm_check_audit(&w->l1.vm);
	if (pairs[i].size < SHIFT_2M && pairs[i].leaf < SHIFT_2M)
		CHECK(l1_shadow_leaf(&w->l1, 1, FIRST, &pte, &shift));
}

static void every_pair(void)
{
	static struct world w;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		world_create(&w, L1_LITTLE);
		one_pair(&w, i);
		world_end(&w);
	}
}

static const struct test_case cases[] = {
	{ "every_pair", every_pair },
};

TEST_MAIN(cases)
