/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Radix trees as a hypervisor builds them: bits of the Power ISA, Version 3.0B,
 * Book III, "Radix Tree Translation". Entries in memory are big-endian.
 */
#ifndef KVM_NESTED_RADIX_H
#define KVM_NESTED_RADIX_H

#include "harness.h"

#define PTE_VALID	(1ULL << 63)
#define PTE_LEAF	(1ULL << 62)
#define PTE_RPN		0x01fffffffffff000ULL
#define PTE_REF		0x100ULL
#define PTE_CHG		0x080ULL
#define PTE_PRIV	0x008ULL
#define PTE_READ	0x004ULL
#define PTE_WRITE	0x002ULL
#define PTE_EXEC	0x001ULL

/* Everything allowed, nothing left to set. */
#define PTE_ALL		(PTE_REF | PTE_CHG | PTE_READ | PTE_WRITE | PTE_EXEC)

#define PDE_NLB		0x0fffffffffffff00ULL
#define PDE_NLS		0x1fULL

#define PATB_HR		(1ULL << 63)
#define PATB_RTS52	0x40000000000000a0ULL	/* 52 bits */
#define ROOT_BITS	13

#define SHIFT_4K	12
#define SHIFT_64K	16
#define SHIFT_2M	21
#define SHIFT_1G	30
#define SHIFT_512G	39

/* AP codes of POWER9, for tlbie. */
#define AP_4K		0
#define AP_2M		1
#define AP_1G		2
#define AP_64K		5

/* HDSISR, and HSRR1 of an instruction fault. */
#define DSISR_NOHPTE		0x40000000ULL
#define DSISR_NOEXEC		0x10000000ULL
#define DSISR_PROTFAULT		0x08000000ULL
#define DSISR_ISSTORE		0x02000000ULL
#define DSISR_UNSUPP_MMU	0x00080000ULL
#define DSISR_SET_RC		0x00040000ULL
#define DSISR_PRTABLE_FAULT	0x00020000ULL

#endif /* KVM_NESTED_RADIX_H */
