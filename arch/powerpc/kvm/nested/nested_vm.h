/* SPDX-License-Identifier: GPL-2.0-only */
/* The container of a VM that nests, and what its vCPUs keep. */
#ifndef _KVM_NESTED_NESTED_VM_H
#define _KVM_NESTED_NESTED_VM_H

#include <linux/kvm_host.h>
#include <linux/xarray.h>

#include "gwalk.h"
#include "nstate.h"
#include "pst.h"

/* Tables of L1 that a vCPU remembers, and their level. */
#define NMMU_KNOWN		4
#define NMMU_KNOWN_LEVEL	1

/**
 * struct nmmu_known - a table that a walk of L1's tree has come through
 * @ng: guest it belongs to, NULL for none
 * @seq: inval_seq before the walk
 * @region: L2 real address over 1G
 * @table: the table, of entries of 2M
 *
 * A page-walk cache: what L1 changes above the table it tells by an
 * invalidation, which changes inval_seq. The last directory is read each time:
 * there L1 goes from a table to a leaf and back, and not always with a word.
 */
struct nmmu_known {
	const struct kvm_nested_guest *ng;
	u64 seq;
	u64 region;
	struct gwalk_table table;
};

/**
 * struct nrun_buf - one of L1's buffers, and the page it was in last
 * @gpc: mapping of it for the kernel; the notifier takes it away
 * @last: L1 real address passed last
 */
struct nrun_buf {
	struct gfn_to_pfn_cache gpc;
	gpa_t last;
};

/**
 * enum nrun_debt - what L1's memory lacks of an L2 that was left
 * @NRUN_OWES_STATE: hv_guest_state
 * @NRUN_OWES_REGS: pt_regs
 * @NRUN_OWES_LOAD: in pt_regs, what L2 has loaded from a device
 *
 * A page may be absent, and a signal come before it. L1 does not run until all
 * of it is there.
 */
enum nrun_debt {
	NRUN_OWES_STATE = BIT(0),
	NRUN_OWES_REGS = BIT(1),
	NRUN_OWES_LOAD = BIT(2),
};

/**
 * struct nrun - what a vCPU of L1 needs to run guests of its own
 * @node: in the list of the VM; it lives as long as the VM nests
 * @state_buf: where hv_guest_state is
 * @regs_buf: where pt_regs is
 * @last: guest entered last, with a reference; NULL while one is entered
 * @known: of that guest, or empty
 * @prev_cpu: where the guest remembers the CPU of the vCPU that was entered last
 * @replay: fault that L1 was to handle, as nfault_to_replay() made it, or 0
 * @state_gpa: L1 real address of hv_guest_state
 * @regs_gpa: L1 real address of pt_regs
 * @size: bytes of hv_guest_state in the version L1 passed
 * @order: byte order of L1
 * @wire: hv_guest_state on its way, if the buffer is not mapped
 * @hv: L2's hypervisor-privileged state, native and sanitised; L1's own while
 *	the vCPU holds L2's
 * @regs: L2's registers, native and sanitised; L1's own likewise
 * @hfscr_wanted: HFSCR as L1 asked for it, before sanitising
 * @l1_msr: L1's MSR
 * @owed: enum nrun_debt; 0 whenever L1 runs
 * @owed_at: registers of L1 that is owed something; with others, or elsewhere, it
 *	was reset, or user space has loaded a snapshot
 * @result: what r3 becomes when nothing is owed
 * @load_gpa: L1 real address of the register for NRUN_OWES_LOAD
 *
 * From @state_gpa on it describes one H_ENTER_NESTED.
 */
struct nrun {
	struct list_head node;
	struct nrun_buf state_buf;
	struct nrun_buf regs_buf;
	struct kvm_nested_guest *last;
	struct nmmu_known known[NMMU_KNOWN];
	short *prev_cpu;
	u64 replay;
	gpa_t state_gpa;
	gpa_t regs_gpa;
	int size;
	enum nstate_order order;
	struct hv_guest_state wire;
	struct hv_guest_state hv;
	struct pt_regs regs;
	u64 hfscr_wanted;
	u64 l1_msr;
	u8 owed;
	struct pt_regs owed_at;
	long result;
	gpa_t load_gpa;
};

/**
 * enum nvm_stat - what is counted for each VM; debugfs "nested" prints it
 * @NVM_ENTERS: entries of a vCPU into an L2
 * @NVM_FAULTS: page faults of L2s
 * @NVM_REFLECTS: of these, left to L1
 * @NVM_INSTALLS: of these, ended with a shadow leaf
 * @NVM_STALE: of these, tried again because L1 invalidated meanwhile
 * @NVM_RANGE_INVALS: invalidations of a range by L1
 * @NVM_GUEST_INVALS: invalidations of a whole guest, for whatever reason
 * @NVM_RELOADS: table entries read again at L1's demand
 * @NVM_KILLS: guests that died, evicted ones included
 * @NVM_EVICTED_GUESTS: idle guests that made room for another
 * @NVM_EVICTED_TABLES: leaf tables that made room for others
 * @NVM_SPARED_TABLES: leaf tables that did not, for they were used
 * @NVM_AROUND: leaves installed beside the one that faulted
 * @NVM_REPLAYS: reflected faults that L1 has solved, tried before L2 ran
 * @NVM_REFUSALS: guests refused for want of room or host LPIDs
 * @NVM_NR: how many there are
 */
enum nvm_stat {
	NVM_ENTERS,
	NVM_FAULTS,
	NVM_REFLECTS,
	NVM_INSTALLS,
	NVM_STALE,
	NVM_RANGE_INVALS,
	NVM_GUEST_INVALS,
	NVM_RELOADS,
	NVM_KILLS,
	NVM_EVICTED_GUESTS,
	NVM_EVICTED_TABLES,
	NVM_SPARED_TABLES,
	NVM_AROUND,
	NVM_REPLAYS,
	NVM_REFUSALS,
	NVM_NR,
};

/**
 * struct nvm_stats - what one CPU has counted
 * @n: by enum nvm_stat
 */
struct nvm_stats {
	unsigned long n[NVM_NR];
};

/**
 * struct kvm_nested_vm - what a VM that nests has more than another
 * @kvm: the VM
 * @guests: by L1's LPID; membership only, the entries are counted
 * @drain: trees that were detached; under mmu_lock
 * @drain_work: frees them once they are quiet
 * @runs: struct nrun of each vCPU that has entered a guest; only grows
 * @runs_lock: protects @runs
 * @max_guests: of this VM, 0 for what the module says
 * @quota: bytes of shadow tables of this VM, 0 likewise
 * @shrink_from: L1's LPID that the shrinker goes on from; under mmu_lock
 * @account: memory of all shadow trees, in any state
 * @stats: of each CPU: all vCPUs count, on each entry and fault
 * @node: in the list of all VMs that nest, for the shrinker
 */
struct kvm_nested_vm {
	struct kvm *kvm;
	struct xarray guests;
	struct list_head drain;
	struct work_struct drain_work;
	struct list_head runs;
	struct mutex runs_lock;
	unsigned int max_guests;
	u64 quota;
	unsigned long shrink_from;
	struct pst_account account;
	struct nvm_stats __percpu *stats;
	struct list_head node;
};

/*
 * The container of a VM for who has a reference to the VM and nothing else, such
 * as a reader of debugfs: a switch to HPT may take it away at any time, and RCU
 * keeps it. The switch waits for vCPUs in KVM_RUN and for holders of
 * mmu_setup_lock, and clears the pointer under mmu_lock: those three may follow
 * kvm->arch.nested_vm as it is.
 */
static inline struct kvm_nested_vm *nvm_rcu(struct kvm *kvm)
{
	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "no RCU keeps the container");
	return READ_ONCE(kvm->arch.nested_vm);
}

static inline void nvm_count_n(struct kvm *kvm, enum nvm_stat stat,
			       unsigned int n)
{
	this_cpu_add(kvm->arch.nested_vm->stats->n[stat], n);
}

static inline void nvm_count(struct kvm *kvm, enum nvm_stat stat)
{
	nvm_count_n(kvm, stat, 1);
}

extern struct list_head nvm_list;
extern struct mutex nvm_list_lock;	/* of nvm_list and who is in it */

struct kvm_nested_vm *nvm_get_or_create(struct kvm *kvm);
void nvm_release(struct kvm *kvm);
void nvm_drain_now(struct kvm_nested_vm *nvm);
unsigned long nvm_stat_sum(const struct kvm_nested_vm *nvm, enum nvm_stat stat);
struct nrun *nrun_of(struct kvm_vcpu *vcpu);

#endif /* _KVM_NESTED_NESTED_VM_H */
