/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one outside header of the pure files of nested KVM-HV.
 *
 * Files that are only bits, trees, lists and decoding (rpt, gwalk, pst, nrmap,
 * ninv, nstate, nfault) include this header and nothing else from the kernel.
 * The userspace harness puts a file of its own with the same guard in front of
 * it. What stands here are primitives: types, lists, bit and endian helpers,
 * memory, one atomic exchange, the lock assertion and the flush backend. No
 * kernel structure is described here, so none can go stale in the harness.
 */
#ifndef _KVM_NESTED_PURE_H
#define _KVM_NESTED_PURE_H

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>

#include <asm/byteorder.h>
#include <asm/hvcall.h>
#include <asm/kvm_nested.h>
#include <asm/page.h>
#include <asm/pgtable.h>
#include <asm/ptrace.h>
#include <asm/reg.h>

typedef spinlock_t pure_lock_t;

#define pure_lock(lock)			spin_lock(lock)
#define pure_unlock(lock)		spin_unlock(lock)
#define pure_assert_locked(lock)	lockdep_assert_held(lock)

/**
 * pure_broken() - check an internal invariant
 * @cond: what must never be true
 *
 * Nothing that a guest or a VMM does may get here. One line in the log that is
 * limited in rate, no WARN: a host with panic_on_warn goes on. The caller then
 * touches nothing and reports an error, never success.
 *
 * Return: @cond.
 */
#define pure_broken(cond)						\
({									\
	bool broken = unlikely(cond);					\
									\
	if (broken)							\
		pr_err_ratelimited("KVM-HV: broken in %s: %s\n",	\
				   __func__, #cond);			\
	broken;								\
})

/* What is too dear to check at all times, or only proves a claim. */
#define pure_prove(cond)						\
	((void)(IS_ENABLED(CONFIG_KVM_BOOK3S_HV_NESTED_PROVE) &&	\
		WARN_ON_ONCE(!(cond))))

/**
 * pure_end_vm() - a tree of a VM is broken: the VM ends
 * @lock: that of the tree
 *
 * Context: Any.
 */
void pure_end_vm(pure_lock_t *lock);

/**
 * pure_update64() - change bits of an entry that hardware walks
 * @entry: big-endian entry, naturally aligned
 * @clr: bits to clear, host endian
 * @set: bits to set after that, host endian
 *
 * Atomic against the update of R and C by a table walker. No barrier and no
 * flush is implied.
 *
 * Return: the old value, host endian.
 */
static inline u64 pure_update64(__be64 *entry, u64 clr, u64 set)
{
	return __radix_pte_update((pte_t *)entry, clr, set);
}

static inline u64 pure_virt_to_pa(const void *va)
{
	return __pa(va);
}

/**
 * pure_zalloc() - zeroed memory for tables and what goes with them
 * @size: bytes; a power of two is also the alignment of the result
 *
 * Charged to the memory cgroup of the caller.
 *
 * Context: Process context, may sleep; no lock of ours is held.
 * Return: the memory, or NULL.
 */
void *pure_zalloc(size_t size);

/**
 * pure_zalloc_soft() - the same for what no hardware looks at
 * @size: bytes
 *
 * Aligned for pointers. Large pieces need not be contiguous in real memory: on a
 * host of 4K pages that is had when a long-lived host has no large pieces left.
 *
 * Context: Process context, may sleep; no lock of ours is held.
 * Return: the memory, or NULL.
 */
void *pure_zalloc_soft(size_t size);

/**
 * pure_free() - give back what pure_zalloc() or pure_zalloc_soft() returned
 * @ptr: the memory, NULL does nothing
 * @size: bytes as at allocation
 *
 * Context: Any context that may take a slab lock; may sleep if @size is more than
 *	a page.
 */
void pure_free(void *ptr, size_t size);

/**
 * pure_account() - tell the host that the memory of an account has changed
 * @before: bytes before
 * @after: bytes now
 *
 * Context: Any.
 */
void pure_account(long before, long after);

/* Only the kernel has caches. */
#define PURE_MAX_CACHES		8

int pure_add_cache(const char *name, size_t size);
void pure_drop_caches(void);

#endif /* _KVM_NESTED_PURE_H */
