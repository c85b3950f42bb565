// SPDX-License-Identifier: GPL-2.0-only
/*
 * The adversarial TLB. See tlbmodel.h for what it finds.
 *
 * A table is here a block of memory at a position: LPID, first address, level.
 * It gets its position when a directory entry or a root first leads to it and
 * keeps it until the walk cache is flushed and nothing leads to it any more.
 */
#include <stdlib.h>

#include "tlbmodel.h"

#define NR_BUCKETS	4096
#define NR_SUSPECTS	65536
#define NR_ROOTS	16

/* What a translation allows, and what must not be lost without a flush. */
#define TLB_RIGHTS	(RPT_PROT | RPT_CHG)
#define TLB_FRAME	(RPT_RPN | RPT_ATT)

struct tlb_table {
	struct tlb_table *hash;
	struct list_head node;
	struct tlb_lpid *lpid;
	struct shim_block *block;
	__be64 *pte;
	u64 base;
	unsigned int level, bits, shift;
	unsigned int leaves, dirs;
	unsigned long mark;
};

struct tlb_entry {
	struct tlb_entry *hash;
	struct list_head node;
	struct tlb_lpid *lpid;
	u64 addr;
	unsigned int shift;
	u64 pte;
};

struct tlb_lpid {
	struct tlb_lpid *next;
	u64 id;
	u64 published;
	u64 roots[NR_ROOTS];
	unsigned int nr_roots;
	bool walks_stale;
	struct list_head tables;
	struct list_head entries;
};

static struct tlb_lpid *lpids;
static struct tlb_table *table_hash[NR_BUCKETS];
static struct tlb_entry *entry_hash[NR_BUCKETS];
static unsigned long mark;
static struct tlb_counts counts;

static struct {
	struct tlb_lpid *lpid;
	u64 addr;
	unsigned int shift;
} suspects[NR_SUSPECTS];
static unsigned int nr_suspects;

/* --- small pieces ------------------------------------------------------- */

static struct tlb_lpid *lpid_of(u64 id)
{
	struct tlb_lpid *l = lpids;

	while (l && l->id != id)
		l = l->next;
	if (!l)
		die("flush of LPID %llu, which is not in use", id);
	return l;
}

static unsigned int bucket(const struct tlb_lpid *l, u64 addr, unsigned int n)
{
	u64 h = (addr ^ l->id << 53 ^ n << 3) * 0x9e3779b97f4a7c15ULL;

	return h >> 52;
}

static u64 table_addr(const struct tlb_table *t, unsigned int index)
{
	return t->base + ((u64)index << t->shift);
}

static u64 table_base(u64 addr, unsigned int shift)
{
	unsigned int level = rpt_shift_to_level(shift);
	unsigned int bits = rpt_level_to_bits(level, shift);

	return addr & ~(BIT_ULL(shift + bits) - 1);
}

static void suspect(struct tlb_lpid *l, u64 addr, unsigned int shift)
{
	if (nr_suspects == NR_SUSPECTS)
		die("too many changes under one lock");
	suspects[nr_suspects].lpid = l;
	suspects[nr_suspects].addr = addr;
	suspects[nr_suspects++].shift = shift;
}

/* --- entries ------------------------------------------------------------ */

static void remember(struct tlb_lpid *l, u64 addr, unsigned int shift, u64 pte)
{
	unsigned int b = bucket(l, addr, shift);
	struct tlb_entry *e;

	for (e = entry_hash[b]; e; e = e->hash) {
		if (e->lpid == l && e->addr == addr && e->shift == shift &&
		    !((e->pte ^ pte) & TLB_FRAME)) {
			e->pte |= pte;
			return;
		}
	}
	e = malloc(sizeof(*e));
	*e = (struct tlb_entry){ .hash = entry_hash[b], .lpid = l,
				 .addr = addr, .shift = shift, .pte = pte };
	entry_hash[b] = e;
	list_add(&e->node, &l->entries);
}

static void forget(struct tlb_entry **p)
{
	struct tlb_entry *e = *p;

	*p = e->hash;
	list_del(&e->node);
	free(e);
}

static void forget_page(struct tlb_lpid *l, u64 addr, unsigned int shift)
{
	struct tlb_entry **p = &entry_hash[bucket(l, addr, shift)];

	while (*p) {
		if ((*p)->lpid == l && (*p)->addr == addr &&
		    (*p)->shift == shift)
			forget(p);
		else
			p = &(*p)->hash;
	}
}

static void forget_all(struct tlb_lpid *l)
{
	while (!list_empty(&l->entries)) {
		struct tlb_entry *e = list_first_entry(&l->entries,
						       struct tlb_entry, node);

		forget_page(l, e->addr, e->shift);
	}
}

/* --- tables ------------------------------------------------------------- */

static struct tlb_table *table_first(struct tlb_lpid *l, u64 base,
				     unsigned int level)
{
	return table_hash[bucket(l, base, level)];
}

static bool table_is(const struct tlb_table *t, const struct tlb_lpid *l,
		     u64 base, unsigned int shift)
{
	return t->lpid == l && t->base == base && t->shift == shift;
}

static void table_reach(struct tlb_lpid *l, u64 pa, u64 base,
			unsigned int level, unsigned int bits);

/* What hardware can do with one entry of a table it can walk. */
static void table_see(struct tlb_table *t, unsigned int index, struct rpte e)
{
	u64 addr = table_addr(t, index);

	if (rpt_is_leaf(e)) {
		if (t->level == RPT_LEVEL_ROOT)
			die("leaf %#llx in a root", e.val);
		remember(t->lpid, addr, t->shift, e.val);
	} else if (rpt_is_dir(e)) {
		if (!t->level)
			die("directory %#llx in a leaf table", e.val);
		table_reach(t->lpid, rpt_dir_base(e), addr, t->level - 1,
			    rpt_dir_bits(e));
	}
}

static void table_scan(struct tlb_table *t)
{
	unsigned int left = t->leaves + t->dirs;
	unsigned int i;

	for (i = 0; left; i++) {
		struct rpte e = rpt_load(&t->pte[i]);

		left -= rpt_is_valid(e);
		table_see(t, i, e);
	}
}

static void table_count(struct tlb_table *t)
{
	unsigned int i;

	for (i = 0; i < BIT(t->bits); i++) {
		struct rpte e = rpt_load(&t->pte[i]);

		t->leaves += rpt_is_leaf(e);
		t->dirs += rpt_is_dir(e);
	}
}

static struct tlb_table *table_new(struct tlb_lpid *l, struct shim_block *b,
				   u64 base, unsigned int level,
				   unsigned int bits)
{
	struct tlb_table **p = &table_hash[bucket(l, base, level)];
	struct tlb_table *t = calloc(1, sizeof(*t));

	*t = (struct tlb_table){
		.hash = *p, .lpid = l, .block = b, .pte = b->mem, .base = base,
		.level = level, .bits = bits,
		.shift = rpt_level_to_shift(level, bits),
	};
	*p = t;
	list_add(&t->node, &l->tables);
	b->tag = t;
	table_count(t);
	return t;
}

/* A pointer to a table has been seen. */
static void table_reach(struct tlb_lpid *l, u64 pa, u64 base,
			unsigned int level, unsigned int bits)
{
	struct shim_block *b = shim_block_at(pa);
	struct tlb_table *t;

	if (!b || b->size != 8ULL << bits)
		die("entry for %#llx leads to no table of %u bits", base, bits);
	t = b->tag;
	if (t && (t->lpid != l || t->base != base || t->level != level))
		die("table for %#llx is still cached for %#llx", base, t->base);
	if (t && t->mark == mark)
		return;
	if (!t)
		t = table_new(l, b, base, level, bits);
	t->mark = mark;
	table_scan(t);
}

static void table_drop(struct tlb_table *t)
{
	struct tlb_table **p = &table_hash[bucket(t->lpid, t->base, t->level)];
	unsigned int i, left = t->leaves;

	for (i = 0; left; i++) {
		if (!rpt_is_leaf(rpt_load(&t->pte[i])))
			continue;
		suspect(t->lpid, table_addr(t, i), t->shift);
		left--;
	}
	while (*p != t)
		p = &(*p)->hash;
	*p = t->hash;
	list_del(&t->node);
	t->block->tag = NULL;
	free(t);
}

/* The walk cache is empty: keep what can be reached from the roots known. */
static void rewalk(struct tlb_lpid *l)
{
	struct tlb_table *t, *n;
	unsigned int i;

	mark++;
	for (i = 0; i < l->nr_roots; i++)
		table_reach(l, l->roots[i], 0, RPT_LEVEL_ROOT, RPT_ROOT_BITS);
	list_for_each_entry_safe(t, n, &l->tables, node)
		if (t->mark != mark)
			table_drop(t);
	l->walks_stale = false;
}

/* --- flushes and the partition table ------------------------------------ */

static void flush_page(struct tlb_lpid *l, u64 addr, unsigned int shift)
{
	struct tlb_table *t;
	unsigned int index;
	struct rpte e;
	u64 base;

	counts.pages++;
	forget_page(l, addr, shift);
	base = table_base(addr, shift);
	t = table_first(l, base, rpt_shift_to_level(shift));
	for (; t; t = t->hash) {
		if (!table_is(t, l, base, shift))
			continue;
		index = (addr - base) >> shift;
		e = rpt_load(&t->pte[index]);
		if (rpt_is_leaf(e))
			remember(l, addr, shift, e.val);
	}
}

void lpid_flush_range(hlpid_t lpid, u64 start, u64 last, unsigned int shift)
{
	struct tlb_lpid *l = lpid_of(lpid.val);
	u64 mask = BIT_ULL(shift) - 1;

	counts.ranges++;
	if (!rpt_shift_is_leaf(shift))
		die("flush of a page of %u bits", shift);
	if (start > last || last > RPT_EA_LAST || (start & mask) ||
	    (~last & mask))
		die("flush of %#llx to %#llx", start, last);
	for (; start <= last; start += mask + 1)
		flush_page(l, start, shift);
}

void lpid_flush_pwc(hlpid_t lpid)
{
	counts.walks++;
	rewalk(lpid_of(lpid.val));
}

/* Whatever table may still be walked brings its leaves back. */
static void table_see_leaves(struct tlb_table *t)
{
	unsigned int i, left = t->leaves;

	for (i = 0; left; i++) {
		struct rpte e = rpt_load(&t->pte[i]);

		if (!rpt_is_leaf(e))
			continue;
		remember(t->lpid, table_addr(t, i), t->shift, e.val);
		left--;
	}
}

void lpid_flush_translations(hlpid_t lpid)
{
	struct tlb_lpid *l = lpid_of(lpid.val);
	struct tlb_table *t;

	counts.translations++;
	forget_all(l);
	list_for_each_entry(t, &l->tables, node)
		table_see_leaves(t);
}

/* No more than is promised: the root may be cached for longer. */
void lpid_flush_tlb_pwc(hlpid_t lpid)
{
	lpid_flush_pwc(lpid);
	lpid_flush_translations(lpid);
}

void lpid_flush_all(hlpid_t lpid)
{
	struct tlb_lpid *l = lpid_of(lpid.val);

	counts.all++;
	l->nr_roots = 0;
	if (l->published)
		l->roots[l->nr_roots++] = l->published;
	forget_all(l);
	rewalk(l);
}

void lpid_set_entry(hlpid_t lpid, u64 dw0, u64 dw1 __maybe_unused)
{
	struct tlb_lpid *l = lpid_of(lpid.val);

	if (dw0 && rpt_root_shift(dw0) != RPT_EA_SHIFT)
		die("root %#llx has another size", dw0);
	l->published = dw0 & RPT_ROOT_RPDB;
	if (dw0) {
		l->roots[l->nr_roots++] = l->published;
		mark++;
		table_reach(l, l->published, 0, RPT_LEVEL_ROOT,
			    FIELD_GET(RPT_ROOT_RPDS, dw0));
	}
	lpid_flush_all(lpid);
}

/* --- listener ----------------------------------------------------------- */

static bool loses(u64 old, u64 new)
{
	return (old & ~new & TLB_RIGHTS) || !(new & RPT_VALID) ||
	       (old ^ new) & TLB_FRAME;
}

static void on_update(__be64 *entry, u64 old, u64 new)
{
	struct shim_block *b = shim_block_of_entry(entry);
	struct rpte o = { old }, n = { new };
	struct tlb_table *t;
	unsigned int index;

	if (!b)
		die("write to %p, which is no table", (void *)entry);
	t = b->tag;
	if (!t)
		return;
	index = entry - t->pte;
	if (rpt_is_valid(o) && rpt_is_valid(n) &&
	    (rpt_is_leaf(o) != rpt_is_leaf(n) ||
	     (old ^ new) & (rpt_is_leaf(o) ? TLB_FRAME : RPT_NLB | RPT_NLS)))
		die("entry %#llx became %#llx in place", old, new);
	t->leaves += rpt_is_leaf(n) - rpt_is_leaf(o);
	t->dirs += rpt_is_dir(n) - rpt_is_dir(o);
	if (rpt_is_leaf(o) && loses(old, new))
		suspect(t->lpid, table_addr(t, index), t->shift);
	if (rpt_is_dir(o) && !rpt_is_valid(n))
		t->lpid->walks_stale = true;
	mark++;
	table_see(t, index, n);
}

static void on_release(struct shim_block *b)
{
	struct tlb_table *t = b->tag;

	if (t)
		die("table of level %u for %#llx of LPID %llu is freed and can still be walked",
		    t->level, t->base, t->lpid->id);
}

static bool backs(const struct tlb_table *t, const struct tlb_entry *e)
{
	u64 pte = rpt_load(&t->pte[(e->addr - t->base) >> e->shift]).val;

	return rpt_is_leaf((struct rpte){ pte }) && !loses(e->pte, pte);
}

static void check_entry(const struct tlb_entry *e)
{
	u64 base = table_base(e->addr, e->shift);
	const struct tlb_table *t;

	t = table_first(e->lpid, base, rpt_shift_to_level(e->shift));
	for (; t; t = t->hash)
		if (table_is(t, e->lpid, base, e->shift) && backs(t, e))
			return;
	die("lock dropped and LPID %llu may still use %#llx (2^%u) -> %#llx",
	    e->lpid->id, e->addr, e->shift, e->pte);
}

static void check_suspect(struct tlb_lpid *l, u64 addr, unsigned int shift)
{
	struct tlb_entry *e = entry_hash[bucket(l, addr, shift)];

	for (; e; e = e->hash)
		if (e->lpid == l && e->addr == addr && e->shift == shift)
			check_entry(e);
}

static void on_unlock(void)
{
	struct tlb_lpid *l;

	while (nr_suspects) {
		nr_suspects--;
		check_suspect(suspects[nr_suspects].lpid,
			      suspects[nr_suspects].addr,
			      suspects[nr_suspects].shift);
	}
	for (l = lpids; l; l = l->next)
		if (l->walks_stale)
			die("lock dropped, table of LPID %llu unlinked, walk cache not flushed",
			    l->id);
}

static const struct shim_listener listener = {
	.update = on_update,
	.release = on_release,
	.unlock = on_unlock,
};

/* --- for the tests ------------------------------------------------------ */

void tlb_start(void)
{
	counts = (struct tlb_counts){ 0 };
	nr_suspects = 0;
	shim_listener = &listener;
}

void tlb_stop(void)
{
	shim_listener = NULL;
	if (lpids)
		die("LPID %llu is still in use", lpids->id);
}

void tlb_lpid_begin(hlpid_t lpid)
{
	struct tlb_lpid *l = calloc(1, sizeof(*l));

	l->id = lpid.val;
	l->next = lpids;
	INIT_LIST_HEAD(&l->tables);
	INIT_LIST_HEAD(&l->entries);
	lpids = l;
}

void tlb_lpid_end(hlpid_t lpid)
{
	struct tlb_lpid *l = lpid_of(lpid.val), **p = &lpids;

	on_unlock();
	if (!list_empty(&l->tables) || !list_empty(&l->entries))
		die("LPID %llu is given back with something cached", l->id);
	while (*p != l)
		p = &(*p)->next;
	*p = l->next;
	free(l);
}

void tlb_check_frame_gone(u64 pa, u64 bytes)
{
	struct tlb_entry *e;
	struct tlb_lpid *l;
	u64 start;

	for (l = lpids; l; l = l->next) {
		list_for_each_entry(e, &l->entries, node) {
			start = e->pte & RPT_RPN;
			if (start < pa + bytes &&
			    pa < start + BIT_ULL(e->shift))
				die("frame %#llx is free and LPID %llu may use it at %#llx",
				    pa, l->id, e->addr);
		}
	}
}

void tlb_check_range_gone(hlpid_t lpid, u64 start, u64 last)
{
	struct tlb_entry *e;

	list_for_each_entry(e, &lpid_of(lpid.val)->entries, node)
		if (e->addr <= last &&
		    e->addr + (BIT_ULL(e->shift) - 1) >= start)
			die("%#llx was invalidated and LPID %llu may use it",
			    e->addr, lpid.val);
}

void tlb_check_all(void)
{
	struct tlb_entry *e;
	struct tlb_lpid *l;

	for (l = lpids; l; l = l->next)
		list_for_each_entry(e, &l->entries, node)
			check_entry(e);
}

bool tlb_access(hlpid_t lpid, u64 addr, u64 seed, struct rpte *pte,
		unsigned int *shift)
{
	static const unsigned int shifts[] = { 12, 16, 21, 30 };
	struct tlb_lpid *l = lpid_of(lpid.val);
	struct tlb_entry *e;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		unsigned int s = shifts[(i + seed) % ARRAY_SIZE(shifts)];
		u64 page = addr & ~(BIT_ULL(s) - 1);

		for (e = entry_hash[bucket(l, page, s)]; e; e = e->hash) {
			if (e->lpid != l || e->addr != page || e->shift != s)
				continue;
			pte->val = e->pte;
			*shift = s;
			return true;
		}
	}
	return false;
}

struct tlb_counts tlb_counts(void)
{
	return counts;
}
