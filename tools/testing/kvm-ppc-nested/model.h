/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tree as anybody would write it who does not have to be fast: an array of
 * leaves, sorted by address, none overlapping another.
 */
#ifndef _MODEL_H
#define _MODEL_H

#include "nested/pst.h"

/**
 * struct model_leaf - one translation
 * @addr: first address
 * @shift: log2 bytes
 * @pa: where it leads
 * @attrs: RPT_ATTRS bits
 * @head: list that its link hangs on
 * @user: for who uses the model
 */
struct model_leaf {
	u64 addr;
	unsigned int shift;
	u64 pa;
	u64 attrs;
	struct hlist_head *head;
	u64 user;
};

struct model {
	struct model_leaf *leaf;
	unsigned int nr, room;
};

static inline u64 model_last(const struct model_leaf *l)
{
	return l->addr + (BIT_ULL(l->shift) - 1);
}

/* Index of the first leaf that ends at or after addr. */
unsigned int model_at(const struct model *m, u64 addr);
/* The leaf over addr, or NULL. */
struct model_leaf *model_find(const struct model *m, u64 addr);
/* Whether a leaf overlaps start..last. */
bool model_overlaps(const struct model *m, u64 start, u64 last);
void model_insert(struct model *m, const struct model_leaf *l);
void model_remove(struct model *m, unsigned int index);
/* Remove the leaves that overlap start..last; returns how many. */
unsigned int model_zap(struct model *m, u64 start, u64 last);
void model_clear(struct model *m);

/* What pst_map() should say, as far as leaves tell: SAME, WIDENED, BLOCKED, or
 * MAPPED where nothing is in the way. With a head it is a shadow leaf, which may
 * have nothing that the frame of that head does not give.
 */
enum pst_result model_map_result(const struct model *m, u64 addr,
				 const struct pst_leaf *leaf,
				 const struct hlist_head *head);
/* Map, after which the model has the leaf. */
void model_map(struct model *m, u64 addr, const struct pst_leaf *leaf,
	       struct hlist_head *head);

/*
 * Compare with a tree: same leaves, same frames, same rights; each link on its
 * head. R may differ, hardware sets it. The lock of the tree is held.
 */
void model_compare(const struct model *m, struct pst *pst);

/* The same for a tree whose audit was sound: looks only where leaves should be. */
void model_compare_quick(const struct model *m, struct pst *pst);

#endif /* _MODEL_H */
