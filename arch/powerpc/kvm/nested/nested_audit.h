/* SPDX-License-Identifier: GPL-2.0-only */
/* debugfs: is the shadow state coherent. */
#ifndef _KVM_NESTED_NESTED_AUDIT_H
#define _KVM_NESTED_NESTED_AUDIT_H

struct kvm;

void naudit_debugfs_init(struct kvm *kvm);

#endif /* _KVM_NESTED_NESTED_AUDIT_H */
