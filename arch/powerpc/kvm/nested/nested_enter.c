// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds or makes the nested guest that a vCPU of L1 enters.
 *
 * This is above limits: to make a guest another may have to go, which is why the
 * life of a guest (nested_guest) knows nothing of who makes it.
 */
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/slab.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "nested_enter.h"
#include "nested_guest.h"
#include "nested_limit.h"
#include "nested_vm.h"

static struct kvm_nested_guest *nguest_alloc(struct kvm *kvm, glpid_t glpid)
{
	struct kvm_nested_guest *ng;
	long lpid;

	ng = kzalloc(sizeof(*ng), GFP_KERNEL_ACCOUNT);
	if (!ng)
		return ERR_PTR(-ENOMEM);
	ng->kvm = kvm;
	ng->glpid = glpid;
	ng->radix = 1;
	xa_init_flags(&ng->prev_cpus, XA_FLAGS_ACCOUNT);
	refcount_set(&ng->refs, 1);
	mutex_init(&ng->pate_mutex);
	lpid = nlimit_alloc_lpid(kvm);
	if (lpid < 0) {
		nguest_put(ng);
		return ERR_PTR(lpid);
	}
	ng->shadow_lpid = lpid;
	return ng;
}

/*
 * Make a guest that nobody has seen yet and put it into the table. The loser
 * of a race for one LPID uses the guest of the winner.
 */
static struct kvm_nested_guest *nguest_create(struct kvm *kvm, glpid_t glpid)
{
	struct kvm_nested_vm *nvm = nvm_get_or_create(kvm);
	struct kvm_nested_guest *ng;
	int err;

	if (!nvm)
		return ERR_PTR(-ENOMEM);
	err = nlimit_admit(kvm);
	if (err)
		return ERR_PTR(err);
	ng = nguest_alloc(kvm, glpid);
	if (IS_ERR(ng))
		return ng;
	refcount_inc(&ng->refs);
	err = xa_insert(&nvm->guests, glpid.val, ng, GFP_KERNEL_ACCOUNT);
	if (!err)
		return ng;
	refcount_set(&ng->refs, 1);
	nguest_put(ng);
	if (err != -EBUSY)
		return ERR_PTR(err);
	ng = nguest_get(kvm, glpid);
	return ng ? ng : ERR_PTR(-EAGAIN);
}

/* Read L1's entry and publish it, with a tree to put leaves in. */
static int nguest_prepare(struct kvm_nested_guest *ng)
{
	struct nguest_entry entry;
	struct pst *fresh = NULL;
	u64 seq;
	int err;

	spin_lock(&ng->kvm->mmu_lock);
	seq = ng->inval_seq;
	spin_unlock(&ng->kvm->mmu_lock);

	/*
	 * Either the new table is seen here, or who has set it finds this guest
	 * among those to kill. Pairs with the barrier in nguest_kill_all().
	 */
	smp_mb();
	err = nguest_read_entry(ng->kvm, ng->glpid, &entry);
	if (err)
		return err;
	if (!entry.root) {
		nguest_kill(ng);
		return -ENOENT;
	}
	if (!READ_ONCE(ng->live)) {
		nlimit_make_room(ng);
		fresh = nguest_new_tree(ng);
		if (!fresh)
			return -ENOMEM;
	}
	mutex_lock(&ng->pate_mutex);
	err = nguest_commit(ng, seq, &entry, &fresh);
	mutex_unlock(&ng->pate_mutex);
	nguest_discard_tree(fresh);
	return err;
}

/* The guest that the vCPU was in last, if it is this one; with its reference. */
static struct kvm_nested_guest *nguest_get_last(struct nrun *run, glpid_t glpid)
{
	struct kvm_nested_guest *ng = xchg(&run->last, NULL);

	if (ng && ng->glpid.val == glpid.val && !READ_ONCE(ng->dead))
		return ng;
	if (ng)
		nguest_put(ng);
	/* Another guest may come to be where this one was. */
	memset(run->known, 0, sizeof(run->known));
	return NULL;
}

/**
 * nguest_leave() - a vCPU is not inside any more
 * @run: of the vCPU; remembers the guest and takes over the reference
 * @ng: guest that nguest_enter() gave
 *
 * Context: Process context, may sleep.
 */
void nguest_leave(struct nrun *run, struct kvm_nested_guest *ng)
{
	bool dead;

	WRITE_ONCE(ng->last_run, jiffies);
	/* A killer may put the reference: RCU keeps the guest for the look. */
	scoped_guard(rcu) {
		/*
		 * Either the killer finds the guest here or it is found dead.
		 * Pairs with the lock in nguest_kill() between setting dead and
		 * looking.
		 */
		smp_store_mb(run->last, ng);
		dead = READ_ONCE(ng->dead);
	}
	if (dead && cmpxchg(&run->last, ng, NULL) == ng)
		nguest_put(ng);
}

/**
 * nguest_enter() - find or make the guest that a vCPU is about to run
 * @kvm: VM of L1
 * @run: of the vCPU; hv.lpid is L1's name of the guest, hv.vcpu_token that of
 *	its vCPU; prev_cpu is filled
 * @res: the guest with a reference for nguest_leave(), on success
 *
 * For the guest that was entered last there is no lookup and no lock.
 *
 * Context: Process context, may sleep. No lock and no srcu is held.
 * Return: 0; -ENOENT if L1's table has no such entry; -ENOMEM without memory
 * or host LPID; -EAGAIN if L1 invalidated meanwhile, or if someone looks at the
 * guest that is to make room: to be tried again by L1; -EINTR if a signal came
 * before the page that L1's entry is in.
 */
int nguest_enter(struct kvm *kvm, struct nrun *run,
		 struct kvm_nested_guest **res)
{
	glpid_t glpid = make_glpid(run->hv.lpid);
	struct kvm_nested_guest *ng;
	unsigned long now = jiffies;
	struct nguest_entry entry;
	int err = 0;

	ng = nguest_get_last(run, glpid) ?: nguest_get(kvm, glpid);
	if (!ng) {
		err = nguest_read_entry(kvm, glpid, &entry);
		if (err || !entry.root)
			return err ?: -ENOENT;
		ng = nguest_create(kvm, glpid);
		if (IS_ERR(ng))
			return PTR_ERR(ng);
	}
	if (!nguest_is_ready(ng))
		err = nguest_prepare(ng);
	if (!err) {
		run->prev_cpu = nguest_prev_cpu(ng, run->hv.vcpu_token);
		err = run->prev_cpu ? 0 : -ENOMEM;
	}
	if (err) {
		nguest_put(ng);
		return err;
	}
	nvm_count(kvm, NVM_ENTERS);
	/* One cache line for all vCPUs: written once a tick at most. */
	if (time_before(READ_ONCE(ng->last_run), now))
		WRITE_ONCE(ng->last_run, now);
	*res = ng;
	return 0;
}
