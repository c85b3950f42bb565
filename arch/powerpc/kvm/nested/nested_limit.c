// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM that nests may use, and how room is made.
 *
 * Two things are bounded for each VM: guests, and bytes of shadow tables. The
 * module has defaults, debugfs a value for each VM.
 * Links live in tables, so bounding tables bounds everything (M1). At a
 * bound something of the same VM is discarded, never something of another:
 * guests that have been idle for a while, the one idle longest first, then the
 * oldest leaf tables of the guest that has most. A table that was used since the
 * last look is passed over once. Shadow state is a TLB: what is discarded costs
 * faults and nothing else.
 *
 * Host LPIDs are one pool for the host; what nested guests leave in it for VMs is
 * in lpid.c.
 *
 * The shrinker takes the oldest tables of any VM that nests, of one VM after the
 * other, and there of one guest after the other. It only tries locks, so it may
 * run under any allocation, ours included. It counts what it can take: neither
 * roots nor detached trees, which the worker frees anyway. It is not aware of
 * memory groups, so it is called when the host is short of memory, not when a
 * group is: a group's own bound is the quota.
 */
#include <kunit/visibility.h>
#include <linux/kvm_host.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "nested_guest.h"
#include "nested_limit.h"
#include "nested_vm.h"
#include "pst.h"

/*
 * The default quota: room for so many mappings of all of a VM's memory by the
 * smallest leaves, and this beside it for roots, for what is not aligned, and for
 * pages here and there.
 */
#define NLIMIT_QUOTA_BASE	SZ_4M
#define NLIMIT_QUOTA_TIMES	2

/* A table of 512 entries, as pst_charge() counts it. */
#define NLIMIT_TABLE_BYTES						\
	(sizeof(struct pst_table) +					\
	 ((sizeof(__be64) + sizeof(union pst_slot)) << RPT_DIR_BITS))
static_assert(RPT_BITS_4K == RPT_DIR_BITS);

/* Tables that are passed over to find one that was not used. */
#define NLIMIT_SPARE		32

/*
 * Tables a guest keeps for each vCPU inside, whatever the quota: an L2 whose
 * next access always drives out its own instruction would never get anywhere.
 * An instruction and its operands on both sides of a page boundary, each with
 * the tables of L2 that translate them, need fewer.
 */
#define NLIMIT_TABLES_KEPT	32

static unsigned int nested_max_guests = 256;
module_param(nested_max_guests, uint, 0644);
MODULE_PARM_DESC(nested_max_guests,
		 "Nested guests of one VM; one more evicts the one idle longest");

static unsigned long nested_quota;
module_param(nested_quota, ulong, 0644);
MODULE_PARM_DESC(nested_quota,
		 "Bytes of shadow tables of one VM; 0: room to map its memory twice by 4K pages");

static unsigned int nested_idle_ms = 1000;
module_param(nested_idle_ms, uint, 0644);
MODULE_PARM_DESC(nested_idle_ms,
		 "Milliseconds a nested guest is left alone before it goes for its memory");

VISIBLE_IF_KUNIT struct shrinker *nlimit_shrinker;

/* --- guests and LPIDs --------------------------------------------------- */

/*
 * With a reference: the guest without a vCPU or hypercall, idle longest, and no
 * shorter than @age in jiffies.
 */
static struct kvm_nested_guest *nlimit_find_idle(struct kvm *kvm,
						 unsigned long age)
{
	struct kvm_nested_guest *ng, *idle = NULL;
	unsigned long last_run, oldest = jiffies - age;
	glpid_t glpid = make_glpid(0);

	for (; (ng = nguest_get_next(kvm, &glpid)); glpid.val++) {
		last_run = READ_ONCE(ng->last_run);
		if (!nguest_is_idle(ng) || time_after(last_run, oldest)) {
			nguest_put(ng);
			continue;
		}
		if (idle)
			nguest_put(idle);
		idle = ng;
		oldest = last_run;
	}
	return idle;
}

static bool nlimit_evict_guest(struct kvm *kvm, unsigned long age)
{
	struct kvm_nested_guest *ng = nlimit_find_idle(kvm, age);

	if (!ng)
		return false;
	nguest_kill(ng);
	nguest_put(ng);
	nvm_count(kvm, NVM_EVICTED_GUESTS);
	return true;
}

/*
 * No guest is idle. If one has no vCPU inside, a hypercall or a reader is at it
 * and will be gone in a moment; otherwise there is no room.
 */
static int nlimit_refuse(struct kvm *kvm)
{
	struct kvm_nested_guest *ng;
	glpid_t glpid = make_glpid(0);
	bool inside = true;

	for (; (ng = nguest_get_next(kvm, &glpid)); glpid.val++) {
		inside &= !!nguest_count_inside(ng);
		nguest_put(ng);
	}
	if (!inside)
		return -EAGAIN;
	nvm_count(kvm, NVM_REFUSALS);
	return -ENOMEM;
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
 * nlimit_max_guests() - nested guests that a VM may have
 * @kvm: VM of L1
 *
 * Return: how many, at least 1.
 */
unsigned int nlimit_max_guests(struct kvm *kvm)
{
	struct kvm_nested_vm *nvm;
	unsigned int max;

	rcu_read_lock();
	nvm = nvm_rcu(kvm);
	max = nvm ? READ_ONCE(nvm->max_guests) : 0;
	rcu_read_unlock();
	return max ?: max(READ_ONCE(nested_max_guests), 1U);
}

/**
 * nlimit_set() - give a VM a limit of its own
 * @kvm: VM that nests
 * @which: which limit
 * @val: new value, 0 for what the module says
 *
 * What is above the limit goes when room is needed next.
 *
 * Context: Process context, may sleep; takes kvm->arch.mmu_setup_lock.
 * Return: 0; -EINVAL for a VM that may not nest; -ERANGE; -ENOMEM.
 */
int nlimit_set(struct kvm *kvm, enum nlimit which, u64 val)
{
	struct kvm_nested_vm *nvm;

	/* The container goes in a switch to HPT. */
	guard(mutex)(&kvm->arch.mmu_setup_lock);
	if (!kvm->arch.nested_enable || !kvm_is_radix(kvm))
		return -EINVAL;
	if (which == NLIMIT_GUESTS && val > BIT(KVM_NESTED_LPID_BITS))
		return -ERANGE;
	nvm = nvm_get_or_create(kvm);
	if (!nvm)
		return -ENOMEM;
	if (which == NLIMIT_GUESTS)
		WRITE_ONCE(nvm->max_guests, val);
	else
		WRITE_ONCE(nvm->quota, val);
	return 0;
}

/**
 * nlimit_admit() - may the VM have one more nested guest
 * @kvm: VM of L1
 *
 * Context: Process context, may sleep.
 * Return: 0, if need be after the guest idle longest has gone; -ENOMEM if all
 * of them are running; -EAGAIN if someone only looks at them.
 */
int nlimit_admit(struct kvm *kvm)
{
	while (nlimit_count_guests(kvm) >= nlimit_max_guests(kvm)) {
		if (!nlimit_evict_guest(kvm, 0))
			return nlimit_refuse(kvm);
	}
	return 0;
}

/**
 * nlimit_alloc_lpid() - a host LPID for a nested guest
 * @kvm: VM of L1
 *
 * Recycles the LPID of the VM's guest that is idle longest if the pool is down
 * to its reserve.
 *
 * Context: Process context, may sleep.
 * Return: the LPID, for lpid_free(); -ENOMEM; -EAGAIN as nlimit_admit().
 */
long nlimit_alloc_lpid(struct kvm *kvm)
{
	long lpid;

	while ((lpid = lpid_alloc()) == -EBUSY) {
		if (!nlimit_evict_guest(kvm, 0))
			return nlimit_refuse(kvm);
	}
	return lpid;
}

/* --- bytes -------------------------------------------------------------- */

/* The quota of the VM or of the module, 0 if it follows from its memory. */
static u64 nlimit_fixed_quota(struct kvm *kvm)
{
	struct kvm_nested_vm *nvm;
	u64 quota;

	rcu_read_lock();
	nvm = nvm_rcu(kvm);
	quota = nvm ? READ_ONCE(nvm->quota) : 0;
	rcu_read_unlock();
	return quota ?: READ_ONCE(nested_quota);
}

/* Bytes of the tables that map so many bytes by 4K leaves, without a root. */
static u64 nlimit_cost(u64 bytes)
{
	u64 tables = DIV_ROUND_UP(bytes, BIT_ULL(RPT_SHIFT_2M)) +
		     DIV_ROUND_UP(bytes, BIT_ULL(RPT_SHIFT_1G)) +
		     DIV_ROUND_UP(bytes, BIT_ULL(RPT_SHIFT_512G));

	return tables * NLIMIT_TABLE_BYTES;
}

/* Memslots say what L1 may have; it has no more than the host. */
static u64 nlimit_memory(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	struct kvm_memslots *slots;
	u64 pages = 0;
	int bkt, idx;

	idx = srcu_read_lock(&kvm->srcu);
	/* Once: the two sets of memslots may change places. */
	slots = kvm_memslots(kvm);
	kvm_for_each_memslot(slot, bkt, slots)
		pages += slot->npages;
	srcu_read_unlock(&kvm->srcu, idx);
	return min_t(u64, pages, totalram_pages()) << PAGE_SHIFT;
}

/**
 * nlimit_quota() - bytes of shadow tables that a VM may have
 * @kvm: VM of L1
 *
 * Context: Process context; takes kvm->srcu.
 * Return: bytes.
 */
u64 nlimit_quota(struct kvm *kvm)
{
	u64 own = nlimit_fixed_quota(kvm);

	if (own)
		return own;
	return NLIMIT_QUOTA_BASE +
	       NLIMIT_QUOTA_TIMES * nlimit_cost(nlimit_memory(kvm));
}

static bool nlimit_is_over(struct kvm_nested_vm *nvm, u64 quota)
{
	return atomic_long_read(&nvm->account.bytes) > quota;
}

/* Tables that a guest has above what it keeps. */
static unsigned long nlimit_excess(struct kvm_nested_guest *ng)
{
	unsigned long keep = NLIMIT_TABLES_KEPT *
			     max(nguest_count_inside(ng), 1U);
	unsigned long has = 0;

	scoped_guard(spinlock, &ng->kvm->mmu_lock)
		has = ng->live ? ng->live->nr_tables : 0;
	return has > keep ? has - keep : 0;
}

/* With a reference: the guest that has most above what it keeps, or NULL. */
static struct kvm_nested_guest *nlimit_find_large(struct kvm *kvm)
{
	struct kvm_nested_guest *ng, *large = NULL;
	glpid_t glpid = make_glpid(0);
	unsigned long most = 0, excess;

	for (; (ng = nguest_get_next(kvm, &glpid)); glpid.val++) {
		excess = nlimit_excess(ng);
		if (excess <= most) {
			nguest_put(ng);
			continue;
		}
		if (large)
			nguest_put(large);
		large = ng;
		most = excess;
	}
	return large;
}

/* One hold of mmu_lock, of at most 512 leaves (L5). */
static bool nlimit_spare_table(struct kvm_nested_guest *ng)
{
	struct pst_gather g __uninitialized;
	bool done;

	pst_batch_begin(&g, &ng->kvm->mmu_lock);
	done = ng->live &&
	       pst_spare_oldest(ng->live, kvmhv_on_pseries() ? &g : NULL);
	pst_batch_end(&g, &ng->kvm->mmu_lock);
	return done;
}

static bool nlimit_drop_table(struct kvm_nested_guest *ng)
{
	struct pst_gather g __uninitialized;
	bool done;

	pst_batch_begin(&g, &ng->kvm->mmu_lock);
	done = ng->live && pst_evict_oldest(ng->live, &g);
	pst_batch_end(&g, &ng->kvm->mmu_lock);
	if (done)
		nvm_count(ng->kvm, NVM_EVICTED_TABLES);
	return done;
}

/*
 * Drop the oldest table that was not used since the last look. If all were, as
 * L2 may see to, the first one behind NLIMIT_SPARE of them goes (L13).
 */
static bool nlimit_evict_table(struct kvm_nested_guest *ng)
{
	unsigned int spare = NLIMIT_SPARE;

	while (spare-- && nlimit_spare_table(ng)) {
		nvm_count(ng->kvm, NVM_SPARED_TABLES);
		cond_resched();
	}
	return nlimit_drop_table(ng);
}

/* Half of what one guest has too much, at most: then another may have most. */
static bool nlimit_evict_from_large(struct kvm_nested_vm *nvm, u64 quota)
{
	struct kvm_nested_guest *ng = nlimit_find_large(nvm->kvm);
	unsigned long n, done = 0;

	if (!ng)
		return false;
	n = DIV_ROUND_UP(nlimit_excess(ng), 2);
	while (done < n && nlimit_is_over(nvm, quota) &&
	       !fatal_signal_pending(current) && nlimit_evict_table(ng)) {
		done++;
		cond_resched();
	}
	nguest_put(ng);
	return done;
}

/**
 * nlimit_make_room() - before tables are allocated, get under the quota
 * @ng: guest that needs them, with a reference held
 *
 * Detached trees first, then guests idle for nested_idle_ms, then the oldest
 * tables of whichever guest has most, down to NLIMIT_TABLES_KEPT for each vCPU
 * inside, or for one; and at last any guest that no vCPU is inside: L1 must not
 * get more by entering many in turn. What is left to allocate is at most three
 * tables for each vCPU (M1), or a root.
 *
 * Each step takes a guest or a table away. Others may bring some meanwhile, but
 * not without making room themselves; a fatal signal ends it all the same.
 *
 * Context: Process context, may sleep; no lock of ours is held.
 */
void nlimit_make_room(struct kvm_nested_guest *ng)
{
	unsigned long age = msecs_to_jiffies(READ_ONCE(nested_idle_ms));
	struct kvm_nested_vm *nvm = ng->kvm->arch.nested_vm;
	u64 quota = nlimit_fixed_quota(ng->kvm) ?: NLIMIT_QUOTA_BASE;

	if (!nlimit_is_over(nvm, quota))
		return;
	quota = nlimit_quota(ng->kvm);
	if (nlimit_is_over(nvm, quota))
		nvm_drain_now(nvm);
	while (nlimit_is_over(nvm, quota) && nlimit_evict_guest(ng->kvm, age))
		nvm_drain_now(nvm);
	while (nlimit_is_over(nvm, quota) && !fatal_signal_pending(current) &&
	       nlimit_evict_from_large(nvm, quota))
		cond_resched();
	while (nlimit_is_over(nvm, quota) && nlimit_evict_guest(ng->kvm, 0))
		nvm_drain_now(nvm);
}

/* --- shrinker ----------------------------------------------------------- */

/* Tables of live trees but for their roots; 0 if the lock is not to be had. */
static unsigned long nlimit_count_vm(struct kvm_nested_vm *nvm)
{
	struct kvm_nested_guest *ng;
	unsigned long index, n = 0;

	if (!atomic_long_read(&nvm->account.tables) ||
	    !spin_trylock(&nvm->kvm->mmu_lock))
		return 0;
	rcu_read_lock();
	xa_for_each(&nvm->guests, index, ng)
		n += ng->live ? ng->live->nr_tables : 0;
	rcu_read_unlock();
	spin_unlock(&nvm->kvm->mmu_lock);
	return n;
}

static unsigned long nlimit_count(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	struct kvm_nested_vm *nvm;
	unsigned long n = 0;

	if (!mutex_trylock(&nvm_list_lock))
		return 0;
	list_for_each_entry(nvm, &nvm_list, node)
		n += nlimit_count_vm(nvm);
	mutex_unlock(&nvm_list_lock);
	return n ?: SHRINK_EMPTY;
}

/* Under mmu_lock: the first guest from @first on that has tables below its root. */
static struct pst *nlimit_next_tree(struct kvm_nested_vm *nvm,
				    unsigned long first, unsigned long last)
{
	struct kvm_nested_guest *ng;
	unsigned long index;
	struct pst *live = NULL;

	rcu_read_lock();
	xa_for_each_range(&nvm->guests, index, ng, first, last) {
		live = ng->live;
		if (live && live->nr_tables)
			break;
		live = NULL;
	}
	rcu_read_unlock();
	return live;
}

/* Under mmu_lock, which nvm->shrink_from is under too: guests take turns. */
static bool nlimit_shrink_guests(struct kvm_nested_vm *nvm,
				 struct pst_gather *g)
{
	struct pst *live;

	lockdep_assert_held(&nvm->kvm->mmu_lock);
	live = nlimit_next_tree(nvm, nvm->shrink_from, ULONG_MAX);
	if (!live && nvm->shrink_from)
		live = nlimit_next_tree(nvm, 0, nvm->shrink_from - 1);
	if (!live)
		return false;
	nvm->shrink_from = live->glpid.val + 1;
	return pst_evict_oldest(live, g);
}

static bool nlimit_shrink_vm(struct kvm_nested_vm *nvm)
{
	struct pst_gather g __uninitialized;
	bool done;

	if (!spin_trylock(&nvm->kvm->mmu_lock))
		return false;
	pst_gather_init(&g);
	done = nlimit_shrink_guests(nvm, &g);
	pst_batch_end(&g, &nvm->kvm->mmu_lock);
	return done;
}

/* One table of each VM in turn; over when none of them has had one to give. */
static unsigned long nlimit_scan(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	unsigned long n = 0, vain = 0, vms;
	struct kvm_nested_vm *nvm;

	if (!mutex_trylock(&nvm_list_lock))
		return SHRINK_STOP;
	vms = list_count_nodes(&nvm_list);
	while (n < sc->nr_to_scan && vain < vms) {
		nvm = list_first_entry(&nvm_list, struct kvm_nested_vm, node);
		if (nlimit_shrink_vm(nvm)) {
			n++;
			vain = 0;
		} else {
			vain++;
		}
		list_rotate_left(&nvm_list);
	}
	mutex_unlock(&nvm_list_lock);
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
