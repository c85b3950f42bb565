// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on two trees from a stream of bytes, with the modelled TLB and the
 * model. Shorter than stress-pst, and steered by coverage.
 */
#include "fuzz.h"
#include "model.h"
#include "trees.h"

#define NR_HEADS	4

static struct subject {
	struct pst *pst;
	struct model model;
} subjects[2];
static struct hlist_head heads[NR_HEADS];

static u64 get_addr(struct fuzz *f)
{
	static const u64 regions[] = { 0, 0x40000000, 0x7fc0000000,
				       0x8000000000 };
	u64 addr = regions[fuzz_get(f, 1) & 3];

	return addr + (fuzz_get(f, 2) << 12);
}

static void op_map(struct subject *s, struct fuzz *f)
{
	static const unsigned int shifts[] = { 12, 16, 21, 30 };
	static const u64 attrs[] = { RPT_R | RPT_REF, RPT_PROT | RPT_RC };
	u8 how = fuzz_get(f, 1);
	struct pst_leaf leaf = { .shift = shifts[how & 3],
				 .attrs = attrs[how >> 2 & 1] };
	u64 addr = get_addr(f) & ~(BIT_ULL(leaf.shift) - 1);
	struct hlist_head *head = &heads[how >> 3 & 3];
	struct tree_try t;
	unsigned int i;

	leaf.pa = (u64)((how >> 5) + 1) << 30 |
		  (addr & GENMASK_ULL(29, 0) & ~(BIT_ULL(leaf.shift) - 1));
	t = tree_map(s->pst, addr, &leaf, head);
	/* What is left after making room is what the tree says. */
	for (i = s->model.nr; i-- > 0; ) {
		struct pst_pos pos;

		if (!tree_find(s->pst, s->model.leaf[i].addr, &pos) ||
		    pos.table->shift != s->model.leaf[i].shift ||
		    (pos.pte.val & RPT_RPN) != s->model.leaf[i].pa)
			model_remove(&s->model, i);
	}
	if (t.r == PST_MAPPED || t.r == PST_WIDENED || t.r == PST_SAME)
		model_map(&s->model, addr, &leaf, head);
	else
		die("map of %#llx: %d", addr, t.r);
}

static void op_zap(struct subject *s, struct fuzz *f)
{
	u64 start = get_addr(f), next;
	u64 last = start + fuzz_get(f, 3);
	u8 how = fuzz_get(f, 1);

	if (how & 1)
		last = ~0ULL;
	next = tree_zap(s->pst, start, last, 1 + (how << 4));
	if (next && next <= start)
		die("zap goes back");
	model_zap(&s->model, start, next ? next - 1 : last);
}

static void op_weaken(struct subject *s, struct fuzz *f)
{
	u64 addr = get_addr(f);
	struct model_leaf *l = model_find(&s->model, addr);
	struct pst_gather g;
	struct pst_pos pos;

	pst_batch_begin(&g, &tree_lock);
	if (pst_find_leaf(s->pst, addr, &pos) != !!l)
		die("find of %#llx", addr);
	if (l) {
		pst_weaken_leaf(&pos, RPT_W | RPT_CHG, &g);
		l->attrs &= ~(RPT_W | RPT_CHG);
	}
	pst_batch_end(&g, &tree_lock);
}

static void op_unlink(struct fuzz *f)
{
	struct hlist_head *head = &heads[fuzz_get(f, 1) % NR_HEADS];
	struct pst_link *link, *next;
	struct pst_gather g;
	struct pst_pos pos;

	pst_batch_begin(&g, &tree_lock);
	for (link = nrmap_first(head); link; link = next) {
		struct subject *s;

		next = nrmap_next(link);
		pst_pos_of_link(link, &pos);
		s = &subjects[pos.table->pst == subjects[1].pst];
		model_zap(&s->model, pst_pos_addr(&pos), pst_pos_addr(&pos));
		pst_zap_leaf(&pos, &g);
	}
	pst_batch_end(&g, &tree_lock);
}

static void op_renew(struct subject *s)
{
	hlpid_t lpid = s->pst->hlpid;

	tree_destroy(s->pst);
	model_clear(&s->model);
	s->pst = tree_create(PST_SHADOW, lpid);
}

static void one_op(struct fuzz *f)
{
	u8 op = fuzz_get(f, 1);
	struct subject *s = &subjects[op >> 7];

	switch (op & 7) {
	case 4:
		op_zap(s, f);
		break;
	case 5:
		op_weaken(s, f);
		break;
	case 6:
		op_unlink(f);
		break;
	case 7:
		/* Costs more than all the others. */
		if ((op & 0x78) == 0x78) {
			op_renew(s);
			break;
		}
		/* fall through */
	default:
		op_map(s, f);
	}
}

static void check(struct subject *s)
{
	tree_audit(s->pst);
	pure_lock(&tree_lock);
	model_compare_quick(&s->model, s->pst);
	pure_unlock(&tree_lock);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz f = { data, data + size };
	unsigned int i;

	tlb_start();
	for (i = 0; i < 2; i++)
		subjects[i].pst = tree_create(PST_SHADOW, make_hlpid(i + 1));
	for (i = 0; i < 200 && fuzz_left(&f); i++)
		one_op(&f);
	for (i = 0; i < 2; i++) {
		check(&subjects[i]);
		tree_destroy(subjects[i].pst);
		model_clear(&subjects[i].model);
	}
	tlb_stop();
	if (shim_nr_blocks())
		die("%lu blocks left", shim_nr_blocks());
	for (i = 0; i < NR_HEADS; i++)
		if (!hlist_empty(&heads[i]))
			die("head %u is not empty", i);
	return 0;
}
