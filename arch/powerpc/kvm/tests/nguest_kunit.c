// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of nested guests, with the real reference counts, xarray, RCU,
 * worker, shrinker, LPIDs and flushes. The VM is a bare struct kvm without
 * memory, its vCPUs never run; L1's partition table is life_roots.
 *
 * Needs KVM-HV to be up, on bare metal or below a parent.
 */
#include <kunit/static_stub.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/kvm_host.h>
#include <linux/shrinker.h>

#include <asm/kvm_ppc.h>

#include "nested/lpid_backend.h"
#include "nested/nested_enter.h"
#include "nested/nested_guest.h"
#include "nested/nested_inval.h"
#include "nested/nested_limit.h"
#include "nested/nested_vm.h"
#include "nested/ninv.h"
#include "nested/nrmap.h"
#include "nested/radix_fault.h"
#include "nested_test.h"

#define LIFE_GUESTS	8
#define LIFE_VCPUS	3
#define LIFE_ROOT	0x40000000000100adULL

static struct kvm *life_kvm;
static struct nrun *life_run[LIFE_VCPUS];
static struct kvm_vcpu *life_vcpu[LIFE_VCPUS];
static u64 life_roots[LIFE_GUESTS];
static u64 life_table;
static unsigned int life_lpids;
static unsigned int life_reserve;

static int life_read_entry(struct kvm *kvm, glpid_t glpid,
			   struct nguest_entry *entry)
{
	*entry = (struct nguest_entry){
		.root = glpid.val < LIFE_GUESTS ?
			READ_ONCE(life_roots[glpid.val]) : 0,
		.process_table = life_table,
	};
	return 0;
}

static struct nrun *life_new_run(struct kunit *test, struct kvm_nested_vm *nvm)
{
	struct nrun *run = kzalloc(sizeof(*run), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, run);
	kvm_gpc_init(&run->state_buf.gpc, life_kvm);
	kvm_gpc_init(&run->regs_buf.gpc, life_kvm);
	mutex_lock(&nvm->runs_lock);
	list_add(&run->node, &nvm->runs);
	mutex_unlock(&nvm->runs_lock);
	return run;
}

static void life_new_vcpu(struct kunit *test, unsigned int i)
{
	life_vcpu[i] = kunit_kzalloc(test, sizeof(*life_vcpu[i]), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, life_vcpu[i]);
	KUNIT_ASSERT_FALSE(test, xa_err(xa_store(&life_kvm->vcpu_array, i,
						 life_vcpu[i], GFP_KERNEL)));
	atomic_inc(&life_kvm->online_vcpus);
}

static void life_new_kvm(struct kunit *test)
{
	struct kvm *kvm = kvzalloc(sizeof(*kvm), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, kvm);
	spin_lock_init(&kvm->mmu_lock);
	spin_lock_init(&kvm->gpc_lock);
	mutex_init(&kvm->arch.mmu_setup_lock);
	INIT_LIST_HEAD(&kvm->gpc_list);
	xa_init(&kvm->vcpu_array);
	rcu_assign_pointer(kvm->memslots[0], &kvm->__memslots[0][0]);
	kvm->arch.radix = 1;
	kvm->arch.nested_enable = true;
	if (init_srcu_struct(&kvm->srcu)) {
		kvfree(kvm);
		kunit_skip(test, "no memory");
	}
	life_kvm = kvm;
}

static int life_begin(struct kunit *test)
{
	struct kvm_nested_vm *nvm;
	unsigned int i;

	test_begin(test);
	if (!kvmppc_hv_ops || !radix_enabled())
		kunit_skip(test, "KVM-HV is not up on this machine");
	life_lpids = atomic_read(&lpid_nested);
	life_reserve = nested_lpid_reserve;
	life_new_kvm(test);
	nvm = nvm_get_or_create(life_kvm);
	KUNIT_ASSERT_NOT_NULL(test, nvm);
	for (i = 0; i < LIFE_VCPUS; i++) {
		life_run[i] = life_new_run(test, nvm);
		life_new_vcpu(test, i);
	}
	for (i = 0; i < LIFE_GUESTS; i++)
		life_roots[i] = i ? LIFE_ROOT : 0;
	life_table = 0;
	kunit_activate_static_stub(test, nguest_read_entry, life_read_entry);
	return 0;
}

/* Whatever a test did: all is given back (L11, G4, M1). */
static void life_end(struct kunit *test)
{
	if (!life_kvm)
		return;
	nested_lpid_reserve = life_reserve;
	kvmhv_release_all_nested(life_kvm);
	EXPECT(!life_kvm->arch.nested_vm);
	EXPECT_EQ(atomic_read(&lpid_nested), life_lpids);
	xa_destroy(&life_kvm->vcpu_array);
	cleanup_srcu_struct(&life_kvm->srcu);
	kvfree(life_kvm);
	life_kvm = NULL;
	test_end(test);
}

static struct kvm_nested_vm *life_nvm(void)
{
	return life_kvm->arch.nested_vm;
}

static long life_stat(enum nvm_stat stat)
{
	return nvm_stat_sum(life_nvm(), stat);
}

static int life_try_enter(unsigned int vcpu, u32 glpid,
			  struct kvm_nested_guest **ng)
{
	life_run[vcpu]->hv.lpid = glpid;
	return nguest_enter(life_kvm, life_run[vcpu], ng);
}

static struct kvm_nested_guest *life_enter(struct kunit *test,
					   unsigned int vcpu, u32 glpid)
{
	struct kvm_nested_guest *ng = NULL;

	KUNIT_ASSERT_EQ(test, life_try_enter(vcpu, glpid, &ng), 0);
	life_vcpu[vcpu]->arch.nested = ng;
	return ng;
}

static void life_leave(unsigned int vcpu, struct kvm_nested_guest *ng)
{
	life_vcpu[vcpu]->arch.nested = NULL;
	nguest_leave(life_run[vcpu], ng);
}

/* Enter and leave. */
static void life_visit(struct kunit *test, unsigned int vcpu, u32 glpid)
{
	life_leave(vcpu, life_enter(test, vcpu, glpid));
}

/* As if it had been entered long ago. */
static void life_age(struct kunit *test, u32 glpid)
{
	struct kvm_nested_guest *ng = nguest_get(life_kvm, make_glpid(glpid));

	KUNIT_ASSERT_NOT_NULL(test, ng);
	ng->last_run -= 100 * HZ;
	nguest_put(ng);
}

static enum pst_result life_map_leaf(struct pst *pst, u64 addr,
				     const struct pst_leaf *leaf,
				     struct hlist_head *head,
				     struct pst_mem *mem)
{
	enum pst_result r;

	spin_lock(&life_kvm->mmu_lock);
	r = pst_map(pst, addr, leaf, head, mem);
	spin_unlock(&life_kvm->mmu_lock);
	return r;
}

/* As a fault does, without a look at what is below. */
static bool life_map(struct kvm_nested_guest *ng, u64 addr,
		     struct hlist_head *head)
{
	struct pst_leaf leaf = { .pa = 0x10000, .shift = PAGE_SHIFT,
				 .attrs = RPT_R | RPT_REF };
	struct pst_mem mem = { .kind = PST_SHADOW,
			       .account = &life_nvm()->account };
	enum pst_result r;

	do {
		spin_lock(&life_kvm->mmu_lock);
		r = ng->live && !ng->dead ?
		    pst_map(ng->live, addr, &leaf, head, &mem) : PST_BLOCKED;
		spin_unlock(&life_kvm->mmu_lock);
	} while (r == PST_NO_TABLE && !pst_mem_fill(&mem, leaf.shift));
	pst_mem_release(&mem);
	return r == PST_MAPPED;
}

/* More leaves than one hold of mmu_lock removes, and than one of the worker. */
static void life_map_many(struct kvm_nested_guest *ng, struct hlist_head *head)
{
	unsigned int i;

	for (i = 0; i < 1500; i++)
		EXPECT(life_map(ng, (u64)i << PAGE_SHIFT, head));
}

/* --- birth -------------------------------------------------------------- */

TEST(nguest_is_made_once_and_found_again)
{
	struct kvm_nested_guest *a = life_enter(test, 0, 1);
	struct kvm_nested_guest *b = life_enter(test, 1, 1);

	EXPECT(a == b);
	EXPECT(a->shadow_lpid > 0);
	EXPECT_EQ(refcount_read(&a->refs), 3);
	EXPECT_EQ(nlimit_count_guests(life_kvm), 1);
	EXPECT_EQ(atomic_read(&lpid_nested), life_lpids + 1);
	EXPECT(a->live && a->published == a->live);
	life_leave(0, a);
	life_leave(1, b);
	/* Who has left remembers it, and comes back without a lookup. */
	EXPECT_EQ(refcount_read(&a->refs), 3);
	EXPECT(life_enter(test, 0, 1) == a);
	EXPECT_EQ(refcount_read(&a->refs), 3);
	life_leave(0, a);
}

TEST(nguest_of_an_empty_entry_is_refused_and_costs_no_lpid)
{
	struct kvm_nested_guest *ng;

	life_roots[3] = 0;
	EXPECT_EQ(life_try_enter(0, 3, &ng), -ENOENT);
	EXPECT_EQ(life_try_enter(0, 4095, &ng), -ENOENT);
	EXPECT_EQ(nlimit_count_guests(life_kvm), 0);
	EXPECT_EQ(atomic_read(&lpid_nested), life_lpids);
}

/* A pool that gives no memory from the n-th time on. */
static unsigned int life_zallocs;

static void *life_no_memory(size_t size)
{
	struct kunit *test = kunit_get_current_test();
	void *mem;

	if (!life_zallocs)
		return NULL;
	life_zallocs--;
	kunit_deactivate_static_stub(test, pure_zalloc);
	mem = pure_zalloc(size);
	kunit_activate_static_stub(test, pure_zalloc, life_no_memory);
	return mem;
}

TEST(nguest_without_memory_is_refused_and_can_be_tried_again)
{
	struct kvm_nested_guest *ng;
	unsigned int n;
	int err;

	for (n = 0; n < 20; n++) {
		test_row("%u allocations", n);
		life_zallocs = n;
		kunit_activate_static_stub(test, pure_zalloc, life_no_memory);
		err = life_try_enter(0, 1, &ng);
		kunit_deactivate_static_stub(test, pure_zalloc);
		if (!err)
			break;
		EXPECT_EQ(err, -ENOMEM);
		EXPECT_EQ(atomic_long_read(&life_nvm()->account.tables), 0);
	}
	/* A tree and its root: the structure, the table, two arrays. */
	EXPECT_EQ(n, 4);
	life_leave(0, life_enter(test, 1, 1));
	life_leave(1, ng);
}

TEST(nguest_invalidation_without_memory_drops_all_the_same)
{
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);
	struct hlist_head head = {};

	life_map_many(ng, &head);
	life_zallocs = 0;
	kunit_activate_static_stub(test, pure_zalloc, life_no_memory);
	nguest_invalidate(ng);
	kunit_deactivate_static_stub(test, pure_zalloc);
	EXPECT(!ng->live && !ng->published);
	nvm_drain_now(life_nvm());
	EXPECT(hlist_empty(&head));
	EXPECT_EQ(atomic_long_read(&life_nvm()->account.tables), 0);
	life_leave(0, ng);
	/* The next entry makes the tree. */
	EXPECT(life_enter(test, 0, 1) == ng);
	EXPECT(ng->live && ng->published == ng->live);
	life_leave(0, ng);
}

/* What is published, and whether another vCPU could enter meanwhile. */
static struct {
	struct kvm_nested_guest *ng;
	unsigned int calls;
	u64 table;
	u64 l1_root;
	bool invalidate;
} life_pate;

static void life_set_entry(hlpid_t lpid, u64 dw0, u64 dw1)
{
	struct kvm_nested_guest *ng = life_pate.ng;

	life_pate.calls++;
	life_pate.table = dw1;
	spin_lock(&life_kvm->mmu_lock);
	life_pate.l1_root = ng->l1_root;
	if (life_pate.invalidate)
		nguest_begin_inval(ng);
	spin_unlock(&life_kvm->mmu_lock);
}

/* L1 has another process table for a guest, and has told L0. */
static struct kvm_nested_guest *life_change_table(struct kunit *test)
{
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);

	life_leave(0, ng);
	life_table = 0x10000;
	nguest_reload(ng);
	EXPECT_EQ(ng->l1_root, 0);
	memset(&life_pate, 0, sizeof(life_pate));
	life_pate.ng = ng;
	kunit_activate_static_stub(test, lpid_set_entry, life_set_entry);
	return ng;
}

/* G5 */
TEST(nguest_is_ready_only_when_its_entry_is_published)
{
	struct kvm_nested_guest *ng = life_change_table(test);

	life_leave(1, life_enter(test, 1, 1));
	kunit_deactivate_static_stub(test, lpid_set_entry);
	EXPECT_EQ(life_pate.calls, 1);
	EXPECT_EQ(life_pate.table & RPT_TABLE_BASE, 0x10000);
	EXPECT_EQ(life_pate.l1_root, 0);
	EXPECT_EQ(ng->l1_root, LIFE_ROOT);
}

TEST(nguest_is_not_ready_if_L1_invalidates_while_it_is_published)
{
	struct kvm_nested_guest *ng = life_change_table(test), *found;

	life_pate.invalidate = true;
	EXPECT_EQ(life_try_enter(1, 1, &found), -EAGAIN);
	EXPECT_EQ(life_pate.calls, 1);
	EXPECT_EQ(ng->l1_root, 0);
	/* What was published is still right: nothing is published again. */
	life_leave(1, life_enter(test, 1, 1));
	kunit_deactivate_static_stub(test, lpid_set_entry);
	EXPECT_EQ(life_pate.calls, 1);
	EXPECT_EQ(ng->l1_root, LIFE_ROOT);
}

/* --- death -------------------------------------------------------------- */

TEST(nguest_lpid_goes_with_the_last_reference_only)
{
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);

	nguest_kill(ng);
	EXPECT(!nguest_get(life_kvm, make_glpid(1)));
	EXPECT_EQ(nlimit_count_guests(life_kvm), 0);
	EXPECT_EQ(refcount_read(&ng->refs), 1);
	EXPECT_EQ(atomic_read(&lpid_nested), life_lpids + 1);
	life_leave(0, ng);
	EXPECT(!life_run[0]->last);
	EXPECT_EQ(atomic_read(&lpid_nested), life_lpids);
}

TEST(nguest_that_only_vcpus_outside_remember_is_freed_when_killed)
{
	struct kvm_nested_guest *ng;

	life_visit(test, 0, 1);
	life_visit(test, 1, 1);
	ng = nguest_get(life_kvm, make_glpid(1));
	KUNIT_ASSERT_NOT_NULL(test, ng);
	EXPECT(nguest_is_idle(ng));
	nguest_kill(ng);
	EXPECT(!life_run[0]->last && !life_run[1]->last);
	nguest_put(ng);
	EXPECT_EQ(atomic_read(&lpid_nested), life_lpids);
}

TEST(nguest_dead_one_is_replaced_by_a_new_one)
{
	struct kvm_nested_guest *old = life_enter(test, 0, 1), *new;

	nguest_kill(old);
	new = life_enter(test, 1, 1);
	EXPECT(new != old);
	EXPECT(!new->dead && old->dead);
	EXPECT(new->shadow_lpid != old->shadow_lpid);
	life_leave(1, new);
	life_leave(0, old);
}

/* G1: between the last reference and the end of a grace period. */
TEST(nguest_without_references_is_not_found)
{
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);
	glpid_t glpid = make_glpid(0);

	refcount_set(&ng->refs, 0);
	EXPECT(!nguest_get(life_kvm, make_glpid(1)));
	EXPECT(!nguest_get_next(life_kvm, &glpid));
	refcount_set(&ng->refs, 2);
	life_leave(0, ng);
}

TEST(nguest_dies_when_L1_has_emptied_its_entry)
{
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);
	struct hlist_head head = {};

	EXPECT(life_map(ng, 0, &head));
	nguest_reload(ng);
	EXPECT(!ng->dead);
	EXPECT_EQ(ng->l1_root, 0);
	EXPECT_EQ(pst_nr_leaves(ng->live), 0);
	life_roots[1] = 0;
	nguest_reload(ng);
	EXPECT(ng->dead && !ng->live);
	life_leave(0, ng);
	nvm_drain_now(life_nvm());
	EXPECT(hlist_empty(&head));
	EXPECT_EQ(atomic_read(&lpid_nested), life_lpids);
}

TEST(nguest_release_gives_back_what_was_mapped)
{
	struct hlist_head head[LIFE_GUESTS] = {};
	struct kvm_nested_guest *ng;
	unsigned int i;

	for (i = 1; i < LIFE_GUESTS; i++) {
		ng = life_enter(test, i % LIFE_VCPUS, i);
		EXPECT(life_map(ng, (u64)i << 30, &head[i]));
		life_leave(i % LIFE_VCPUS, ng);
	}
	nguest_kill_all(life_kvm);
	nvm_drain_now(life_nvm());
	for (i = 1; i < LIFE_GUESTS; i++)
		EXPECT(hlist_empty(&head[i]));
	EXPECT_EQ(life_stat(NVM_KILLS), LIFE_GUESTS - 1);
	EXPECT_EQ(atomic_long_read(&life_nvm()->account.tables), 0);
	EXPECT_EQ(atomic_long_read(&life_nvm()->account.bytes), 0);
	EXPECT_EQ(atomic_read(&lpid_nested), life_lpids);
}

/* --- invalidation ------------------------------------------------------- */

TEST(nguest_invalidation_replaces_the_tree_and_the_worker_frees_it)
{
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);
	struct pst *before = ng->live;
	struct hlist_head head = {};
	u64 seq;

	life_map_many(ng, &head);
	seq = ng->inval_seq;
	nguest_invalidate(ng);
	EXPECT(ng->live && ng->live != before);
	EXPECT(ng->published == ng->live);
	EXPECT(ng->inval_seq > seq);
	EXPECT_EQ(pst_nr_leaves(ng->live), 0);
	nvm_drain_now(life_nvm());
	EXPECT(hlist_empty(&head));
	EXPECT(list_empty(&life_nvm()->drain));
	EXPECT_EQ(atomic_long_read(&life_nvm()->account.tables), 1);
	life_leave(0, ng);
}

TEST(nguest_invalidation_empties_a_small_tree_and_keeps_it)
{
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);
	struct pst *before = ng->live;
	struct hlist_head head = {};
	u64 seq = ng->inval_seq;

	EXPECT(life_map(ng, 0, &head));
	nguest_invalidate(ng);
	EXPECT(hlist_empty(&head));
	EXPECT(ng->live == before && ng->published == before);
	EXPECT(ng->inval_seq > seq);
	EXPECT_EQ(pst_nr_leaves(before), 0);
	EXPECT_EQ(atomic_long_read(&life_nvm()->account.tables), 4);
	life_leave(0, ng);
}

TEST(nguest_invalidation_of_an_empty_tree_keeps_it)
{
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);
	struct pst *before = ng->live;
	u64 seq = ng->inval_seq;

	nguest_invalidate(ng);
	EXPECT(ng->live == before);
	EXPECT(ng->inval_seq > seq);
	life_leave(0, ng);
}

/* --- limits ------------------------------------------------------------- */

TEST(nguest_idle_longest_makes_room_for_one_more)
{
	struct kvm_nested_guest *b, *c, *ng;

	EXPECT_EQ(nlimit_set(life_kvm, NLIMIT_GUESTS, 2), 0);
	life_visit(test, 0, 1);
	life_visit(test, 1, 2);
	life_age(test, 1);
	c = life_enter(test, 2, 3);
	EXPECT_EQ(life_stat(NVM_EVICTED_GUESTS), 1);
	EXPECT(!nguest_get(life_kvm, make_glpid(1)));
	b = life_enter(test, 1, 2);
	/* Both are busy now. */
	EXPECT_EQ(life_try_enter(0, 1, &ng), -ENOMEM);
	EXPECT_EQ(life_stat(NVM_REFUSALS), 1);
	EXPECT_EQ(life_stat(NVM_EVICTED_GUESTS), 1);
	EXPECT_EQ(nlimit_count_guests(life_kvm), 2);
	/* Who has left but is being looked at will be idle in a moment. */
	life_leave(1, b);
	b = nguest_get(life_kvm, make_glpid(2));
	EXPECT_EQ(life_try_enter(0, 1, &ng), -EAGAIN);
	EXPECT_EQ(life_stat(NVM_REFUSALS), 1);
	nguest_put(b);
	b = life_enter(test, 1, 2);
	life_leave(1, b);
	life_leave(2, c);
	life_visit(test, 0, 1);
	EXPECT_EQ(nlimit_count_guests(life_kvm), 2);
}

TEST(nguest_limits_of_a_vm_that_cannot_nest_are_refused)
{
	EXPECT_EQ(nlimit_set(life_kvm, NLIMIT_GUESTS, 4097), -ERANGE);
	EXPECT_EQ(nlimit_set(life_kvm, NLIMIT_GUESTS, 4096), 0);
	EXPECT_EQ(nlimit_max_guests(life_kvm), 4096);
	EXPECT_EQ(nlimit_set(life_kvm, NLIMIT_QUOTA, 12345), 0);
	EXPECT_EQ(nlimit_quota(life_kvm), 12345);
	life_kvm->arch.nested_enable = false;
	EXPECT_EQ(nlimit_set(life_kvm, NLIMIT_QUOTA, 1), -EINVAL);
	life_kvm->arch.nested_enable = true;
	life_kvm->arch.radix = 0;
	EXPECT_EQ(nlimit_set(life_kvm, NLIMIT_QUOTA, 1), -EINVAL);
	life_kvm->arch.radix = 1;
	EXPECT_EQ(nlimit_quota(life_kvm), 12345);
}

static unsigned int life_lpid_pool(void)
{
	return BIT(cpu_has_feature(CPU_FTR_HVMODE) ? mmu_lpid_bits :
						     KVM_NESTED_LPID_BITS) - 1;
}

TEST(nguest_lpids_leave_a_reserve_for_vms)
{
	struct kvm_nested_guest *a, *b, *ng;
	long lpid;

	nested_lpid_reserve = life_lpid_pool() - life_lpids - 2;
	life_visit(test, 0, 1);
	life_visit(test, 1, 2);
	life_age(test, 1);
	/* The third recycles an idle one's. */
	a = life_enter(test, 2, 3);
	EXPECT_EQ(life_stat(NVM_EVICTED_GUESTS), 1);
	EXPECT_EQ(atomic_read(&lpid_nested), life_lpids + 2);
	b = life_enter(test, 0, 1);
	EXPECT_EQ(life_stat(NVM_EVICTED_GUESTS), 2);
	EXPECT_EQ(life_try_enter(1, 2, &ng), -ENOMEM);
	EXPECT_EQ(life_stat(NVM_REFUSALS), 1);
	/* A VM may start all the same. */
	lpid = kvmppc_alloc_lpid();
	EXPECT(lpid > 0);
	kvmppc_free_lpid(lpid);
	life_leave(2, a);
	life_leave(0, b);
}

static unsigned long life_shrink(unsigned long nr)
{
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL,
				     .nr_to_scan = nr };

	return nlimit_shrinker->scan_objects(nlimit_shrinker, &sc);
}

TEST(nguest_shrinker_takes_the_oldest_tables)
{
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL };
	struct hlist_head head[2] = {};
	unsigned long n;

	EXPECT(life_map(ng, 0, &head[0]));
	EXPECT(life_map(ng, 1UL << 30, &head[1]));
	n = nlimit_shrinker->count_objects(nlimit_shrinker, &sc);
	/* All but the root, which stays. */
	EXPECT_EQ(n, 5);
	/* Whose lock is held by another is left alone. */
	spin_lock(&life_kvm->mmu_lock);
	EXPECT_EQ(life_shrink(1), 0);
	spin_unlock(&life_kvm->mmu_lock);
	/* The worker, if it runs late, is such another. */
	nvm_drain_now(life_nvm());
	EXPECT_EQ(life_shrink(1), 1);
	EXPECT(hlist_empty(&head[0]));
	EXPECT(!hlist_empty(&head[1]));
	EXPECT_EQ(life_shrink(100), 1);
	EXPECT(hlist_empty(&head[1]));
	EXPECT_EQ(atomic_long_read(&life_nvm()->account.tables), 1);
	EXPECT_EQ(nlimit_shrinker->count_objects(nlimit_shrinker, &sc),
		  SHRINK_EMPTY);
	/* Translations came back: shadow state is a TLB. */
	EXPECT(life_map(ng, 0, &head[0]));
	life_leave(0, ng);
}

TEST(nguest_shrinker_goes_from_one_guest_to_the_next)
{
	struct kvm_nested_guest *ng[LIFE_VCPUS];
	struct hlist_head head = {};
	unsigned int i, left;

	for (i = 0; i < LIFE_VCPUS; i++) {
		ng[i] = life_enter(test, i, 1 + i);
		EXPECT(life_map(ng[i], 0, &head));
		EXPECT(life_map(ng[i], 1UL << 30, &head));
	}
	/* From no guest a second one before each has given one. */
	for (left = 2; left--;) {
		EXPECT_EQ(life_shrink(LIFE_VCPUS), LIFE_VCPUS);
		for (i = 0; i < LIFE_VCPUS; i++)
			EXPECT_EQ(pst_nr_leaves(ng[i]->live), left);
	}
	for (i = 0; i < LIFE_VCPUS; i++)
		life_leave(i, ng[i]);
}

TEST(nguest_vm_nests_or_is_secure_but_not_both)
{
	EXPECT_EQ(kvmhv_claim_secure(life_kvm), -EBUSY);
	EXPECT_EQ(life_kvm->arch.secure_guest, 0);
	EXPECT_EQ(kvmhv_claim_nesting(life_kvm), 0);
	life_kvm->arch.nested_enable = false;
	EXPECT_EQ(kvmhv_claim_secure(life_kvm), 0);
	EXPECT(life_kvm->arch.secure_guest & KVMPPC_SECURE_INIT_START);
	EXPECT_EQ(kvmhv_claim_nesting(life_kvm), -EBUSY);
	EXPECT(!life_kvm->arch.nested_enable);
	life_kvm->arch.secure_guest |= KVMPPC_SECURE_INIT_DONE;
	EXPECT_EQ(kvmhv_claim_nesting(life_kvm), -EBUSY);
	life_kvm->arch.secure_guest = 0;
	EXPECT_EQ(kvmhv_claim_nesting(life_kvm), 0);
}

/* --- what the host does with L1's memory -------------------------------- */

#define HOST_FRAMES	64
#define HOST_ALIASES	20

/* A memslot at 0 that the VM's own tree maps by leaves of one size. */
static struct kvm_memory_slot *host_begin(struct kunit *test,
					  unsigned long frames,
					  unsigned int shift)
{
	struct kvm_memory_slot *slot = kunit_kzalloc(test, sizeof(*slot),
						     GFP_KERNEL);
	struct pst_mem mem = { .kind = PST_HOST };
	struct pst_leaf leaf = { .attrs = RPT_PROT | RPT_RC, .shift = shift };
	struct pst *own;
	u64 gpa;

	KUNIT_ASSERT_NOT_NULL(test, slot);
	slot->npages = frames;
	slot->arch.rmap = kunit_kcalloc(test, frames, sizeof(long), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, slot->arch.rmap);
	life_kvm->arch.lpid = kvmppc_alloc_lpid();
	KUNIT_ASSERT_EQ(test, kvmppc_init_vm_radix(life_kvm), 0);
	own = life_kvm->arch.pst;
	mem.account = own->account;
	for (gpa = 0; gpa < frames << PAGE_SHIFT; gpa += BIT(shift)) {
		leaf.pa = gpa;
		while (life_map_leaf(own, gpa, &leaf, NULL, &mem) ==
		       PST_NO_TABLE)
			if (pst_mem_fill(&mem, leaf.shift))
				break;
	}
	pst_mem_release(&mem);
	EXPECT_EQ(pst_nr_leaves(own), frames >> (shift - PAGE_SHIFT));
	return slot;
}

static void host_end(void)
{
	nguest_kill_all(life_kvm);
	nvm_drain_now(life_nvm());
	kvmppc_free_radix(life_kvm);
	kvmppc_free_lpid(life_kvm->arch.lpid);
}

static struct hlist_head *host_head(struct kvm_memory_slot *slot, gfn_t gfn)
{
	return nrmap_head(&slot->arch.rmap[gfn]);
}

/* Each frame has as many aliases; in the tree they stand by their rank. */
static void host_alias(struct kvm_nested_guest *ng,
		       struct kvm_memory_slot *slot)
{
	unsigned int rank;
	gfn_t gfn;

	for (gfn = 0; gfn < HOST_FRAMES; gfn++)
		for (rank = 0; rank < HOST_ALIASES; rank++)
			EXPECT(life_map(ng, (gfn * HOST_ALIASES + rank) <<
					PAGE_SHIFT, host_head(slot, gfn)));
}

static unsigned int host_count_young(struct kvm_nested_guest *ng)
{
	struct pst_iter it = { .last = RPT_EA_LAST, .budget = UINT_MAX };
	unsigned int young = 0;

	spin_lock(&life_kvm->mmu_lock);
	while (pst_next_leaf(ng->live, &it))
		young += !!(it.pos.pte.val & RPT_REF);
	spin_unlock(&life_kvm->mmu_lock);
	return young;
}

static bool host_age(struct kvm_memory_slot *slot, gfn_t start, gfn_t end)
{
	struct kvm_gfn_range range = { .slot = slot, .start = start,
				       .end = end };
	bool young;

	spin_lock(&life_kvm->mmu_lock);
	young = kvm_age_radix_range(life_kvm, &range);
	spin_unlock(&life_kvm->mmu_lock);
	return young;
}

/* L17: each is asked once; mmu_lock is given up now and then. */
TEST(nguest_aged_range_is_old_at_the_second_asking)
{
	struct kvm_memory_slot *slot = host_begin(test, HOST_FRAMES, PAGE_SHIFT);
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);
	const unsigned int all = HOST_FRAMES * HOST_ALIASES;

	host_alias(ng, slot);
	EXPECT_EQ(host_count_young(ng), all);
	EXPECT(host_age(slot, 0, 1));
	EXPECT_EQ(host_count_young(ng), all - HOST_ALIASES);
	EXPECT(!host_age(slot, 0, 1));
	EXPECT(host_age(slot, 0, HOST_FRAMES));
	EXPECT_EQ(host_count_young(ng), 0);
	EXPECT(!host_age(slot, 0, HOST_FRAMES));
	life_leave(0, ng);
	host_end();
}

/* The host may ask for a frame in the middle of a large leaf. */
TEST(nguest_ageing_sees_a_large_leaf_from_each_of_its_frames)
{
	const unsigned long frames = BIT(RPT_SHIFT_2M - PAGE_SHIFT);
	struct kvm_memory_slot *slot = host_begin(test, frames, RPT_SHIFT_2M);
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);
	struct pst_leaf leaf = { .attrs = RPT_R | RPT_REF,
				 .shift = RPT_SHIFT_2M };
	struct pst_mem mem = { .kind = PST_SHADOW,
			       .account = &life_nvm()->account };
	gfn_t gfn;

	for (gfn = 0; gfn < frames; gfn += 5) {
		test_row("frame %llu", gfn);
		while (life_map_leaf(ng->live, 0, &leaf, host_head(slot, 0),
				     &mem) == PST_NO_TABLE)
			if (pst_mem_fill(&mem, leaf.shift))
				break;
		EXPECT_EQ(host_count_young(ng), 1);
		EXPECT(host_age(slot, gfn, gfn + 1));
		EXPECT_EQ(host_count_young(ng), 0);
		EXPECT(!host_age(slot, gfn, gfn + 1));
	}
	pst_mem_release(&mem);
	life_leave(0, ng);
	host_end();
}

struct faulter {
	struct kvm_memory_slot *slot;
	struct kvm_nested_guest *ng;
	struct completion done;
	unsigned int maps;
	bool stop;
};

/* As a fault of L2: over a leaf of ours that may be used, in the same hold. */
static enum pst_result fault_once(struct faulter *f, u64 n, struct pst_mem *mem)
{
	gfn_t gfn = n % HOST_FRAMES;
	struct pst_leaf leaf = { .shift = PAGE_SHIFT };
	enum pst_result r = PST_SAME;
	struct pst_pos own;

	spin_lock(&life_kvm->mmu_lock);
	if (radix_use_leaf(life_kvm, gfn << PAGE_SHIFT, RADIX_READ, &own)) {
		leaf.pa = own.pte.val & RPT_RPN;
		leaf.attrs = RPT_R | RPT_REF;
		r = pst_map(f->ng->live, BIT_ULL(40) + (n << PAGE_SHIFT), &leaf,
			    host_head(f->slot, gfn), mem);
	}
	spin_unlock(&life_kvm->mmu_lock);
	return r;
}

static int fault_thread(void *data)
{
	struct faulter *f = data;
	struct pst_mem mem = { .kind = PST_SHADOW,
			       .account = &life_nvm()->account };
	enum pst_result r;
	u64 n = 0;

	while (!READ_ONCE(f->stop)) {
		r = fault_once(f, n, &mem);
		if (r == PST_NO_TABLE && pst_mem_fill(&mem, PAGE_SHIFT))
			break;
		n += r != PST_NO_TABLE;
		f->maps += r == PST_MAPPED;
		cond_resched();
	}
	pst_mem_release(&mem);
	complete(&f->done);
	return 0;
}

static void host_unmap(struct kvm_memory_slot *slot)
{
	struct kvm_gfn_range range = { .slot = slot, .end = HOST_FRAMES,
				       .may_block = true };

	spin_lock(&life_kvm->mmu_lock);
	kvm_unmap_radix_range(life_kvm, &range);
	spin_unlock(&life_kvm->mmu_lock);
}

/* I4: it takes several holds, and in between L2 faults on. */
TEST(nguest_unmap_in_many_holds_ends_while_L2_faults)
{
	struct kvm_memory_slot *slot = host_begin(test, HOST_FRAMES, PAGE_SHIFT);
	struct kvm_nested_guest *ng = life_enter(test, 0, 1);
	struct faulter *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	gfn_t gfn;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->slot = slot;
	f->ng = ng;
	init_completion(&f->done);
	host_alias(ng, slot);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(fault_thread, f,
						    "nguest-fault")));
	while (READ_ONCE(f->maps) < HOST_FRAMES)
		cond_resched();
	host_unmap(slot);
	/* It still runs, and finds nothing to map. */
	for (gfn = 0; gfn < HOST_FRAMES; gfn++)
		EXPECT(hlist_empty(host_head(slot, gfn)));
	EXPECT_EQ(pst_nr_leaves(life_kvm->arch.pst), 0);
	EXPECT_EQ(pst_nr_leaves(ng->live), 0);
	WRITE_ONCE(f->stop, true);
	wait_for_completion(&f->done);
	life_leave(0, ng);
	host_end();
}

/* --- all at once -------------------------------------------------------- */

#define RACE_THREADS	4
#define RACE_ROUNDS	150

struct racer {
	struct kunit *test;
	struct completion done;
	struct nrun run;
	u64 seed;
	unsigned int stale;
	unsigned int maps;
};

/*
 * A tree that this thread has mapped into is not walked any more when an
 * invalidation of its guest has returned, whoever else invalidates (F2).
 */
static bool race_is_stale(const struct hlist_head *head)
{
	struct pst_link *link;
	bool stale;

	spin_lock(&life_kvm->mmu_lock);
	link = nrmap_first(head);
	stale = link && link->table->pst->state != PST_QUIET;
	spin_unlock(&life_kvm->mmu_lock);
	return stale;
}

/* The head goes with the stack: nothing may hang on it. */
static void race_wait(const struct hlist_head *head)
{
	bool gone;

	do {
		nvm_drain_now(life_nvm());
		spin_lock(&life_kvm->mmu_lock);
		gone = hlist_empty(head);
		spin_unlock(&life_kvm->mmu_lock);
		cond_resched();
	} while (!gone);
}

static void race_once(struct racer *r)
{
	glpid_t glpid = make_glpid(1 + rnd_below(&r->seed, 2));
	struct kvm_nested_guest *ng;
	struct hlist_head head = {};

	r->run.hv.lpid = glpid.val;
	if (nguest_enter(life_kvm, &r->run, &ng))
		return;
	r->maps += life_map(ng, rnd(&r->seed) & 0x3ffffff0000, &head);
	if (rnd_below(&r->seed, 16))
		nguest_invalidate(ng);
	else
		nguest_kill(ng);
	r->stale += race_is_stale(&head);
	race_wait(&head);
	nguest_put(ng);
}

static int race_thread(void *data)
{
	struct racer *r = data;
	unsigned int i;

	/* What the test has put in place holds here too. */
	current->kunit_test = r->test;
	for (i = 0; i < RACE_ROUNDS; i++)
		race_once(r);
	current->kunit_test = NULL;
	complete(&r->done);
	return 0;
}

TEST(nguest_races_leave_no_stale_tree_and_no_lpid)
{
	struct racer *r = kunit_kcalloc(test, RACE_THREADS, sizeof(*r),
					GFP_KERNEL);
	unsigned int i, maps = 0;

	KUNIT_ASSERT_NOT_NULL(test, r);
	for (i = 0; i < RACE_THREADS; i++) {
		r[i].test = test;
		r[i].seed = i;
		init_completion(&r[i].done);
		if (IS_ERR(kthread_run(race_thread, &r[i], "nguest-race")))
			complete(&r[i].done);
	}
	for (i = 0; i < RACE_THREADS; i++) {
		wait_for_completion(&r[i].done);
		EXPECT_EQ(r[i].stale, 0);
		maps += r[i].maps;
	}
	EXPECT(maps > RACE_ROUNDS);
	EXPECT(life_stat(NVM_KILLS) > 0);
	nguest_kill_all(life_kvm);
	nvm_drain_now(life_nvm());
	EXPECT_EQ(atomic_long_read(&life_nvm()->account.tables), 0);
	EXPECT_EQ(atomic_read(&lpid_nested), life_lpids);
}

/* --- C8: init and exit -------------------------------------------------- */

TEST(nguest_init_and_exit_are_symmetric_after_a_failure)
{
	/* The VM of the test has the lists; it makes no table. */
	if (!list_empty(&vm_list))
		kunit_skip(test, "VMs are running");
	kvmhv_nested_exit();
	kvmhv_nested_exit();
	kvmppc_radix_exit();
	kvmppc_radix_exit();
	EXPECT(!nlimit_shrinker);
	life_zallocs = 0;
	kunit_activate_static_stub(test, pure_zalloc, life_no_memory);
	EXPECT_EQ(kvmhv_nested_init(), -ENOMEM);
	kunit_deactivate_static_stub(test, pure_zalloc);
	EXPECT(!nlimit_shrinker);
	kvmhv_nested_exit();
	EXPECT_EQ(kvmhv_nested_init(), 0);
	EXPECT_EQ(kvmppc_radix_init(), 0);
	EXPECT(nlimit_shrinker);
	life_visit(test, 0, 1);
}

static struct kunit_case life_cases[] = {
	KUNIT_CASE(nguest_is_made_once_and_found_again),
	KUNIT_CASE(nguest_of_an_empty_entry_is_refused_and_costs_no_lpid),
	KUNIT_CASE(nguest_without_memory_is_refused_and_can_be_tried_again),
	KUNIT_CASE(nguest_invalidation_without_memory_drops_all_the_same),
	KUNIT_CASE(nguest_is_ready_only_when_its_entry_is_published),
	KUNIT_CASE(nguest_is_not_ready_if_L1_invalidates_while_it_is_published),
	KUNIT_CASE(nguest_lpid_goes_with_the_last_reference_only),
	KUNIT_CASE(nguest_that_only_vcpus_outside_remember_is_freed_when_killed),
	KUNIT_CASE(nguest_dead_one_is_replaced_by_a_new_one),
	KUNIT_CASE(nguest_without_references_is_not_found),
	KUNIT_CASE(nguest_dies_when_L1_has_emptied_its_entry),
	KUNIT_CASE(nguest_release_gives_back_what_was_mapped),
	KUNIT_CASE(nguest_invalidation_replaces_the_tree_and_the_worker_frees_it),
	KUNIT_CASE(nguest_invalidation_empties_a_small_tree_and_keeps_it),
	KUNIT_CASE(nguest_invalidation_of_an_empty_tree_keeps_it),
	KUNIT_CASE(nguest_idle_longest_makes_room_for_one_more),
	KUNIT_CASE(nguest_limits_of_a_vm_that_cannot_nest_are_refused),
	KUNIT_CASE(nguest_lpids_leave_a_reserve_for_vms),
	KUNIT_CASE(nguest_shrinker_takes_the_oldest_tables),
	KUNIT_CASE(nguest_shrinker_goes_from_one_guest_to_the_next),
	KUNIT_CASE(nguest_vm_nests_or_is_secure_but_not_both),
	KUNIT_CASE(nguest_aged_range_is_old_at_the_second_asking),
	KUNIT_CASE(nguest_ageing_sees_a_large_leaf_from_each_of_its_frames),
	KUNIT_CASE(nguest_unmap_in_many_holds_ends_while_L2_faults),
	KUNIT_CASE(nguest_races_leave_no_stale_tree_and_no_lpid),
	KUNIT_CASE(nguest_init_and_exit_are_symmetric_after_a_failure),
	{}
};

static struct kunit_suite life_suite = {
	.name = "kvm_nested_guest",
	.init = life_begin,
	.exit = life_end,
	.test_cases = life_cases,
};

kunit_test_suite(life_suite);
