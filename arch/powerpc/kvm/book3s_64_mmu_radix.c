// SPDX-License-Identifier: GPL-2.0-only
/*
 * The radix MMU of a VM: its own partition-scoped tree.
 *
 * Owns kvm->arch.pst and the root that kvm->arch.pgtable publishes, faults the
 * VM's pages in, and answers the MMU notifier, the dirty log and the memslot
 * code. A nested guest's shadow leaves are made from the leaves of this tree,
 * which gives the one rule that everything here follows:
 *
 *   Whatever removes a leaf of this tree or clears bits of it first does the same
 *   to the shadow leaves over its frames, in the same critical section.
 *
 * nrmap_step() is the function that does so, for the notifier, the dirty log, the
 * memslot code and faults alike. Nothing else takes a permission or C from a leaf;
 * ageing takes R, whose loss does no harm, and the whole tree goes when no vCPU
 * runs.
 *
 * A leaf with more shadow leaves than one critical section is allowed to remove
 * is blocked first (B1). It stays in the tree until they are gone, so that whoever
 * comes to it meanwhile, a fault included, finds it and goes on with it.
 *
 * The geometry is the host's: leaf tables of 64K or 4K pages as the kernel has.
 * Other code walks pgtable with the kernel's own helpers.
 *
 * Not here: shadow trees (nested_mmu, nested_guest), guest effective addresses
 * by quadrant (quadrant), debugfs (radix_debugfs).
 */
#include <kunit/static_stub.h>
#include <linux/kmemleak.h>
#include <linux/kvm_host.h>
#include <linux/pgtable.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_book3s_uvmem.h>
#include <asm/kvm_ppc.h>
#include <asm/pte-walk.h>
#include <asm/ultravisor.h>

#include "book3s_hv.h"
#include "nested/gwalk.h"
#include "nested/nfault.h"
#include "nested/nmem.h"
#include "nested/nrmap.h"
#include "nested/radix_fault.h"

/* Entries removed in one hold of mmu_lock from a tree that nobody uses. */
#define RADIX_CHUNK		512

/* Attempts to map a page before the guest runs again to fault anew. */
#define RADIX_ATTEMPTS		8

/* The first one looks at what is there, the others have faulted it in. */
#define RADIX_TOUCHES		3

static_assert(RPT_VALID == _PAGE_PRESENT && RPT_LEAF == _PAGE_PTE);
static_assert(RPT_R == _PAGE_READ && RPT_W == _PAGE_WRITE);
static_assert(RPT_X == _PAGE_EXEC && RPT_PRIV == _PAGE_PRIVILEGED);
static_assert(RPT_REF == _PAGE_ACCESSED && RPT_CHG == _PAGE_DIRTY);
static_assert(RPT_ATT == (_PAGE_NON_IDEMPOTENT | _PAGE_SAO));
static_assert(RPT_ROOT_BITS == RADIX_PGD_INDEX_SIZE);
static_assert(RPT_DIR_BITS == RADIX_PUD_INDEX_SIZE);
static_assert(RPT_DIR_BITS == RADIX_PMD_INDEX_SIZE);

/* --- memory for tables -------------------------------------------------- */

/*
 * Sizes that tables and their slots come in; the others are whole pages.
 */
static const struct radix_size {
	const char *name;
	size_t size;
} radix_sizes[] = {
	{ "kvm-pst-table", sizeof(struct pst_table) },
	{ "kvm-pst-pte64k", sizeof(__be64) << RPT_BITS_64K },
	{ "kvm-pst-pte", sizeof(__be64) << RPT_DIR_BITS },
	{ "kvm-pst-slot64k", sizeof(union pst_slot) << RPT_BITS_64K },
	{ "kvm-pst-slot", sizeof(union pst_slot) << RPT_DIR_BITS },
};

static_assert(ARRAY_SIZE(radix_sizes) <= PURE_MAX_CACHES);

/* Memory of the trees of VMs themselves; shadow trees are counted by VM. */
static struct pst_account radix_account;

/**
 * kvmppc_radix_exit() - free what kvmppc_radix_init() made
 *
 * Also called when that failed or never ran.
 */
void kvmppc_radix_exit(void)
{
	pure_drop_caches();
}

/**
 * kvmppc_radix_init() - make the caches for tables
 *
 * Return: 0 or -ENOMEM; nothing is left behind on error.
 */
int kvmppc_radix_init(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(radix_sizes) && !err; i++)
		err = pure_add_cache(radix_sizes[i].name, radix_sizes[i].size);
	if (err)
		kvmppc_radix_exit();
	return err;
}

/* --- the tree of a VM --------------------------------------------------- */

/**
 * kvmppc_init_vm_radix() - give a VM an empty tree
 * @kvm: VM without one
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int kvmppc_init_vm_radix(struct kvm *kvm)
{
	struct pst *pst = pst_create(&kvm->mmu_lock, PST_HOST, &radix_account);

	if (!pst)
		return -ENOMEM;
	pst->hlpid = make_hlpid(kvm->arch.lpid);
	kvm->arch.pgtable = (pgd_t *)pst->root->pte;
	scoped_guard(spinlock, pst->lock)
		kvm->arch.pst = pst;
	return 0;
}

/**
 * kvmppc_free_radix() - free the tree of a VM
 * @kvm: VM without running vCPUs; without a tree nothing happens
 *
 * Readers of debugfs and the dirty log find no tree from now on.
 *
 * Context: Process context, may sleep; mmu_lock is not held.
 */
void kvmppc_free_radix(struct kvm *kvm)
{
	struct pst *pst = kvm->arch.pst;
	LIST_HEAD(doomed);
	bool more = true;

	if (!pst)
		return;
	scoped_guard(spinlock, pst->lock) {
		kvm->arch.pst = NULL;
		pst_detach(pst);
		lpid_flush_tlb_pwc(pst->hlpid);
		pst_quiesce(pst);
	}
	/* The entry of this LPID is cleared or replaced by the caller. */
	WRITE_ONCE(kvm->arch.pgtable, NULL);

	while (more) {
		scoped_guard(spinlock, pst->lock)
			more = pst_drain_step(pst, RADIX_CHUNK, &doomed);
		pst_free_doomed(&doomed);
		cond_resched();
	}
	pst_destroy(pst);
	kvm->stat.num_2M_pages = 0;
	kvm->stat.num_1G_pages = 0;
}

static void radix_update_stats(struct kvm *kvm)
{
	kvm->stat.num_2M_pages = kvm->arch.pst->nr_leaves[1];
	kvm->stat.num_1G_pages = kvm->arch.pst->nr_leaves[2];
}

static bool radix_is_secure(const struct kvm *kvm)
{
	return kvm->arch.secure_guest & KVMPPC_SECURE_INIT_DONE;
}

/* --- change of a leaf --------------------------------------------------- */

static gfn_t radix_addr_to_index(const struct kvm_memory_slot *slot, u64 addr)
{
	return gpa_to_gfn(addr) - slot->base_gfn;
}

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

/* @start and @end are frames of the memslot, @end is the first one after them. */
static void radix_walk_begin(struct radix_walk *walk, struct kvm *kvm,
			     const struct kvm_memory_slot *slot,
			     enum nrmap_op op, gfn_t start, gfn_t end)
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

/*
 * The part of a walk that one critical section allows, flushed at its end; true
 * if something is left. Without a container for nested guests, as after a switch
 * to HPT, the words of the memslot are no heads of shadow leaves.
 */
static bool radix_walk_step(struct radix_walk *walk)
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

/*
 * For the notifier, whose caller holds mmu_lock: it is given up between two
 * critical sections. That needs no sleep, so it holds for ranges that may not
 * block too, and for ageing, which is asked for under a page-table lock.
 */
static void radix_walk_all(struct radix_walk *walk, bool may_block)
	__must_hold(&walk->kvm->mmu_lock)
{
	struct kvm *kvm = walk->kvm;

	while (radix_walk_step(walk)) {
		spin_unlock(&kvm->mmu_lock);
		if (may_block)
			cond_resched();
		else
			cpu_relax();
		spin_lock(&kvm->mmu_lock);
	}
}

/* --- fault a page in ---------------------------------------------------- */

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

	pst_gather_init(&g);
	spin_lock(&f->kvm->mmu_lock);
	err = radix_map(f, mem, &g);
	spin_unlock(&f->kvm->mmu_lock);
	pst_gather_free(&g);
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

/* --- page faults of the VM itself --------------------------------------- */

static int radix_inject(struct kvm_vcpu *vcpu, unsigned long ea, u32 dsisr)
{
	u64 prefixed = kvmppc_get_msr(vcpu) & SRR1_PREFIXED;

	if (vcpu->arch.trap == BOOK3S_INTERRUPT_H_INST_STORAGE)
		kvmppc_core_queue_inst_storage(vcpu, prefixed |
					       (dsisr & DSISR_SRR1_MATCH_64S));
	else
		kvmppc_core_queue_data_storage(vcpu, prefixed, ea, dsisr);
	return RESUME_GUEST;
}

static bool radix_set_rc(struct kvm *kvm, u64 gpa, enum radix_access access)
{
	struct pst_pos pos;
	bool done;

	scoped_guard(spinlock, &kvm->mmu_lock)
		done = radix_use_leaf(kvm, gpa, access, &pos);
	return done;
}

static int radix_no_memory(struct kvm_vcpu *vcpu, u64 gpa, unsigned long ea,
			   u32 dsisr)
{
	if (dsisr & (DSISR_PRTABLE_FAULT | DSISR_BADACCESS | DSISR_SET_RC))
		return radix_inject(vcpu, ea, dsisr);
	if (vcpu->arch.trap == BOOK3S_INTERRUPT_H_INST_STORAGE)
		return radix_inject(vcpu, ea, DSISR_NOEXEC_OR_G);
	return kvmppc_hv_emulate_mmio(vcpu, gpa, ea,
				      !!(dsisr & DSISR_ISSTORE));
}

static int radix_memory_fault(struct kvm_vcpu *vcpu,
			      struct kvm_memory_slot *slot, u64 gpa,
			      u32 dsisr)
{
	enum radix_access access = dsisr & DSISR_ISSTORE ? RADIX_WRITE :
							   RADIX_READ;
	u32 other = DSISR_BAD_FAULT_64S | DSISR_NOHPTE | DSISR_PROTFAULT;
	int err;

	if ((dsisr & DSISR_SET_RC) && radix_set_rc(vcpu->kvm, gpa, access) &&
	    !(dsisr & other))
		return RESUME_GUEST;
	err = radix_fault_in(vcpu->kvm, slot, gpa, access);
	if (err == -EFAULT)
		kvm_prepare_memory_fault_exit(vcpu, gpa & PAGE_MASK, PAGE_SIZE,
					      access == RADIX_WRITE, false,
					      false);
	return err == -EAGAIN ? RESUME_GUEST : err;
}

/**
 * kvmppc_book3s_radix_page_fault() - handle a page fault of a VM
 * @vcpu: vCPU with the VM's own state loaded
 * @ea: guest effective address
 * @dsisr: HDSISR, or the HSRR1 bits with DSISR_ISSTORE for a write
 *
 * Source: spec section 1.6.
 *
 * Context: Process context, may sleep; kvm->srcu is held, no lock is.
 * Return: RESUME_GUEST; RESUME_HOST for MMIO; -ENOMEM, or -EFAULT for a page
 * that user space does not have, with the exit reason set, or for a tree that
 * hardware refuses.
 */
int kvmppc_book3s_radix_page_fault(struct kvm_vcpu *vcpu, unsigned long ea,
				   unsigned long dsisr)
{
	u64 gpa = vcpu->arch.fault_gpa & NFAULT_ASDR_ADDR;
	struct kvm_memory_slot *slot;

	if (dsisr & DSISR_UNSUPP_MMU) {
		pr_err_ratelimited("KVM: Got unsupported MMU fault\n");
		return -EFAULT;
	}
	if (dsisr & DSISR_BADACCESS)
		return radix_inject(vcpu, ea, dsisr);
	if (!(dsisr & DSISR_PRTABLE_FAULT))
		gpa |= ea & GENMASK(11, 0);
	if (radix_is_secure(vcpu->kvm))
		return kvmppc_send_page_to_uv(vcpu->kvm, gpa_to_gfn(gpa));

	slot = gfn_to_memslot(vcpu->kvm, gpa_to_gfn(gpa));
	if (!kvm_is_visible_memslot(slot))
		return radix_no_memory(vcpu, gpa, ea, dsisr);
	return radix_memory_fault(vcpu, slot, gpa, dsisr);
}

/* --- MMU notifier ------------------------------------------------------- */

static void radix_unmap_secure(struct kvm *kvm, struct kvm_gfn_range *range)
{
	gfn_t gfn;

	for (gfn = range->start; gfn < range->end; gfn++)
		uv_page_inval(kvm->arch.lpid, gfn_to_gpa(gfn), PAGE_SHIFT);
}

/**
 * kvm_unmap_radix_range() - the host takes pages away
 * @kvm: the VM
 * @range: guest frames of one memslot; leaves that reach over them go whole
 *
 * Holes are skipped by their size, and what adjoins is flushed at once.
 *
 * Context: mmu_lock held; given up now and then if @range->may_block, which
 *	mmu_invalidate_in_progress makes safe: nothing is mapped meanwhile. When
 *	this returns no CPU can use the pages through the VM or through any of
 *	its nested guests.
 */
void kvm_unmap_radix_range(struct kvm *kvm, struct kvm_gfn_range *range)
{
	struct radix_walk walk __uninitialized;

	/* Leaves of the time before it was secure go all the same (I15). */
	if (radix_is_secure(kvm))
		radix_unmap_secure(kvm, range);
	radix_walk_begin(&walk, kvm, range->slot, NRMAP_ZAP, range->start,
			 range->end);
	radix_walk_all(&walk, range->may_block);
}

static bool radix_is_young(struct kvm *kvm, const struct kvm_memory_slot *slot,
			   enum nrmap_op op, gfn_t start, gfn_t end)
{
	struct radix_walk walk __uninitialized;

	if (radix_is_secure(kvm))
		return false;
	radix_walk_begin(&walk, kvm, slot, op, start, end);
	radix_walk_all(&walk, false);
	return walk.w.young;
}

/**
 * kvm_age_radix_range() - was one of some pages used since the last look
 * @kvm: the VM
 * @range: frames of one memslot
 *
 * Clears R in the leaves and in the shadow leaves over the frames, and asks each
 * once (L17). On bare metal nothing is flushed: losing an R does no harm. A parent
 * hypervisor keeps a translation until it is flushed, and R would never come back.
 * Of very many shadow leaves over one frame only the newest ones are asked; the
 * others count as old.
 *
 * Context: mmu_lock held; given up now and then.
 * Return: whether R was set in one of them.
 */
bool kvm_age_radix_range(struct kvm *kvm, struct kvm_gfn_range *range)
{
	return radix_is_young(kvm, range->slot, NRMAP_AGE, range->start,
			      range->end);
}

/**
 * kvm_test_age_radix() - was a page used since the last ageing
 * @kvm: the VM
 * @memslot: memslot of the page
 * @gfn: guest frame
 *
 * Context: mmu_lock held; given up now and then.
 * Return: whether R is set in the leaf or in a shadow leaf over the frame.
 */
bool kvm_test_age_radix(struct kvm *kvm, struct kvm_memory_slot *memslot,
			unsigned long gfn)
{
	return radix_is_young(kvm, memslot, NRMAP_TEST_AGE, gfn, gfn + 1);
}

/* --- walks over a memslot ----------------------------------------------- */

static void radix_walk_slot(struct kvm *kvm, const struct kvm_memory_slot *slot,
			    enum nrmap_op op, unsigned long *map)
{
	struct radix_walk walk __uninitialized;

	radix_walk_begin(&walk, kvm, slot, op, slot->base_gfn,
			 slot->base_gfn + slot->npages);
	walk.map = map;
	spin_lock(&kvm->mmu_lock);
	radix_walk_all(&walk, true);
	spin_unlock(&kvm->mmu_lock);
}

/**
 * kvmppc_hv_get_dirty_log_radix() - harvest and clear C over a memslot
 * @kvm: the VM
 * @memslot: memslot with a dirty log
 * @map: little-endian bitmap of it, zeroed by the caller
 *
 * The shadow leaves lose W and C with it, so the next store of an L2 is seen.
 *
 * Context: slots_lock held; mmu_lock is taken in chunks.
 * Return: 0.
 */
long kvmppc_hv_get_dirty_log_radix(struct kvm *kvm,
				   struct kvm_memory_slot *memslot,
				   unsigned long *map)
{
	if (!radix_is_secure(kvm))
		radix_walk_slot(kvm, memslot, NRMAP_WRITE_PROTECT, map);
	return 0;
}

/**
 * kvmppc_radix_flush_memslot() - remove all leaves of a memslot
 * @kvm: the VM
 * @memslot: memslot that goes, moves, or toggles its dirty log
 *
 * Shadow leaves over it go too, so that no head of it has a link (R4).
 *
 * Context: slots_lock held; mmu_lock is taken in chunks.
 */
void kvmppc_radix_flush_memslot(struct kvm *kvm,
				const struct kvm_memory_slot *memslot)
{
	if (kvm->arch.secure_guest & KVMPPC_SECURE_INIT_START)
		kvmppc_uvmem_drop_pages(memslot, kvm, true);
	/* A fault that has seen the old memslot fails its recheck from here. */
	scoped_guard(spinlock, &kvm->mmu_lock)
		kvm->mmu_invalidate_seq++;
	radix_walk_slot(kvm, memslot, NRMAP_ZAP, NULL);
}

/* --- process-scoped translation ----------------------------------------- */

static int radix_read_guest(void *vcpu, u64 addr, __be64 *entry)
{
	return nmem_read(((struct kvm_vcpu *)vcpu)->kvm, addr, entry,
			 sizeof(*entry));
}

static int radix_walk_process(struct kvm_vcpu *vcpu, u64 ea, u64 pid,
			      struct gwalk_result *res)
{
	const struct gwalk_reader rd = { .read = radix_read_guest,
					 .ctx = vcpu };
	__be64 root;
	u64 addr;

	if (gwalk_table_entry(vcpu->kvm->arch.process_table, pid, &addr))
		return -EINVAL;
	if (radix_read_guest(vcpu, addr, &root))
		return -EFAULT;
	gwalk_walk(&rd, be64_to_cpu(root), ea & RPT_EA_LAST, res);
	switch (res->cause) {
	case GWALK_LEAF:
		return 0;
	case GWALK_ABSENT:
		return -ENOENT;
	case GWALK_UNREADABLE:
		return -EFAULT;
	case GWALK_MALFORMED:
		break;
	}
	return -EINVAL;
}

/* Storage key 0 of a page that problem state may use, seen from above. */
static u64 radix_key0_mask(struct kvm_vcpu *vcpu)
{
	u64 amr = kvmppc_get_amr_hv(vcpu);
	u64 mask = 0;

	if (amr & BIT_ULL(62))
		mask |= RPT_R;
	if (amr & BIT_ULL(63))
		mask |= RPT_W;
	if (kvmppc_get_iamr_hv(vcpu) & BIT_ULL(62))
		mask |= RPT_X;
	return mask;
}

static u64 radix_process_rights(struct kvm_vcpu *vcpu, u64 pte)
{
	bool problem = kvmppc_get_msr(vcpu) & MSR_PR;

	if (pte & RPT_PRIV)
		return problem ? 0 : pte & RPT_PROT;
	if (problem)
		return pte & RPT_PROT;
	return pte & RPT_PROT & ~radix_key0_mask(vcpu);
}

/**
 * kvmppc_mmu_radix_xlate() - translate an effective address of a VM
 * @vcpu: vCPU with the VM's own state loaded
 * @eaddr: guest effective address, quadrant 0 or 3
 * @gpte: result
 * @data: unused: rights of all kinds are reported
 * @iswrite: unused
 *
 * Source: Power ISA, Book III, "Radix Tree Translation", "Virtual Page Class
 * Key Protection".
 *
 * Context: Process context, may sleep; the vCPU is loaded.
 * Return: 0; -ENOENT without translation; -EINVAL for a quadrant or a tree that
 * hardware would refuse; -EFAULT if a table cannot be read.
 */
int kvmppc_mmu_radix_xlate(struct kvm_vcpu *vcpu, gva_t eaddr,
			   struct kvmppc_pte *gpte, bool data, bool iswrite)
{
	unsigned int quadrant = eaddr >> 62;
	struct gwalk_result res;
	u64 rights, pid = 0;
	int err;

	if (quadrant == 1 || quadrant == 2)
		return -EINVAL;
	if (!quadrant)
		pid = kvmppc_get_pid(vcpu);
	kvm_vcpu_srcu_read_lock(vcpu);
	err = radix_walk_process(vcpu, eaddr, pid, &res);
	kvm_vcpu_srcu_read_unlock(vcpu);
	if (err)
		return err;

	rights = radix_process_rights(vcpu, res.pte.val);
	gpte->eaddr = eaddr;
	gpte->raddr = res.addr;
	gpte->may_read = rights & RPT_R;
	gpte->may_write = !!(rights & RPT_W);
	gpte->may_execute = rights & RPT_X;
	gpte->rc = res.pte.val & RPT_RC;
	gpte->page_shift = res.shift;
	gpte->page_size = shift_to_mmu_psize(res.shift);
	return 0;
}

/**
 * kvmhv_get_rmmu_info() - geometries and page sizes of the radix MMU
 * @kvm: unused
 * @info: result for user space, every byte is written
 *
 * Return: 0, or -EINVAL if the host does not use radix.
 */
int kvmhv_get_rmmu_info(struct kvm *kvm, struct kvm_ppc_rmmu_info *info)
{
	static const int sizes[] = { MMU_PAGE_4K, MMU_PAGE_64K, MMU_PAGE_2M,
				     MMU_PAGE_1G };
	unsigned int i, nr = 0;

	if (!radix_enabled())
		return -EINVAL;
	*info = (struct kvm_ppc_rmmu_info){
		.geometries = {
			{ .page_shift = RPT_SHIFT_4K,
			  .level_bits = { RPT_BITS_4K, RPT_DIR_BITS,
					  RPT_DIR_BITS, RPT_ROOT_BITS } },
			{ .page_shift = RPT_SHIFT_64K,
			  .level_bits = { RPT_BITS_64K, RPT_DIR_BITS,
					  RPT_DIR_BITS, RPT_ROOT_BITS } },
		},
	};
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct mmu_psize_def *def = &mmu_psize_defs[sizes[i]];

		if (def->shift)
			info->ap_encodings[nr++] = def->shift | def->ap << 29;
	}
	return 0;
}
