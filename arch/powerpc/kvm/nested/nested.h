/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the glue files of nested KVM-HV offer each other.
 *
 * Pure files do not include this. Errors are -errno or an enum named here;
 * H_* codes are said in book3s_hv_nested.c only, RESUME_* codes only by the
 * two page-fault entry points.
 *
 * Lock order: vcpu->mutex, kvm->srcu (read), ng->pate_mutex, kvm->mmu_lock.
 */
#ifndef _KVM_NESTED_NESTED_H
#define _KVM_NESTED_NESTED_H

#include <linux/kvm_host.h>
#include <linux/xarray.h>

#include "pure.h"
#include "nfault.h"
#include "ninv.h"
#include "nrmap.h"
#include "nstate.h"
#include "pst.h"

/* --- nested/nmem.c: L1's memory, from the thread of a vCPU --- */

/**
 * enum nmem_access - what a page of user space is needed for
 * @NMEM_READ: to be read
 * @NMEM_WRITE: to be written
 */
enum nmem_access {
	NMEM_READ,
	NMEM_WRITE,
};

int __must_check nmem_fault_in(struct mm_struct *mm, unsigned long hva,
			       enum nmem_access access);
int __must_check nmem_read(struct kvm *kvm, gpa_t gpa, void *to, size_t n);
int __must_check nmem_write(struct kvm *kvm, gpa_t gpa, const void *from,
			    size_t n);
int __must_check nmem_make_writable(struct kvm *kvm, gpa_t gpa, size_t n);

/* --- nested/nested_run.c: register state of L1 and L2 on one vCPU --- */

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

struct nrun *nrun_of(struct kvm_vcpu *vcpu);
void nrun_free(struct nrun *run);
int __must_check nrun_fetch(struct kvm_vcpu *vcpu, struct nrun *run);
int nrun_execute(struct kvm_vcpu *vcpu, struct nrun *run,
		 struct kvm_nested_guest *ng);
int __must_check nrun_deliver(struct kvm_vcpu *vcpu, struct nrun *run);
int __must_check nrun_settle(struct kvm_vcpu *vcpu, struct nrun *run);
void nrun_redirect_mmio(struct kvm_vcpu *vcpu, struct nrun *run);

/* --- nested/parent.c: this host as a guest of another --- */

void kvmhv_nestedv1_set_entry(u64 lpid, u64 dw0, u64 dw1);

/* --- nested/nested_guest.c: life of nested guests --- */

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

int nguest_init(void);
void nguest_exit(void);
struct kvm_nested_vm *nguest_vm(struct kvm *kvm);
unsigned long nvm_stat_sum(const struct kvm_nested_vm *nvm, enum nvm_stat stat);
int __must_check nguest_enter(struct kvm *kvm, struct nrun *run,
			      struct kvm_nested_guest **res);
void nguest_leave(struct nrun *run, struct kvm_nested_guest *ng);
bool nguest_is_idle(struct kvm_nested_guest *ng);
unsigned int nguest_count_inside(struct kvm_nested_guest *ng);
struct kvm_nested_guest *nguest_get(struct kvm *kvm, glpid_t glpid);
struct kvm_nested_guest *nguest_get_next(struct kvm *kvm, glpid_t *glpid);
void nguest_put(struct kvm_nested_guest *ng);
void nguest_reload(struct kvm_nested_guest *ng);
void nguest_invalidate(struct kvm_nested_guest *ng);
void nguest_settle(struct kvm_nested_guest *ng);
void nguest_kill(struct kvm_nested_guest *ng);
void nguest_kill_all(struct kvm *kvm);
void nguest_drain_now(struct kvm_nested_vm *nvm);
void nguest_release_all(struct kvm *kvm);

/* --- nested/nested_mmu.c: L1's tables, invalidation --- */

void nmmu_invalidate(struct kvm *kvm, const struct ninv *inv);

/* Entries in one cache line of a table of L1. */
#define NMMU_LINE	16

/**
 * struct nmmu_reader - what a walk of L1's tables reads
 * @kvm: VM of L1
 * @known: tables that the vCPU remembers, or NULL
 * @ng: guest whose tree it is, for @known
 * @seq: its inval_seq before the walk, for @known
 * @err: why an entry could not be read, as nmem_read(), or 0
 * @at: where the line is, under mmu_lock
 * @line: the line that the last entry read stands in
 */
struct nmmu_reader {
	struct kvm *kvm;
	struct nmmu_known *known;
	const struct kvm_nested_guest *ng;
	u64 seq;
	int err;
	const __be64 *at;
	__be64 line[NMMU_LINE];
};

void nmmu_walk_l1(struct nmmu_reader *reader, u64 root, u64 ngpa,
		  struct gwalk_result *res);
bool nmmu_look_l1(struct kvm *kvm, u64 root, u64 ngpa,
		  struct gwalk_result *res);

/* --- nested/nested_fault.c: faults of L2 --- */

unsigned long nflt_read_real(struct kvm_vcpu *vcpu, u64 ngpa, void *to,
			     unsigned long n);
void nflt_replay(struct kvm_vcpu *vcpu, struct kvm_nested_guest *ng);

/* --- nested/nested_limit.c: what a VM that nests may use --- */

int nlimit_init(void);
void nlimit_exit(void);
void nlimit_add_vm(struct kvm_nested_vm *nvm);
void nlimit_remove_vm(struct kvm_nested_vm *nvm);
unsigned int nlimit_count_guests(struct kvm *kvm);
int __must_check nlimit_admit(struct kvm *kvm);
long nlimit_alloc_lpid(struct kvm *kvm);
void nlimit_free_lpid(long lpid);
void nlimit_make_room(struct kvm_nested_guest *ng);
u64 nlimit_quota(struct kvm *kvm);
unsigned int nlimit_max_guests(struct kvm *kvm);

/**
 * enum nlimit - a limit that a VM may have for itself
 * @NLIMIT_GUESTS: nested guests
 * @NLIMIT_QUOTA: bytes of shadow tables
 */
enum nlimit {
	NLIMIT_GUESTS,
	NLIMIT_QUOTA,
};

int nlimit_set(struct kvm *kvm, enum nlimit which, u64 val);

/* --- nested/nested_audit.c: what debugfs shows and proves --- */

void naudit_debugfs_init(struct kvm *kvm);
void naudit_prove(struct kvm_nested_guest *ng);

/* --- book3s_64_mmu_radix.c: L1's own tree, for L2 faults --- */

/**
 * enum radix_access - what the leaf of L1 has to allow
 * @RADIX_READ: loads and fetches
 * @RADIX_WRITE: stores: W and C
 */
enum radix_access {
	RADIX_READ,
	RADIX_WRITE,
};

bool radix_use_leaf(struct kvm *kvm, u64 gpa, enum radix_access access,
		    struct pst_pos *pos);
int __must_check radix_fault_in(struct kvm *kvm, struct kvm_memory_slot *slot,
				u64 gpa, enum radix_access access);

/* --- nested/quadrant.c: guest effective addresses --- */

unsigned long quadrant_copy_from(u64 lpid, u32 pid, gva_t eaddr, void *to,
				 unsigned long n);
unsigned long quadrant_copy_to(u64 lpid, u32 pid, gva_t eaddr, void *from,
			       unsigned long n);

/* --- what only tests/ looks at --- */

#if IS_ENABLED(CONFIG_KUNIT)
extern unsigned int nested_lpid_reserve;
extern atomic_t nlimit_lpids;
extern struct shrinker *nlimit_shrinker;

int nguest_read_entry(struct kvm *kvm, glpid_t glpid,
		      struct nguest_entry *entry);
#endif

#endif /* _KVM_NESTED_NESTED_H */
