/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the glue does around a tree, reduced to what a test needs: one lock,
 * one account, the loop around pst_map(), the life of a tree under an LPID.
 */
#ifndef _TREES_H
#define _TREES_H

#include "nested/pst.h"
#ifdef __KERNEL__
#include "tlbcount.h"
#else
#include "tlbmodel.h"
#endif

extern pure_lock_t tree_lock;
extern struct pst_account tree_account;

/* A live tree that is published under an LPID, or NULL without memory. */
struct pst *tree_create(enum pst_kind kind, hlpid_t lpid);
/* Published, detached, flushed, drained and freed. */
void tree_destroy(struct pst *pst);
/* The same for a tree that is quiet already. */
void tree_drain(struct pst *pst, unsigned int budget);

/**
 * struct tree_try - how the loop around pst_map() ended
 * @r: what pst_map() said last
 * @err: -ENOMEM, or 0
 * @first: what pst_map() said first
 * @unblocked: how often room had to be made
 * @fills: how often memory had to be got
 */
struct tree_try {
	enum pst_result r, first;
	int err;
	unsigned int unblocked, fills;
};


struct tree_try tree_map(struct pst *pst, u64 addr,
			 const struct pst_leaf *leaf, struct hlist_head *head);

u64 tree_zap(struct pst *pst, u64 start, u64 last, unsigned int budget);
void tree_audit(struct pst *pst);
bool tree_find(struct pst *pst, u64 addr, struct pst_pos *pos);

#endif /* _TREES_H */
