/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested guests of KVM-HV: what code outside the nested files may see.
 *
 * A nested guest is a guest (L2) of one of our guests (L1). L1 names it by an
 * LPID of its own; hardware runs it under a shadow LPID of ours. The two never
 * meet in one variable: each has a type.
 */
#ifndef _ASM_POWERPC_KVM_NESTED_H
#define _ASM_POWERPC_KVM_NESTED_H

#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/xarray.h>

/* L1's name of one of its guests; an index into L1's partition table. */
typedef struct {
	u32 val;
} glpid_t;

/*
 * The number in LPIDR, or the one that names the guest to our own parent. 64
 * bits wide, since a parent with the nested API v2 hands out guest ids.
 */
typedef struct {
	u64 val;
} hlpid_t;

static inline glpid_t make_glpid(u32 val)
{
	return (glpid_t){ val };
}

static inline hlpid_t make_hlpid(u64 val)
{
	return (hlpid_t){ val };
}

/* One 12-bit field of a mapping's key, and the largest table L1 may register. */
#define KVM_NESTED_LPID_BITS	12

/*
 * Tokens that L1 gives to vCPUs of its guests are below this: vCPU ids of 2048
 * cores of 8 threads, whatever the number of CPUs here. It bounds the memory
 * that one guest can make the host use for them to some 64 KiB.
 */
#define KVM_NESTED_TOKENS	16384

struct kvm;
struct kvm_vcpu;
struct pst;

/**
 * struct kvm_nested_guest - one guest of one of our guests
 * @shadow_lpid: LPID that hardware runs it under; read by the entry path
 * @radix: always 1; read by kvmhv_vcpu_is_radix()
 * @need_tlb_flush: CPUs that flush before they next enter it
 * @prev_cpus: by token, a part at a time: CPU that ran the vCPU last, -1 for
 *	none; only grows
 * @kvm: the VM of L1
 * @glpid: L1's name of it
 * @refs: one for the table, one for each vCPU inside, one for each hypercall
 * @rcu: frees it after readers of the table are gone
 * @last_run: jiffies when it was last entered or left, for eviction
 * @pate_mutex: orders {write table entry, flush} for @shadow_lpid
 * @published: root in the table entry now; under @pate_mutex
 * @live: tree that gains leaves, or NULL; under mmu_lock
 * @l1_root: first doubleword of L1's entry, 0 until all of the entry is
 *	published (G5); under mmu_lock
 * @process_table: second doubleword of L1's entry; under mmu_lock
 * @around: leaves installed beside others so far; under mmu_lock
 * @inval_seq: bumped under mmu_lock at the start of each invalidation
 * @dead: final, set under mmu_lock together with a bump
 */
struct kvm_nested_guest {
	/* Read by the entry path outside the nested files. */
	int shadow_lpid;
	u8 radix;
	cpumask_t need_tlb_flush;

	/* Private to nested/. */
	struct xarray prev_cpus;
	struct kvm *kvm;
	glpid_t glpid;
	refcount_t refs;
	struct rcu_head rcu;
	unsigned long last_run;
	struct mutex pate_mutex;
	struct pst *published;
	struct pst *live;
	u64 l1_root;
	u64 process_table;
	unsigned int around;
	u64 inval_seq;
	bool dead;
};

int kvmhv_settle_nested(struct kvm_vcpu *vcpu);
u64 kvmhv_nested_tb_offset(const struct kvm_vcpu *vcpu);
int kvmhv_wait_for_hcall(struct kvm_vcpu *vcpu, unsigned long req);
bool kvmhv_wait_for_page(struct kvm *kvm, unsigned long gpa);
u64 kvmhv_get_ptcr(struct kvm_vcpu *vcpu);
void kvmhv_set_ptcr(struct kvm_vcpu *vcpu, u64 ptcr);
int __must_check kvmhv_claim_nesting(struct kvm *kvm);
int __must_check kvmhv_claim_secure(struct kvm *kvm);

#endif /* _ASM_POWERPC_KVM_NESTED_H */
