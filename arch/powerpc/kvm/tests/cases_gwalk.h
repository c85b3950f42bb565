/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases of a walk over a tree in guest memory. A case is the list of entries
 * in memory; whatever is not listed reads as zero, and 0xbad....000 cannot be
 * read. The root table stands at 0x10000 unless a case says otherwise.
 */
#ifndef _CASES_GWALK_H
#define _CASES_GWALK_H

#include "nested/gwalk.h"

#define GWALK_CASE_ROOT		0x40000000000100adULL
#define GWALK_CASE_BAD		0x0bad000000000000ULL

struct gwalk_case {
	const char *name;
	u64 root, ea;
	struct {
		u64 addr, val;
	} mem[4];
	enum gwalk_cause cause;
	u64 entry, addr;
	unsigned int shift, bits;
};

/* 0x8001234567 = root 1, level 2 index 0, level 1 index 9, 64K 3, 4K 0x34 */
static const struct gwalk_case gwalk_cases[] = {
	{ "4K leaf", GWALK_CASE_ROOT, 0x8001234567,
	  { { 0x10008, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30048, 0x8000000000040009 }, { 0x401a0, 0xc000000000abc187 } },
	  GWALK_LEAF, 0x401a0, 0xabc567, 12, 9 },
	{ "64K leaf", GWALK_CASE_ROOT, 0x8001234567,
	  { { 0x10008, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30048, 0x8000000000040005 }, { 0x40018, 0xc000000000ab0187 } },
	  GWALK_LEAF, 0x40018, 0xab4567, 16, 5 },
	{ "64K table needs only 256 bytes of alignment", GWALK_CASE_ROOT,
	  0x8001234567,
	  { { 0x10008, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30048, 0x8000000000040105 }, { 0x40118, 0xc000000000ab0187 } },
	  GWALK_LEAF, 0x40118, 0xab4567, 16, 5 },
	{ "2M leaf", GWALK_CASE_ROOT, 0x8001234567,
	  { { 0x10008, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30048, 0xc000000000a00187 } },
	  GWALK_LEAF, 0x30048, 0xa34567, 21, 9 },
	{ "1G leaf", GWALK_CASE_ROOT, 0x8001234567,
	  { { 0x10008, 0x8000000000020009 }, { 0x20000, 0xc000000080000187 } },
	  GWALK_LEAF, 0x20000, 0x81234567, 30, 9 },
	{ "first address", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0xc000000000000104 } },
	  GWALK_LEAF, 0x20000, 0, 30, 9 },
	{ "last address", GWALK_CASE_ROOT, 0xfffffffffffff,
	  { { 0x1fff8, 0x8000000000020009 }, { 0x20ff8, 0xc1ffffffc0000104 } },
	  GWALK_LEAF, 0x20ff8, 0x1ffffffffffffff, 30, 9 },
	{ "leaf without rights is a leaf", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0xc000000000000000 } },
	  GWALK_LEAF, 0x20000, 0, 30, 9 },
	{ "HR of the root is not looked at", GWALK_CASE_ROOT | 1ULL << 63, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0xc000000000000104 } },
	  GWALK_LEAF, 0x20000, 0, 30, 9 },

	{ "above 52 bits", GWALK_CASE_ROOT, 0x10000000000000,
	  { { 0x10000, 0xc000000000000187 } }, GWALK_ABSENT },
	{ "last of 64 bits", GWALK_CASE_ROOT, ~0ULL,
	  { { 0x1fff8, 0xc000000000000187 } }, GWALK_ABSENT },
	{ "empty root", GWALK_CASE_ROOT, 0x8001234567, {},
	  GWALK_ABSENT, 0x10008 },
	{ "absent at level 2", GWALK_CASE_ROOT, 0x8001234567,
	  { { 0x10008, 0x8000000000020009 } }, GWALK_ABSENT, 0x20000 },
	{ "absent at level 1", GWALK_CASE_ROOT, 0x8001234567,
	  { { 0x10008, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 } },
	  GWALK_ABSENT, 0x30048 },
	{ "absent at level 0", GWALK_CASE_ROOT, 0x8001234567,
	  { { 0x10008, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30048, 0x8000000000040009 } }, GWALK_ABSENT, 0x401a0 },
	{ "leaf bit without valid bit", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0x4000000000000187 } },
	  GWALK_ABSENT, 0x20000 },

	{ "tree of another size", 0x40000000000100cdULL, 0,
	  { { 0x10000, 0x8000000000020009 } }, GWALK_MALFORMED },
	{ "no size", 0x1000d, 0,
	  { { 0x10000, 0x8000000000020009 } }, GWALK_MALFORMED },
	{ "root of 12 bits", GWALK_CASE_ROOT - 1, 0,
	  { { 0x10000, 0x8000000000020009 } }, GWALK_MALFORMED },
	{ "root of 31 bits", GWALK_CASE_ROOT | 0x1f, 0,
	  { { 0x10000, 0x8000000000020009 } }, GWALK_MALFORMED },
	{ "root of 0 bits", GWALK_CASE_ROOT - 13, 0,
	  { { 0x10000, 0x8000000000020009 } }, GWALK_MALFORMED },
	{ "root not aligned", GWALK_CASE_ROOT + 0x8000, 0,
	  { { 0x18000, 0x8000000000020009 } }, GWALK_MALFORMED },
	{ "leaf in the root", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0xc000000000000187 } }, GWALK_MALFORMED, 0x10000 },
	{ "level 2 of 5 bits", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020005 } }, GWALK_MALFORMED, 0x10000 },
	{ "level 2 not aligned", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020809 } }, GWALK_MALFORMED, 0x10000 },
	{ "level 1 of 13 bits", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0x800000000003000d } },
	  GWALK_MALFORMED, 0x20000 },
	{ "leaf table of 8 bits", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30000, 0x8000000000040008 } }, GWALK_MALFORMED, 0x30000 },
	{ "leaf table of 0 bits", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30000, 0x8000000000040000 } }, GWALK_MALFORMED, 0x30000 },
	{ "4K leaf table not aligned", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30000, 0x8000000000040109 } }, GWALK_MALFORMED, 0x30000 },
	{ "directory in a leaf table", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30000, 0x8000000000040009 }, { 0x40000, 0x8000000000050009 } },
	  GWALK_MALFORMED, 0x40000 },
	{ "tree that contains itself", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000010009 } }, GWALK_MALFORMED, 0x10000 },
	{ "64K leaf not aligned", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30000, 0x8000000000040005 }, { 0x40000, 0xc000000000001187 } },
	  GWALK_MALFORMED, 0x40000 },
	{ "2M leaf not aligned", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30000, 0xc000000000010187 } }, GWALK_MALFORMED, 0x30000 },
	{ "1G leaf not aligned", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0xc000000000200187 } },
	  GWALK_MALFORMED, 0x20000 },

	{ "root not readable", GWALK_CASE_ROOT | GWALK_CASE_BAD, 0, {},
	  GWALK_UNREADABLE, GWALK_CASE_BAD | 0x10000 },
	{ "level 2 not readable", GWALK_CASE_ROOT, 0,
	  { { 0x10000, 0x8bad000000020009 } },
	  GWALK_UNREADABLE, GWALK_CASE_BAD | 0x20000 },
	{ "leaf table not readable", GWALK_CASE_ROOT, 0x1fffff,
	  { { 0x10000, 0x8000000000020009 }, { 0x20000, 0x8000000000030009 },
	    { 0x30000, 0x8bad000000040009 } },
	  GWALK_UNREADABLE, GWALK_CASE_BAD | 0x40ff8 },
};

static const struct {
	u64 table, index;
	enum gwalk_index result;
	u64 addr;
} gwalk_table_cases[] = {
	{ 0x10000000, 0, GWALK_TABLE_OK, 0x10000000 },
	{ 0x10000000, 255, GWALK_TABLE_OK, 0x10000ff0 },
	{ 0x10000000, 256, GWALK_TABLE_OUTSIDE },
	{ 0x10000004, 4095, GWALK_TABLE_OK, 0x1000fff0 },
	{ 0x10000004, 4096, GWALK_TABLE_OUTSIDE },
	{ 0x18, 0xffffffff, GWALK_TABLE_OK, 0xffffffff0 },
	{ 0x18, 0x100000000, GWALK_TABLE_OUTSIDE },
	{ 0x19, 0, GWALK_TABLE_OUTSIDE },
	{ 0x1f, 0, GWALK_TABLE_OUTSIDE },
	{ 0xf000000010000fe0, 1, GWALK_TABLE_OK, 0x10000010 },
	{ 0x10000000, ~0ULL, GWALK_TABLE_OUTSIDE },
	{ 0x10000000, 1ULL << 60, GWALK_TABLE_OUTSIDE },
};

#endif /* _CASES_GWALK_H */
