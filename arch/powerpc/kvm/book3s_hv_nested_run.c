// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs an L2 vCPU on the L1 vCPU that entered it.
 *
 * The vCPU holds the registers of one level at a time, struct nrun those of the
 * other. "Load" takes the vCPU from L1 to L2 and "store" takes it back, in
 * reverse order; each step has its twin beside it.
 *
 *  X1 vcpu->arch.nested is set exactly while the vCPU holds L2 state; L1 state
 *     is back whenever nrun_execute() returns.
 *  X2 L1's memory is read once, and known to be writable before L2 runs.
 *  X3 doorbell_request is L1's and nested_doorbell is L2's, whichever level is
 *     loaded. Other vCPUs write the former only, so there is no moment in which
 *     a doorbell can go to the wrong level.
 *
 * What is in neither buffer (FP, vector, DAR, PMU, TM ...) passes through L0 in
 * the vCPU. Not here: which guest is entered, what L1 may give to it, its faults.
 */
#include <linux/kvm_host.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>
#include <asm/reg.h>

#include "book3s_hv.h"
#include "book3s_hv_nested.h"

/* X2. Read what will be written back, or fail if it could not be. */
static int nrun_read(struct kvm_vcpu *vcpu, gpa_t gpa, void *to, size_t len)
{
	gfn_t gfn;

	for (gfn = gpa_to_gfn(gpa); gfn <= gpa_to_gfn(gpa + len - 1); gfn++)
		if (kvm_is_error_hva(kvm_vcpu_gfn_to_hva(vcpu, gfn)))
			return -EFAULT;
	return kvm_vcpu_read_guest(vcpu, gpa, to, len);
}

/* X2. In one piece if all versions fit in the page, else version first. */
static int nrun_copy_state(struct kvm_vcpu *vcpu, struct nrun *run)
{
	const size_t head = sizeof(run->wire.version);
	bool whole = offset_in_page(run->state_gpa) + sizeof(run->wire) <=
		     PAGE_SIZE;
	int err;

	err = nrun_read(vcpu, run->state_gpa, &run->wire,
			whole ? sizeof(run->wire) : head);
	if (err)
		return err;
	run->size = nstate_version(run->wire.version, run->order);
	if (run->size < 0)
		return run->size;
	if (whole)
		return 0;
	return nrun_read(vcpu, run->state_gpa + head, (u8 *)&run->wire + head,
			 run->size - head);
}

static int nrun_copy_in(struct kvm_vcpu *vcpu, struct nrun *run)
{
	return nrun_copy_state(vcpu, run) ?:
	       nrun_read(vcpu, run->regs_gpa, &run->regs, sizeof(run->regs));
}

/**
 * nrun_fetch() - read and check what L1 passed to H_ENTER_NESTED
 * @vcpu: vCPU with L1 loaded; the caller refuses MSR[TS] = Transactional
 * @run: state_gpa and regs_gpa are set; the rest is filled
 *
 * Context: Process context, may sleep; kvm->srcu not held through @vcpu.
 * Return: 0; -EFAULT if a buffer cannot be read or written, -EINVAL if a value
 * is refused, -EBADE if the transactional states of L1 and L2 do not fit.
 */
int nrun_fetch(struct kvm_vcpu *vcpu, struct nrun *run)
{
	const struct nstate_limits lim = {
		.lpcr = kvmppc_get_lpcr(vcpu),
		.hfscr_permitted = vcpu->arch.hfscr_permitted,
		.pcr = vcpu->arch.vcore->pcr,
		.nr_tokens = NR_CPUS,
	};
	int err;

	run->l1_msr = __kvmppc_get_msr_hv(vcpu);
	run->order = kvmppc_need_byteswap(vcpu) ? NSTATE_SWAPPED :
						  NSTATE_NATIVE;
	kvm_vcpu_srcu_read_lock(vcpu);
	err = nrun_copy_in(vcpu, run);
	kvm_vcpu_srcu_read_unlock(vcpu);
	if (err)
		return err;

	nstate_import(&run->wire, run->size, run->order, &run->hv);
	nstate_swap_regs(&run->regs, run->order);
	run->hfscr_wanted = run->hv.hfscr;
	err = nstate_sanitise(&run->hv, &run->regs, &lim);
	if (!err && nstate_check_tm(run->l1_msr, run->regs.msr) == NSTATE_TM_BAD)
		err = -EBADE;
	return err;
}

/* Its own twin. DEC is kept as a point in the time of the level loaded. */
static void nrun_shift_tb(struct kvm_vcpu *vcpu, u64 by)
{
	kvmppc_set_tb_offset(vcpu, kvmppc_get_tb_offset(vcpu) + by);
	kvmppc_set_dec_expires(vcpu, kvmppc_get_dec_expires(vcpu) + by);
}

/* What L2 uses, L1 uses: keep L1's counters relative to L2's meanwhile. */
static void nrun_load_counters(struct kvm_vcpu *vcpu, struct nrun *run)
{
	vcpu->arch.purr -= run->hv.purr;
	vcpu->arch.spurr -= run->hv.spurr;
	vcpu->arch.ic -= run->hv.ic;
	vcpu->arch.vcore->vtb -= run->hv.vtb;
}

static void nrun_store_counters(struct kvm_vcpu *vcpu, struct nrun *run)
{
	vcpu->arch.vcore->vtb += run->hv.vtb;
	vcpu->arch.ic += run->hv.ic;
	vcpu->arch.spurr += run->hv.spurr;
	vcpu->arch.purr += run->hv.purr;
}

/* Its own twin. API v2, for which accessors mark changes, nests nothing. */
static void nrun_swap_sprs(struct kvm_vcpu *vcpu, struct hv_guest_state *hv)
{
	struct kvm_vcpu_arch *arch = &vcpu->arch;

	swap(arch->vcore->pcr, hv->pcr);
	swap(arch->vcore->vtb, hv->vtb);
	swap(arch->hfscr, hv->hfscr);
	swap(arch->dawr0, hv->dawr0);
	swap(arch->dawrx0, hv->dawrx0);
	swap(arch->dawr1, hv->dawr1);
	swap(arch->dawrx1, hv->dawrx1);
	swap(arch->ciabr, hv->ciabr);
	swap(arch->purr, hv->purr);
	swap(arch->spurr, hv->spurr);
	swap(arch->ic, hv->ic);
	swap(arch->shregs.srr0, hv->srr0);
	swap(arch->shregs.srr1, hv->srr1);
	swap(arch->shregs.sprg0, hv->sprg[0]);
	swap(arch->shregs.sprg1, hv->sprg[1]);
	swap(arch->shregs.sprg2, hv->sprg[2]);
	swap(arch->shregs.sprg3, hv->sprg[3]);
	swap(arch->pid, hv->pidr);
	swap(arch->cfar, hv->cfar);
	swap(arch->ppr, hv->ppr);
}

/* Its own twin. Past ccr, nothing in pt_regs is a register of the guest. */
static void nrun_swap_regs(struct kvm_vcpu *vcpu, struct nrun *run)
{
	const unsigned int n = offsetofend(struct pt_regs, ccr) / sizeof(long);
	unsigned long *loaded = (unsigned long *)&vcpu->arch.regs;
	unsigned long *other = (unsigned long *)&run->regs;
	unsigned int i;

	/* On every entry, twice: worth the few bytes of text. */
#pragma GCC unroll 13
	for (i = 0; i < n; i++)
		swap(loaded[i], other[i]);
}

static void nrun_load_regs(struct kvm_vcpu *vcpu, struct nrun *run)
{
	nrun_swap_regs(vcpu, run);
	__kvmppc_set_msr_hv(vcpu, vcpu->arch.regs.msr);
}

/* A transaction of L2 is still there in L1, where it counts as suspended. */
static void nrun_store_regs(struct kvm_vcpu *vcpu, struct nrun *run)
{
	u64 l1_msr = run->l1_msr & ~MSR_TS_MASK;

	vcpu->arch.regs.msr = __kvmppc_get_msr_hv(vcpu);
	if (vcpu->arch.regs.msr & MSR_TS_MASK)
		l1_msr |= MSR_TS_S;
	nrun_swap_regs(vcpu, run);
	__kvmppc_set_msr_hv(vcpu, l1_msr);
}

/* X1 and X3. The XIVE interrupt looks at nested to see whether to kick. */
static void nrun_load_level(struct kvm_vcpu *vcpu, const struct nrun *run,
			    struct kvm_nested_guest *ng)
{
	vcpu->arch.nested_hfscr = run->hfscr_wanted;
	vcpu->arch.nested_vcpu_id = run->hv.vcpu_token % KVM_NESTED_TOKEN_SLOTS;
	vcpu->arch.nested_doorbell = run->hv.dpdes & 1;
	WRITE_ONCE(vcpu->arch.nested, ng);
}

static void nrun_store_level(struct kvm_vcpu *vcpu, struct nrun *run)
{
	WRITE_ONCE(vcpu->arch.nested, NULL);
	run->hv.dpdes = vcpu->arch.nested_doorbell;
}

/* Tell L1 why L2 stopped. An MMIO that L0 completes looks like no reason. */
static void nrun_report(struct kvm_vcpu *vcpu, struct nrun *run)
{
	u64 cause = run->hv.hfscr & HFSCR_INTR_CAUSE;

	run->hv.hfscr = run->hfscr_wanted;
	switch (vcpu->mmio_needed ? 0 : vcpu->arch.trap) {
	case BOOK3S_INTERRUPT_H_DATA_STORAGE:
		run->hv.hdar = vcpu->arch.fault_dar;
		run->hv.hdsisr = vcpu->arch.fault_dsisr;
		fallthrough;
	case BOOK3S_INTERRUPT_H_INST_STORAGE:
		run->hv.asdr = vcpu->arch.fault_gpa;
		break;
	case BOOK3S_INTERRUPT_H_EMUL_ASSIST:
		run->hv.heir = vcpu->arch.emul_inst;
		break;
	case BOOK3S_INTERRUPT_H_FAC_UNAVAIL:
		run->hv.hfscr = (run->hfscr_wanted & ~HFSCR_INTR_CAUSE) | cause;
		break;
	}
}

static int nrun_loop(struct kvm_vcpu *vcpu, struct kvm_nested_guest *ng,
		     u32 token, u64 limit, unsigned long lpcr)
{
	int r;

	do {
		if (READ_ONCE(ng->dead)) {
			vcpu->arch.trap = 0;
			return RESUME_HOST;
		}
		/* Slots have no owner up there: nobody marks the CPU left. */
		if (token >= KVM_NESTED_TOKEN_SLOTS)
			cpumask_setall(&ng->need_tlb_flush);
		r = kvmhv_run_single_vcpu(vcpu, limit, lpcr);
	} while (is_kvmppc_resume_guest(r));
	return r;
}

/**
 * nrun_execute() - run L2 until something is for L1 or for user space
 * @vcpu: vCPU with L1 loaded, before and after
 * @run: as nrun_fetch() filled it; becomes what L2 left
 * @ng: guest to run; the caller holds a reference
 *
 * Context: Process context, may sleep; kvm->srcu not held through @vcpu.
 * Return: the last result of kvmhv_run_single_vcpu(), with the reason for L1 in
 * vcpu->arch.trap; RESUME_HOST and trap 0 if @ng died.
 */
int nrun_execute(struct kvm_vcpu *vcpu, struct nrun *run,
		 struct kvm_nested_guest *ng)
{
	u64 limit = run->hv.hdec_expiry - kvmppc_get_tb_offset(vcpu);
	unsigned long lpcr = kvmppc_filter_lpcr_hv(vcpu->kvm, run->hv.lpcr);
	int r;

	nrun_shift_tb(vcpu, run->hv.tb_offset);
	nrun_load_counters(vcpu, run);
	nrun_swap_sprs(vcpu, &run->hv);
	nrun_load_regs(vcpu, run);
	nrun_load_level(vcpu, run, ng);

	r = nrun_loop(vcpu, ng, run->hv.vcpu_token, limit, lpcr);

	nrun_store_level(vcpu, run);
	nrun_store_regs(vcpu, run);
	nrun_swap_sprs(vcpu, &run->hv);
	nrun_store_counters(vcpu, run);
	nrun_shift_tb(vcpu, -(u64)run->hv.tb_offset);
	nrun_report(vcpu, run);
	return r;
}

/**
 * nrun_deliver() - write L2 state back to L1
 * @vcpu: vCPU with L1 loaded
 * @run: after nrun_execute(); wire and regs become L1's byte order
 *
 * Context: Process context, may sleep; kvm->srcu not held through @vcpu.
 * Return: 0, or -EFAULT if L1's memory went away while L2 ran.
 */
int nrun_deliver(struct kvm_vcpu *vcpu, struct nrun *run)
{
	int err;

	nstate_export(&run->hv, run->size, run->order, &run->wire);
	nstate_swap_regs(&run->regs, run->order);

	kvm_vcpu_srcu_read_lock(vcpu);
	err = kvm_vcpu_write_guest(vcpu, run->state_gpa, &run->wire,
				   run->size) ?:
	      kvm_vcpu_write_guest(vcpu, run->regs_gpa, &run->regs,
				   sizeof(run->regs));
	kvm_vcpu_srcu_read_unlock(vcpu);
	return err;
}

/**
 * nrun_redirect_mmio() - send the result of L2's MMIO load to L1's buffer
 * @vcpu: vCPU with L1 loaded, and an MMIO of L2 that user space completes
 * @run: for the address of L1's pt_regs
 *
 * The levels share FP and vector registers. In any case trap becomes 0, for
 * which L1 enters L2 again.
 */
void nrun_redirect_mmio(struct kvm_vcpu *vcpu, const struct nrun *run)
{
	u16 reg = vcpu->arch.io_gpr;

	vcpu->arch.trap = 0;
	if (vcpu->mmio_is_write ||
	    (reg & KVM_MMIO_REG_EXT_MASK) != KVM_MMIO_REG_GPR)
		return;
	vcpu->arch.nested_io_gpr = run->regs_gpa +
				   offsetof(struct pt_regs, gpr[reg]);
	vcpu->arch.io_gpr = KVM_MMIO_REG_NESTED_GPR;
}
