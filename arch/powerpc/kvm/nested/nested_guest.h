/* SPDX-License-Identifier: GPL-2.0-only */
/* One nested guest: references, publish, reload, kill. */
#ifndef _KVM_NESTED_NESTED_GUEST_H
#define _KVM_NESTED_NESTED_GUEST_H

#include <linux/kvm_host.h>

#include <asm/kvm_nested.h>

#include "pst.h"

/* S3: an invalidation begins. Under mmu_lock. */
static inline void nguest_begin_inval(struct kvm_nested_guest *ng)
{
	/*
	 * A store of L1 before its hypercall comes before the new number. Pairs
	 * with the acquire in nflt_snapshot().
	 */
	smp_store_release(&ng->inval_seq, ng->inval_seq + 1);
}

/**
 * struct nguest_entry - one entry of L1's partition table
 * @root: first doubleword
 * @process_table: second doubleword
 */
struct nguest_entry {
	u64 root;
	u64 process_table;
};

int __must_check nguest_init(void);
void nguest_exit(void);
struct kvm_nested_guest *nguest_get(struct kvm *kvm, glpid_t glpid);
struct kvm_nested_guest *nguest_get_next(struct kvm *kvm, glpid_t *glpid);
void nguest_put(struct kvm_nested_guest *ng);
bool nguest_is_idle(struct kvm_nested_guest *ng);
unsigned int nguest_count_inside(struct kvm_nested_guest *ng);
short *nguest_prev_cpu(struct kvm_nested_guest *ng, u32 token);
int nguest_read_entry(struct kvm *kvm, glpid_t glpid, struct nguest_entry *entry);
struct pst *nguest_new_tree(struct kvm_nested_guest *ng);
void nguest_discard_tree(struct pst *pst);
bool nguest_is_ready(const struct kvm_nested_guest *ng);
int __must_check nguest_commit(struct kvm_nested_guest *ng, u64 seq,
			       const struct nguest_entry *entry,
			       struct pst **fresh);
void nguest_reload(struct kvm_nested_guest *ng);
void nguest_invalidate(struct kvm_nested_guest *ng);
void nguest_settle(struct kvm_nested_guest *ng);
void nguest_kill(struct kvm_nested_guest *ng);
void nguest_kill_all(struct kvm *kvm);
void nguest_prove(struct kvm_nested_guest *ng);

#endif /* _KVM_NESTED_NESTED_GUEST_H */
