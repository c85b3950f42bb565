// SPDX-License-Identifier: GPL-2.0-only
/*
 * This host as a guest of a parent hypervisor, by version 1 of the nested API.
 *
 * Owns the partition table registered with the parent, the probe that decides
 * between the versions of the API, and the register state that goes through
 * H_ENTER_NESTED. The parent reads the table whenever it likes, and for certain
 * on a flush of everything under the LPID.
 *
 *  V1 The table is zero when it is registered, and withdrawn before it is freed.
 *  V2 To set an entry, write the root last; to clear it, write the root first.
 *  V3 A valid entry is never shown empty on the way to another valid one: a
 *     parent may refuse to enter a guest whose entry is empty.
 * Not here: the flush after an entry is written (nested/lpid.c).
 */
#define pr_fmt(fmt) "KVM-HV: " fmt

#include <linux/kvm_host.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>
#include <asm/plpar_wrappers.h>

#include "../book3s_hv.h"
#include "parent.h"

#define PARENT_ENTRIES		BIT(KVM_MAX_NESTED_GUESTS_SHIFT)
#define PARENT_BYTES		(PARENT_ENTRIES * sizeof(struct patb_entry))
#define PARENT_PTCR_SIZE	(ilog2(PARENT_BYTES) - 12)

unsigned long nested_capabilities; /* H_GUEST_CAP_* agreed on, version 2 only */
static struct patb_entry *parent_table; /* registered if not NULL */

/* Return: 0, -EOPNOTSUPP if the parent has no version 2, or -ENODEV. */
static int parent_negotiate(void)
{
	unsigned long offered = 0, own = 0;

	if (plpar_guest_get_capabilities(0, &offered) != H_SUCCESS)
		return -EOPNOTSUPP;
	own |= cpu_has_feature(CPU_FTR_ARCH_300) ? H_GUEST_CAP_POWER9 : 0;
	own |= cpu_has_feature(CPU_FTR_ARCH_31) ? H_GUEST_CAP_POWER10 : 0;
	nested_capabilities = offered & own;
	if (plpar_guest_set_capabilities(0, nested_capabilities) != H_SUCCESS) {
		pr_err("parent refused nested capabilities\n");
		return -ENODEV;
	}
	static_branch_enable(&__kvmhv_is_nestedv2);
	return 0;
}

/* A slab object of a power of two is aligned to its size, as PTCR wants it. */
static int parent_register(void)
{
	struct patb_entry *table = kzalloc(PARENT_BYTES, GFP_KERNEL);

	if (!table)
		return -ENOMEM;
	if (plpar_hcall_norets(H_SET_PARTITION_TABLE,
			       __pa(table) | PARENT_PTCR_SIZE) != H_SUCCESS) {
		pr_err("parent refused the partition table\n");
		kfree(table);
		return -ENODEV;
	}
	parent_table = table;
	return 0;
}

/**
 * parent_init() - agree with a parent on version 2 or 1 of the nested API
 * Return: 0, also on bare metal; -ENODEV if no version works; -ENOMEM.
 */
int parent_init(void)
{
	int err;

	if (!kvmhv_on_pseries())
		return 0;
	err = radix_enabled() ? parent_negotiate() : -ENODEV;
	return err == -EOPNOTSUPP ? parent_register() : err;
}

/* parent_exit() - undo parent_init(), also when it did nothing */
void parent_exit(void)
{
	const u64 none = 0;

	if (!kvmhv_on_pseries() || !parent_table)
		return;
	plpar_hcall_norets(H_SET_PARTITION_TABLE, none);
	kfree(parent_table);
	parent_table = NULL;
}

/**
 * parent_set_entry() - write one entry; the caller flushes afterwards
 * @lpid: LPID that names the guest to the parent
 * @dw0: root of the partition-scoped tree; 0 clears the entry
 * @dw1: process table
 *
 * Context: Any context. One caller for an LPID at a time.
 */
void parent_set_entry(u64 lpid, u64 dw0, u64 dw1)
{
	struct patb_entry *entry;

	if (WARN_ON_ONCE(!parent_table || lpid >= PARENT_ENTRIES))
		return;

	/* V2. The barriers pair with the parent's read, hence virt_ not smp_. */
	entry = &parent_table[lpid];
	if (!dw0)
		WRITE_ONCE(entry->patb0, 0);
	virt_wmb(); /* invalid before its second doubleword changes */
	WRITE_ONCE(entry->patb1, cpu_to_be64(dw1));
	virt_wmb(); /* whole before it is valid */
	if (dw0)
		WRITE_ONCE(entry->patb0, cpu_to_be64(dw0));
}

/**
 * kvmhv_save_hv_regs() - collect what the parent loads for the guest
 * @vcpu: vCPU about to enter
 * @hr: result; 0 where the caller fills in later or only the parent writes
 *
 * Context: Interrupts hard-disabled.
 */
void kvmhv_save_hv_regs(struct kvm_vcpu *vcpu, struct hv_guest_state *hr)
{
	const struct kvm_vcpu_arch *arch = &vcpu->arch;
	const struct kvmppc_vcore *core = arch->vcore;

	*hr = (struct hv_guest_state) {
		.pcr = core->pcr | PCR_MASK, .dpdes = *kvmhv_loaded_doorbell(vcpu),
		.hfscr = arch->hfscr, .tb_offset = core->tb_offset,
		.dawr0 = arch->dawr0, .dawrx0 = arch->dawrx0,
		.dawr1 = arch->dawr1, .dawrx1 = arch->dawrx1,
		.ciabr = arch->ciabr, .purr = arch->purr, .spurr = arch->spurr,
		.ic = arch->ic, .vtb = core->vtb, .pidr = arch->pid,
		.srr0 = arch->shregs.srr0, .srr1 = arch->shregs.srr1,
		.sprg = { arch->shregs.sprg0, arch->shregs.sprg1,
			  arch->shregs.sprg2, arch->shregs.sprg3 },
		.cfar = arch->cfar, .ppr = arch->ppr,
	};
}

/**
 * kvmhv_restore_hv_return_state() - take back what the parent may have changed
 * @vcpu: vCPU that comes back; a doorbell that came in meanwhile is kept
 * @hr: as kvmhv_save_hv_regs() filled it and the parent left it. If untouched,
 *	nothing changes but the fault registers, which then read 0.
 *
 * Context: Interrupts hard-disabled.
 */
void kvmhv_restore_hv_return_state(struct kvm_vcpu *vcpu,
				   struct hv_guest_state *hr)
{
	struct kvm_vcpu_arch *arch = &vcpu->arch;

	/* Set or left alone: another vCPU may ring between a load and a store. */
	if (hr->dpdes)
		WRITE_ONCE(*kvmhv_loaded_doorbell(vcpu), 1);
	arch->hfscr = hr->hfscr;
	arch->purr = hr->purr;
	arch->spurr = hr->spurr;
	arch->ic = hr->ic;
	arch->vcore->vtb = hr->vtb;
	arch->fault_dar = hr->hdar;
	arch->fault_dsisr = hr->hdsisr;
	arch->fault_gpa = hr->asdr;
	arch->emul_inst = hr->heir;
	arch->shregs.srr0 = hr->srr0;
	arch->shregs.srr1 = hr->srr1;
	arch->shregs.sprg0 = hr->sprg[0];
	arch->shregs.sprg1 = hr->sprg[1];
	arch->shregs.sprg2 = hr->sprg[2];
	arch->shregs.sprg3 = hr->sprg[3];
	arch->pid = hr->pidr;
	arch->cfar = hr->cfar;
	arch->ppr = hr->ppr;
}
