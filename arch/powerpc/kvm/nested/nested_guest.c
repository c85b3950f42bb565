// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of nested guests.
 *
 * A nested guest comes to be when L1 enters an LPID whose partition-table entry
 * is not empty, and dies when L1 empties that entry, when L1 gives its table
 * back, or with the VM. It owns one host LPID, at most one live shadow tree and
 * any number of detached ones.
 *
 * G1  It is found through the xarray under RCU and refcount_inc_not_zero().
 * G2  References: one of the table, one of each vCPU inside, one of each vCPU
 *     that was inside last (nrun->last), one of each hypercall that works on
 *     it, one of each reader.
 * G3  dead is set under mmu_lock together with a bump of inval_seq, and final.
 * G4  The host LPID is released by the last reference, after its table entry is
 *     cleared and flushed.
 * G5  l1_root is 0 from the moment at which L1 says that its entry has changed
 *     until what it is now has been read and published. A vCPU enters, and a
 *     fault installs a leaf, only while it is not 0.
 *
 * A small tree is emptied where it is. Replacing one is O(1) under mmu_lock,
 * whatever its size: the live tree becomes detached and
 * an empty one live. nguest_settle() then publishes whichever tree is live by
 * that time, which flushes, and marks the detached ones quiet; the worker frees
 * those. Without memory for an empty tree the table entry points to a root of
 * zeroes that all guests share, and the next entry makes the tree.
 *
 * Not here: who makes a guest and enters it (nested_enter), limits (nested_limit),
 * faults, what an invalidation covers.
 */
#include <kunit/static_stub.h>
#include <linux/kvm_host.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "gwalk.h"
#include "lpid.h"
#include "nested_guest.h"
#include "nested_vm.h"
#include "nmem.h"
#include "pst.h"

/* A root without translations; hardware only reads it. */
static void *nguest_zero_root;

/**
 * nguest_init() - make what all nested guests share
 *
 * Return: 0 or -ENOMEM.
 */
int nguest_init(void)
{
	nguest_zero_root = pure_zalloc(sizeof(__be64) << RPT_ROOT_BITS);
	return nguest_zero_root ? 0 : -ENOMEM;
}

/**
 * nguest_exit() - free it; harmless if nguest_init() failed or never ran
 */
void nguest_exit(void)
{
	pure_free(nguest_zero_root, sizeof(__be64) << RPT_ROOT_BITS);
	nguest_zero_root = NULL;
}

static hlpid_t nguest_hlpid(const struct kvm_nested_guest *ng)
{
	return make_hlpid(ng->shadow_lpid);
}

/* --- references --------------------------------------------------------- */

/**
 * nguest_get() - find a guest and take a reference
 * @kvm: VM of L1
 * @glpid: L1's name of it
 *
 * Context: Any.
 * Return: the guest, or NULL.
 */
struct kvm_nested_guest *nguest_get(struct kvm *kvm, glpid_t glpid)
{
	struct kvm_nested_vm *nvm;
	struct kvm_nested_guest *ng;

	rcu_read_lock();
	nvm = nvm_rcu(kvm);
	ng = nvm ? xa_load(&nvm->guests, glpid.val) : NULL;
	if (ng && !refcount_inc_not_zero(&ng->refs))
		ng = NULL;
	rcu_read_unlock();
	return ng;
}

/**
 * nguest_get_next() - iterate over the guests of a VM
 * @kvm: VM of L1
 * @glpid: where to start; set to the guest found
 *
 * Context: Any; no lock is held from one guest to the next.
 * Return: the first guest at or after @glpid with a reference, or NULL.
 */
struct kvm_nested_guest *nguest_get_next(struct kvm *kvm, glpid_t *glpid)
{
	struct kvm_nested_vm *nvm;
	struct kvm_nested_guest *ng;
	unsigned long index = glpid->val;

	rcu_read_lock();
	nvm = nvm_rcu(kvm);
	ng = nvm ? xa_find(&nvm->guests, &index, ULONG_MAX, XA_PRESENT) : NULL;
	while (ng && !refcount_inc_not_zero(&ng->refs))
		ng = xa_find_after(&nvm->guests, &index, ULONG_MAX,
				   XA_PRESENT);
	rcu_read_unlock();
	glpid->val = index;
	return ng;
}

/* vCPU tokens of one part of a guest's table of CPUs. */
#define NGUEST_PART	64

static void nguest_free_prev_cpus(struct kvm_nested_guest *ng)
{
	unsigned long index;
	short *part;

	xa_for_each(&ng->prev_cpus, index, part)
		kfree(part);
	xa_destroy(&ng->prev_cpus);
}

/* Another vCPU may make the same part: the first one stays. */
static short *nguest_new_part(struct kvm_nested_guest *ng, unsigned long index)
{
	const size_t bytes = NGUEST_PART * sizeof(short);
	short *part = kmalloc(bytes, GFP_KERNEL_ACCOUNT);
	int err;

	if (!part)
		return NULL;
	memset(part, -1, bytes);
	err = xa_insert(&ng->prev_cpus, index, part, GFP_KERNEL_ACCOUNT);
	if (!err)
		return part;
	kfree(part);
	return err == -EBUSY ? xa_load(&ng->prev_cpus, index) : NULL;
}

/**
 * nguest_prev_cpu() - where the last CPU of an L2 vCPU is remembered
 * @ng: guest with a reference held
 * @token: L1's name of the vCPU
 *
 * Context: Process context, may sleep.
 * Return: the place, which is there as long as the guest; NULL without memory.
 */
short *nguest_prev_cpu(struct kvm_nested_guest *ng, u32 token)
{
	unsigned long index = token / NGUEST_PART;
	short *part = xa_load(&ng->prev_cpus, index);

	if (!part)
		part = nguest_new_part(ng, index);
	return part ? &part[token % NGUEST_PART] : NULL;
}

static void nguest_free(struct kvm_nested_guest *ng)
{
	nguest_free_prev_cpus(ng);
	if (ng->shadow_lpid > 0) {
		lpid_set_entry(nguest_hlpid(ng), 0, 0);
		lpid_free(ng->shadow_lpid);
	}
	mutex_destroy(&ng->pate_mutex);
	kfree_rcu(ng, rcu);
}

/**
 * nguest_put() - give a reference back
 * @ng: guest; not to be used afterwards
 *
 * Context: Process context, may sleep.
 */
void nguest_put(struct kvm_nested_guest *ng)
{
	if (refcount_dec_and_test(&ng->refs))
		nguest_free(ng);
}

/* --- replace and publish ------------------------------------------------ */

static u64 nguest_root_of(const struct pst *pst)
{
	const void *root = pst ? pst->root->pte : nguest_zero_root;

	return rpt_make_root(pure_virt_to_pa(root));
}

/* The live tree becomes detached and @fresh live, in one critical section. */
static void nguest_replace(struct kvm_nested_guest *ng, struct pst *fresh)
{
	struct kvm_nested_vm *nvm = ng->kvm->arch.nested_vm;

	lockdep_assert_held(&ng->kvm->mmu_lock);
	if (ng->live) {
		pst_detach(ng->live);
		list_add_tail(&ng->live->drain, &nvm->drain);
	}
	ng->live = fresh;
}

/*
 * Every detached tree of this guest except the one published just now was out
 * of the table entry before the flush.
 */
static void nguest_quiesce(struct kvm_nested_guest *ng)
{
	struct kvm_nested_vm *nvm = ng->kvm->arch.nested_vm;
	struct pst *pst;

	lockdep_assert_held(&ng->kvm->mmu_lock);
	list_for_each_entry(pst, &nvm->drain, drain) {
		if (pst->hlpid.val == ng->shadow_lpid && pst != ng->published &&
		    pst->state == PST_DETACHED)
			pst_quiesce(pst);
	}
}

/* Publish what is live now; the flush makes detached trees quiet. */
static void nguest_publish(struct kvm_nested_guest *ng)
{
	spinlock_t *lock = &ng->kvm->mmu_lock;
	struct pst *live;
	u64 table, root;

	lockdep_assert_held(&ng->pate_mutex);
	spin_lock(lock);
	live = ng->live;
	root = nguest_root_of(live);
	table = ng->process_table;
	spin_unlock(lock);

	lpid_set_entry(nguest_hlpid(ng), root, table);

	spin_lock(lock);
	ng->published = live;
	nguest_quiesce(ng);
	spin_unlock(lock);
	/* Long, and no business of the CPU on which a vCPU made it. */
	queue_work(system_unbound_wq, &ng->kvm->arch.nested_vm->drain_work);
}

/**
 * nguest_settle() - wait until no CPU can walk a detached tree
 * @ng: guest with a reference held
 *
 * Two invalidations may race: the second finds a new and empty tree while the
 * first has not flushed the old one yet. Both return only after the flush.
 *
 * No tree is what is live of a guest that dies, and what is published of a new
 * one: then who makes it ready may be about to publish a tree that was live for
 * a moment. Only with a live tree is there nobody to wait for.
 *
 * Context: Process context, may sleep.
 */
void nguest_settle(struct kvm_nested_guest *ng)
{
	bool settled;

	spin_lock(&ng->kvm->mmu_lock);
	settled = ng->live && ng->published == ng->live;
	spin_unlock(&ng->kvm->mmu_lock);
	if (settled)
		return;
	mutex_lock(&ng->pate_mutex);
	if (READ_ONCE(ng->published) != READ_ONCE(ng->live))
		nguest_publish(ng);
	mutex_unlock(&ng->pate_mutex);
}

/**
 * nguest_new_tree() - an empty shadow tree that is not live yet
 * @ng: guest that it is for
 *
 * Context: Process context, may sleep.
 * Return: the tree, or NULL without memory.
 */
struct pst *nguest_new_tree(struct kvm_nested_guest *ng)
{
	struct kvm *kvm = ng->kvm;
	struct pst *pst = pst_create(&kvm->mmu_lock, PST_SHADOW,
				     &kvm->arch.nested_vm->account);

	if (pst) {
		pst->hlpid = nguest_hlpid(ng);
		pst->glpid = ng->glpid;
	}
	return pst;
}

/**
 * nguest_discard_tree() - free a tree that hardware has never seen
 * @pst: tree of nguest_new_tree() that did not become live; or NULL
 *
 * Context: Process context, may sleep; takes mmu_lock.
 */
void nguest_discard_tree(struct pst *pst)
{
	struct pst_gather g __uninitialized;

	if (!pst)
		return;
	pst_batch_begin(&g, pst->lock);
	pst_detach(pst);
	pst_quiesce(pst);
	pst_drain_step(pst, 1, &g.doomed);
	pst_batch_end(&g, pst->lock);
	pst_destroy(pst);
}

/**
 * enum nguest_scope - how much of a guest an invalidation forgets
 * @NGUEST_TLB: translations
 * @NGUEST_ENTRY: that, and what L1's table entry said
 */
enum nguest_scope {
	NGUEST_TLB,
	NGUEST_ENTRY,
};

/*
 * Begin an invalidation (S3). A small tree is emptied at once: to replace it
 * costs more, and its tables again in the faults that follow. Says whether there
 * is a tree to replace.
 */
static bool nguest_bump(struct kvm_nested_guest *ng, enum nguest_scope scope)
{
	struct pst_gather g __uninitialized;
	bool large;

	pst_batch_begin(&g, &ng->kvm->mmu_lock);
	/*
	 * G5. Before the new number, whose release orders it: a fault that took
	 * that with the old root would not be stale. Pairs with the acquire in
	 * nflt_snapshot().
	 */
	if (scope == NGUEST_ENTRY)
		WRITE_ONCE(ng->l1_root, 0);
	nguest_begin_inval(ng);
	large = ng->live && pst_nr_leaves(ng->live) &&
		!pst_zap_small(ng->live, &g);
	pst_batch_end(&g, &ng->kvm->mmu_lock);
	return large;
}

static void nguest_drop(struct kvm_nested_guest *ng, enum nguest_scope scope)
{
	struct pst *fresh;

	nvm_count(ng->kvm, NVM_GUEST_INVALS);
	if (nguest_bump(ng, scope)) {
		fresh = nguest_new_tree(ng);
		spin_lock(&ng->kvm->mmu_lock);
		if (!ng->dead) {
			nguest_replace(ng, fresh);
			fresh = NULL;
		}
		spin_unlock(&ng->kvm->mmu_lock);
		nguest_discard_tree(fresh);
	}
	nguest_settle(ng);
}

/**
 * nguest_invalidate() - drop all translations of one guest
 * @ng: guest with a reference held
 *
 * One hold of mmu_lock, of at most 512 leaves, whatever the size of the tree.
 *
 * Context: Process context, may sleep.
 */
void nguest_invalidate(struct kvm_nested_guest *ng)
{
	nguest_drop(ng, NGUEST_TLB);
}

/* --- birth and death ---------------------------------------------------- */

/**
 * nguest_read_entry() - read one entry of L1's partition table
 * @kvm: VM of L1
 * @glpid: L1's name of the guest
 * @entry: what it says; empty if it is outside the table, or in memory that
 *	cannot be read
 *
 * L1's register may have been set by user space without any check: the size is
 * looked at here, on each use.
 *
 * Context: Process context, may sleep; no lock is held.
 * Return: 0; -EINTR if a signal came before the page.
 */
int nguest_read_entry(struct kvm *kvm, glpid_t glpid, struct nguest_entry *entry)
{
	u64 ptcr = READ_ONCE(kvm->arch.l1_ptcr);
	struct patb_entry raw;
	u64 addr;
	int err;

	KUNIT_STATIC_STUB_REDIRECT(nguest_read_entry, kvm, glpid, entry);
	*entry = (struct nguest_entry){};
	if (!ptcr || gwalk_table_entry(ptcr, glpid.val, &addr))
		return 0;
	err = nmem_read(kvm, addr, &raw, sizeof(raw));
	if (err)
		return err == -EINTR ? err : 0;
	entry->root = be64_to_cpu(raw.patb0);
	entry->process_table = be64_to_cpu(raw.patb1);
	return 0;
}

/* What hardware gets to see of L1's second doubleword: base and size only. */
static u64 nguest_process_table(u64 dw1)
{
	if (FIELD_GET(RPT_TABLE_SIZE, dw1) > RPT_TABLE_MAX_SIZE)
		return RPT_TABLE_GR;
	return RPT_TABLE_GR | (dw1 & (RPT_TABLE_BASE | RPT_TABLE_SIZE));
}

/*
 * No vCPU shall keep a dead guest and its host LPID because it was there last.
 * One that is inside looks at dead when it leaves: nguest_leave().
 */
static void nguest_forget(struct kvm_nested_vm *nvm,
			  struct kvm_nested_guest *ng)
{
	struct nrun *run;

	mutex_lock(&nvm->runs_lock);
	list_for_each_entry(run, &nvm->runs, node) {
		if (cmpxchg(&run->last, ng, NULL) == ng)
			nguest_put(ng);
	}
	mutex_unlock(&nvm->runs_lock);
}

/**
 * nguest_is_idle() - nobody is inside a guest or works on it
 * @ng: guest with a reference held
 *
 * An answer of the past: a vCPU may enter at any time.
 *
 * Context: Process context, may sleep.
 * Return: whether only the table, the caller and vCPUs that have left refer to
 * the guest.
 */
bool nguest_is_idle(struct kvm_nested_guest *ng)
{
	struct kvm_nested_vm *nvm = ng->kvm->arch.nested_vm;
	unsigned int idle = 2;
	struct nrun *run;

	mutex_lock(&nvm->runs_lock);
	list_for_each_entry(run, &nvm->runs, node)
		idle += READ_ONCE(run->last) == ng;
	mutex_unlock(&nvm->runs_lock);
	return refcount_read(&ng->refs) <= idle;
}

/**
 * nguest_count_inside() - vCPUs that run a guest
 * @ng: guest with a reference held
 *
 * Context: Process context.
 * Return: how many have its state loaded, at the moment.
 */
unsigned int nguest_count_inside(struct kvm_nested_guest *ng)
{
	struct kvm_vcpu *vcpu;
	unsigned int n = 0;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, ng->kvm)
		n += READ_ONCE(vcpu->arch.nested) == ng;
	return n;
}

/**
 * nguest_kill() - a guest is no more
 * @ng: guest with a reference held; vCPUs inside leave it at the next fault
 *
 * Its translations are gone and flushed when this returns. L1 may enter the
 * same LPID again, which makes a new guest.
 *
 * Context: Process context, may sleep.
 */
void nguest_kill(struct kvm_nested_guest *ng)
{
	struct kvm_nested_vm *nvm = ng->kvm->arch.nested_vm;
	bool first;

	spin_lock(&ng->kvm->mmu_lock);
	first = !ng->dead;
	nguest_begin_inval(ng);
	WRITE_ONCE(ng->dead, true);
	ng->l1_root = 0;
	nguest_replace(ng, NULL);
	spin_unlock(&ng->kvm->mmu_lock);

	if (first)
		nvm_count(ng->kvm, NVM_KILLS);
	nguest_settle(ng);
	nguest_forget(nvm, ng);
	if (first && xa_cmpxchg(&nvm->guests, ng->glpid.val, ng, NULL, 0) == ng)
		nguest_put(ng);
}

/**
 * nguest_is_ready() - can a vCPU enter without a look at L1's table (G5)
 * @ng: guest with a reference held
 *
 * Context: Any.
 * Return: whether its entry is known and its live tree is the published one.
 */
bool nguest_is_ready(const struct kvm_nested_guest *ng)
{
	/*
	 * G5. Who sees the root sees what was published before it. Pairs with
	 * the release in nguest_make_ready().
	 */
	return smp_load_acquire(&ng->l1_root) && READ_ONCE(ng->live) &&
	       READ_ONCE(ng->published) == READ_ONCE(ng->live);
}

/* Whether L1 has invalidated nothing since @seq was read. */
static bool nguest_is_current(const struct kvm_nested_guest *ng, u64 seq)
{
	lockdep_assert_held(&ng->kvm->mmu_lock);
	return !ng->dead && ng->inval_seq == seq;
}

/*
 * G5. An invalidation since the first look at @seq may mean that L1 has changed
 * what was published; most do not, and then there is nothing to publish when
 * the entry is read again.
 */
static int nguest_make_ready(struct kvm_nested_guest *ng, u64 seq, u64 root)
{
	bool current_entry;

	spin_lock(&ng->kvm->mmu_lock);
	current_entry = nguest_is_current(ng, seq);
	if (current_entry) {
		/* What was published comes before: nguest_is_ready(). */
		smp_store_release(&ng->l1_root, root);
	}
	spin_unlock(&ng->kvm->mmu_lock);
	return current_entry ? 0 : -EAGAIN;
}

/**
 * nguest_commit() - take over an entry of L1's table that was read, and publish it
 * @ng: guest with a reference held
 * @seq: its inval_seq before the entry was read
 * @entry: what was read
 * @fresh: tree to become live if there is none; NULL afterwards if it did
 *
 * Context: Process context, may sleep; pate_mutex held; takes mmu_lock.
 * Return: 0; -EAGAIN if L1 has invalidated since.
 */
int nguest_commit(struct kvm_nested_guest *ng, u64 seq,
		  const struct nguest_entry *entry, struct pst **fresh)
{
	u64 table = nguest_process_table(entry->process_table);
	bool publish, current_entry;

	lockdep_assert_held(&ng->pate_mutex);
	spin_lock(&ng->kvm->mmu_lock);
	current_entry = nguest_is_current(ng, seq);
	if (current_entry && !ng->live)
		swap(ng->live, *fresh);
	publish = current_entry && (ng->published != ng->live ||
				    ng->process_table != table);
	if (current_entry)
		ng->process_table = table;
	spin_unlock(&ng->kvm->mmu_lock);
	if (!current_entry)
		return -EAGAIN;
	if (publish)
		nguest_publish(ng);
	return nguest_make_ready(ng, seq, entry->root);
}

/**
 * nguest_reload() - L1 may have changed its table entry: look again
 * @ng: guest with a reference held
 *
 * All translations go first. Until the entry is read, the root is unknown and
 * faults leave L2; so a concurrent reload cannot bring the old root back.
 *
 * If a signal comes before the page that the entry is in, a guest whose entry is
 * empty lives on without translations, until it is entered or evicted.
 *
 * Context: Process context, may sleep.
 */
void nguest_reload(struct kvm_nested_guest *ng)
{
	struct nguest_entry entry;

	nvm_count(ng->kvm, NVM_RELOADS);
	nguest_drop(ng, NGUEST_ENTRY);
	if (!nguest_read_entry(ng->kvm, ng->glpid, &entry) && !entry.root)
		nguest_kill(ng);
}

/**
 * nguest_kill_all() - drop every nested guest of a VM
 * @kvm: VM; vCPUs may be inside its guests and leave them at the next fault
 *
 * Context: Process context, may sleep.
 */
void nguest_kill_all(struct kvm *kvm)
{
	struct kvm_nested_guest *ng;
	glpid_t glpid = make_glpid(0);

	/*
	 * The register that the caller has set comes before the look at the
	 * guests. Pairs with the barrier in nguest_prepare().
	 */
	smp_mb();
	for (; (ng = nguest_get_next(kvm, &glpid)); glpid.val++) {
		nguest_kill(ng);
		nguest_put(ng);
		cond_resched();
	}
}

/* --- now and then ------------------------------------------------------- */

/* Operations between two audits of a tree. */
#define NGUEST_PROVE_EVERY	64

/**
 * nguest_prove() - audit the live tree now and then
 * @ng: guest with a reference held, after an operation on its tree
 *
 * Only with CONFIG_KVM_BOOK3S_HV_NESTED_PROVE: a broken invariant ends the VM.
 * An audit looks at every entry, so it is not done after each operation.
 *
 * Context: Process context; takes mmu_lock.
 */
void nguest_prove(struct kvm_nested_guest *ng)
{
	static atomic_t operations;
	enum pst_fault fault = PST_SOUND;

	if (!IS_ENABLED(CONFIG_KVM_BOOK3S_HV_NESTED_PROVE) ||
	    atomic_inc_return(&operations) % NGUEST_PROVE_EVERY)
		return;
	spin_lock(&ng->kvm->mmu_lock);
	if (ng->live)
		fault = pst_audit(ng->live);
	spin_unlock(&ng->kvm->mmu_lock);
	KVM_BUG_ON(fault, ng->kvm);
}
