// SPDX-License-Identifier: GPL-2.0-only
/*
 * The partition-scoped tree in host memory: find, iterate, map, zap, detach,
 * drain. The invariants T1 to T4, R1 to R4, B1 and F1 to F3 are stated in the
 * header nested/pst.h.
 *
 * Three choke points: pst_change() is the only function that writes an entry,
 * pst_table_free() the only one that frees a table, pst_gather_flush() the only
 * one that flushes.
 *
 * Not done here: no page is faulted in, no permission is judged, no other tree
 * is looked at. That a shadow leaf is never more permissive than what is below
 * it is for the caller to see to, before pst_map() and in the same critical
 * section.
 */
#include "pst.h"

/* Nothing of a broken tree is touched; its VM ends. */
#define pst_broken(pst, cond)						\
	(pure_broken(cond) && (pure_end_vm((pst)->lock), true))

/* --- memory ------------------------------------------------------------- */

/* Tables that one eviction looks at under the lock. */
#define PST_EVICT_LOOK		512

/* What one hold of the lock is long enough for: leaves, tables, and entries. */
#define PST_SMALL_LEAVES	512
#define PST_SMALL_TABLES	32
#define PST_SMALL_ENTRIES	4096

static unsigned int pst_slot_size(enum pst_kind kind, unsigned int level)
{
	if (level == RPT_LEVEL_ROOT)
		return sizeof(struct pst_table *);
	if (kind == PST_SHADOW)
		return sizeof(union pst_slot);
	return level ? sizeof(struct pst_table *) : 0;
}

static size_t pst_pte_bytes(const struct pst_table *t)
{
	return sizeof(__be64) << t->bits;
}

static size_t pst_slot_bytes(const struct pst_table *t)
{
	return (size_t)t->slot_size << t->bits;
}

static void pst_charge(const struct pst_table *t, long sign)
{
	long bytes = sizeof(*t) + pst_pte_bytes(t) + pst_slot_bytes(t);
	long after;

	atomic_long_add(sign, &t->account->tables);
	after = atomic_long_add_return(sign * bytes, &t->account->bytes);
	pure_account(after - sign * bytes, after);
}

static void pst_table_free(struct pst_table *t)
{
	pst_charge(t, -1);
	pure_free(t->slots, pst_slot_bytes(t));
	pure_free(t->pte, pst_pte_bytes(t));
	pure_free(t, sizeof(*t));
}

static struct pst_table *pst_table_alloc(const struct pst_mem *mem,
					 unsigned int level, unsigned int bits)
{
	struct pst_table *t = pure_zalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->account = mem->account;
	t->level = level;
	t->bits = bits;
	t->shift = rpt_level_to_shift(level, bits);
	t->slot_size = pst_slot_size(mem->kind, level);
	INIT_LIST_HEAD(&t->node);
	pst_charge(t, 1);

	t->pte = pure_zalloc(pst_pte_bytes(t));
	if (t->slot_size)
		t->slots = pure_zalloc_soft(pst_slot_bytes(t));
	if (t->pte && (t->slots || !t->slot_size))
		return t;
	pst_table_free(t);
	return NULL;
}

/**
 * pst_mem_fill() - get the tables that pst_map() found missing
 * @mem: holds what is there already; @mem->missing says what is not
 * @shift: log2 bytes of the leaf to be mapped
 *
 * Context: Process context, may sleep; no lock is held or taken.
 * Return: 0 or -ENOMEM; on error @mem keeps what it has.
 */
int pst_mem_fill(struct pst_mem *mem, unsigned int shift)
{
	unsigned int level, bits;

	for (level = 0; level < RPT_LEVEL_ROOT; level++) {
		struct pst_table **t = &mem->table[level];

		if (!(mem->missing & BIT(level)))
			continue;
		bits = rpt_level_to_bits(level, shift);
		if (*t && (*t)->bits != bits) {
			pst_table_free(*t);
			*t = NULL;
		}
		if (!*t)
			*t = pst_table_alloc(mem, level, bits);
		if (!*t)
			return -ENOMEM;
	}
	mem->missing = 0;
	return 0;
}

/**
 * pst_mem_release() - free what pst_map() did not use
 * @mem: tables that no tree has seen
 *
 * Context: Any; no lock is needed. They were never reachable, so no flush.
 */
void pst_mem_release(struct pst_mem *mem)
{
	unsigned int level;

	for (level = 0; level < RPT_LEVEL_ROOT; level++) {
		if (mem->table[level])
			pst_table_free(mem->table[level]);
		mem->table[level] = NULL;
	}
}

/**
 * pst_create() - make an empty live tree
 * @lock: what will protect it
 * @kind: whose tree
 * @account: where its memory is counted; outlives every table
 *
 * The owner sets hlpid and glpid before anything is mapped.
 *
 * Context: Process context, may sleep.
 * Return: the tree, or NULL without memory.
 */
struct pst *pst_create(pure_lock_t *lock, enum pst_kind kind,
		       struct pst_account *account)
{
	struct pst_mem mem = { .kind = kind, .account = account };
	struct pst *pst = pure_zalloc(sizeof(*pst));

	if (!pst)
		return NULL;
	pst->lock = lock;
	pst->kind = kind;
	pst->state = PST_LIVE;
	pst->account = account;
	INIT_LIST_HEAD(&pst->tables);
	INIT_LIST_HEAD(&pst->drain);
	INIT_LIST_HEAD(&pst->flush.node);
	pst->root = pst_table_alloc(&mem, RPT_LEVEL_ROOT, RPT_ROOT_BITS);
	if (!pst->root) {
		pure_free(pst, sizeof(*pst));
		return NULL;
	}
	pst->root->pst = pst;
	list_add(&pst->root->node, &pst->tables);
	return pst;
}

/**
 * pst_destroy() - free a tree that pst_drain_step() has emptied
 * @pst: quiet tree without tables
 *
 * Context: Any; no lock is needed, nobody can find the tree.
 */
void pst_destroy(struct pst *pst)
{
	if (pst_broken(pst, !list_empty(&pst->tables) ||
			    !list_empty(&pst->drain)))
		return;
	pure_free(pst, sizeof(*pst));
}

/* --- gather ------------------------------------------------------------- */

/**
 * pst_gather_init() - start an empty gather
 * @g: on the stack of who will flush and free it
 */
void pst_gather_init(struct pst_gather *g)
{
	INIT_LIST_HEAD(&g->trees);
	g->nr_trees = 0;
	INIT_LIST_HEAD(&g->doomed);
}

/*
 * A quiet tree was flushed as a whole when it became quiet. The walk cache goes
 * before the leaves: a walk that begins in it would bring one back.
 */
static void pst_flush_tree(struct pst *pst)
{
	struct pst_flush *f = &pst->flush;
	unsigned int i;

	pure_assert_locked(pst->lock);
	if (pst->state != PST_QUIET) {
		if (f->all && f->pwc)
			lpid_flush_tlb_pwc(pst->hlpid);
		else if (f->all)
			lpid_flush_translations(pst->hlpid);
		else if (f->pwc)
			lpid_flush_pwc(pst->hlpid);
		for (i = 0; !f->all && i < f->nr; i++)
			lpid_flush_range(pst->hlpid, f->ranges[i].start,
					 f->ranges[i].last, f->ranges[i].shift);
	}
	f->nr = 0;
	f->all = false;
	f->pwc = false;
	list_del_init(&f->node);
}

/**
 * pst_gather_flush() - flush what was collected
 * @g: pages and tables of any number of trees
 *
 * Each tree costs one flush sequence (L16), whatever was taken from it.
 *
 * Context: Under the lock of the trees, the one under which the entries were
 *	changed (F2).
 */
void pst_gather_flush(struct pst_gather *g)
{
	while (!list_empty(&g->trees))
		pst_flush_tree(list_first_entry(&g->trees, struct pst,
						flush.node));
	g->nr_trees = 0;
}

/**
 * pst_gather_free() - free the tables that were unlinked
 * @g: gather that was flushed (F1)
 *
 * Context: Without the lock.
 */
void pst_gather_free(struct pst_gather *g)
{
	if (pure_broken(!list_empty(&g->trees)))
		return;
	pst_free_doomed(&g->doomed);
}

/**
 * pst_batch_begin() - begin a critical section that changes trees
 * @g: gather, empty afterwards
 * @lock: the lock of the trees
 *
 * Context: Process context, the lock is not held.
 */
void pst_batch_begin(struct pst_gather *g, pure_lock_t *lock)
	__acquires(lock)
{
	pst_gather_init(g);
	pure_lock(lock);
}

/**
 * pst_batch_end() - flush, give up the lock, and only then free
 * @g: what the critical section took away
 * @lock: the lock of the trees
 *
 * F1 and F2 in one place: nothing that was changed under the lock is still cached
 * when somebody else takes it, and no table is freed that could still be walked.
 *
 * Context: The lock is held, and is not afterwards.
 */
void pst_batch_end(struct pst_gather *g, pure_lock_t *lock)
	__releases(lock)
{
	pst_gather_flush(g);
	pure_unlock(lock);
	pst_gather_free(g);
}

/**
 * pst_free_doomed() - free a list of tables that nothing can reach
 * @doomed: tables; empty afterwards
 *
 * Context: Without the lock.
 */
void pst_free_doomed(struct list_head *doomed)
{
	struct pst_table *t, *next;

	list_for_each_entry_safe(t, next, doomed, node) {
		list_del(&t->node);
		pst_table_free(t);
	}
}

static struct pst_flush *pst_gather_tree(struct pst_gather *g, struct pst *pst)
{
	if (list_empty(&pst->flush.node)) {
		list_add_tail(&pst->flush.node, &g->trees);
		g->nr_trees++;
	}
	return &pst->flush;
}

/* A leaf that adjoins the last one of its size makes one range with it. */
static void pst_gather_leaf(struct pst_gather *g, const struct pst_pos *pos)
{
	struct pst_flush *f = pst_gather_tree(g, pos->table->pst);
	struct pst_range leaf = {
		.start = pst_pos_addr(pos), .shift = pos->table->shift,
	};
	struct pst_range *r;

	leaf.last = leaf.start + BIT_ULL(leaf.shift) - 1;
	r = f->nr ? &f->ranges[f->nr - 1] : NULL;
	if (r && r->shift == leaf.shift && r->last + 1 == leaf.start)
		r->last = leaf.last;
	else if (f->nr == PST_FLUSH_RANGES)
		f->all = true;
	else
		f->ranges[f->nr++] = leaf;
}

/* --- one entry ---------------------------------------------------------- */

/* A sample goes. In a directory the bit belongs to the address. */
static void pst_note_sample(const struct pst_table *t, struct rpte old)
{
	if (rpt_is_leaf(old) && (old.val & RPT_SAMPLE))
		atomic_long_inc(old.val & RPT_REF ? &t->account->samples_used :
						    &t->account->samples_unused);
}

/*
 * The one function that writes an entry. Returns the old value; R and C that
 * hardware sets meanwhile are in it or stay in the entry.
 */
static struct rpte pst_change(const struct pst_pos *pos, u64 clr, u64 set)
{
	struct pst_table *t = pos->table;
	struct rpte old, new;

	pure_assert_locked(t->pst->lock);
	old.val = pure_update64(&t->pte[pos->index], clr, set);
	new.val = (old.val & ~clr) | set;
	if (unlikely(old.val & ~new.val & RPT_SAMPLE))
		pst_note_sample(t, old);
	t->nr_present += rpt_is_valid(new) - rpt_is_valid(old);
	if (t->level < RPT_LEVEL_ROOT)
		t->pst->nr_leaves[t->level] += rpt_is_leaf(new) -
					       rpt_is_leaf(old);
	return old;
}

static struct pst_table **pst_child_slot(const struct pst_table *t,
					 unsigned int index)
{
	return t->slots + (size_t)index * t->slot_size;
}

static struct pst_table *pst_child(const struct pst_pos *pos)
{
	return *pst_child_slot(pos->table, pos->index);
}

/* Of a large leaf of a host tree, whose slot has no child. */
static unsigned long *pst_done_slot(const struct pst_pos *pos)
{
	return (unsigned long *)pst_child_slot(pos->table, pos->index);
}

static void pst_look(struct pst_pos *pos, struct pst_table *t, u64 addr)
{
	pos->table = t;
	pos->index = (addr >> t->shift) & (BIT(t->bits) - 1);
	pos->pte = rpt_load(&t->pte[pos->index]);
}

static void pst_link_child(struct pst_pos *pos, struct pst_table *child,
			   u64 addr)
{
	struct pst *pst = pos->table->pst;

	child->pst = pst;
	child->parent = pos->table;
	child->index = pos->index;
	child->base = pst_pos_addr(pos);
	list_add_tail(&child->node, &pst->tables);
	pst->nr_tables++;
	child->parent->nr_below++;
	*pst_child_slot(pos->table, pos->index) = child;
	/*
	 * The zeroes of the new table come before the entry that leads to it.
	 * Pairs with the address dependency of the hardware table walk.
	 */
	smp_wmb();
	pst_change(pos, ~0ULL,
		   rpt_make_dir(pure_virt_to_pa(child->pte), child->bits).val);
	pst_look(pos, child, addr);
}

/* Take a table out of its tree; it is freed after the flush. */
static void pst_unlink_table(struct pst_table *t, struct pst_gather *g)
{
	struct pst_pos pos = { .table = t->parent, .index = t->index };

	pst_gather_tree(g, t->pst)->pwc = true;
	pst_change(&pos, ~0ULL, 0);
	t->pst->nr_tables--;
	t->parent->nr_below--;
	*pst_child_slot(pos.table, pos.index) = NULL;
	list_move_tail(&t->node, &g->doomed);
}

/**
 * pst_zap_leaf() - remove one leaf
 * @pos: a present leaf
 * @g: gets the page to flush
 *
 * Context: Under the lock; @g is flushed before it is dropped.
 * Return: the entry as it was, with R and C.
 */
struct rpte pst_zap_leaf(const struct pst_pos *pos, struct pst_gather *g)
{
	struct pst_link *link = pst_link_at(pos->table, pos->index);
	struct rpte old = pst_change(pos, ~0ULL, 0);

	if (link)
		nrmap_unlink(link);
	else if (pos->table->slot_size)
		*pst_done_slot(pos) = 0;
	pst_gather_leaf(g, pos);
	return old;
}

/**
 * pst_weaken_leaf() - take bits from one leaf
 * @pos: a present leaf
 * @clr: RPT_PROT and RPT_RC bits to clear
 * @g: gets the page to flush; NULL if a stale translation does no harm, as
 *	when only R is cleared
 *
 * Context: Under the lock; @g is flushed before it is dropped.
 * Return: the entry as it was; nothing is flushed if it had none of the bits.
 */
struct rpte pst_weaken_leaf(const struct pst_pos *pos, u64 clr,
			    struct pst_gather *g)
{
	struct rpte old = rpt_load(&pos->table->pte[pos->index]);

	if (!(old.val & clr))
		return old;
	clr &= RPT_PROT | RPT_RC;
	/* It was used; what comes after says nothing about the sample. */
	if (clr & RPT_REF)
		clr |= RPT_SAMPLE;
	old = pst_change(pos, clr, 0);
	if (g)
		pst_gather_leaf(g, pos);
	return old;
}

/**
 * pst_strengthen_leaf() - give bits to one leaf in place
 * @pos: a present leaf
 * @set: RPT_PROT and RPT_RC bits to set
 *
 * Needs no flush: the MMU looks at the entry again before it reports a fault
 * for want of a right (Power ISA, Book III, "Translation Table Update
 * Synchronization Requirements").
 *
 * Context: Under the lock.
 */
void pst_strengthen_leaf(const struct pst_pos *pos, u64 set)
{
	pst_change(pos, 0, set & (RPT_PROT | RPT_RC));
}

/**
 * pst_block_leaf() - take all permissions from a leaf of a host tree
 * @pos: a present leaf, blocked already or not
 * @done: frames of it, from the first one, that have no shadow leaf
 * @g: gets the page to flush if it had permissions
 *
 * B1: from now on no shadow leaf is made from it, and the number of those that
 * are left only falls. Whoever comes to it goes on where the last one stopped.
 * A leaf of one frame needs no such place.
 *
 * Context: Under the lock; @g is flushed before it is dropped.
 */
void pst_block_leaf(const struct pst_pos *pos, unsigned long done,
		    struct pst_gather *g)
{
	if (pst_broken(pos->table->pst, pos->table->pst->kind != PST_HOST))
		return;
	pst_weaken_leaf(pos, RPT_PROT, g);
	if (pos->table->slot_size)
		*pst_done_slot(pos) = done;
}

/**
 * pst_blocked_done() - where the work on a blocked leaf goes on
 * @pos: a present leaf of a host tree
 *
 * Context: Under the lock.
 * Return: frames of the leaf that have no shadow leaf; 0 if it is not blocked.
 */
unsigned long pst_blocked_done(const struct pst_pos *pos)
{
	if (!pst_is_blocked(pos->pte) || !pos->table->slot_size)
		return 0;
	return *pst_done_slot(pos);
}

/* --- find and iterate --------------------------------------------------- */

/* The deepest entry over addr in a table of at least this level. */
static void pst_descend(struct pst *pst, u64 addr, unsigned int level,
			struct pst_pos *pos)
{
	pst_look(pos, pst->root, addr);
	while (pos->table->level > level && rpt_is_dir(pos->pte))
		pst_look(pos, pst_child(pos), addr);
}

/**
 * pst_find_leaf() - look one address up
 * @pst: tree in any state but drained
 * @addr: address in its input space
 * @pos: result, defined if there is a leaf
 *
 * Context: Under the lock.
 * Return: whether a leaf covers @addr.
 */
bool pst_find_leaf(struct pst *pst, u64 addr, struct pst_pos *pos)
{
	pure_assert_locked(pst->lock);
	if (addr > RPT_EA_LAST)
		return false;
	pst_descend(pst, addr, 0, pos);
	return rpt_is_leaf(pos->pte);
}

static bool pst_table_covers(const struct pst_table *t, u64 addr)
{
	return addr >= t->base && (addr - t->base) >> t->shift < BIT(t->bits);
}

/* From a table, up until addr is inside, then down to the entry over it. */
static void pst_move(struct pst_pos *pos, u64 addr)
{
	struct pst_table *t = pos->table;

	while (!pst_table_covers(t, addr))
		t = t->parent;
	pst_look(pos, t, addr);
	while (rpt_is_dir(pos->pte))
		pst_look(pos, pst_child(pos), addr);
}

/**
 * pst_find_leaf_near() - look up an address that is likely to be near another
 * @pos: an entry of the tree, found under this hold of the lock; result
 * @addr: address in its input space
 *
 * Context: Under the lock.
 * Return: whether a leaf covers @addr; @pos is an entry of the tree either way.
 */
bool pst_find_leaf_near(struct pst_pos *pos, u64 addr)
{
	pure_assert_locked(pos->table->pst->lock);
	if (addr > RPT_EA_LAST)
		return false;
	pst_move(pos, addr);
	return rpt_is_leaf(pos->pte);
}

/* From an entry of a table without entries to the one that leads there. */
static void pst_skip_empty(struct pst_pos *pos)
{
	while (!pos->table->nr_present && pos->table->parent) {
		pos->index = pos->table->index;
		pos->table = pos->table->parent;
	}
}

/**
 * pst_next_leaf() - the next leaf of a range, in ascending order
 * @pst: tree in any state but drained
 * @it: addr, last and budget are set by the caller before the first call
 *
 * A hole is skipped by the size of the entry that is empty, and so is a table
 * without entries: a look is never spent twice on what stays empty. The leaf may
 * be removed before the next call, tables may not. @it->addr has moved past
 * the leaf; when the lock was dropped, go on by a new iterator from there.
 *
 * Context: Under the lock.
 * Return: true with @it->pos at a leaf; false at the end of the range or, if
 * @it->addr <= @it->last still, at the end of the budget.
 */
bool pst_next_leaf(struct pst *pst, struct pst_iter *it)
{
	u64 last = min(it->last, RPT_EA_LAST);

	pure_assert_locked(pst->lock);
	if (!it->pos.table)
		it->pos.table = pst->root;
	while (it->addr <= last && it->budget) {
		it->budget--;
		pst_move(&it->pos, it->addr);
		pst_skip_empty(&it->pos);
		it->addr = pst_pos_addr(&it->pos) +
			   BIT_ULL(it->pos.table->shift);
		if (rpt_is_leaf(it->pos.pte))
			return true;
	}
	if (it->addr > last)
		it->addr = it->last == ~0ULL ? ~0ULL : it->last + 1;
	return false;
}

/* --- map ---------------------------------------------------------------- */

static bool pst_same_frame(struct rpte a, struct rpte b)
{
	return !((a.val ^ b.val) & ~(RPT_PROT | RPT_RC | RPT_SAMPLE));
}

/* A larger leaf that already gives what is wanted is as good. */
static bool pst_leaf_includes(const struct pst_pos *pos, u64 addr,
			      const struct pst_leaf *leaf)
{
	u64 offset = addr - pst_pos_addr(pos);

	return (pos->pte.val & RPT_RPN) + offset == leaf->pa &&
	       !((pos->pte.val ^ leaf->attrs) & RPT_ATT) &&
	       !(leaf->attrs & ~pos->pte.val & (RPT_PROT | RPT_RC));
}

/*
 * The same host frame need not be the same L1 frame: two memslots may lie over
 * one page. So what a shadow leaf gains it must have from the frame on whose head
 * it hangs (R2). It moves to the head of the frame that gives all of it now; if
 * it has more than that frame gives, it goes first.
 */
static enum pst_result pst_widen_leaf(const struct pst_pos *pos,
				      struct rpte new, struct hlist_head *head)
{
	struct pst_link *link = pst_link_at(pos->table, pos->index);
	u64 gain = new.val & ~pos->pte.val & ~RPT_SAMPLE;
	u64 excess = pos->pte.val & ~new.val & (RPT_PROT | RPT_CHG);

	if (!pst_same_frame(pos->pte, new) || (!link && pst_is_blocked(pos->pte)))
		return PST_BLOCKED;
	if (!gain)
		return PST_SAME;
	if (link && excess)
		return PST_BLOCKED;
	if (link) {
		nrmap_unlink(link);
		nrmap_link(head, link, pos->table);
	}
	pst_strengthen_leaf(pos, gain);
	return PST_WIDENED;
}

static enum pst_result pst_set_leaf(const struct pst_pos *pos,
				    const struct pst_leaf *leaf,
				    struct hlist_head *head)
{
	struct rpte new = rpt_make_leaf(leaf->pa, leaf->attrs);
	struct pst_link *link = pst_link_at(pos->table, pos->index);

	if (rpt_is_valid(pos->pte))
		return pst_widen_leaf(pos, new, head);
	if (link)
		nrmap_link(head, link, pos->table);
	pst_change(pos, ~0ULL, new.val);
	return PST_MAPPED;
}

/* Link the tables that are missing between pos and the level of the leaf. */
static enum pst_result pst_grow(struct pst_pos *pos, u64 addr,
				const struct pst_leaf *leaf,
				struct pst_mem *mem)
{
	unsigned int level = rpt_shift_to_level(leaf->shift);
	unsigned int below = pos->table->level;
	struct pst_table *child;

	mem->missing = 0;
	while (below-- > level) {
		child = mem->table[below];
		if (!child ||
		    child->bits != rpt_level_to_bits(below, leaf->shift))
			mem->missing |= BIT(below);
	}
	if (mem->missing)
		return PST_NO_TABLE;
	while (pos->table->level > level) {
		below = pos->table->level - 1;
		pst_link_child(pos, mem->table[below], addr);
		mem->table[below] = NULL;
	}
	return PST_MAPPED;
}

/**
 * pst_map() - map one leaf
 * @pst: live tree
 * @addr: address in its input space, aligned to the leaf
 * @leaf: the translation
 * @head: where the link goes, NULL for a tree without links
 * @mem: tables to use; what is missing is noted in it
 *
 * Never changes one translation into another: a leaf with another frame, size
 * or attribute, or a table where the leaf belongs, is PST_BLOCKED.
 *
 * Context: Under the lock. The caller has checked there that what it derives
 *	the leaf from has not changed (S2).
 * Return: see enum pst_result. Nothing is mapped on the last three.
 */
enum pst_result pst_map(struct pst *pst, u64 addr, const struct pst_leaf *leaf,
			struct hlist_head *head, struct pst_mem *mem)
{
	unsigned int level = rpt_shift_to_level(leaf->shift);
	struct pst_pos *pos = &mem->at;
	enum pst_result r;

	pure_assert_locked(pst->lock);
	if (pst_broken(pst, pst->state != PST_LIVE || addr > RPT_EA_LAST ||
		       !IS_ALIGNED(addr | leaf->pa, BIT_ULL(leaf->shift)))) {
		pos->table = NULL;
		return PST_BROKEN;
	}

	pst_descend(pst, addr, level, pos);
	if (pos->table->level > level && rpt_is_leaf(pos->pte))
		return pst_leaf_includes(pos, addr, leaf) ? PST_SAME :
							    PST_BLOCKED;
	if (pos->table->level > level) {
		r = pst_grow(pos, addr, leaf, mem);
		if (r != PST_MAPPED)
			return r;
	}
	if (pos->table->shift != leaf->shift || rpt_is_dir(pos->pte))
		return PST_BLOCKED;
	return pst_set_leaf(pos, leaf, head);
}

/**
 * pst_map_at() - map one leaf where a table for it is known
 * @pos: an empty entry of a live tree, found under this hold of the lock
 * @leaf: the translation, of the size of the table's entries
 * @head: where the link goes, NULL for a tree without links
 *
 * Context: Under the lock, as pst_map().
 */
void pst_map_at(const struct pst_pos *pos, const struct pst_leaf *leaf,
		struct hlist_head *head)
{
	struct pst *pst = pos->table->pst;

	pure_assert_locked(pst->lock);
	if (pst_broken(pst, pst->state != PST_LIVE || rpt_is_valid(pos->pte) ||
		       pos->table->shift != leaf->shift ||
		       !IS_ALIGNED(leaf->pa, BIT_ULL(leaf->shift))))
		return;
	pst_set_leaf(pos, leaf, head);
}

static bool pst_has_leaves(const struct pst_table *t)
{
	return t->nr_present > t->nr_below;
}

/* Remove the leaves of one table, at most 512. */
static void pst_empty_table(struct pst_table *t, struct pst_gather *g)
{
	struct pst_pos pos = { .table = t };

	for (; pst_has_leaves(t); pos.index++) {
		if (rpt_is_leaf(rpt_load(&t->pte[pos.index])))
			pst_zap_leaf(&pos, g);
	}
}

/* Drop a table that has no tables below it; at most 512 leaves. */
static void pst_evict_table(struct pst_table *t, struct pst_gather *g)
{
	pst_empty_table(t, g);
	pst_unlink_table(t, g);
}

/* The first table below an entry that has no tables below it. */
static struct pst_table *pst_lowest_table(const struct pst_pos *pos)
{
	struct pst_table *t = pst_child(pos);
	struct pst_pos below = { .table = t };

	while (below.table->level && below.index < BIT(below.table->bits)) {
		t = below.table;
		if (rpt_is_dir(rpt_load(&t->pte[below.index]))) {
			below.table = *pst_child_slot(t, below.index);
			below.index = 0;
		} else {
			below.index++;
		}
	}
	return below.table;
}

/**
 * pst_unblock() - take one step towards making room for a leaf
 * @pst: the tree
 * @addr: address that pst_map() was called with
 * @shift: log2 bytes of the leaf
 * @g: gets what has to be flushed and freed
 *
 * Removes the leaf that is in the way, or one table with all its leaves: at
 * most 512 in a call. Call pst_map() again afterwards.
 *
 * Context: Under the lock; @g is flushed before it is dropped.
 */
void pst_unblock(struct pst *pst, u64 addr, unsigned int shift,
		 struct pst_gather *g)
{
	unsigned int level = rpt_shift_to_level(shift);
	struct pst_pos pos;

	pure_assert_locked(pst->lock);
	pst_descend(pst, addr, level, &pos);
	if (rpt_is_dir(pos.pte))
		pst_evict_table(pst_lowest_table(&pos), g);
	else if (pos.table->level == level && pos.table->shift != shift)
		pst_evict_table(pos.table, g);
	else if (rpt_is_leaf(pos.pte))
		pst_zap_leaf(&pos, g);
}

/* --- zap a range -------------------------------------------------------- */

/* Tables that became empty inside the range go too, from the leaf upwards. */
static struct pst_table *pst_prune(struct pst_table *t, u64 start, u64 last,
				   struct pst_gather *g)
{
	while (t->parent && !t->nr_present && t->base >= start &&
	       t->base + (BIT_ULL(t->bits) << t->shift) - 1 <= last) {
		struct pst_table *parent = t->parent;

		pst_unlink_table(t, g);
		t = parent;
	}
	return t;
}

/**
 * pst_zap_range() - remove the leaves that overlap a range
 * @pst: tree in any state but drained
 * @start: first address
 * @last: last address, inclusive
 * @budget: entries to look at before giving up the lock
 * @g: gets what has to be flushed and freed
 *
 * A leaf that only overlaps the range goes whole: shadow state is a TLB.
 *
 * Context: Under the lock; @g is flushed before it is dropped.
 * Return: 0 if the range is done, else the address to go on from.
 */
u64 pst_zap_range(struct pst *pst, u64 start, u64 last, unsigned int budget,
		  struct pst_gather *g)
{
	struct pst_iter it = { .addr = start, .last = last, .budget = budget };

	while (pst_next_leaf(pst, &it)) {
		pst_zap_leaf(&it.pos, g);
		it.pos.table = pst_prune(it.pos.table, start, last, g);
	}
	return it.addr <= min(last, RPT_EA_LAST) ? it.addr : 0;
}

static bool pst_is_small(const struct pst *pst)
{
	const struct pst_table *t;
	unsigned int entries = 0;

	if (pst_nr_leaves(pst) > PST_SMALL_LEAVES ||
	    pst->nr_tables > PST_SMALL_TABLES)
		return false;
	list_for_each_entry(t, &pst->tables, node)
		entries += pst_has_leaves(t) ? BIT(t->bits) : 0;
	return entries <= PST_SMALL_ENTRIES;
}

/**
 * pst_zap_small() - remove all leaves of a small tree, and keep its tables
 * @pst: live tree
 * @g: gets all of the LPID to flush
 *
 * What a guest has used it will use again: its tables wait for it.
 *
 * Context: Under the lock; @g is flushed before it is dropped.
 * Return: false for a tree too large for one hold of the lock; it is as it was.
 */
bool pst_zap_small(struct pst *pst, struct pst_gather *g)
{
	struct pst_table *t;

	pure_assert_locked(pst->lock);
	if (!pst_is_small(pst))
		return false;
	pst_gather_tree(g, pst)->all = true;
	list_for_each_entry(t, &pst->tables, node)
		pst_empty_table(t, g);
	return true;
}

/*
 * The table without tables below it that is first in the queue. Those in front
 * of it go to the end: they are older than what is below them now, so that they
 * are not looked at again until that is gone.
 */
static struct pst_table *pst_oldest(struct pst *pst)
{
	unsigned int look = PST_EVICT_LOOK;
	struct pst_table *t, *next;

	list_for_each_entry_safe(t, next, &pst->tables, node) {
		if (t->parent && !t->nr_below)
			return t;
		if (!--look)
			break;
		list_move_tail(&t->node, &pst->tables);
	}
	return NULL;
}

/* Take R from the leaves of a table; says whether one of them had it. */
static bool pst_age_table(struct pst_table *t, struct pst_gather *g)
{
	unsigned int left = t->nr_present - t->nr_below;
	struct pst_pos pos = { .table = t };
	u64 used = 0;

	for (; left; pos.index++) {
		if (!rpt_is_leaf(rpt_load(&t->pte[pos.index])))
			continue;
		used |= pst_weaken_leaf(&pos, RPT_REF, g).val & RPT_REF;
		left--;
	}
	return used;
}

/**
 * pst_spare_oldest() - give the table that would go next a second chance
 * @pst: the tree
 * @g: gets what has to be flushed for R to come back, NULL if nothing has
 *
 * If one of its leaves was used since the last look, the table loses R and goes
 * to the end of the queue. At most 512 leaves are looked at. Losing an R does no
 * harm, but a parent hypervisor never sets it again in what it was not told to
 * flush.
 *
 * Context: Under the lock; @g is flushed before it is dropped.
 * Return: whether it was spared; if not, pst_evict_oldest() takes that table.
 */
bool pst_spare_oldest(struct pst *pst, struct pst_gather *g)
{
	struct pst_table *t;

	pure_assert_locked(pst->lock);
	t = pst_oldest(pst);
	if (!t || !pst_age_table(t, g))
		return false;
	list_move_tail(&t->node, &pst->tables);
	return true;
}

/**
 * pst_evict_oldest() - drop the table of leaves that is first in the queue
 * @pst: the tree
 * @g: gets what has to be flushed and freed
 *
 * At most 512 leaves go, and the tables above that are empty then.
 *
 * Context: Under the lock; @g is flushed before it is dropped.
 * Return: false if there was none among the first PST_EVICT_LOOK tables.
 */
bool pst_evict_oldest(struct pst *pst, struct pst_gather *g)
{
	struct pst_table *t, *parent;

	pure_assert_locked(pst->lock);
	t = pst_oldest(pst);
	if (!t)
		return false;
	parent = t->parent;
	pst_evict_table(t, g);
	pst_prune(parent, 0, RPT_EA_LAST, g);
	return true;
}

/* --- detach and drain --------------------------------------------------- */

/**
 * pst_detach() - a live tree gains no more leaves
 * @pst: live tree that the owner has just replaced
 *
 * Its leaves stay in the reverse map: hardware may walk them until the flush.
 *
 * Context: Under the lock.
 */
void pst_detach(struct pst *pst)
{
	pure_assert_locked(pst->lock);
	if (!pst_broken(pst, pst->state != PST_LIVE))
		pst->state = PST_DETACHED;
}

/**
 * pst_quiesce() - a detached tree has been flushed
 * @pst: tree whose LPID points elsewhere and was flushed since
 *
 * Context: Under the lock.
 */
void pst_quiesce(struct pst *pst)
{
	pure_assert_locked(pst->lock);
	if (!pst_broken(pst, pst->state != PST_DETACHED))
		pst->state = PST_QUIET;
}

/*
 * Take the leaves of a table of a quiet tree out of the reverse map. Nobody walks
 * the table, and nobody finds it after this: its entries stay as they are.
 */
static unsigned int pst_drain_table(struct pst_table *t)
{
	unsigned int present = t->nr_present, leaves = present - t->nr_below;
	unsigned int i, left = pst_link_at(t, 0) ? leaves : 0;

	for (i = 0; left && i < BIT(t->bits); i++) {
		struct rpte old = rpt_load(&t->pte[i]);

		if (!rpt_is_leaf(old))
			continue;
		nrmap_unlink(pst_link_at(t, i));
		pst_note_sample(t, old);
		left--;
	}
	if (t->level < RPT_LEVEL_ROOT)
		t->pst->nr_leaves[t->level] -= leaves;
	t->nr_present = 0;
	t->nr_below = 0;
	return present;
}

/**
 * pst_drain_step() - take tables out of a quiet tree
 * @pst: quiet tree; never to be walked again
 * @budget: entries to remove; at least one table is finished
 * @doomed: gets the tables, for pst_free_doomed() without the lock
 *
 * Context: Under the lock.
 * Return: whether tables are left.
 */
bool pst_drain_step(struct pst *pst, unsigned int budget,
		    struct list_head *doomed)
{
	unsigned int done = 0;
	struct pst_table *t;

	pure_assert_locked(pst->lock);
	if (pst_broken(pst, pst->state != PST_QUIET))
		return false;
	pst->root = NULL;
	while (!list_empty(&pst->tables) && done < budget) {
		t = list_first_entry(&pst->tables, struct pst_table, node);
		if (done && done + t->nr_present >= budget)
			break;
		done += 1 + pst_drain_table(t);
		list_move_tail(&t->node, doomed);
	}
	return !list_empty(&pst->tables);
}

/* --- audit -------------------------------------------------------------- */

static enum pst_fault pst_audit_child(const struct pst_pos *pos)
{
	struct pst_table *child = pst_child(pos);

	if (!child || rpt_dir_base(pos->pte) != pure_virt_to_pa(child->pte))
		return PST_BAD_SLOT;
	if (child->parent != pos->table || child->index != pos->index ||
	    child->base != pst_pos_addr(pos) ||
	    child->level + 1 != pos->table->level)
		return PST_BAD_PARENT;
	if (rpt_dir_bits(pos->pte) != child->bits)
		return PST_BAD_ENTRY;
	return PST_SOUND;
}

/* The slot says how far the work on a blocked leaf has come, or nothing. */
static enum pst_fault pst_audit_host_leaf(const struct pst_pos *pos)
{
	if (pos->table->slot_size && !pst_is_blocked(pos->pte) &&
	    *pst_done_slot(pos))
		return PST_BAD_SLOT;
	return PST_SOUND;
}

static enum pst_fault pst_audit_leaf(const struct pst_pos *pos)
{
	struct pst_link *link = pst_link_at(pos->table, pos->index);
	u64 pa = pos->pte.val & RPT_RPN;
	u64 w = RPT_W | RPT_CHG;

	if (pos->table->level == RPT_LEVEL_ROOT ||
	    !IS_ALIGNED(pa, BIT_ULL(pos->table->shift)))
		return PST_BAD_ENTRY;
	if (!link)
		return pst_audit_host_leaf(pos);
	if (!nrmap_is_linked(link) || link->table != pos->table)
		return PST_BAD_SLOT;
	/* C1: a shadow leaf is writable only with C. */
	if ((pos->pte.val & w) == RPT_W)
		return PST_BAD_ENTRY;
	return PST_SOUND;
}

static enum pst_fault pst_audit_empty(const struct pst_pos *pos)
{
	struct pst_link *link = pst_link_at(pos->table, pos->index);

	if (link && (nrmap_is_linked(link) || link->table))
		return PST_BAD_SLOT;
	if (pos->table->slot_size && pst_child(pos))
		return PST_BAD_SLOT;
	return PST_SOUND;
}

static enum pst_fault pst_audit_table(struct pst_table *t,
				      unsigned long *nr_leaves)
{
	struct pst_pos pos = { .table = t };
	enum pst_fault fault = PST_SOUND;
	unsigned int present = 0, below = 0;

	for (; pos.index < BIT(t->bits) && !fault; pos.index++) {
		pos.pte = rpt_load(&t->pte[pos.index]);
		present += rpt_is_valid(pos.pte);
		below += rpt_is_dir(pos.pte);
		if (rpt_is_dir(pos.pte))
			fault = pst_audit_child(&pos);
		else if (rpt_is_leaf(pos.pte))
			fault = pst_audit_leaf(&pos);
		else
			fault = pst_audit_empty(&pos);
		if (rpt_is_leaf(pos.pte) && t->level < RPT_LEVEL_ROOT)
			nr_leaves[t->level]++;
	}
	if (!fault && (present != t->nr_present || below != t->nr_below))
		fault = PST_BAD_COUNT;
	return fault;
}

/**
 * pst_audit() - check T2, T3, T4, R1 and C1 on a whole tree
 * @pst: tree that is not being drained
 *
 * Costs a look at every entry: for tests and CONFIG_KVM_BOOK3S_HV_NESTED_PROVE.
 *
 * Context: Under the lock.
 * Return: the first fault found, or PST_SOUND.
 */
enum pst_fault pst_audit(struct pst *pst)
{
	unsigned long nr_leaves[RPT_LEVEL_ROOT] = {};
	unsigned long nr_tables = 0;
	enum pst_fault fault;
	struct pst_table *t;

	pure_assert_locked(pst->lock);
	list_for_each_entry(t, &pst->tables, node) {
		nr_tables += !!t->parent;
		fault = pst_audit_table(t, nr_leaves);
		if (fault)
			return fault;
	}
	if (nr_tables != pst->nr_tables)
		return PST_BAD_COUNT;
	return memcmp(nr_leaves, pst->nr_leaves, sizeof(nr_leaves)) ?
	       PST_BAD_COUNT : PST_SOUND;
}

/* Look at the tables that begin at an address, and at the entry over it. */
static enum pst_fault pst_audit_at(struct pst *pst, u64 addr,
				   struct pst_pos *pos, long *budget)
{
	unsigned long nr_leaves[RPT_LEVEL_ROOT] = {};
	enum pst_fault fault;

	for (pst_look(pos, pst->root, addr);; pst_look(pos, pst_child(pos), addr)) {
		--*budget;
		if (pos->table->base == addr) {
			fault = pst_audit_table(pos->table, nr_leaves);
			if (fault)
				return fault;
			*budget -= BIT(pos->table->bits);
		}
		if (!rpt_is_dir(pos->pte))
			return PST_SOUND;
	}
}

/**
 * pst_audit_part() - check T2, T3 of each table, T4, R1 and C1 on a part of a tree
 * @pst: tree that is not being drained
 * @addr: where to go on; above RPT_EA_LAST when the tree is done
 * @budget: entries to look at before giving up the lock; one table is looked at
 *	whole, so 8192 more at the root and 512 elsewhere
 *
 * The tree may change from one part to the next; each is sound as it is. What
 * the tree counts as a whole is for pst_audit() alone.
 *
 * Context: Under the lock.
 * Return: the first fault found, or PST_SOUND; after a fault @addr has moved on.
 */
enum pst_fault pst_audit_part(struct pst *pst, u64 *addr, long budget)
{
	enum pst_fault fault = PST_SOUND;
	struct pst_pos pos;

	pure_assert_locked(pst->lock);
	while (*addr <= RPT_EA_LAST && budget > 0 && !fault) {
		fault = pst_audit_at(pst, *addr, &pos, &budget);
		*addr = pos.table->level ?
			pst_pos_addr(&pos) + BIT_ULL(pos.table->shift) :
			pos.table->base + BIT_ULL(pos.table->shift + pos.table->bits);
	}
	return fault;
}
