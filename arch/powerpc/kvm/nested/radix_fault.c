// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault one page of a VM into its own tree.
 *
 * The page is looked up in the page table of the VMM under mmu_lock, after the
 * notifier's sequence was read; nothing refers to it afterwards but the leaf, which
 * the notifier takes away. What another leaf is in the way of goes first, with the
 * shadow leaves over it.
 */
#include <linux/kvm_host.h>
#include <linux/pgtable.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>
#include <asm/pte-walk.h>

#include "nmem.h"
#include "radix_fault.h"
#include "radix_walk.h"

/* Attempts to map a page before the guest runs again to fault anew. */
#define RADIX_ATTEMPTS		8

/* The first one looks at what is there, the others have faulted it in. */
#define RADIX_TOUCHES		3

struct pst_account radix_account;

/**
 * struct radix_fault - one page of a VM on its way into the tree
 * @kvm: the VM
 * @slot: memslot of the page
 * @gpa: guest real address of the access
 * @access: what the leaf has to allow
 * @hva: host virtual address of it
 * @mmu_seq: of the notifier, before the page was looked up
 * @ptep: the host's entry for the page, valid under mmu_lock
 * @leaf: result
 */
struct radix_fault {
	struct kvm *kvm;
	struct kvm_memory_slot *slot;
	u64 gpa;
	enum radix_access access;
	unsigned long hva;
	unsigned long mmu_seq;
	const pte_t *ptep;
	struct pst_leaf leaf;
};

/*
 * Is the host about to take one of these pages away? It calls the notifier first,
 * and until it ends its own entry for the page may still be there. The recheck
 * (mmu_invalidate_retry_gfn()) is of the page that faulted alone.
 */
static bool radix_is_going(const struct kvm *kvm, gfn_t first, gfn_t end)
{
	lockdep_assert_held(&kvm->mmu_lock);
	return kvm->mmu_invalidate_in_progress &&
	       first < kvm->mmu_invalidate_range_end &&
	       end > kvm->mmu_invalidate_range_start;
}

static bool radix_shift_fits(const struct radix_fault *f, unsigned int shift)
{
	u64 mask = BIT_ULL(shift) - 1;
	gfn_t first = (f->gpa & ~mask) >> PAGE_SHIFT;
	gfn_t end = first + BIT(shift - PAGE_SHIFT);

	return !((f->gpa ^ f->hva) & mask) && first >= f->slot->base_gfn &&
	       end <= f->slot->base_gfn + f->slot->npages &&
	       !radix_is_going(f->kvm, first, end);
}

/* The largest leaf that host mapping, memslot and dirty log allow. */
static unsigned int radix_leaf_shift(const struct radix_fault *f,
				     unsigned int host_shift)
{
	if (f->slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
		return PAGE_SHIFT;
	if (host_shift >= RPT_SHIFT_1G && radix_shift_fits(f, RPT_SHIFT_1G))
		return RPT_SHIFT_1G;
	if (host_shift >= RPT_SHIFT_2M && radix_shift_fits(f, RPT_SHIFT_2M))
		return RPT_SHIFT_2M;
	return PAGE_SHIFT;
}

/* One without R is present too, if the VMM or NUMA balancing wants a fault. */
static bool radix_host_allows(pte_t pte, enum radix_access access)
{
	if (!pte_present(pte) || !pte_young(pte) || !pte_read(pte))
		return false;
	return access == RADIX_READ || (pte_write(pte) && pte_dirty(pte));
}

/*
 * The attributes that a host entry gives. W only if the entry is dirty already,
 * for nobody is told of the store; and then C with it, which saves a fault, but
 * a page that is only read is not dirty to a log.
 */
static u64 radix_host_attrs(const struct radix_fault *f, pte_t pte,
			    enum radix_access access)
{
	u64 attrs = (pte_val(pte) & (RPT_R | RPT_ATT)) | RPT_X | RPT_REF;

	if (!pte_write(pte) || !pte_dirty(pte))
		return attrs;
	attrs |= RPT_R | RPT_W;
	if (access == RADIX_WRITE ||
	    !(f->slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		attrs |= RPT_CHG;
	return attrs;
}

/*
 * From the host's own entry for the page, as it is under mmu_lock; -ENOENT if
 * that does not allow the access.
 */
static int radix_compose(struct radix_fault *f)
{
	unsigned int host_shift = 0;
	pte_t pte;
	u64 offset;

	if (mmu_invalidate_retry_gfn(f->kvm, f->mmu_seq, gpa_to_gfn(f->gpa)))
		return -EAGAIN;
	f->ptep = find_linux_pte(f->kvm->mm->pgd, f->hva, NULL, &host_shift);
	if (!f->ptep)
		return -ENOENT;
	pte = READ_ONCE(*f->ptep);
	if (!radix_host_allows(pte, f->access))
		return -ENOENT;

	if (host_shift)
		f->ptep = NULL;
	f->leaf.shift = radix_leaf_shift(f, host_shift);
	offset = f->hva & (BIT_ULL(host_shift ?: PAGE_SHIFT) - 1);
	f->leaf.pa = ALIGN_DOWN(PFN_PHYS(pte_pfn(pte)) + offset,
				BIT_ULL(f->leaf.shift));
	f->leaf.attrs = radix_host_attrs(f, pte, f->access);
	return 0;
}

/* The leaf for a base page that the host has mapped and used. */
static bool radix_compose_neighbour(const struct radix_fault *f, pte_t pte,
				    struct pst_leaf *leaf)
{
	if (!radix_host_allows(pte, RADIX_READ) || pte_special(pte) ||
	    pte_devmap(pte))
		return false;
	leaf->shift = PAGE_SHIFT;
	leaf->pa = PFN_PHYS(pte_pfn(pte));
	leaf->attrs = radix_host_attrs(f, pte, RADIX_READ);
	return true;
}

static bool radix_is_mapped(const struct pst_pos *pos, int distance)
{
	unsigned int index = pos->index + distance;

	return index < BIT(pos->table->bits) &&
	       rpt_is_valid(rpt_load(&pos->table->pte[index]));
}

/*
 * Pages that are read one after the other fault one after the other: when the
 * page beside this one is mapped, map those of the line, too. Host entries in
 * the same cache line are at hand, if addresses fit. As for the page itself, the
 * notifier covers them from here on, but only if it is at none of them now.
 */
static bool radix_around_is_wanted(const struct radix_fault *f,
				   struct pst_pos *pos)
{
	unsigned int at = (f->hva >> PAGE_SHIFT) % RPT_LINE;
	gfn_t first = gpa_to_gfn(f->gpa) - at;

	return f->access == RADIX_READ && f->ptep && !(first % RPT_LINE) &&
	       !(f->slot->flags & KVM_MEM_LOG_DIRTY_PAGES) &&
	       first >= f->slot->base_gfn &&
	       first + RPT_LINE <= f->slot->base_gfn + f->slot->npages &&
	       !radix_is_going(f->kvm, first, first + RPT_LINE) &&
	       pst_find_leaf(f->kvm->arch.pst, f->gpa, pos) &&
	       pos->table->shift == PAGE_SHIFT &&
	       (radix_is_mapped(pos, -1) || radix_is_mapped(pos, 1));
}

static void radix_map_around(const struct radix_fault *f)
{
	int at = (f->hva >> PAGE_SHIFT) % RPT_LINE;
	struct pst_leaf leaf;
	struct pst_pos pos;
	int i;

	if (!radix_around_is_wanted(f, &pos))
		return;
	for (pos.index -= at, i = 0; i < RPT_LINE; pos.index++, i++) {
		pos.pte = rpt_load(&pos.table->pte[pos.index]);
		if (!rpt_is_valid(pos.pte) &&
		    radix_compose_neighbour(f, READ_ONCE(f->ptep[i - at]), &leaf))
			pst_map_at(&pos, &leaf, NULL);
	}
}

/*
 * Another leaf or a table is where the new leaf belongs. One step: what is removed
 * is not met again, so any number of faults go on where the last one stopped.
 */
static void radix_unblock(struct radix_fault *f, struct pst_gather *g)
{
	u64 size = BIT_ULL(f->leaf.shift);
	gfn_t start = gpa_to_gfn(ALIGN_DOWN(f->gpa, size));
	struct radix_walk walk __uninitialized;

	radix_walk_begin(&walk, f->kvm, f->slot, NRMAP_ZAP, start,
			 start + gpa_to_gfn(size));
	/* Once without leaves: a directory that stays goes in a later step. */
	if (!radix_walk_step(&walk))
		pst_unblock(f->kvm->arch.pst, f->gpa, f->leaf.shift, g);
	pst_gather_flush(g);
}

/*
 * The host's page table is read without its locks. With interrupts off none of its
 * tables is freed meanwhile: that takes an interrupt on this CPU, or RCU.
 */
static int radix_try_map(struct radix_fault *f, struct pst_mem *mem,
			 enum pst_result *r)
{
	u64 addr;
	int err;

	guard(irqsave)();
	err = radix_compose(f);
	if (err)
		return err;
	addr = ALIGN_DOWN(f->gpa, BIT_ULL(f->leaf.shift));
	*r = pst_map(f->kvm->arch.pst, addr, &f->leaf, NULL, mem);
	if (*r == PST_MAPPED)
		radix_map_around(f);
	return 0;
}

static int radix_map(struct radix_fault *f, struct pst_mem *mem,
		     struct pst_gather *g)
{
	enum pst_result r;
	int err;

	if (!f->kvm->arch.pst)
		return -EAGAIN;
	err = radix_try_map(f, mem, &r);
	if (err)
		return err;
	switch (r) {
	case PST_NO_TABLE:
		return -ENOBUFS;
	case PST_BLOCKED:
		radix_unblock(f, g);
		return -EBUSY;
	case PST_BROKEN:
		return -EIO;
	case PST_MAPPED:
	case PST_WIDENED:
	case PST_SAME:
		break;
	}
	radix_update_stats(f->kvm);
	return 0;
}

/* -ENOBUFS: a table is missing; -EBUSY: room is being made. Both: again. */
static int radix_map_locked(struct radix_fault *f, struct pst_mem *mem)
{
	struct pst_gather g __uninitialized;
	int err;

	pst_batch_begin(&g, &f->kvm->mmu_lock);
	err = radix_map(f, mem, &g);
	pst_batch_end(&g, &f->kvm->mmu_lock);
	return err;
}

static int radix_map_page(struct radix_fault *f)
{
	struct pst_mem mem = { .kind = PST_HOST, .account = &radix_account };
	int err = -EAGAIN;
	unsigned int i;

	for (i = 0; i < RADIX_ATTEMPTS; i++) {
		err = radix_map_locked(f, &mem);
		if (err == -ENOBUFS)
			err = pst_mem_fill(&mem, f->leaf.shift) ?: -EBUSY;
		if (err != -EBUSY)
			break;
		cond_resched();
	}
	pst_mem_release(&mem);
	return err == -EBUSY ? -EAGAIN : err;
}

/* Have the host put the page where the access needs it. */
static int radix_touch(struct radix_fault *f)
{
	return nmem_fault_in(f->kvm->mm, f->hva,
			     f->access == RADIX_WRITE ? NMEM_WRITE : NMEM_READ);
}

/**
 * radix_fault_in() - map one page of a VM
 * @kvm: the VM
 * @slot: usable memslot of the page, writable if @access asks for it
 * @gpa: guest real address
 * @access: what the leaf has to allow
 *
 * What user space has mapped is taken from its page table; only what is not
 * there is faulted in. No page is referenced: the notifier keeps the leaf right.
 *
 * Context: Process context, may sleep for as long as user space likes; srcu is
 *	held, no lock is.
 * Return: 0 if the page is mapped; -EAGAIN if the host is changing it, or if a
 * signal came first: run the guest and see; -ENOMEM; -EFAULT if user space has no
 * page there, or if the address is above all trees; -EIO if the tree is broken.
 */
int radix_fault_in(struct kvm *kvm, struct kvm_memory_slot *slot, u64 gpa,
		   enum radix_access access)
{
	struct radix_fault f = { .kvm = kvm, .slot = slot, .gpa = gpa,
				 .access = access };
	unsigned int i;
	int err = -ENOENT;

	if (gpa > RPT_EA_LAST)
		return -EFAULT;
	f.hva = __gfn_to_hva_memslot(slot, gpa_to_gfn(gpa)) +
		offset_in_page(gpa);
	for (i = 0; i < RADIX_TOUCHES && err == -ENOENT; i++) {
		err = i ? radix_touch(&f) : 0;
		if (err)
			break;
		f.mmu_seq = kvm->mmu_invalidate_seq;
		/*
		 * The page is looked up after the number is read. Pairs with
		 * the smp_wmb() in kvm_mmu_invalidate_end().
		 */
		smp_rmb();
		err = radix_map_page(&f);
	}
	return err == -ENOENT || err == -EINTR ? -EAGAIN : err;
}

/**
 * radix_use_leaf() - the leaf over an address, as used by one more access
 * @kvm: the VM
 * @gpa: guest real address
 * @access: what the leaf has to allow; R, and C for a write, are set in it
 * @pos: the leaf as it is then, defined on success
 *
 * Context: mmu_lock held.
 * Return: false if there is no leaf or it is not permissive enough.
 */
bool radix_use_leaf(struct kvm *kvm, u64 gpa, enum radix_access access,
		    struct pst_pos *pos)
{
	u64 want = access == RADIX_WRITE ? RPT_REF | RPT_CHG : RPT_REF;

	if (!kvm->arch.pst || !pst_find_leaf(kvm->arch.pst, gpa, pos))
		return false;
	if (pst_is_blocked(pos->pte) ||
	    (access == RADIX_WRITE && !(pos->pte.val & RPT_W)))
		return false;
	if (want & ~pos->pte.val)
		pst_strengthen_leaf(pos, want);
	pos->pte.val |= want;
	return true;
}
