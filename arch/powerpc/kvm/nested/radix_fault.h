/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages of L1 come into its own tree. */
#ifndef _KVM_NESTED_RADIX_FAULT_H
#define _KVM_NESTED_RADIX_FAULT_H

#include <linux/kvm_host.h>

#include "pst.h"

/**
 * enum radix_access - what the leaf of L1 has to allow
 * @RADIX_READ: loads and fetches
 * @RADIX_WRITE: stores: W and C
 */
enum radix_access {
	RADIX_READ,
	RADIX_WRITE,
};

/* Memory of the trees of VMs themselves; shadow trees are counted by VM. */
extern struct pst_account radix_account;

bool radix_use_leaf(struct kvm *kvm, u64 gpa, enum radix_access access,
		    struct pst_pos *pos);
int __must_check radix_fault_in(struct kvm *kvm, struct kvm_memory_slot *slot,
				u64 gpa, enum radix_access access);

#endif /* _KVM_NESTED_RADIX_FAULT_H */
