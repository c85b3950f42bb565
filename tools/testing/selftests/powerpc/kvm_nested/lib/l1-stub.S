/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All instructions of L1. They are read as data and loaded in the byte order of
 * the L1 under test; none of them is run where it is linked.
 */
#define H_DONE	0xf008
#define H_OOPS	0xf00c

	.section .rodata
	.balign	8

/*
 * Announce, then for ever: r3 to r9 have been set by the VMM; issue that
 * hypercall and hand its result and its time back.
 */
	.globl	stub_begin, stub_entry, stub_end
stub_begin:
1:	lis	%r14, 0x7fff
	mtspr	22, %r14			/* DEC: far away */
	mftb	%r15
	sc	1
	mftb	%r16
	subf	%r5, %r15, %r16
	mr	%r4, %r3
stub_entry:
	lis	%r3, H_DONE@h
	ori	%r3, %r3, H_DONE@l
	sc	1
	b	1b
stub_end:

/* Each interrupt vector. */
	.globl	vector_begin, vector_end
vector_begin:
	lis	%r3, H_OOPS@h
	ori	%r3, %r3, H_OOPS@l
	sc	1
	b	.
vector_end:
