// SPDX-License-Identifier: GPL-2.0-only
/*
 * Acts on an invalidation by L1 that was decoded.
 *
 * S3  An invalidation bumps inval_seq before it zaps, in the same critical
 *     section or in an earlier one: dropping what came between does no harm.
 *
 * Not here: which tree is live (nested_guest), what an invalidation means (ninv),
 * what the host takes away from L1 (nrmap).
 */
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "nested_guest.h"
#include "nested_inval.h"
#include "nested_vm.h"
#include "ninv.h"
#include "pst.h"

/* Entries looked at in one hold of mmu_lock, and holds before giving up. */
#define NMMU_CHUNK		512
#define NMMU_CHUNKS		16

static u64 nmmu_zap_chunk(struct kvm_nested_guest *ng, u64 start, u64 last)
{
	struct pst_gather g __uninitialized;
	u64 next = 0;

	pst_batch_begin(&g, &ng->kvm->mmu_lock);
	nguest_begin_inval(ng);
	if (ng->live)
		next = pst_zap_range(ng->live, start, last, NMMU_CHUNK, &g);
	pst_batch_end(&g, &ng->kvm->mmu_lock);
	return next;
}

/* A range that takes too long, or a signal, makes it the whole guest: O(1). */
static void nmmu_invalidate_range(struct kvm_nested_guest *ng, u64 start,
				  u64 last)
{
	unsigned int chunk;

	nvm_count(ng->kvm, NVM_RANGE_INVALS);
	for (chunk = 0; chunk < NMMU_CHUNKS; chunk++) {
		start = nmmu_zap_chunk(ng, start, last);
		if (!start) {
			nguest_settle(ng);
			nguest_prove(ng);
			return;
		}
		if (signal_pending(current))
			break;
		cond_resched();
	}
	nguest_invalidate(ng);
}

static void nmmu_invalidate_guest(struct kvm_nested_guest *ng,
				  const struct ninv *inv)
{
	switch (inv->kind) {
	case NINV_NOTHING:
		break;
	case NINV_LPID_PWC:
	case NINV_ALL_PWC:
		scoped_guard(spinlock, &ng->kvm->mmu_lock)
			nguest_begin_inval(ng);
		break;
	case NINV_RANGE:
		nmmu_invalidate_range(ng, inv->start, inv->last);
		break;
	case NINV_LPID_TLB:
	case NINV_ALL_TLB:
		nguest_invalidate(ng);
		break;
	case NINV_LPID_ALL:
	case NINV_ALL_ALL:
		nguest_reload(ng);
		break;
	}
}

/**
 * nmmu_invalidate() - act on an invalidation that was decoded
 * @kvm: VM of L1
 * @inv: what to drop
 *
 * A guest that does not exist has nothing to drop.
 *
 * Context: Process context, may sleep. No lock is held across two guests.
 */
void nmmu_invalidate(struct kvm *kvm, const struct ninv *inv)
{
	bool all = inv->kind >= NINV_ALL_PWC;
	glpid_t glpid = all ? make_glpid(0) : inv->glpid;
	struct kvm_nested_guest *ng;

	if (!all) {
		ng = nguest_get(kvm, glpid);
		if (ng) {
			nmmu_invalidate_guest(ng, inv);
			nguest_put(ng);
		}
		return;
	}
	for (; (ng = nguest_get_next(kvm, &glpid)); glpid.val++) {
		nmmu_invalidate_guest(ng, inv);
		nguest_put(ng);
		cond_resched();
	}
}
