/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers of L1 and L2 on one vCPU. */
#ifndef _KVM_NESTED_NESTED_RUN_H
#define _KVM_NESTED_NESTED_RUN_H

#include <linux/kvm_host.h>

#include "nested_vm.h"

int __must_check nrun_fetch(struct kvm_vcpu *vcpu, struct nrun *run);
int nrun_execute(struct kvm_vcpu *vcpu, struct nrun *run,
		 struct kvm_nested_guest *ng);
int __must_check nrun_deliver(struct kvm_vcpu *vcpu, struct nrun *run);
int __must_check nrun_settle(struct kvm_vcpu *vcpu, struct nrun *run);
void nrun_redirect_mmio(struct kvm_vcpu *vcpu, struct nrun *run);

#endif /* _KVM_NESTED_NESTED_RUN_H */
