// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process-scoped translation of a VM by its own tables: what the kernel asks when
 * it emulates an access.
 */
#include <linux/kvm_host.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "../book3s_hv.h"
#include "gwalk.h"
#include "nmem.h"

static int radix_read_guest(void *vcpu, u64 addr, __be64 *entry)
{
	return nmem_read(((struct kvm_vcpu *)vcpu)->kvm, addr, entry,
			 sizeof(*entry));
}

static int radix_walk_process(struct kvm_vcpu *vcpu, u64 ea, u64 pid,
			      struct gwalk_result *res)
{
	const struct gwalk_reader rd = { .read = radix_read_guest,
					 .ctx = vcpu };
	__be64 root;
	u64 addr;

	if (gwalk_table_entry(vcpu->kvm->arch.process_table, pid, &addr))
		return -EINVAL;
	if (radix_read_guest(vcpu, addr, &root))
		return -EFAULT;
	gwalk_walk(&rd, be64_to_cpu(root), ea & RPT_EA_LAST, res);
	switch (res->cause) {
	case GWALK_LEAF:
		return 0;
	case GWALK_ABSENT:
		return -ENOENT;
	case GWALK_UNREADABLE:
		return -EFAULT;
	case GWALK_MALFORMED:
		break;
	}
	return -EINVAL;
}

/* Storage key 0 of a page that problem state may use, seen from above. */
static u64 radix_key0_mask(struct kvm_vcpu *vcpu)
{
	u64 amr = kvmppc_get_amr_hv(vcpu);
	u64 mask = 0;

	if (amr & BIT_ULL(62))
		mask |= RPT_R;
	if (amr & BIT_ULL(63))
		mask |= RPT_W;
	if (kvmppc_get_iamr_hv(vcpu) & BIT_ULL(62))
		mask |= RPT_X;
	return mask;
}

static u64 radix_process_rights(struct kvm_vcpu *vcpu, u64 pte)
{
	bool problem = kvmppc_get_msr(vcpu) & MSR_PR;

	if (pte & RPT_PRIV)
		return problem ? 0 : pte & RPT_PROT;
	if (problem)
		return pte & RPT_PROT;
	return pte & RPT_PROT & ~radix_key0_mask(vcpu);
}

/**
 * kvmppc_mmu_radix_xlate() - translate an effective address of a VM
 * @vcpu: vCPU with the VM's own state loaded
 * @eaddr: guest effective address, quadrant 0 or 3
 * @gpte: result
 * @data: unused: rights of all kinds are reported
 * @iswrite: unused
 *
 * Source: Power ISA, Book III, "Radix Tree Translation", "Virtual Page Class
 * Key Protection".
 *
 * Context: Process context, may sleep; the vCPU is loaded.
 * Return: 0; -ENOENT without translation; -EINVAL for a quadrant or a tree that
 * hardware would refuse; -EFAULT if a table cannot be read.
 */
int kvmppc_mmu_radix_xlate(struct kvm_vcpu *vcpu, gva_t eaddr,
			   struct kvmppc_pte *gpte, bool data, bool iswrite)
{
	unsigned int quadrant = eaddr >> 62;
	struct gwalk_result res;
	u64 rights, pid = 0;
	int err;

	if (quadrant == 1 || quadrant == 2)
		return -EINVAL;
	if (!quadrant)
		pid = kvmppc_get_pid(vcpu);
	kvm_vcpu_srcu_read_lock(vcpu);
	err = radix_walk_process(vcpu, eaddr, pid, &res);
	kvm_vcpu_srcu_read_unlock(vcpu);
	if (err)
		return err;

	rights = radix_process_rights(vcpu, res.pte.val);
	gpte->eaddr = eaddr;
	gpte->raddr = res.addr;
	gpte->may_read = rights & RPT_R;
	gpte->may_write = !!(rights & RPT_W);
	gpte->may_execute = rights & RPT_X;
	gpte->rc = res.pte.val & RPT_RC;
	gpte->page_shift = res.shift;
	gpte->page_size = shift_to_mmu_psize(res.shift);
	return 0;
}
