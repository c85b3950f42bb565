// SPDX-License-Identifier: GPL-2.0-only
/*
 * The words of a memslot, one for each frame: heads of the reverse map of a VM
 * that nests, or what an HPT keeps there.
 *
 * A VMM says how large a memslot is, and need not have any memory for it. So the
 * words are charged to its memory group like everything else that it makes the
 * kernel allocate, whenever that is: for memslots that are there when nesting is
 * enabled, and for those that come later. Without memory the VMM gets -ENOMEM;
 * nobody is killed for it (L15).
 *
 * Not here: what is in the words (nrmap).
 */
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

/**
 * kvmppc_alloc_rmap() - the words of one memslot, zeroed
 * @bytes: how much, SIZE_MAX for more than there can be
 *
 * Context: Process context, may sleep.
 * Return: what vfree() frees, or NULL without memory.
 */
void *kvmppc_alloc_rmap(size_t bytes)
{
	if (bytes >> PAGE_SHIFT > totalram_pages())
		return NULL;
	/* Gives up where the OOM killer would be next, of host and group. */
	return __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO |
				__GFP_RETRY_MAYFAIL | __GFP_NOWARN);
}

static int nheads_alloc(struct kvm *kvm, struct kvm_memory_slot *slot)
{
	unsigned long *heads;

	if (slot->arch.rmap)
		return 0;
	heads = kvmppc_alloc_rmap(array_size(slot->npages, sizeof(*heads)));
	if (!heads)
		return -ENOMEM;
	scoped_guard(spinlock, &kvm->mmu_lock)
		slot->arch.rmap = heads;
	return 0;
}

/* Of a VM that neither nests nor has an HPT: nobody looks at the words. */
static void nheads_free_all(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	unsigned long *heads;
	int bkt;

	kvm_for_each_memslot(slot, bkt, kvm_memslots(kvm)) {
		scoped_guard(spinlock, &kvm->mmu_lock) {
			heads = slot->arch.rmap;
			slot->arch.rmap = NULL;
		}
		vfree(heads);
	}
}

/**
 * kvmppc_alloc_rmaps() - give each memslot its word for each frame
 * @kvm: VM that starts to nest, or to use an HPT
 *
 * Without either a radix guest has no use for them. Memslots that are made
 * later get theirs when they are made.
 *
 * Context: Process context, may sleep; takes kvm->slots_lock.
 * Return: 0; or -ENOMEM, and nothing has changed.
 */
int kvmppc_alloc_rmaps(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	int bkt;

	guard(mutex)(&kvm->slots_lock);
	/* A VM that began with an HPT has them without the flag. */
	if (kvm->arch.has_rmaps)
		return 0;
	kvm_for_each_memslot(slot, bkt, kvm_memslots(kvm)) {
		if (!nheads_alloc(kvm, slot))
			continue;
		nheads_free_all(kvm);
		return -ENOMEM;
	}
	kvm->arch.has_rmaps = true;
	return 0;
}
