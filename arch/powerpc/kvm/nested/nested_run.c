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

#include "../book3s_hv.h"
#include "nested_run.h"
#include "nested_vm.h"
#include "nmem.h"
#include "nstate.h"

/* --- L1's buffers ------------------------------------------------------- */

/*
 * L1 passes the same two buffers again and again. A buffer that was passed
 * twice is mapped for the kernel; as long as the mapping holds, a copy is a
 * copy. The notifier ends the mapping under gpc->lock, which is this vCPU's own.
 *
 * The mapping is writable, and kept by that lock while it is used.
 */

/**
 * struct nrun_access - an access to a buffer of L1
 * @buf: the buffer
 * @gpa: L1 real address
 * @len: bytes
 * @copy: makes it, with the buffer at @at
 * @writes: whether it writes
 */
struct nrun_access {
	struct nrun_buf *buf;
	gpa_t gpa;
	size_t len;
	void (*copy)(struct nrun *run, void *at);
	bool writes;
};

/* Return: false if the buffer is not mapped as a whole; nothing is done then. */
static __always_inline bool nrun_in_place(struct kvm_vcpu *vcpu,
					  struct nrun *run,
					  const struct nrun_access *a)
{
	struct gfn_to_pfn_cache *gpc = &a->buf->gpc;
	bool mapped;

	kvm_vcpu_srcu_read_lock(vcpu);
	read_lock(&gpc->lock);
	mapped = gpc->gpa == a->gpa && kvm_gpc_check(gpc, a->len);
	if (mapped)
		a->copy(run, gpc->khva);
	if (mapped && a->writes)
		kvm_gpc_mark_dirty_in_slot(gpc);
	read_unlock(&gpc->lock);
	kvm_vcpu_srcu_read_unlock(vcpu);
	return mapped;
}

/*
 * The host's entry for the page may be writable and clean: say that it is not,
 * or what is written here is lost when the page is swapped. Not for memory of a
 * device, which the cache would map cacheable, whatever user space has.
 */
static int nrun_activate(struct nrun_buf *buf, gpa_t gpa, size_t len)
{
	int err = kvm_gpc_activate(&buf->gpc, gpa, len);
	bool usable;

	if (err)
		return err;
	scoped_guard(read_lock, &buf->gpc.lock) {
		usable = buf->gpc.valid && pfn_valid(buf->gpc.pfn);
		if (usable)
			kvm_set_pfn_dirty(buf->gpc.pfn);
	}
	if (!usable)
		kvm_gpc_deactivate(&buf->gpc);
	return usable ? 0 : -EAGAIN;
}

/* Map for the next time. Failure is no error: the slow way always works. */
static void nrun_remember(struct kvm_vcpu *vcpu, struct nrun_buf *buf,
			  gpa_t gpa, size_t len)
{
	int err = 0;

	if (buf->last == gpa && !kvm_is_error_gpa(gpa) &&
	    offset_in_page(gpa) + len <= PAGE_SIZE) {
		kvm_vcpu_srcu_read_lock(vcpu);
		err = nrun_activate(buf, gpa, len);
		kvm_vcpu_srcu_read_unlock(vcpu);
	}
	buf->last = err ? INVALID_GPA : gpa;
}

/* X2. What user space has for reading only is found before L2 runs. */
static int nrun_read(struct kvm_vcpu *vcpu, gpa_t gpa, void *to, size_t len)
{
	return nmem_make_writable(vcpu->kvm, gpa, len) ?:
	       nmem_read(vcpu->kvm, gpa, to, len);
}

/* X2. In the version that L1 says; the first value of it is the one used. */
static int nrun_read_state(struct kvm_vcpu *vcpu, struct nrun *run)
{
	const size_t head = sizeof(run->wire.version);
	int err;

	err = nrun_read(vcpu, run->state_gpa, &run->wire, head);
	if (err)
		return err;
	run->size = nstate_version(run->wire.version, run->order);
	if (run->size < 0)
		return run->size;
	err = nrun_read(vcpu, run->state_gpa + head, (u8 *)&run->wire + head,
			run->size - head);
	if (err)
		return err;
	nstate_import(&run->wire, run->size, run->order, &run->hv);
	nrun_remember(vcpu, &run->state_buf, run->state_gpa,
		      sizeof(run->wire));
	return 0;
}

static void nrun_copy_state_in(struct nrun *run, void *at)
{
	const struct hv_guest_state *from = at;

	run->size = nstate_version(READ_ONCE(from->version), run->order);
	if (run->size > 0)
		nstate_import(from, run->size, run->order, &run->hv);
}

static int nrun_fetch_state(struct kvm_vcpu *vcpu, struct nrun *run)
{
	const struct nrun_access in = {
		&run->state_buf, run->state_gpa, sizeof(struct hv_guest_state),
		nrun_copy_state_in,
	};

	if (!nrun_in_place(vcpu, run, &in))
		return nrun_read_state(vcpu, run);
	return min(run->size, 0);
}

static void nrun_copy_state_out(struct nrun *run, void *at)
{
	nstate_export(&run->hv, run->size, run->order, at);
}

static int nrun_deliver_state(struct kvm_vcpu *vcpu, struct nrun *run)
{
	const struct nrun_access out = {
		&run->state_buf, run->state_gpa, sizeof(struct hv_guest_state),
		nrun_copy_state_out, .writes = true,
	};
	int err;

	if (nrun_in_place(vcpu, run, &out))
		return 0;
	err = nmem_read(vcpu->kvm, run->state_gpa, &run->wire, run->size);
	if (err)
		return err;
	nrun_copy_state_out(run, &run->wire);
	return nmem_write(vcpu->kvm, run->state_gpa, &run->wire, run->size);
}

/* Past ccr, nothing in pt_regs is a register of the guest. */
#define NRUN_REGS	(offsetofend(struct pt_regs, ccr) / sizeof(long))

static void nrun_copy_regs(void *to, const void *from)
{
	const unsigned long *src = from;
	unsigned long *dst = to;
	unsigned int i;

	/* Each word once; and a call of memcpy() costs more than this. */
#pragma GCC unroll 13
	for (i = 0; i < NRUN_REGS; i++)
		WRITE_ONCE(dst[i], READ_ONCE(src[i]));
}

static void nrun_copy_regs_in(struct nrun *run, void *at)
{
	nrun_copy_regs(&run->regs, at);
}

static int nrun_read_regs(struct kvm_vcpu *vcpu, struct nrun *run)
{
	int err = nrun_read(vcpu, run->regs_gpa, &run->regs,
			    sizeof(run->regs));

	if (!err)
		nrun_remember(vcpu, &run->regs_buf, run->regs_gpa,
			      sizeof(run->regs));
	return err;
}

static int nrun_fetch_regs(struct kvm_vcpu *vcpu, struct nrun *run)
{
	const struct nrun_access in = {
		&run->regs_buf, run->regs_gpa, sizeof(struct pt_regs),
		nrun_copy_regs_in,
	};
	int err = 0;

	if (!nrun_in_place(vcpu, run, &in))
		err = nrun_read_regs(vcpu, run);
	nstate_swap_regs(&run->regs, run->order);
	return err;
}

static void nrun_copy_regs_out(struct nrun *run, void *at)
{
	nrun_copy_regs(at, &run->regs);
}

static int nrun_deliver_regs(struct kvm_vcpu *vcpu, struct nrun *run)
{
	const struct nrun_access out = {
		&run->regs_buf, run->regs_gpa, sizeof(struct pt_regs),
		nrun_copy_regs_out, .writes = true,
	};

	if (nrun_in_place(vcpu, run, &out))
		return 0;
	return nmem_write(vcpu->kvm, run->regs_gpa, &run->regs,
			  NRUN_REGS * sizeof(long));
}

/* --- in and out --------------------------------------------------------- */

/**
 * nrun_fetch() - read and check what L1 passed to H_ENTER_NESTED
 * @vcpu: vCPU with L1 loaded; the caller refuses MSR[TS] = Transactional
 * @run: state_gpa and regs_gpa are set; the rest is filled
 *
 * Context: Process context, may sleep; kvm->srcu not held through @vcpu.
 * Return: 0; as nmem_read() if a buffer cannot be read or written, -EINVAL if a
 * value is refused, -EBADE if the transactional states of L1 and L2 do not fit.
 */
int nrun_fetch(struct kvm_vcpu *vcpu, struct nrun *run)
{
	const struct nstate_limits lim = {
		.lpcr = kvmppc_get_lpcr(vcpu),
		.hfscr_permitted = vcpu->arch.hfscr_permitted,
		.pcr = vcpu->arch.vcore->pcr,
		.nr_tokens = KVM_NESTED_TOKENS,
	};
	int err;

	run->l1_msr = __kvmppc_get_msr_hv(vcpu);
	run->order = kvmppc_need_byteswap(vcpu) ? NSTATE_SWAPPED :
						  NSTATE_NATIVE;
	run->owed = 0;
	err = nrun_fetch_state(vcpu, run) ?: nrun_fetch_regs(vcpu, run);
	if (err)
		return err;

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

/* Its own twin. */
static void nrun_swap_regs(struct kvm_vcpu *vcpu, struct nrun *run)
{
	unsigned long *loaded = (unsigned long *)&vcpu->arch.regs;
	unsigned long *other = (unsigned long *)&run->regs;
	unsigned int i;

	/* On every entry, twice: worth the few bytes of text. */
#pragma GCC unroll 13
	for (i = 0; i < NRUN_REGS; i++)
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
			    struct kvm_nested_guest *ng, unsigned long lpcr)
{
	vcpu->arch.nested_hfscr = run->hfscr_wanted;
	vcpu->arch.nested_lpcr = lpcr;
	vcpu->arch.nested_vcpu_id = run->hv.vcpu_token;
	vcpu->arch.nested_prev_cpu = run->prev_cpu;
	vcpu->arch.nested_doorbell = run->hv.dpdes & 1;
	WRITE_ONCE(vcpu->arch.nested, ng);
}

static void nrun_store_level(struct kvm_vcpu *vcpu, struct nrun *run)
{
	WRITE_ONCE(vcpu->arch.nested, NULL);
	run->hv.dpdes = vcpu->arch.nested_doorbell;
	vcpu->arch.nested_doorbell = 0;
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
		     u64 limit, unsigned long lpcr)
{
	int r;

	do {
		if (READ_ONCE(ng->dead)) {
			vcpu->arch.trap = 0;
			return RESUME_HOST;
		}
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
	u64 limit = nstate_time_limit(run->hv.hdec_expiry,
				      kvmppc_get_tb_offset(vcpu), mftb());
	unsigned long lpcr = kvmppc_filter_lpcr_hv(vcpu->kvm, run->hv.lpcr);
	int r;

	nrun_shift_tb(vcpu, run->hv.tb_offset);
	nrun_load_counters(vcpu, run);
	nrun_swap_sprs(vcpu, &run->hv);
	nrun_load_regs(vcpu, run);
	nrun_load_level(vcpu, run, ng, lpcr);

	r = nrun_loop(vcpu, ng, limit, lpcr);

	nrun_store_level(vcpu, run);
	nrun_store_regs(vcpu, run);
	nrun_swap_sprs(vcpu, &run->hv);
	nrun_store_counters(vcpu, run);
	nrun_shift_tb(vcpu, -(u64)run->hv.tb_offset);
	nrun_report(vcpu, run);
	return r;
}

static int nrun_deliver_load(struct kvm_vcpu *vcpu, struct nrun *run)
{
	u64 value = vcpu->arch.nested_io_gpr;

	/* As L1 entered: an interrupt may have changed its byte order since. */
	if (run->order == NSTATE_SWAPPED)
		value = swab64(value);
	return nmem_write(vcpu->kvm, run->load_gpa, &value, sizeof(value));
}

static int nrun_pay(struct kvm_vcpu *vcpu, struct nrun *run,
		    enum nrun_debt debt,
		    int (*deliver)(struct kvm_vcpu *vcpu, struct nrun *run))
{
	int err = run->owed & debt ? deliver(vcpu, run) : 0;

	if (!err)
		run->owed &= ~debt;
	return err;
}

/**
 * nrun_settle() - write to L1's memory what it is owed
 * @vcpu: vCPU with L1 loaded
 * @run: what is owed is in @run->owed
 *
 * The load comes last: it is newer than the register in pt_regs.
 *
 * Context: Process context, may sleep; kvm->srcu not held through @vcpu.
 * Return: 0 if nothing is owed any more; -EINTR if a signal came before a page:
 * to be called again before L1 runs; another errno of nmem_write() if L1's memory
 * is gone, in which case nothing is owed any more either.
 */
int nrun_settle(struct kvm_vcpu *vcpu, struct nrun *run)
{
	int err = nrun_pay(vcpu, run, NRUN_OWES_STATE, nrun_deliver_state) ?:
		  nrun_pay(vcpu, run, NRUN_OWES_REGS, nrun_deliver_regs) ?:
		  nrun_pay(vcpu, run, NRUN_OWES_LOAD, nrun_deliver_load);

	if (err && err != -EINTR)
		run->owed = 0;
	return err;
}

/**
 * nrun_deliver() - write L2 state back to L1
 * @vcpu: vCPU with L1 loaded
 * @run: after nrun_execute(); regs become L1's byte order
 *
 * Context: Process context, may sleep; kvm->srcu not held through @vcpu.
 * Return: as nrun_settle()
 */
int nrun_deliver(struct kvm_vcpu *vcpu, struct nrun *run)
{
	nstate_swap_regs(&run->regs, run->order);
	run->owed = NRUN_OWES_STATE | NRUN_OWES_REGS;
	return nrun_settle(vcpu, run);
}

/**
 * nrun_redirect_mmio() - send the result of L2's MMIO load to L1's buffer
 * @vcpu: vCPU with L1 loaded, and an MMIO of L2 that user space completes
 * @run: for the address of L1's pt_regs
 *
 * The result is in nested_io_gpr when user space is back, and owed until then.
 * The levels share FP and vector registers. In any case trap becomes 0, for
 * which L1 enters L2 again.
 */
void nrun_redirect_mmio(struct kvm_vcpu *vcpu, struct nrun *run)
{
	u16 reg = vcpu->arch.io_gpr;

	vcpu->arch.trap = 0;
	if (vcpu->mmio_is_write ||
	    (reg & KVM_MMIO_REG_EXT_MASK) != KVM_MMIO_REG_GPR)
		return;
	run->load_gpa = run->regs_gpa + offsetof(struct pt_regs, gpr[reg]);
	run->owed |= NRUN_OWES_LOAD;
	vcpu->arch.io_gpr = KVM_MMIO_REG_NESTED_GPR;
}
