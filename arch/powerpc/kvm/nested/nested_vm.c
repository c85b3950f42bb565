// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM that nests has more than another, and what each of its vCPUs keeps
 * from one entry of a nested guest to the next.
 *
 * The container appears with the first entry and goes with the VM, or when the
 * VM switches to HPT. All containers are in one list, for the shrinker. Detached
 * trees wait here until no CPU can walk them; a worker then frees them.
 *
 * Not here: nested guests (nested_guest), limits (nested_limit), what is in the
 * registers of a vCPU (nested_run).
 */
#include <linux/kvm_host.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "nested_vm.h"
#include "pst.h"

/* Entries removed from a quiet tree in one hold of mmu_lock. */
#define NVM_DRAIN_BUDGET	512

/* All containers of the host. The lock protects the list and keeps who is in it. */
LIST_HEAD(nvm_list);
DEFINE_MUTEX(nvm_list_lock);

/* --- trees that are detached -------------------------------------------- */

static struct pst *nvm_next_quiet(struct kvm_nested_vm *nvm)
{
	struct pst *pst;

	list_for_each_entry(pst, &nvm->drain, drain) {
		if (pst->state == PST_QUIET)
			return pst;
	}
	return NULL;
}

static void nvm_drain(struct work_struct *work)
{
	struct kvm_nested_vm *nvm = container_of(work, struct kvm_nested_vm,
						 drain_work);
	spinlock_t *lock = &nvm->kvm->mmu_lock;
	LIST_HEAD(doomed);
	struct pst *pst;
	bool more;

	for (;;) {
		spin_lock(lock);
		pst = nvm_next_quiet(nvm);
		more = pst && pst_drain_step(pst, NVM_DRAIN_BUDGET, &doomed);
		if (pst && !more)
			list_del_init(&pst->drain);
		spin_unlock(lock);

		if (!pst)
			break;
		pst_free_doomed(&doomed);
		if (!more)
			pst_destroy(pst);
		cond_resched();
	}
}

/**
 * nvm_drain_now() - wait for the trees that can be freed
 * @nvm: container of a VM
 *
 * Context: Process context, may sleep.
 */
void nvm_drain_now(struct kvm_nested_vm *nvm)
{
	flush_work(&nvm->drain_work);
}

/* --- the container ------------------------------------------------------ */

static void nvm_free(struct kvm_nested_vm *nvm)
{
	free_percpu(nvm->stats);
	kfree(nvm);
}

static void nvm_add(struct kvm_nested_vm *nvm)
{
	guard(mutex)(&nvm_list_lock);
	list_add_tail(&nvm->node, &nvm_list);
}

/**
 * nvm_stat_sum() - what all CPUs have counted
 * @nvm: container of a VM
 * @stat: which
 *
 * Context: Any.
 * Return: the sum; of a VM that runs, one of the recent past.
 */
unsigned long nvm_stat_sum(const struct kvm_nested_vm *nvm, enum nvm_stat stat)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(nvm->stats, cpu)->n[stat]);
	return sum;
}

/**
 * nvm_get_or_create() - the container of a VM that nests
 * @kvm: VM of L1
 *
 * It appears with the first entry; two vCPUs may race for it.
 *
 * Context: Process context, may sleep.
 * Return: the container, or NULL without memory.
 */
struct kvm_nested_vm *nvm_get_or_create(struct kvm *kvm)
{
	struct kvm_nested_vm *nvm = READ_ONCE(kvm->arch.nested_vm);

	if (nvm)
		return nvm;
	nvm = kzalloc(sizeof(*nvm), GFP_KERNEL_ACCOUNT);
	if (!nvm)
		return NULL;
	nvm->stats = alloc_percpu_gfp(struct nvm_stats, GFP_KERNEL_ACCOUNT);
	if (!nvm->stats) {
		kfree(nvm);
		return NULL;
	}
	nvm->kvm = kvm;
	xa_init_flags(&nvm->guests, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&nvm->drain);
	INIT_WORK(&nvm->drain_work, nvm_drain);
	INIT_LIST_HEAD(&nvm->node);
	INIT_LIST_HEAD(&nvm->runs);
	mutex_init(&nvm->runs_lock);
	if (!cmpxchg(&kvm->arch.nested_vm, NULL, nvm)) {
		nvm_add(nvm);
		return nvm;
	}
	nvm_free(nvm);
	return READ_ONCE(kvm->arch.nested_vm);
}

/* --- vCPUs -------------------------------------------------------------- */

static struct nrun *nrun_create(struct kvm_vcpu *vcpu)
{
	struct kvm_nested_vm *nvm = nvm_get_or_create(vcpu->kvm);
	struct nrun *run;

	if (!nvm)
		return NULL;
	run = kzalloc(sizeof(*run), GFP_KERNEL_ACCOUNT);
	if (!run)
		return NULL;
	kvm_gpc_init(&run->state_buf.gpc, vcpu->kvm);
	kvm_gpc_init(&run->regs_buf.gpc, vcpu->kvm);
	run->state_buf.last = INVALID_GPA;
	run->regs_buf.last = INVALID_GPA;
	mutex_lock(&nvm->runs_lock);
	list_add_tail(&run->node, &nvm->runs);
	mutex_unlock(&nvm->runs_lock);
	vcpu->arch.nested_run = run;
	return run;
}

/**
 * nrun_of() - what a vCPU needs to run guests of its own
 * @vcpu: vCPU of L1, loaded
 *
 * Context: Process context, may sleep.
 * Return: the same for each call, until all nested guests are released; NULL
 * without memory.
 */
struct nrun *nrun_of(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.nested_run ?: nrun_create(vcpu);
}

static void nrun_free(struct nrun *run)
{
	kvm_gpc_deactivate(&run->state_buf.gpc);
	kvm_gpc_deactivate(&run->regs_buf.gpc);
	/* Who killed the guests has taken the references back. */
	WARN_ON_ONCE(run->last);
	kfree(run);
}

/* No vCPU runs; at the end of the VM there is none any more. */
static void nvm_free_runs(struct kvm *kvm, struct kvm_nested_vm *nvm)
{
	struct nrun *run, *next;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		vcpu->arch.nested_run = NULL;
	list_for_each_entry_safe(run, next, &nvm->runs, node)
		nrun_free(run);
	INIT_LIST_HEAD(&nvm->runs);
	mutex_destroy(&nvm->runs_lock);
}

/**
 * nvm_release() - a VM does not nest any more
 * @kvm: VM without a nested guest, and without a vCPU in KVM_RUN
 *
 * Works before and after the VM's own tree is freed. Afterwards no head of any
 * memslot has a link (R4) and no table is left (M1).
 *
 * Context: Process context, may sleep.
 */
void nvm_release(struct kvm *kvm)
{
	struct kvm_nested_vm *nvm = kvm->arch.nested_vm;

	if (!nvm)
		return;
	nvm_free_runs(kvm, nvm);
	scoped_guard(mutex, &nvm_list_lock)
		list_del_init(&nvm->node);
	nvm_drain_now(nvm);
	WARN_ON_ONCE(atomic_long_read(&nvm->account.tables));
	spin_lock(&kvm->mmu_lock);
	WRITE_ONCE(kvm->arch.nested_vm, NULL);
	spin_unlock(&kvm->mmu_lock);
	xa_destroy(&nvm->guests);
	/* For readers without a reference; a callback would outlive the module. */
	synchronize_rcu();
	nvm_free(nvm);
}
