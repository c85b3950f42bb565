/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the measured guest runs, in real mode. Position independent, touches nothing but
 * the pages it is told to. Registers on entry:
 *
 *	r14	how often
 *	r15	address of the first page
 *	r16	distance of the pages
 *
 * Each loop adds the ticks of one operation up in r17 and ends with a hypercall that
 * carries the sum in r4. A hypercall to the VMM gives back r3 to r12 as the VMM likes;
 * nothing here lives in them.
 */
#define H_PROD	0xe4
#define H_PING	0xf004
#define H_DONE	0xf008

	.text
	.balign	8

	.macro	begin
	lis	%r0, 0x7fff
	mtspr	22, %r0			/* DEC: far away */
	li	%r17, 0
1:
	.endm

	.macro	end_with_sum
	subf	%r18, %r18, %r19
	add	%r17, %r17, %r18
	add	%r15, %r15, %r16
	addi	%r14, %r14, -1
	cmpdi	%r14, 0
	bne	1b
	lis	%r3, H_DONE@h
	ori	%r3, %r3, H_DONE@l
	mr	%r4, %r17
	sc	1
	b	.
	.endm

	.globl	guest_user_hcall, guest_kernel_hcall, guest_store, guest_load, guest_end

/* Nobody knows this number but the VMM. */
guest_user_hcall:
	begin
	lis	%r3, H_PING@h
	ori	%r3, %r3, H_PING@l
	mftb	%r18
	sc	1
	mftb	%r19
	end_with_sum

/* To prod a vCPU that is not waiting is the least that KVM itself does for a guest. */
guest_kernel_hcall:
	begin
	li	%r3, H_PROD
	li	%r4, 0
	mftb	%r18
	sc	1
	mftb	%r19
	end_with_sum

guest_store:
	begin
	mftb	%r18
	std	%r14, 0(%r15)
	mftb	%r19
	end_with_sum

guest_load:
	begin
	mftb	%r18
	ld	%r20, 0(%r15)
	mftb	%r19
	end_with_sum

guest_end:
	nop
