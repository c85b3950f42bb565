// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1's tree for one of its guests: walked where it is in the host's memory, with
 * a page-walk cache for each vCPU of L1.
 */
#include <linux/kvm_host.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "nested_walk.h"
#include "nmem.h"
#include "pst.h"
#include "radix_fault.h"

/*
 * Where an entry of a table of L1 is in the host's memory: NULL if the VM's own
 * tree does not say so, or if it is not ordinary memory in use.
 */
static const __be64 *nmmu_entry(struct kvm *kvm, u64 addr)
{
	const u64 want = RPT_R | RPT_REF;
	struct pst_pos pos;
	u64 pa;

	if (!kvm->arch.pst || !pst_find_leaf(kvm->arch.pst, addr, &pos) ||
	    (pos.pte.val & (want | RPT_ATT)) != want)
		return NULL;
	pa = (pos.pte.val & RPT_RPN) + (addr - pst_pos_addr(&pos));
	return pfn_valid(PHYS_PFN(pa)) ? __va(pa) : NULL;
}

/* Tables are aligned to more than a line, which is in the same page then. */
static int nmmu_peek(void *reader, u64 addr, __be64 *entry)
{
	struct nmmu_reader *rd = reader;
	const __be64 *at = nmmu_entry(rd->kvm, addr);

	rd->at = NULL;
	if (!at)
		return -EAGAIN;
	*entry = READ_ONCE(*at);
	rd->at = PTR_ALIGN_DOWN(at, sizeof(rd->line));
	return 0;
}

static void nmmu_copy_line(struct nmmu_reader *rd)
{
	unsigned int i;

	for (i = 0; i < RPT_LINE; i++)
		rd->line[i] = READ_ONCE(rd->at[i]);
}

/* By way of user space: may sleep, and faults in what is absent. */
static int nmmu_read_l1(void *reader, u64 addr, __be64 *entry)
{
	struct nmmu_reader *rd = reader;
	u64 start = ALIGN_DOWN(addr, sizeof(rd->line));

	rd->err = nmem_read(rd->kvm, start, rd->line, sizeof(rd->line));
	*entry = rd->line[(addr - start) / sizeof(*entry)];
	return rd->err;
}

static struct nmmu_known *nmmu_known(struct nmmu_reader *rd, u64 ngpa)
{
	return &rd->known[(ngpa >> RPT_SHIFT_1G) % NMMU_KNOWN];
}

/* From the table that the vCPU remembers. */
static bool nmmu_peek_known(struct nmmu_reader *rd, u64 ngpa,
			    struct gwalk_result *res)
{
	const struct gwalk_reader peek = { .read = nmmu_peek, .ctx = rd };
	const struct nmmu_known *k = nmmu_known(rd, ngpa);

	if (k->ng != rd->ng || k->seq != rd->seq ||
	    k->region != ngpa >> RPT_SHIFT_1G)
		return false;
	gwalk_walk_from(&peek, &k->table, ngpa, res);
	return rd->at;
}

static void nmmu_remember(struct nmmu_reader *rd, u64 ngpa,
			  const struct gwalk_result *res)
{
	const struct gwalk_table *t = res->table.level ? &res->table :
							 &res->above;
	struct nmmu_known *k = nmmu_known(rd, ngpa);

	if (t->level != NMMU_KNOWN_LEVEL || (res->cause != GWALK_LEAF &&
					     res->cause != GWALK_ABSENT))
		return;
	k->ng = rd->ng;
	k->seq = rd->seq;
	k->region = ngpa >> RPT_SHIFT_1G;
	k->table = *t;
}

/* Read L1's tables where they are; false if one of them is not mapped. */
static bool nmmu_peek_walk(struct nmmu_reader *rd, u64 root, u64 ngpa,
			   struct gwalk_result *res)
{
	const struct gwalk_reader peek = { .read = nmmu_peek, .ctx = rd };

	lockdep_assert_held(&rd->kvm->mmu_lock);
	rd->at = NULL;
	if (!rd->known || !nmmu_peek_known(rd, ngpa, res)) {
		gwalk_walk(&peek, root, ngpa, res);
		if (rd->at && rd->known)
			nmmu_remember(rd, ngpa, res);
	}
	if (rd->at && res->cause == GWALK_LEAF)
		nmmu_copy_line(rd);
	return rd->at;
}

/**
 * nmmu_look_l1() - walk L1's tree of one guest, and change nothing
 * @kvm: VM of L1
 * @root: first doubleword of L1's table entry
 * @ngpa: L2 real address
 * @res: result
 *
 * For who only looks (I14): a table that the VM's own tree does not map is not
 * read at all.
 *
 * Context: mmu_lock held, and kvm->mm in use (mmget): the notifier of an mm that
 *	has ended does not take leaves from the VM's own tree any more.
 * Return: false if a table could not be read; @res->entry says where.
 */
bool nmmu_look_l1(struct kvm *kvm, u64 root, u64 ngpa, struct gwalk_result *res)
{
	struct nmmu_reader reader = { .kvm = kvm };

	nmmu_peek_walk(&reader, root, ngpa, res);
	return res->cause != GWALK_UNREADABLE;
}

/* Have the VM's own tree map a table of L1, as if L1 had read it. */
static bool nmmu_fault_in(struct kvm *kvm, u64 addr)
{
	struct kvm_memory_slot *slot = gfn_to_memslot(kvm, gpa_to_gfn(addr));

	return kvm_is_visible_memslot(slot) &&
	       !radix_fault_in(kvm, slot, addr, RADIX_READ);
}

/**
 * nmmu_walk_l1() - walk L1's tree of one guest
 * @reader: all but err, at and line is set; keeps the line that the leaf stands in
 * @root: first doubleword of L1's table entry
 * @ngpa: L2 real address
 * @res: result
 *
 * L1's tables are read where they are, under mmu_lock, which keeps the frames
 * from being taken away; nothing can fault there. A table that the VM's own
 * tree does not map is faulted in there first. Should that not help, all of it
 * is read by way of user space.
 *
 * Context: Process context, may sleep; kvm->srcu is held, mmu_lock is not.
 */
void nmmu_walk_l1(struct nmmu_reader *reader, u64 root, u64 ngpa,
		  struct gwalk_result *res)
{
	const struct gwalk_reader slow = { .read = nmmu_read_l1,
					   .ctx = reader };
	unsigned int tries = RPT_LEVEL_ROOT + 1;
	bool done;

	reader->err = 0;
	do {
		scoped_guard(spinlock, &reader->kvm->mmu_lock)
			done = nmmu_peek_walk(reader, root, ngpa, res);
	} while (!done && res->cause == GWALK_UNREADABLE && tries-- &&
		 nmmu_fault_in(reader->kvm, res->entry));
	if (!done)
		gwalk_walk(&slow, root, ngpa, res);
}
