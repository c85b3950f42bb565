// SPDX-License-Identifier: GPL-2.0-only
/*
 * The radix MMU of a VM: its own partition-scoped tree.
 *
 * Owns kvm->arch.pst and the root that kvm->arch.pgtable publishes, decides on a
 * fault of the VM, and answers the MMU notifier, the dirty log and the memslot
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
 * Not here, but in nested/: how a page comes in (radix_fault), one critical section
 * of a walk (radix_walk), process-scoped translation (radix_xlate), shadow trees
 * (nested_walk, nested_guest), guest effective addresses by quadrant (quadrant),
 * debugfs (radix_debugfs).
 */
#include <linux/kvm_host.h>
#include <linux/pgtable.h>
#include <linux/slab.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_book3s_uvmem.h>
#include <asm/kvm_ppc.h>
#include <asm/ultravisor.h>

#include "book3s_hv.h"
#include "nested/nfault.h"
#include "nested/nrmap.h"
#include "nested/radix_fault.h"
#include "nested/radix_walk.h"

/* Entries removed in one hold of mmu_lock from a tree that nobody uses. */
#define RADIX_CHUNK		512

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

static bool radix_is_secure(const struct kvm *kvm)
{
	return kvm->arch.secure_guest & KVMPPC_SECURE_INIT_DONE;
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
