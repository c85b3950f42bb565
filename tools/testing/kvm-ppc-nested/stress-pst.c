// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations on several trees, step by step against the model, with the
 * modelled TLB behind all of them and an audit after each step.
 *
 * The trees share one lock and one set of heads, as the shadow trees of one VM
 * do. Each tree has an LPID of its own; a tree that is replaced is detached,
 * flushed, quiet, drained in steps, while the others go on.
 */
#include "model.h"
#include "stress.h"
#include "trees.h"

#define NR_TREES	3
#define NR_OLD		4
#define NR_HEADS	24
#define MAX_LEAVES	300

/* A tree, what it should hold, and whether this step may have changed it. */
struct subject {
	struct pst *pst;
	struct model model;
	bool touched;
};

static struct stress st;
static struct subject live[NR_TREES], old[NR_OLD];
static struct hlist_head heads[NR_HEADS];
static unsigned long steps_of[16];

static const unsigned int shifts[] = { 12, 16, 21, 30 };

static hlpid_t lpid_of(const struct subject *s)
{
	return make_hlpid(100 + (s - live));
}

static struct subject *any_live(void)
{
	struct subject *s = &live[pick(&st, NR_TREES)];

	s->touched = true;
	return s;
}

/* --- what to do it with ------------------------------------------------- */

/* Few places, all near borders, so that leaves meet often. */
static u64 any_addr(unsigned int shift)
{
	static const u64 regions[] = { 0, 0x40000000, 0x7fc0000000,
				       0xfffff80000000 };
	u64 addr = regions[pick(&st, 4)];

	addr += pick(&st, 3) << 21;
	addr += one_in(&st, 3) ? 510 << 21 : 0;
	addr += pick(&st, 5) << 16;
	addr += pick(&st, 5) << 12;
	addr += one_in(&st, 4) ? 0x1f0000 : 0;
	return (addr & RPT_EA_LAST) & ~(BIT_ULL(shift) - 1);
}

static u64 any_attrs(void)
{
	static const u64 attrs[] = {
		RPT_R | RPT_REF, RPT_R | RPT_X | RPT_REF, RPT_PROT | RPT_RC,
		RPT_R | RPT_W | RPT_RC, RPT_X, RPT_R | RPT_CHG,
	};

	return attrs[pick(&st, ARRAY_SIZE(attrs))] |
	       (one_in(&st, 20) ? 0x20 : 0);
}

/* Each frame of 1G has a head for each place where a leaf can start. */
static void any_leaf(u64 addr, struct pst_leaf *leaf, struct hlist_head **head)
{
	u64 frame = pick(&st, 3) + 1;

	/* Mostly the same offset, so that sizes can include each other. */
	leaf->pa = frame << 30 | (addr & GENMASK_ULL(29, 0));
	if (one_in(&st, 4))
		leaf->pa ^= 1ULL << leaf->shift;
	leaf->attrs = any_attrs();
	/* Or two: a page of the host may be behind two frames. */
	*head = &heads[((leaf->pa * 0x9e3779b97f4a7c15ULL >> 40) +
			one_in(&st, 4)) % NR_HEADS];
}

/* --- map ---------------------------------------------------------------- */

/* Room was made: what went must have been near, and something must have gone. */
static void resync(struct subject *s, u64 addr, unsigned int shift)
{
	u64 start = addr & ~(BIT_ULL(max(shift, 21u)) - 1);
	u64 last = start + BIT_ULL(max(shift, 21u)) - 1;
	unsigned int i, gone = 0;
	struct pst_pos pos;

	for (i = s->model.nr; i-- > 0; ) {
		const struct model_leaf *l = &s->model.leaf[i];

		if (pst_find_leaf(s->pst, l->addr, &pos) &&
		    pos.table->shift == l->shift)
			continue;
		if (model_last(l) < start || l->addr > last)
			die("made room at %#llx by removing %#llx", addr,
			    l->addr);
		model_remove(&s->model, i);
		gone++;
	}
	if (gone > 512)
		die("%u leaves removed in one step", gone);
}

/* Whether a table stands where the leaf belongs, or one of another geometry. */
static bool table_in_the_way(struct pst *pst, u64 addr, unsigned int shift)
{
	unsigned int level = 3, bits = 13;
	struct rpte e = { 0 };
	__be64 *pte = pst->root->pte;

	for (;;) {
		unsigned int s = rpt_level_to_shift(level, bits);

		if (level == rpt_shift_to_level(shift) && s != shift)
			return true;
		e = rpt_load(&pte[(addr >> s) & (BIT_ULL(bits) - 1)]);
		if (level == rpt_shift_to_level(shift) || !rpt_is_dir(e))
			return rpt_is_dir(e);
		pte = (__be64 *)(uintptr_t)rpt_dir_base(e);
		bits = rpt_dir_bits(e);
		level--;
	}
}

static enum pst_result try_map(struct subject *s, u64 addr,
			       const struct pst_leaf *leaf,
			       struct hlist_head *head, struct pst_mem *mem)
{
	enum pst_result want = model_map_result(&s->model, addr, leaf,
						s->pst->kind == PST_SHADOW ?
						head : NULL);
	enum pst_result got;

	if (want == PST_MAPPED && table_in_the_way(s->pst, addr, leaf->shift))
		want = PST_BLOCKED;
	got = pst_map(s->pst, addr, leaf, head, mem);
	if (got == PST_NO_TABLE && want == PST_MAPPED)
		return got;
	if (got != want)
		die("map of %#llx (2^%u): %d, not %d", addr, leaf->shift, got,
		    want);
	if (got != PST_BLOCKED)
		model_map(&s->model, addr, leaf, head);
	return got;
}

static bool map_attempt(struct subject *s, u64 addr,
			const struct pst_leaf *leaf, struct hlist_head *head,
			struct pst_mem *mem)
{
	struct pst_gather g;
	enum pst_result r;

	pst_batch_begin(&g, &tree_lock);
	r = try_map(s, addr, leaf, head, mem);
	if (r == PST_BLOCKED) {
		pst_unblock(s->pst, addr, leaf->shift, &g);
		resync(s, addr, leaf->shift);
	}
	pst_batch_end(&g, &tree_lock);
	/* Now and then without memory, which must do no harm. */
	if (r == PST_NO_TABLE && one_in(&st, 8))
		shim_fail_nth(1 + pick(&st, 6));
	if (r == PST_NO_TABLE && pst_mem_fill(mem, leaf->shift) &&
	    !shim_has_failed())
		die("no memory without reason");
	shim_fail_nth(0);
	return r == PST_BLOCKED || r == PST_NO_TABLE;
}

static void op_map(void)
{
	struct subject *s = any_live();
	struct pst_mem mem = { .kind = s->pst->kind,
			       .account = s->pst->account };
	struct hlist_head *head;
	unsigned int n = 0;
	struct pst_leaf leaf;
	u64 addr;

	leaf.shift = shifts[pick(&st, 10) < 8 ? pick(&st, 2) : pick(&st, 4)];
	addr = any_addr(leaf.shift);
	any_leaf(addr, &leaf, &head);
	while (map_attempt(s, addr, &leaf, head, &mem)) {
		if (n++ > 5000)
			die("no end of making room for %#llx", addr);
		/* Give up half way, as a fault does that finds L1 changed. */
		if (one_in(&st, 10))
			break;
	}
	pst_mem_release(&mem);
}

/* --- remove and change -------------------------------------------------- */

static void op_zap_range(void)
{
	struct subject *s = any_live();
	u64 start = any_addr(12), last = start + pick(&st, 1 << 22), next;

	if (one_in(&st, 10))
		last = one_in(&st, 2) ? ~0ULL : RPT_EA_LAST;
	if (one_in(&st, 10))
		start = 0;
	do {
		next = tree_zap(s->pst, start, last, 1 + pick(&st, 3000));
		model_zap(&s->model, start, next ? next - 1 : last);
		if (next && next <= start)
			die("zap from %#llx goes on at %#llx", start, next);
		start = next;
	} while (next && !one_in(&st, 5));
}

static struct subject *subject_of(const struct pst *pst)
{
	unsigned int i;

	for (i = 0; i < NR_TREES; i++)
		if (live[i].pst == pst)
			return &live[i];
	for (i = 0; i < NR_OLD; i++)
		if (old[i].pst == pst)
			return &old[i];
	die("leaf of a tree that is gone");
}

/* Memory is short: the first table in the queue that has none below goes. */
static void op_evict(void)
{
	struct subject *s = any_live();
	struct pst_table *t, *oldest = NULL;
	struct pst_gather g;

	pst_batch_begin(&g, &tree_lock);
	list_for_each_entry(t, &s->pst->tables, node) {
		if (!t->parent || t->nr_below)
			continue;
		oldest = t;
		break;
	}
	if (oldest)
		model_zap(&s->model, oldest->base, oldest->base - 1 +
			  ((uint64_t)1 << (oldest->bits + oldest->shift)));
	if (pst_evict_oldest(s->pst, &g) != !!oldest)
		die("evicted nothing, or something");
	pst_batch_end(&g, &tree_lock);
}

/* A notifier: whatever starts at a frame goes, of all trees, in one hold. */
static void op_unlink(void)
{
	struct hlist_head *head = &heads[pick(&st, NR_HEADS)];
	struct pst_link *link, *next;
	struct pst_gather g;
	struct pst_pos pos;

	pst_batch_begin(&g, &tree_lock);
	for (link = nrmap_first(head); link; link = next) {
		struct model_leaf *l;
		struct subject *s;
		struct rpte was;

		next = nrmap_next(link);
		pst_pos_of_link(link, &pos);
		s = subject_of(pos.table->pst);
		l = model_find(&s->model, pst_pos_addr(&pos));
		if (!l || l->head != head)
			die("link of %#llx on a wrong head",
			    pst_pos_addr(&pos));
		s->touched = true;
		was = pst_zap_leaf(&pos, &g);
		if ((was.val ^ (l->pa | l->attrs)) & (RPT_RPN | RPT_PROT))
			die("zapped %#llx", was.val);
		model_remove(&s->model, l - s->model.leaf);
	}
	pst_gather_flush(&g);
	if (!hlist_empty(head))
		die("links left");
	pure_unlock(&tree_lock);
	pst_gather_free(&g);
}

static struct model_leaf *any_model_leaf(struct subject *s)
{
	return s->model.nr ? &s->model.leaf[pick(&st, s->model.nr)] : NULL;
}

static void change_leaf(struct subject *s, struct model_leaf *l,
			struct pst_gather *g)
{
	struct pst_pos pos;

	if (!pst_find_leaf(s->pst, l->addr + pick(&st, BIT_ULL(l->shift)),
			   &pos))
		die("leaf at %#llx is not found", l->addr);
	switch (pick(&st, 4)) {
	case 0:
		pst_weaken_leaf(&pos, RPT_W | RPT_CHG, g);
		l->attrs &= ~(RPT_W | RPT_CHG);
		break;
	case 1:
		pst_weaken_leaf(&pos, RPT_REF, NULL);
		l->attrs &= ~RPT_REF;
		break;
	case 2:
		pst_strengthen_leaf(&pos, RPT_PROT | RPT_RC);
		l->attrs |= RPT_PROT | RPT_RC;
		break;
	case 3:
		/* Hardware sets R whenever it likes. */
		pure_update64(&pos.table->pte[pos.index], 0, RPT_REF);
		l->attrs |= RPT_REF;
		break;
	}
}

static void op_change(void)
{
	struct subject *s = any_live();
	struct model_leaf *l = any_model_leaf(s);
	struct pst_gather g;

	if (!l)
		return;
	pst_batch_begin(&g, &tree_lock);
	change_leaf(s, l, &g);
	pst_batch_end(&g, &tree_lock);
}

static void op_find(void)
{
	struct subject *s = any_live();
	u64 addr = any_addr(12) + pick(&st, 4096);
	const struct model_leaf *l = model_find(&s->model, addr);
	struct pst_pos pos;
	bool found;

	pure_lock(&tree_lock);
	found = pst_find_leaf(s->pst, addr, &pos);
	if (found != !!l || (l && pst_pos_addr(&pos) != l->addr))
		die("find of %#llx", addr);
	pure_unlock(&tree_lock);
}

/* --- detach, quiesce, drain --------------------------------------------- */

static struct subject *old_slot(enum pst_state state)
{
	unsigned int i, from = pick(&st, NR_OLD);

	for (i = 0; i < NR_OLD; i++) {
		struct subject *s = &old[(from + i) % NR_OLD];

		if (s->pst && s->pst->state == state)
			return s;
	}
	return NULL;
}

static struct subject *empty_slot(void)
{
	unsigned int i;

	for (i = 0; i < NR_OLD; i++)
		if (!old[i].pst)
			return &old[i];
	return NULL;
}

/* The O(1) invalidation: swap under the lock, nothing else. */
static void op_detach(void)
{
	struct subject *s = any_live(), *o = empty_slot();
	struct pst *new;

	if (!o)
		return;
	if (one_in(&st, 6))
		shim_fail_nth(1 + pick(&st, 4));
	new = pst_create(&tree_lock, PST_SHADOW, &tree_account);
	if (!new && !shim_has_failed())
		die("no memory without reason");
	shim_fail_nth(0);
	if (!new)
		return;
	new->hlpid = s->pst->hlpid;
	pure_lock(&tree_lock);
	pst_detach(s->pst);
	*o = *s;
	*s = (struct subject){ .pst = new };
	pure_unlock(&tree_lock);
}

/* Publish whichever tree is live now; all that were detached before are quiet. */
static void op_publish(void)
{
	struct subject *s = any_live();
	unsigned int i;

	lpid_set_entry(lpid_of(s),
		       rpt_make_root(pure_virt_to_pa(s->pst->root->pte)), 0);
	pure_lock(&tree_lock);
	for (i = 0; i < NR_OLD; i++)
		if (old[i].pst && old[i].pst->state == PST_DETACHED &&
		    old[i].pst->hlpid.val == lpid_of(s).val)
			pst_quiesce(old[i].pst);
	pure_unlock(&tree_lock);
}

/* Draining has begun: the model only keeps what still has a link. */
static void resync_drained(struct subject *o)
{
	unsigned int i, n = 0;
	struct model before = o->model;
	struct pst_table *t;

	o->model = (struct model){ NULL };
	list_for_each_entry(t, &o->pst->tables, node) {
		for (i = 0; i < BIT(t->bits); i++) {
			struct pst_pos pos = { t, i, rpt_load(&t->pte[i]) };
			struct model_leaf l = { .addr = pst_pos_addr(&pos),
						.shift = t->shift };

			if (!rpt_is_leaf(pos.pte))
				continue;
			l.pa = pos.pte.val & RPT_RPN;
			l.attrs = pos.pte.val & RPT_ATTRS;
			l.head = model_find(&before, l.addr)->head;
			model_insert(&o->model, &l);
			n++;
		}
	}
	model_clear(&before);
	if (n != pst_nr_leaves(o->pst))
		die("%u leaves left to drain, %lu counted", n,
		    pst_nr_leaves(o->pst));
}

static void op_drain(void)
{
	struct subject *o = old_slot(PST_QUIET);
	struct list_head doomed;
	bool more;

	if (!o)
		return;
	INIT_LIST_HEAD(&doomed);
	pure_lock(&tree_lock);
	more = pst_drain_step(o->pst, 1 + pick(&st, 40), &doomed);
	resync_drained(o);
	pure_unlock(&tree_lock);
	pst_free_doomed(&doomed);
	if (more)
		return;
	pst_destroy(o->pst);
	model_clear(&o->model);
	o->pst = NULL;
}

/* The guest dies and is created anew, under the same LPID. */
static void op_recreate(void)
{
	struct subject *s = any_live(), *o = empty_slot();
	unsigned int i;

	if (!o)
		return;
	pure_lock(&tree_lock);
	pst_detach(s->pst);
	pure_unlock(&tree_lock);
	lpid_set_entry(lpid_of(s), 0, 0);
	tlb_lpid_end(lpid_of(s));
	*o = *s;
	pure_lock(&tree_lock);
	for (i = 0; i < NR_OLD; i++)
		if (old[i].pst && old[i].pst->state == PST_DETACHED &&
		    old[i].pst->hlpid.val == lpid_of(s).val)
			pst_quiesce(old[i].pst);
	pure_unlock(&tree_lock);
	*s = (struct subject){ .pst = tree_create(PST_SHADOW, lpid_of(s)) };
}

/* --- the run ------------------------------------------------------------ */

static void check_tree(struct subject *s, bool all)
{
	enum pst_fault fault;

	if (!s->pst || !s->pst->root || !(s->touched || all))
		return;
	s->touched = false;
	fault = pst_audit(s->pst);
	if (fault)
		die("audit of LPID %llu: %d", s->pst->hlpid.val, fault);
	if (all)
		model_compare(&s->model, s->pst);
	else
		model_compare_quick(&s->model, s->pst);
}

static unsigned int links_on_heads(void)
{
	unsigned int i, n = 0;
	struct pst_link *l;

	for (i = 0; i < NR_HEADS; i++)
		for (l = nrmap_first(&heads[i]); l; l = nrmap_next(l))
			n++;
	return n;
}

static void check(void)
{
	unsigned int i, leaves = 0;
	bool all = one_in(&st, 64);

	pure_lock(&tree_lock);
	for (i = 0; i < NR_TREES; i++) {
		check_tree(&live[i], all);
		leaves += live[i].model.nr;
	}
	for (i = 0; i < NR_OLD; i++) {
		check_tree(&old[i], all);
		leaves += old[i].model.nr;
	}
	/* R1: as many links as leaves, in all trees of any state. */
	if (links_on_heads() != leaves)
		die("%u links, %u leaves", links_on_heads(), leaves);
	pure_unlock(&tree_lock);
	if (all)
		tlb_check_all();
}

static const struct {
	const char *name;
	void (*run)(void);
	unsigned int weight;
} ops[] = {
	{ "map", op_map, 60 },
	{ "zap range", op_zap_range, 6 },
	{ "unlink", op_unlink, 3 },
	{ "evict", op_evict, 2 },
	{ "change", op_change, 10 },
	{ "find", op_find, 6 },
	{ "detach", op_detach, 1 },
	{ "publish", op_publish, 2 },
	{ "drain", op_drain, 8 },
	{ "recreate", op_recreate, 1 },
};

static void step(void)
{
	unsigned int i, at = pick(&st, 99);

	for (i = 0; at >= ops[i].weight; i++)
		at -= ops[i].weight;
	ops[i].run();
	steps_of[i]++;
}

/* Bounded, so that a step stays cheap. */
static void keep_small(void)
{
	unsigned int i;

	for (i = 0; i < NR_TREES; i++) {
		if (live[i].model.nr < MAX_LEAVES)
			continue;
		tree_zap(live[i].pst, 0, ~0ULL, ~0U);
		model_zap(&live[i].model, 0, ~0ULL);
	}
}

static void finish(void)
{
	unsigned int i;

	for (i = 0; i < NR_TREES; i++) {
		pure_lock(&tree_lock);
		pst_detach(live[i].pst);
		pure_unlock(&tree_lock);
		lpid_set_entry(lpid_of(&live[i]), 0, 0);
		tlb_lpid_end(lpid_of(&live[i]));
		pure_lock(&tree_lock);
		pst_quiesce(live[i].pst);
		pure_unlock(&tree_lock);
		tree_drain(live[i].pst, 7);
		model_clear(&live[i].model);
	}
	for (i = 0; i < NR_OLD; i++) {
		if (!old[i].pst)
			continue;
		pure_lock(&tree_lock);
		if (old[i].pst->state == PST_DETACHED)
			pst_quiesce(old[i].pst);
		pure_unlock(&tree_lock);
		tree_drain(old[i].pst, 7);
		model_clear(&old[i].model);
	}
	tlb_stop();
	if (links_on_heads() || shim_nr_blocks() ||
	    atomic_long_read(&tree_account.tables) ||
	    atomic_long_read(&tree_account.bytes))
		die("something is left");
}

int main(void)
{
	unsigned int i;

	stress_begin(&st, "stress-pst", 100000);
	tlb_start();
	for (i = 0; i < NR_TREES; i++)
		live[i].pst = tree_create(PST_SHADOW, lpid_of(&live[i]));
	while (stress_next(&st)) {
		step();
		keep_small();
		check();
	}
	finish();
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		printf("# %-10s %lu\n", ops[i].name, steps_of[i]);
	printf("ok stress-pst\n");
	return 0;
}
