/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A TLB and page-walk cache that forget nothing until they are told to.
 *
 * For each hardware LPID the model remembers every leaf, every directory
 * pointer and every root that hardware could have seen, from the moment it was
 * reachable until a flush covers it; what is still reachable after a flush is
 * remembered again at once. It looks only at entries as hardware does, never
 * at the software state of a tree.
 *
 * It fails when
 *
 *  - a table is freed that hardware may still walk (F1);
 *  - a lock is dropped while a remembered leaf gives more than memory does now,
 *    or while a table was unlinked and the walk cache not flushed (F2);
 *  - a flush names an LPID that is not in use, or no size of a leaf (F3, I3);
 *  - one translation is turned into another in place (I1);
 *  - a directory entry leads to what is no table, or to a table that is still
 *    cached for another address.
 *
 * Loss of R is harmless and not a failure; loss of C or of a right is one.
 */
#ifndef _TLBMODEL_H
#define _TLBMODEL_H

#include "nested/rpt.h"
#include "shim/shim.h"

/* Begin to listen; everything known is forgotten. */
void tlb_start(void);
/* Stop listening; fails if an LPID is still in use. */
void tlb_stop(void);

/* An LPID comes into use, with no table; and goes, with nothing cached. */
void tlb_lpid_begin(hlpid_t lpid);
void tlb_lpid_end(hlpid_t lpid);

/* The host is about to reuse memory: nothing may lead there. */
void tlb_check_frame_gone(u64 pa, u64 bytes);

/* Nothing of an LPID may be cached for a range: an invalidation has returned. */
void tlb_check_range_gone(hlpid_t lpid, u64 start, u64 last);

/* Every remembered leaf against memory; costs time. */
void tlb_check_all(void);

/**
 * tlb_access() - what an access by the LPID would find, in the worst case
 * @lpid: LPID
 * @addr: guest real address
 * @seed: chooses among what is cached
 * @pte: a remembered leaf over the address
 * @shift: its size
 *
 * Return: false if nothing is cached, which means that nothing is mapped.
 */
bool tlb_access(hlpid_t lpid, u64 addr, u64 seed, struct rpte *pte,
		unsigned int *shift);

/* What has been flushed since the start, for tests of the gather. */
struct tlb_counts {
	unsigned long ranges;
	unsigned long pages;
	unsigned long walks;
	unsigned long translations;
	unsigned long all;
};

struct tlb_counts tlb_counts(void);

#endif /* _TLBMODEL_H */
