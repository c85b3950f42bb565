/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in front of arch/powerpc/kvm/nested/pure.h, by the same guard.
 *
 * Supplies the primitives that the pure files of nested KVM-HV are written
 * with, as plain userspace C. The names and what they promise are the kernel's;
 * the code is not. Only structures that are ABI are described here.
 *
 * What the kernel's versions cannot tell, these do: allocation fails on
 * demand, a block that is freed with another size or not at all is a failure,
 * an allocation under a lock is a failure, and each write to a page-table entry
 * is reported to whoever listens, which is the modelled TLB.
 */
#ifndef _KVM_NESTED_PURE_H
#define _KVM_NESTED_PURE_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* --- types and bits ----------------------------------------------------- */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef long long s64;
typedef u64 __be64;

#define U64_MAX			(~0ULL)

#define __must_check		__attribute__((warn_unused_result))
#define __must_hold(...)
#define __acquires(...)
#define __releases(...)
#define __maybe_unused		__attribute__((__unused__))
#define __noreturn		__attribute__((__noreturn__))
#define __printf(a, b)		__attribute__((__format__(printf, a, b)))
#define __aligned(n)		__attribute__((__aligned__(n)))

#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(h, l)	((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define SHIM_LOW_BIT(mask)	((mask) & (~(mask) + 1))
#define FIELD_GET(mask, val)	(((val) & (mask)) / SHIM_LOW_BIT(mask))
#define FIELD_PREP(mask, val)	(((u64)(val) * SHIM_LOW_BIT(mask)) & (mask))

#define unlikely(x)		__builtin_expect(!!(x), 0)
#define IS_ALIGNED(x, a)	(((x) & ((a) - 1)) == 0)
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

/* The C library has static_assert() with two arguments. */
#undef static_assert
#define static_assert(cond, ...)	_Static_assert(cond, #cond)

#define sizeof_field(type, member)	sizeof(((type *)0)->member)
#define offsetofend(type, member) \
	(offsetof(type, member) + sizeof_field(type, member))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define SHIM_PICK(a, b, op)					\
	({							\
		__typeof__(a) shim_a = (a);			\
		__typeof__(b) shim_b = (b);			\
		shim_a op shim_b ? shim_a : shim_b;		\
	})
#define min(a, b)		SHIM_PICK(a, b, <)
#define max(a, b)		SHIM_PICK(a, b, >)
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELAXED)
/* One processor at a time: only the compiler could reorder. */
#define smp_wmb()		__atomic_signal_fence(__ATOMIC_SEQ_CST)

#define swab32(x)		__builtin_bswap32(x)
#define swab64(x)		((u64)__builtin_bswap64(x))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define be64_to_cpu(x)		swab64(x)
#define cpu_to_be64(x)		swab64(x)
#else
#define be64_to_cpu(x)		((u64)(x))
#define cpu_to_be64(x)		((__be64)(x))
#endif

typedef struct {
	long counter;
} atomic_long_t;

static inline void pure_account(long before, long after)
{
	if (before < 0 || after < 0)
		abort();
}

static inline void atomic_long_inc(atomic_long_t *v)
{
	__atomic_add_fetch(&v->counter, 1, __ATOMIC_RELAXED);
}

static inline long atomic_long_add_return(long i, atomic_long_t *v)
{
	return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}

static inline void atomic_long_add(long i, atomic_long_t *v)
{
	__atomic_add_fetch(&v->counter, i, __ATOMIC_RELAXED);
}

static inline long atomic_long_read(const atomic_long_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

/* --- lists -------------------------------------------------------------- */

/* A ring through a head that is no element. */
struct list_head {
	struct list_head *next, *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->prev = head->next = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void shim_list_join(struct list_head *a, struct list_head *b)
{
	a->next = b;
	b->prev = a;
}

static inline void list_add(struct list_head *item, struct list_head *head)
{
	shim_list_join(item, head->next);
	shim_list_join(head, item);
}

static inline void list_add_tail(struct list_head *item,
				 struct list_head *head)
{
	list_add(item, head->prev);
}

/* Poisons, so that a use after removal does not stay unnoticed. */
static inline void list_del(struct list_head *item)
{
	shim_list_join(item->prev, item->next);
	item->next = item->prev = (struct list_head *)0x10;
}

static inline void list_del_init(struct list_head *item)
{
	list_del(item);
	INIT_LIST_HEAD(item);
}

static inline void list_move_tail(struct list_head *item,
				  struct list_head *head)
{
	list_del(item);
	list_add_tail(item, head);
}

#define list_entry(ptr, type, member)	container_of(ptr, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_next_entry(pos, member) \
	list_entry((pos)->member.next, __typeof__(*(pos)), member)

#define list_for_each_entry(pos, head, member)				\
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member);\
	     &(pos)->member != (head);					\
	     (pos) = list_next_entry(pos, member))

#define list_for_each_entry_safe(pos, n, head, member)			\
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member),\
	     (n) = list_next_entry(pos, member);			\
	     &(pos)->member != (head);					\
	     (pos) = (n), (n) = list_next_entry(n, member))

/* A list whose head is one word; a node knows the word that points to it. */
struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

static inline bool hlist_unhashed(const struct hlist_node *n)
{
	return n->pprev == NULL;
}

static inline bool hlist_empty(const struct hlist_head *head)
{
	return head->first == NULL;
}

static inline void hlist_add_head(struct hlist_node *n,
				  struct hlist_head *head)
{
	struct hlist_node *second = head->first;

	*n = (struct hlist_node){ .next = second, .pprev = &head->first };
	if (second)
		second->pprev = &n->next;
	head->first = n;
}

static inline void hlist_del_init(struct hlist_node *n)
{
	if (hlist_unhashed(n))
		return;
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
	*n = (struct hlist_node){ NULL, NULL };
}

#define hlist_entry_safe(ptr, type, member)				\
	({								\
		__typeof__(ptr) shim_p = (ptr);				\
		shim_p ? container_of(shim_p, type, member) : NULL;	\
	})

/* --- locks and broken invariants ---------------------------------------- */

typedef struct pure_lock {
	pthread_mutex_t mutex;
	pthread_t owner;
	bool held;
} pure_lock_t;

#define PURE_LOCK_INIT	{ .mutex = PTHREAD_MUTEX_INITIALIZER }

void pure_lock(pure_lock_t *lock);
void pure_unlock(pure_lock_t *lock);
void shim_assert_locked(const pure_lock_t *lock, const char *file, int line);
bool shim_broken(bool cond, const char *what, const char *file, int line);
void shim_prove(bool cond, const char *what, const char *file, int line);

#define pure_assert_locked(lock) shim_assert_locked(lock, __FILE__, __LINE__)
#define pure_broken(cond)	 shim_broken(cond, #cond, __FILE__, __LINE__)
#define pure_prove(cond)	 shim_prove(cond, #cond, __FILE__, __LINE__)

/* There is no VM: what is broken has been told already. */
static inline void pure_end_vm(pure_lock_t *lock)
{
}

/* --- memory and page-table entries -------------------------------------- */

void *pure_zalloc(size_t size);
void *pure_zalloc_soft(size_t size);
void pure_free(void *ptr, size_t size);
u64 pure_update64(__be64 *entry, u64 clr, u64 set);

/* A "host real address" is the pointer itself: below 2^56 on every host. */
static inline u64 pure_virt_to_pa(const void *va)
{
	return (uintptr_t)va;
}

/* --- LPIDs -------------------------------------------------------------- */

typedef struct {
	u32 val;
} glpid_t;

typedef struct {
	u64 val;
} hlpid_t;

static inline glpid_t make_glpid(u32 val)
{
	return (glpid_t){ .val = val };
}

static inline hlpid_t make_hlpid(u64 val)
{
	return (hlpid_t){ .val = val };
}

#define KVM_NESTED_LPID_BITS	12

/* --- facts of the architecture and of PAPR ------------------------------ */

#define DSISR_NOHPTE		0x40000000
#define DSISR_ATTR_CONFLICT	0x20000000
#define DSISR_NOEXEC_OR_G	0x10000000
#define DSISR_PROTFAULT		0x08000000
#define DSISR_BADACCESS		0x04000000
#define DSISR_ISSTORE		0x02000000
#define DSISR_KEYFAULT		0x00200000
#define DSISR_UNSUPP_MMU	0x00080000
#define DSISR_SET_RC		0x00040000
#define DSISR_PRTABLE_FAULT	0x00020000
#define DSISR_BAD_COPYPASTE	0x00000008
#define DSISR_BAD_AMO		0x00000004
#define DSISR_BAD_CI_LDST	0x00000002
#define DSISR_SRR1_MATCH_64S	(DSISR_NOHPTE | DSISR_NOEXEC_OR_G | \
				 DSISR_PROTFAULT | DSISR_KEYFAULT | \
				 DSISR_UNSUPP_MMU | DSISR_SET_RC | \
				 DSISR_PRTABLE_FAULT)
#define SRR1_MSR_BITS		(~0x783f0000UL)
#define HSRR1_HISI_WRITE	0x00010000

#define MSR_HV			BIT(60)
#define MSR_S			BIT(22)
#define MSR_TS_T		BIT(34)
#define MSR_TS_S		BIT(33)
#define MSR_TS_MASK		(MSR_TS_T | MSR_TS_S)
#define MSR_ME			BIT(12)

#define LPCR_DPFD		(7UL << 52)
#define LPCR_ILE		0x2000000UL
#define LPCR_AIL		0x1800000UL
#define LPCR_LD			0x20000UL
#define LPCR_MER		0x800UL
#define LPCR_TC			0x200UL

#define HFSCR_INTR_CAUSE	(0xffUL << 56)
#define DAWRX_HYP		4UL
#define CIABR_PRIV		3
#define CIABR_PRIV_HYPER	3
#define PCR_MASK		(~(0xf000000000000000UL | 0x1eUL))

#define H_RPTI_TYPE_NESTED	0x1
#define H_RPTI_TYPE_TLB		0x2
#define H_RPTI_TYPE_PWC		0x4
#define H_RPTI_TYPE_PAT		0x8
#define H_RPTI_TYPE_NESTED_ALL	0xe
#define H_RPTI_PAGE_4K		0x1
#define H_RPTI_PAGE_64K		0x2
#define H_RPTI_PAGE_2M		0x4
#define H_RPTI_PAGE_1G		0x8
#define H_RPTI_PAGE_ALL		(-1UL)

/* ABI of H_ENTER_NESTED. */
#define HV_GUEST_STATE_VERSION	2

struct hv_guest_state {
	u64 version;
	u32 lpid, vcpu_token;
	u64 lpcr, pcr, amor, dpdes, hfscr;
	s64 tb_offset;
	u64 dawr0, dawrx0, ciabr, hdec_expiry;
	u64 purr, spurr, ic, vtb;
	u64 hdar, hdsisr, heir, asdr;
	u64 srr0, srr1, sprg[4], pidr, cfar, ppr;
	u64 dawr1, dawrx1;
};

static inline int hv_guest_state_size(unsigned int version)
{
	static const int bytes[] = { -1, 0xe8, 0xf8 };

	return version < ARRAY_SIZE(bytes) ? bytes[version] : -1;
}

struct pt_regs {
	unsigned long gpr[32];
	unsigned long nip, msr, orig_gpr3, ctr, link, xer, ccr, softe;
	unsigned long trap, dar, dsisr, result;
	unsigned long ppr, exit_result, amr, iamr;
};

#endif /* _KVM_NESTED_PURE_H */
