// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each flush of an LPID tells the hardware or the parent, word by word.
 * Nothing is flushed: instructions and hypercalls are written down.
 */
#include <kunit/static_stub.h>
#include <linux/kvm_host.h>

#include <asm/hvcall.h>
#include <asm/tlbflush.h>

#include "nested/lpid_backend.h"
#include "nested_test.h"

#define LPID		make_hlpid(77)
#define LPID_CALLS	32
#define LPID_PAGE	0x10000ULL
#define LPID_IS		0x800UL		/* RB: IS = 2 */

static struct {
	unsigned long nr;
	unsigned long args[LPID_HCALL_ARGS];
} lpid_calls[LPID_CALLS];

static enum lpid_backend lpid_by;
static unsigned int lpid_nr_calls, lpid_tlbies, lpid_last_ric, lpid_ranges;
static u64 lpid_first, lpid_last;
/* What the parent answers first, and then it is H_SUCCESS. */
static long lpid_answers[LPID_CALLS];

static enum lpid_backend lpid_by_test(void)
{
	return lpid_by;
}

static long lpid_note_call(unsigned long nr, const unsigned long *args)
{
	unsigned int i = lpid_nr_calls++;

	if (i >= LPID_CALLS)
		return H_SUCCESS;
	lpid_calls[i].nr = nr;
	memcpy(lpid_calls[i].args, args, sizeof(lpid_calls[i].args));
	return lpid_answers[i];
}

static void lpid_note_tlbie(hlpid_t lpid, unsigned int ric)
{
	EXPECT_EQ(lpid.val, LPID.val);
	lpid_tlbies++;
	lpid_last_ric = ric;
}

static void lpid_note_pages(hlpid_t lpid, u64 start, u64 last, int psize)
{
	EXPECT_EQ(lpid.val, LPID.val);
	EXPECT_EQ(psize, MMU_PAGE_64K);
	lpid_ranges++;
	lpid_first = start;
	lpid_last = last;
}

static void lpid_begin(struct kunit *test, enum lpid_backend by)
{
	lpid_by = by;
	lpid_nr_calls = 0;
	lpid_tlbies = 0;
	lpid_ranges = 0;
	lpid_last_ric = ~0U;
	memset(lpid_calls, 0, sizeof(lpid_calls));
	memset(lpid_answers, 0, sizeof(lpid_answers));
	kunit_activate_static_stub(test, lpid_backend, lpid_by_test);
	kunit_activate_static_stub(test, lpid_hcall, lpid_note_call);
	kunit_activate_static_stub(test, lpid_tlbie, lpid_note_tlbie);
	kunit_activate_static_stub(test, lpid_tlbie_pages, lpid_note_pages);
}

/* Call @i was H_TLB_INVALIDATE. */
static void lpid_was_tlb(unsigned int i, unsigned long ric, unsigned long rb)
{
	test_row("H_TLB_INVALIDATE %u of %u", i, lpid_nr_calls);
	EXPECT_EQ(lpid_calls[i].nr, H_TLB_INVALIDATE);
	/* R = 1, PRS = 0. */
	EXPECT_EQ(lpid_calls[i].args[0], ric << 18 | 1UL << 16);
	EXPECT_EQ(lpid_calls[i].args[1], LPID.val);
	EXPECT_EQ(lpid_calls[i].args[2], rb);
}

/* Call @i was H_RPT_INVALIDATE. */
static void lpid_was_rpt(unsigned int i, unsigned long type, unsigned long start,
			 unsigned long end)
{
	test_row("H_RPT_INVALIDATE %u of %u", i, lpid_nr_calls);
	EXPECT_EQ(lpid_calls[i].nr, H_RPT_INVALIDATE);
	EXPECT_EQ(lpid_calls[i].args[0], LPID.val);
	EXPECT_EQ(lpid_calls[i].args[1], H_RPTI_TARGET_CMMU);
	EXPECT_EQ(lpid_calls[i].args[2], type | H_RPTI_TYPE_NESTED);
	EXPECT_EQ(lpid_calls[i].args[4], start);
	EXPECT_EQ(lpid_calls[i].args[5], end);
}

/* By each backend @flush makes one request, for all of the LPID. */
static void lpid_is_one_request(struct kunit *test, void (*flush)(hlpid_t lpid),
				unsigned int ric, unsigned long type)
{
	lpid_begin(test, LPID_TLBIE);
	flush(LPID);
	EXPECT_EQ(lpid_tlbies, 1);
	EXPECT_EQ(lpid_last_ric, ric);

	lpid_begin(test, LPID_H_TLB);
	flush(LPID);
	EXPECT_EQ(lpid_nr_calls, 1);
	lpid_was_tlb(0, ric, LPID_IS);

	lpid_begin(test, LPID_H_RPT);
	flush(LPID);
	EXPECT_EQ(lpid_nr_calls, 1);
	lpid_was_rpt(0, type, 0, -1UL);
}

TEST(lpid_c7_translations_leave_walks_and_entry_alone)
{
	lpid_is_one_request(test, lpid_flush_translations, RIC_FLUSH_TLB,
			    H_RPTI_TYPE_TLB);
}

TEST(lpid_c7_walks_leave_translations_and_entry_alone)
{
	lpid_is_one_request(test, lpid_flush_pwc, RIC_FLUSH_PWC,
			    H_RPTI_TYPE_PWC);
}

TEST(lpid_c7_translations_and_walks_leave_the_entry_alone)
{
	lpid_begin(test, LPID_TLBIE);
	lpid_flush_tlb_pwc(LPID);
	EXPECT_EQ(lpid_tlbies, 1);
	EXPECT_EQ(lpid_last_ric, RIC_FLUSH_ALL);

	/* A walk that is cached could bring back what the TLB has lost. */
	lpid_begin(test, LPID_H_TLB);
	lpid_flush_tlb_pwc(LPID);
	EXPECT_EQ(lpid_nr_calls, 2);
	lpid_was_tlb(0, RIC_FLUSH_PWC, LPID_IS);
	lpid_was_tlb(1, RIC_FLUSH_TLB, LPID_IS);

	lpid_begin(test, LPID_H_RPT);
	lpid_flush_tlb_pwc(LPID);
	EXPECT_EQ(lpid_nr_calls, 1);
	lpid_was_rpt(0, H_RPTI_TYPE_TLB | H_RPTI_TYPE_PWC, 0, -1UL);
}

TEST(lpid_c7_all_reads_the_entry_again)
{
	lpid_is_one_request(test, lpid_flush_all, RIC_FLUSH_ALL,
			    H_RPTI_TYPE_NESTED_ALL);
}

static void lpid_flush_pages(unsigned int n)
{
	lpid_flush_range(LPID, LPID_PAGE, LPID_PAGE * (n + 1) - 1,
			 16);
}

TEST(lpid_range_of_some_pages_is_one_sequence)
{
	unsigned int i;

	lpid_begin(test, LPID_TLBIE);
	lpid_flush_pages(16);
	EXPECT_EQ(lpid_tlbies, 0);
	EXPECT_EQ(lpid_ranges, 1);
	EXPECT_EQ(lpid_first, LPID_PAGE);
	EXPECT_EQ(lpid_last, 17 * LPID_PAGE - 1);

	lpid_begin(test, LPID_H_RPT);
	lpid_flush_pages(16);
	EXPECT_EQ(lpid_nr_calls, 1);
	lpid_was_rpt(0, H_RPTI_TYPE_TLB, LPID_PAGE, 17 * LPID_PAGE);
	EXPECT_EQ(lpid_calls[0].args[3], H_RPTI_PAGE_64K);

	/* This one knows no range. */
	lpid_begin(test, LPID_H_TLB);
	lpid_flush_pages(16);
	EXPECT_EQ(lpid_nr_calls, 16);
	for (i = 0; i < 16; i++)
		lpid_was_tlb(i, RIC_FLUSH_TLB, (i + 1) * LPID_PAGE | 5 << 5);
}

TEST(lpid_range_of_many_pages_is_all_translations)
{
	lpid_begin(test, LPID_TLBIE);
	lpid_flush_pages(17);
	EXPECT_EQ(lpid_ranges, 0);
	EXPECT_EQ(lpid_tlbies, 1);
	EXPECT_EQ(lpid_last_ric, RIC_FLUSH_TLB);

	lpid_begin(test, LPID_H_TLB);
	lpid_flush_pages(17);
	EXPECT_EQ(lpid_nr_calls, 1);
	lpid_was_tlb(0, RIC_FLUSH_TLB, LPID_IS);

	/* The parent chooses. */
	lpid_begin(test, LPID_H_RPT);
	lpid_flush_pages(1000);
	EXPECT_EQ(lpid_nr_calls, 1);
	lpid_was_rpt(0, H_RPTI_TYPE_TLB, LPID_PAGE, 1001 * LPID_PAGE);
}

/* L2 of nested/lpid.c. */
TEST(lpid_flush_that_is_refused_is_widened)
{
	lpid_begin(test, LPID_H_RPT);
	lpid_answers[0] = H_PARAMETER;
	lpid_flush_pages(1);
	EXPECT_EQ(lpid_nr_calls, 2);
	lpid_was_rpt(1, H_RPTI_TYPE_NESTED_ALL, 0, -1UL);

	lpid_begin(test, LPID_H_TLB);
	lpid_answers[0] = H_PARAMETER;
	lpid_flush_tlb_pwc(LPID);
	EXPECT_EQ(lpid_nr_calls, 3);
	lpid_was_tlb(1, RIC_FLUSH_ALL, LPID_IS);
	lpid_was_tlb(2, RIC_FLUSH_TLB, LPID_IS);
}

TEST(lpid_flush_waits_for_a_busy_parent)
{
	lpid_begin(test, LPID_H_RPT);
	lpid_answers[0] = H_BUSY;
	lpid_answers[1] = H_BUSY;
	lpid_flush_translations(LPID);
	EXPECT_EQ(lpid_nr_calls, 3);
	lpid_was_rpt(2, H_RPTI_TYPE_TLB, 0, -1UL);
}

TEST_SUITE(kvm_nested_lpid,
	   KUNIT_CASE(lpid_c7_translations_leave_walks_and_entry_alone),
	   KUNIT_CASE(lpid_c7_walks_leave_translations_and_entry_alone),
	   KUNIT_CASE(lpid_c7_translations_and_walks_leave_the_entry_alone),
	   KUNIT_CASE(lpid_c7_all_reads_the_entry_again),
	   KUNIT_CASE(lpid_range_of_some_pages_is_one_sequence),
	   KUNIT_CASE(lpid_range_of_many_pages_is_all_translations),
	   KUNIT_CASE(lpid_flush_that_is_refused_is_widened),
	   KUNIT_CASE(lpid_flush_waits_for_a_busy_parent));
