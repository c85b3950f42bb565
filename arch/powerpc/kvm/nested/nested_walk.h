/* SPDX-License-Identifier: GPL-2.0-only */
/* L1's tree for one of its guests. */
#ifndef _KVM_NESTED_NESTED_WALK_H
#define _KVM_NESTED_NESTED_WALK_H

#include <linux/kvm_host.h>

#include "gwalk.h"
#include "nested_vm.h"

/**
 * struct nmmu_reader - what a walk of L1's tables reads
 * @kvm: VM of L1
 * @known: tables that the vCPU remembers, or NULL
 * @ng: guest whose tree it is, for @known
 * @seq: its inval_seq before the walk, for @known
 * @err: why an entry could not be read, as nmem_read(), or 0
 * @at: where the line is, under mmu_lock
 * @line: the line that the last entry read stands in
 */
struct nmmu_reader {
	struct kvm *kvm;
	struct nmmu_known *known;
	const struct kvm_nested_guest *ng;
	u64 seq;
	int err;
	const __be64 *at;
	__be64 line[RPT_LINE];
};

void nmmu_walk_l1(struct nmmu_reader *reader, u64 root, u64 ngpa,
		  struct gwalk_result *res);
bool nmmu_look_l1(struct kvm *kvm, u64 root, u64 ngpa,
		  struct gwalk_result *res);

#endif /* _KVM_NESTED_NESTED_WALK_H */
