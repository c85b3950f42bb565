// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1's memory, which is user space's, from the thread of a vCPU.
 *
 * User space may have a page nowhere, and give it whenever it likes (userfaultfd,
 * swap, a network). Who copies with page faults enabled waits for it whatever
 * the signal, or takes the same fault again and again with one pending.
 *
 *  J1 What waits here ends on any signal, with -EINTR and nothing written; the
 *     caller leaves KVM_RUN or is done.
 *  J2 Copies take no page fault. A page that is absent is brought in before.
 *  J3 No srcu and no lock is held by this file while it waits.
 *
 * Not here: pages of the VM's own tree (book3s_64_mmu_radix.c), which come in by
 * nmem_fault_in() too.
 */
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include <asm/hvcall.h>
#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>
#include <asm/rtas-types.h>

#include "nmem.h"

/*
 * With a signal pending, a page that only needs its input or a lock still comes:
 * once to wait for that, once to find it, and once to spare.
 */
#define NMEM_LAST_TRIES		3

/* Whether the thread has to give up, after one more try that did not help. */
static bool nmem_interrupted(unsigned int *tries)
{
	return fatal_signal_pending(current) ||
	       (signal_pending(current) && ++*tries >= NMEM_LAST_TRIES);
}

static bool nmem_permits(const struct vm_area_struct *vma,
			 enum nmem_access access)
{
	return vma->vm_flags & (access == NMEM_WRITE ? VM_WRITE : VM_READ);
}

/* One fault. The lock of the mm is not held in any case when this returns. */
static vm_fault_t nmem_try(struct mm_struct *mm, unsigned long hva,
			   enum nmem_access access, unsigned int flags)
{
	struct vm_area_struct *vma;
	vm_fault_t fault = VM_FAULT_SIGSEGV;

	if (mmap_read_lock_killable(mm))
		return VM_FAULT_RETRY;
	vma = vma_lookup(mm, hva);
	if (vma && nmem_permits(vma, access))
		fault = handle_mm_fault(vma, hva, flags, NULL);
	/* With either of these it has been released. */
	if (!(fault & (VM_FAULT_RETRY | VM_FAULT_COMPLETED)))
		mmap_read_unlock(mm);
	return fault;
}

/**
 * nmem_fault_in() - have user space's page where an access needs it
 * @mm: of the VM
 * @hva: host virtual address in the page
 * @access: what it is needed for
 *
 * The entry in the page table is young then, and for NMEM_WRITE dirty, unless
 * somebody changes it at once.
 *
 * Context: Process context, may sleep for as long as user space likes.
 * Return: 0; -EFAULT if user space has no such page; -ENOMEM; -EINTR if a signal
 * came first.
 */
int nmem_fault_in(struct mm_struct *mm, unsigned long hva,
		  enum nmem_access access)
{
	unsigned int flags = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE |
			     FAULT_FLAG_INTERRUPTIBLE;
	unsigned int tries = 0;
	vm_fault_t fault;

	if (access == NMEM_WRITE)
		flags |= FAULT_FLAG_WRITE;
	for (;;) {
		fault = nmem_try(mm, hva, access, flags);
		if (!(fault & VM_FAULT_RETRY))
			break;
		if (nmem_interrupted(&tries))
			return -EINTR;
		flags |= FAULT_FLAG_TRIED;
	}
	return fault & VM_FAULT_ERROR ? vm_fault_to_errno(fault, 0) : 0;
}

/* Where @gpa is; -ENOENT without a memslot that may be used so. */
static int nmem_hva(struct kvm *kvm, gpa_t gpa, struct kvm_memory_slot **slot,
		    unsigned long *hva)
{
	gfn_t gfn = gpa_to_gfn(gpa);

	*slot = gfn_to_memslot(kvm, gfn);
	*hva = gfn_to_hva_memslot(*slot, gfn);
	if (kvm_is_error_hva(*hva))
		return -ENOENT;
	*hva += offset_in_page(gpa);
	return 0;
}

/* J2. -EAGAIN if the page has to come first; then @hva is set. */
static int nmem_copy_in_srcu(struct kvm *kvm, gpa_t gpa, void *buf, size_t n,
			     enum nmem_access access, unsigned long *hva)
{
	struct kvm_memory_slot *slot;
	int err;

	err = nmem_hva(kvm, gpa, &slot, hva);
	if (err)
		return err;
	if (access == NMEM_READ)
		err = copy_from_user_nofault(buf, (void __user *)*hva, n);
	else
		err = copy_to_user_nofault((void __user *)*hva, buf, n);
	if (err)
		return -EAGAIN;
	if (access == NMEM_WRITE)
		mark_page_dirty_in_slot(kvm, slot, gpa_to_gfn(gpa));
	return 0;
}

static int nmem_copy(struct kvm *kvm, gpa_t gpa, void *buf, size_t n,
		     enum nmem_access access, unsigned long *hva)
{
	int idx = srcu_read_lock(&kvm->srcu);
	int err = nmem_copy_in_srcu(kvm, gpa, buf, n, access, hva);

	srcu_read_unlock(&kvm->srcu, idx);
	return err;
}

/* Inside one page. Who takes it away between the two steps gives it, too. */
static int nmem_access_page(struct kvm *kvm, gpa_t gpa, void *buf, size_t n,
			    enum nmem_access access)
{
	unsigned int tries = 0;
	unsigned long hva;
	int err;

	for (;;) {
		err = nmem_copy(kvm, gpa, buf, n, access, &hva);
		if (err != -EAGAIN)
			return err;
		err = nmem_fault_in(kvm->mm, hva, access);
		if (err)
			return err;
		if (nmem_interrupted(&tries))
			return -EINTR;
		cond_resched();
	}
}

static int nmem_access(struct kvm *kvm, gpa_t gpa, void *buf, size_t n,
		       enum nmem_access access)
{
	size_t part;
	int err = 0;

	for (; n && !err; n -= part, gpa += part, buf += part) {
		part = min(n, PAGE_SIZE - offset_in_page(gpa));
		err = nmem_access_page(kvm, gpa, buf, part, access);
	}
	return err;
}

/**
 * nmem_read() - read memory of L1
 * @kvm: VM of L1, of the calling process
 * @gpa: L1 real address
 * @to: result; not defined after an error
 * @n: bytes
 *
 * Context: Process context, may sleep for as long as user space likes; takes
 * kvm->srcu, but does not hold it while it waits.
 * Return: 0; -ENOENT if L1 has no memory there; -EFAULT if user space has no page
 * for it; -ENOMEM; -EINTR if a signal came before the page.
 */
int nmem_read(struct kvm *kvm, gpa_t gpa, void *to, size_t n)
{
	return nmem_access(kvm, gpa, to, n, NMEM_READ);
}

/**
 * nmem_make_writable() - find out whether memory of L1 can be written
 * @kvm: VM of L1, of the calling process
 * @gpa: L1 real address
 * @n: bytes
 *
 * User space may take the right away at any time.
 *
 * Context: as nmem_read()
 * Return: as nmem_read()
 */
int nmem_make_writable(struct kvm *kvm, gpa_t gpa, size_t n)
{
	struct kvm_memory_slot *slot;
	unsigned long hva;
	size_t part;
	int err = 0;

	for (; n && !err; n -= part, gpa += part) {
		part = min(n, PAGE_SIZE - offset_in_page(gpa));
		scoped_guard(srcu, &kvm->srcu)
			err = nmem_hva(kvm, gpa, &slot, &hva);
		if (!err)
			err = nmem_fault_in(kvm->mm, hva, NMEM_WRITE);
	}
	return err;
}

/**
 * nmem_write() - write memory of L1
 * @kvm: VM of L1, of the calling process
 * @gpa: L1 real address
 * @from: what to write; after an error the beginning of it may be written
 * @n: bytes
 *
 * Context: as nmem_read()
 * Return: as nmem_read()
 */
int nmem_write(struct kvm *kvm, gpa_t gpa, const void *from, size_t n)
{
	return nmem_access(kvm, gpa, (void *)from, n, NMEM_WRITE);
}

/* --- hypercalls that the kernel's own files answer ------------------------ */

#define NMEM_VPA_FUNC(flags)	(((flags) >> H_VPA_FUNC_SHIFT) & H_VPA_FUNC_MASK)

static int nmem_for_page_init(struct kvm_vcpu *vcpu, u64 flags)
{
	u64 word;
	int err = 0;

	if (flags & H_COPY_PAGE)
		err = nmem_read(vcpu->kvm, kvmppc_get_gpr(vcpu, 6), &word,
				sizeof(word));
	if (!err && (flags & (H_COPY_PAGE | H_ZERO_PAGE)))
		err = nmem_make_writable(vcpu->kvm, kvmppc_get_gpr(vcpu, 5), 1);
	return err;
}

static int nmem_for_register_vpa(struct kvm_vcpu *vcpu, u64 flags)
{
	switch (NMEM_VPA_FUNC(flags)) {
	case H_VPA_REG_VPA:
	case H_VPA_REG_DTL:
	case H_VPA_REG_SLB:
		return nmem_make_writable(vcpu->kvm, kvmppc_get_gpr(vcpu, 6), 1);
	}
	return 0;
}

static int nmem_for_hcall(struct kvm_vcpu *vcpu, unsigned long req)
{
	u64 word;

	switch (req) {
	case H_PAGE_INIT:
		return nmem_for_page_init(vcpu, kvmppc_get_gpr(vcpu, 4));
	case H_REGISTER_VPA:
		return nmem_for_register_vpa(vcpu, kvmppc_get_gpr(vcpu, 4));
	case H_PUT_TCE_INDIRECT:
		return nmem_read(vcpu->kvm, kvmppc_get_gpr(vcpu, 6), &word,
				 sizeof(word));
	case H_RTAS:
		/* User space answers it, if it has told the kernel of no token. */
		if (list_empty(&vcpu->kvm->arch.rtas_tokens))
			return 0;
		return nmem_make_writable(vcpu->kvm, kvmppc_get_gpr(vcpu, 4) &
					  KVM_PAM, sizeof(struct rtas_args));
	}
	return 0;
}

/**
 * kvmhv_wait_for_hcall() - have the memory that a hypercall is about to access
 * @vcpu: vCPU that makes it
 * @req: which
 *
 * Who answers it waits for user space whatever the signal, if a page is absent.
 * It seldom is after this. If a signal comes first, the vCPU is made to issue the
 * hypercall again.
 *
 * Context: Process context, may sleep for as long as user space likes.
 * Return: 0, also if there is no such memory: it is for others to refuse; -EINTR
 * to leave KVM_RUN, with the exit reason set.
 */
int kvmhv_wait_for_hcall(struct kvm_vcpu *vcpu, unsigned long req)
{
	if (nmem_for_hcall(vcpu, req) != -EINTR)
		return 0;
	kvmppc_set_pc(vcpu, kvmppc_get_pc(vcpu) - sizeof(u32));
	vcpu->arch.hcall_needed = 0;
	vcpu->run->exit_reason = KVM_EXIT_INTR;
	return -EINTR;
}

/**
 * kvmhv_wait_for_page() - have a page of a guest that is about to be pinned
 * @kvm: VM, of the calling process
 * @gpa: guest real address
 *
 * Context: as nmem_read()
 * Return: whether it is there, or never will be; false if a signal came first.
 */
bool kvmhv_wait_for_page(struct kvm *kvm, unsigned long gpa)
{
	return nmem_make_writable(kvm, gpa, 1) != -EINTR;
}
