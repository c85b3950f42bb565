// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reverse map: removes, write-protects and ages shadow leaves over frames of
 * L1, in critical sections of bounded work that L1 cannot prolong.
 *
 * L13  The measure of progress of a walk is, in this order: the addresses from
 *      @addr to @last; whether the host leaf there is blocked; its frames that
 *      may still have shadow leaves; the links on the head of the first of these.
 *      Each critical section makes it smaller, whatever its budget:
 *
 *       - It does at least one unit of work.
 *       - A host leaf whose shadow leaves are too many for what is left of the
 *         budget is blocked. No shadow leaf is made from it any more (B1), so its
 *         links only become fewer; the frames done are kept with the leaf, so
 *         that they are not looked at again, by this walk or another one.
 *       - A blocked leaf that somebody else has finished is passed, and so is
 *         whatever was mapped in its place since.
 *       - Ageing takes nothing away. It passes a frame when it has asked the
 *         newest NRMAP_ASK_MAX of its shadow leaves.
 *
 * L16  A gather flushes each tree once; a tree that enters the gather is charged.
 */
#include "nrmap.h"

/* At least one unit of work in each critical section. */
static bool nrmap_may_go_on(const struct nrmap_walk *w)
{
	return w->budget > 0 || !w->progress;
}

static void nrmap_charge(struct nrmap_walk *w, long cost)
{
	w->budget -= cost;
	w->progress++;
}

static u64 nrmap_leaf_last(const struct pst_pos *pos)
{
	return pst_pos_addr(pos) + BIT_ULL(pos->table->shift) - 1;
}

/* Frames of a host leaf; those outside the memslot have no head. */
static unsigned long nrmap_nr_frames(const struct nrmap_walk *w,
				     const struct pst_pos *pos)
{
	return BIT(pos->table->shift - w->slot.shift);
}

static struct hlist_head *nrmap_head_at(const struct nrmap_walk *w, u64 gpa)
{
	if (!w->slot.heads || gpa < w->slot.start || gpa > w->slot.last)
		return NULL;
	return nrmap_head(&w->slot.heads[(gpa - w->slot.start) >>
					 w->slot.shift]);
}

static u64 nrmap_frame_addr(const struct nrmap_walk *w,
			    const struct pst_pos *pos, unsigned long frame)
{
	return pst_pos_addr(pos) + ((u64)frame << w->slot.shift);
}

/* A leaf of a tree that was not in the gather, of @nr_trees, costs a flush. */
static long nrmap_leaf_cost(const struct nrmap_walk *w, unsigned int nr_trees)
{
	return NRMAP_LEAF_COST + NRMAP_TREE_COST * (w->g->nr_trees - nr_trees);
}

static void nrmap_note_dirty(struct nrmap_walk *w, const struct pst_pos *pos,
			     struct rpte old)
{
	if ((old.val & RPT_CHG) && w->dirty)
		w->dirty(w, pst_pos_addr(pos), pos->table->shift);
}

/* --- remove ------------------------------------------------------------- */

/* Return: whether the head is empty. */
static bool nrmap_zap_head(struct nrmap_walk *w, struct hlist_head *head)
{
	struct pst_link *link;
	struct pst_pos pos;
	unsigned int trees;

	while ((link = nrmap_first(head))) {
		if (!nrmap_may_go_on(w))
			return false;
		trees = w->g->nr_trees;
		pst_pos_of_link(link, &pos);
		pst_zap_leaf(&pos, w->g);
		nrmap_charge(w, nrmap_leaf_cost(w, trees));
	}
	return true;
}

/* Return: frames of the host leaf that have no shadow leaf, from the first on. */
static unsigned long nrmap_zap_shadows(struct nrmap_walk *w,
				       const struct pst_pos *pos)
{
	unsigned long frame = pst_blocked_done(pos);
	unsigned long end = nrmap_nr_frames(w, pos);
	struct hlist_head *head;

	if (!w->slot.heads)
		return end;
	for (; frame < end; frame++) {
		if (!nrmap_may_go_on(w))
			break;
		head = nrmap_head_at(w, nrmap_frame_addr(w, pos, frame));
		if (head && !nrmap_zap_head(w, head))
			break;
		nrmap_charge(w, 1);
	}
	return frame;
}

/* Return: false if the leaf is blocked and the walk is to go on with it. */
static bool nrmap_zap(struct nrmap_walk *w, const struct pst_pos *pos)
{
	unsigned long done = nrmap_zap_shadows(w, pos);
	struct rpte old;

	if (done < nrmap_nr_frames(w, pos)) {
		pst_block_leaf(pos, done, w->g);
		w->blocked_last = nrmap_leaf_last(pos);
		return false;
	}
	old = pst_zap_leaf(pos, w->g);
	nrmap_note_dirty(w, pos, old);
	return true;
}

/* --- write-protect ------------------------------------------------------ */

/* Return: whether no shadow leaf on the head is writable. */
static bool nrmap_clean_head(struct nrmap_walk *w, struct hlist_head *head)
{
	struct pst_link *link;
	struct pst_pos pos;
	unsigned int trees;

	for (link = nrmap_first(head); link; link = nrmap_next(link)) {
		if (w->budget <= 0)
			return false;
		trees = w->g->nr_trees;
		pst_pos_of_link(link, &pos);
		pst_weaken_leaf(&pos, RPT_W | RPT_CHG, w->g);
		w->budget -= nrmap_leaf_cost(w, trees);
	}
	return true;
}

static bool nrmap_clean_shadows(struct nrmap_walk *w, const struct pst_pos *pos)
{
	unsigned long frame, end = nrmap_nr_frames(w, pos);
	struct hlist_head *head;

	for (frame = 0; w->slot.heads && frame < end; frame++, w->budget--) {
		head = nrmap_head_at(w, nrmap_frame_addr(w, pos, frame));
		if (w->budget <= 0 || (head && !nrmap_clean_head(w, head)))
			return false;
	}
	return true;
}

/*
 * Nothing that is cleaned becomes less, so what is too much for a critical
 * section of its own is removed instead: the next access maps it anew, without C.
 * Begun in the middle of one, it is left for the next one.
 */
static bool nrmap_write_protect(struct nrmap_walk *w, const struct pst_pos *pos)
{
	bool fresh = !w->progress;

	if (!(pos->pte.val & RPT_CHG))
		return true;
	if (pst_is_blocked(pos->pte))
		return nrmap_zap(w, pos);
	if (!nrmap_clean_shadows(w, pos))
		return fresh && nrmap_zap(w, pos);
	nrmap_note_dirty(w, pos, pst_weaken_leaf(pos, RPT_CHG, w->g));
	return true;
}

/* --- age ---------------------------------------------------------------- */

static void nrmap_ask(struct nrmap_walk *w, const struct pst_pos *pos)
{
	unsigned int trees = w->flush_aged ? w->g->nr_trees : 0;
	struct rpte old = pos->pte;

	if (w->op == NRMAP_AGE)
		old = pst_weaken_leaf(pos, RPT_REF,
				      w->flush_aged ? w->g : NULL);
	if (w->flush_aged)
		w->budget -= NRMAP_TREE_COST * (w->g->nr_trees - trees);
	w->young |= !!(old.val & RPT_REF);
}

/* Shadow leaves of at least one size on a head, the newest ones. */
static void nrmap_ask_head(struct nrmap_walk *w, struct hlist_head *head,
			   unsigned int min_shift)
{
	unsigned int n = NRMAP_ASK_MAX;
	struct pst_link *link;
	struct pst_pos pos;

	if (!head)
		return;
	for (link = nrmap_first(head); link && n--; link = nrmap_next(link)) {
		w->budget -= NRMAP_LEAF_COST;
		if (link->table->shift < min_shift)
			continue;
		pst_pos_of_link(link, &pos);
		nrmap_ask(w, &pos);
	}
}

/* Large shadow leaves inside a host leaf that begin before an address in it. */
static void nrmap_ask_before(struct nrmap_walk *w, const struct pst_pos *pos,
			     u64 addr)
{
	static const unsigned int large[] = { RPT_SHIFT_2M, RPT_SHIFT_1G };
	unsigned int i;
	u64 start;

	for (i = 0; i < ARRAY_SIZE(large); i++) {
		start = addr & ~(BIT_ULL(large[i]) - 1);
		if (start < addr && start >= pst_pos_addr(pos))
			nrmap_ask_head(w, nrmap_head_at(w, start), large[i]);
	}
}

/* Return: false if frames of the leaf are left; @w->addr is the next one. */
static bool nrmap_age(struct nrmap_walk *w, const struct pst_pos *pos)
{
	u64 last = min(w->last, nrmap_leaf_last(pos));
	u64 addr = max(w->addr, pst_pos_addr(pos));

	addr &= ~(BIT_ULL(w->slot.shift) - 1);
	nrmap_ask(w, pos);
	if (!w->slot.heads)
		return true;
	nrmap_ask_before(w, pos, addr);
	for (; addr <= last; addr += BIT_ULL(w->slot.shift)) {
		if (w->op == NRMAP_TEST_AGE && w->young)
			return true;
		if (!nrmap_may_go_on(w)) {
			w->addr = addr;
			return false;
		}
		nrmap_ask_head(w, nrmap_head_at(w, addr), 0);
		nrmap_charge(w, 1);
	}
	return true;
}

/* --- the walk ----------------------------------------------------------- */

/* Return: false if the walk is to go on with this leaf, from @w->addr. */
static bool nrmap_visit(struct nrmap_walk *w, const struct pst_pos *pos)
{
	w->budget -= NRMAP_LEAF_COST;
	if (w->op == NRMAP_AGE || w->op == NRMAP_TEST_AGE)
		return nrmap_age(w, pos);
	w->addr = pst_pos_addr(pos);
	if (w->op == NRMAP_ZAP)
		return nrmap_zap(w, pos);
	return nrmap_write_protect(w, pos);
}

/*
 * Whoever came to a leaf that this walk has blocked may have finished it. What is
 * mapped there since came after this walk, which has no business with it.
 */
static void nrmap_pass_finished(struct pst *host, struct nrmap_walk *w)
{
	struct pst_pos pos;

	if (!w->blocked_last)
		return;
	if (!pst_find_leaf(host, w->addr, &pos) || !pst_is_blocked(pos.pte))
		w->addr = w->blocked_last + 1;
	w->blocked_last = 0;
}

/**
 * nrmap_step() - the part of a walk that one critical section allows
 * @host: tree of the VM, live
 * @w: slot, op, addr, last, dirty, flush_aged, g and young as described there;
 *	blocked_last is 0 before the first step
 * @budget: work allowed, NRMAP_BUDGET or less; at least one unit is done
 *
 * Between two steps the lock may be given up, and L1, the VMM and other walks may
 * do what they like: see "L13" at the head of the file.
 *
 * Context: Under the lock; @w->g is flushed before it is dropped.
 * Return: whether something is left.
 */
bool nrmap_step(struct pst *host, struct nrmap_walk *w, long budget)
{
	u64 before = w->addr;
	struct pst_iter it;

	w->budget = budget;
	w->progress = 0;
	nrmap_pass_finished(host, w);
	it = (struct pst_iter){ .addr = w->addr, .last = w->last,
				.budget = max(budget, 1L) };
	while (nrmap_may_go_on(w) && pst_next_leaf(host, &it)) {
		if (!nrmap_visit(w, &it.pos)) {
			it.addr = w->addr;
			break;
		}
		w->addr = it.addr;
		w->progress++;
	}
	w->addr = it.addr;
	pure_prove(w->addr > w->last || w->addr > before || w->progress);
	return w->addr <= w->last;
}
