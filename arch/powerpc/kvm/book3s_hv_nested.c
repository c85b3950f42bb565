// SPDX-License-Identifier: GPL-2.0-only
/*
 * The front door of nested KVM-HV: hypercalls of L1 and the life of a VM.
 *
 * Fetches arguments, calls, and turns an errno into what L1 sees. This is the
 * only file of L0's side that says H_*; nothing below it does. Every argument
 * is hostile: it is checked here or decoded by a pure function that checks.
 *
 * Returns of H_ENTER_NESTED to L1: a trap number; 0 to enter again; or
 *
 *   H_NOT_AVAILABLE  no partition table is registered
 *   H_BAD_MODE       transactional states of L1 and L2 do not fit
 *   H_PARAMETER      a buffer, a value or the LPID is refused, or no resources
 *   H_AUTHORITY      a buffer stopped being writable while L2 ran
 *
 * A signal that comes before a page of L1's memory ends KVM_RUN. What L2 left is
 * then owed to L1's memory; kvmhv_settle_nested() writes it before L1 runs.
 */
#include <linux/kvm_host.h>

#include <asm/hvcall.h>
#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "book3s_hv.h"
#include "nested/nested_enter.h"
#include "nested/nested_fault.h"
#include "nested/nested_guest.h"
#include "nested/nested_inval.h"
#include "nested/nested_limit.h"
#include "nested/nested_run.h"
#include "nested/nested_vm.h"
#include "nested/ninv.h"
#include "nested/parent.h"
#include "nested/rpt.h"

/* --- life of the module ------------------------------------------------- */

/**
 * kvmhv_nested_exit() - undo kvmhv_nested_init(), also when it failed
 */
void kvmhv_nested_exit(void)
{
	nlimit_exit();
	nguest_exit();
	parent_exit();
}

/**
 * kvmhv_nested_init() - agree with a parent, and prepare to nest
 *
 * Return: 0; -ENODEV if there is a parent and no version of its nested API works;
 * -ENOMEM. Nothing is left behind on error.
 */
long kvmhv_nested_init(void)
{
	int err = parent_init();

	/* Only a radix host nests. */
	if (!err && radix_enabled())
		err = nguest_init() ?: nlimit_init();
	if (err)
		kvmhv_nested_exit();
	return err;
}

/* --- life of a VM ------------------------------------------------------- */

/**
 * kvmhv_vm_nested_init() - a VM starts without nested guests
 * @kvm: new VM
 */
void kvmhv_vm_nested_init(struct kvm *kvm)
{
	kvm->arch.nested_vm = NULL;
}

/**
 * kvmhv_release_all_nested() - drop all nested guests of a VM
 * @kvm: VM without running vCPUs; it may nest again afterwards
 *
 * Context: Process context, may sleep; before or after kvmppc_free_radix().
 */
void kvmhv_release_all_nested(struct kvm *kvm)
{
	if (!kvm->arch.nested_vm)
		return;
	nguest_kill_all(kvm);
	nvm_release(kvm);
}

/*
 * Frames of a secure VM are the ultravisor's: they are in no tree of ours, and
 * shadow leaves over them would outlive them. So a VM is one or the other, from
 * the moment on that it says so; who comes second is refused (I15).
 */

/**
 * kvmhv_claim_nesting() - a VM is about to be allowed to nest
 * @kvm: VM
 *
 * Context: Any; takes mmu_lock.
 * Return: 0; -EBUSY if it is secure or becomes so.
 */
int kvmhv_claim_nesting(struct kvm *kvm)
{
	int err = 0;

	spin_lock(&kvm->mmu_lock);
	if (kvm->arch.secure_guest)
		err = -EBUSY;
	else
		kvm->arch.nested_enable = true;
	spin_unlock(&kvm->mmu_lock);
	return err;
}

/**
 * kvmhv_claim_secure() - a VM begins to become secure
 * @kvm: VM
 *
 * Context: Any; takes mmu_lock.
 * Return: 0; -EBUSY if it may nest.
 */
int kvmhv_claim_secure(struct kvm *kvm)
{
	int err = 0;

	spin_lock(&kvm->mmu_lock);
	if (kvm->arch.nested_enable)
		err = -EBUSY;
	else
		kvm->arch.secure_guest = KVMPPC_SECURE_INIT_START;
	spin_unlock(&kvm->mmu_lock);
	return err;
}

/* --- H_SET_PARTITION_TABLE ---------------------------------------------- */

static bool kvmhv_ptcr_is_valid(struct kvm *kvm, u64 ptcr)
{
	unsigned int lpid_bits = FIELD_GET(RPT_TABLE_SIZE, ptcr) + 12 - 4;
	bool visible;
	int idx;

	if (!ptcr)
		return true;
	if (lpid_bits > KVM_NESTED_LPID_BITS)
		return false;
	idx = srcu_read_lock(&kvm->srcu);
	visible = kvm_is_visible_gfn(kvm, gpa_to_gfn(ptcr & RPT_TABLE_BASE));
	srcu_read_unlock(&kvm->srcu, idx);
	return visible;
}

static void kvmhv_note_ptcr(struct kvm_vcpu *vcpu, u64 ptcr)
{
	lockdep_assert_held(&vcpu->mutex);
	vcpu->arch.ptcr_known = ptcr;
	vcpu->arch.ptcr_asked = true;
}

/**
 * kvmhv_get_ptcr() - user space reads L1's partition-table register
 * @vcpu: vCPU that it reads it through
 *
 * Context: vcpu->mutex held.
 * Return: the register.
 */
u64 kvmhv_get_ptcr(struct kvm_vcpu *vcpu)
{
	u64 ptcr = READ_ONCE(vcpu->kvm->arch.l1_ptcr);

	kvmhv_note_ptcr(vcpu, ptcr);
	return ptcr;
}

/**
 * kvmhv_set_ptcr() - user space writes L1's partition-table register
 * @vcpu: vCPU that it writes it through
 * @ptcr: the register, unchecked
 *
 * The register belongs to the VM, and a VMM writes it along with all other
 * registers of one vCPU: to that of a vCPU that is new, or to what it read some
 * time ago. The write counts only if it differs from what the VMM knows by this
 * vCPU: what it read or wrote last; before that 0, or what L1 set on this vCPU.
 *
 * On a reset of L1, what the guests of the old table hold is given back. Who
 * uses the register checks it.
 *
 * Context: Process context, may sleep; vcpu->mutex held; takes
 * kvm->arch.mmu_setup_lock.
 */
void kvmhv_set_ptcr(struct kvm_vcpu *vcpu, u64 ptcr)
{
	struct kvm *kvm = vcpu->kvm;
	bool meant = ptcr != vcpu->arch.ptcr_known;

	kvmhv_note_ptcr(vcpu, ptcr);
	if (!meant)
		return;
	/* No vCPU need run meanwhile: a switch to HPT may drop everything. */
	guard(mutex)(&kvm->arch.mmu_setup_lock);
	if (READ_ONCE(kvm->arch.l1_ptcr) == ptcr)
		return;
	WRITE_ONCE(kvm->arch.l1_ptcr, ptcr);
	nguest_kill_all(kvm);
}

/**
 * kvmhv_set_partition_table() - H_SET_PARTITION_TABLE
 * @vcpu: r4: base and size of L1's partition table, 0 for none
 *
 * The guests of the old table are dropped, with all that they hold.
 *
 * Context: Process context, may sleep.
 * Return: H_SUCCESS, or H_PARAMETER for a table that is too large or not in
 * memory.
 */
long kvmhv_set_partition_table(struct kvm_vcpu *vcpu)
{
	u64 ptcr = kvmppc_get_gpr(vcpu, 4);

	if (!kvmhv_ptcr_is_valid(vcpu->kvm, ptcr))
		return H_PARAMETER;
	/* A VMM that resets L1 without a look must not write what is known. */
	if (!vcpu->arch.ptcr_asked)
		vcpu->arch.ptcr_known = ptcr;
	WRITE_ONCE(vcpu->kvm->arch.l1_ptcr, ptcr);
	nguest_kill_all(vcpu->kvm);
	return H_SUCCESS;
}

/* --- H_ENTER_NESTED ----------------------------------------------------- */

static long kvmhv_enter_error(int err)
{
	switch (err) {
	case -ENXIO:
		return H_NOT_AVAILABLE;
	case -EBADE:
		return H_BAD_MODE;
	case -EAGAIN:
		/* As an entry that an interrupt ended: L1 enters again. */
		return H_SUCCESS;
	}
	return H_PARAMETER;
}

static int kvmhv_enter_check(struct kvm_vcpu *vcpu)
{
	if (!READ_ONCE(vcpu->kvm->arch.l1_ptcr))
		return -ENXIO;
	if (MSR_TM_TRANSACTIONAL(__kvmppc_get_msr_hv(vcpu)))
		return -EBADE;
	return 0;
}

/* L1 will see 0 and enter again, unless more is said when it is given its due. */
static long kvmhv_enter_interrupted(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_INTR;
	vcpu->arch.ret = -EINTR;
	return H_INTERRUPT;
}

/*
 * L2 has run: what does the hypercall say?
 *
 * @r: how the run of L2 ended
 * @err: -EINTR if state is not back in L1's buffers yet
 */
static long kvmhv_enter_result(struct kvm_vcpu *vcpu, struct nrun *run, int r,
			       int err)
{
	run->result = H_SUCCESS;
	if (vcpu->mmio_needed)
		nrun_redirect_mmio(vcpu, run);
	if (run->owed)
		run->owed_at = vcpu->arch.regs;
	if (vcpu->mmio_needed)
		return H_TOO_HARD;
	/* A signal, or what only user space can cure: the reason is set. */
	if (r < 0) {
		vcpu->arch.ret = r;
		return H_INTERRUPT;
	}
	if (!err)
		return vcpu->arch.trap;
	run->result = vcpu->arch.trap;
	return kvmhv_enter_interrupted(vcpu);
}

/**
 * kvmhv_enter_nested_guest() - H_ENTER_NESTED
 * @vcpu: r4: L1 real address of hv_guest_state, r5: of pt_regs
 *
 * Context: Process context, may sleep; L1 state is loaded again on return.
 * Return: as at the head of this file; H_INTERRUPT and H_TOO_HARD for the
 * caller, which goes to user space: with the errno in vcpu->arch.ret, and with
 * an MMIO.
 */
long kvmhv_enter_nested_guest(struct kvm_vcpu *vcpu)
{
	struct nrun *run = nrun_of(vcpu);
	struct kvm_nested_guest *ng;
	int r, err;

	if (!run)
		return kvmhv_enter_error(-ENOMEM);
	run->state_gpa = kvmppc_get_gpr(vcpu, 4);
	run->regs_gpa = kvmppc_get_gpr(vcpu, 5);
	r = kvmhv_enter_check(vcpu) ?: nrun_fetch(vcpu, run) ?:
	    nguest_enter(vcpu->kvm, run, &ng);
	if (r == -EINTR)
		return kvmhv_enter_interrupted(vcpu);
	if (r)
		return kvmhv_enter_error(r);

	nflt_replay(vcpu, ng);
	r = nrun_execute(vcpu, run, ng);
	nguest_leave(run, ng);
	err = nrun_deliver(vcpu, run);
	if (err && err != -EINTR) {
		vcpu->mmio_needed = 0;
		return H_AUTHORITY;
	}
	return kvmhv_enter_result(vcpu, run, r, err);
}

/**
 * kvmhv_nested_tb_offset() - what is a nested guest's own of the time-base offset
 * @vcpu: vCPU with L2 loaded
 *
 * Context: Any; the vCPU's own thread.
 * Return: L2's time base minus L1's, modulo 2^64.
 */
u64 kvmhv_nested_tb_offset(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.nested_run->hv.tb_offset;
}

/* Interrupt vectors, with relocation on (AIL) or off. */
#define KVMHV_VECTORS		(GENMASK_ULL(12, 0) | 0xc000000000004000ULL)

/* But for r3, which the hypercall sets, and what an interrupt changes. */
static bool kvmhv_same_regs(const struct pt_regs *a, const struct pt_regs *b)
{
	return !memcmp(a->gpr, b->gpr, 3 * sizeof(a->gpr[0])) &&
	       !memcmp(&a->gpr[4], &b->gpr[4], 28 * sizeof(a->gpr[0])) &&
	       a->ctr == b->ctr && a->link == b->link && a->xer == b->xer &&
	       a->ccr == b->ccr;
}

/*
 * L1 stands behind its hypercall, or at the interrupt that came there. All of
 * its hypercalls may be one instruction of one function: no register has changed.
 */
static bool kvmhv_is_owed(struct kvm_vcpu *vcpu, const struct nrun *run)
{
	u64 pc = kvmppc_get_pc(vcpu);

	/* SRR0 alone says nothing: sc sets it; L0 resets nobody, a VMM does. */
	return kvmhv_same_regs(&vcpu->arch.regs, &run->owed_at) &&
	       (pc == run->owed_at.nip ||
		(!(pc & ~KVMHV_VECTORS) && pc != BOOK3S_INTERRUPT_SYSTEM_RESET &&
		 kvmppc_get_srr0(vcpu) == run->owed_at.nip));
}

static int kvmhv_settle(struct kvm_vcpu *vcpu, struct nrun *run)
{
	int err;

	if (!run->owed)
		return 0;
	/* An L1 that was reset meanwhile gets nothing into its memory. */
	if (!kvmhv_is_owed(vcpu, run)) {
		run->owed = 0;
		return 0;
	}
	err = nrun_settle(vcpu, run);
	if (err == -EINTR)
		return err;
	kvmppc_set_gpr(vcpu, 3, err ? H_AUTHORITY : run->result);
	return 0;
}

/*
 * Count the vCPU as one that runs, unless it has ceased to nest: a switch to HPT
 * frees nested_run. It clears mmu_ready before it looks whether a vCPU runs; here
 * it is the other way round. A switch that is about to be refused is waited for:
 * L1 does not run with something owed.
 */
static bool kvmhv_keep_nested(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;

	atomic_inc(&kvm->arch.vcpus_running);
	/* Orders vcpus_running vs. mmu_ready, see above. */
	smp_mb__after_atomic();
	if (READ_ONCE(kvm->arch.mmu_ready) && vcpu->arch.nested_run)
		return true;
	atomic_dec(&kvm->arch.vcpus_running);

	guard(mutex)(&kvm->arch.mmu_setup_lock);
	if (!kvm->arch.mmu_ready || !vcpu->arch.nested_run)
		return false;
	atomic_inc(&kvm->arch.vcpus_running);
	return true;
}

/**
 * kvmhv_settle_nested() - a vCPU is about to run: complete its last hypercall
 * @vcpu: vCPU, in KVM_RUN, with L1 loaded
 *
 * User space gets to complete what is owed to L1's memory without running L1:
 * by KVM_RUN with immediate_exit, or with a signal pending.
 *
 * Context: Process context, may sleep for as long as user space likes.
 * Return: 0 to run L1; -EINTR to leave KVM_RUN, with the exit reason set.
 */
int kvmhv_settle_nested(struct kvm_vcpu *vcpu)
{
	int r = 0;

	if (vcpu->arch.nested_run && kvmhv_keep_nested(vcpu)) {
		r = kvmhv_settle(vcpu, vcpu->arch.nested_run);
		atomic_dec(&vcpu->kvm->arch.vcpus_running);
	}
	if (!r && !vcpu->wants_to_run)
		r = -EINTR;
	if (r)
		vcpu->run->exit_reason = KVM_EXIT_INTR;
	return r;
}

/* --- H_TLB_INVALIDATE and H_RPT_INVALIDATE ------------------------------ */

/**
 * kvmhv_do_nested_tlbie() - H_TLB_INVALIDATE
 * @vcpu: r4: RIC, PRS and R of tlbie; r5: RS; r6: RB
 *
 * Context: Process context, may sleep.
 * Return: H_SUCCESS, or H_PARAMETER for what tlbie could not mean here.
 */
long kvmhv_do_nested_tlbie(struct kvm_vcpu *vcpu)
{
	struct ninv inv;

	if (ninv_decode_tlbie(kvmppc_get_gpr(vcpu, 4), kvmppc_get_gpr(vcpu, 5),
			      kvmppc_get_gpr(vcpu, 6), &inv))
		return H_PARAMETER;
	nmmu_invalidate(vcpu->kvm, &inv);
	return H_SUCCESS;
}

/**
 * do_h_rpt_invalidate_pat() - H_RPT_INVALIDATE with H_RPTI_TYPE_NESTED
 * @vcpu: vCPU of L1
 * @lpid: L1's name of the guest, unchecked
 * @type: what to invalidate
 * @pg_sizes: page sizes it may be mapped with
 * @start: first byte, L2 real
 * @end: first byte after the range, not below @start
 *
 * Context: Process context, may sleep.
 * Return: H_SUCCESS, for a guest never seen too; H_P4 for page sizes that do
 * not exist; H_PARAMETER for an LPID that cannot exist.
 */
long do_h_rpt_invalidate_pat(struct kvm_vcpu *vcpu, unsigned long lpid,
			     unsigned long type, unsigned long pg_sizes,
			     unsigned long start, unsigned long end)
{
	struct ninv inv;
	int err = ninv_decode_rpt(lpid, type, pg_sizes, start, end, &inv);

	if (err)
		return err == -ERANGE ? H_P4 : H_PARAMETER;
	nmmu_invalidate(vcpu->kvm, &inv);
	return H_SUCCESS;
}
