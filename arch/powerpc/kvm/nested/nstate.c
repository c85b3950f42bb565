// SPDX-License-Identifier: GPL-2.0-only
/*
 * L2 register state between L1's memory and native form, and its limits.
 *
 * Wire is struct hv_guest_state as L1 stored it, native is the same in our byte
 * order, a row describes one field of it.
 *
 *  N1 Each byte of struct hv_guest_state belongs to exactly one row.
 *  N2 A byte past the size of L1's version is neither read from the wire form
 *     nor written to it. Natively such a field is 0.
 *  N3 After nstate_sanitise() each control is L1's own, or one that L1 may
 *     choose, or off.
 *
 * Not here: guest memory, the vCPU, and LPCR bits that this CPU lacks, which
 * kvmppc_filter_lpcr_hv() takes away at use.
 */
#include "nstate.h"

/* What L1 may choose in its guest's LPCR. */
#define NSTATE_LPCR	(LPCR_DPFD | LPCR_ILE | LPCR_TC | LPCR_AIL | LPCR_LD | \
			 LPCR_MER)

/* Only TB bits above these can be moved and moved back without a loss. */
#define NSTATE_TB_LOW	GENMASK_ULL(23, 0)

/* Of PPR: the highest of eight priorities is a hypervisor's. */
#define NSTATE_PRIORITY		GENMASK_ULL(52, 50)
#define NSTATE_PRIORITY_LOW	BIT_ULL(50)

enum nstate_dir { NSTATE_IN = 1, NSTATE_OUT = 2, NSTATE_BOTH = 3 };

struct nstate_row {
	u16 offset;		/* in bytes, as is width */
	u8 width;
	u8 since;		/* version that brought the field */
	enum nstate_dir dir;	/* what is only "in" stays as L1 stored it */
};

#define ROW(field, since, dir) {					\
	offsetof(struct hv_guest_state, field),				\
	sizeof_field(struct hv_guest_state, field), since, dir		\
}

static const struct nstate_row nstate_rows[] = {
	ROW(version,	 1, NSTATE_IN),
	ROW(lpid,	 1, NSTATE_IN),
	ROW(vcpu_token,	 1, NSTATE_IN),
	ROW(lpcr,	 1, NSTATE_IN),
	ROW(pcr,	 1, NSTATE_IN),
	ROW(amor,	 1, NSTATE_IN),
	ROW(dpdes,	 1, NSTATE_BOTH),
	ROW(hfscr,	 1, NSTATE_BOTH),
	ROW(tb_offset,	 1, NSTATE_IN),
	ROW(dawr0,	 1, NSTATE_IN),
	ROW(dawrx0,	 1, NSTATE_IN),
	ROW(ciabr,	 1, NSTATE_IN),
	ROW(hdec_expiry, 1, NSTATE_IN),
	ROW(purr,	 1, NSTATE_BOTH),
	ROW(spurr,	 1, NSTATE_BOTH),
	ROW(ic,		 1, NSTATE_BOTH),
	ROW(vtb,	 1, NSTATE_BOTH),
	ROW(hdar,	 1, NSTATE_OUT),
	ROW(hdsisr,	 1, NSTATE_OUT),
	ROW(heir,	 1, NSTATE_OUT),
	ROW(asdr,	 1, NSTATE_OUT),
	ROW(srr0,	 1, NSTATE_BOTH),
	ROW(srr1,	 1, NSTATE_BOTH),
	ROW(sprg[0],	 1, NSTATE_BOTH),
	ROW(sprg[1],	 1, NSTATE_BOTH),
	ROW(sprg[2],	 1, NSTATE_BOTH),
	ROW(sprg[3],	 1, NSTATE_BOTH),
	ROW(pidr,	 1, NSTATE_BOTH),
	ROW(cfar,	 1, NSTATE_BOTH),
	ROW(ppr,	 1, NSTATE_BOTH),
	ROW(dawr1,	 2, NSTATE_IN),
	ROW(dawrx1,	 2, NSTATE_IN),
};

#define NR_ROWS		ARRAY_SIZE(nstate_rows)

static_assert(offsetofend(struct hv_guest_state, ppr) == 0xe8);
static_assert(offsetofend(struct hv_guest_state, dawrx1) == 0xf8);
static_assert(sizeof(struct hv_guest_state) == 0xf8);
static_assert(sizeof(struct pt_regs) == 384);

static bool row_fits(const struct nstate_row *row, size_t size)
{
	return hv_guest_state_size(row->since) <= size;
}

/* For the other byte order; the native one is copied in runs. */
static void row_swap(const struct nstate_row *row, const void *from, void *to)
{
	from += row->offset;
	to += row->offset;
	if (row->width == sizeof(u32))
		*(u32 *)to = swab32(*(u32 *)from);
	else
		*(u64 *)to = swab64(*(u64 *)from);
}

int nstate_version(u64 wire, enum nstate_order order)
{
	u64 version = order == NSTATE_SWAPPED ? swab64(wire) : wire;
	int size;

	/* hv_guest_state_size() looks at the lower 32 bits only. */
	if (version > HV_GUEST_STATE_VERSION)
		return -EINVAL;
	size = hv_guest_state_size(version);
	return size < 0 ? -EINVAL : size;
}

/*
 * Each word is read once, although L1 may write it meanwhile; and for so few of
 * them memcpy() costs more.
 */
static void nstate_copy(void *to, const void *from, size_t size)
{
	const u64 *src = from;
	u64 *dst = to;
	size_t i;

#pragma GCC unroll 8
	for (i = 0; i < size / sizeof(*dst); i++)
		WRITE_ONCE(dst[i], READ_ONCE(src[i]));
}

void nstate_import(const struct hv_guest_state *wire, size_t size,
		   enum nstate_order order, struct hv_guest_state *hv)
{
	const struct nstate_row *row;

	if (order == NSTATE_NATIVE) {
		nstate_copy(hv, wire, size);
		if (size < sizeof(*hv))
			memset((void *)hv + size, 0, sizeof(*hv) - size);
		return;
	}
	memset(hv, 0, sizeof(*hv));
	for (row = nstate_rows; row < nstate_rows + NR_ROWS; row++)
		if (row_fits(row, size))
			row_swap(row, wire, hv);
}

/* The rows with direction out, all of version 1, are two runs of fields. */
static void nstate_copy_out(const struct hv_guest_state *hv,
			    struct hv_guest_state *wire)
{
	const size_t purr = offsetof(struct hv_guest_state, purr);

	wire->dpdes = hv->dpdes;
	wire->hfscr = hv->hfscr;
	nstate_copy((void *)wire + purr, (const void *)hv + purr,
		    offsetofend(struct hv_guest_state, ppr) - purr);
}

void nstate_export(const struct hv_guest_state *hv, size_t size,
		   enum nstate_order order, struct hv_guest_state *wire)
{
	const struct nstate_row *row;

	if (order == NSTATE_NATIVE) {
		nstate_copy_out(hv, wire);
		return;
	}
	for (row = nstate_rows; row < nstate_rows + NR_ROWS; row++)
		if ((row->dir & NSTATE_OUT) && row_fits(row, size))
			row_swap(row, hv, wire);
}

void nstate_swap_regs(struct pt_regs *regs, enum nstate_order order)
{
	u64 *reg = (u64 *)regs;
	size_t i;

	if (order == NSTATE_NATIVE)
		return;
	for (i = 0; i < sizeof(*regs) / sizeof(*reg); i++)
		reg[i] = swab64(reg[i]);
}

static bool nstate_legal(const struct hv_guest_state *hv, u64 msr,
			 u32 nr_tokens)
{
	return hv->lpid && !(hv->lpid >> KVM_NESTED_LPID_BITS) &&
	       hv->vcpu_token < nr_tokens &&
	       !(hv->tb_offset & NSTATE_TB_LOW) &&
	       (msr & MSR_TS_MASK) != MSR_TS_MASK;
}

int nstate_sanitise(struct hv_guest_state *hv, struct pt_regs *regs,
		    const struct nstate_limits *lim)
{
	if (!nstate_legal(hv, regs->msr, lim->nr_tokens))
		return -EINVAL;

	hv->dawrx0 &= ~(u64)DAWRX_HYP;
	hv->dawrx1 &= ~(u64)DAWRX_HYP;
	if ((hv->ciabr & CIABR_PRIV) == CIABR_PRIV_HYPER)
		hv->ciabr &= ~(u64)CIABR_PRIV;
	hv->lpcr = (lim->lpcr & ~NSTATE_LPCR) | (hv->lpcr & NSTATE_LPCR);
	hv->hfscr &= HFSCR_INTR_CAUSE | lim->hfscr_permitted;
	/* A set bit takes a feature away; reserved bits are written as 1. */
	hv->pcr |= lim->pcr | PCR_MASK;
	if ((hv->ppr & NSTATE_PRIORITY) == NSTATE_PRIORITY)
		hv->ppr &= ~NSTATE_PRIORITY_LOW;
	regs->msr = (regs->msr | MSR_ME) & ~(MSR_HV | MSR_S);
	return 0;
}

enum nstate_tm nstate_check_tm(u64 l1_msr, u64 l2_msr)
{
	u64 l1_ts = l1_msr & MSR_TS_MASK;
	u64 l2_ts = l2_msr & MSR_TS_MASK;

	if (l2_ts == MSR_TS_MASK || (l1_ts && l1_ts != MSR_TS_S))
		return NSTATE_TM_BAD;
	return !l1_ts == !l2_ts ? NSTATE_TM_OK : NSTATE_TM_BAD;
}

u64 nstate_time_limit(u64 expiry, u64 offset, u64 now)
{
	u64 l1_now = now + offset;
	u64 left;

	if (expiry <= l1_now)
		return 0;
	left = expiry - l1_now;
	return left < ~now ? now + left : ~0ULL;
}
