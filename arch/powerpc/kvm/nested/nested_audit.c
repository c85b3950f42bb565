// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: a proof that the shadow state of a VM that nests is coherent.
 *
 * "nested_audit" derives every shadow leaf anew and says what does not fit:
 *
 *  - Against our own tree, by the heads of the reverse map, under mmu_lock: over
 *    each leaf there must be a leaf of the VM with the same frame, and not less
 *    permissive (P7, C1). A breach is incoherent, at any moment.
 *  - The structure of each live tree, by pst_audit() and pst_audit_part().
 *  - Against L1's table. L1 may change it without telling us, as on hardware.
 *    Such a leaf is unannounced, which is legal.
 *
 * The reader keeps a place and counts, never a guest, a table or a memslot. Each
 * step looks that place up, does a bounded part of the work in one section of
 * kvm->srcu and one hold of mmu_lock, and moves on.
 *
 * I14: An audit only looks. L1's tables are read where the VM's own tree maps
 * them, with kvm->mm in use so that the notifier is at work. What cannot be
 * read so is skipped and counted: nothing is faulted in, and the address space
 * of the reader has no part in it.
 */
#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "nested_audit.h"
#include "nested_guest.h"
#include "nested_walk.h"
#include "nfault.h"
#include "nrmap.h"

/* What is looked at in one hold of mmu_lock. */
#define NAUDIT_ENTRIES		2048
#define NAUDIT_FRAMES		512
#define NAUDIT_LEAVES		32

/* Leaves over one frame that are looked at. */
#define NAUDIT_LINKS		512

/* Findings of one step that are printed; all are counted. */
#define NAUDIT_FINDINGS		16

/* A tree of so many tables is looked at whole, what it counts included. */
#define NAUDIT_SMALL_TABLES	8

/**
 * enum naudit_part - what the next step looks at
 * @NAUDIT_HEADS: leaves over L1's frames, against our own tree
 * @NAUDIT_TABLES: the structure of a guest's tree
 * @NAUDIT_AGAINST_L1: its leaves, against L1's table
 * @NAUDIT_SUM: nothing, the counts are printed
 * @NAUDIT_END: nothing
 */
enum naudit_part {
	NAUDIT_HEADS,
	NAUDIT_TABLES,
	NAUDIT_AGAINST_L1,
	NAUDIT_SUM,
	NAUDIT_END,
};

/**
 * struct naudit_finding - something that no L1 can bring about
 * @glpid: guest
 * @ngpa: L2 real address, 0 if it is about a table
 * @why: for people
 */
struct naudit_finding {
	glpid_t glpid;
	u64 ngpa;
	const char *why;
};

/**
 * struct naudit - one audit, between two steps
 * @kvm: the VM, with a reference
 * @part: what comes next
 * @gfn: L1 frame to go on from, for the heads
 * @glpid: guest to go on from
 * @addr: L2 real address to go on from in its tree
 * @leaves: live shadow leaves looked at
 * @unannounced: leaves that L1's table does not give any more
 * @skipped: leaves, or frames with too many, that could not be looked at
 * @incoherent: findings
 * @nr_found: findings of the last step that are kept in @found
 * @found: for the reader
 */
struct naudit {
	struct kvm *kvm;
	enum naudit_part part;
	gfn_t gfn;
	glpid_t glpid;
	u64 addr;
	unsigned long leaves;
	unsigned long unannounced;
	unsigned long skipped;
	unsigned long incoherent;
	unsigned int nr_found;
	struct naudit_finding found[NAUDIT_FINDINGS];
};

static void naudit_bad(struct naudit *a, glpid_t glpid, u64 ngpa,
		       const char *why)
{
	a->incoherent++;
	if (a->nr_found < NAUDIT_FINDINGS)
		a->found[a->nr_found++] = (struct naudit_finding){
			.glpid = glpid, .ngpa = ngpa, .why = why,
		};
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

/* The leaves over one frame; returns how many were looked at. */
static unsigned int naudit_head(struct naudit *a,
				const struct kvm_memory_slot *slot, gfn_t gfn)
{
	unsigned long *word = &slot->arch.rmap[gfn - slot->base_gfn];
	struct pst_link *link = nrmap_first(nrmap_head(word));
	unsigned int n;
	struct pst_pos pos;
	const char *why;

	for (n = 0; link && n < NAUDIT_LINKS; link = nrmap_next(link), n++) {
		pst_pos_of_link(link, &pos);
		why = rpt_is_leaf(pos.pte) ? naudit_against_l0(a, &pos, gfn) :
					     "a link without a leaf";
		if (why)
			naudit_bad(a, pos.table->pst->glpid,
				   pst_pos_addr(&pos), why);
	}
	a->skipped += !!link;
	return n;
}

/* One hold of mmu_lock; moves on inside the memslot, or past its end. */
static void naudit_slot(struct naudit *a, const struct kvm_memory_slot *slot)
{
	gfn_t end = slot->base_gfn + slot->npages;
	gfn_t gfn = max(a->gfn, slot->base_gfn);
	long budget = NAUDIT_FRAMES;

	a->gfn = end;
	if ((slot->flags & KVM_MEMSLOT_INVALID) || !slot->arch.rmap)
		return;
	spin_lock(&a->kvm->mmu_lock);
	/* After a switch to HPT the words are no heads any more. */
	if (kvm_is_radix(a->kvm) && a->kvm->arch.nested_vm) {
		for (; gfn < end && budget > 0; gfn++)
			budget -= 1 + naudit_head(a, slot, gfn);
		a->gfn = gfn;
	}
	spin_unlock(&a->kvm->mmu_lock);
}

static void naudit_heads(struct naudit *a)
{
	struct kvm_memslot_iter it;

	kvm_memslot_iter_start(&it, kvm_memslots(a->kvm), a->gfn);
	if (kvm_memslot_iter_is_valid(&it, ~0ULL))
		naudit_slot(a, it.slot);
	else
		a->part = NAUDIT_TABLES;
}

/* --- tables ------------------------------------------------------------- */

static enum pst_fault naudit_tables_locked(struct naudit *a, struct pst *live)
{
	if (!live || (!a->addr && live->nr_tables <= NAUDIT_SMALL_TABLES)) {
		a->addr = RPT_EA_LAST + 1;
		return live ? pst_audit(live) : PST_SOUND;
	}
	return pst_audit_part(live, &a->addr, NAUDIT_ENTRIES);
}

static void naudit_tables(struct naudit *a, struct kvm_nested_guest *ng)
{
	static const char * const why[] = {
		[PST_BAD_COUNT] = "counts are wrong (T3)",
		[PST_BAD_SLOT] = "a slot does not mirror its entry (T2, R1)",
		[PST_BAD_PARENT] = "a table is not where its parent says (T4)",
		[PST_BAD_ENTRY] = "an entry that nobody writes (C1)",
	};
	enum pst_fault fault;

	scoped_guard(spinlock, &a->kvm->mmu_lock)
		fault = naudit_tables_locked(a, ng->live);
	if (fault)
		naudit_bad(a, ng->glpid, 0, why[fault]);
}

/* --- against L1's table ------------------------------------------------- */

/* Does L1's leaf, composed with ours, still give at least this leaf? */
static bool naudit_l1_gives(struct naudit *a, const struct pst_pos *shadow,
			    const struct gwalk_result *l1)
{
	struct nested_fault f = { .ngpa = pst_pos_addr(shadow), .l1 = *l1 };
	struct pst_leaf own;
	struct pst_pos pos;

	if (l1->cause != GWALK_LEAF || !a->kvm->arch.pst ||
	    !pst_find_leaf(a->kvm->arch.pst, l1->addr, &pos))
		return false;
	pst_pos_to_leaf(&pos, &own);
	nfault_compose(&f, &own, PAGE_SHIFT);
	return f.leaf.pa == (shadow->pte.val & RPT_RPN) &&
	       !(shadow->pte.val & RPT_PROT & ~f.leaf.attrs);
}

/* Under mmu_lock, with kvm->mm in use. */
static void naudit_leaf(struct naudit *a, struct kvm_nested_guest *ng,
			const struct pst_pos *shadow)
{
	struct gwalk_result l1;

	/* While it is not known what L1's table entry says, nor is this. */
	if (!ng->l1_root) {
		a->skipped++;
		return;
	}
	if (nmmu_look_l1(a->kvm, ng->l1_root, pst_pos_addr(shadow), &l1))
		a->unannounced += !naudit_l1_gives(a, shadow, &l1);
	else if (kvm_is_visible_gfn(a->kvm, gpa_to_gfn(l1.entry)))
		a->skipped++;
	else
		/* L1 has put its table where it has no memory. */
		a->unannounced++;
}

static void naudit_leaves(struct naudit *a, struct kvm_nested_guest *ng)
{
	struct pst_iter it = { .addr = a->addr, .last = RPT_EA_LAST,
			       .budget = NAUDIT_FRAMES };
	bool used = mmget_not_zero(a->kvm->mm);
	unsigned int n = 0;

	spin_lock(&a->kvm->mmu_lock);
	for (; n < NAUDIT_LEAVES && ng->live && pst_next_leaf(ng->live, &it);
	     n++) {
		if (used)
			naudit_leaf(a, ng, &it.pos);
		else
			a->skipped++;
	}
	a->leaves += n;
	a->addr = ng->live ? it.addr : RPT_EA_LAST + 1;
	spin_unlock(&a->kvm->mmu_lock);
	/* May be the last user, after the VMM was killed; not under srcu. */
	if (used)
		mmput_async(a->kvm->mm);
}

/* --- one step ----------------------------------------------------------- */

static void naudit_guest(struct naudit *a, struct kvm_nested_guest *ng)
{
	if (a->part == NAUDIT_TABLES)
		naudit_tables(a, ng);
	else
		naudit_leaves(a, ng);
	if (a->addr <= RPT_EA_LAST)
		return;
	a->addr = 0;
	if (a->part == NAUDIT_TABLES) {
		a->part = NAUDIT_AGAINST_L1;
	} else {
		a->part = NAUDIT_TABLES;
		a->glpid.val++;
	}
}

static void naudit_guests(struct naudit *a)
{
	u32 before = a->glpid.val;
	struct kvm_nested_guest *ng = nguest_get_next(a->kvm, &a->glpid);

	if (!ng) {
		a->part = NAUDIT_SUM;
		return;
	}
	/* The guest looked at before is gone. */
	if (a->glpid.val != before) {
		a->part = NAUDIT_TABLES;
		a->addr = 0;
	}
	naudit_guest(a, ng);
	nguest_put(ng);
}

static void naudit_step(struct naudit *a)
{
	int idx = srcu_read_lock(&a->kvm->srcu);

	a->nr_found = 0;
	if (a->part == NAUDIT_HEADS)
		naudit_heads(a);
	else
		naudit_guests(a);
	srcu_read_unlock(&a->kvm->srcu, idx);
}

/* --- the reader --------------------------------------------------------- */

static void *naudit_here(struct naudit *a)
{
	return a->part == NAUDIT_END ? NULL : a;
}

/* Goes on where the last read ended; the position only counts steps. */
static void *naudit_start(struct seq_file *m, loff_t *pos)
{
	return naudit_here(m->private);
}

static void *naudit_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct naudit *a = v;

	(*pos)++;
	if (fatal_signal_pending(current))
		return ERR_PTR(-EINTR);
	if (a->part == NAUDIT_SUM)
		a->part = NAUDIT_END;
	else
		naudit_step(a);
	cond_resched();
	return naudit_here(a);
}

static void naudit_stop(struct seq_file *m, void *v)
{
}

static int naudit_show(struct seq_file *m, void *v)
{
	const struct naudit *a = v;
	unsigned int i;

	for (i = 0; i < a->nr_found; i++)
		seq_printf(m, "bad LPID %u %llx: %s\n", a->found[i].glpid.val,
			   a->found[i].ngpa, a->found[i].why);
	if (a->part == NAUDIT_SUM)
		seq_printf(m, "leaves %lu unannounced %lu skipped %lu incoherent %lu\n",
			   a->leaves, a->unannounced, a->skipped,
			   a->incoherent);
	return 0;
}

static const struct seq_operations naudit_ops = {
	.start = naudit_start,
	.next = naudit_next,
	.stop = naudit_stop,
	.show = naudit_show,
};

static int naudit_open(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;
	struct naudit *a;

	/* The file can be opened while the last reference goes away. */
	if (!kvm_get_kvm_safe(kvm))
		return -ENOENT;
	a = __seq_open_private(file, &naudit_ops, sizeof(*a));
	if (!a) {
		kvm_put_kvm(kvm);
		return -ENOMEM;
	}
	a->kvm = kvm;
	return nonseekable_open(inode, file);
}

static int naudit_release(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;

	seq_release_private(inode, file);
	kvm_put_kvm(kvm);
	return 0;
}

static const struct file_operations naudit_fops = {
	.owner = THIS_MODULE,
	.open = naudit_open,
	.read = seq_read,
	.release = naudit_release,
};

/**
 * naudit_debugfs_init() - create "nested_audit"
 * @kvm: VM with a debugfs directory, or an error pointer in its place
 */
void naudit_debugfs_init(struct kvm *kvm)
{
	debugfs_create_file("nested_audit", 0400, kvm->debugfs_dentry, kvm,
			    &naudit_fops);
}
