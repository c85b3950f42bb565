// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies between L1 or the kernel and an effective address of a guest: for the
 * instruction emulator, and for H_COPY_TOFROM_GUEST.
 *
 * Not here: how an effective address is reached (quadrant).
 */
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <asm/hvcall.h>
#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "../book3s_hv.h"
#include "nested_fault.h"
#include "nested_guest.h"
#include "nmem.h"
#include "quadrant.h"
#include "rpt.h"

/* The most that one H_COPY_TOFROM_GUEST moves, and how much at a time. */
#define KVMHV_COPY_MAX		BIT(20)
#define KVMHV_COPY_CHUNK	min_t(size_t, PAGE_SIZE, 4096)

/* The two top bits of an effective address. */
#define KVMHV_QUADRANT		GENMASK_ULL(63, 62)

/* --- for the emulator --------------------------------------------------- */

/* For a guest only quadrants 0 and 3 exist, and bits 61:52 must be zero. */
static long kvmhv_copy_vcpu(struct kvm_vcpu *vcpu, gva_t eaddr,
			    struct quadrant_copy c, unsigned long n)
{
	const struct kvm_nested_guest *nested = vcpu->arch.nested;
	u64 quadrant = eaddr & KVMHV_QUADRANT;

	if ((quadrant && quadrant != KVMHV_QUADRANT) ||
	    (eaddr & ~KVMHV_QUADRANT) >= QUADRANT_EA_SPAN)
		return -EINVAL;

	c.lpid = nested ? nested->shadow_lpid : vcpu->kvm->arch.lpid;
	c.pid = quadrant ? 0 : kvmppc_get_pid(vcpu);
	c.home_cpu = nested ? READ_ONCE(*vcpu->arch.nested_prev_cpu) :
			      vcpu->arch.prev_cpu;
	return quadrant_copy(c, eaddr & ~KVMHV_QUADRANT, n);
}

/**
 * kvmhv_copy_from_guest_radix() - read an instruction as the vCPU fetches it
 * @vcpu: loaded vCPU; its nested guest if it is in one
 * @eaddr: guest effective address
 * @to: kernel buffer in the linear map
 * @n: bytes
 *
 * Of a VM in real mode nothing is read: kvmppc_ld() goes by the real address.
 *
 * Context: Process context, may sleep between pages. Takes no lock.
 * Return: bytes not copied, zeroed in @to; -EINVAL if no guest can use @eaddr.
 */
long kvmhv_copy_from_guest_radix(struct kvm_vcpu *vcpu, gva_t eaddr, void *to,
				 unsigned long n)
{
	struct quadrant_copy c = { .dir = QUADRANT_LOAD, .buf = to };
	long left;

	/* Quadrants always translate; a fetch in real mode does not. */
	if (kvmppc_get_msr(vcpu) & MSR_IR)
		left = kvmhv_copy_vcpu(vcpu, eaddr, c, n);
	else if (vcpu->arch.nested)
		left = nflt_read_real(vcpu, eaddr, to, n);
	else
		left = n;
	if (left > 0)
		memset(to + (n - left), 0, left);
	return left;
}

/* kvmhv_copy_to_guest_radix() - the same in the other direction */
long kvmhv_copy_to_guest_radix(struct kvm_vcpu *vcpu, gva_t eaddr, void *from,
			       unsigned long n)
{
	struct quadrant_copy c = { .dir = QUADRANT_STORE, .buf = from };

	return kvmhv_copy_vcpu(vcpu, eaddr, c, n);
}

/* --- H_COPY_TOFROM_GUEST ------------------------------------------------ */

/**
 * struct kvmhv_copy - one H_COPY_TOFROM_GUEST on its way
 * @pid: L2's PID, 0 for its kernel
 * @eaddr: L2 effective address
 * @to: L1 real address, 0 if L2 is written
 * @from: L1 real address, if L2 is written
 * @n: bytes that are left
 */
struct kvmhv_copy {
	u32 pid;
	gva_t eaddr;
	gpa_t to;
	gpa_t from;
	size_t n;
};

static bool kvmhv_copy_is_valid(const struct kvmhv_copy *c)
{
	u64 last = c->eaddr + c->n - 1;

	return !(c->to && c->from) && c->n <= KVMHV_COPY_MAX &&
	       !(c->eaddr >> RPT_EA_SHIFT) && (!c->n || !(last >> RPT_EA_SHIFT));
}

static int kvmhv_copy_chunk(struct kvm_vcpu *vcpu, u32 lpid,
			    const struct kvmhv_copy *c, void *buf, size_t n)
{
	/* Which vCPU of L2 is meant, and where that ran, L1 does not say. */
	struct quadrant_copy q = { .buf = buf, .lpid = lpid, .pid = c->pid,
				   .home_cpu = -1 };
	int err;

	q.dir = c->to ? QUADRANT_LOAD : QUADRANT_STORE;
	if (c->to && quadrant_copy(q, c->eaddr, n))
		return -ENOENT;
	if (c->to)
		err = nmem_write(vcpu->kvm, c->to, buf, n);
	else
		err = nmem_read(vcpu->kvm, c->from, buf, n);
	if (!err && !c->to && quadrant_copy(q, c->eaddr, n))
		err = -ENOENT;
	return err;
}

static int kvmhv_copy_all(struct kvm_vcpu *vcpu, u32 lpid,
			  struct kvmhv_copy *c, void *buf)
{
	size_t n;
	int err;

	while (c->n) {
		n = min(c->n, KVMHV_COPY_CHUNK);
		err = kvmhv_copy_chunk(vcpu, lpid, c, buf, n);
		if (err)
			return err;
		c->n -= n;
		c->eaddr += n;
		if (c->to)
			c->to += n;
		else
			c->from += n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* L1 issues the hypercall again, for what is left. */
static long kvmhv_copy_again(struct kvm_vcpu *vcpu, const struct kvmhv_copy *c)
{
	kvmppc_set_gpr(vcpu, 6, c->eaddr);
	kvmppc_set_gpr(vcpu, 7, c->to);
	kvmppc_set_gpr(vcpu, 8, c->from);
	kvmppc_set_gpr(vcpu, 9, c->n);
	kvmppc_set_pc(vcpu, kvmppc_get_pc(vcpu) - sizeof(u32));
	vcpu->run->exit_reason = KVM_EXIT_INTR;
	return H_INTERRUPT;
}

static long kvmhv_copy_result(struct kvm_vcpu *vcpu, const struct kvmhv_copy *c,
			      int err)
{
	if (err == -EINTR)
		return kvmhv_copy_again(vcpu, c);
	return err ? H_NOT_FOUND : H_SUCCESS;
}

/**
 * kvmhv_copy_tofrom_guest_nested() - H_COPY_TOFROM_GUEST
 * @vcpu: r4: L1's LPID of the guest, r5: PID, r6: L2 effective address, r7: L1
 *	real destination or 0, r8: L1 real source, r9: bytes
 *
 * Context: Process context, may sleep; reschedules between chunks.
 * Return: H_SUCCESS; H_PARAMETER; H_NO_MEM; H_NOT_FOUND if either side is not
 * mapped, in which case some of it may have been copied; H_INTERRUPT for the
 * caller, which leaves KVM_RUN with -EINTR and does not set r3.
 */
long kvmhv_copy_tofrom_guest_nested(struct kvm_vcpu *vcpu)
{
	struct kvmhv_copy c = {
		.pid = kvmppc_get_gpr(vcpu, 5), .eaddr = kvmppc_get_gpr(vcpu, 6),
		.to = kvmppc_get_gpr(vcpu, 7), .from = kvmppc_get_gpr(vcpu, 8),
		.n = kvmppc_get_gpr(vcpu, 9),
	};
	u32 lpid = kvmppc_get_gpr(vcpu, 4);
	struct kvm_nested_guest *ng;
	long ret = H_NO_MEM;
	void *buf;

	if (!lpid || !kvmhv_copy_is_valid(&c))
		return H_PARAMETER;
	ng = nguest_get(vcpu->kvm, make_glpid(lpid));
	if (!ng)
		return H_PARAMETER;
	buf = kmalloc(KVMHV_COPY_CHUNK, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (buf)
		ret = kvmhv_copy_result(vcpu, &c,
					kvmhv_copy_all(vcpu, ng->shadow_lpid,
						       &c, buf));
	kfree(buf);
	nguest_put(ng);
	return ret;
}
