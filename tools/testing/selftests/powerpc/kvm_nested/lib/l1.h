/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hypervisor of our own as L1, on bare metal as far as it can tell.
 *
 * Its memory is the test's memory, and its instructions are a stub that issues
 * one hypercall after the other as the test says. So the test reads like L1's
 * program, several vCPUs are threads of the test, and an L1 of the other
 * endianness is the same test: instructions are swapped when they are loaded,
 * hv_guest_state and pt_regs when they are accessed. Trees and the partition
 * table are always big-endian.
 *
 * L1 real memory:
 *
 *	0		vectors: an interrupt in L1 fails the case
 *	L1_STUB		instructions of L1
 *	L1_SNIPPETS	instructions of L2
 *	L1_BUFFERS	hv_guest_state and pt_regs, one page for each vCPU
 *	L1_TABLE	partition table, 4096 entries
 *	L1_POOL		page tables
 *	L1_DATA		data, a slot of its own
 *
 * Vocabulary: ngpa is L2 real, gpa is L1 real.
 */
#ifndef KVM_NESTED_L1_H
#define KVM_NESTED_L1_H

#include <pthread.h>

#include "radix.h"
#include "vmm.h"

#define L1_STUB		0x10000ULL
#define L1_SNIPPETS	0x20000ULL
#define L1_BUFFERS	0x30000ULL
#define L1_TABLE	0x40000ULL
#define L1_POOL		0x100000ULL
#define L1_LOW_BYTES	0x4000000ULL
#define L1_DATA		0x40000000ULL
#define L1_DATA_BYTES	0x4000000ULL
#define L1_SLOT_LOW	0
#define L1_SLOT_DATA	1

#define L1_TABLE_SIZE	4		/* 2^(4 + 12) bytes: 4096 LPIDs */
#define L1_PTCR		(L1_TABLE | L1_TABLE_SIZE)
#define L1_VCPUS	8

/* Where L2 finds its instructions, and where tests put its data. */
#define L2_SNIPPETS	0x20000ULL
#define L2_DATA		0x40000000ULL

#define H_SET_PARTITION_TABLE	0xf800
#define H_ENTER_NESTED		0xf804
#define H_TLB_INVALIDATE	0xf808
#define H_COPY_TOFROM_GUEST	0xf80c
#define H_RPT_INVALIDATE	0x448
#define H_PAGE_INIT	0x2c
#define H_ZERO_PAGE	BIT(63 - 48)
#define H_COPY_PAGE	BIT(63 - 49)
#define H_REGISTER_VPA	0xdc
#define H_STUFF_TCE	0x138
#define H_PUT_TCE_INDIRECT	0x13c
#define H_PING			0xf004	/* back at once, from the VMM */
#define H_DONE			0xf008	/* r4: result, r5: ticks */
#define H_OOPS			0xf00c	/* an interrupt in L1 */

#define H_SUCCESS	0
#define H_NOT_AVAILABLE	3
#define H_FUNCTION	(-2LL)
#define H_PARAMETER	(-4LL)
#define H_BAD_MODE	(-5LL)
#define H_NOT_FOUND	(-7LL)
#define H_NO_MEM	(-9LL)
#define H_AUTHORITY	(-10LL)
#define H_P2		(-55LL)
#define H_P4		(-57LL)
#define H_P5		(-58LL)

#define TRAP_HDSI	0xe00
#define TRAP_HISI	0xe20
#define TRAP_HCALL	0xc00
#define TRAP_HEAI	0xe40
#define TRAP_HFAC	0xf80
#define TRAP_EXTERNAL	0x500
#define TRAP_HDEC	0x980

#define TICKS_PER_MS	512000ULL

/* What l1_run() returns when the test told it to stop. */
#define L1_STOPPED	(-1000LL)

#define RPTI_TYPE_NESTED	0x1ULL
#define RPTI_TYPE_TLB		0x2ULL
#define RPTI_TYPE_PWC		0x4ULL
#define RPTI_TYPE_PAT		0x8ULL
#define RPTI_TARGET_CMMU	0x1ULL
#define RPTI_PAGE_4K		0x1ULL
#define RPTI_PAGE_64K		0x2ULL
#define RPTI_PAGE_2M		0x4ULL
#define RPTI_PAGE_1G		0x8ULL

/* The ABI of H_ENTER_NESTED. */
struct hv_state {
	u64 version;
	u32 lpid;
	u32 vcpu_token;
	u64 lpcr;
	u64 pcr;
	u64 amor;
	u64 dpdes;
	u64 hfscr;
	u64 tb_offset;
	u64 dawr0;
	u64 dawrx0;
	u64 ciabr;
	u64 hdec_expiry;
	u64 purr;
	u64 spurr;
	u64 ic;
	u64 vtb;
	u64 hdar;
	u64 hdsisr;
	u64 heir;
	u64 asdr;
	u64 srr0;
	u64 srr1;
	u64 sprg[4];
	u64 pidr;
	u64 cfar;
	u64 ppr;
	u64 dawr1;
	u64 dawrx1;
};

struct l2_regs {
	u64 gpr[32];
	u64 nip;
	u64 msr;
	u64 orig_gpr3;
	u64 ctr;
	u64 link;
	u64 xer;
	u64 ccr;
	u64 rest[9];
};

enum l1_order { L1_LITTLE, L1_BIG };

struct l1 {
	struct vm vm;
	enum l1_order order;
	char *low;
	char *data;
	u64 pool;
	size_t data_bytes;
	struct l1_vcpu *vcpus[L1_VCPUS];
};

/* An MMIO that a vCPU made, and what it is told. */
struct l1_mmio {
	unsigned int count;
	u64 gpa;
	u64 value;
	u32 bytes;
	int is_write;
	u64 answer;
	u64 step;			/* from one answer to the next */
};

struct l1_vcpu {
	struct l1 *l1;
	struct vcpu vcpu;
	pthread_t thread;
	volatile int stop;
	volatile int ended;
	u64 ticks;			/* of the last hypercall */
	u64 slice;			/* ticks that L2 runs at most */
	u64 l2_msr;			/* more bits for L2's MSR */
	int cured;			/* memory that is lacking is coming back */
	u64 state_gpa;
	u64 regs_gpa;
	struct hv_state *state;
	struct l2_regs *regs;
	struct l1_mmio mmio;
	void (*body)(struct l1_vcpu *v);
	s64 result;
};

struct l1_tree {
	struct l1 *l1;
	u64 root;
};

void l1_create(struct l1 *l1, enum l1_order order, size_t data_bytes);
void l1_start(struct l1 *l1, enum l1_order order);
void l1_wait_for_zero(struct l1 *l1, const char *counter);
void l1_finish(struct l1 *l1);
void l1_add_vcpu(struct l1 *l1, struct l1_vcpu *v, u32 id);
void *l1_memory(struct l1 *l1, u64 gpa);

/* --- hypercalls; each returns r3 --- */

s64 l1_hcall(struct l1_vcpu *v, u64 nr, const u64 *args, unsigned int n);
void l1_begin(struct l1_vcpu *v, u64 nr, const u64 *args, unsigned int n);
s64 l1_resume(struct l1_vcpu *v);
#define L1_HCALL(v, nr, ...) ({						\
	const u64 args_[] = { __VA_ARGS__ };				\
									\
	l1_hcall(v, nr, args_, ARRAY_SIZE(args_));			\
})

void l1_do(struct l1_vcpu *v, const char *snippet, u64 r4, u64 r5, u64 r6);
s64 l1_set_table(struct l1_vcpu *v, u64 ptcr);
s64 l1_enter(struct l1_vcpu *v);
s64 l1_run(struct l1_vcpu *v);
s64 l1_tlbie(struct l1_vcpu *v, unsigned int ric, u64 lpid, u64 rb);
s64 l1_inval_page(struct l1_vcpu *v, u64 lpid, u64 ngpa, unsigned int ap);
s64 l1_inval_lpid(struct l1_vcpu *v, u64 lpid);
s64 l1_inval_entry(struct l1_vcpu *v, u64 lpid);
s64 l1_inval_all(struct l1_vcpu *v);
s64 l1_rpt(struct l1_vcpu *v, u64 lpid, u64 type, u64 sizes, u64 start, u64 end);

/* --- partition table and trees --- */

u64 l1_alloc(struct l1 *l1, size_t bytes);
void l1_set_entry(struct l1 *l1, u32 lpid, u64 dw0, u64 dw1);
void l1_install(struct l1 *l1, u32 lpid, const struct l1_tree *tree);
void l1_new_tree(struct l1 *l1, struct l1_tree *tree);
u64 l1_root_word(const struct l1_tree *tree);
void l1_map(struct l1_tree *tree, u64 ngpa, u64 gpa, unsigned int shift,
	    u64 bits);
void l1_map_range(struct l1_tree *tree, u64 ngpa, u64 gpa, u64 bytes,
		  unsigned int shift, u64 bits);
u64 *l1_entry(struct l1_tree *tree, u64 ngpa, unsigned int *shift);
u64 l1_pte(struct l1_tree *tree, u64 ngpa);
void l1_set_pte(struct l1_tree *tree, u64 ngpa, u64 pte);
void l1_unmap(struct l1_tree *tree, u64 ngpa);
void l1_drop(struct l1_tree *tree, u64 ngpa);

/* --- L2 --- */

extern const char snippets_begin[], snippets_end[];
extern const char l2_hcall[], l2_load[], l2_store[], l2_touch[], l2_look[];
extern const char l2_spin_store[], l2_spin_load[], l2_jump[], l2_spin[];
extern const char l2_doorbell[], l2_own_hcall[], l2_signal_spin[];
extern const char l2_load_msr[], l1_flip[], l2_read_dpdes[], l1_vector[];
extern const char l2_load_vector[], l2_store_vector[], l2_load_quad_vector[];
extern const char l2_count[], l2_icbi[], l2_load_multiple[];
extern const char l2_load_quadword[], l2_tlbiel[];

u64 l1_swap64(const struct l1 *l1, u64 value);
u32 l1_swap32(const struct l1 *l1, u32 value);

#define STATE(v, field)		l1_swap64((v)->l1, (v)->state->field)
#define SET_STATE(v, field, x)						\
	((v)->state->field = l1_swap64((v)->l1, (x)))
#define SET_STATE32(v, field, x)					\
	((v)->state->field = l1_swap32((v)->l1, (x)))
#define REG(v, n)		l1_swap64((v)->l1, (v)->regs->gpr[n])
#define SET_REG(v, n, x)	((v)->regs->gpr[n] = l1_swap64((v)->l1, (x)))
#define REGS(v, field)		l1_swap64((v)->l1, (v)->regs->field)
#define SET_REGS(v, field, x)	((v)->regs->field = l1_swap64((v)->l1, (x)))

u64 l1_msr(const struct l1 *l1);
void l2_prepare(struct l1_vcpu *v, u32 lpid);
void l2_goto(struct l1_vcpu *v, const char *snippet);
s64 l2_do_store(struct l1_vcpu *v, u64 ngpa, u64 value);
s64 l2_do_load(struct l1_vcpu *v, u64 ngpa, u64 *value);
void l2_must_store(struct l1_vcpu *v, u64 ngpa, u64 value);
u64 l2_must_load(struct l1_vcpu *v, u64 ngpa);
u64 l2_touch_pages(struct l1_vcpu *v, u64 ngpa, u64 n, u64 stride);

/* A whole world: one vCPU, LPID 1, snippets mapped. */
struct world {
	struct l1 l1;
	struct l1_vcpu v;
	struct l1_tree tree;
	struct l1_tree ea;		/* L2's own, after world_translate() */
};

void world_begin(struct world *w);
void world_create(struct world *w, enum l1_order order);
void world_create_sized(struct world *w, enum l1_order order, size_t data_bytes);
void world_translate(struct world *w);
void l2_has_no_quadrants(void);
void world_end(struct world *w);

/* --- vCPUs in threads --- */

void l1_go(struct l1_vcpu *v, void (*body)(struct l1_vcpu *v));
void l1_stop(struct l1_vcpu *v);
void l1_join(struct l1_vcpu *v);

/* --- what the kernel shows --- */

unsigned int l1_shadow_leaves(struct l1 *l1, u32 lpid);
int l1_shadow_leaf(struct l1 *l1, u32 lpid, u64 ngpa, u64 *pte,
		   unsigned int *shift);

#endif /* KVM_NESTED_L1_H */
