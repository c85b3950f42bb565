/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decodes what L1 wants invalidated into one form.
 *
 * H_TLB_INVALIDATE passes the operands of tlbie, H_RPT_INVALIDATE a range with
 * page sizes. Both become a struct ninv; every refusal happens here, so that
 * the code which acts on it has nothing left to check.
 */
#ifndef _KVM_NESTED_NINV_H
#define _KVM_NESTED_NINV_H

#include "pure.h"

/**
 * enum ninv_kind - what to drop
 * @NINV_NOTHING: a range without leaves
 * @NINV_LPID_PWC: what is known of the directories of one guest's tree
 * @NINV_RANGE: leaves that overlap start..last of one guest
 * @NINV_LPID_TLB: all leaves of one guest
 * @NINV_LPID_ALL: that, and re-read the partition-table entry
 * @NINV_ALL_PWC: what is known of the directories of every guest of this L1
 * @NINV_ALL_TLB: all leaves of every guest of this L1
 * @NINV_ALL_ALL: that, and re-read every partition-table entry
 */
enum ninv_kind {
	NINV_NOTHING,
	NINV_LPID_PWC,
	NINV_RANGE,
	NINV_LPID_TLB,
	NINV_LPID_ALL,
	NINV_ALL_PWC,
	NINV_ALL_TLB,
	NINV_ALL_ALL,
};

/**
 * struct ninv - one invalidation, checked
 * @kind: what to drop
 * @glpid: guest, for the kinds that name one; below 4096 and not 0
 * @start: first byte, L2 real, aligned to the largest page named (NINV_RANGE)
 * @last: last byte, inclusive, >= @start (NINV_RANGE)
 */
struct ninv {
	enum ninv_kind kind;
	glpid_t glpid;
	u64 start;
	u64 last;
};

/**
 * ninv_decode_tlbie() - decode the operands of H_TLB_INVALIDATE
 * @insn: r4: RIC, PRS and R fields of tlbie in place, no opcode
 * @rs: r5: RS image, LPID in the low 32 bits
 * @rb: r6: RB image: EPN, IS and AP fields
 * @inv: result, defined only on success
 *
 * Source: Power ISA, Book III, "TLB Invalidate Entry"; spec section 4.4.
 *
 * Return: 0, or -EINVAL for what the hypercall refuses with H_PARAMETER.
 */
int __must_check ninv_decode_tlbie(u64 insn, u64 rs, u64 rb, struct ninv *inv);

/**
 * ninv_decode_rpt() - decode the nested form of H_RPT_INVALIDATE
 * @lpid: r4, raw
 * @type: H_RPTI_TYPE_* bits, NESTED among them
 * @pg_sizes: H_RPTI_PAGE_* bits
 * @start: first byte, L2 real
 * @end: first byte after the range; the caller has checked @end >= @start
 * @inv: result, defined only on success
 *
 * Rounds the range out to the largest page size named, whatever its length. An
 * LPID that does not exist is for the caller to find out: it is no error.
 * Source: PAPR, H_RPT_INVALIDATE; spec sections 4.8 and 5.5.
 *
 * Return: 0, -EINVAL for LPID 0 or one above 4095 (H_PARAMETER), or -ERANGE
 * if a TLB flush names no page size that is known (H_P4).
 */
int __must_check ninv_decode_rpt(u64 lpid, u64 type, u64 pg_sizes, u64 start,
				 u64 end, struct ninv *inv);

#endif /* _KVM_NESTED_NINV_H */
