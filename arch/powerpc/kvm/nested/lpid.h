/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One hardware LPID: take it from the pool, publish its partition-table entry,
 * flush it, give it back; on bare metal, by H_TLB_INVALIDATE or by
 * H_RPT_INVALIDATE.
 *
 * The LPID named is always the one that the executing hypervisor programs
 * into LPIDR (or names to its own parent), never one that L1 chose. The type
 * hlpid_t keeps the two apart.
 */
#ifndef _KVM_NESTED_LPID_H
#define _KVM_NESTED_LPID_H

#include "pure.h"

/**
 * lpid_flush_range() - drop the translations of some pages of one LPID
 * @lpid: LPID that hardware runs under
 * @start: guest real address of the first page under @lpid
 * @last: last address of the last page
 * @shift: log2 bytes of each leaf: 12, 16, 21 or 30
 *
 * RIC=0 PRS=0 IS=0: only translations of exactly this size are guaranteed to
 * go (Power ISA, Book III, "TLB Invalidate Entry"). All of the LPID may go
 * where that is cheaper than one page after the other.
 *
 * Context: Any context; completes before it returns.
 */
void lpid_flush_range(hlpid_t lpid, u64 start, u64 last, unsigned int shift);

/**
 * lpid_flush_translations() - drop the TLB of one LPID
 * @lpid: LPID that hardware runs under
 *
 * For leaves that were changed while all tables stay. The page-walk cache may
 * stay too.
 *
 * Context: Any context; completes before it returns.
 */
void lpid_flush_translations(hlpid_t lpid);

/**
 * lpid_flush_pwc() - drop the page-walk cache of one LPID
 * @lpid: LPID that hardware runs under
 *
 * For tables that were unlinked. What was in them is not dropped from the TLB,
 * and as long as the cache is not flushed, walks bring it back: flush the TLB
 * afterwards, unless the tables were empty.
 *
 * Context: Any context; completes before it returns.
 */
void lpid_flush_pwc(hlpid_t lpid);

/**
 * lpid_flush_tlb_pwc() - drop TLB and page-walk cache of one LPID
 * @lpid: LPID that hardware runs under
 *
 * For tables that were unlinked with their leaves. The cached table entry may
 * stay, so a root that is replaced needs lpid_set_entry().
 *
 * Context: Any context; completes before it returns.
 */
void lpid_flush_tlb_pwc(hlpid_t lpid);

/**
 * lpid_flush_all() - drop TLB, page-walk cache and cached table entry
 * @lpid: LPID that hardware runs under
 *
 * A parent that keeps a shadow lets every vCPU out that is inside. Where the
 * table entry has not changed, one of the functions above is meant.
 *
 * Context: Any context; completes before it returns.
 */
void lpid_flush_all(hlpid_t lpid);

/**
 * lpid_set_entry() - publish the partition-table entry of one LPID
 * @lpid: LPID that hardware runs under
 * @dw0: first doubleword: root of the partition-scoped tree
 * @dw1: second doubleword: process table
 *
 * Everything cached under @lpid is flushed when this returns. One caller for
 * an LPID at a time.
 *
 * Context: Process context, may sleep.
 */
void lpid_set_entry(hlpid_t lpid, u64 dw0, u64 dw1);

/* --- the pool of host LPIDs, as nested guests have it --- */

long lpid_alloc(void);
void lpid_free(long lpid);

#endif /* _KVM_NESTED_LPID_H */
