/* SPDX-License-Identifier: GPL-2.0-only */
/* What L1 has changed. */
#ifndef _KVM_NESTED_NESTED_INVAL_H
#define _KVM_NESTED_NESTED_INVAL_H

#include <linux/kvm_host.h>

#include "ninv.h"

void nmmu_invalidate(struct kvm *kvm, const struct ninv *inv);

#endif /* _KVM_NESTED_NESTED_INVAL_H */
