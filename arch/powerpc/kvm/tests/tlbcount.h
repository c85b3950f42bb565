/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the harness has a model of a TLB, the kernel counts: in a KUnit case
 * the flushes and table entries of the LPIDs in use here go no further.
 */
#ifndef _TLBCOUNT_H
#define _TLBCOUNT_H

#include "nested/lpid.h"

struct tlb_counts {
	unsigned long ranges;
	unsigned long pages;
	unsigned long walks;
	unsigned long translations;
	unsigned long all;
};

/* Begin to count, from 0, until the end of the test. */
void tlb_start(void);
/* Fails if an LPID is in use still. */
void tlb_stop(void);

void tlb_lpid_begin(hlpid_t lpid);
void tlb_lpid_end(hlpid_t lpid);
struct tlb_counts tlb_counts(void);

/* What only the model knows. */
static inline void tlb_check_frame_gone(u64 pa, u64 bytes)
{
}

#endif /* _TLBCOUNT_H */
