/* SPDX-License-Identifier: GPL-2.0-only */
/* Walks over the leaves of L1's own tree, and the shadow leaves with them. */
#ifndef _KVM_NESTED_RADIX_WALK_H
#define _KVM_NESTED_RADIX_WALK_H

#include <linux/kvm_host.h>

#include "nrmap.h"

/**
 * struct radix_walk - a walk over the leaves of a range of a memslot
 * @w: the walk as the reverse map sees it
 * @kvm: the VM
 * @slot: memslot of the range
 * @map: little-endian bitmap of the memslot that gets the pages that had C; NULL
 *	for its own dirty map, if it has one
 */
struct radix_walk {
	struct nrmap_walk w;
	struct kvm *kvm;
	const struct kvm_memory_slot *slot;
	unsigned long *map;
};

void radix_walk_begin(struct radix_walk *walk, struct kvm *kvm,
		      const struct kvm_memory_slot *slot, enum nrmap_op op,
		      gfn_t start, gfn_t end);
bool radix_walk_step(struct radix_walk *walk)
	__must_hold(&walk->kvm->mmu_lock);
void radix_update_stats(struct kvm *kvm) __must_hold(&kvm->mmu_lock);

#endif /* _KVM_NESTED_RADIX_WALK_H */
