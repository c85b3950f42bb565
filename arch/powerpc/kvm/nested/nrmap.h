/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reverse map: from frames of L1 to every shadow leaf made from them.
 *
 * A walk goes over the leaves of a host tree and, over the frames of each, over
 * the shadow leaves of all guests, in critical sections of bounded work. It knows
 * the heads of one memslot, links and trees; no guest and no memslot.
 *
 * A shadow leaf is never larger than the host leaf that it is made from, and lies
 * inside it: what is larger or reaches over the edge of a host leaf went with the
 * host leaf that was there before. So all shadow leaves over the frames of a host
 * leaf hang on the heads of these frames.
 *
 * Invariants kept: P7 and C1 (what is taken from a host leaf is taken from the
 * shadow leaves first, in the same critical section, or the host leaf is blocked
 * until none is left), I4, L5, L13, L16, L17.
 *
 * Not here: locks, flushes, and where memory of L1 is.
 */
#ifndef _KVM_NESTED_NRMAP_H
#define _KVM_NESTED_NRMAP_H

#include "pst.h"

/**
 * enum nrmap_op - what happens to host leaves and to the shadow leaves over them
 * @NRMAP_ZAP: removed
 * @NRMAP_WRITE_PROTECT: lose C, and shadow leaves W with it: the next store is
 *	seen. Of what has very many shadow leaves all of it is removed.
 * @NRMAP_AGE: lose R
 * @NRMAP_TEST_AGE: are looked at
 */
enum nrmap_op {
	NRMAP_ZAP,
	NRMAP_WRITE_PROTECT,
	NRMAP_AGE,
	NRMAP_TEST_AGE,
};

/* Work of one critical section: 512 leaves, or what costs as much. */
#define NRMAP_BUDGET		4096

/* A leaf costs as much as eight heads without links; a tree to flush as 32 leaves. */
#define NRMAP_LEAF_COST		(NRMAP_BUDGET / 512)
#define NRMAP_TREE_COST		(32 * NRMAP_LEAF_COST)

/* Shadow leaves on one head that are asked for R: the newest ones. */
#define NRMAP_ASK_MAX		256

/**
 * struct nrmap_slot - the frames of one memslot
 * @heads: one word for each frame; NULL if nothing can hang on them
 * @start: L1 real address of the first frame
 * @last: L1 real address of the last byte
 * @shift: log2 bytes of a frame: the base page of the host
 */
struct nrmap_slot {
	unsigned long *heads;
	u64 start;
	u64 last;
	unsigned int shift;
};

/**
 * struct nrmap_walk - a walk over the host leaves of a range of one memslot
 * @slot: memslot; its heads are looked up anew for each critical section
 * @op: what is done
 * @addr: L1 real address to go on from
 * @last: last L1 real address, inclusive, inside @slot
 * @dirty: told of each host leaf that had C and lost it, or NULL
 * @flush_aged: R is cleared for a parent too, which keeps what it was not told
 *	to flush (NRMAP_AGE)
 * @g: gets what has to be flushed in this critical section
 * @young: whether R was set in one of the leaves
 * @blocked_last: last address of the leaf that this walk has blocked, or 0
 * @budget: what may still be done in this critical section
 * @progress: what this critical section has done: frames, links, leaves
 */
struct nrmap_walk {
	struct nrmap_slot slot;
	enum nrmap_op op;
	u64 addr;
	u64 last;
	void (*dirty)(struct nrmap_walk *w, u64 addr, unsigned int shift);
	bool flush_aged;
	struct pst_gather *g;
	bool young;
	u64 blocked_last;
	long budget;
	unsigned long progress;
};

bool nrmap_step(struct pst *host, struct nrmap_walk *w, long budget);

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

#endif /* _KVM_NESTED_NRMAP_H */
