// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each scenario with the n-th allocation failing, for n = 1, 2, ... until there
 * is no n-th any more. Whatever failed did nothing, and can be done again.
 */
#include "test.h"
#include "trees.h"

#define LPID	make_hlpid(9)
#define RWX	(RPT_PROT | RPT_RC)

static struct hlist_head head;
static struct pst *replacement;

static struct pst *create(void)
{
	struct pst *pst = tree_create(PST_SHADOW, LPID);

	if (pst)
		return pst;
	EXPECT(shim_has_failed());
	EXPECT_EQ(shim_nr_blocks(), 0);
	EXPECT_EQ(atomic_long_read(&tree_account.bytes), 0);
	return tree_create(PST_SHADOW, LPID);
}

static void map(struct pst *pst, u64 addr, u64 pa, unsigned int shift)
{
	struct pst_leaf leaf = { .pa = pa, .attrs = RWX, .shift = shift };
	struct tree_try t = tree_map(pst, addr, &leaf, &head);
	struct pst_pos pos;

	tree_audit(pst);
	if (t.err) {
		EXPECT_EQ(t.err, -ENOMEM);
		EXPECT(shim_has_failed());
		EXPECT(!tree_find(pst, addr, &pos) ||
		       (pos.pte.val & RPT_RPN) != pa);
		t = tree_map(pst, addr, &leaf, &head);
	}
	EXPECT_EQ(t.err, 0);
	EXPECT(tree_find(pst, addr, &pos));
	EXPECT_EQ(pos.table->shift, shift);
	tree_audit(pst);
}

static void only_create(struct pst *pst)
{
	tree_audit(pst);
}

static void one_leaf_of_each_size(struct pst *pst)
{
	map(pst, 0, 0x1000, 12);
	map(pst, 0x200000, 0x10000, 16);
	map(pst, 0x400000, 0x200000, 21);
	map(pst, 0x40000000, 0x40000000, 30);
}

static void one_size_over_another(struct pst *pst)
{
	map(pst, 0, 0x1000, 12);
	map(pst, 0, 0x10000, 16);
	map(pst, 0, 0x200000, 21);
	map(pst, 0, 0x40000000, 30);
	map(pst, 0, 0x2000, 12);
}

static void far_apart(struct pst *pst)
{
	unsigned int i;

	for (i = 0; i < 6; i++)
		map(pst, (u64)i << 39 | (u64)i << 30 | i << 21, 0x1000, 12);
}

static void zapped_and_mapped_again(struct pst *pst)
{
	one_leaf_of_each_size(pst);
	tree_zap(pst, 0, ~0ULL, ~0U);
	EXPECT_EQ(pst_nr_leaves(pst), 0);
	one_leaf_of_each_size(pst);
}

/* The O(1) invalidation has to allocate; the old tree serves until it can. */
static void replaced(struct pst *pst)
{
	struct pst *new;

	one_leaf_of_each_size(pst);
	new = pst_create(&tree_lock, PST_SHADOW, &tree_account);
	if (!new) {
		EXPECT(shim_has_failed());
		tree_zap(pst, 0, ~0ULL, ~0U);
		EXPECT_EQ(pst_nr_leaves(pst), 0);
		return;
	}
	new->hlpid = LPID;
	pure_lock(&tree_lock);
	pst_detach(pst);
	pure_unlock(&tree_lock);
	lpid_set_entry(LPID, rpt_make_root(pure_virt_to_pa(new->root->pte)), 0);
	pure_lock(&tree_lock);
	pst_quiesce(pst);
	pure_unlock(&tree_lock);
	tree_drain(pst, 3);
	one_leaf_of_each_size(new);
	/* The caller destroys what it made: give it the tree that is live. */
	replacement = new;
}

static void (*const scenarios[])(struct pst *pst) = {
	only_create, one_leaf_of_each_size, one_size_over_another, far_apart,
	zapped_and_mapped_again, replaced,
};

static bool run(unsigned int i, unsigned long n)
{
	struct pst *pst;

	tlb_start();
	shim_fail_nth(n);
	pst = create();
	replacement = NULL;
	scenarios[i](pst);
	tree_destroy(replacement ? replacement : pst);
	tlb_stop();
	EXPECT(hlist_empty(&head));
	EXPECT_EQ(shim_nr_blocks(), 0);
	EXPECT_EQ(atomic_long_read(&tree_account.tables), 0);
	EXPECT_EQ(atomic_long_read(&tree_account.bytes), 0);
	return shim_has_failed();
}

TEST(each_allocation_may_fail)
{
	unsigned long n, tried = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(scenarios); i++) {
		for (n = 1; ; n++, tried++) {
			test_row("scenario %u, allocation %lu", i, n);
			if (!run(i, n))
				break;
		}
	}
	shim_fail_nth(0);
	EXPECT(tried > 100);
}

TEST(each_allocation_of_spare_tables_may_fail)
{
	struct pst_mem mem = { .kind = PST_SHADOW, .account = &tree_account };
	unsigned long n, tries = 0;

	for (n = 1; n <= 9; n++, tries++) {
		test_row("allocation %lu", n);
		mem.missing = 7;
		shim_fail_nth(n);
		EXPECT_EQ(pst_mem_fill(&mem, 12), -ENOMEM);
		/* What is there is kept, and what is missing is still known. */
		EXPECT_EQ(mem.missing, 7);
		EXPECT_EQ(atomic_long_read(&tree_account.tables),
			  !!mem.table[0] + !!mem.table[1] + !!mem.table[2]);
		EXPECT_EQ(pst_mem_fill(&mem, 12), 0);
		EXPECT_EQ(mem.missing, 0);
		pst_mem_release(&mem);
		EXPECT_EQ(atomic_long_read(&tree_account.bytes), 0);
	}
	EXPECT_EQ(tries, 9);
}
