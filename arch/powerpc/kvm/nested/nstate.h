/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * L2 register state between L1's memory and native form.
 *
 * H_ENTER_NESTED passes struct hv_guest_state in version 1 or 2 and struct
 * pt_regs, each in the endianness of L1. One table has a row for each field:
 * offset, width, the version that brought it, and what L1 may not choose. The
 * wire form is read from L1 once; what is checked is what is used (I10).
 */
#ifndef _KVM_NESTED_NSTATE_H
#define _KVM_NESTED_NSTATE_H

#include "pure.h"

/**
 * enum nstate_order - byte order of L1 against the host's
 * @NSTATE_NATIVE: the same
 * @NSTATE_SWAPPED: the other
 */
enum nstate_order {
	NSTATE_NATIVE,
	NSTATE_SWAPPED,
};

/**
 * struct nstate_limits - what bounds L1's choice for its guest
 * @lpcr: L1's own LPCR; every bit L1 may not choose is taken from it
 * @hfscr_permitted: facilities that L1 itself may use
 * @pcr: L1's own PCR; its restrictions hold for L2 too
 * @nr_tokens: vCPU tokens are below this
 */
struct nstate_limits {
	u64 lpcr;
	u64 hfscr_permitted;
	u64 pcr;
	u32 nr_tokens;
};

/**
 * nstate_version() - decode and check the version word
 * @wire: first doubleword of hv_guest_state as L1 stored it
 * @order: byte order of L1
 *
 * Return: bytes of hv_guest_state in that version, or -EINVAL if unknown.
 */
int __must_check nstate_version(u64 wire, enum nstate_order order);

/**
 * nstate_import() - wire form to native form
 * @wire: copy of L1's buffer, @size bytes of it filled
 * @size: bytes, as nstate_version() returned
 * @order: byte order of L1
 * @hv: result; fields past @size become 0
 */
void nstate_import(const struct hv_guest_state *wire, size_t size,
		   enum nstate_order order, struct hv_guest_state *hv);

/**
 * nstate_export() - native form to wire form
 * @hv: state to hand to L1
 * @size: bytes of the version that L1 passed in
 * @order: byte order of L1
 * @wire: what L1 passed in; the fields that L0 hands back are replaced in it
 *
 * Fields that L1 only passes in stay as L1 stored them, bit for bit, although
 * @hv was sanitised. Nothing past @size is touched.
 */
void nstate_export(const struct hv_guest_state *hv, size_t size,
		   enum nstate_order order, struct hv_guest_state *wire);

/**
 * nstate_swap_regs() - turn pt_regs from one order into the other
 * @regs: registers, each doubleword swapped in place if @order says so
 * @order: byte order of L1
 */
void nstate_swap_regs(struct pt_regs *regs, enum nstate_order order);

/**
 * nstate_sanitise() - take from the state what L1 may not give to L2
 * @hv: native state, changed in place: LPCR, HFSCR, DAWRX0/1, CIABR, PCR, PPR
 * @regs: native registers, changed in place: MSR (HV and S off, ME on)
 * @lim: bounds
 *
 * The HFSCR that L1 asked for is lost here; who needs it saves it first.
 * Source: hostile-l1 row I9; spec sections 4.3 and 5.7.
 *
 * Return: 0, or -EINVAL (H_PARAMETER) for LPID 0 or above 4095, a token out
 * of bounds, a tb_offset that is no multiple of 2^24, or MSR[TS] reserved.
 */
int __must_check nstate_sanitise(struct hv_guest_state *hv,
				 struct pt_regs *regs,
				 const struct nstate_limits *lim);

/**
 * enum nstate_tm - how the transactional states of L1 and L2 fit
 * @NSTATE_TM_OK: L2 may run
 * @NSTATE_TM_BAD: refuse with H_BAD_MODE
 */
enum nstate_tm {
	NSTATE_TM_OK,
	NSTATE_TM_BAD,
};

/**
 * nstate_check_tm() - check MSR[TS] of L1 against that of L2
 * @l1_msr: L1's MSR at the hypercall
 * @l2_msr: the MSR that L1 gives to L2
 *
 * Checkpointed state is live through L0, so both must agree that there is one.
 */
enum nstate_tm nstate_check_tm(u64 l1_msr, u64 l2_msr);

/**
 * nstate_time_limit() - when L1 wants control back, by the host's clock
 * @expiry: hdec_expiry, in ticks of L1's time base
 * @offset: L1's time base minus the host's, modulo 2^64
 * @now: the host's time base
 *
 * Of two times of L1 the larger one is the later one, so "never" can be said as
 * ~0; it stays in the future although @offset is negative.
 *
 * Return: in ticks of the host's time base: 0 if @expiry is over, ~0 if it lies
 * past the end of the host's time.
 */
u64 nstate_time_limit(u64 expiry, u64 offset, u64 now);

#endif /* _KVM_NESTED_NSTATE_H */
