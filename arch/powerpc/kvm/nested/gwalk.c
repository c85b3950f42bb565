// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walk of a radix tree in guest memory.
 *
 * The accepted geometry is the one POWER9 implements: 52 bits in levels of 13,
 * 9 and 9 bits and a leaf table of 9 (4K) or 5 (64K) bits. A leaf may stand at
 * the three lower levels. Whatever departs from it is malformed, as hardware
 * would say; nothing is repaired.
 *
 * Not done here: permissions, R and C, and what the address found means.
 */
#include "gwalk.h"

/* Index bits the ISA allows below each level of a POWER9 tree. */
static bool gwalk_bits_fit(unsigned int level, unsigned int bits)
{
	if (level == RPT_LEVEL_ROOT)
		return bits == RPT_ROOT_BITS;
	if (level)
		return bits == RPT_DIR_BITS;
	return bits == RPT_BITS_4K || bits == RPT_BITS_64K;
}

static bool gwalk_table_fits(const struct gwalk_table *t)
{
	return gwalk_bits_fit(t->level, t->bits) &&
	       IS_ALIGNED(t->base, 8ULL << t->bits);
}

static enum gwalk_cause gwalk_leaf(unsigned int level, u64 ea,
				   struct gwalk_result *res)
{
	u64 mask = BIT_ULL(res->shift) - 1;
	u64 frame = res->pte.val & RPT_RPN;

	if (level == RPT_LEVEL_ROOT || frame & mask)
		return GWALK_MALFORMED;
	res->addr = frame | (ea & mask);
	return GWALK_LEAF;
}

/* Down from @res->table. */
static enum gwalk_cause gwalk_levels(const struct gwalk_reader *rd, u64 ea,
				     struct gwalk_result *res)
{
	struct gwalk_table *t = &res->table;
	__be64 raw;

	for (;;) {
		if (!gwalk_table_fits(t))
			return GWALK_MALFORMED;
		res->shift = rpt_level_to_shift(t->level, t->bits);
		res->entry = t->base + 8 * ((ea >> res->shift) &
					    (BIT_ULL(t->bits) - 1));
		if (rd->read(rd->ctx, res->entry, &raw))
			return GWALK_UNREADABLE;
		res->pte = rpt_load(&raw);
		if (!rpt_is_valid(res->pte))
			return GWALK_ABSENT;
		if (rpt_is_leaf(res->pte))
			return gwalk_leaf(t->level, ea, res);
		if (!t->level)
			return GWALK_MALFORMED;
		res->above = *t;
		t->base = rpt_dir_base(res->pte);
		t->bits = rpt_dir_bits(res->pte);
		t->level--;
	}
}

/**
 * gwalk_walk() - translate one address through a tree in guest memory
 * @rd: how to read the guest
 * @root: first doubleword of the table entry, host endian; HR is not looked at
 * @ea: address in the input space of the tree
 * @res: result
 *
 * An address above 52 bits has no translation.
 * Source: Power ISA, Book III, "Radix Tree Translation".
 *
 * Context: As @rd->read demands; reading a guest may sleep.
 */
void gwalk_walk(const struct gwalk_reader *rd, u64 root, u64 ea,
		struct gwalk_result *res)
{
	*res = (struct gwalk_result){
		.cause = GWALK_MALFORMED,
		.table = { .base = root & RPT_ROOT_RPDB,
			   .level = RPT_LEVEL_ROOT,
			   .bits = FIELD_GET(RPT_ROOT_RPDS, root) },
	};

	if (rpt_root_shift(root) != RPT_EA_SHIFT)
		return;
	if (ea > RPT_EA_LAST)
		res->cause = GWALK_ABSENT;
	else
		res->cause = gwalk_levels(rd, ea, res);
}

/**
 * gwalk_walk_from() - go on from a table that an earlier walk has found
 * @rd: how to read the guest
 * @table: as that walk left it in its result
 * @ea: address that @table is for, 52 bits
 * @res: result
 *
 * It is for the caller to know that the directories above have not changed.
 *
 * Context: As @rd->read demands; reading a guest may sleep.
 */
void gwalk_walk_from(const struct gwalk_reader *rd,
		     const struct gwalk_table *table, u64 ea,
		     struct gwalk_result *res)
{
	*res = (struct gwalk_result){ .table = *table };
	res->cause = gwalk_levels(rd, ea, res);
}

/**
 * gwalk_table_entry() - find an entry of a partition or process table
 * @table: base and size fields, as in PTCR or the second doubleword of an
 *	entry
 * @index: LPID or PID
 * @addr: guest real address of the 16-byte entry, defined on GWALK_TABLE_OK
 *
 * Return: whether the entry is inside the table.
 */
enum gwalk_index gwalk_table_entry(u64 table, u64 index, u64 *addr)
{
	unsigned int size = FIELD_GET(RPT_TABLE_SIZE, table);

	if (size > RPT_TABLE_MAX_SIZE || index >= BIT_ULL(size + 12 - 4))
		return GWALK_TABLE_OUTSIDE;
	*addr = (table & RPT_TABLE_BASE) + 16 * index;
	return GWALK_TABLE_OK;
}
