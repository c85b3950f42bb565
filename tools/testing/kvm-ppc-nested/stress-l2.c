// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small hypervisor around the pure files: faults of L2, invalidations by L1,
 * the host taking memory away, dirty logging, ageing, discarding, death. All
 * at random, all checked after each step:
 *
 *  - each leaf that hardware can reach was allowed by L1's table at some time
 *    since the last invalidation that covers it, and is allowed by our own
 *    tree now (P7); it is writable only with C on both sides (C1);
 *  - when an invalidation or a notifier returns, nothing is cached (F2, I4).
 *
 * What can happen while a fault holds no lock happens here in windows: at each
 * place where the real code could sleep, any other operation may run.
 */
#include "nested/nfault.h"
#include "nested/ninv.h"
#include "nested/nrmap.h"
#include "l1.h"
#include "model.h"
#include "stress.h"
#include "trees.h"

#define HOST_LPID	make_hlpid(1)
#define NR_OLD		4
#define NR_SLOTS	2
#define MAX_DEPTH	2

static const struct {
	u64 start, bytes;
} slots[NR_SLOTS] = {
	{ 0, 0x1000000 },
	/* Two pages of 1G and a quarter of one. */
	{ 0x40000000, 0x90000000 },
};

/* A shadow tree; what L1 allowed for each leaf is in its model. */
struct shadow {
	struct pst *pst;
	struct model allow;
};

/* An invalidation: when L1 asked, and what has been dropped. */
struct asked {
	u64 time, start, last;
};

#define NR_ASKED	256

struct guest {
	unsigned int nr;
	struct asked asked[NR_ASKED];
	unsigned int nr_asked;
	struct shadow live;
	struct shadow old[NR_OLD];
	u64 inval_seq;
	bool dead;
	u64 root, next_root;
};

static struct stress st;
static unsigned int base_shift;
static struct pst *host;
static struct guest guests[L1_GUESTS];
static unsigned long *words[NR_SLOTS];
static u64 next_frame;
static unsigned int depth;
static bool host_busy;
static u64 shared_frames[16];
static unsigned long events;
static u64 now;
static unsigned long mapped, reflected, stale, refused, emulated;

static hlpid_t lpid_of(const struct guest *g)
{
	return make_hlpid(10 + g->nr);
}

static void run_another(void);

/* The code under test could sleep here. */
static void window(void)
{
	if (depth >= MAX_DEPTH || !one_in(&st, 4))
		return;
	depth++;
	events++;
	run_another();
	depth--;
}

/* --- memory of L1 as the host sees it ----------------------------------- */

static int slot_of(u64 gpa)
{
	int i;

	for (i = 0; i < NR_SLOTS; i++)
		if (gpa - slots[i].start < slots[i].bytes)
			return i;
	return -1;
}

static struct hlist_head *head_of(u64 gpa)
{
	int i = slot_of(gpa);

	if (i < 0)
		die("no head for %#llx", gpa);
	return nrmap_head(&words[i][(gpa - slots[i].start) >> base_shift]);
}

static u64 round_to(u64 addr, unsigned int shift)
{
	return addr & ~(BIT_ULL(shift) - 1);
}

static struct nrmap_walk walk_of(enum nrmap_op op, u64 start, u64 last)
{
	int i = slot_of(start);

	if (i < 0)
		die("no memslot for %#llx", start);
	return (struct nrmap_walk){
		.slot = { .heads = words[i], .start = slots[i].start,
			  .last = slots[i].start + slots[i].bytes - 1,
			  .shift = base_shift },
		.op = op, .addr = round_to(start, base_shift),
		.last = min(last, slots[i].start + slots[i].bytes - 1),
	};
}

/* Anything from the least to what all of it needs. */
static long any_budget(void)
{
	return one_in(&st, 2) ? 1 + pick(&st, 3) : 1 + pick(&st, NRMAP_BUDGET);
}

static bool walk_step(struct nrmap_walk *w)
{
	struct pst_gather g;
	bool more;

	pst_gather_init(&g);
	w->g = &g;
	pure_lock(&tree_lock);
	more = nrmap_step(host, w, any_budget());
	pst_batch_end(&g, &tree_lock);
	return more;
}

/* Other things happen between its critical sections; it ends all the same. */
static bool walk_run(enum nrmap_op op, u64 start, u64 last)
{
	struct nrmap_walk w = walk_of(op, start, last);
	unsigned long steps = 0;

	while (walk_step(&w)) {
		window();
		if (steps++ > 1000000)
			die("no end of operation %d at %#llx", op, w.addr);
	}
	return w.young;
}

/* Two addresses of L1 may lead to one page of the host. */
static bool host_maps(u64 pa, u64 bytes)
{
	struct pst_iter it = { .last = RPT_EA_LAST, .budget = ~0U };
	u64 at;

	while (pst_next_leaf(host, &it)) {
		at = it.pos.pte.val & RPT_RPN;
		if (at < pa + bytes && pa < at + BIT_ULL(it.pos.table->shift))
			return true;
	}
	return false;
}

static struct {
	u64 pa, bytes;
} unmapped[2048];

static unsigned int note_unmapped(u64 start, u64 last)
{
	struct pst_iter it = { .addr = start, .last = last, .budget = ~0U };
	unsigned int n = 0;

	pure_lock(&tree_lock);
	for (; pst_next_leaf(host, &it); n++) {
		if (n == ARRAY_SIZE(unmapped))
			die("too much to unmap at once");
		unmapped[n].pa = it.pos.pte.val & RPT_RPN;
		unmapped[n].bytes = BIT_ULL(it.pos.table->shift);
	}
	pure_unlock(&tree_lock);
	return n;
}

/* The notifier: nothing is mapped until it returns; then the frames are free. */
static void host_unmap(u64 start, u64 last)
{
	struct nrmap_walk w = walk_of(NRMAP_ZAP, start, last);
	unsigned int i, n;

	if (host_busy)
		return;
	n = note_unmapped(w.addr, w.last);
	host_busy = true;
	walk_run(NRMAP_ZAP, start, last);
	host_busy = false;
	pure_lock(&tree_lock);
	for (i = 0; i < n && i < 8; i++)
		if (!host_maps(unmapped[i].pa, unmapped[i].bytes))
			tlb_check_frame_gone(unmapped[i].pa, unmapped[i].bytes);
	pure_unlock(&tree_lock);
}

static u64 new_frame(unsigned int shift)
{
	u64 pa = (next_frame + BIT_ULL(shift) - 1) & ~(BIT_ULL(shift) - 1);

	next_frame = pa + BIT_ULL(shift);
	if (next_frame >> 55)
		next_frame = 1ULL << 48;
	return pa;
}

/* A base page may be one that another L1 address has: shared, or merged by KSM. */
static u64 any_frame(unsigned int shift)
{
	u64 *shared = &shared_frames[pick(&st, ARRAY_SIZE(shared_frames))];

	if (shift != base_shift)
		return new_frame(shift);
	if (!*shared || one_in(&st, 3))
		*shared = new_frame(shift);
	return *shared;
}

static bool fits_slot(u64 gpa, unsigned int shift)
{
	u64 start = round_to(gpa, shift);

	return slot_of(start) >= 0 && slot_of(start) == slot_of(gpa) &&
	       slot_of(start + BIT_ULL(shift) - 1) == slot_of(gpa);
}

static unsigned int any_host_shift(u64 gpa)
{
	unsigned int r = pick(&st, 40);

	if (r == 0 && fits_slot(gpa, 30))
		return 30;
	if (r < 20 && fits_slot(gpa, 21))
		return 21;
	return base_shift;
}

static bool host_allows(u64 attrs, enum nfault_access access)
{
	u64 rights = nfault_rights(attrs);

	if (access == NFAULT_FETCH)
		return rights & RPT_X;
	return rights & (access == NFAULT_STORE ? RPT_W : RPT_R);
}

/* Each step is a walk of its own: only one that finds nothing is the last. */
static void make_room(u64 gpa, unsigned int shift)
{
	unsigned long steps = 0;
	struct nrmap_walk w;

	for (;;) {
		w = walk_of(NRMAP_ZAP, gpa, gpa + BIT_ULL(shift) - 1);
		if (!walk_step(&w))
			return;
		window();
		if (steps++ > 1000000)
			die("no end of making room at %#llx", gpa);
	}
}

/* The page fault of the host: sleeps, takes our lock on its own. */
static void host_fault_in(u64 gpa, enum nfault_access access)
{
	struct pst_leaf leaf = { .attrs = RPT_R | RPT_X | RPT_REF };
	struct pst_pos pos;

	window();
	if (access == NFAULT_STORE)
		leaf.attrs |= RPT_W | RPT_CHG;
	else if (one_in(&st, 2))
		leaf.attrs |= RPT_W | (one_in(&st, 2) ? RPT_CHG : 0);
	/* An invalidation is going on: to be tried again. */
	if (host_busy)
		return;
	if (tree_find(host, gpa, &pos) && !pst_is_blocked(pos.pte) &&
	    !one_in(&st, 4)) {
		pure_lock(&tree_lock);
		pst_strengthen_leaf(&pos, leaf.attrs);
		pure_unlock(&tree_lock);
		return;
	}
	/* A new page, or copy on write, or a collapse into a larger one. */
	leaf.shift = any_host_shift(gpa);
	leaf.pa = any_frame(leaf.shift);
	gpa = round_to(gpa, leaf.shift);
	make_room(gpa, leaf.shift);
	if (!host_busy)
		tree_map(host, gpa, &leaf, NULL);
}

/* --- life of a guest ----------------------------------------------------- */

static struct shadow *empty_old(struct guest *g)
{
	unsigned int i;

	for (i = 0; i < NR_OLD; i++)
		if (!g->old[i].pst)
			return &g->old[i];
	return NULL;
}

static struct pst *new_live(struct guest *g)
{
	struct pst *pst = pst_create(&tree_lock, PST_SHADOW, &tree_account);

	if (pst)
		pst->hlpid = lpid_of(g);
	return pst;
}

static void drain_one(struct shadow *o, unsigned int budget)
{
	struct list_head doomed;
	bool more;

	INIT_LIST_HEAD(&doomed);
	pure_lock(&tree_lock);
	more = pst_drain_step(o->pst, budget, &doomed);
	pure_unlock(&tree_lock);
	pst_free_doomed(&doomed);
	if (more)
		return;
	pst_destroy(o->pst);
	model_clear(&o->allow);
	o->pst = NULL;
}

/* Publish the root that is live now; what was detached before is quiet. */
static void settle(struct guest *g)
{
	struct pst *pst = g->live.pst;
	unsigned int i;

	lpid_set_entry(lpid_of(g), pst ?
		       rpt_make_root(pure_virt_to_pa(pst->root->pte)) : 0, 0);
	pure_lock(&tree_lock);
	for (i = 0; i < NR_OLD; i++)
		if (g->old[i].pst && g->old[i].pst->state == PST_DETACHED)
			pst_quiesce(g->old[i].pst);
	pure_unlock(&tree_lock);
}

static bool is_settled(const struct guest *g)
{
	unsigned int i;

	for (i = 0; i < NR_OLD; i++)
		if (g->old[i].pst && g->old[i].pst->state == PST_DETACHED)
			return false;
	return true;
}

static void make_room_for_old(struct guest *g)
{
	if (empty_old(g))
		return;
	settle(g);
	while (g->old[0].pst)
		drain_one(&g->old[0], 1000);
}

static void note_dropped(struct guest *g, u64 time, u64 start, u64 last)
{
	g->asked[g->nr_asked++ % NR_ASKED] = (struct asked){ time, start, last };
}

/* Swap the live tree for another one or for none, in one short hold. */
static void detach(struct guest *g, struct pst *new, bool bump)
{
	u64 time = now++;
	struct shadow *o;

	make_room_for_old(g);
	o = empty_old(g);
	pure_lock(&tree_lock);
	if (bump) {
		g->inval_seq++;
		g->root = g->next_root;
		note_dropped(g, time, 0, ~0ULL);
	}
	pst_detach(g->live.pst);
	*o = g->live;
	g->live = (struct shadow){ .pst = new };
	pure_unlock(&tree_lock);
}

static void born(struct guest *g)
{
	g->live.pst = new_live(g);
	g->root = g->next_root = l1_root(g->nr);
	tlb_lpid_begin(lpid_of(g));
	settle(g);
	g->dead = false;
}

static void op_die(void)
{
	struct guest *g = &guests[pick(&st, L1_GUESTS)];

	if (g->dead) {
		born(g);
		return;
	}
	if (!one_in(&st, 4))
		return;
	g->dead = true;
	detach(g, NULL, true);
	settle(g);
	tlb_lpid_end(lpid_of(g));
}

/* --- invalidation by L1 -------------------------------------------------- */

/* As much as one hold is long enough for. */
static bool empty_small(struct guest *g)
{
	struct pst_gather gather;
	u64 time = now++;
	bool small;

	pst_batch_begin(&gather, &tree_lock);
	g->inval_seq++;
	g->root = g->next_root;
	small = pst_zap_small(g->live.pst, &gather);
	if (small) {
		model_zap(&g->live.allow, 0, ~0ULL);
		note_dropped(g, time, 0, ~0ULL);
	}
	pst_batch_end(&gather, &tree_lock);
	return small;
}

static void invalidate_guest(struct guest *g)
{
	unsigned long before = events;

	/* Whether the tree is small or not: both ways come often enough. */
	if (one_in(&st, 2) || !empty_small(g))
		detach(g, new_live(g), true);
	window();
	if (g->dead)
		return;
	if (!is_settled(g))
		settle(g);
	/* What a fault in the window has mapped since is there by right. */
	if (before == events)
		tlb_check_range_gone(lpid_of(g), 0, ~0ULL);
}

static u64 zap_chunk(struct guest *g, u64 start, u64 last, u64 time,
		     unsigned int budget)
{
	struct pst_gather gather;
	u64 next = 0;

	pst_batch_begin(&gather, &tree_lock);
	g->inval_seq++;
	if (g->live.pst) {
		next = pst_zap_range(g->live.pst, start, last, budget, &gather);
		model_zap(&g->live.allow, start, next ? next - 1 : last);
		note_dropped(g, time, start, next ? next - 1 : last);
	}
	pst_batch_end(&gather, &tree_lock);
	return next;
}

static void invalidate_range(struct guest *g, u64 start, u64 last)
{
	unsigned int chunk, budget = 1 + pick(&st, 2000);
	unsigned long before = events;
	u64 next = start, time = now++;

	for (chunk = 0; chunk < 16; chunk++) {
		next = zap_chunk(g, next, last, time, budget);
		if (!next)
			break;
		window();
		if (g->dead)
			return;
	}
	if (next) {
		invalidate_guest(g);
		return;
	}
	if (!is_settled(g))
		settle(g);
	if (before == events)
		tlb_check_range_gone(lpid_of(g), start, last);
}

static void invalidate(const struct ninv *inv)
{
	struct guest *g = &guests[(inv->glpid.val - 1) % L1_GUESTS];

	if (g->dead)
		return;
	/* L1's table entry is read again: another tree, perhaps. */
	if (inv->kind == NINV_LPID_ALL)
		g->next_root = one_in(&st, 2) ? l1_root(g->nr) :
						l1_other_root(g->nr);
	if (inv->kind == NINV_RANGE)
		invalidate_range(g, inv->start, inv->last);
	else if (inv->kind != NINV_NOTHING && inv->kind != NINV_LPID_PWC)
		invalidate_guest(g);
}

static unsigned int any_l1_shift(void)
{
	static const unsigned int shift[] = { 12, 12, 16, 16, 16, 21, 21, 30 };

	return shift[pick(&st, ARRAY_SIZE(shift))];
}

/* L2 uses few places, so that leaves and edits meet. */
static u64 any_ngpa(void)
{
	static const u64 regions[] = { 0, 0x40000000, 0x8000000000 };
	u64 addr = regions[pick(&st, 3)] + (pick(&st, 2) << 21);

	return addr + (pick(&st, 4) << 16) + (pick(&st, 3) << 12) +
	       pick(&st, 4096);
}

static void invalidate_addr(unsigned int nr, u64 ngpa, unsigned int shift)
{
	static const u64 ap[] = { [12] = 0, [16] = 5, [21] = 1, [30] = 2 };
	struct ninv inv;
	u64 page = round_to(ngpa, shift);
	int err;

	if (one_in(&st, 2))
		err = ninv_decode_tlbie(0x10000, nr + 1,
					page | ap[shift] << 5, &inv);
	else
		err = ninv_decode_rpt(nr + 1, 3, shift == 12 ? 1 : shift == 16 ?
				      2 : shift == 21 ? 4 : 8, page,
				      page + BIT_ULL(shift), &inv);
	if (err || inv.kind != NINV_RANGE || inv.start > ngpa ||
	    inv.last < ngpa)
		die("invalidation of %#llx (2^%u)", ngpa, shift);
	invalidate(&inv);
}

static void op_invalidate(void)
{
	unsigned int nr = pick(&st, L1_GUESTS);
	u64 start = one_in(&st, 3) ? 0 : any_ngpa();
	struct ninv inv;

	switch (pick(&st, 8)) {
	case 0:
		if (ninv_decode_tlbie(0x90000, nr + 1, 0x800, &inv))
			die("refused");
		break;
	case 1:
	case 2:
		if (ninv_decode_rpt(nr + 1, 3, 1 + pick(&st, 15), start,
				    one_in(&st, 2) ? ~0ULL :
				    start + pick(&st, 1ULL << 40), &inv))
			die("refused");
		break;
	default:
		invalidate_addr(nr, any_ngpa(), any_l1_shift());
		return;
	}
	invalidate(&inv);
}

/* --- what L1 does to its tables ------------------------------------------ */

static u64 any_gpa(unsigned int shift)
{
	u64 gpa;

	switch (pick(&st, 8)) {
	case 0:
		/* Beyond all memory, or across its end. */
		gpa = one_in(&st, 2) ? 0xd0000000 : rnd(&st.rnd) & RPT_RPN;
		break;
	case 1:
	case 2:
		gpa = 0x400000 + (pick(&st, 4) << 12);
		break;
	case 3:
		gpa = 0xc0000000 + (pick(&st, 3) << 21);
		break;
	default:
		gpa = 0x40000000 + (pick(&st, 2) << 21) + (pick(&st, 4) << 16) +
		      (pick(&st, 3) << 12);
		break;
	}
	return one_in(&st, 30) ? gpa : round_to(gpa, shift);
}

static void op_l1_map(void)
{
	static const u64 attrs[] = {
		RPT_PROT | RPT_RC, RPT_PROT | RPT_RC, RPT_PROT | RPT_REF,
		RPT_R | RPT_X | RPT_REF, RPT_R, RPT_W | RPT_RC, RPT_X | RPT_REF,
		0x30 | RPT_PROT | RPT_RC,
	};
	unsigned int nr = pick(&st, L1_GUESTS);
	struct l1_leaf leaf = { .shift = any_l1_shift() };
	u64 ngpa = round_to(any_ngpa(), leaf.shift);

	leaf.gpa = any_gpa(leaf.shift);
	leaf.attrs = attrs[pick(&st, ARRAY_SIZE(attrs))];
	l1_map(nr, ngpa, &leaf);
	if (one_in(&st, 2))
		invalidate_addr(nr, ngpa, leaf.shift);
}

static void op_l1_change(void)
{
	unsigned int nr = pick(&st, L1_GUESTS);
	u64 ngpa = any_ngpa();
	static const u64 clr[] = { RPT_W, RPT_CHG, RPT_REF, RPT_VALID, RPT_X };

	l1_change(nr, ngpa, clr[pick(&st, ARRAY_SIZE(clr))],
		  one_in(&st, 2) ? RPT_PROT | RPT_RC : 0);
	if (one_in(&st, 2))
		invalidate_addr(nr, ngpa, any_l1_shift());
}

static void op_l1_scribble(void)
{
	u64 val = rnd(&st.rnd);

	if (one_in(&st, 2))
		val = RPT_VALID | (val & 0xff000) | (one_in(&st, 3) ? 5 : 9);
	l1_scribble(rnd(&st.rnd), val);
}

/* --- the host ------------------------------------------------------------ */

static u64 any_host_gpa(void)
{
	u64 gpa;

	do
		gpa = any_gpa(12) + pick(&st, 1 << 14);
	while (slot_of(gpa) < 0);
	return gpa;
}

static void op_host_unmap(void)
{
	u64 gpa = any_host_gpa();

	host_unmap(gpa, gpa + (one_in(&st, 4) ? pick(&st, 1 << 22) : 0));
}

/* Dirty log: the shadow leaves first, then ours (C1). */
static void op_host_clean(void)
{
	u64 gpa = any_host_gpa();

	walk_run(NRMAP_WRITE_PROTECT, gpa,
		 gpa + (one_in(&st, 4) ? pick(&st, 1 << 22) : 0));
}

static void op_host_age(void)
{
	u64 gpa = any_host_gpa();
	unsigned long before = events;

	walk_run(one_in(&st, 4) ? NRMAP_TEST_AGE : NRMAP_AGE, gpa, gpa);
	/* L17: old at the second asking, if nobody was there in between. */
	walk_run(NRMAP_AGE, gpa, gpa);
	if (walk_run(NRMAP_AGE, gpa, gpa) && before == events)
		die("%#llx stays young", gpa);
}

/* Memory is short: drop a whole tree, without a bump, and tell later. */
static void op_discard(void)
{
	struct guest *g = &guests[pick(&st, L1_GUESTS)];
	struct pst *new;

	if (g->dead)
		return;
	new = new_live(g);
	detach(g, new, false);
}

/* The same for one leaf table. */
static void op_evict(void)
{
	struct guest *g = &guests[pick(&st, L1_GUESTS)];
	struct pst_gather gather;

	pst_batch_begin(&gather, &tree_lock);
	if (g->live.pst)
		pst_evict_oldest(g->live.pst, &gather);
	pst_batch_end(&gather, &tree_lock);
}

static void op_settle(void)
{
	struct guest *g = &guests[pick(&st, L1_GUESTS)];

	if (!g->dead)
		settle(g);
}

static void op_drain(void)
{
	struct guest *g = &guests[pick(&st, L1_GUESTS)];
	struct shadow *o = &g->old[pick(&st, NR_OLD)];

	if (o->pst && o->pst->state == PST_QUIET)
		drain_one(o, 1 + pick(&st, 30));
}

/* --- faults of L2 -------------------------------------------------------- */

enum attempt { DONE, STALE, NO_LEAF, NO_TABLE, AGAIN };

/* A fault, and when L1's table was walked for it. */
struct l2_fault {
	struct nested_fault f;
	u64 walked;
};

/* S2: what L1 has asked to drop since the walk must not come back. */
static void check_not_stale(const struct guest *g, const struct nested_fault *f)
{
	const struct l2_fault *l2 = container_of(f, struct l2_fault, f);
	u64 last = f->addr + (BIT_ULL(f->leaf.shift) - 1);
	unsigned int i;

	for (i = 0; i < min_t(unsigned int, g->nr_asked, NR_ASKED); i++) {
		const struct asked *a = &g->asked[i];

		if (a->time > l2->walked && a->start <= last &&
		    a->last >= f->addr)
			die("leaf at %#llx was invalidated after the walk",
			    f->addr);
	}
}

/* What L1 allowed when its table was walked. */
static void allow(struct guest *g, const struct nested_fault *f,
		  enum pst_result r)
{
	struct model_leaf new = { .addr = f->addr, .shift = f->leaf.shift,
				  .pa = f->gpa,
				  .attrs = f->l1.pte.val & RPT_ATTRS };
	struct model_leaf *l = model_find(&g->live.allow, f->addr);

	check_not_stale(g, f);
	if (r == PST_MAPPED) {
		model_zap(&g->live.allow, f->addr, model_last(&new));
		model_insert(&g->live.allow, &new);
		mapped++;
	} else if (r == PST_WIDENED) {
		if (!l || l->addr != f->addr || l->shift != f->leaf.shift)
			die("widened what was never mapped: %#llx", f->addr);
		/* All of it is what L1's leaf and its frame give now (I11). */
		l->pa = new.pa;
		l->attrs = new.attrs;
	}
}

static enum attempt map_locked(struct guest *g, struct nested_fault *f,
			       struct pst_mem *mem, struct pst_gather *gather)
{
	unsigned int steps;
	enum pst_result r;

	for (steps = 0; steps < 3; steps++) {
		r = pst_map(g->live.pst, f->addr, &f->leaf, head_of(f->gpa),
			    mem);
		if (r == PST_NO_TABLE)
			return NO_TABLE;
		if (r == PST_BROKEN)
			die("no way to map %#llx", f->addr);
		if (r != PST_BLOCKED) {
			allow(g, f, r);
			return DONE;
		}
		pst_unblock(g->live.pst, f->addr, f->leaf.shift, gather);
		pst_gather_flush(gather);
	}
	return AGAIN;
}

/* Our own leaf as one more access uses it: R, and C for a store, are set. */
static bool use_host_leaf(const struct nested_fault *f, struct pst_leaf *l0)
{
	struct pst_pos pos;
	u64 want = RPT_REF;

	if (!pst_find_leaf(host, f->l1.addr, &pos) ||
	    !host_allows(pos.pte.val, f->access))
		return false;
	if (f->access == NFAULT_STORE)
		want |= RPT_CHG;
	pst_strengthen_leaf(&pos, want);
	*l0 = (struct pst_leaf){ .pa = pos.pte.val & RPT_RPN,
				 .attrs = (pos.pte.val | want) & RPT_ATTRS,
				 .shift = pos.table->shift };
	return true;
}

static enum attempt attempt_locked(struct guest *g, struct nested_fault *f,
				   struct pst_mem *mem,
				   struct pst_gather *gather)
{
	struct pst_leaf l0;

	if (g->dead || g->inval_seq != f->inval_seq)
		return STALE;
	if (!use_host_leaf(f, &l0))
		return NO_LEAF;
	nfault_compose(f, &l0, base_shift);
	return map_locked(g, f, mem, gather);
}

static enum attempt attempt(struct guest *g, struct nested_fault *f,
			    struct pst_mem *mem)
{
	struct pst_gather gather;
	enum attempt a;

	pst_batch_begin(&gather, &tree_lock);
	a = attempt_locked(g, f, mem, &gather);
	pst_batch_end(&gather, &tree_lock);
	return a;
}

static enum attempt install(struct guest *g, struct nested_fault *f)
{
	struct pst_mem mem = { .kind = PST_SHADOW, .account = &tree_account };
	enum attempt a = AGAIN;
	unsigned int tries;

	for (tries = 0; tries < 8; tries++) {
		a = attempt(g, f, &mem);
		if (a == DONE || a == STALE)
			break;
		window();
		if (a == NO_LEAF)
			host_fault_in(f->l1.addr, f->access);
		if (a == NO_TABLE && one_in(&st, 20))
			shim_fail_nth(1 + pick(&st, 5));
		if (a == NO_TABLE && pst_mem_fill(&mem, f->leaf.shift) &&
		    !shim_has_failed())
			die("no memory without reason");
		shim_fail_nth(0);
	}
	pst_mem_release(&mem);
	return a;
}

static bool still_gives(const struct nested_fault *f, const struct pst_pos *pos)
{
	struct pst_leaf l0;
	struct pst_pos own;

	if (!pst_find_leaf(host, f->l1.addr, &own))
		return false;
	pst_pos_to_leaf(&own, &l0);
	return nfault_still_gives(f, &l0, base_shift, pos);
}

static void drop_found(struct guest *g, const struct nested_fault *f, u32 why)
{
	struct pst_gather gather;
	struct pst_pos pos;

	if (!(f->dsisr & NFAULT_FOUND))
		return;
	pst_batch_begin(&gather, &tree_lock);
	if (g->live.pst && pst_find_leaf(g->live.pst, f->ngpa, &pos) &&
	    !(why == DSISR_SET_RC && still_gives(f, &pos)))
		pst_zap_leaf(&pos, &gather);
	pst_batch_end(&gather, &tree_lock);
}

static void check_walk(const struct nested_fault *f)
{
	struct l1_leaf l = l1_walk(f->l1_root, f->ngpa);

	if (f->l1.cause != GWALK_LEAF) {
		if (l.shift)
			die("no leaf found for %#llx", f->ngpa);
		return;
	}
	if (l.shift != f->l1.shift || l.gpa != f->l1.addr ||
	    l.attrs != (f->l1.pte.val & RPT_ATTRS))
		die("walk of %#llx found %#llx, not %#llx", f->ngpa,
		    f->l1.addr, l.gpa);
}

/* After a fault without any disturbance L2 gets on. */
static void check_progress(struct guest *g, const struct nested_fault *f)
{
	static const u64 need[] = { RPT_R, RPT_W, RPT_X };
	struct pst_pos pos;

	if (!tree_find(g->live.pst, f->ngpa, &pos) ||
	    !(pos.pte.val & need[f->access]) || !(pos.pte.val & RPT_REF))
		die("no progress at %#llx", f->ngpa);
}

static void fault(struct guest *g, struct l2_fault *l2)
{
	struct nested_fault *f = &l2->f;
	const struct gwalk_reader rd = { .read = l1_read };
	unsigned long before = events;

	f->inval_seq = g->inval_seq;
	f->l1_root = g->root;
	window();
	l2->walked = now++;
	gwalk_walk(&rd, f->l1_root, f->ngpa, &f->l1);
	check_walk(f);
	if (nfault_l1_refusal(f)) {
		reflected++;
		drop_found(g, f, nfault_l1_refusal(f));
		return;
	}
	window();
	if (slot_of(f->l1.addr) < 0) {
		emulated++;
		drop_found(g, f, 0);
		return;
	}
	switch (install(g, f)) {
	case DONE:
		/* R is L1's, or somebody aged the leaf. */
		if (before == events)
			check_progress(g, f);
		break;
	case STALE:
		stale++;
		break;
	default:
		refused++;
	}
}

static void op_fault(void)
{
	struct guest *g = &guests[pick(&st, L1_GUESTS)];
	enum nfault_access access = pick(&st, 3);
	u64 ngpa = any_ngpa();
	u32 dsisr = access == NFAULT_STORE ? DSISR_ISSTORE : 0;
	struct l2_fault l2 = { .f.side = access == NFAULT_FETCH ?
			       NFAULT_INSN : NFAULT_DATA };
	struct pst_pos pos;

	if (g->dead)
		return;
	if (tree_find(g->live.pst, ngpa, &pos)) {
		if (!nfault_refusal(pos.pte.val, access))
			return;
		dsisr |= nfault_refusal(pos.pte.val, access);
	} else {
		dsisr |= DSISR_NOHPTE;
	}
	nfault_init(&l2.f, dsisr, ngpa | 0xf000000000000000, ngpa);
	if (l2.f.ngpa != ngpa || l2.f.access != access)
		die("fault at %#llx", ngpa);
	fault(g, &l2);
}

/* --- checks -------------------------------------------------------------- */

/* P7 and C1 against our own tree, which has to hold at any moment. */
static void check_against_host(const struct pst_pos *pos, u64 gpa)
{
	u64 pte = pos->pte.val, l0;
	struct pst_pos h;

	if (!pst_find_leaf(host, gpa, &h))
		die("shadow leaf over %#llx, which is not mapped", gpa);
	l0 = h.pte.val;
	if (pos->table->shift > h.table->shift)
		die("shadow leaf over %#llx is larger than ours", gpa);
	if ((l0 & RPT_RPN) + (gpa - pst_pos_addr(&h)) != (pte & RPT_RPN))
		die("shadow leaf over %#llx leads to %#llx", gpa, pte);
	/* A blocked one is on its way out, and its shadow leaves before it. */
	if (!pst_is_blocked(h.pte) && (nfault_rights(pte) & ~nfault_rights(l0)))
		die("shadow leaf over %#llx: %#llx, ours %#llx", gpa, pte, l0);
	if ((pte & RPT_W) && !(l0 & pte & RPT_CHG))
		die("shadow leaf over %#llx is writable without C", gpa);
	if ((pte ^ l0) & RPT_ATT)
		die("shadow leaf over %#llx has another attribute", gpa);
}

static void check_leaf(const struct shadow *s, const struct pst_pos *pos)
{
	u64 addr = pst_pos_addr(pos), pte = pos->pte.val;
	const struct model_leaf *l = model_find(&s->allow, addr);

	if (!l || l->addr != addr || l->shift != pos->table->shift)
		die("leaf at %#llx was not allowed", addr);
	if (nfault_rights(pte) & ~nfault_rights(l->attrs))
		die("leaf at %#llx: %#llx, L1 gave %#llx", addr, pte, l->attrs);
	if ((pte & RPT_W) && !(l->attrs & RPT_CHG))
		die("leaf at %#llx is writable, L1's has no C", addr);
	check_against_host(pos, l->pa);
}

static unsigned long check_shadow(const struct shadow *s)
{
	enum pst_fault fault = pst_audit(s->pst);
	struct pst_table *t;

	if (fault)
		die("audit: %d", fault);
	list_for_each_entry(t, &s->pst->tables, node) {
		struct pst_pos pos = { .table = t };
		unsigned int left = t->level < 3 ? t->nr_present : 0;

		for (; left; pos.index++) {
			pos.pte = rpt_load(&t->pte[pos.index]);
			left -= rpt_is_valid(pos.pte);
			if (rpt_is_leaf(pos.pte))
				check_leaf(s, &pos);
		}
	}
	return pst_nr_leaves(s->pst);
}

static void check_guest(const struct guest *g)
{
	unsigned int i;

	if (!g->dead)
		check_shadow(&g->live);
	/* Hardware may walk these until they are quiet. */
	for (i = 0; i < NR_OLD; i++)
		if (g->old[i].pst && g->old[i].pst->state == PST_DETACHED)
			check_shadow(&g->old[i]);
}

static void check(void)
{
	unsigned int i;

	pure_lock(&tree_lock);
	for (i = 0; i < L1_GUESTS; i++)
		check_guest(&guests[i]);
	if (one_in(&st, 16) && pst_audit(host))
		die("audit of our own tree");
	pure_unlock(&tree_lock);
	if (one_in(&st, 64))
		tlb_check_all();
}

/* --- the run ------------------------------------------------------------- */

static const struct op {
	void (*run)(void);
	unsigned int weight;
} ops[] = {
	{ op_fault, 50 },
	{ op_l1_map, 18 },
	{ op_l1_change, 5 },
	{ op_evict, 1 },
	{ op_l1_scribble, 1 },
	{ op_invalidate, 4 },
	{ op_host_unmap, 5 },
	{ op_host_clean, 4 },
	{ op_host_age, 2 },
	{ op_discard, 1 },
	{ op_settle, 1 },
	{ op_drain, 7 },
	{ op_die, 1 },
};

static void run_another(void)
{
	unsigned int i, at = pick(&st, 100);

	for (i = 0; at >= ops[i].weight; i++)
		at -= ops[i].weight;
	ops[i].run();
}

static void begin(void)
{
	unsigned int i;

	base_shift = stress_env("BASE", st.seed & 1 ? 16 : 12);
	next_frame = 1ULL << 48;
	for (i = 0; i < NR_SLOTS; i++)
		words[i] = calloc(slots[i].bytes >> base_shift,
				  sizeof(unsigned long));
	l1_reset();
	tlb_start();
	host = tree_create(PST_HOST, HOST_LPID);
	for (i = 0; i < L1_GUESTS; i++) {
		guests[i].nr = i;
		born(&guests[i]);
	}
}

static void end_guest(struct guest *g)
{
	unsigned int i;

	if (!g->dead) {
		detach(g, NULL, true);
		settle(g);
		tlb_lpid_end(lpid_of(g));
	}
	for (i = 0; i < NR_OLD; i++)
		while (g->old[i].pst)
			drain_one(&g->old[i], 5);
}

static void end(void)
{
	u64 i, n;

	for (i = 0; i < L1_GUESTS; i++)
		end_guest(&guests[i]);
	tree_destroy(host);
	tlb_stop();
	/* R4: the arrays of heads can go. */
	for (i = 0; i < NR_SLOTS; i++) {
		for (n = 0; n < slots[i].bytes >> base_shift; n++)
			if (words[i][n])
				die("head of frame %llu is not empty", n);
		free(words[i]);
	}
	if (shim_nr_blocks() || atomic_long_read(&tree_account.bytes))
		die("something is left");
}

int main(void)
{
	stress_begin(&st, "stress-l2", 100000);
	begin();
	while (stress_next(&st)) {
		run_another();
		check();
	}
	end();
	printf("# base page 2^%u: %lu mapped, %lu reflected, %lu stale, %lu emulated, %lu given up, %lu windows\n",
	       base_shift, mapped, reflected, stale, emulated, refused, events);
	printf("ok stress-l2\n");
	return 0;
}
