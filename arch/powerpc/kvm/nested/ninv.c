// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decodes what L1 wants invalidated into one form. Pure: no state, no memory.
 *
 *  N1 What L1 asks is dropped, or more. A range is rounded out, never in.
 *  N2 A range lies below 2^52, where all leaves are. Operands above are legal:
 *     what reaches beyond is clamped, what starts there is NINV_NOTHING.
 *  N3 Reserved bits of the operands are ignored, as tlbie does.
 *
 * Not here: whether the guest exists, and how the leaves are dropped.
 */
#include "ninv.h"
#include "rpt.h"

/* tlbie: instruction, RS and RB (Power ISA, Book III, "TLB Invalidate Entry"). */
#define NINV_INSN_RIC		GENMASK_ULL(19, 18)
#define NINV_INSN_PRS		BIT_ULL(17)
#define NINV_INSN_R		BIT_ULL(16)
#define NINV_RS_LPID		GENMASK_ULL(31, 0)
#define NINV_RB_EPN		GENMASK_ULL(63, 12)
#define NINV_RB_IS		GENMASK_ULL(11, 10)
#define NINV_RB_AP		GENMASK_ULL(7, 5)
#define NINV_RPT_NO_END		U64_MAX

enum ninv_ric { NINV_RIC_TLB, NINV_RIC_PWC, NINV_RIC_ALL, NINV_NR_RIC };
enum ninv_is { NINV_IS_PAGE, NINV_IS_PID, NINV_IS_LPID, NINV_IS_ALL };

/* Ascending. */
static const struct { u64 flag; unsigned int shift; } ninv_rpt_sizes[] = {
	{ H_RPTI_PAGE_4K,  RPT_SHIFT_4K },
	{ H_RPTI_PAGE_64K, RPT_SHIFT_64K },
	{ H_RPTI_PAGE_2M,  RPT_SHIFT_2M },
	{ H_RPTI_PAGE_1G,  RPT_SHIFT_1G },
};

static int ninv_set_guest(u64 lpid, struct ninv *inv)
{
	if (!lpid || lpid >= BIT_ULL(KVM_NESTED_LPID_BITS))
		return -EINVAL;
	inv->glpid = make_glpid(lpid);
	return 0;
}

/* N2. @inv stays what it is if the range starts beyond all leaves. */
static void ninv_set_range(u64 start, u64 last, unsigned int shift,
			   struct ninv *inv)
{
	u64 mask = BIT_ULL(shift) - 1;

	if (start > RPT_EA_LAST)
		return;
	inv->kind = NINV_RANGE;
	inv->start = start & ~mask;
	inv->last = min_t(u64, last | mask, RPT_EA_LAST);
}

static int ninv_decode_page(enum ninv_ric ric, u64 rb, struct ninv *inv)
{
	unsigned int shift = rpt_ap_to_shift(FIELD_GET(NINV_RB_AP, rb));

	if (ric != NINV_RIC_TLB || !shift)
		return -EINVAL;
	ninv_set_range(rb & NINV_RB_EPN, rb & NINV_RB_EPN, shift, inv);
	return 0;
}

int ninv_decode_tlbie(u64 insn, u64 rs, u64 rb, struct ninv *inv)
{
	static const enum ninv_kind one_guest[NINV_NR_RIC] = {
		NINV_LPID_TLB, NINV_LPID_PWC, NINV_LPID_ALL,
	};
	static const enum ninv_kind all_guests[NINV_NR_RIC] = {
		NINV_ALL_TLB, NINV_ALL_PWC, NINV_ALL_ALL,
	};
	enum ninv_ric ric = FIELD_GET(NINV_INSN_RIC, insn);
	enum ninv_is is = FIELD_GET(NINV_RB_IS, rb);

	*inv = (struct ninv){ .kind = NINV_NOTHING };
	if (!(insn & NINV_INSN_R) || (insn & NINV_INSN_PRS) ||
	    ric >= NINV_NR_RIC || is == NINV_IS_PID)
		return -EINVAL;

	if (is == NINV_IS_ALL) {
		inv->kind = all_guests[ric];
		return 0;
	}
	if (ninv_set_guest(FIELD_GET(NINV_RS_LPID, rs), inv))
		return -EINVAL;
	if (is == NINV_IS_PAGE)
		return ninv_decode_page(ric, rb, inv);
	inv->kind = one_guest[ric];
	return 0;
}

/*
 * Return: the largest size named, 0 if none is known. A page of that size may
 * begin before the range and end after it, and all of it is dropped (N1): L0
 * may hold it as many leaves of a smaller size.
 */
static unsigned int ninv_rpt_shift(u64 pg_sizes)
{
	unsigned int shift = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ninv_rpt_sizes); i++)
		if (pg_sizes & ninv_rpt_sizes[i].flag)
			shift = ninv_rpt_sizes[i].shift;
	return shift;
}

static int ninv_decode_rpt_range(u64 pg_sizes, u64 start, u64 end,
				 struct ninv *inv)
{
	u64 last = end == NINV_RPT_NO_END ? end : end - 1;
	unsigned int shift = ninv_rpt_shift(pg_sizes);

	if (!shift)
		return -ERANGE;
	if (start < end)
		ninv_set_range(start, last, shift, inv);
	return 0;
}

int ninv_decode_rpt(u64 lpid, u64 type, u64 pg_sizes, u64 start, u64 end,
		    struct ninv *inv)
{
	*inv = (struct ninv){ .kind = NINV_NOTHING };
	if (ninv_set_guest(lpid, inv))
		return -EINVAL;

	if (type & H_RPTI_TYPE_PWC)
		inv->kind = NINV_LPID_PWC;
	/* A re-read drops the leaves too, whatever else is asked or not. */
	if (type & H_RPTI_TYPE_PAT)
		inv->kind = NINV_LPID_ALL;
	else if ((type & H_RPTI_TYPE_TLB) && !start && end == NINV_RPT_NO_END)
		inv->kind = NINV_LPID_TLB;
	else if (type & H_RPTI_TYPE_TLB)
		return ninv_decode_rpt_range(pg_sizes, start, end, inv);
	return 0;
}
