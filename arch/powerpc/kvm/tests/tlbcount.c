// SPDX-License-Identifier: GPL-2.0-only
/* Counts the flushes of a KUnit case, see tlbcount.h. */
#include <kunit/static_stub.h>
#include <linux/spinlock.h>

#include "nested_test.h"
#include "tlbcount.h"

#define TLB_LPIDS	80

static struct tlb_counts counts;
static u64 lpids[TLB_LPIDS];
static u64 entries[TLB_LPIDS];

static u64 *tlb_find(u64 lpid)
{
	unsigned int i;

	for (i = 0; i < TLB_LPIDS; i++)
		if (lpids[i] == lpid)
			return &lpids[i];
	return NULL;
}

/* F3: a flush names an LPID that is in use. */
static void tlb_check(hlpid_t lpid)
{
	test_row("flush of LPID %llu", lpid.val);
	EXPECT(tlb_find(lpid.val));
}

static void tlb_count_range(hlpid_t lpid, u64 start, u64 last,
			    unsigned int shift)
{
	tlb_check(lpid);
	counts.ranges++;
	counts.pages += (last - start + 1) >> shift;
}

static void tlb_count_pwc(hlpid_t lpid)
{
	tlb_check(lpid);
	counts.walks++;
}

static void tlb_count_translations(hlpid_t lpid)
{
	tlb_check(lpid);
	counts.translations++;
}

static void tlb_count_tlb_pwc(hlpid_t lpid)
{
	tlb_count_pwc(lpid);
	tlb_count_translations(lpid);
}

static void tlb_count_all(hlpid_t lpid)
{
	tlb_check(lpid);
	counts.all++;
}

static void tlb_take_entry(hlpid_t lpid, u64 dw0, u64 dw1)
{
	tlb_check(lpid);
	if (tlb_find(lpid.val))
		entries[tlb_find(lpid.val) - lpids] = dw0;
	counts.all++;
}

void tlb_start(void)
{
	struct kunit *test = kunit_get_current_test();

	counts = (struct tlb_counts){};
	memset(lpids, 0, sizeof(lpids));
	kunit_activate_static_stub(test, lpid_flush_range, tlb_count_range);
	kunit_activate_static_stub(test, lpid_flush_pwc, tlb_count_pwc);
	kunit_activate_static_stub(test, lpid_flush_translations,
				   tlb_count_translations);
	kunit_activate_static_stub(test, lpid_flush_tlb_pwc, tlb_count_tlb_pwc);
	kunit_activate_static_stub(test, lpid_flush_all, tlb_count_all);
	kunit_activate_static_stub(test, lpid_set_entry, tlb_take_entry);
}

void tlb_stop(void)
{
	unsigned int i;

	for (i = 0; i < TLB_LPIDS; i++)
		EXPECT_EQ(lpids[i], 0);
}

void tlb_lpid_begin(hlpid_t lpid)
{
	u64 *slot = tlb_find(0);

	if (!slot)
		die("more than %u LPIDs", TLB_LPIDS);
	*slot = lpid.val;
	entries[slot - lpids] = 0;
}

/* It goes with an empty table entry (G4). */
void tlb_lpid_end(hlpid_t lpid)
{
	u64 *slot = tlb_find(lpid.val);

	EXPECT(slot);
	if (!slot)
		return;
	EXPECT_EQ(entries[slot - lpids], 0);
	*slot = 0;
}

struct tlb_counts tlb_counts(void)
{
	return counts;
}
