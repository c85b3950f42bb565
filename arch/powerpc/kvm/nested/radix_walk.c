// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks over the leaves of a memslot in the VM's own tree: zap, write-protect, age,
 * ask for age. The reverse map does the same to the shadow leaves over each frame
 * in the same critical section, and remembers where it stopped.
 */
#include <linux/kvm_host.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "radix_walk.h"

static gfn_t radix_addr_to_index(const struct kvm_memory_slot *slot, u64 addr)
{
	return gpa_to_gfn(addr) - slot->base_gfn;
}

static void radix_note_dirty(const struct kvm_memory_slot *slot, u64 addr,
			     unsigned int shift, unsigned long *map)
{
	gfn_t i = radix_addr_to_index(slot, addr);
	gfn_t end = i + BIT(shift - PAGE_SHIFT);

	for (; i < end; i++) {
		if (i < slot->npages)
			set_dirty_bits(map, i, 1);
	}
}

static void radix_dirty(struct nrmap_walk *w, u64 addr, unsigned int shift)
{
	struct radix_walk *walk = container_of(w, struct radix_walk, w);

	if (walk->map)
		radix_note_dirty(walk->slot, addr, shift, walk->map);
	else if (walk->slot->dirty_bitmap)
		kvmppc_update_dirty_map(walk->slot, gpa_to_gfn(addr),
					BIT(shift));
}

/**
 * radix_walk_begin() - begin a walk
 * @walk: defined afterwards
 * @kvm: the VM
 * @slot: its memslot
 * @op: what is done to the leaves and to the shadow leaves over their frames
 * @start: first frame of the memslot
 * @end: first frame after them
 *
 * Context: Any context.
 */
void radix_walk_begin(struct radix_walk *walk, struct kvm *kvm,
		      const struct kvm_memory_slot *slot, enum nrmap_op op,
		      gfn_t start, gfn_t end)
{
	*walk = (struct radix_walk){
		.kvm = kvm, .slot = slot,
		.w = {
			.slot.start = gfn_to_gpa(slot->base_gfn),
			.slot.last = gfn_to_gpa(slot->base_gfn +
						slot->npages) - 1,
			.slot.shift = PAGE_SHIFT,
			.op = op,
			.addr = gfn_to_gpa(start),
			.last = gfn_to_gpa(end) - 1,
			.dirty = radix_dirty,
			.flush_aged = kvmhv_on_pseries(),
		},
	};
}

/**
 * radix_walk_step() - the part of a walk that one critical section allows
 * @walk: the walk, which goes on in the next step where this one stopped
 *
 * What goes is flushed when this returns. Without a container for nested guests,
 * as after a switch to HPT, the words of the memslot are no heads of shadow leaves.
 *
 * Context: mmu_lock held.
 * Return: true if something is left.
 */
bool radix_walk_step(struct radix_walk *walk)
{
	struct kvm *kvm = walk->kvm;
	struct pst_gather g;
	bool more;

	lockdep_assert_held(&kvm->mmu_lock);
	if (!kvm->arch.pst)
		return false;
	pst_gather_init(&g);
	walk->w.g = &g;
	walk->w.slot.heads = kvm->arch.nested_vm ? walk->slot->arch.rmap : NULL;
	more = nrmap_step(kvm->arch.pst, &walk->w, NRMAP_BUDGET);
	pst_gather_flush(&g);
	radix_update_stats(kvm);
	return more;
}

/**
 * radix_update_stats() - say how many large leaves a VM has
 * @kvm: the VM, with a tree
 *
 * Context: mmu_lock held.
 */
void radix_update_stats(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->mmu_lock);
	kvm->stat.num_2M_pages = kvm->arch.pst->nr_leaves[1];
	kvm->stat.num_1G_pages = kvm->arch.pst->nr_leaves[2];
}
