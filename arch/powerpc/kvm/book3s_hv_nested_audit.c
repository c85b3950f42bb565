// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: counters of a VM that nests, and a proof that its shadow state is
 * coherent.
 *
 * "nested" prints one counter a line. "nested_audit" derives every shadow leaf
 * anew and says what does not fit:
 *
 *  - Against our own tree, by the heads of the reverse map, under mmu_lock: over
 *    each leaf there must be a leaf of the VM with the same frame, and not less
 *    permissive (P7, C1). A breach is incoherent, at any moment.
 *  - Against L1's table, which is read without a lock: L1 may change it without
 *    telling us, as on hardware. Such a leaf is unannounced, which is legal.
 *  - The structure of each live tree, by pst_audit().
 */
#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/seq_file.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "book3s_hv_nested.h"

/* Frames or leaves that are looked at in one hold of mmu_lock. */
#define NAUDIT_FRAMES		512
#define NAUDIT_LEAVES		32

/* Operations between two audits of a tree. */
#define NAUDIT_PROVE_EVERY	64

/**
 * struct naudit - one audit
 * @m: where findings go
 * @kvm: the VM
 * @leaves: live shadow leaves looked at
 * @unannounced: leaves that L1's table does not give any more
 * @incoherent: findings that no L1 can bring about
 */
struct naudit {
	struct seq_file *m;
	struct kvm *kvm;
	unsigned long leaves;
	unsigned long unannounced;
	unsigned long incoherent;
};

/**
 * struct naudit_leaf - one shadow leaf as it was under mmu_lock
 * @ngpa: L2 real address
 * @pte: the leaf
 * @shift: log2 bytes of it
 */
struct naudit_leaf {
	u64 ngpa;
	struct rpte pte;
	unsigned int shift;
};

static void naudit_bad(struct naudit *a, glpid_t glpid, u64 ngpa,
		       const char *why)
{
	a->incoherent++;
	seq_printf(a->m, "bad LPID %u %llx: %s\n", glpid.val, ngpa, why);
}

/* --- against our own tree ----------------------------------------------- */

static const char *naudit_against_l0(struct naudit *a,
				     const struct pst_pos *shadow, gfn_t gfn)
{
	unsigned int shift = max_t(unsigned int, shadow->table->shift,
				   PAGE_SHIFT);
	struct pst_pos own;
	u64 gpa = gfn_to_gpa(gfn);
	u64 pa;

	if (!a->kvm->arch.pst || !pst_find_leaf(a->kvm->arch.pst, gpa, &own))
		return "no leaf of the VM below it";
	if (own.table->shift < shift)
		return "the leaf of the VM below it is smaller";
	pa = (own.pte.val & RPT_RPN) + (gpa - pst_pos_addr(&own));
	if ((shadow->pte.val & RPT_RPN & PAGE_MASK) != pa)
		return "another frame than the VM's";
	if ((shadow->pte.val ^ own.pte.val) & RPT_ATT)
		return "another storage attribute than the VM's";
	/* A blocked one is going away, and its shadow leaves before it. */
	if (!pst_is_blocked(own.pte) &&
	    (shadow->pte.val & ~own.pte.val & (RPT_W | RPT_CHG)))
		return "more permissive than the VM's leaf";
	return NULL;
}

static void naudit_head(struct naudit *a, const struct kvm_memory_slot *slot,
			gfn_t gfn)
{
	unsigned long *word = &slot->arch.rmap[gfn - slot->base_gfn];
	struct pst_link *link;
	struct pst_pos pos;
	const char *why;

	for (link = nrmap_first(nrmap_head(word)); link;
	     link = nrmap_next(link)) {
		pst_pos_of_link(link, &pos);
		why = rpt_is_leaf(pos.pte) ? naudit_against_l0(a, &pos, gfn) :
					     "a link without a leaf";
		if (why)
			naudit_bad(a, pos.table->pst->glpid,
				   pst_pos_addr(&pos), why);
	}
}

static void naudit_slot(struct naudit *a, const struct kvm_memory_slot *slot)
{
	gfn_t gfn = slot->base_gfn;
	gfn_t end = gfn + slot->npages;
	gfn_t stop;

	while (gfn < end) {
		stop = min(end, gfn + NAUDIT_FRAMES);
		spin_lock(&a->kvm->mmu_lock);
		/* After a switch to HPT the words are no heads any more. */
		if (!kvm_is_radix(a->kvm) || !a->kvm->arch.nested_vm)
			gfn = end;
		for (; gfn < stop; gfn++)
			naudit_head(a, slot, gfn);
		spin_unlock(&a->kvm->mmu_lock);
		cond_resched();
	}
}

static void naudit_heads(struct naudit *a)
{
	/* Looked up once: the two sets of memslots may change places. */
	struct kvm_memslots *slots = kvm_memslots(a->kvm);
	struct kvm_memory_slot *slot;
	int bkt;

	kvm_for_each_memslot(slot, bkt, slots) {
		if (!(slot->flags & KVM_MEMSLOT_INVALID))
			naudit_slot(a, slot);
	}
}

/* --- against L1's table ------------------------------------------------- */

/* Does L1's leaf, composed with ours, still give at least this leaf? */
static bool naudit_l1_gives(struct naudit *a, const struct naudit_leaf *leaf,
			    const struct gwalk_result *l1)
{
	struct nested_fault f = { .ngpa = leaf->ngpa, .l1 = *l1 };
	struct pst_leaf own;
	struct pst_pos pos;
	bool found;

	if (l1->cause != GWALK_LEAF)
		return false;
	spin_lock(&a->kvm->mmu_lock);
	found = a->kvm->arch.pst &&
		pst_find_leaf(a->kvm->arch.pst, l1->addr, &pos);
	if (found)
		pst_pos_to_leaf(&pos, &own);
	spin_unlock(&a->kvm->mmu_lock);
	if (!found)
		return false;
	nfault_compose(&f, &own, PAGE_SHIFT);
	return f.leaf.pa == (leaf->pte.val & RPT_RPN) &&
	       !(leaf->pte.val & RPT_PROT & ~f.leaf.attrs);
}

/* A leaf that is gone, or changed since, has nothing to prove. */
static bool naudit_still_there(struct naudit *a, struct kvm_nested_guest *ng,
			       const struct naudit_leaf *leaf)
{
	struct pst_pos pos;
	bool same;

	spin_lock(&a->kvm->mmu_lock);
	same = ng->live && pst_find_leaf(ng->live, leaf->ngpa, &pos) &&
	       pos.pte.val == leaf->pte.val;
	spin_unlock(&a->kvm->mmu_lock);
	return same;
}

static void naudit_leaf(struct naudit *a, struct kvm_nested_guest *ng,
			const struct naudit_leaf *leaf)
{
	struct nmmu_reader reader = { .kvm = a->kvm };
	struct gwalk_result l1;

	a->leaves++;
	nmmu_walk_l1(&reader, READ_ONCE(ng->l1_root), leaf->ngpa, &l1);
	if (!naudit_l1_gives(a, leaf, &l1) && naudit_still_there(a, ng, leaf))
		a->unannounced++;
}

/* Leaves of one hold of mmu_lock; returns how many, and where to go on. */
static unsigned int naudit_collect(struct kvm_nested_guest *ng, u64 *addr,
				   struct naudit_leaf *leaf)
{
	struct pst_iter it = { .addr = *addr, .last = RPT_EA_LAST,
			       .budget = NAUDIT_FRAMES };
	unsigned int n = 0;

	spin_lock(&ng->kvm->mmu_lock);
	while (n < NAUDIT_LEAVES && ng->live && pst_next_leaf(ng->live, &it)) {
		leaf[n].ngpa = pst_pos_addr(&it.pos);
		leaf[n].pte = it.pos.pte;
		leaf[n].shift = it.pos.table->shift;
		n++;
	}
	if (!ng->live)
		it.addr = RPT_EA_LAST + 1;
	spin_unlock(&ng->kvm->mmu_lock);
	*addr = it.addr;
	return n;
}

static void naudit_structure(struct naudit *a, struct kvm_nested_guest *ng)
{
	static const char * const why[] = {
		[PST_BAD_COUNT] = "counts are wrong (T3)",
		[PST_BAD_SLOT] = "a slot does not mirror its entry (T2, R1)",
		[PST_BAD_PARENT] = "a table is not where its parent says (T4)",
		[PST_BAD_ENTRY] = "an entry that nobody writes (C1)",
	};
	enum pst_fault fault = PST_SOUND;

	spin_lock(&a->kvm->mmu_lock);
	if (ng->live)
		fault = pst_audit(ng->live);
	spin_unlock(&a->kvm->mmu_lock);
	if (fault)
		naudit_bad(a, ng->glpid, 0, why[fault]);
}

static void naudit_guest(struct naudit *a, struct kvm_nested_guest *ng)
{
	struct naudit_leaf leaf[NAUDIT_LEAVES];
	unsigned int i, n;
	u64 addr = 0;

	naudit_structure(a, ng);
	while (addr <= RPT_EA_LAST) {
		n = naudit_collect(ng, &addr, leaf);
		for (i = 0; i < n; i++)
			naudit_leaf(a, ng, &leaf[i]);
		cond_resched();
	}
}

static int naudit_show(struct seq_file *m, void *unused)
{
	struct naudit a = { .m = m, .kvm = m->private };
	struct kvm_nested_guest *ng;
	glpid_t glpid = make_glpid(0);
	int idx;

	idx = srcu_read_lock(&a.kvm->srcu);
	if (READ_ONCE(a.kvm->arch.nested_vm))
		naudit_heads(&a);
	for (; (ng = nguest_get_next(a.kvm, &glpid)); glpid.val++) {
		naudit_guest(&a, ng);
		nguest_put(ng);
	}
	srcu_read_unlock(&a.kvm->srcu, idx);
	seq_printf(m, "leaves %lu unannounced %lu incoherent %lu\n", a.leaves,
		   a.unannounced, a.incoherent);
	return 0;
}

/* --- now and then ------------------------------------------------------- */

/**
 * naudit_prove() - audit the live tree now and then
 * @ng: guest with a reference held, after an operation on its tree
 *
 * Only with CONFIG_KVM_BOOK3S_HV_NESTED_PROVE: a broken invariant ends the VM.
 * An audit looks at every entry, so it is not done after each operation.
 *
 * Context: Process context; takes mmu_lock.
 */
void naudit_prove(struct kvm_nested_guest *ng)
{
	static atomic_t operations;
	enum pst_fault fault = PST_SOUND;

	if (!IS_ENABLED(CONFIG_KVM_BOOK3S_HV_NESTED_PROVE) ||
	    atomic_inc_return(&operations) % NAUDIT_PROVE_EVERY)
		return;
	spin_lock(&ng->kvm->mmu_lock);
	if (ng->live)
		fault = pst_audit(ng->live);
	spin_unlock(&ng->kvm->mmu_lock);
	KVM_BUG_ON(fault, ng->kvm);
}

/* --- counters ----------------------------------------------------------- */

static const char * const nstats_name[NVM_NR] = {
	[NVM_ENTERS] = "enters",
	[NVM_FAULTS] = "faults",
	[NVM_REFLECTS] = "reflects",
	[NVM_INSTALLS] = "installs",
	[NVM_STALE] = "stale",
	[NVM_RANGE_INVALS] = "range_invals",
	[NVM_GUEST_INVALS] = "guest_invals",
	[NVM_RELOADS] = "reloads",
	[NVM_KILLS] = "kills",
	[NVM_EVICTED_GUESTS] = "evicted_guests",
	[NVM_EVICTED_TABLES] = "evicted_tables",
	[NVM_AROUND] = "around",
	[NVM_REPLAYS] = "replays",
	[NVM_REFUSALS] = "refusals",
};

/* RCU keeps the container; what is on its list is under mmu_lock. */
static int nstats_show(struct seq_file *m, void *unused)
{
	struct kvm *kvm = m->private;
	struct kvm_nested_vm *nvm;
	unsigned int i;

	seq_printf(m, "guests %u\n", nlimit_count_guests(kvm));
	seq_printf(m, "max_guests %u\n", nlimit_max_guests(kvm));
	seq_printf(m, "quota %llu\n", nlimit_quota(kvm));
	rcu_read_lock();
	nvm = nvm_rcu(kvm);
	seq_printf(m, "tables %ld\n",
		   nvm ? atomic_long_read(&nvm->account.tables) : 0);
	seq_printf(m, "bytes %ld\n",
		   nvm ? atomic_long_read(&nvm->account.bytes) : 0);
	seq_printf(m, "samples_used %ld\n",
		   nvm ? atomic_long_read(&nvm->account.samples_used) : 0);
	seq_printf(m, "samples_unused %ld\n",
		   nvm ? atomic_long_read(&nvm->account.samples_unused) : 0);
	spin_lock(&kvm->mmu_lock);
	seq_printf(m, "draining %zu\n",
		   nvm ? list_count_nodes(&nvm->drain) : 0);
	spin_unlock(&kvm->mmu_lock);
	for (i = 0; i < NVM_NR; i++)
		seq_printf(m, "%s %lu\n", nstats_name[i],
			   nvm ? nvm_stat_sum(nvm, i) : 0);
	rcu_read_unlock();
	return 0;
}

/* --- files -------------------------------------------------------------- */

static int naudit_open_with(struct inode *inode, struct file *file,
			    int (*show)(struct seq_file *, void *))
{
	struct kvm *kvm = inode->i_private;
	int err;

	/* The file can be opened while the last reference goes away. */
	if (!kvm_get_kvm_safe(kvm))
		return -ENOENT;
	err = single_open(file, show, kvm);
	if (err)
		kvm_put_kvm(kvm);
	return err;
}

static int naudit_open(struct inode *inode, struct file *file)
{
	return naudit_open_with(inode, file, naudit_show);
}

static int nstats_open(struct inode *inode, struct file *file)
{
	return naudit_open_with(inode, file, nstats_show);
}

static int naudit_release(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;
	int err = single_release(inode, file);

	kvm_put_kvm(kvm);
	return err;
}

static const struct file_operations naudit_fops = {
	.owner = THIS_MODULE,
	.open = naudit_open,
	.read = seq_read,
	.release = naudit_release,
};

static const struct file_operations nstats_fops = {
	.owner = THIS_MODULE,
	.open = nstats_open,
	.read = seq_read,
	.release = naudit_release,
};

static int nlimit_guests_get(void *kvm, u64 *val)
{
	*val = nlimit_max_guests(kvm);
	return 0;
}

static int nlimit_guests_set(void *kvm, u64 val)
{
	return nlimit_set(kvm, NLIMIT_GUESTS, val);
}

DEFINE_DEBUGFS_ATTRIBUTE(nlimit_guests_fops, nlimit_guests_get,
			 nlimit_guests_set, "%llu\n");

static int nlimit_quota_get(void *kvm, u64 *val)
{
	*val = nlimit_quota(kvm);
	return 0;
}

static int nlimit_quota_set(void *kvm, u64 val)
{
	return nlimit_set(kvm, NLIMIT_QUOTA, val);
}

DEFINE_DEBUGFS_ATTRIBUTE(nlimit_quota_fops, nlimit_quota_get, nlimit_quota_set,
			 "%llu\n");

/**
 * naudit_debugfs_init() - create "nested", "nested_audit", and the limits
 * @kvm: VM with a debugfs directory, or an error pointer in its place
 */
void naudit_debugfs_init(struct kvm *kvm)
{
	debugfs_create_file("nested", 0400, kvm->debugfs_dentry, kvm,
			    &nstats_fops);
	debugfs_create_file("nested_audit", 0400, kvm->debugfs_dentry, kvm,
			    &naudit_fops);
	debugfs_create_file("nested_max_guests", 0600, kvm->debugfs_dentry, kvm,
			    &nlimit_guests_fops);
	debugfs_create_file("nested_quota", 0600, kvm->debugfs_dentry, kvm,
			    &nlimit_quota_fops);
}
