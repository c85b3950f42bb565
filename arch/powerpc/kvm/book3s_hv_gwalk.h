/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks a radix tree that lives in guest memory.
 *
 * Serves both scopes: L1's partition-scoped tree of an L2 (addresses are L1
 * real) and a guest's process-scoped tree. The tree is hostile: every field is
 * checked, each entry is read once, the number of steps is fixed by the level.
 */
#ifndef _BOOK3S_HV_GWALK_H
#define _BOOK3S_HV_GWALK_H

#include "book3s_hv_rpt.h"

/**
 * enum gwalk_cause - how a walk ended
 * @GWALK_LEAF: at a leaf; every field of the result is defined
 * @GWALK_ABSENT: an entry on the way is not valid
 * @GWALK_MALFORMED: a tree that hardware would not walk
 * @GWALK_UNREADABLE: @entry of the result could not be read
 */
enum gwalk_cause {
	GWALK_LEAF,
	GWALK_ABSENT,
	GWALK_MALFORMED,
	GWALK_UNREADABLE,
};

/**
 * struct gwalk_result - where a walk ended
 * @cause: how; decides which other fields are defined
 * @entry: guest real address of the last entry read or tried; all causes but
 *	a malformed root
 * @addr: guest real address that the leaf maps the input to, low bits included
 * @pte: the leaf
 * @shift: log2 bytes of the leaf: 12, 16, 21 or 30
 * @bits: log2 entries of the table that holds the leaf
 */
struct gwalk_result {
	enum gwalk_cause cause;
	u64 entry;
	u64 addr;
	struct rpte pte;
	unsigned int shift;
	unsigned int bits;
};

/**
 * struct gwalk_reader - how to read the guest
 * @read: reads one entry at a guest real address, 0 or a negative errno
 * @ctx: for @read
 */
struct gwalk_reader {
	int (*read)(void *ctx, u64 addr, __be64 *entry);
	void *ctx;
};

void gwalk_walk(const struct gwalk_reader *rd, u64 root, u64 ea,
		struct gwalk_result *res);

/**
 * enum gwalk_table - an index into a partition or process table
 * @GWALK_TABLE_OK: the address is defined
 * @GWALK_TABLE_OUTSIDE: index past the end, or a size that is not architected
 */
enum gwalk_table {
	GWALK_TABLE_OK,
	GWALK_TABLE_OUTSIDE,
};

enum gwalk_table gwalk_table_entry(u64 table, u64 index, u64 *addr);

#endif /* _BOOK3S_HV_GWALK_H */
