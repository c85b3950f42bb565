/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The radix page-table format of the Power ISA, Version 3.0B, Book III.
 *
 * Only encoding and decoding, no memory and no policy. Architecture facts are
 * stated here once, by section name of the ISA:
 *
 *  - "Radix Tree Page Directory Entry", "Radix Tree Page Table Entry"
 *  - "Partition Table Entry", "Process Table Entry" (same fields for a root)
 *  - "TLB Invalidate Entry" for the page-size (AP) codes
 *
 * Vocabulary: level 3 is the root (13 index bits, 512 GiB an entry), level 2
 * has 1 GiB entries, level 1 has 2 MiB entries, level 0 is a leaf table. A leaf
 * table has either 9 index bits and 4 KiB pages or 5 index bits and 64 KiB
 * pages. The directory entry above it says which (NLS), so the geometry is a
 * property of each leaf table and not of the tree. Sizes are shifts.
 *
 * An entry in memory is __be64; an entry in hand is struct rpte.
 */
#ifndef _KVM_NESTED_RPT_H
#define _KVM_NESTED_RPT_H

#include "pure.h"

/* One decoded entry, host endian. */
struct rpte {
	u64 val;
};

/* Fields that leaf and directory share. */
#define RPT_VALID		BIT_ULL(63)
#define RPT_LEAF		BIT_ULL(62)

/* Page table entry. */
#define RPT_RPN			GENMASK_ULL(56, 12)
#define RPT_REF			BIT_ULL(8)
#define RPT_SAMPLE		BIT_ULL(9) /* for software: is it ever used? */
#define RPT_CHG			BIT_ULL(7)
#define RPT_ATT			GENMASK_ULL(5, 4)
#define RPT_PRIV		BIT_ULL(3)
#define RPT_R			BIT_ULL(2)
#define RPT_W			BIT_ULL(1)
#define RPT_X			BIT_ULL(0)
#define RPT_PROT		(RPT_R | RPT_W | RPT_X)
#define RPT_RC			(RPT_REF | RPT_CHG)

/* What a leaf has besides its frame; struct pst_leaf keeps these bits. */
#define RPT_ATTRS		(RPT_PROT | RPT_RC | RPT_ATT | RPT_SAMPLE)

/* Page directory entry. */
#define RPT_NLB			GENMASK_ULL(59, 8)
#define RPT_NLS			GENMASK_ULL(4, 0)
#define RPT_DIR_MBZ		(GENMASK_ULL(61, 60) | GENMASK_ULL(7, 5))

/* Root: first doubleword of a partition- or process-table entry. */
#define RPT_ROOT_HR		BIT_ULL(63)
#define RPT_ROOT_RTS_HIGH	GENMASK_ULL(62, 61)
#define RPT_ROOT_RTS_LOW	GENMASK_ULL(7, 5)
#define RPT_ROOT_RPDB		GENMASK_ULL(59, 8)
#define RPT_ROOT_RPDS		GENMASK_ULL(4, 0)

/* Process-table pointer, second doubleword, and PTCR. */
#define RPT_TABLE_GR		BIT_ULL(63)
#define RPT_TABLE_BASE		GENMASK_ULL(59, 12)
#define RPT_TABLE_SIZE		GENMASK_ULL(4, 0)
#define RPT_TABLE_MAX_SIZE	24

#define RPT_EA_SHIFT		52
#define RPT_EA_LAST		(BIT_ULL(RPT_EA_SHIFT) - 1)

#define RPT_LEVEL_ROOT		3
#define RPT_ROOT_BITS		13
#define RPT_DIR_BITS		9
#define RPT_BITS_4K		9
#define RPT_BITS_64K		5

/* Entries in a cache line of 128 bytes; what is looked at together. */
#define RPT_LINE		16

#define RPT_SHIFT_4K		12
#define RPT_SHIFT_64K		16
#define RPT_SHIFT_2M		21
#define RPT_SHIFT_1G		30
#define RPT_SHIFT_512G		39

/* AP codes of POWER9 and POWER10. */
#define RPT_AP_4K		0
#define RPT_AP_2M		1
#define RPT_AP_1G		2
#define RPT_AP_64K		5

static_assert(RPT_SHIFT_512G + RPT_ROOT_BITS == RPT_EA_SHIFT);
static_assert(RPT_SHIFT_4K + RPT_BITS_4K == RPT_SHIFT_2M);
static_assert(RPT_SHIFT_64K + RPT_BITS_64K == RPT_SHIFT_2M);
static_assert((RPT_ATTRS & RPT_RPN) == 0);

static inline struct rpte rpt_load(const __be64 *entry)
{
	return (struct rpte){ be64_to_cpu(READ_ONCE(*entry)) };
}

static inline bool rpt_is_valid(struct rpte e)
{
	return e.val & RPT_VALID;
}

static inline bool rpt_is_leaf(struct rpte e)
{
	return (e.val & (RPT_VALID | RPT_LEAF)) == (RPT_VALID | RPT_LEAF);
}

static inline bool rpt_is_dir(struct rpte e)
{
	return (e.val & (RPT_VALID | RPT_LEAF)) == RPT_VALID;
}

static inline u64 rpt_dir_base(struct rpte e)
{
	return e.val & RPT_NLB;
}

static inline unsigned int rpt_dir_bits(struct rpte e)
{
	return FIELD_GET(RPT_NLS, e.val);
}

static inline struct rpte rpt_make_dir(u64 pa, unsigned int bits)
{
	return (struct rpte){ RPT_VALID | (pa & RPT_NLB) |
			      FIELD_PREP(RPT_NLS, bits) };
}

static inline struct rpte rpt_make_leaf(u64 pa, u64 attrs)
{
	return (struct rpte){ RPT_VALID | RPT_LEAF | (pa & RPT_RPN) |
			      (attrs & RPT_ATTRS) };
}

/* log2 bytes that one entry of a table maps; level 0 depends on the geometry. */
static inline unsigned int rpt_level_to_shift(unsigned int level,
					      unsigned int bits)
{
	if (!level)
		return RPT_SHIFT_2M - bits;
	return RPT_SHIFT_2M + (level - 1) * RPT_DIR_BITS;
}

/* Level of the table whose entries are leaves of this size. */
static inline unsigned int rpt_shift_to_level(unsigned int shift)
{
	if (shift >= RPT_SHIFT_1G)
		return 2;
	return shift >= RPT_SHIFT_2M ? 1 : 0;
}

/* Index bits of a table at a level, given the leaf size wanted below it. */
static inline unsigned int rpt_level_to_bits(unsigned int level,
					     unsigned int shift)
{
	if (level == RPT_LEVEL_ROOT)
		return RPT_ROOT_BITS;
	if (level)
		return RPT_DIR_BITS;
	return RPT_SHIFT_2M - shift;
}

static inline bool rpt_shift_is_leaf(unsigned int shift)
{
	return shift == RPT_SHIFT_4K || shift == RPT_SHIFT_64K ||
	       shift == RPT_SHIFT_2M || shift == RPT_SHIFT_1G;
}

/* log2 bytes of the space a root covers. */
static inline unsigned int rpt_root_shift(u64 dw0)
{
	return 31 + (FIELD_GET(RPT_ROOT_RTS_HIGH, dw0) << 3 |
		     FIELD_GET(RPT_ROOT_RTS_LOW, dw0));
}

static inline u64 rpt_make_root(u64 pa)
{
	return RPT_ROOT_HR | FIELD_PREP(RPT_ROOT_RTS_HIGH, 2) |
	       FIELD_PREP(RPT_ROOT_RTS_LOW, 5) | (pa & RPT_ROOT_RPDB) |
	       FIELD_PREP(RPT_ROOT_RPDS, RPT_ROOT_BITS);
}

/* log2 bytes of a page for an AP code, 0 for a code that has no size. */
static inline unsigned int rpt_ap_to_shift(unsigned int ap)
{
	switch (ap) {
	case RPT_AP_4K:
		return RPT_SHIFT_4K;
	case RPT_AP_64K:
		return RPT_SHIFT_64K;
	case RPT_AP_2M:
		return RPT_SHIFT_2M;
	case RPT_AP_1G:
		return RPT_SHIFT_1G;
	}
	return 0;
}

#endif /* _KVM_NESTED_RPT_H */
