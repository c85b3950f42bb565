// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shadow MMU of nested guests: faults of L2, invalidations by L1, and what
 * the host takes away from L1.
 *
 * A fault goes: snapshot, walk L1's tree, find our leaf for the L1 address,
 * compose, map. Nothing of ours is locked while L1's memory is read or a page
 * of the host is faulted in. What the shadow leaf is made from is looked at
 * again under mmu_lock:
 *
 * S1  inval_seq is read before anything of L1 is read.
 * S2  It is unchanged under mmu_lock when the leaf is mapped. Our own leaf needs
 *     no sequence: it is looked up in the same critical section, and whatever
 *     removes or weakens it does the same to the shadow leaves first.
 * S3  An invalidation bumps inval_seq before it zaps, in the same critical
 *     section or in an earlier one: dropping what came between does no harm.
 *
 * If the install comes first, the zap sees it. If the zap comes first, the
 * snapshot is older than the bump, or the walk after it sees L1's store.
 *
 * Not here: which tree is live (nested_guest), what is decided about a fault
 * (nfault), what an invalidation means (ninv).
 */
#include <linux/kvm_host.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "book3s_hv.h"
#include "book3s_hv_nested.h"

/* Entries looked at in one hold of mmu_lock, and holds before giving up. */
#define NMMU_CHUNK		512
#define NMMU_CHUNKS		16

/* Attempts to install one leaf before L2 is run again to fault anew. */
#define NMMU_ATTEMPTS		8

/* Operations between two audits of a tree. */
#define NMMU_PROVE_EVERY	64

/* Steps of making room for one leaf in one hold of mmu_lock. */
#define NMMU_UNBLOCK_STEPS	2

static bool nested_fault_around = true;
module_param(nested_fault_around, bool, 0644);
MODULE_PARM_DESC(nested_fault_around,
		 "Install what L1 and the host have beside a page that faulted");

static bool nested_replay = true;
module_param(nested_replay, bool, 0644);
MODULE_PARM_DESC(nested_replay,
		 "Try a fault that L1 has handled before its guest runs again");

/* --- leaves over L1 frames ---------------------------------------------- */

static bool nmmu_apply(const struct pst_pos *pos, enum nmmu_op op,
		       struct pst_gather *g)
{
	struct rpte old = pos->pte;

	switch (op) {
	case NMMU_ZAP:
		old = pst_zap_leaf(pos, g);
		break;
	case NMMU_CLEAN:
		old = pst_weaken_leaf(pos, RPT_W | RPT_CHG, g);
		break;
	case NMMU_AGE:
		old = pst_weaken_leaf(pos, RPT_REF, NULL);
		break;
	case NMMU_LOOK:
		break;
	}
	return old.val & RPT_REF;
}

/* Leaves of at least this size that start at one frame. */
static bool nmmu_over_head(const struct kvm_memory_slot *slot, gfn_t gfn,
			   unsigned int min_shift, enum nmmu_op op,
			   struct pst_gather *g)
{
	unsigned long *word = &slot->arch.rmap[gfn - slot->base_gfn];
	struct pst_link *link, *next;
	struct pst_pos pos;
	bool young = false;

	for (link = nrmap_first(nrmap_head(word)); link; link = next) {
		next = nrmap_next(link);
		pst_pos_of_link(link, &pos);
		if (pos.table->shift >= min_shift)
			young |= nmmu_apply(&pos, op, g);
	}
	return young;
}

/* Leaves of one large size that start before a frame and reach over it. */
static bool nmmu_over_large(const struct kvm_memory_slot *slot, gfn_t gfn,
			    unsigned int shift, enum nmmu_op op,
			    struct pst_gather *g)
{
	gfn_t start = ALIGN_DOWN(gfn, BIT_ULL(shift - PAGE_SHIFT));

	if (start == gfn || start < slot->base_gfn)
		return false;
	return nmmu_over_head(slot, start, shift, op, g);
}

/**
 * nmmu_over_frames() - do something to all shadow leaves over L1 frames
 * @slot: memslot of the frames; its VM has a container for nested guests
 * @first: first L1 frame
 * @last: last L1 frame, inside @slot
 * @op: what to do
 * @g: gets what has to be flushed; not used by NMMU_AGE and NMMU_LOOK
 *
 * Covers live and detached trees of living and dead guests (R1). What removes
 * or weakens a leaf of L1 calls this first, in the same critical section, and
 * so keeps P7 and C1.
 *
 * Context: mmu_lock held; @g is flushed before it is dropped.
 * Return: whether one of the leaves was referenced.
 */
bool nmmu_over_frames(const struct kvm_memory_slot *slot, gfn_t first,
		      gfn_t last, enum nmmu_op op, struct pst_gather *g)
{
	bool young = false;
	gfn_t gfn;

	for (gfn = first; gfn <= last; gfn++)
		young |= nmmu_over_head(slot, gfn, 0, op, g);
	young |= nmmu_over_large(slot, first, RPT_SHIFT_2M, op, g);
	young |= nmmu_over_large(slot, first, RPT_SHIFT_1G, op, g);
	return young;
}

/*
 * With CONFIG_KVM_BOOK3S_HV_NESTED_PROVE the live tree is audited now and then;
 * a broken invariant ends the VM. An audit looks at every entry, so it is not
 * done after each operation.
 */
static void nmmu_prove(struct kvm_nested_guest *ng)
{
	static atomic_t operations;
	enum pst_fault fault = PST_SOUND;

	if (!IS_ENABLED(CONFIG_KVM_BOOK3S_HV_NESTED_PROVE) ||
	    atomic_inc_return(&operations) % NMMU_PROVE_EVERY)
		return;
	spin_lock(&ng->kvm->mmu_lock);
	if (ng->live)
		fault = pst_audit(ng->live);
	spin_unlock(&ng->kvm->mmu_lock);
	KVM_BUG_ON(fault, ng->kvm);
}

/* --- invalidation by L1 ------------------------------------------------- */

static u64 nmmu_zap_chunk(struct kvm_nested_guest *ng, u64 start, u64 last)
{
	struct pst_gather g;
	u64 next = 0;

	pst_gather_init(&g);
	spin_lock(&ng->kvm->mmu_lock);
	nguest_begin_inval(ng);
	if (ng->live)
		next = pst_zap_range(ng->live, start, last, NMMU_CHUNK, &g);
	pst_gather_flush(&g);
	spin_unlock(&ng->kvm->mmu_lock);
	pst_gather_free(&g);
	return next;
}

/* A range that takes too long, or a signal, makes it the whole guest: O(1). */
static void nmmu_invalidate_range(struct kvm_nested_guest *ng, u64 start,
				  u64 last)
{
	unsigned int chunk;

	nvm_count(ng->kvm, NVM_RANGE_INVALS);
	for (chunk = 0; chunk < NMMU_CHUNKS; chunk++) {
		start = nmmu_zap_chunk(ng, start, last);
		if (!start) {
			nguest_settle(ng);
			nmmu_prove(ng);
			return;
		}
		if (signal_pending(current))
			break;
		cond_resched();
	}
	nguest_invalidate(ng);
}

static void nmmu_invalidate_guest(struct kvm_nested_guest *ng,
				  const struct ninv *inv)
{
	switch (inv->kind) {
	case NINV_NOTHING:
		break;
	case NINV_RANGE:
		nmmu_invalidate_range(ng, inv->start, inv->last);
		break;
	case NINV_LPID_TLB:
	case NINV_ALL_TLB:
		nguest_invalidate(ng);
		break;
	case NINV_LPID_ALL:
	case NINV_ALL_ALL:
		nguest_reload(ng);
		break;
	}
}

/**
 * nmmu_invalidate() - act on an invalidation that was decoded
 * @kvm: VM of L1
 * @inv: what to drop
 *
 * A guest that does not exist has nothing to drop.
 *
 * Context: Process context, may sleep. No lock is held across two guests.
 */
void nmmu_invalidate(struct kvm *kvm, const struct ninv *inv)
{
	bool all = inv->kind == NINV_ALL_TLB || inv->kind == NINV_ALL_ALL;
	glpid_t glpid = all ? make_glpid(0) : inv->glpid;
	struct kvm_nested_guest *ng;

	if (!all) {
		ng = nguest_get(kvm, glpid);
		if (ng) {
			nmmu_invalidate_guest(ng, inv);
			nguest_put(ng);
		}
		return;
	}
	for (; (ng = nguest_get_next(kvm, &glpid)); glpid.val++) {
		nmmu_invalidate_guest(ng, inv);
		nguest_put(ng);
		cond_resched();
	}
}

/* --- faults of L2 ------------------------------------------------------- */

/**
 * enum nf_result - what becomes of one fault
 * @NF_RESUME: run L2 again; it makes progress or faults anew
 * @NF_REFLECT: L1 handles it; the vCPU holds what L1 is to see
 * @NF_LEAVE: L1 has to enter again, there is no fault to see
 * @NF_EMULATE: no memory of L1 there: emulate the access
 * @NF_INJECT: a data storage interrupt for L2
 * @NF_NOMEM: no memory for tables
 * @NF_BAD_PAGE: the VMM has no page to give
 */
enum nf_result {
	NF_RESUME,
	NF_REFLECT,
	NF_LEAVE,
	NF_EMULATE,
	NF_INJECT,
	NF_NOMEM,
	NF_BAD_PAGE,
};

/**
 * enum nmmu_attempt - how one attempt to install a leaf ended
 * @NMMU_DONE: mapped
 * @NMMU_STALE: L1 has invalidated since the snapshot
 * @NMMU_NO_TREE: the guest has no live tree
 * @NMMU_NO_LEAF: our own leaf is missing or not permissive enough
 * @NMMU_NO_TABLE: a table is missing
 * @NMMU_AGAIN: room is being made
 */
enum nmmu_attempt {
	NMMU_DONE,
	NMMU_STALE,
	NMMU_NO_TREE,
	NMMU_NO_LEAF,
	NMMU_NO_TABLE,
	NMMU_AGAIN,
};

/*
 * Read one entry of a table of L1 and those beside it. Tables are aligned to
 * more than a line, so the line is in the same table and in the same page.
 */
static int nmmu_read_l1(void *reader, u64 addr, __be64 *entry)
{
	struct nmmu_reader *rd = reader;
	u64 start = ALIGN_DOWN(addr, sizeof(rd->line));
	int err = kvm_read_guest(rd->kvm, start, rd->line, sizeof(rd->line));

	*entry = rd->line[(addr - start) / sizeof(*entry)];
	return err;
}

/**
 * nmmu_walk_l1() - walk L1's tree of one guest
 * @reader: kvm is set; keeps the line that the last entry read stands in
 * @root: first doubleword of L1's table entry
 * @ngpa: L2 real address
 * @res: result
 *
 * Context: Process context, may sleep; kvm->srcu is held.
 */
void nmmu_walk_l1(struct nmmu_reader *reader, u64 root, u64 ngpa,
		  struct gwalk_result *res)
{
	const struct gwalk_reader rd = { .read = nmmu_read_l1, .ctx = reader };

	gwalk_walk(&rd, root, ngpa, res);
}

/* S1: before anything of L1 is read. */
static bool nmmu_snapshot(struct kvm_nested_guest *ng, struct nested_fault *f)
{
	/*
	 * Pairs with the release of mmu_lock after a bump: who sees the new
	 * number sees the store of L1 that came before the hypercall.
	 */
	f->inval_seq = smp_load_acquire(&ng->inval_seq);
	f->l1_root = READ_ONCE(ng->l1_root);
	return f->l1_root && !READ_ONCE(ng->dead);
}

/* L1 has taken away what hardware still found: drop exactly that leaf. */
static void nmmu_drop_leaf(struct kvm_nested_guest *ng, u64 ngpa)
{
	struct pst_gather g;
	struct pst_pos pos;

	pst_gather_init(&g);
	spin_lock(&ng->kvm->mmu_lock);
	if (ng->live && pst_find_leaf(ng->live, ngpa, &pos))
		pst_zap_leaf(&pos, &g);
	pst_gather_flush(&g);
	spin_unlock(&ng->kvm->mmu_lock);
	pst_gather_free(&g);
}

static enum nf_result nmmu_reflect(struct kvm_vcpu *vcpu,
				   const struct nested_fault *f, u32 why)
{
	u64 msr = __kvmppc_get_msr_hv(vcpu);

	nvm_count(vcpu->kvm, NVM_REFLECTS);
	if (f->dsisr & NFAULT_FOUND)
		nmmu_drop_leaf(vcpu->arch.nested, f->ngpa);
	if (f->l1.cause == GWALK_UNREADABLE)
		vcpu->arch.fault_gpa = f->l1.entry;
	vcpu->arch.fault_dsisr = nfault_reflect_dsisr(f, why);
	if (f->side == NFAULT_INSN)
		__kvmppc_set_msr_hv(vcpu, nfault_reflect_srr1(f, msr, why));
	return NF_REFLECT;
}

/**
 * struct nmmu_job - what all attempts to install one leaf share
 * @ng: guest
 * @f: fault with L1's leaf
 * @slot: memslot of the L1 address
 * @line: L1's entries around the leaf
 * @mem: tables got so far
 */
struct nmmu_job {
	struct kvm_nested_guest *ng;
	struct nested_fault *f;
	struct kvm_memory_slot *slot;
	const __be64 *line;
	struct pst_mem mem;
};

/* The head of the first frame of a leaf, NULL outside the memslot (I6). */
static struct hlist_head *nmmu_head(const struct nmmu_job *job, u64 gpa)
{
	unsigned long offset = gpa_to_gfn(gpa) - job->slot->base_gfn;

	if (offset >= job->slot->npages)
		return NULL;
	return nrmap_head(&job->slot->arch.rmap[offset]);
}

static enum nmmu_attempt nmmu_map(struct kvm_nested_guest *ng,
				  const struct nested_fault *f,
				  struct hlist_head *head, struct pst_mem *mem,
				  struct pst_gather *g)
{
	unsigned int step;

	for (step = 0; step <= NMMU_UNBLOCK_STEPS; step++) {
		switch (pst_map(ng->live, f->addr, &f->leaf, head, mem)) {
		case PST_MAPPED:
		case PST_WIDENED:
		case PST_SAME:
			return NMMU_DONE;
		case PST_NO_TABLE:
			return NMMU_NO_TABLE;
		case PST_BLOCKED:
			break;
		}
		pst_unblock(ng->live, f->addr, f->leaf.shift, g);
		/* Cleared and flushed before the new one is written (I1). */
		pst_gather_flush(g);
	}
	return NMMU_AGAIN;
}

/*
 * One neighbour: L1 has it with R set, the host has it present with R set.
 * Nothing is allocated and no C is set for it: it is not known to be used.
 */
static void nmmu_map_neighbour(struct nmmu_job *job, struct rpte pte, u64 ngpa)
{
	struct nested_fault n = { .ngpa = ngpa, .l1 = job->f->l1 };
	struct pst *own = job->ng->kvm->arch.pst;
	struct hlist_head *head;
	struct pst_leaf l0;
	struct pst_pos pos;

	n.l1.pte = pte;
	n.l1.addr = pte.val & RPT_RPN;
	if (!IS_ALIGNED(n.l1.addr, BIT_ULL(n.l1.shift)) ||
	    !pst_find_leaf(own, n.l1.addr, &pos))
		return;
	pst_pos_to_leaf(&pos, &l0);
	nfault_compose(&n, &l0, PAGE_SHIFT);
	head = nmmu_head(job, n.gpa);
	if (!head || n.leaf.shift != n.l1.shift ||
	    !(n.leaf.attrs & RPT_REF))
		return;
	if (pst_map(job->ng->live, n.addr, &n.leaf, head, &job->mem) ==
	    PST_MAPPED)
		nvm_count(job->ng->kvm, NVM_AROUND);
}

/*
 * The line of L1's table maps one to one to entries of the shadow table, if
 * both have leaves of one size. Those that are present are left alone.
 */
static void nmmu_map_around(struct nmmu_job *job)
{
	const struct nested_fault *f = job->f;
	unsigned int at = (f->l1.entry / sizeof(u64)) % NMMU_LINE;
	struct pst_pos pos;
	unsigned int i;
	u64 ngpa;

	if (!READ_ONCE(nested_fault_around) || f->leaf.shift != f->l1.shift ||
	    !pst_find_leaf(job->ng->live, f->addr, &pos) ||
	    pos.table->shift != f->leaf.shift || pos.index % NMMU_LINE != at)
		return;
	for (i = 0; i < NMMU_LINE; i++) {
		struct rpte l1 = rpt_load(&job->line[i]);
		unsigned int index = pos.index - at + i;

		if (!rpt_is_leaf(l1) || !(l1.val & RPT_REF) ||
		    rpt_is_valid(rpt_load(&pos.table->pte[index])))
			continue;
		ngpa = pos.table->base + ((u64)index << pos.table->shift);
		nmmu_map_neighbour(job, l1, ngpa);
	}
}

static enum radix_access nmmu_access(const struct nested_fault *f)
{
	return f->access == NFAULT_STORE ? RADIX_WRITE : RADIX_READ;
}

static enum nmmu_attempt nmmu_attempt_locked(struct nmmu_job *job,
					     struct pst_gather *g)
{
	struct kvm_nested_guest *ng = job->ng;
	struct nested_fault *f = job->f;
	struct hlist_head *head;
	enum nmmu_attempt r;
	struct pst_leaf l0;

	if (ng->dead || ng->inval_seq != f->inval_seq)
		return NMMU_STALE;
	if (!ng->live)
		return NMMU_NO_TREE;
	if (!radix_use_leaf(ng->kvm, f->l1.addr, nmmu_access(f), &l0))
		return NMMU_NO_LEAF;
	nfault_compose(f, &l0, PAGE_SHIFT);
	head = nmmu_head(job, f->gpa);
	if (!head)
		return NMMU_STALE;
	r = nmmu_map(ng, f, head, &job->mem, g);
	if (r == NMMU_DONE)
		nmmu_map_around(job);
	return r;
}

static enum nmmu_attempt nmmu_attempt(struct nmmu_job *job)
{
	spinlock_t *lock = &job->ng->kvm->mmu_lock;
	enum nmmu_attempt r;
	struct pst_gather g;

	pst_gather_init(&g);
	spin_lock(lock);
	r = nmmu_attempt_locked(job, &g);
	pst_gather_flush(&g);
	spin_unlock(lock);
	pst_gather_free(&g);
	return r;
}

/* Provide what the last attempt lacked. Sleeps, and holds no lock of ours. */
static int nmmu_provide(struct nmmu_job *job, enum nmmu_attempt lack)
{
	const struct nested_fault *f = job->f;

	if (lack == NMMU_NO_LEAF)
		return radix_fault_in(job->ng->kvm, job->slot, f->l1.addr,
				      nmmu_access(f));
	if (lack == NMMU_NO_TABLE) {
		nlimit_make_room(job->ng);
		return pst_mem_fill(&job->mem, f->leaf.shift);
	}
	return 0;
}

static enum nf_result nmmu_install(struct nmmu_job *job)
{
	struct kvm *kvm = job->ng->kvm;
	enum nmmu_attempt r = NMMU_STALE;
	unsigned int attempt;
	int err = 0;

	job->mem = (struct pst_mem){ .kind = PST_SHADOW,
				     .account = &kvm->arch.nested_vm->account };
	for (attempt = 0; attempt < NMMU_ATTEMPTS && !err; attempt++) {
		r = nmmu_attempt(job);
		if (r == NMMU_DONE)
			nvm_count(kvm, NVM_INSTALLS);
		else if (r == NMMU_STALE)
			nvm_count(kvm, NVM_STALE);
		if (r == NMMU_DONE || r == NMMU_STALE || r == NMMU_NO_TREE)
			break;
		err = nmmu_provide(job, r);
	}
	pst_mem_release(&job->mem);
	nmmu_prove(job->ng);
	if (err == -ENOMEM)
		return NF_NOMEM;
	if (err && err != -EAGAIN)
		return NF_BAD_PAGE;
	return r == NMMU_NO_TREE ? NF_LEAVE : NF_RESUME;
}

/* The whole way of one fault. kvm->srcu is held by the caller of the caller. */
static enum nf_result nmmu_fault(struct kvm_vcpu *vcpu, struct nested_fault *f)
{
	struct kvm_nested_guest *ng = vcpu->arch.nested;
	struct nmmu_reader reader = { .kvm = vcpu->kvm };
	struct nmmu_job job = { .ng = ng, .f = f, .line = reader.line };
	struct kvm_memory_slot *slot;
	u32 why;

	if (!nmmu_snapshot(ng, f))
		return NF_LEAVE;
	if (f->dsisr & NFAULT_MISUSE)
		return nmmu_reflect(vcpu, f, f->dsisr);
	nmmu_walk_l1(&reader, f->l1_root, f->ngpa, &f->l1);
	why = nfault_l1_refusal(f);
	if (why) {
		vcpu->arch.nested_replay = nfault_to_replay(f, ng->glpid);
		return nmmu_reflect(vcpu, f, why);
	}
	slot = gfn_to_memslot(vcpu->kvm, gpa_to_gfn(f->l1.addr));
	if (!kvm_is_visible_memslot(slot))
		return f->dsisr & DSISR_PRTABLE_FAULT ? NF_INJECT : NF_EMULATE;
	if (f->access == NFAULT_STORE && (slot->flags & KVM_MEM_READONLY))
		return NF_INJECT;
	job.slot = slot;
	return nmmu_install(&job);
}

/* L1's translation of one load of L2, as of now; 0 or -EFAULT. */
static int nmmu_translate(struct kvm_nested_guest *ng, u64 ngpa, u64 *gpa)
{
	struct nested_fault f = { .access = NFAULT_LOAD, .ngpa = ngpa };
	struct nmmu_reader reader = { .kvm = ng->kvm };

	if (!nmmu_snapshot(ng, &f))
		return -EFAULT;
	nmmu_walk_l1(&reader, f.l1_root, ngpa, &f.l1);
	if (f.l1.cause != GWALK_LEAF ||
	    !(nfault_rights(f.l1.pte.val) & RPT_R))
		return -EFAULT;
	*gpa = f.l1.addr;
	return 0;
}

/**
 * nmmu_read_real() - read memory of L2 by L2 real address
 * @vcpu: vCPU with L2 state loaded
 * @ngpa: L2 real address; bits above the tree's are ignored in real mode
 * @to: kernel buffer
 * @n: bytes
 *
 * Context: Process context, may sleep; kvm->srcu is taken.
 * Return: bytes not read.
 */
unsigned long nmmu_read_real(struct kvm_vcpu *vcpu, u64 ngpa, void *to,
			     unsigned long n)
{
	unsigned long part;
	u64 gpa;
	int idx;

	ngpa &= RPT_EA_LAST;
	idx = srcu_read_lock(&vcpu->kvm->srcu);
	for (; n; n -= part, ngpa += part, to += part) {
		/* The smallest page that L1 can have. */
		part = min(n, BIT(RPT_SHIFT_4K) -
			      (ngpa & (BIT(RPT_SHIFT_4K) - 1)));
		if (nmmu_translate(vcpu->arch.nested, ngpa, &gpa) ||
		    kvm_read_guest(vcpu->kvm, gpa, to, part))
			break;
	}
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
	return n;
}

/* As a fault, but all that does not end with a leaf is left to L2 to find. */
static void nmmu_replay_fault(struct kvm_nested_guest *ng,
			      struct nested_fault *f)
{
	struct nmmu_reader reader = { .kvm = ng->kvm };
	struct nmmu_job job = { .ng = ng, .f = f, .line = reader.line };
	struct kvm_memory_slot *slot;

	if (!nmmu_snapshot(ng, f))
		return;
	nmmu_walk_l1(&reader, f->l1_root, f->ngpa, &f->l1);
	if (nfault_l1_refusal(f))
		return;
	slot = gfn_to_memslot(ng->kvm, gpa_to_gfn(f->l1.addr));
	if (!kvm_is_visible_memslot(slot) || (slot->flags & KVM_MEM_READONLY))
		return;
	job.slot = slot;
	nmmu_install(&job);
	nvm_count(ng->kvm, NVM_REPLAYS);
}

/**
 * nmmu_replay() - has L1 handled the fault that it saw last
 * @vcpu: vCPU of L1 that is about to enter
 * @ng: guest that it enters, with a reference held
 *
 * A first touch of a page then costs one exit of L2 and not two.
 *
 * Context: Process context, may sleep; kvm->srcu not held through @vcpu.
 */
void nmmu_replay(struct kvm_vcpu *vcpu, struct kvm_nested_guest *ng)
{
	struct nested_fault f = { .side = NFAULT_DATA };
	u64 replay = vcpu->arch.nested_replay;
	int idx;

	if (!replay)
		return;
	vcpu->arch.nested_replay = 0;
	if (!READ_ONCE(nested_replay) ||
	    !nfault_from_replay(&f, replay, ng->glpid))
		return;
	idx = srcu_read_lock(&vcpu->kvm->srcu);
	nmmu_replay_fault(ng, &f);
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
}

static void nmmu_inject(struct kvm_vcpu *vcpu, const struct nested_fault *f)
{
	u32 dsisr = DSISR_ISSTORE | DSISR_PROTFAULT;

	/* Its tables are in no memory, rather than in memory to be read only. */
	if (f->dsisr & DSISR_PRTABLE_FAULT)
		dsisr = f->dsisr;
	kvmppc_core_queue_data_storage(vcpu,
				       kvmppc_get_msr(vcpu) & SRR1_PREFIXED,
				       vcpu->arch.fault_dar, dsisr);
}

static long nmmu_resume_code(struct kvm_vcpu *vcpu,
			     const struct nested_fault *f, enum nf_result r)
{
	switch (r) {
	case NF_RESUME:
		return RESUME_GUEST;
	case NF_REFLECT:
		return RESUME_HOST;
	case NF_LEAVE:
		vcpu->arch.trap = 0;
		return RESUME_HOST;
	case NF_EMULATE:
		return kvmppc_hv_emulate_mmio(vcpu, f->l1.addr,
					      vcpu->arch.fault_dar,
					      f->access == NFAULT_STORE);
	case NF_INJECT:
		nmmu_inject(vcpu, f);
		return RESUME_GUEST;
	case NF_NOMEM:
		return -ENOMEM;
	case NF_BAD_PAGE:
		break;
	}
	return -EFAULT;
}

/**
 * kvmhv_nested_page_fault() - handle a page fault of L2
 * @vcpu: vCPU with L2 state loaded, after an HDSI or HISI
 *
 * Source: spec section 1.3.6.
 *
 * Context: Process context, may sleep; kvm->srcu is held, no lock is.
 * Return: RESUME_GUEST to go on with L2; RESUME_HOST with what L1 is to see in
 * the vCPU, with arch.trap 0 if L1 just has to enter again, or with mmio_needed
 * for user space; -ENOMEM without memory, -EFAULT if the VMM has no page.
 */
long kvmhv_nested_page_fault(struct kvm_vcpu *vcpu)
{
	struct nested_fault f = {
		.side = vcpu->arch.trap == BOOK3S_INTERRUPT_H_INST_STORAGE ?
			NFAULT_INSN : NFAULT_DATA,
	};

	if (f.side == NFAULT_DATA && vcpu->arch.fault_dsisr == HDSISR_CANARY)
		return RESUME_GUEST;
	nvm_count(vcpu->kvm, NVM_FAULTS);
	nfault_init(&f, vcpu->arch.fault_dsisr, vcpu->arch.fault_gpa,
		    vcpu->arch.fault_dar);
	return nmmu_resume_code(vcpu, &f, nmmu_fault(vcpu, &f));
}
