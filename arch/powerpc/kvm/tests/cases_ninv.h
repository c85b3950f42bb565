/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases of the decoding of invalidations. The operands are written out as
 * L1 would have them in r4 to r9.
 */
#ifndef _CASES_NINV_H
#define _CASES_NINV_H

#include "nested/ninv.h"

struct ninv_want {
	int err;
	enum ninv_kind kind;
	u32 glpid;
	u64 start, last;
};

static const struct {
	const char *name;
	u64 insn, rs, rb;
	struct ninv_want want;
} ninv_tlbie_cases[] = {
	/* R = 1 is 0x10000, PRS = 1 is 0x20000, RIC is in 0xc0000. */
	{ "page of 4K", 0x10000, 5, 0x12345000,
	  { 0, NINV_RANGE, 5, 0x12345000, 0x12345fff } },
	{ "page of 64K", 0x10000, 5, 0x123450a0,
	  { 0, NINV_RANGE, 5, 0x12340000, 0x1234ffff } },
	{ "page of 2M", 0x10000, 5, 0x12345020,
	  { 0, NINV_RANGE, 5, 0x12200000, 0x123fffff } },
	{ "page of 1G", 0x10000, 5, 0x12345040,
	  { 0, NINV_RANGE, 5, 0, 0x3fffffff } },
	{ "last page", 0x10000, 5, 0xffffffffff000,
	  { 0, NINV_RANGE, 5, 0xffffffffff000, 0xfffffffffffff } },
	{ "last page of 1G", 0x10000, 5, 0xffffffffff040,
	  { 0, NINV_RANGE, 5, 0xfffffc0000000, 0xfffffffffffff } },
	{ "page above all leaves", 0x10000, 5, 0x10000000000000,
	  { 0, NINV_NOTHING, 5 } },
	{ "last page of 64 bits", 0x10000, 5, 0xfffffffffffff040,
	  { 0, NINV_NOTHING, 5 } },
	{ "one guest, TLB", 0x10000, 7, 0x800, { 0, NINV_LPID_TLB, 7 } },
	{ "one guest, walks", 0x50000, 7, 0x800, { 0, NINV_LPID_PWC, 7 } },
	{ "one guest, all", 0x90000, 7, 0x800, { 0, NINV_LPID_ALL, 7 } },
	{ "all guests, TLB", 0x10000, 0, 0xc00, { 0, NINV_ALL_TLB } },
	{ "all guests, walks", 0x50000, 0, 0xc00, { 0, NINV_ALL_PWC } },
	{ "all guests, all", 0x90000, 0, 0xc00, { 0, NINV_ALL_ALL } },
	{ "all guests, LPID is not looked at", 0x90000, 0xffffffff, 0xc00,
	  { 0, NINV_ALL_ALL } },
	{ "PID in RS is not looked at", 0x10000, 0xffffffff00000007, 0x800,
	  { 0, NINV_LPID_TLB, 7 } },
	{ "largest LPID", 0x10000, 4095, 0x800, { 0, NINV_LPID_TLB, 4095 } },
	{ "opcode bits are not looked at", 0x7c010264, 7, 0x800,
	  { 0, NINV_LPID_TLB, 7 } },

	{ "R = 0", 0, 7, 0x800, { -EINVAL } },
	{ "R = 0, all", 0x80000, 7, 0xc00, { -EINVAL } },
	{ "PRS = 1", 0x30000, 7, 0x800, { -EINVAL } },
	{ "PRS = 1, all", 0xb0000, 7, 0xc00, { -EINVAL } },
	{ "RIC = 3", 0xd0000, 7, 0x800, { -EINVAL } },
	{ "RIC = 3, page", 0xd0000, 7, 0x1000, { -EINVAL } },
	{ "RIC = 3, all", 0xd0000, 7, 0xc00, { -EINVAL } },
	{ "IS = 1", 0x10000, 7, 0x400, { -EINVAL } },
	{ "IS = 1, all", 0x90000, 7, 0x400, { -EINVAL } },
	{ "page, RIC = 1", 0x50000, 7, 0x1000, { -EINVAL } },
	{ "page, RIC = 2", 0x90000, 7, 0x1000, { -EINVAL } },
	{ "AP = 3", 0x10000, 7, 0x1060, { -EINVAL } },
	{ "AP = 4", 0x10000, 7, 0x1080, { -EINVAL } },
	{ "AP = 6", 0x10000, 7, 0x10c0, { -EINVAL } },
	{ "AP = 7", 0x10000, 7, 0x10e0, { -EINVAL } },
	{ "LPID 0, page", 0x10000, 0, 0x1000, { -EINVAL } },
	{ "LPID 0, guest", 0x10000, 0, 0x800, { -EINVAL } },
	{ "LPID 0, guest, all", 0x90000, 0, 0x800, { -EINVAL } },
	{ "LPID 0, guest, walks", 0x50000, 0, 0x800, { -EINVAL } },
	{ "LPID too large", 0x10000, 4096, 0x800, { -EINVAL } },
	{ "largest 32-bit LPID", 0x10000, 0xffffffff, 0x800, { -EINVAL } },
};

#define NO_END	(~0ULL)

static const struct {
	const char *name;
	u64 lpid, type, pg_sizes, start, end;
	struct ninv_want want;
} ninv_rpt_cases[] = {
	{ "4K", 3, 3, 1, 0x1000, 0x2000, { 0, NINV_RANGE, 3, 0x1000, 0x1fff } },
	{ "4K not aligned", 3, 3, 1, 0x1800, 0x1801,
	  { 0, NINV_RANGE, 3, 0x1000, 0x1fff } },
	{ "64K", 3, 3, 2, 0x10000, 0x30000,
	  { 0, NINV_RANGE, 3, 0x10000, 0x2ffff } },
	{ "2M", 3, 3, 4, 0x300000, 0x300001,
	  { 0, NINV_RANGE, 3, 0x200000, 0x3fffff } },
	{ "1G", 3, 3, 8, 0x40000000, 0x80000000,
	  { 0, NINV_RANGE, 3, 0x40000000, 0x7fffffff } },
	{ "empty range", 3, 3, 1, 0x1000, 0x1000, { 0, NINV_NOTHING, 3 } },
	{ "empty range at 0", 3, 3, 1, 0, 0, { 0, NINV_NOTHING, 3 } },
	{ "range to the end of the space", 3, 3, 1, 0xffffffffff000,
	  0x10000000000000,
	  { 0, NINV_RANGE, 3, 0xffffffffff000, 0xfffffffffffff } },
	{ "range over the end of the space", 3, 3, 1, 0xffffffffff000,
	  0x20000000000000,
	  { 0, NINV_RANGE, 3, 0xffffffffff000, 0xfffffffffffff } },
	{ "range without end", 3, 3, 1, 0x1000, NO_END,
	  { 0, NINV_RANGE, 3, 0x1000, 0xfffffffffffff } },
	{ "range without end, 1G", 3, 3, 8, 0x1000, NO_END,
	  { 0, NINV_RANGE, 3, 0, 0xfffffffffffff } },
	{ "range up to just below 2^64", 3, 3, 1, 0x1000, NO_END - 1,
	  { 0, NINV_RANGE, 3, 0x1000, 0xfffffffffffff } },
	{ "range above the space", 3, 3, 1, 0x10000000000000, NO_END,
	  { 0, NINV_NOTHING, 3 } },
	{ "whole guest", 3, 3, 1, 0, NO_END, { 0, NINV_LPID_TLB, 3 } },
	{ "whole guest without page size", 3, 3, 0, 0, NO_END,
	  { 0, NINV_LPID_TLB, 3 } },
	{ "all types", 3, 0xf, 0, 0, 0, { 0, NINV_LPID_ALL, 3 } },
	{ "all types, range", 3, 0xf, 1, 0x1000, 0x2000,
	  { 0, NINV_LPID_ALL, 3 } },
	{ "entry only", 3, 9, 0, 0, 0, { 0, NINV_LPID_ALL, 3 } },
	{ "walks only", 3, 5, 0, 0x1000, 0x2000, { 0, NINV_LPID_PWC, 3 } },
	{ "walks only, whole guest", 3, 5, 0, 0, NO_END,
	  { 0, NINV_LPID_PWC, 3 } },
	{ "walks and an empty range", 3, 7, 1, 0x1000, 0x1000,
	  { 0, NINV_LPID_PWC, 3 } },
	{ "walks and a range above the space", 3, 7, 1, 0x10000000000000,
	  NO_END, { 0, NINV_LPID_PWC, 3 } },
	{ "walks and a range", 3, 7, 1, 0x1000, 0x2000,
	  { 0, NINV_RANGE, 3, 0x1000, 0x1fff } },
	{ "walks and a whole guest", 3, 7, 1, 0, NO_END,
	  { 0, NINV_LPID_TLB, 3 } },
	{ "no type", 3, 1, 1, 0x1000, 0x2000, { 0, NINV_NOTHING, 3 } },
	{ "unknown page sizes besides a known one", 3, 3, 0xf1, 0x1000, 0x2000,
	  { 0, NINV_RANGE, 3, 0x1000, 0x1fff } },
	/* A page of any size named may overlap the range. */
	{ "c3 64K and 2M, range of 64K", 3, 3, 6, 0x210000, 0x220000,
	  { 0, NINV_RANGE, 3, 0x200000, 0x3fffff } },
	{ "c3 64K and 2M, range of 64K over the end of 2M", 3, 3, 6, 0x3f0000,
	  0x410000, { 0, NINV_RANGE, 3, 0x200000, 0x5fffff } },
	{ "c3 4K and 64K, one byte", 3, 3, 3, 0x15000, 0x15001,
	  { 0, NINV_RANGE, 3, 0x10000, 0x1ffff } },
	{ "c3 4K and 1G, range of 4K", 3, 3, 9, 0x40001000, 0x40002000,
	  { 0, NINV_RANGE, 3, 0x40000000, 0x7fffffff } },
	{ "c3 every size known or not, range of 2M", 3, 3, ~0ULL, 0x40200000,
	  0x40400000, { 0, NINV_RANGE, 3, 0x40000000, 0x7fffffff } },
	{ "c3 4K and 1G, last page", 3, 3, 9, 0xffffffffff000,
	  0x10000000000000,
	  { 0, NINV_RANGE, 3, 0xfffffc0000000, 0xfffffffffffff } },
	{ "largest LPID", 4095, 3, 1, 0, 0x1000,
	  { 0, NINV_RANGE, 4095, 0, 0xfff } },

	{ "no page size", 3, 3, 0, 0x1000, 0x2000, { -ERANGE } },
	{ "unknown page size", 3, 3, 0x10, 0x1000, 0x2000, { -ERANGE } },
	{ "unknown page sizes", 3, 7, ~0xfULL, 0x1000, 0x2000, { -ERANGE } },
	{ "LPID 0", 0, 3, 1, 0x1000, 0x2000, { -EINVAL } },
	{ "LPID 0, all types", 0, 0xf, 1, 0, NO_END, { -EINVAL } },
	{ "LPID 0, walks", 0, 5, 1, 0, 0, { -EINVAL } },
	{ "LPID too large", 4096, 3, 1, 0, NO_END, { -EINVAL } },
	{ "LPID that is small in 32 bits", 0x100000003, 3, 1, 0, NO_END,
	  { -EINVAL } },
	{ "largest LPID of 64 bits", ~0ULL, 0xf, 1, 0, NO_END, { -EINVAL } },
};

#endif /* _CASES_NINV_H */
