/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the glue files of nested KVM-HV offer each other.
 *
 * Pure files do not include this. Errors are -errno or an enum named here;
 * H_* codes are said in book3s_hv_nested.c only, RESUME_* codes only by the
 * two page-fault entry points.
 *
 * Lock order: vcpu->mutex, kvm->srcu (read), ng->pate_mutex, kvm->mmu_lock.
 */
#ifndef _BOOK3S_HV_NESTED_H
#define _BOOK3S_HV_NESTED_H

#include <linux/kvm_host.h>
#include <linux/xarray.h>

#include "book3s_hv_pure.h"
#include "book3s_hv_nstate.h"
#include "book3s_hv_ninv.h"

/* --- book3s_hv_nested_run.c: register state of L1 and L2 on one vCPU --- */

/**
 * struct nrun - one H_ENTER_NESTED
 * @state_gpa: L1 real address of hv_guest_state
 * @regs_gpa: L1 real address of pt_regs
 * @size: bytes of hv_guest_state in the version L1 passed
 * @order: byte order of L1
 * @hv: L2's hypervisor-privileged state, native and sanitised
 * @regs: L2's registers, native and sanitised
 * @hfscr_wanted: HFSCR as L1 asked for it, before sanitising
 * @l1_hv: L1's own values of what @hv replaces
 * @l1_regs: L1's own registers
 * @l1_msr: L1's MSR
 */
struct nrun {
	gpa_t state_gpa;
	gpa_t regs_gpa;
	int size;
	enum nstate_order order;
	struct hv_guest_state hv;
	struct pt_regs regs;
	u64 hfscr_wanted;
	struct hv_guest_state l1_hv;
	struct pt_regs l1_regs;
	u64 l1_msr;
};

int __must_check nrun_fetch(struct kvm_vcpu *vcpu, struct nrun *run);
int nrun_execute(struct kvm_vcpu *vcpu, struct nrun *run,
		 struct kvm_nested_guest *ng);
int __must_check nrun_deliver(struct kvm_vcpu *vcpu, struct nrun *run);
void nrun_redirect_mmio(struct kvm_vcpu *vcpu, const struct nrun *run);

/* --- book3s_hv_nestedv1.c: this host as a guest of another --- */

void kvmhv_nestedv1_set_entry(u64 lpid, u64 dw0, u64 dw1);

/* --- book3s_hv_quadrant.c: guest effective addresses --- */

unsigned long quadrant_copy_from(u64 lpid, u32 pid, gva_t eaddr, void *to,
				 unsigned long n);
unsigned long quadrant_copy_to(u64 lpid, u32 pid, gva_t eaddr, void *from,
			       unsigned long n);

#endif /* _BOOK3S_HV_NESTED_H */
