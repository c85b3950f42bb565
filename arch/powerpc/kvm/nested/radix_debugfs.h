/* SPDX-License-Identifier: GPL-2.0-only */
/* debugfs: the trees of a VM. */
#ifndef _KVM_NESTED_RADIX_DEBUGFS_H
#define _KVM_NESTED_RADIX_DEBUGFS_H

struct kvm;

void radix_debugfs_init(struct kvm *kvm);

#endif /* _KVM_NESTED_RADIX_DEBUGFS_H */
