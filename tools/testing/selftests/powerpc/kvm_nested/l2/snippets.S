/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What L2 runs, in real mode. Position independent; touches nothing but what
 * the registers say, and ends with a hypercall for L1. Loaded in the byte order
 * of the L2 under test.
 */
	.section .rodata
	.balign	16

	.macro	snippet name
	.balign	16
	.globl	\name
\name:
	.endm

	.macro	for_l1
	sc	1
	b	.
	.endm

	.globl	snippets_begin, snippets_end
snippets_begin:

/* A hypercall with the registers as they are. */
	snippet	l2_hcall
	for_l1

/* r5 = [r4] */
	snippet	l2_load
	ld	%r5, 0(%r4)
	for_l1

/* r5 = [r4], r6 = MSR */
	snippet	l2_load_msr
	ld	%r5, 0(%r4)
	mfmsr	%r6
	for_l1

/* [r4] = r5 */
	snippet	l2_store
	std	%r5, 0(%r4)
	for_l1

/* Store to r5 pages from r4 on, r6 apart; r8 = ticks of the stores. */
	snippet	l2_touch
	mtctr	%r5
	li	%r8, 0
1:	mftb	%r9
	std	%r4, 0(%r4)
	mftb	%r10
	subf	%r9, %r9, %r10
	add	%r8, %r8, %r9
	add	%r4, %r4, %r6
	bdnz	1b
	for_l1

/* Load from r5 pages from r4 on, r6 apart; r8 = ticks of the loads. */
	snippet	l2_look
	mtctr	%r5
	li	%r8, 0
1:	mftb	%r9
	ld	%r11, 0(%r4)
	mftb	%r10
	subf	%r9, %r9, %r10
	add	%r8, %r8, %r9
	add	%r4, %r4, %r6
	bdnz	1b
	for_l1

/*
 * Never leaves: store r8 = 1, 2, ... to r5 pages from r4 on, r6 apart, round and
 * round, until the doubleword at r7 is not 0; then r8 says how many stores.
 */
	snippet	l2_spin_store
	li	%r8, 0
1:	mr	%r9, %r4
	mtctr	%r5
2:	addi	%r8, %r8, 1
	std	%r8, 0(%r9)
	add	%r9, %r9, %r6
	bdnz	2b
	ld	%r10, 0(%r7)
	cmpdi	%r10, 0
	beq	1b
	for_l1

/*
 * Never leaves: load from r4 until it is r5, or until the doubleword at r7 is
 * not 0; then r8 is what was loaded last.
 */
	snippet	l2_spin_load
1:	ld	%r8, 0(%r4)
	cmpd	%r8, %r5
	beq	2f
	ld	%r10, 0(%r7)
	cmpdi	%r10, 0
	beq	1b
2:	for_l1

/* For L1: [r4] = r5 and r6 by turns, until the doubleword at r7 is not 0. */
	snippet	l1_flip
1:	std	%r5, 0(%r4)
	nop
	nop
	nop
	std	%r6, 0(%r4)
	ld	%r10, 0(%r7)
	cmpdi	%r10, 0
	beq	1b
	for_l1

/* Go to r4, where there should be instructions. */
	snippet	l2_jump
	mtctr	%r4
	bctr

/* Nothing, for ever. */
	snippet	l2_spin
1:	b	1b

/* Count in r8, for ever. */
	snippet	l2_count
1:	addi	%r8, %r8, 1
	b	1b

/* Say at r4 that it runs (1), then nothing until the doubleword at r7 is set. */
	snippet	l2_signal_spin
	li	%r8, 1
	std	%r8, 0(%r4)
1:	ld	%r10, 0(%r7)
	cmpdi	%r10, 0
	beq	1b
	for_l1

/* A doorbell to the thread in r4: msgsndp. */
	snippet	l2_doorbell
	.long	0x7c00211c			/* msgsndp r4 */
	for_l1

/* r5 = the doubleword in DPDES */
	snippet	l2_read_dpdes
	mfspr	%r5, 176
	for_l1

/* r5, r6 = both halves of the vector at [r4], as L2 sees them; needs VSX. */
	snippet	l2_load_vector
	.long	0x7c002698			/* lxvd2x vs0, 0, r4 */
	.long	0x7c050066			/* mfvsrd r5, vs0 */
	.long	0x7c060266			/* mfvsrld r6, vs0 */
	for_l1

/* The same as one quadword; needs VMX. */
	snippet	l2_load_quadword
	.long	0x7c0020ce			/* lvx v0, 0, r4 */
	.long	0x7c050067			/* mfvsrd r5, vs32 */
	.long	0x7c060267			/* mfvsrld r6, vs32 */
	for_l1

/* The other way round. */
	snippet	l2_store_vector
	.long	0x7c053366			/* mtvsrdd vs0, r5, r6 */
	.long	0x7c002798			/* stxvd2x vs0, 0, r4 */
	for_l1

/* Accesses that nothing here emulates. */
	snippet	l2_load_quad_vector
	.long	0xf4040001			/* lxv vs0, 0(r4) */
	for_l1

	snippet	l2_icbi
	icbi	0, %r4
	for_l1

	snippet	l2_load_multiple
	.long	0xbba40000			/* lmw r29, 0(r4) */
	for_l1

/* For a vector of L1: say that it was taken. r4 = SRR1, r5 = SRR0, r6 = MSR. */
	snippet	l1_vector
	mfspr	%r4, 27
	mfspr	%r5, 26
	mfmsr	%r6
	lis	%r3, 0
	ori	%r3, %r3, 0xf008		/* H_DONE */
	for_l1

/* Drop a process-scoped translation of this CPU: tlbiel RB = r4, RS = r5. */
	snippet	l2_tlbiel
	ptesync
	.long	0x7ca32224			/* tlbiel r4, r5, 0, 1, 1 */
	ptesync
	for_l1

/* r11 = result of the hypercall in r3 to r9, which is L2's own business. */
	snippet	l2_own_hcall
	sc	1
	mr	%r11, %r3
	lis	%r3, 0
	for_l1

	.balign	16
snippets_end:
