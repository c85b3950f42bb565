/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases of the decisions on one fault of an L2. Bits are written out: 0x187 is
 * R, C, read, write, execute.
 */
#ifndef _CASES_NFAULT_H
#define _CASES_NFAULT_H

#include "nested/nfault.h"

static const struct {
	const char *name;
	enum nfault_side side;
	u32 dsisr;
	u64 asdr, dar, ngpa;
	enum nfault_access access;
} nfault_init_cases[] = {
	{ "load", NFAULT_DATA, 0x40000000,
	  0x12345000, 0xc000000000000678, 0x12345678, NFAULT_LOAD },
	{ "store", NFAULT_DATA, 0x42000000,
	  0x12345000, 0xc000000000000678, 0x12345678, NFAULT_STORE },
	{ "low bits of ASDR are not reliable", NFAULT_DATA, 0x40000000,
	  0x12345fff, 0x001, 0x12345001, NFAULT_LOAD },
	{ "top nibble of ASDR is ignored", NFAULT_DATA, 0x40000000,
	  0xf000000012345000, 0x8, 0x12345008, NFAULT_LOAD },
	{ "address above 52 bits stays", NFAULT_DATA, 0x40000000,
	  0x0fffffffff000000, 0, 0x0fffffffff000000, NFAULT_LOAD },
	{ "fetch", NFAULT_INSN, 0x40000000,
	  0x12345000, 0xc000000000000100, 0x12345100, NFAULT_FETCH },
	{ "fetch, not executable", NFAULT_INSN, 0x10000000,
	  0x12345000, 0x100, 0x12345100, NFAULT_FETCH },
	{ "data side walk", NFAULT_DATA, 0x40020000,
	  0x12345000, 0xfff, 0x12345000, NFAULT_LOAD },
	{ "data side walk, store by L2", NFAULT_DATA, 0x42020000,
	  0x12345000, 0xfff, 0x12345000, NFAULT_STORE },
	{ "insn side walk reads", NFAULT_INSN, 0x40020000,
	  0x12345000, 0xfff, 0x12345000, NFAULT_LOAD },
	{ "insn side walk writes R", NFAULT_INSN, 0x42060000,
	  0x12345000, 0xfff, 0x12345000, NFAULT_STORE },
};

static const struct {
	u64 pte;
	enum nfault_access access;
	u32 why;
} nfault_refusal_cases[] = {
	{ 0x187, NFAULT_LOAD, 0 },
	{ 0x187, NFAULT_STORE, 0 },
	{ 0x187, NFAULT_FETCH, 0 },
	{ 0x104, NFAULT_LOAD, 0 },
	{ 0x102, NFAULT_LOAD, 0 },		/* W means read */
	{ 0x101, NFAULT_LOAD, DSISR_PROTFAULT },
	{ 0x180, NFAULT_LOAD, DSISR_PROTFAULT },
	{ 0x004, NFAULT_LOAD, DSISR_SET_RC },
	{ 0x084, NFAULT_LOAD, DSISR_SET_RC },
	{ 0x182, NFAULT_STORE, 0 },
	{ 0x185, NFAULT_STORE, DSISR_PROTFAULT },
	{ 0x102, NFAULT_STORE, DSISR_SET_RC },
	{ 0x082, NFAULT_STORE, DSISR_SET_RC },
	{ 0x002, NFAULT_STORE, DSISR_SET_RC },
	{ 0x101, NFAULT_FETCH, 0 },
	{ 0x186, NFAULT_FETCH, DSISR_NOEXEC_OR_G },
	{ 0x001, NFAULT_FETCH, DSISR_SET_RC },
	{ 0x081, NFAULT_FETCH, DSISR_SET_RC },
};

static const struct {
	enum gwalk_cause cause;
	u64 pte;
	u32 why;
} nfault_l1_cases[] = {
	{ GWALK_LEAF, 0x187, 0 },
	{ GWALK_LEAF, 0x181, DSISR_PROTFAULT },
	{ GWALK_ABSENT, 0x187, DSISR_NOHPTE },
	{ GWALK_UNREADABLE, 0x187, DSISR_PRTABLE_FAULT },
	{ GWALK_MALFORMED, 0x187, DSISR_UNSUPP_MMU },
};

static const struct {
	u32 dsisr, why, hdsisr;
	u64 msr, hsrr1;
} nfault_reflect_cases[] = {
	{ 0x40000000, DSISR_NOHPTE, 0x40000000,
	  0x9000000000001033, 0x9000000040001033 },
	{ 0x42000000, DSISR_NOHPTE, 0x42000000,
	  0x9000000000001033, 0x9000000040011033 },
	/* MSR[VEC] is where DSISR_ISSTORE would be: kept, and not invented. */
	{ 0x08000000, DSISR_PROTFAULT, 0x08000000,
	  0x9000000002001033, 0x900000000a001033 },
	{ 0x02040000, DSISR_SET_RC, 0x02040000,
	  0x1033, 0x51033 },
	/* What HSRR1 has no bit for is lost. */
	{ 0x04000000, DSISR_BADACCESS, 0x04000000, 0x1033, 0x1033 },
	/* What hardware said before is not kept. */
	{ 0x40000000, DSISR_PROTFAULT, 0x08000000, 0x783f1033, 0x08001033 },
};

#endif /* _CASES_NFAULT_H */
