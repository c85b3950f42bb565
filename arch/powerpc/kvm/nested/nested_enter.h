/* SPDX-License-Identifier: GPL-2.0-only */
/* The nested guest that a vCPU of L1 enters. */
#ifndef _KVM_NESTED_NESTED_ENTER_H
#define _KVM_NESTED_NESTED_ENTER_H

#include <linux/kvm_host.h>

#include "nested_vm.h"

int __must_check nguest_enter(struct kvm *kvm, struct nrun *run,
			      struct kvm_nested_guest **res);
void nguest_leave(struct nrun *run, struct kvm_nested_guest *ng);

#endif /* _KVM_NESTED_NESTED_ENTER_H */
