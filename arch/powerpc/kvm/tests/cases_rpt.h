/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases of the radix format, for the userspace harness and for KUnit.
 * Values are written out as the Power ISA gives them, not by the macros tested.
 */
#ifndef _CASES_RPT_H
#define _CASES_RPT_H

#include "nested/rpt.h"

static const struct {
	u64 val;
	bool valid, leaf, dir;
} rpt_kind_cases[] = {
	{ 0, false, false, false },
	{ 0x8000000000000000, true, false, true },
	{ 0xc000000000000000, true, true, false },
	{ 0x4000000000000000, false, false, false },
	{ 0x7fffffffffffffff, false, false, false },
	{ 0xffffffffffffffff, true, true, false },
	{ 0xbfffffffffffffff, true, false, true },
	{ 0x0000000000000180, false, false, false },
	{ 0xc000000012345187, true, true, false },
	{ 0x8000000012345009, true, false, true },
};

static const struct {
	u64 pa;
	unsigned int bits;
	u64 val;
} rpt_dir_cases[] = {
	{ 0, 9, 0x8000000000000009 },
	{ 0x1000, 9, 0x8000000000001009 },
	{ 0x100, 5, 0x8000000000000105 },
	{ 0x0fffffffffffff00, 5, 0x8fffffffffffff05 },
	{ 0xffffffffffffffff, 13, 0x8fffffffffffff0d },
};

static const struct {
	u64 pa, attrs, val;
} rpt_leaf_cases[] = {
	{ 0, 0, 0xc000000000000000 },
	{ 0x1000, 0x187, 0xc000000000001187 },
	{ 0x01fffffffffff000, 0x4, 0xc1fffffffffff004 },
	/* Bits that are not part of a frame or not an attribute are dropped. */
	{ 0xfe00000000000fff, 0xfffffffffffffc48, 0xc000000000000000 },
	{ 0x40000000, 0xffff, 0xc0000000400003b7 },
};

/* level, bits of the table -> bytes that an entry maps */
static const struct {
	unsigned int level, bits, shift;
} rpt_level_cases[] = {
	{ 0, 9, 12 }, { 0, 5, 16 }, { 1, 9, 21 }, { 2, 9, 30 }, { 3, 13, 39 },
};

static const struct {
	unsigned int ap, shift;
} rpt_ap_cases[] = {
	{ 0, 12 }, { 1, 21 }, { 2, 30 }, { 3, 0 },
	{ 4, 0 }, { 5, 16 }, { 6, 0 }, { 7, 0 }, { 8, 0 },
};

static const struct {
	u64 dw0;
	unsigned int shift;
} rpt_root_cases[] = {
	{ 0x40000000000000a0, 52 },
	{ 0xc0000000000000ad, 52 },
	{ 0xffffffffffffff5f, 57 },
	{ 0, 31 },
	{ 0x6000000000000000, 55 },
	{ 0x00000000000000e0, 38 },
	{ 0x60000000000000e0, 62 },
	{ 0x8fffffffffffff1f, 31 },
};

#endif /* _CASES_RPT_H */
