// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults of nested guests.
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
 *
 * If the install comes first, the zap of an invalidation sees it. If the zap
 * comes first, the snapshot is older than the bump (S3), or the walk after it
 * sees L1's store.
 *
 * Not here: what is decided about a fault (nfault), invalidation (nested_mmu),
 * which tree is live (nested_guest).
 */
#include <linux/kvm_host.h>
#include <linux/moduleparam.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "../book3s_hv.h"
#include "nested_fault.h"
#include "nested_guest.h"
#include "nested_limit.h"
#include "nested_vm.h"
#include "nested_walk.h"
#include "nfault.h"
#include "nmem.h"
#include "nrmap.h"
#include "radix_fault.h"

/* Attempts to install one leaf before L2 is run again to fault anew. */
#define NFLT_ATTEMPTS		8

/* Steps of making room for one leaf in one hold of mmu_lock. */
#define NFLT_UNBLOCK_STEPS	1

/* One in so many neighbours is a sample: without R, so that its use shows. */
#define NFLT_SAMPLE_EVERY	64

static bool nested_fault_around = true;
module_param(nested_fault_around, bool, 0644);
MODULE_PARM_DESC(nested_fault_around,
		 "Install what L1 and the host have beside a page that faulted");

static bool nested_replay = true;
module_param(nested_replay, bool, 0644);
MODULE_PARM_DESC(nested_replay,
		 "Try a fault that L1 has handled before its guest runs again");

/**
 * enum nf_result - what becomes of one fault
 * @NF_RESUME: run L2 again; it makes progress or faults anew
 * @NF_REFLECT: L1 handles it; the vCPU holds what L1 is to see
 * @NF_LEAVE: L1 has to enter again, there is no fault to see
 * @NF_EMULATE: no memory of L1 there: emulate the access
 * @NF_INJECT: a storage interrupt for L2
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
 * enum nflt_attempt - how one attempt to install a leaf ended
 * @NFLT_DONE: mapped
 * @NFLT_STALE: L1 has invalidated since the snapshot
 * @NFLT_NO_TREE: the guest has no live tree
 * @NFLT_NO_LEAF: our own leaf is missing or not permissive enough
 * @NFLT_NO_TABLE: a table is missing
 * @NFLT_AGAIN: room is being made
 * @NFLT_BROKEN: no such leaf can be mapped; the VM has been ended
 */
enum nflt_attempt {
	NFLT_DONE,
	NFLT_STALE,
	NFLT_NO_TREE,
	NFLT_NO_LEAF,
	NFLT_NO_TABLE,
	NFLT_AGAIN,
	NFLT_BROKEN,
};

/* S1: before anything of L1 is read. */
static bool nflt_snapshot(struct kvm_nested_guest *ng, struct nested_fault *f)
{
	/*
	 * Pairs with the release of mmu_lock after a bump: who sees the new
	 * number sees the store of L1 that came before the hypercall.
	 */
	f->inval_seq = smp_load_acquire(&ng->inval_seq);
	f->l1_root = READ_ONCE(ng->l1_root);
	return f->l1_root && !READ_ONCE(ng->dead);
}

static void nflt_walk(struct kvm_vcpu *vcpu, struct kvm_nested_guest *ng,
		      struct nested_fault *f, struct nmmu_reader *reader)
{
	reader->kvm = vcpu->kvm;
	reader->known = vcpu->arch.nested_run->known;
	reader->ng = ng;
	reader->seq = f->inval_seq;
	nmmu_walk_l1(reader, f->l1_root, f->ngpa, &f->l1);
}

/* L1's leaf only lacks R or C: it need not have taken anything away. */
static bool nflt_still_gives(struct kvm *kvm, const struct nested_fault *f,
			     const struct pst_pos *pos)
{
	struct pst_leaf l0;
	struct pst_pos own;

	if (!kvm->arch.pst || !pst_find_leaf(kvm->arch.pst, f->l1.addr, &own))
		return false;
	pst_pos_to_leaf(&own, &l0);
	return nfault_still_gives(f, &l0, PAGE_SHIFT, pos);
}

/*
 * The fault ends without a leaf installed. What hardware has found may be of an
 * earlier leaf of L1, which this fault has seen to be gone: drop exactly that.
 * @why: DSISR bits with which it is reflected, 0 if it ends otherwise
 */
static void nflt_drop_found(struct kvm_nested_guest *ng,
			    const struct nested_fault *f, u32 why)
{
	struct pst_gather g __uninitialized;
	struct pst_pos pos;

	if (!(f->dsisr & NFAULT_FOUND))
		return;
	pst_batch_begin(&g, &ng->kvm->mmu_lock);
	if (ng->live && pst_find_leaf(ng->live, f->ngpa, &pos) &&
	    !(why == DSISR_SET_RC && nflt_still_gives(ng->kvm, f, &pos)))
		pst_zap_leaf(&pos, &g);
	pst_batch_end(&g, &ng->kvm->mmu_lock);
}

static enum nf_result nflt_reflect(struct kvm_vcpu *vcpu,
				   const struct nested_fault *f, u32 why)
{
	u64 msr = __kvmppc_get_msr_hv(vcpu);

	nvm_count(vcpu->kvm, NVM_REFLECTS);
	nflt_drop_found(vcpu->arch.nested, f, why);
	if (f->l1.cause == GWALK_UNREADABLE)
		vcpu->arch.fault_gpa = f->l1.entry;
	vcpu->arch.fault_dsisr = nfault_reflect_dsisr(f, why);
	if (f->side == NFAULT_INSN)
		__kvmppc_set_msr_hv(vcpu, nfault_reflect_srr1(f, msr, why));
	return NF_REFLECT;
}

/**
 * struct nflt_job - what all attempts to install one leaf share
 * @ng: guest
 * @f: fault with L1's leaf
 * @slot: memslot of the L1 address
 * @line: L1's entries around the leaf
 * @own: our own leaf for the L1 address, in one attempt
 * @mem: tables got so far, and where the shadow leaf is
 */
struct nflt_job {
	struct kvm_nested_guest *ng;
	struct nested_fault *f;
	struct kvm_memory_slot *slot;
	const __be64 *line;
	struct pst_pos own;
	struct pst_mem mem;
};

/* The head of the first frame of a leaf, NULL outside the memslot (I6). */
static struct hlist_head *nflt_head(const struct nflt_job *job, u64 gpa)
{
	unsigned long offset = gpa_to_gfn(gpa) - job->slot->base_gfn;

	if (offset >= job->slot->npages)
		return NULL;
	return nrmap_head(&job->slot->arch.rmap[offset]);
}

static enum nflt_attempt nflt_map(struct kvm_nested_guest *ng,
				  const struct nested_fault *f,
				  struct hlist_head *head, struct pst_mem *mem,
				  struct pst_gather *g)
{
	unsigned int step;

	for (step = 0;; step++) {
		switch (pst_map(ng->live, f->addr, &f->leaf, head, mem)) {
		case PST_MAPPED:
		case PST_WIDENED:
		case PST_SAME:
			return NFLT_DONE;
		case PST_NO_TABLE:
			return NFLT_NO_TABLE;
		case PST_BROKEN:
			return NFLT_BROKEN;
		case PST_BLOCKED:
			break;
		}
		if (step == NFLT_UNBLOCK_STEPS)
			return NFLT_AGAIN;
		pst_unblock(ng->live, f->addr, f->leaf.shift, g);
		/* Cleared and flushed before the new one is written (I1). */
		pst_gather_flush(g);
	}
}

/*
 * One neighbour: L1 has it with R set, the host has it present with R set.
 * Nothing is allocated and no C is set for it: it is not known to be used.
 *
 * @n: the neighbour as a fault, L1's leaf in n->l1
 * @at: the entry of the shadow table, which is empty
 * @own: our own leaf looked up last: that of a neighbour is not far
 */
static bool nflt_map_neighbour(const struct nflt_job *job,
			       struct nested_fault *n,
			       const struct pst_pos *at, struct pst_pos *own)
{
	struct hlist_head *head;
	struct pst_leaf l0;

	if (!IS_ALIGNED(n->l1.addr, BIT_ULL(n->l1.shift)) ||
	    !pst_find_leaf_near(own, n->l1.addr))
		return false;
	pst_pos_to_leaf(own, &l0);
	nfault_compose(n, &l0, PAGE_SHIFT);
	head = nflt_head(job, n->gpa);
	/* A blocked host leaf must gain no shadow leaf. */
	if (!head || n->leaf.shift != n->l1.shift ||
	    !(n->leaf.attrs & RPT_REF) || !(n->leaf.attrs & RPT_PROT))
		return false;
	if (!(++job->ng->around % NFLT_SAMPLE_EVERY))
		n->leaf.attrs ^= RPT_REF | RPT_SAMPLE;
	pst_map_at(at, &n->leaf, head);
	return true;
}

/*
 * The line of L1's table maps one to one to entries of the shadow table, if
 * both have leaves of one size. Those that are present are left alone.
 */
static void nflt_map_around(const struct nflt_job *job)
{
	const struct nested_fault *f = job->f;
	unsigned int at = (f->l1.entry / sizeof(u64)) % RPT_LINE;
	struct nested_fault n = { .l1.shift = f->l1.shift };
	struct pst_pos pos = job->mem.at, own = job->own;
	unsigned int i, mapped = 0;

	if (!READ_ONCE(nested_fault_around) || f->leaf.shift != f->l1.shift ||
	    !pos.table || pos.table->shift != f->leaf.shift ||
	    pos.index % RPT_LINE != at)
		return;
	pos.pte.val = 0;
	for (pos.index -= at, i = 0; i < RPT_LINE; pos.index++, i++) {
		/* Most are absent here or present there. */
		if (!job->line[i] || pos.table->pte[pos.index])
			continue;
		n.l1.pte = rpt_load(&job->line[i]);
		if (!rpt_is_leaf(n.l1.pte) || !(n.l1.pte.val & RPT_REF))
			continue;
		n.l1.addr = n.l1.pte.val & RPT_RPN;
		n.ngpa = pst_pos_addr(&pos);
		mapped += nflt_map_neighbour(job, &n, &pos, &own);
	}
	nvm_count_n(job->ng->kvm, NVM_AROUND, mapped);
}

static enum radix_access nflt_access(const struct nested_fault *f)
{
	return f->access == NFAULT_STORE ? RADIX_WRITE : RADIX_READ;
}

static enum nflt_attempt nflt_attempt_locked(struct nflt_job *job,
					     struct pst_gather *g)
{
	struct kvm_nested_guest *ng = job->ng;
	struct nested_fault *f = job->f;
	struct hlist_head *head;
	enum nflt_attempt r;
	struct pst_leaf l0;

	if (ng->dead || ng->inval_seq != f->inval_seq)
		return NFLT_STALE;
	if (!ng->live)
		return NFLT_NO_TREE;
	if (!radix_use_leaf(ng->kvm, f->l1.addr, nflt_access(f), &job->own))
		return NFLT_NO_LEAF;
	pst_pos_to_leaf(&job->own, &l0);
	nfault_compose(f, &l0, PAGE_SHIFT);
	head = nflt_head(job, f->gpa);
	if (!head)
		return NFLT_STALE;
	r = nflt_map(ng, f, head, &job->mem, g);
	if (r == NFLT_DONE)
		nflt_map_around(job);
	return r;
}

static enum nflt_attempt nflt_attempt(struct nflt_job *job)
{
	spinlock_t *lock = &job->ng->kvm->mmu_lock;
	enum nflt_attempt r;
	struct pst_gather g __uninitialized;

	pst_batch_begin(&g, lock);
	r = nflt_attempt_locked(job, &g);
	pst_batch_end(&g, lock);
	return r;
}

/* Provide what the last attempt lacked. Sleeps, and holds no lock of ours. */
static int nflt_provide(struct nflt_job *job, enum nflt_attempt lack)
{
	const struct nested_fault *f = job->f;

	if (lack == NFLT_NO_LEAF)
		return radix_fault_in(job->ng->kvm, job->slot, f->l1.addr,
				      nflt_access(f));
	if (lack == NFLT_NO_TABLE) {
		nlimit_make_room(job->ng);
		return pst_mem_fill(&job->mem, f->leaf.shift);
	}
	return 0;
}

static enum nf_result nflt_install(struct nflt_job *job)
{
	struct kvm *kvm = job->ng->kvm;
	enum nflt_attempt r = NFLT_STALE;
	unsigned int attempt;
	int err = 0;

	job->mem = (struct pst_mem){ .kind = PST_SHADOW,
				     .account = &kvm->arch.nested_vm->account };
	for (attempt = 0; attempt < NFLT_ATTEMPTS && !err; attempt++) {
		r = nflt_attempt(job);
		if (r == NFLT_DONE)
			nvm_count(kvm, NVM_INSTALLS);
		else if (r == NFLT_STALE)
			nvm_count(kvm, NVM_STALE);
		if (r == NFLT_DONE || r == NFLT_STALE || r == NFLT_NO_TREE ||
		    r == NFLT_BROKEN)
			break;
		err = nflt_provide(job, r);
	}
	pst_mem_release(&job->mem);
	nguest_prove(job->ng);
	if (err == -ENOMEM)
		return NF_NOMEM;
	if ((err && err != -EAGAIN) || r == NFLT_BROKEN)
		return NF_BAD_PAGE;
	return r == NFLT_NO_TREE ? NF_LEAVE : NF_RESUME;
}

/* C2: what is no memory of L1 any more must not be read through an old leaf. */
static enum nf_result nflt_end(struct kvm_vcpu *vcpu,
			       const struct nested_fault *f, enum nf_result r)
{
	if (r != NF_RESUME)
		nflt_drop_found(vcpu->arch.nested, f, 0);
	return r;
}

/* The whole way of one fault. kvm->srcu is held by the caller of the caller. */
static enum nf_result nflt_fault(struct kvm_vcpu *vcpu, struct nested_fault *f)
{
	struct kvm_nested_guest *ng = vcpu->arch.nested;
	struct nmmu_reader reader __uninitialized;
	struct nflt_job job = { .ng = ng, .f = f, .line = reader.line };
	struct kvm_memory_slot *slot;
	u32 why;

	if (!nflt_snapshot(ng, f))
		return NF_LEAVE;
	if (f->dsisr & NFAULT_MISUSE)
		return nflt_reflect(vcpu, f, f->dsisr);
	nflt_walk(vcpu, ng, f, &reader);
	/* The run of L2 ends with the signal; the fault comes again. */
	if (reader.err == -EINTR)
		return NF_RESUME;
	if (reader.err == -EFAULT)
		return NF_BAD_PAGE;
	if (reader.err == -ENOMEM)
		return NF_NOMEM;
	why = nfault_l1_refusal(f);
	if (why) {
		vcpu->arch.nested_run->replay = nfault_to_replay(f, ng->glpid);
		return nflt_reflect(vcpu, f, why);
	}
	slot = gfn_to_memslot(vcpu->kvm, gpa_to_gfn(f->l1.addr));
	if (!kvm_is_visible_memslot(slot))
		return nflt_end(vcpu, f, f->dsisr & DSISR_PRTABLE_FAULT ||
				f->access == NFAULT_FETCH ? NF_INJECT :
							    NF_EMULATE);
	job.slot = slot;
	return nflt_end(vcpu, f, nflt_install(&job));
}

/*
 * L1's translation of one load or fetch of L2, as of now; 0 or -EFAULT. L0 reads
 * little but instructions, which L1 may map for execution only.
 */
static int nflt_translate(struct kvm_vcpu *vcpu, u64 ngpa, u64 *gpa)
{
	struct kvm_nested_guest *ng = vcpu->arch.nested;
	struct nested_fault f = { .access = NFAULT_LOAD, .ngpa = ngpa };
	struct nmmu_reader reader __uninitialized;

	if (!nflt_snapshot(ng, &f))
		return -EFAULT;
	nflt_walk(vcpu, ng, &f, &reader);
	if (f.l1.cause != GWALK_LEAF ||
	    !(nfault_rights(f.l1.pte.val) & (RPT_R | RPT_X)))
		return -EFAULT;
	*gpa = f.l1.addr;
	return 0;
}

/**
 * nflt_read_real() - read memory of L2 by L2 real address
 * @vcpu: vCPU with L2 state loaded
 * @ngpa: L2 real address; bits above the tree's are ignored in real mode
 * @to: kernel buffer
 * @n: bytes
 *
 * Context: Process context, may sleep; kvm->srcu is taken.
 * Return: bytes not read.
 */
unsigned long nflt_read_real(struct kvm_vcpu *vcpu, u64 ngpa, void *to,
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
		if (nflt_translate(vcpu, ngpa, &gpa) ||
		    nmem_read(vcpu->kvm, gpa, to, part))
			break;
	}
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
	return n;
}

/* As a fault, but all that does not end with a leaf is left to L2 to find. */
static void nflt_replay_fault(struct kvm_vcpu *vcpu,
			      struct kvm_nested_guest *ng,
			      struct nested_fault *f)
{
	struct nmmu_reader reader __uninitialized;
	struct nflt_job job = { .ng = ng, .f = f, .line = reader.line };
	struct kvm_memory_slot *slot;

	if (!nflt_snapshot(ng, f))
		return;
	nflt_walk(vcpu, ng, f, &reader);
	if (nfault_l1_refusal(f))
		return;
	slot = gfn_to_memslot(ng->kvm, gpa_to_gfn(f->l1.addr));
	if (!kvm_is_visible_memslot(slot))
		return;
	job.slot = slot;
	nflt_install(&job);
	nvm_count(ng->kvm, NVM_REPLAYS);
}

/**
 * nflt_replay() - has L1 handled the fault that it saw last
 * @vcpu: vCPU of L1 that is about to enter
 * @ng: guest that it enters, with a reference held
 *
 * A first touch of a page then costs one exit of L2 and not two.
 *
 * Context: Process context, may sleep; kvm->srcu not held through @vcpu.
 */
void nflt_replay(struct kvm_vcpu *vcpu, struct kvm_nested_guest *ng)
{
	struct nested_fault f = { .side = NFAULT_DATA };
	u64 replay = vcpu->arch.nested_run->replay;
	int idx;

	if (!replay)
		return;
	vcpu->arch.nested_run->replay = 0;
	if (!READ_ONCE(nested_replay) ||
	    !nfault_from_replay(&f, replay, ng->glpid))
		return;
	idx = srcu_read_lock(&vcpu->kvm->srcu);
	nflt_replay_fault(vcpu, ng, &f);
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
}

static void nflt_inject(struct kvm_vcpu *vcpu, const struct nested_fault *f)
{
	u64 prefixed = kvmppc_get_msr(vcpu) & SRR1_PREFIXED;
	u32 dsisr = DSISR_NOEXEC_OR_G;

	/* Its tables are in no memory, rather than what it fetches. */
	if (f->dsisr & DSISR_PRTABLE_FAULT)
		dsisr = f->dsisr;
	if (f->side == NFAULT_INSN)
		kvmppc_core_queue_inst_storage(vcpu, prefixed |
					       (dsisr & DSISR_SRR1_MATCH_64S));
	else
		kvmppc_core_queue_data_storage(vcpu, prefixed,
					       vcpu->arch.fault_dar, dsisr);
}

/* The page that L2 wants, or that L1 has a table in, is not user space's. */
static void nflt_tell_user(struct kvm_vcpu *vcpu, const struct nested_fault *f)
{
	u64 gpa = f->l1.cause == GWALK_UNREADABLE ? f->l1.entry : f->l1.addr;

	kvm_prepare_memory_fault_exit(vcpu, gpa & PAGE_MASK, PAGE_SIZE,
				      f->access == NFAULT_STORE,
				      f->side == NFAULT_INSN, false);
}

static long nflt_resume_code(struct kvm_vcpu *vcpu,
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
		nflt_inject(vcpu, f);
		return RESUME_GUEST;
	case NF_NOMEM:
		return -ENOMEM;
	case NF_BAD_PAGE:
		nflt_tell_user(vcpu, f);
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
 * for user space; for user space too -ENOMEM without memory, and -EFAULT, with
 * the exit reason set, if the VMM has no page.
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
	return nflt_resume_code(vcpu, &f, nflt_fault(vcpu, &f));
}
