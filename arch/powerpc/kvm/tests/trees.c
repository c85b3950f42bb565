// SPDX-License-Identifier: GPL-2.0-only
/* The glue around a tree, for tests. */
#include "nested_test.h"
#include "trees.h"

#ifdef __KERNEL__
DEFINE_SPINLOCK(tree_lock);
#else
pure_lock_t tree_lock = PURE_LOCK_INIT;
#endif
struct pst_account tree_account;

struct pst *tree_create(enum pst_kind kind, hlpid_t lpid)
{
	struct pst *pst = pst_create(&tree_lock, kind, &tree_account);

	if (!pst)
		return NULL;
	pst->hlpid = lpid;
	tlb_lpid_begin(lpid);
	lpid_set_entry(lpid, rpt_make_root(pure_virt_to_pa(pst->root->pte)), 0);
	return pst;
}

void tree_drain(struct pst *pst, unsigned int budget)
{
	struct list_head doomed;
	bool more;

	do {
		INIT_LIST_HEAD(&doomed);
		pure_lock(&tree_lock);
		more = pst_drain_step(pst, budget, &doomed);
		pure_unlock(&tree_lock);
		pst_free_doomed(&doomed);
	} while (more);
	pst_destroy(pst);
}

void tree_destroy(struct pst *pst)
{
	hlpid_t lpid = pst->hlpid;

	pure_lock(&tree_lock);
	pst_detach(pst);
	pure_unlock(&tree_lock);
	lpid_set_entry(lpid, 0, 0);
	pure_lock(&tree_lock);
	pst_quiesce(pst);
	pure_unlock(&tree_lock);
	tlb_lpid_end(lpid);
	tree_drain(pst, 64);
}

struct tree_try tree_map(struct pst *pst, u64 addr,
			 const struct pst_leaf *leaf, struct hlist_head *head)
{
	struct pst_mem mem = { .kind = pst->kind, .account = pst->account };
	struct tree_try t = { 0 };
	struct pst_gather g;
	unsigned int rounds;

	for (rounds = 0; ; rounds++) {
		if (rounds > 100000)
			die("no end of making room for %#llx", addr);
		pst_batch_begin(&g, &tree_lock);
		t.r = pst_map(pst, addr, leaf, head, &mem);
		if (t.r == PST_BLOCKED)
			pst_unblock(pst, addr, leaf->shift, &g);
		pst_batch_end(&g, &tree_lock);
		if (!rounds)
			t.first = t.r;
		if (t.r != PST_BLOCKED && t.r != PST_NO_TABLE)
			break;
		t.unblocked += t.r == PST_BLOCKED;
		t.fills += t.r == PST_NO_TABLE;
		if (t.r == PST_NO_TABLE)
			t.err = pst_mem_fill(&mem, leaf->shift);
		if (t.err)
			break;
	}
	pst_mem_release(&mem);
	return t;
}

u64 tree_zap(struct pst *pst, u64 start, u64 last, unsigned int budget)
{
	struct pst_gather g;
	u64 next;

	pst_batch_begin(&g, &tree_lock);
	next = pst_zap_range(pst, start, last, budget, &g);
	pst_batch_end(&g, &tree_lock);
	return next;
}

void tree_audit(struct pst *pst)
{
	enum pst_fault fault;

	pure_lock(&tree_lock);
	fault = pst_audit(pst);
	pure_unlock(&tree_lock);
	if (fault)
		die("audit of a tree: %d", fault);
}

bool tree_find(struct pst *pst, u64 addr, struct pst_pos *pos)
{
	bool found;

	pure_lock(&tree_lock);
	found = pst_find_leaf(pst, addr, pos);
	pure_unlock(&tree_lock);
	return found;
}
