/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of an L1 and the trees it builds there for its guests. It may be
 * polite, and it may write anything anywhere.
 */
#ifndef _L1_H
#define _L1_H

#include "nested/gwalk.h"

#define L1_GUESTS	2

/* Where L1 keeps its tables: [0, L1_TABLES). */
#define L1_TABLES	0x100000ULL

/* A translation as L1's tables give it; none if shift is 0. */
struct l1_leaf {
	u64 gpa;
	u64 attrs;
	unsigned int shift;
};

void l1_reset(void);
/* First doubleword of the entry of a guest. */
u64 l1_root(unsigned int guest);

/* Another root, that begins as a copy; L1 has one for all its guests. */
u64 l1_other_root(unsigned int guest);

/* Map as a hypervisor does that makes tables as it needs them. */
void l1_map(unsigned int guest, u64 ngpa, const struct l1_leaf *leaf);
/* Change the entry that maps an address, if any: clear, then set bits. */
bool l1_change(unsigned int guest, u64 ngpa, u64 clr, u64 set);
/* Write anything to any doubleword of the tables. */
void l1_scribble(u64 where, u64 val);

/* For gwalk: reads a doubleword; zero where L1 has memory but no tables. */
int l1_read(void *ctx, u64 addr, __be64 *entry);

/* What the tables say now, found in the most literal way. */
struct l1_leaf l1_walk(u64 root, u64 ngpa);

#endif /* _L1_H */
