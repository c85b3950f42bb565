// SPDX-License-Identifier: GPL-2.0-only
/*
 * One hardware LPID: its place in the pool, its partition-table entry, its flushes.
 *
 * Who invalidates depends on where this kernel runs:
 *
 *  - bare metal: tlbie, through the radix code of the host;
 *  - below a parent without H_RPT_INVALIDATE: H_TLB_INVALIDATE, which takes the
 *    operands of tlbie;
 *  - below a parent with it: H_RPT_INVALIDATE, which takes a range.
 *
 * A parent is the hypervisor that runs this kernel as its guest.
 *
 * Invariants:
 *
 *  L1 When a function here returns, no CPU translates by what it dropped.
 *  L2 A flush that is refused is widened to the whole LPID, never dropped:
 *     shadow state is a TLB, and losing more of it than asked is correct.
 *  L3 The LPID is the one in LPIDR, or the one this kernel names to its parent.
 *     No LPID that a guest chose gets here; hlpid_t sees to that.
 *
 * Not here: which pages to flush and when (the tree gathers that). Of what
 * is about entry and flushes, only lpid_set_entry() sleeps, and nothing takes a
 * lock.
 *
 * A kernel without CONFIG_PPC_PSERIES has no parent, and no
 * plpar_hcall_norets() to link with.
 */
#define pr_fmt(fmt) "KVM-HV: " fmt

#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/kvm_host.h>
#include <linux/moduleparam.h>

#include <asm/book3s/64/mmu.h>
#include <asm/firmware.h>
#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>
#include <asm/tlbflush.h>

#include "lpid.h"
#include "lpid_backend.h"
#include "parent.h"

#define LPID_RB_AP	GENMASK(7, 5)

/*
 * Pages that are named one by one. Where one invalidation is one page, all of
 * the LPID is cheaper beyond this.
 */
#define LPID_MAX_PAGES	16

/* One flush, in the words of both hypercalls. */
struct lpid_request {
	/* H_TLB_INVALIDATE: RIC, PRS and R fields of tlbie; RB image. */
	unsigned long insn;
	unsigned long rb;
	/* H_RPT_INVALIDATE: what besides NESTED; the end is exclusive or -1. */
	unsigned long type;
	unsigned long pg_sizes;
	unsigned long start;
	unsigned long end;
};

static const struct lpid_request lpid_everything = {
	.insn = H_TLBIE_P1_ENC(RIC_FLUSH_ALL, 0, 1),
	.rb = TLBIEL_INVAL_SET_LPID,
	.type = H_RPTI_TYPE_NESTED_ALL,
	.pg_sizes = H_RPTI_PAGE_ALL,
	.end = -1UL,
};

static const struct lpid_request lpid_translations = {
	.insn = H_TLBIE_P1_ENC(RIC_FLUSH_TLB, 0, 1),
	.rb = TLBIEL_INVAL_SET_LPID,
	.type = H_RPTI_TYPE_TLB,
	.pg_sizes = H_RPTI_PAGE_ALL,
	.end = -1UL,
};

static const struct lpid_request lpid_walk_caches = {
	.insn = H_TLBIE_P1_ENC(RIC_FLUSH_PWC, 0, 1),
	.rb = TLBIEL_INVAL_SET_LPID,
	.type = H_RPTI_TYPE_PWC,
	.pg_sizes = H_RPTI_PAGE_ALL,
	.end = -1UL,
};

/* Only by H_RPT_INVALIDATE: tlbie has no such RIC. */
static const struct lpid_request lpid_both = {
	.type = H_RPTI_TYPE_TLB | H_RPTI_TYPE_PWC,
	.pg_sizes = H_RPTI_PAGE_ALL,
	.end = -1UL,
};

enum lpid_backend lpid_backend(void)
{
	KUNIT_STATIC_STUB_REDIRECT(lpid_backend);
	if (!kvmhv_on_pseries())
		return LPID_TLBIE;
	return firmware_has_feature(FW_FEATURE_RPT_INVALIDATE) ?
	       LPID_H_RPT : LPID_H_TLB;
}

long lpid_hcall(unsigned long nr, const unsigned long args[LPID_HCALL_ARGS])
{
	KUNIT_STATIC_STUB_REDIRECT(lpid_hcall, nr, args);
	if (!IS_ENABLED(CONFIG_PPC_PSERIES))
		return H_FUNCTION;
	return plpar_hcall_norets(nr, args[0], args[1], args[2], args[3],
				  args[4], args[5]);
}

static long lpid_call_parent(hlpid_t lpid, const struct lpid_request *req)
{
	const unsigned long rpt[LPID_HCALL_ARGS] = {
		lpid.val, H_RPTI_TARGET_CMMU, H_RPTI_TYPE_NESTED | req->type,
		req->pg_sizes, req->start, req->end,
	};
	const unsigned long tlb[LPID_HCALL_ARGS] = {
		req->insn, lpid.val, req->rb,
	};

	if (lpid_backend() == LPID_H_RPT)
		return lpid_hcall(H_RPT_INVALIDATE, rpt);
	return lpid_hcall(H_TLB_INVALIDATE, tlb);
}

/*
 * Spin while the parent is busy: callers hold mmu_lock, and what they unmapped
 * must be gone before they drop it. pseries_rpt_invalidate() is not used, since
 * it takes the kernel down when a parent refuses.
 */
static long lpid_try_request(hlpid_t lpid, const struct lpid_request *req)
{
	long status = lpid_call_parent(lpid, req);

	while (status == H_BUSY) {
		cpu_relax();
		status = lpid_call_parent(lpid, req);
	}
	return status;
}

static void lpid_request_flush(hlpid_t lpid, const struct lpid_request *req)
{
	long status = lpid_try_request(lpid, req);

	if (status && req != &lpid_everything) {
		pr_err_ratelimited("LPID %llu: partial flush refused (%ld), flushing all\n",
				   lpid.val, status);
		status = lpid_try_request(lpid, &lpid_everything);
	}
	if (status)
		pr_err_ratelimited("LPID %llu: flush refused (%ld)\n",
				   lpid.val, status);
}

/* H_TLB_INVALIDATE names @start only: it takes one page at a time. */
static void lpid_request_pages(hlpid_t lpid, u64 start, u64 last, int psize)
{
	const struct lpid_request req = {
		.insn = H_TLBIE_P1_ENC(RIC_FLUSH_TLB, 0, 1),
		.rb = start | FIELD_PREP(LPID_RB_AP, mmu_get_ap(psize)),
		.type = H_RPTI_TYPE_TLB,
		.pg_sizes = psize_to_rpti_pgsize(psize),
		.start = start,
		.end = last + 1,
	};

	lpid_request_flush(lpid, &req);
}

static void lpid_request_each(hlpid_t lpid, u64 start, u64 last, int psize)
{
	u64 size = BIT_ULL(mmu_psize_defs[psize].shift);
	u64 addr;

	for (addr = start; addr < last; addr += size)
		lpid_request_pages(lpid, addr, addr + size - 1, psize);
}

/* One sequence of tlbie, with one wait for other CPUs, for all pages. */
void lpid_tlbie_pages(hlpid_t lpid, u64 start, u64 last, int psize)
{
	KUNIT_STATIC_STUB_REDIRECT(lpid_tlbie_pages, lpid, start, last, psize);
	radix__flush_tlb_lpid_range(lpid.val, start, last + 1,
				    BIT_ULL(mmu_psize_defs[psize].shift));
}

/* @ric: RIC of tlbie */
void lpid_tlbie(hlpid_t lpid, unsigned int ric)
{
	KUNIT_STATIC_STUB_REDIRECT(lpid_tlbie, lpid, ric);
	if (ric == RIC_FLUSH_TLB)
		radix__flush_tlb_lpid(lpid.val);
	else if (ric == RIC_FLUSH_PWC)
		radix__flush_pwc_lpid(lpid.val);
	else
		radix__flush_all_lpid(lpid.val);
}

void lpid_flush_range(hlpid_t lpid, u64 start, u64 last, unsigned int shift)
{
	bool few = (last - start) >> shift < LPID_MAX_PAGES;
	int psize = shift_to_mmu_psize(shift);

	KUNIT_STATIC_STUB_REDIRECT(lpid_flush_range, lpid, start, last, shift);
	/* L2: without an AP code there is no way to name these pages. */
	if (psize < 0)
		lpid_flush_translations(lpid);
	else if (lpid_backend() == LPID_H_RPT)
		lpid_request_pages(lpid, start, last, psize);
	else if (!few)
		lpid_flush_translations(lpid);
	else if (lpid_backend() == LPID_H_TLB)
		lpid_request_each(lpid, start, last, psize);
	else
		lpid_tlbie_pages(lpid, start, last, psize);
}

void lpid_flush_translations(hlpid_t lpid)
{
	KUNIT_STATIC_STUB_REDIRECT(lpid_flush_translations, lpid);
	if (lpid_backend() == LPID_TLBIE)
		lpid_tlbie(lpid, RIC_FLUSH_TLB);
	else
		lpid_request_flush(lpid, &lpid_translations);
}

void lpid_flush_pwc(hlpid_t lpid)
{
	KUNIT_STATIC_STUB_REDIRECT(lpid_flush_pwc, lpid);
	if (lpid_backend() == LPID_TLBIE)
		lpid_tlbie(lpid, RIC_FLUSH_PWC);
	else
		lpid_request_flush(lpid, &lpid_walk_caches);
}

/*
 * RIC=2 costs a CPU no more than RIC=0, but a parent must let every vCPU out
 * to read the partition-table entry again. The walk cache goes first: a walk
 * that began in it could put back what the TLB has just lost.
 */
void lpid_flush_tlb_pwc(hlpid_t lpid)
{
	KUNIT_STATIC_STUB_REDIRECT(lpid_flush_tlb_pwc, lpid);
	switch (lpid_backend()) {
	case LPID_TLBIE:
		lpid_tlbie(lpid, RIC_FLUSH_ALL);
		break;
	case LPID_H_TLB:
		lpid_request_flush(lpid, &lpid_walk_caches);
		lpid_request_flush(lpid, &lpid_translations);
		break;
	case LPID_H_RPT:
		lpid_request_flush(lpid, &lpid_both);
		break;
	}
}

void lpid_flush_all(hlpid_t lpid)
{
	KUNIT_STATIC_STUB_REDIRECT(lpid_flush_all, lpid);
	if (lpid_backend() == LPID_TLBIE)
		lpid_tlbie(lpid, RIC_FLUSH_ALL);
	else
		lpid_request_flush(lpid, &lpid_everything);
}

/* With the nested API v2 the parent keeps the entry, and flushes by itself. */
static void lpid_send_entry(hlpid_t lpid, u64 dw0, u64 dw1)
{
	int err = kvmhv_nestedv2_set_ptbl_entry(lpid.val, dw0, dw1);

	if (err)
		pr_err_ratelimited("guest %llu: partition-table entry not set (%d)\n",
				   lpid.val, err);
}

void lpid_set_entry(hlpid_t lpid, u64 dw0, u64 dw1)
{
	KUNIT_STATIC_STUB_REDIRECT(lpid_set_entry, lpid, dw0, dw1);
	if (!kvmhv_on_pseries()) {
		mmu_partition_table_set_entry(lpid.val, dw0, dw1, true);
	} else if (kvmhv_is_nestedv2()) {
		lpid_send_entry(lpid, dw0, dw1);
	} else {
		/* The parent reads the entry when this flush asks it to. */
		parent_set_entry(lpid.val, dw0, dw1);
		lpid_flush_all(lpid);
	}
}

/**
 * kvmhv_set_ptbl_entry() - lpid_set_entry() for callers outside the nested files
 * @lpid: LPID in LPIDR, or the guest id with the nested API v2
 * @dw0: first doubleword: root of the partition-scoped tree, host real
 * @dw1: second doubleword: process table, guest real; 0 in both clears the entry
 *
 * Context: Process context, may sleep. One caller for an LPID at a time.
 */
void kvmhv_set_ptbl_entry(u64 lpid, u64 dw0, u64 dw1)
{
	lpid_set_entry(make_hlpid(lpid), dw0, dw1);
}

/**
 * kvmhv_flush_lpid() - lpid_flush_all() for callers outside the nested files
 * @lpid: LPID in LPIDR, or the guest id with the nested API v2
 *
 * Context: Any context; completes before it returns.
 */
void kvmhv_flush_lpid(u64 lpid)
{
	lpid_flush_all(make_hlpid(lpid));
}

/* --- the pool ----------------------------------------------------------- */

VISIBLE_IF_KUNIT unsigned int nested_lpid_reserve = 256;
module_param(nested_lpid_reserve, uint, 0644);
MODULE_PARM_DESC(nested_lpid_reserve,
		 "Host LPIDs that nested guests leave for VMs");

/* Host LPIDs that nested guests have. */
VISIBLE_IF_KUNIT atomic_t lpid_nested;

/**
 * lpid_alloc() - take a host LPID for a nested guest
 *
 * All guests of the host have them of one pool. Nested guests leave a reserve in
 * it, so that starting a VM never fails for want of one.
 *
 * Context: Process context, may sleep.
 * Return: the LPID; -EBUSY if the pool is down to its reserve; another errno as
 * kvmppc_alloc_lpid().
 */
long lpid_alloc(void)
{
	long pool = BIT(cpu_has_feature(CPU_FTR_HVMODE) ? mmu_lpid_bits :
							  KVM_NESTED_LPID_BITS);
	long max = pool - 1 - (long)READ_ONCE(nested_lpid_reserve);
	long lpid = -EBUSY;

	if (atomic_inc_return(&lpid_nested) <= max)
		lpid = kvmppc_alloc_lpid();
	if (lpid < 0)
		atomic_dec(&lpid_nested);
	return lpid;
}

/**
 * lpid_free() - give a host LPID back
 * @lpid: LPID whose table entry is cleared and flushed (G4)
 */
void lpid_free(long lpid)
{
	kvmppc_free_lpid(lpid);
	atomic_dec(&lpid_nested);
}
