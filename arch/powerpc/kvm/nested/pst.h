/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The partition-scoped tree in host memory.
 *
 * One library serves L1's own tree and every shadow tree. It knows neither
 * vCPUs nor memslots nor faults. A shadow tree is a TLB: to discard any of it
 * at any time is correct.
 *
 * Vocabulary: a table is one array of entries with what belongs to it; a leaf
 * is an entry that maps memory; a child is a table below an entry. @addr is an
 * address in the input space of the tree: L1 real for L1's own tree, L2 real
 * for a shadow. @pa is host real. Ranges are start..last, inclusive.
 *
 * T1  state goes LIVE -> DETACHED -> QUIET and never back. Only LIVE trees gain
 *     leaves. QUIET means flushed: no CPU can walk the tree. Only QUIET trees
 *     are drained.
 * T2  pte[i] is a leaf of a shadow tree exactly while link i is hashed; it is a
 *     directory exactly while child i is set and the addresses match; the slot
 *     is empty exactly while pte[i] is not valid.
 * T3  nr_present is the number of valid entries.
 * T4  parent, index, base and level agree with the parent's slot.
 * R1  A link is hashed exactly while its entry is a present leaf of a shadow
 *     tree, in trees that are live and in trees that are detached.
 * R2  It hangs on the head of the first L1 frame of the leaf: the frame whose
 *     host leaf gives the leaf its permissions.
 * R3  Unlinking needs no memslot, no LPID and no memory.
 * R4  An array of heads is freed only when all its heads are empty.
 * B1  A leaf of a host tree without any permission is blocked. It never gets
 *     permissions back: it goes, and a new one may be mapped after it.
 * F1  A table is freed only through a gather, after the flush that covers it.
 * F2  What was unlinked is flushed before the lock is dropped; only freeing
 *     waits until after.
 * F3  The LPID flushed comes from the tree and never from a caller.
 *
 * Every function that takes a tree, a table or a link needs pst->lock, unless
 * it says otherwise. None sleeps under it and none allocates under it.
 */
#ifndef _KVM_NESTED_PST_H
#define _KVM_NESTED_PST_H

#include "lpid.h"
#include "rpt.h"

struct pst_table;

/**
 * struct pst_link - ties one shadow leaf to its L1 frame
 * @node: on the head of the frame
 * @table: table whose entry this stands for; the index is the position of the
 *	link in the table's slots
 */
struct pst_link {
	struct hlist_node node;
	struct pst_table *table;
};

/* A memslot has one word for each frame; in radix mode it is a list head. */
static_assert(sizeof(struct hlist_head) == sizeof(unsigned long));

static inline struct hlist_head *nrmap_head(unsigned long *word)
{
	return (struct hlist_head *)word;
}

static inline bool nrmap_is_linked(const struct pst_link *link)
{
	return !hlist_unhashed(&link->node);
}

static inline void nrmap_link(struct hlist_head *head, struct pst_link *link,
			      struct pst_table *table)
{
	link->table = table;
	hlist_add_head(&link->node, head);
}

static inline void nrmap_unlink(struct pst_link *link)
{
	hlist_del_init(&link->node);
	link->table = NULL;
}

/* The first link of a frame, NULL if no shadow leaf starts there. */
static inline struct pst_link *nrmap_first(const struct hlist_head *head)
{
	return hlist_entry_safe(head->first, struct pst_link, node);
}

static inline struct pst_link *nrmap_next(const struct pst_link *link)
{
	return hlist_entry_safe(link->node.next, struct pst_link, node);
}

enum pst_state {
	PST_LIVE,
	PST_DETACHED,
	PST_QUIET,
};

/**
 * enum pst_kind - whose tree
 * @PST_HOST: a VM's own; leaves carry no links
 * @PST_SHADOW: of a nested guest; leaves are in the reverse map
 */
enum pst_kind {
	PST_HOST,
	PST_SHADOW,
};

/**
 * struct pst_account - what the trees of one VM use
 * @tables: tables of any state, doomed ones included
 * @bytes: bytes of tables and slots
 * @samples_used: leaves with RPT_SAMPLE that had R when they went
 * @samples_unused: those that had not
 */
struct pst_account {
	atomic_long_t tables;
	atomic_long_t bytes;
	atomic_long_t samples_used;
	atomic_long_t samples_unused;
};

/**
 * union pst_slot - software state of one entry
 * @link: of a leaf of a shadow tree
 * @child: of a directory
 * @done: of a blocked leaf of a host tree: how many of its frames have no shadow
 *	leaf any more. Slots of host trees have no room for a link.
 */
union pst_slot {
	struct pst_link link;
	struct pst_table *child;
	unsigned long done;
};

/**
 * struct pst_table - one table and its software state
 * @pte: what hardware walks; aligned to its size
 * @slots: for each entry a child pointer or a union pst_slot, or NULL
 * @pst: the tree; not to be followed once the table is doomed
 * @account: where its memory is counted
 * @parent: table above, NULL for the root
 * @node: in pst->tables, or in a list of doomed tables
 * @base: first address that the table maps
 * @index: of the entry in @parent
 * @nr_present: valid entries (T3)
 * @nr_below: entries that lead to tables
 * @level: 3 is the root
 * @bits: log2 entries
 * @shift: log2 bytes of an entry
 * @slot_size: bytes of one slot, 0 for none
 */
struct pst_table {
	__be64 *pte;
	void *slots;
	struct pst *pst;
	struct pst_account *account;
	struct pst_table *parent;
	struct list_head node;
	u64 base;
	u16 index;
	u16 nr_present;
	u16 nr_below;
	u8 level;
	u8 bits;
	u8 shift;
	u8 slot_size;
};

#define PST_FLUSH_RANGES	16

/**
 * struct pst_flush - what has to be flushed of one tree
 * @node: in the gather of the critical section, empty if there is nothing
 * @nr: ranges collected
 * @all: too many ranges: flush all translations of the LPID
 * @pwc: a table was unlinked: flush the page-walk cache
 * @ranges: adjoining leaves of one size, first to last address
 */
struct pst_flush {
	struct list_head node;
	unsigned int nr;
	bool all;
	bool pwc;
	struct pst_range {
		u64 start;
		u64 last;
		unsigned int shift;
	} ranges[PST_FLUSH_RANGES];
};

/**
 * struct pst - one tree
 * @root: level 3 table
 * @lock: what protects the tree
 * @hlpid: LPID that hardware walks it under
 * @glpid: L1's name of the guest, for the key of a mapping
 * @kind: whose tree
 * @state: T1
 * @tables: all tables, oldest first, but for those put back at the end: what
 *	pst_spare_oldest() spared, and what has tables below it
 * @drain: for the owner, once detached
 * @nr_leaves: valid leaves by level
 * @nr_tables: tables without the root
 * @flush: what has to be flushed before the lock is dropped
 * @account: where its memory is counted
 */
struct pst {
	struct pst_table *root;
	pure_lock_t *lock;
	hlpid_t hlpid;
	glpid_t glpid;
	enum pst_kind kind;
	enum pst_state state;
	struct list_head tables;
	struct list_head drain;
	unsigned long nr_leaves[RPT_LEVEL_ROOT];
	unsigned long nr_tables;
	struct pst_flush flush;
	struct pst_account *account;
};

/**
 * struct pst_leaf - one translation
 * @pa: host real, aligned to @shift
 * @attrs: RPT_ATTRS bits: protection, R, C, storage attribute
 * @shift: 12, 16, 21 or 30
 */
struct pst_leaf {
	u64 pa;
	u64 attrs;
	unsigned int shift;
};

/**
 * struct pst_pos - an entry of a table
 * @table: the table
 * @index: of the entry
 * @pte: the entry when it was looked at
 */
struct pst_pos {
	struct pst_table *table;
	unsigned int index;
	struct rpte pte;
};

/**
 * struct pst_mem - tables for one pst_map(), for each level below the root
 * @kind: of the tree they are for
 * @account: where they are counted
 * @table: tables that no tree has seen
 * @missing: levels that pst_map() found no table for
 * @at: where the leaf is, if pst_map() says so; no table if misused
 *
 * Names no tree: while memory is got without the lock, the tree may go.
 */
struct pst_mem {
	enum pst_kind kind;
	struct pst_account *account;
	struct pst_table *table[RPT_LEVEL_ROOT];
	unsigned int missing;
	struct pst_pos at;
};

/**
 * struct pst_gather - what has to be flushed, and what is freed after that
 * @trees: trees that something was taken from, by their pst_flush
 * @nr_trees: how many
 * @doomed: tables that go when the flush is done; of any tree
 *
 * Serves any number of trees under one lock: a tree is flushed once for each
 * pst_gather_flush(), in whatever order its leaves were taken.
 */
struct pst_gather {
	struct list_head trees;
	unsigned int nr_trees;
	struct list_head doomed;
};

/**
 * struct pst_iter - a walk over the leaves of a range
 * @addr: where to go on; past @last when the range is done
 * @last: last address of the range
 * @budget: entries that may still be looked at
 * @pos: the leaf found
 */
struct pst_iter {
	u64 addr;
	u64 last;
	unsigned int budget;
	struct pst_pos pos;
};

struct pst *pst_create(pure_lock_t *lock, enum pst_kind kind,
		       struct pst_account *account);
void pst_destroy(struct pst *pst);

/**
 * enum pst_result - what pst_map() did
 * @PST_MAPPED: the entry was absent and is set; @at of struct pst_mem is valid
 * @PST_WIDENED: the same translation gained permissions in place and hangs on
 *	@head now; likewise
 * @PST_SAME: nothing to do; likewise, and the leaf there may be a larger one
 * @PST_BLOCKED: something else is in the way: pst_unblock(), then again
 * @PST_NO_TABLE: drop the lock, pst_mem_fill(), recheck, then again
 * @PST_BROKEN: no such leaf can be mapped; the VM has been ended
 */
enum pst_result {
	PST_MAPPED,
	PST_WIDENED,
	PST_SAME,
	PST_BLOCKED,
	PST_NO_TABLE,
	PST_BROKEN,
};

enum pst_result __must_check pst_map(struct pst *pst, u64 addr,
				     const struct pst_leaf *leaf,
				     struct hlist_head *head,
				     struct pst_mem *mem);
void pst_map_at(const struct pst_pos *pos, const struct pst_leaf *leaf,
		struct hlist_head *head);
void pst_unblock(struct pst *pst, u64 addr, unsigned int shift,
		 struct pst_gather *g);

int __must_check pst_mem_fill(struct pst_mem *mem, unsigned int shift);
void pst_mem_release(struct pst_mem *mem);

bool pst_find_leaf(struct pst *pst, u64 addr, struct pst_pos *pos);
bool pst_find_leaf_near(struct pst_pos *pos, u64 addr);
bool pst_next_leaf(struct pst *pst, struct pst_iter *it);

struct rpte pst_zap_leaf(const struct pst_pos *pos, struct pst_gather *g);
struct rpte pst_weaken_leaf(const struct pst_pos *pos, u64 clr,
			    struct pst_gather *g);
void pst_strengthen_leaf(const struct pst_pos *pos, u64 set);
void pst_block_leaf(const struct pst_pos *pos, unsigned long done,
		    struct pst_gather *g);
unsigned long pst_blocked_done(const struct pst_pos *pos);
u64 pst_zap_range(struct pst *pst, u64 start, u64 last, unsigned int budget,
		  struct pst_gather *g);
bool pst_zap_small(struct pst *pst, struct pst_gather *g);

bool pst_spare_oldest(struct pst *pst, struct pst_gather *g);
bool pst_evict_oldest(struct pst *pst, struct pst_gather *g);

void pst_detach(struct pst *pst);
void pst_quiesce(struct pst *pst);
bool pst_drain_step(struct pst *pst, unsigned int budget,
		    struct list_head *doomed);
void pst_free_doomed(struct list_head *doomed);

void pst_gather_init(struct pst_gather *g);
void pst_gather_flush(struct pst_gather *g);
void pst_gather_free(struct pst_gather *g);
void pst_batch_begin(struct pst_gather *g, pure_lock_t *lock) __acquires(lock);
void pst_batch_end(struct pst_gather *g, pure_lock_t *lock) __releases(lock);

/**
 * enum pst_fault - what an audit found
 * @PST_SOUND: every invariant holds
 * @PST_BAD_COUNT: T3 or nr_leaves
 * @PST_BAD_SLOT: T2 or R1
 * @PST_BAD_PARENT: T4
 * @PST_BAD_ENTRY: an entry that no function of ours writes
 */
enum pst_fault {
	PST_SOUND,
	PST_BAD_COUNT,
	PST_BAD_SLOT,
	PST_BAD_PARENT,
	PST_BAD_ENTRY,
};

enum pst_fault pst_audit(struct pst *pst);
enum pst_fault pst_audit_part(struct pst *pst, u64 *addr, long budget);

/* B1: a leaf on its way out, from which nothing is derived any more. */
static inline bool pst_is_blocked(struct rpte pte)
{
	return rpt_is_leaf(pte) && !(pte.val & RPT_PROT);
}

/* First address that an entry maps. */
static inline u64 pst_pos_addr(const struct pst_pos *pos)
{
	return pos->table->base + ((u64)pos->index << pos->table->shift);
}

/* The translation that a leaf stands for. */
static inline void pst_pos_to_leaf(const struct pst_pos *pos,
				   struct pst_leaf *leaf)
{
	leaf->pa = pos->pte.val & RPT_RPN;
	leaf->attrs = pos->pte.val & RPT_ATTRS;
	leaf->shift = pos->table->shift;
}

static inline struct pst_link *pst_link_at(const struct pst_table *table,
					   unsigned int index)
{
	if (table->slot_size != sizeof(union pst_slot))
		return NULL;
	return &((union pst_slot *)table->slots)[index].link;
}

/* The entry that a hashed link stands for. */
static inline void pst_pos_of_link(const struct pst_link *link,
				   struct pst_pos *pos)
{
	pos->table = link->table;
	pos->index = (const union pst_slot *)link -
		     (const union pst_slot *)link->table->slots;
	pos->pte = rpt_load(&link->table->pte[pos->index]);
}

static inline unsigned long pst_nr_leaves(const struct pst *pst)
{
	return pst->nr_leaves[0] + pst->nr_leaves[1] + pst->nr_leaves[2];
}

#endif /* _KVM_NESTED_PST_H */
