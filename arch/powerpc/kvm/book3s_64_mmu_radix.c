// SPDX-License-Identifier: GPL-2.0-only
/*
 * The radix MMU of a VM: its own partition-scoped tree.
 *
 * Owns kvm->arch.pst and the root that kvm->arch.pgtable publishes, faults the
 * VM's pages in, and answers the MMU notifier, the dirty log and the memslot
 * code. A nested guest's shadow leaves are made from the leaves of this tree,
 * which gives the one rule that everything here follows:
 *
 *   Whatever removes or weakens a leaf of this tree first does the same to the
 *   shadow leaves over its frames, in the same critical section.
 *
 * radix_zap() and radix_clean() are the functions that do so. Nothing else takes
 * a right or C from a leaf; ageing takes R, whose loss does no harm, and the whole
 * tree goes when no vCPU runs.
 *
 * The geometry is the host's: leaf tables of 64K or 4K pages as the kernel has.
 * Other code walks pgtable with the kernel's own helpers.
 *
 * Not here: shadow trees (nested_mmu, nested_guest), guest effective addresses
 * by quadrant (quadrant), debugfs (radix_debugfs).
 */
#include <linux/kmemleak.h>
#include <linux/kvm_host.h>
#include <linux/pgtable.h>
#include <linux/slab.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_book3s_uvmem.h>
#include <asm/kvm_ppc.h>
#include <asm/pte-walk.h>
#include <asm/ultravisor.h>

#include "book3s_hv.h"
#include "book3s_hv_nested.h"

/* Entries looked at in one hold of mmu_lock by walks over a whole memslot. */
#define RADIX_CHUNK		512

/* Attempts to map a page before the guest runs again to fault anew. */
#define RADIX_ATTEMPTS		8

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
 * Sizes that tables and their slots come in. Small and odd ones have a cache;
 * the others are whole pages.
 */
static struct radix_cache {
	const char *name;
	size_t size;
	struct kmem_cache *cache;
} radix_caches[] = {
	{ "kvm-pst-table", sizeof(struct pst_table) },
	{ "kvm-pst-pte64k", sizeof(__be64) << RPT_BITS_64K },
	{ "kvm-pst-pte", sizeof(__be64) << RPT_DIR_BITS },
	{ "kvm-pst-slot64k", sizeof(union pst_slot) << RPT_BITS_64K },
	{ "kvm-pst-slot", sizeof(union pst_slot) << RPT_DIR_BITS },
};

/* Memory of the trees of VMs themselves; shadow trees are counted by VM. */
static struct pst_account radix_account;

static struct kmem_cache *radix_cache_for(size_t size)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(radix_caches); i++) {
		if (radix_caches[i].size == size)
			return radix_caches[i].cache;
	}
	return NULL;
}

void *pure_zalloc(size_t size)
{
	struct kmem_cache *cache = radix_cache_for(size);
	void *mem;

	if (!cache && size >= PAGE_SIZE)
		return (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO,
						get_order(size));
	if (cache)
		mem = kmem_cache_zalloc(cache, GFP_KERNEL_ACCOUNT);
	else
		mem = kzalloc(size, GFP_KERNEL_ACCOUNT);
	/* Reached from whole pages, which kmemleak does not scan. */
	if (mem)
		kmemleak_ignore(mem);
	return mem;
}

void pure_free(void *ptr, size_t size)
{
	struct kmem_cache *cache = radix_cache_for(size);

	if (!ptr)
		return;
	if (cache)
		kmem_cache_free(cache, ptr);
	else if (size >= PAGE_SIZE)
		free_pages((unsigned long)ptr, get_order(size));
	else
		kfree(ptr);
}

/**
 * kvmppc_radix_exit() - free what kvmppc_radix_init() made
 *
 * Also called when that failed or never ran.
 */
void kvmppc_radix_exit(void)
{
	unsigned int i;

	nguest_exit();
	for (i = 0; i < ARRAY_SIZE(radix_caches); i++) {
		kmem_cache_destroy(radix_caches[i].cache);
		radix_caches[i].cache = NULL;
	}
}

/**
 * kvmppc_radix_init() - make the caches for tables
 *
 * Return: 0 or -ENOMEM; nothing is left behind on error.
 */
int kvmppc_radix_init(void)
{
	struct radix_cache *c;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(radix_caches); i++) {
		c = &radix_caches[i];
		/* A table is aligned to its size, as the ISA asks. */
		c->cache = kmem_cache_create(c->name, c->size,
					     is_power_of_2(c->size) ? c->size : 0,
					     SLAB_ACCOUNT, NULL);
		if (!c->cache)
			goto fail;
	}
	err = nguest_init();
	if (!err)
		return 0;
fail:
	kvmppc_radix_exit();
	return -ENOMEM;
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
		lpid_flush_all(pst->hlpid);
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

/**
 * struct radix_gather - what one critical section has to flush
 * @own: pages of the VM's own tree
 * @shadow: pages of shadow trees over it
 */
struct radix_gather {
	struct pst_gather own;
	struct pst_gather shadow;
};

static void radix_gather_init(struct radix_gather *g)
{
	pst_gather_init(&g->own);
	pst_gather_init(&g->shadow);
}

static void radix_gather_flush(struct radix_gather *g)
{
	pst_gather_flush(&g->shadow);
	pst_gather_flush(&g->own);
}

static void radix_gather_free(struct radix_gather *g)
{
	pst_gather_free(&g->shadow);
	pst_gather_free(&g->own);
}

static gfn_t radix_leaf_gfn(const struct pst_pos *pos)
{
	return pst_pos_addr(pos) >> PAGE_SHIFT;
}

static unsigned long radix_leaf_npages(const struct pst_pos *pos)
{
	return BIT(pos->table->shift - PAGE_SHIFT);
}

/* The shadow leaves over one leaf of a VM that nests. */
static bool radix_shadows(struct kvm *kvm, const struct kvm_memory_slot *slot,
			  const struct pst_pos *pos, enum nmmu_op op,
			  struct pst_gather *g)
{
	gfn_t first = max(radix_leaf_gfn(pos), slot->base_gfn);
	gfn_t last = radix_leaf_gfn(pos) + radix_leaf_npages(pos) - 1;

	if (!kvm->arch.nested_vm)
		return false;
	last = min(last, slot->base_gfn + slot->npages - 1);
	return nmmu_over_frames(slot, first, last, op, g);
}

/* Remove a leaf; its C goes to the dirty map of the memslot. */
static void radix_zap(struct kvm *kvm, const struct kvm_memory_slot *slot,
		      const struct pst_pos *pos, struct radix_gather *g)
{
	struct rpte old;

	radix_shadows(kvm, slot, pos, NMMU_ZAP, &g->shadow);
	old = pst_zap_leaf(pos, &g->own);
	if ((old.val & RPT_CHG) && slot->dirty_bitmap)
		kvmppc_update_dirty_map(slot, radix_leaf_gfn(pos),
					BIT(pos->table->shift));
	radix_update_stats(kvm);
}

/* Take C from a leaf, so that the next store is seen; was it there? */
static bool radix_clean(struct kvm *kvm, const struct kvm_memory_slot *slot,
			const struct pst_pos *pos, struct radix_gather *g)
{
	if (!(pos->pte.val & RPT_CHG))
		return false;
	radix_shadows(kvm, slot, pos, NMMU_CLEAN, &g->shadow);
	return pst_weaken_leaf(pos, RPT_CHG, &g->own).val & RPT_CHG;
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
 * @writable: the host lets us write the page
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
	bool writable;
	const pte_t *ptep;
	struct pst_leaf leaf;
};

static bool radix_shift_fits(const struct radix_fault *f, unsigned int shift)
{
	u64 mask = BIT_ULL(shift) - 1;
	gfn_t first = (f->gpa & ~mask) >> PAGE_SHIFT;
	gfn_t end = first + BIT(shift - PAGE_SHIFT);

	return !((f->gpa ^ f->hva) & mask) && first >= f->slot->base_gfn &&
	       end <= f->slot->base_gfn + f->slot->npages;
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

/* From the host's own entry for the page, as it is under mmu_lock. */
static int radix_compose(struct radix_fault *f)
{
	unsigned int host_shift = 0;
	pte_t pte;
	u64 offset;

	f->ptep = find_kvm_host_pte(f->kvm, f->mmu_seq, f->hva, &host_shift);
	if (!f->ptep)
		return -EAGAIN;
	pte = READ_ONCE(*f->ptep);
	if (!pte_present(pte))
		return -EAGAIN;

	if (host_shift)
		f->ptep = NULL;
	f->leaf.shift = radix_leaf_shift(f, host_shift);
	offset = f->hva & (BIT_ULL(host_shift ?: PAGE_SHIFT) - 1);
	f->leaf.pa = ALIGN_DOWN(PFN_PHYS(pte_pfn(pte)) + offset,
				BIT_ULL(f->leaf.shift));
	f->leaf.attrs = (pte_val(pte) & (RPT_R | RPT_ATT)) | RPT_X | RPT_REF;
	if (f->writable && pte_write(pte)) {
		f->leaf.attrs |= RPT_R | RPT_W;
		/* C saves a fault, but a page that is only read is not dirty. */
		if (f->access == RADIX_WRITE ||
		    !(f->slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
			f->leaf.attrs |= RPT_CHG;
	} else if (f->access == RADIX_WRITE) {
		return -EAGAIN;
	}
	return 0;
}

/*
 * The leaf for a base page that the host has mapped and used. It is writable
 * only if the host's entry is dirty already: nobody is told of the store.
 */
static bool radix_compose_neighbour(const struct radix_fault *f, pte_t pte,
				    struct pst_leaf *leaf)
{
	if (!pte_present(pte) || !pte_young(pte) || pte_special(pte) ||
	    pte_devmap(pte) || !pte_read(pte))
		return false;
	leaf->shift = PAGE_SHIFT;
	leaf->pa = PFN_PHYS(pte_pfn(pte));
	leaf->attrs = (pte_val(pte) & (RPT_R | RPT_ATT)) | RPT_X | RPT_REF;
	if (pte_write(pte) && pte_dirty(pte) &&
	    !(f->slot->flags & KVM_MEM_READONLY))
		leaf->attrs |= RPT_R | RPT_W | RPT_CHG;
	return true;
}

/*
 * A page that is read for the first time is likely to have neighbours that will
 * be. Host entries in the same cache line are at hand: map those pages too, if
 * addresses fit. As for the page itself, the notifier covers them from here on.
 */
static void radix_map_around(const struct radix_fault *f, struct pst_mem *mem)
{
	unsigned int at = (f->hva >> PAGE_SHIFT) % NMMU_LINE;
	gfn_t first = gpa_to_gfn(f->gpa) - at;
	struct pst_leaf leaf;
	struct pst_pos pos;
	unsigned int i;

	if (f->access != RADIX_READ || !f->ptep || first % NMMU_LINE ||
	    (f->slot->flags & KVM_MEM_LOG_DIRTY_PAGES) ||
	    first < f->slot->base_gfn ||
	    first + NMMU_LINE > f->slot->base_gfn + f->slot->npages ||
	    !pst_find_leaf(f->kvm->arch.pst, f->gpa, &pos))
		return;
	for (i = 0; i < NMMU_LINE; i++) {
		if (rpt_is_valid(rpt_load(&pos.table->pte[pos.index - at + i])) ||
		    !radix_compose_neighbour(f, READ_ONCE(f->ptep[(int)(i - at)]),
					     &leaf))
			continue;
		if (pst_map(f->kvm->arch.pst, gfn_to_gpa(first + i), &leaf,
			    NULL, mem) != PST_MAPPED)
			break;
	}
}

/* Another leaf or a table is where the new leaf belongs. */
static void radix_unblock(struct radix_fault *f, struct radix_gather *g)
{
	u64 start = ALIGN_DOWN(f->gpa, BIT_ULL(f->leaf.shift));
	struct pst_iter it = { .addr = start, .budget = RADIX_CHUNK,
			       .last = start + BIT_ULL(f->leaf.shift) - 1 };
	struct pst *pst = f->kvm->arch.pst;

	while (pst_next_leaf(pst, &it))
		radix_zap(f->kvm, f->slot, &it.pos, g);
	/* Now without leaves: a directory that stays goes in a later step. */
	if (it.addr > it.last)
		pst_unblock(pst, start, f->leaf.shift, &g->own);
	radix_gather_flush(g);
}

static int radix_map(struct radix_fault *f, struct pst_mem *mem,
		     struct radix_gather *g)
{
	u64 addr;
	int err = radix_compose(f);

	if (err)
		return err;
	if (!f->kvm->arch.pst)
		return -EAGAIN;
	addr = ALIGN_DOWN(f->gpa, BIT_ULL(f->leaf.shift));
	switch (pst_map(f->kvm->arch.pst, addr, &f->leaf, NULL, mem)) {
	case PST_NO_TABLE:
		return -ENOBUFS;
	case PST_BLOCKED:
		radix_unblock(f, g);
		return -EBUSY;
	case PST_MAPPED:
		radix_map_around(f, mem);
		fallthrough;
	default:
		radix_update_stats(f->kvm);
	}
	return 0;
}

/* -ENOBUFS: a table is missing; -EBUSY: room is being made. Both: again. */
static int radix_map_locked(struct radix_fault *f, struct pst_mem *mem)
{
	struct radix_gather g;
	int err;

	radix_gather_init(&g);
	spin_lock(&f->kvm->mmu_lock);
	err = radix_map(f, mem, &g);
	radix_gather_flush(&g);
	spin_unlock(&f->kvm->mmu_lock);
	radix_gather_free(&g);
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
	}
	pst_mem_release(&mem);
	return err == -EBUSY ? -EAGAIN : err;
}

/* Not marked as accessed: its R bit in our leaf says that, to ageing. */
static void radix_release(kvm_pfn_t pfn, bool dirty)
{
	struct page *page = kvm_pfn_to_refcounted_page(pfn);

	if (!page)
		return;
	if (dirty && !PageDirty(page))
		set_page_dirty_lock(page);
	put_page(page);
}

/**
 * radix_fault_in() - map one page of a VM
 * @kvm: the VM
 * @slot: usable memslot of the page, writable if @access asks for it
 * @gpa: guest real address
 * @access: what the leaf has to allow
 *
 * Context: Process context, may sleep for as long as user space likes; srcu is
 *	held, no lock is.
 * Return: 0 if the page is mapped; -EAGAIN if the host is changing it: run the
 * guest and see; -ENOMEM; -EFAULT if user space has no page there.
 */
int radix_fault_in(struct kvm *kvm, struct kvm_memory_slot *slot, u64 gpa,
		   enum radix_access access)
{
	struct radix_fault f = { .kvm = kvm, .slot = slot, .gpa = gpa,
				 .access = access };
	gfn_t gfn = gpa_to_gfn(gpa);
	kvm_pfn_t pfn;
	int err;

	f.mmu_seq = kvm->mmu_invalidate_seq;
	/* The page is looked up after the number is read; see mmu_lock below. */
	smp_rmb();
	f.hva = __gfn_to_hva_memslot(slot, gfn) + offset_in_page(gpa);
	pfn = __gfn_to_pfn_memslot(slot, gfn, false, false, NULL,
				   access == RADIX_WRITE, &f.writable, NULL);
	if (is_error_noslot_pfn(pfn))
		return -EFAULT;
	err = radix_map_page(&f);
	radix_release(pfn, !err && (f.leaf.attrs & RPT_W));
	return err;
}

/**
 * radix_use_leaf() - the leaf over an address, as used by one more access
 * @kvm: the VM
 * @gpa: guest real address
 * @access: what the leaf has to allow; R, and C for a write, are set in it
 * @leaf: the leaf as it is then, defined on success
 *
 * Context: mmu_lock held.
 * Return: false if there is no leaf or it is not permissive enough.
 */
bool radix_use_leaf(struct kvm *kvm, u64 gpa, enum radix_access access,
		    struct pst_leaf *leaf)
{
	u64 want = access == RADIX_WRITE ? RPT_REF | RPT_CHG : RPT_REF;
	struct pst_pos pos;

	if (!kvm->arch.pst || !pst_find_leaf(kvm->arch.pst, gpa, &pos))
		return false;
	if (access == RADIX_WRITE && !(pos.pte.val & RPT_W))
		return false;
	if (want & ~pos.pte.val)
		pst_strengthen_leaf(&pos, want);
	pst_pos_to_leaf(&pos, leaf);
	leaf->attrs |= want;
	return true;
}

/* --- page faults of the VM itself --------------------------------------- */

static int radix_inject(struct kvm_vcpu *vcpu, unsigned long ea, u32 dsisr)
{
	kvmppc_core_queue_data_storage(vcpu,
				       kvmppc_get_msr(vcpu) & SRR1_PREFIXED,
				       ea, dsisr);
	return RESUME_GUEST;
}

static bool radix_set_rc(struct kvm *kvm, u64 gpa, enum radix_access access)
{
	struct pst_leaf leaf;
	bool done;

	scoped_guard(spinlock, &kvm->mmu_lock)
		done = radix_use_leaf(kvm, gpa, access, &leaf);
	return done;
}

static int radix_no_memory(struct kvm_vcpu *vcpu, u64 gpa, unsigned long ea,
			   u32 dsisr)
{
	if (dsisr & (DSISR_PRTABLE_FAULT | DSISR_BADACCESS | DSISR_SET_RC))
		return radix_inject(vcpu, ea, dsisr);
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
 * that user space does not have or a tree that hardware refuses.
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
	if ((slot->flags & KVM_MEM_READONLY) && (dsisr & DSISR_ISSTORE))
		return radix_inject(vcpu, ea, DSISR_ISSTORE | DSISR_PROTFAULT);
	return radix_memory_fault(vcpu, slot, gpa, dsisr);
}

/* --- MMU notifier ------------------------------------------------------- */

static bool radix_find(struct kvm *kvm, gfn_t gfn, struct pst_pos *pos)
{
	return kvm->arch.pst &&
	       pst_find_leaf(kvm->arch.pst, gfn_to_gpa(gfn), pos);
}

/**
 * kvm_unmap_radix() - the host takes a page away
 * @kvm: the VM
 * @memslot: memslot of the page
 * @gfn: guest frame; the leaf over it goes whole
 *
 * Context: mmu_lock held. When this returns no CPU can use the page through
 *	the VM or through any of its nested guests.
 */
void kvm_unmap_radix(struct kvm *kvm, struct kvm_memory_slot *memslot,
		     unsigned long gfn)
{
	struct radix_gather g;
	struct pst_pos pos;

	if (radix_is_secure(kvm)) {
		uv_page_inval(kvm->arch.lpid, gfn_to_gpa(gfn), PAGE_SHIFT);
		return;
	}
	if (!radix_find(kvm, gfn, &pos))
		return;
	radix_gather_init(&g);
	radix_zap(kvm, memslot, &pos, &g);
	radix_gather_flush(&g);
}

/**
 * kvm_age_radix() - was a page used since the last look
 * @kvm: the VM
 * @memslot: memslot of the page
 * @gfn: guest frame
 *
 * Clears R in the leaf and in the shadow leaves over the frame. Nothing is
 * flushed: losing an R does no harm.
 *
 * Context: mmu_lock held.
 * Return: whether R was set in one of them.
 */
bool kvm_age_radix(struct kvm *kvm, struct kvm_memory_slot *memslot,
		   unsigned long gfn)
{
	struct pst_pos pos;
	bool young;

	if (radix_is_secure(kvm) || !radix_find(kvm, gfn, &pos))
		return false;
	young = pst_weaken_leaf(&pos, RPT_REF, NULL).val & RPT_REF;
	if (kvm->arch.nested_vm)
		young |= nmmu_over_frames(memslot, gfn, gfn, NMMU_AGE, NULL);
	return young;
}

/**
 * kvm_test_age_radix() - was a page used since the last ageing
 * @kvm: the VM
 * @memslot: memslot of the page
 * @gfn: guest frame
 *
 * Context: mmu_lock held.
 * Return: whether R is set in the leaf or in a shadow leaf over the frame.
 */
bool kvm_test_age_radix(struct kvm *kvm, struct kvm_memory_slot *memslot,
			unsigned long gfn)
{
	struct pst_pos pos;

	if (radix_is_secure(kvm) || !radix_find(kvm, gfn, &pos))
		return false;
	if (pos.pte.val & RPT_REF)
		return true;
	return kvm->arch.nested_vm &&
	       nmmu_over_frames(memslot, gfn, gfn, NMMU_LOOK, NULL);
}

/* --- walks over a memslot ----------------------------------------------- */

/**
 * enum radix_visit - what a walk does to each leaf
 * @RADIX_ZAP: removes it
 * @RADIX_CLEAN: takes C and notes the pages that had it
 */
enum radix_visit {
	RADIX_ZAP,
	RADIX_CLEAN,
};

static void radix_note_dirty(const struct kvm_memory_slot *slot,
			     const struct pst_pos *pos, unsigned long *map)
{
	gfn_t gfn = radix_leaf_gfn(pos);
	gfn_t end = gfn + radix_leaf_npages(pos);

	for (; gfn < end; gfn++) {
		if (gfn - slot->base_gfn < slot->npages)
			set_dirty_bits(map, gfn - slot->base_gfn, 1);
	}
}

/* One hold of mmu_lock; returns where to go on, 0 at the end. */
static u64 radix_visit_chunk(struct kvm *kvm,
			     const struct kvm_memory_slot *slot, u64 addr,
			     enum radix_visit what, unsigned long *map)
{
	struct pst_iter it = {
		.addr = addr, .budget = RADIX_CHUNK,
		.last = gfn_to_gpa(slot->base_gfn + slot->npages) - 1,
	};
	struct radix_gather g;

	radix_gather_init(&g);
	spin_lock(&kvm->mmu_lock);
	while (kvm->arch.pst && pst_next_leaf(kvm->arch.pst, &it)) {
		if (what == RADIX_ZAP)
			radix_zap(kvm, slot, &it.pos, &g);
		else if (radix_clean(kvm, slot, &it.pos, &g))
			radix_note_dirty(slot, &it.pos, map);
	}
	radix_gather_flush(&g);
	if (!kvm->arch.pst)
		it.addr = it.last + 1;
	spin_unlock(&kvm->mmu_lock);
	radix_gather_free(&g);
	return it.addr > it.last ? 0 : it.addr;
}

static void radix_visit(struct kvm *kvm, const struct kvm_memory_slot *slot,
			enum radix_visit what, unsigned long *map)
{
	u64 addr = gfn_to_gpa(slot->base_gfn);
	bool more;

	do {
		addr = radix_visit_chunk(kvm, slot, addr, what, map);
		more = addr;
		cond_resched();
	} while (more);
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
		radix_visit(kvm, memslot, RADIX_CLEAN, map);
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
	if (radix_is_secure(kvm))
		return;
	/* A fault that has seen the old memslot fails its recheck from here. */
	scoped_guard(spinlock, &kvm->mmu_lock)
		kvm->mmu_invalidate_seq++;
	radix_visit(kvm, memslot, RADIX_ZAP, NULL);
}

/* --- process-scoped translation ----------------------------------------- */

static int radix_read_guest(void *vcpu, u64 addr, __be64 *entry)
{
	return kvm_vcpu_read_guest(vcpu, addr, entry, sizeof(*entry));
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
