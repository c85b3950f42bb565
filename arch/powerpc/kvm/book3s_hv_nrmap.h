/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reverse map: from a frame of L1 to every shadow leaf made from it.
 *
 * A node lives beside the entry it stands for, so inserting allocates nothing
 * and removing searches nothing. Its lifetime is that of the table.
 *
 * R1  A node is hashed exactly while its entry is a present leaf, in trees that
 *     are live and in trees that are detached.
 * R2  It hangs on the head of the first L1 frame of the leaf. A leaf of 2M or
 *     1G is therefore found at the frame rounded down to that size.
 * R3  Unlinking needs no memslot, no LPID and no memory.
 * R4  An array of heads is freed only when all its heads are empty.
 */
#ifndef _BOOK3S_HV_NRMAP_H
#define _BOOK3S_HV_NRMAP_H

#include "book3s_hv_pure.h"

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

/*
 * The identity of a mapping: 12 bits of L1's LPID and 40 bits of L2 real 4K
 * frame number. Tracepoints, the audit and debugfs print it.
 */
#define NRMAP_KEY_LPID		GENMASK_ULL(63, 52)
#define NRMAP_KEY_FRAME		GENMASK_ULL(51, 12)

static inline u64 nrmap_key(glpid_t glpid, u64 ngpa)
{
	return FIELD_PREP(NRMAP_KEY_LPID, glpid.val) | (ngpa & NRMAP_KEY_FRAME);
}

#endif /* _BOOK3S_HV_NRMAP_H */
