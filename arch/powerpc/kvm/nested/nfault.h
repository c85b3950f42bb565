/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decides on one page fault of an L2: what was accessed, whether L1's leaf
 * allows it, and which shadow leaf follows from L1's leaf and ours.
 *
 * Only decisions: nothing is read, locked or mapped here.
 *
 * C1  A shadow leaf is writable only if both leaves are writable and both
 *     carry C. So hardware never has a C bit to set in a shadow leaf, and
 *     removing one has nothing to harvest.
 * P7  A shadow leaf is never more permissive than either leaf below it.
 */
#ifndef _KVM_NESTED_NFAULT_H
#define _KVM_NESTED_NFAULT_H

#include "gwalk.h"
#include "nrmap.h"
#include "pst.h"

/* ASDR: the top nibble is to be ignored, the low 12 bits are not reliable. */
#define NFAULT_ASDR_ADDR	GENMASK_ULL(59, 12)

/*
 * DSISR attribute bits of a translation that hardware found and that did not do. L1
 * may have changed its leaf without saying so.
 */
#define NFAULT_FOUND		(DSISR_PROTFAULT | DSISR_BADACCESS | \
				 DSISR_NOEXEC_OR_G | DSISR_BAD_COPYPASTE | \
				 DSISR_SET_RC)

/*
 * The access does not suit the memory, whatever the rights: L1 has to say what
 * becomes of its guest.
 */
#define NFAULT_MISUSE		(DSISR_BADACCESS | DSISR_BAD_COPYPASTE | \
				 DSISR_BAD_AMO | DSISR_BAD_CI_LDST | \
				 DSISR_ATTR_CONFLICT | DSISR_UNSUPP_MMU)

enum nfault_access {
	NFAULT_LOAD,
	NFAULT_STORE,
	NFAULT_FETCH,
};

/**
 * enum nfault_side - which interrupt
 * @NFAULT_DATA: HDSI: status is in HDSISR
 * @NFAULT_INSN: HISI: status is in HSRR1
 */
enum nfault_side {
	NFAULT_DATA,
	NFAULT_INSN,
};

/**
 * struct nested_fault - one fault, filled from top to bottom
 * @side: which interrupt
 * @access: what the leaf has to allow
 * @dsisr: status as hardware gave it
 * @ngpa: L2 real address
 * @inval_seq: of the guest, before anything of L1 was read (S1)
 * @l1_root: root that L1 gave to this guest
 * @l1: L1's leaf for @ngpa
 * @leaf: the shadow leaf composed
 * @addr: L2 real address of the leaf
 * @gpa: L1 real address of the leaf
 */
struct nested_fault {
	enum nfault_side side;
	enum nfault_access access;
	u32 dsisr;
	u64 ngpa;
	u64 inval_seq;
	u64 l1_root;
	struct gwalk_result l1;
	struct pst_leaf leaf;
	u64 addr;
	u64 gpa;
};

/**
 * nfault_init() - decode what hardware reports
 * @f: fault, @f->side is set
 * @dsisr: HDSISR, or the HSRR1 bits with DSISR_ISSTORE for a write
 * @asdr: ASDR
 * @dar: HDAR, or the address fetched from
 *
 * A fault on an access to L2's process-scoped tables is a load or a store by
 * the walker, whichever interrupt reports it; DAR says nothing about it.
 */
static inline void nfault_init(struct nested_fault *f, u32 dsisr, u64 asdr,
			       u64 dar)
{
	bool walk = dsisr & DSISR_PRTABLE_FAULT;

	f->dsisr = dsisr;
	f->ngpa = asdr & NFAULT_ASDR_ADDR;
	if (!walk)
		f->ngpa |= dar & ~NFAULT_ASDR_ADDR & GENMASK_ULL(11, 0);
	if (dsisr & DSISR_ISSTORE)
		f->access = NFAULT_STORE;
	else if (f->side == NFAULT_INSN && !walk)
		f->access = NFAULT_FETCH;
	else
		f->access = NFAULT_LOAD;
}

/* W means read and write (Power ISA, Book III, "Encoded Access Authority"). */
static inline u64 nfault_rights(u64 pte)
{
	return (pte & RPT_PROT) | (pte & RPT_W ? RPT_R : 0);
}

/**
 * nfault_refusal() - does a leaf allow an access
 * @pte: leaf, host endian
 * @access: what is wanted
 *
 * Return: 0 if it does, else the DSISR bits hardware would report.
 */
static inline u32 nfault_refusal(u64 pte, enum nfault_access access)
{
	u64 rights = nfault_rights(pte);
	u64 rc = RPT_REF;

	switch (access) {
	case NFAULT_FETCH:
		if (!(rights & RPT_X))
			return DSISR_NOEXEC_OR_G;
		break;
	case NFAULT_STORE:
		if (!(rights & RPT_W))
			return DSISR_PROTFAULT;
		rc |= RPT_CHG;
		break;
	case NFAULT_LOAD:
		if (!(rights & RPT_R))
			return DSISR_PROTFAULT;
		break;
	}
	return (pte & rc) == rc ? 0 : DSISR_SET_RC;
}

/**
 * nfault_l1_refusal() - why the fault is L1's to handle
 * @f: fault with L1's walk done
 *
 * Return: 0 if L1's leaf allows the access, else the DSISR bits for L1.
 */
static inline u32 nfault_l1_refusal(const struct nested_fault *f)
{
	switch (f->l1.cause) {
	case GWALK_LEAF:
		return nfault_refusal(f->l1.pte.val, f->access);
	case GWALK_ABSENT:
		return DSISR_NOHPTE;
	case GWALK_UNREADABLE:
		return DSISR_PRTABLE_FAULT;
	case GWALK_MALFORMED:
		break;
	}
	return DSISR_UNSUPP_MMU;
}

/**
 * nfault_leaf_shift() - size of the shadow leaf
 * @l1_shift: log2 bytes of L1's leaf
 * @l0_shift: log2 bytes of our leaf for it
 * @base_shift: log2 bytes of our base page
 *
 * Below 2M the size follows from L1's leaf and our base page alone, so that
 * all leaves of one table agree on its geometry: two pages of one 2M region
 * never drive each other out.
 *
 * Return: 12, 16, 21 or 30.
 */
static inline unsigned int nfault_leaf_shift(unsigned int l1_shift,
					     unsigned int l0_shift,
					     unsigned int base_shift)
{
	unsigned int both = min(l1_shift, l0_shift);

	if (both >= RPT_SHIFT_1G)
		return RPT_SHIFT_1G;
	if (both >= RPT_SHIFT_2M)
		return RPT_SHIFT_2M;
	return min(l1_shift, base_shift);
}

/**
 * nfault_compose() - the shadow leaf for one fault
 * @f: fault with L1's leaf in @f->l1; leaf, addr and gpa are filled in
 * @l0: our leaf that covers @f->l1.addr
 * @base_shift: log2 bytes of our base page
 *
 * The storage attribute is ours: L1 cannot make normal memory uncached, which
 * would alias it with our cached mapping.
 */
static inline void nfault_compose(struct nested_fault *f,
				  const struct pst_leaf *l0,
				  unsigned int base_shift)
{
	unsigned int shift = nfault_leaf_shift(f->l1.shift, l0->shift,
					       base_shift);
	u64 mask = ~(BIT_ULL(shift) - 1);
	u64 both = l0->attrs & f->l1.pte.val;
	u64 prot = nfault_rights(l0->attrs) & nfault_rights(f->l1.pte.val);

	if (!(both & RPT_CHG))
		prot &= ~RPT_W;
	f->addr = f->ngpa & mask;
	f->gpa = f->l1.addr & mask;
	f->leaf.shift = shift;
	f->leaf.pa = l0->pa + (f->gpa & (BIT_ULL(l0->shift) - 1));
	f->leaf.attrs = prot | (both & RPT_REF) | (l0->attrs & RPT_ATT);
	if (prot & RPT_W)
		f->leaf.attrs |= RPT_CHG;
}

/**
 * nfault_still_gives() - is a shadow leaf what would be made of both leaves now
 * @f: fault with L1's leaf
 * @l0: our leaf that covers @f->l1.addr
 * @base_shift: log2 bytes of our base page
 * @pos: shadow leaf over @f->ngpa
 *
 * R of our own leaf does not matter: it may be aged at any time.
 *
 * Return: false if one of both has taken away frame, permission, R or C of it.
 */
static inline bool nfault_still_gives(const struct nested_fault *f,
				      const struct pst_leaf *l0,
				      unsigned int base_shift,
				      const struct pst_pos *pos)
{
	u64 had = pos->pte.val & (RPT_PROT | RPT_RC);
	struct nested_fault now = *f;

	nfault_compose(&now, l0, base_shift);
	now.leaf.attrs |= f->l1.pte.val & RPT_REF;
	return (pos->pte.val & RPT_RPN) + (f->ngpa - pst_pos_addr(pos)) ==
	       now.leaf.pa + (f->ngpa - now.addr) &&
	       !(had & ~now.leaf.attrs);
}

/**
 * nfault_reflect_dsisr() - HDSISR that L1 sees
 * @f: the fault
 * @why: DSISR bits of the refusal
 *
 * Return: @why, and whether it was a store.
 */
static inline u32 nfault_reflect_dsisr(const struct nested_fault *f, u32 why)
{
	return why | (f->dsisr & DSISR_ISSTORE);
}

/**
 * nfault_reflect_srr1() - HSRR1 that L1 sees
 * @f: the fault
 * @msr: HSRR1 as hardware gave it
 * @why: DSISR bits of the refusal; those that HSRR1 does not have are lost
 *
 * DSISR_ISSTORE is no HSRR1 bit; there HSRR1_HISI_WRITE says it.
 */
static inline u64 nfault_reflect_srr1(const struct nested_fault *f, u64 msr,
				      u32 why)
{
	msr = (msr & SRR1_MSR_BITS) | (why & DSISR_SRR1_MATCH_64S);
	if (f->dsisr & DSISR_ISSTORE)
		msr |= HSRR1_HISI_WRITE;
	return msr;
}

/*
 * A fault that L1 is to handle, to be tried again before L2 runs: the key of the
 * mapping, and in its low bits what was wanted.
 */
#define NFAULT_REPLAY		BIT_ULL(0)
#define NFAULT_REPLAY_ACCESS	GENMASK_ULL(2, 1)

/**
 * nfault_to_replay() - one word that remembers a fault
 * @f: fault that was reflected
 * @glpid: L1's name of the guest
 *
 * Return: the word, never 0.
 */
static inline u64 nfault_to_replay(const struct nested_fault *f, glpid_t glpid)
{
	return nrmap_key(glpid, f->ngpa) | NFAULT_REPLAY |
	       FIELD_PREP(NFAULT_REPLAY_ACCESS, f->access);
}

/**
 * nfault_from_replay() - the fault that a word remembers
 * @f: ngpa and access are set
 * @replay: as nfault_to_replay() made it
 * @glpid: guest that is entered
 *
 * Return: whether the word is of that guest.
 */
static inline bool nfault_from_replay(struct nested_fault *f, u64 replay,
				      glpid_t glpid)
{
	f->ngpa = replay & NRMAP_KEY_FRAME;
	f->access = FIELD_GET(NFAULT_REPLAY_ACCESS, replay);
	return FIELD_GET(NRMAP_KEY_LPID, replay) == glpid.val;
}

#endif /* _KVM_NESTED_NFAULT_H */
