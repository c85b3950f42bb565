/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks a radix tree that lives in guest memory.
 *
 * Serves both scopes: L1's partition-scoped tree of an L2 (addresses are L1
 * real) and a guest's process-scoped tree. The tree is hostile: every field is
 * checked, each entry is read once, the number of steps is fixed by the level.
 */
#ifndef _KVM_NESTED_GWALK_H
#define _KVM_NESTED_GWALK_H

#include "rpt.h"

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
 * struct gwalk_table - one table of a tree in guest memory
 * @base: guest real address
 * @level: 3 is the root
 * @bits: log2 entries
 */
struct gwalk_table {
	u64 base;
	unsigned int level;
	unsigned int bits;
};

/**
 * struct gwalk_result - where a walk ended
 * @cause: how; decides which other fields are defined
 * @entry: guest real address of the last entry read or tried; all causes but
 *	a malformed root
 * @addr: guest real address that the leaf maps the input to, low bits included
 * @pte: the leaf
 * @shift: log2 bytes of the leaf: 12, 16, 21 or 30
 * @table: the table that holds @entry
 * @above: the table that holds the directory entry for @table, unless the walk
 *	began with @table
 */
struct gwalk_result {
	enum gwalk_cause cause;
	u64 entry;
	u64 addr;
	struct rpte pte;
	unsigned int shift;
	struct gwalk_table table;
	struct gwalk_table above;
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
void gwalk_walk_from(const struct gwalk_reader *rd,
		     const struct gwalk_table *table, u64 ea,
		     struct gwalk_result *res);

/**
 * enum gwalk_index - an index into a partition or process table
 * @GWALK_TABLE_OK: the address is defined
 * @GWALK_TABLE_OUTSIDE: index past the end, or a size that is not architected
 */
enum gwalk_index {
	GWALK_TABLE_OK,
	GWALK_TABLE_OUTSIDE,
};

enum gwalk_index gwalk_table_entry(u64 table, u64 index, u64 *addr);

#endif /* _KVM_NESTED_GWALK_H */
