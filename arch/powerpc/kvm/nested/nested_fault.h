/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults of L2. */
#ifndef _KVM_NESTED_NESTED_FAULT_H
#define _KVM_NESTED_NESTED_FAULT_H

#include <linux/kvm_host.h>

unsigned long nflt_read_real(struct kvm_vcpu *vcpu, u64 ngpa, void *to,
			     unsigned long n);
void nflt_replay(struct kvm_vcpu *vcpu, struct kvm_nested_guest *ng);

#endif /* _KVM_NESTED_NESTED_FAULT_H */
