// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM that nests may use, and how room is made.
 *
 * Two things are bounded for each VM: guests, and bytes of shadow tables.
 * Links live in tables, so bounding tables bounds everything (M1). At a
 * bound something of the same VM is discarded, never something of another: an
 * idle guest, the one idle longest first, then the oldest leaf tables of the
 * guest that needs room. Shadow state is a TLB: what is discarded costs faults
 * and nothing else.
 *
 * Host LPIDs are one pool for the host. Nested guests leave a reserve in it for
 * VMs, so that starting a VM never fails for want of one.
 *
 * The shrinker takes the oldest tables of any VM that nests. It only tries
 * locks, so it may run under any allocation, ours included. Detached trees are
 * not its business: the worker frees them anyway.
 */
#include <linux/kvm_host.h>
#include <linux/moduleparam.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>

#include <asm/book3s/64/mmu.h>
#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "book3s_hv_nested.h"

/* The least quota, and the share of a VM's memory if that is more. */
#define NLIMIT_QUOTA_MIN	SZ_4M
#define NLIMIT_QUOTA_SHIFT	8

/*
 * Tables a guest keeps for each vCPU of the VM, whatever the quota: an L2 whose
 * next access always drives out its own instruction would never get anywhere.
 * An instruction and its operands on both sides of a page boundary, each with
 * the tables of L2 that translate them, need fewer.
 */
#define NLIMIT_TABLES_KEPT	32

/* Tables dropped in one hold of mmu_lock. */
#define NLIMIT_EVICT_BATCH	4

static unsigned int nested_max_guests = 256;
module_param(nested_max_guests, uint, 0644);
MODULE_PARM_DESC(nested_max_guests,
		 "Nested guests of one VM; one more evicts the one idle longest");

static unsigned int nested_lpid_reserve = 256;
module_param(nested_lpid_reserve, uint, 0644);
MODULE_PARM_DESC(nested_lpid_reserve,
		 "Host LPIDs that nested guests leave for VMs");

static unsigned long nested_quota;
module_param(nested_quota, ulong, 0644);
MODULE_PARM_DESC(nested_quota,
		 "Bytes of shadow tables of one VM; 0: the larger of 4 MiB and 1/256 of its memory");

static atomic_t nlimit_lpids;
static struct shrinker *nlimit_shrinker;
static LIST_HEAD(nlimit_vms);
static DEFINE_MUTEX(nlimit_vms_lock);

/* --- guests and LPIDs --------------------------------------------------- */

/* With a reference: the guest without a vCPU or hypercall, idle longest. */
static struct kvm_nested_guest *nlimit_find_idle(struct kvm *kvm)
{
	struct kvm_nested_guest *ng, *idle = NULL;
	glpid_t glpid = make_glpid(0);

	for (; (ng = nguest_get_next(kvm, &glpid)); glpid.val++) {
		if (refcount_read(&ng->refs) > 2 ||
		    (idle && time_after(ng->last_run, idle->last_run))) {
			nguest_put(ng);
			continue;
		}
		if (idle)
			nguest_put(idle);
		idle = ng;
	}
	return idle;
}

static bool nlimit_evict_guest(struct kvm *kvm)
{
	struct kvm_nested_guest *ng = nlimit_find_idle(kvm);

	if (!ng)
		return false;
	nguest_kill(ng);
	nguest_put(ng);
	nvm_count(kvm, NVM_EVICTED_GUESTS);
	return true;
}

/**
 * nlimit_count_guests() - nested guests of a VM
 * @kvm: VM of L1
 *
 * Context: Process context, may sleep.
 * Return: how many it has at the moment.
 */
unsigned int nlimit_count_guests(struct kvm *kvm)
{
	struct kvm_nested_guest *ng;
	glpid_t glpid = make_glpid(0);
	unsigned int n = 0;

	for (; (ng = nguest_get_next(kvm, &glpid)); glpid.val++) {
		n++;
		nguest_put(ng);
	}
	return n;
}

/**
 * nlimit_admit() - may the VM have one more nested guest
 * @kvm: VM of L1
 *
 * Context: Process context, may sleep.
 * Return: 0, if need be after the guest idle longest has gone; -ENOMEM if all
 * of them are running.
 */
int nlimit_admit(struct kvm *kvm)
{
	unsigned int max = max(READ_ONCE(nested_max_guests), 1U);

	while (nlimit_count_guests(kvm) >= max) {
		if (!nlimit_evict_guest(kvm)) {
			nvm_count(kvm, NVM_REFUSALS);
			return -ENOMEM;
		}
	}
	return 0;
}

static bool nlimit_take_lpid(void)
{
	long pool = BIT(cpu_has_feature(CPU_FTR_HVMODE) ? mmu_lpid_bits :
							  KVM_NESTED_LPID_BITS);
	long max = pool - 1 - (long)READ_ONCE(nested_lpid_reserve);

	if (atomic_inc_return(&nlimit_lpids) <= max)
		return true;
	atomic_dec(&nlimit_lpids);
	return false;
}

/**
 * nlimit_alloc_lpid() - a host LPID for a nested guest
 * @kvm: VM of L1
 *
 * Recycles the LPID of the VM's guest that is idle longest if the pool is down
 * to its reserve.
 *
 * Context: Process context, may sleep.
 * Return: the LPID, or -ENOMEM.
 */
long nlimit_alloc_lpid(struct kvm *kvm)
{
	long lpid;

	while (!nlimit_take_lpid()) {
		if (!nlimit_evict_guest(kvm)) {
			nvm_count(kvm, NVM_REFUSALS);
			return -ENOMEM;
		}
	}
	lpid = kvmppc_alloc_lpid();
	if (lpid < 0)
		atomic_dec(&nlimit_lpids);
	return lpid;
}

/**
 * nlimit_free_lpid() - give a host LPID back
 * @lpid: LPID whose table entry is cleared and flushed (G4)
 */
void nlimit_free_lpid(long lpid)
{
	kvmppc_free_lpid(lpid);
	atomic_dec(&nlimit_lpids);
}

/* --- bytes -------------------------------------------------------------- */

/**
 * nlimit_quota() - bytes of shadow tables that a VM may have
 * @kvm: VM of L1
 *
 * Context: Process context; takes kvm->srcu.
 * Return: bytes.
 */
u64 nlimit_quota(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	u64 pages = 0;
	int bkt, idx;

	if (READ_ONCE(nested_quota))
		return READ_ONCE(nested_quota);
	idx = srcu_read_lock(&kvm->srcu);
	kvm_for_each_memslot(slot, bkt, kvm_memslots(kvm))
		pages += slot->npages;
	srcu_read_unlock(&kvm->srcu, idx);
	return max_t(u64, NLIMIT_QUOTA_MIN,
		     (pages << PAGE_SHIFT) >> NLIMIT_QUOTA_SHIFT);
}

static bool nlimit_is_over(struct kvm_nested_vm *nvm, u64 quota)
{
	return atomic_long_read(&nvm->account.bytes) > quota;
}

/* Oldest leaf tables of one tree; false if there is none to spare. */
static bool nlimit_evict_tables(struct kvm_nested_guest *ng)
{
	unsigned long keep = NLIMIT_TABLES_KEPT *
			     atomic_read(&ng->kvm->online_vcpus);
	struct pst_gather g;
	unsigned int n = 0;

	pst_gather_init(&g);
	spin_lock(&ng->kvm->mmu_lock);
	while (n < NLIMIT_EVICT_BATCH && ng->live &&
	       ng->live->nr_tables > keep && pst_evict_oldest(ng->live, &g))
		n++;
	pst_gather_flush(&g);
	spin_unlock(&ng->kvm->mmu_lock);
	pst_gather_free(&g);
	atomic_long_add(n, &ng->kvm->arch.nested_vm->stats[NVM_EVICTED_TABLES]);
	return n;
}

/**
 * nlimit_make_room() - before tables are allocated, get under the quota
 * @ng: guest that needs them, with a reference held
 *
 * Detached trees first, then idle guests, then the oldest tables of @ng down to
 * NLIMIT_TABLES_KEPT for each vCPU. What is left to allocate is at most three
 * tables for each vCPU (M1), or a root.
 *
 * Context: Process context, may sleep; no lock of ours is held.
 */
void nlimit_make_room(struct kvm_nested_guest *ng)
{
	struct kvm_nested_vm *nvm = ng->kvm->arch.nested_vm;
	u64 quota = NLIMIT_QUOTA_MIN;

	if (!READ_ONCE(nested_quota) && !nlimit_is_over(nvm, quota))
		return;
	quota = nlimit_quota(ng->kvm);
	if (nlimit_is_over(nvm, quota))
		nguest_drain_now(nvm);
	while (nlimit_is_over(nvm, quota) && nlimit_evict_guest(ng->kvm))
		nguest_drain_now(nvm);
	while (nlimit_is_over(nvm, quota) && nlimit_evict_tables(ng))
		cond_resched();
}

/* --- shrinker ----------------------------------------------------------- */

/**
 * nlimit_add_vm() - let the shrinker find a VM
 * @nvm: new container
 */
void nlimit_add_vm(struct kvm_nested_vm *nvm)
{
	mutex_lock(&nlimit_vms_lock);
	list_add_tail(&nvm->node, &nlimit_vms);
	mutex_unlock(&nlimit_vms_lock);
}

/**
 * nlimit_remove_vm() - the shrinker does not find it any more
 * @nvm: container about to go
 */
void nlimit_remove_vm(struct kvm_nested_vm *nvm)
{
	mutex_lock(&nlimit_vms_lock);
	list_del_init(&nvm->node);
	mutex_unlock(&nlimit_vms_lock);
}

static unsigned long nlimit_count(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	struct kvm_nested_vm *nvm;
	unsigned long n = 0;

	if (!mutex_trylock(&nlimit_vms_lock))
		return 0;
	list_for_each_entry(nvm, &nlimit_vms, node)
		n += atomic_long_read(&nvm->account.tables);
	mutex_unlock(&nlimit_vms_lock);
	return n ?: SHRINK_EMPTY;
}

/* Under mmu_lock: tables of the guests of one VM, until enough are doomed. */
static unsigned long nlimit_shrink_guests(struct kvm_nested_vm *nvm,
					  unsigned long want,
					  struct pst_gather *g)
{
	struct kvm_nested_guest *ng;
	unsigned long index, n = 0;

	rcu_read_lock();
	xa_for_each(&nvm->guests, index, ng) {
		while (n < want && ng->live && pst_evict_oldest(ng->live, g))
			n++;
	}
	rcu_read_unlock();
	return n;
}

static unsigned long nlimit_shrink_vm(struct kvm_nested_vm *nvm,
				      unsigned long want)
{
	struct pst_gather g;
	unsigned long n;

	want = min_t(unsigned long, want, NLIMIT_EVICT_BATCH);
	if (!spin_trylock(&nvm->kvm->mmu_lock))
		return 0;
	pst_gather_init(&g);
	n = nlimit_shrink_guests(nvm, want, &g);
	pst_gather_flush(&g);
	spin_unlock(&nvm->kvm->mmu_lock);
	pst_gather_free(&g);
	return n;
}

static unsigned long nlimit_scan(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	struct kvm_nested_vm *nvm, *next;
	unsigned long n = 0;

	if (!mutex_trylock(&nlimit_vms_lock))
		return SHRINK_STOP;
	list_for_each_entry_safe(nvm, next, &nlimit_vms, node) {
		n += nlimit_shrink_vm(nvm, sc->nr_to_scan - n);
		if (n >= sc->nr_to_scan)
			break;
	}
	/* The next scan begins with another VM. */
	list_rotate_left(&nlimit_vms);
	mutex_unlock(&nlimit_vms_lock);
	return n;
}

/**
 * nlimit_init() - register the shrinker
 *
 * Return: 0 or -ENOMEM.
 */
int nlimit_init(void)
{
	nlimit_shrinker = shrinker_alloc(0, "kvm-hv-nested");
	if (!nlimit_shrinker)
		return -ENOMEM;
	nlimit_shrinker->count_objects = nlimit_count;
	nlimit_shrinker->scan_objects = nlimit_scan;
	shrinker_register(nlimit_shrinker);
	return 0;
}

/**
 * nlimit_exit() - undo nlimit_init(), also if that failed or never ran
 */
void nlimit_exit(void)
{
	if (nlimit_shrinker)
		shrinker_free(nlimit_shrinker);
	nlimit_shrinker = NULL;
}
