// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest effective addresses, read and written through quadrants 1 and 2.
 *
 * In hypervisor state the two top bits of an address name a quadrant. 1 goes by
 * LPIDR and PIDR, 2 by LPIDR and PID 0, 0 and 3 by the host's own tables. Below
 * a parent, H_COPY_TOFROM_GUEST stands in; nested API v2 has neither.
 *
 *  Q1 LPIDR changes before PIDR and is restored after it: a PID that the host
 *     did not allocate is never live under LPID 0.
 *  Q2 LPIDR and PIDR are borrowed for at most 4K, with MSR[EE] clear (I12). Who
 *     interrupts takes both for the host's: an IPI that flushes the TLB with
 *     tlbiel would flush the guest's, and perf would read the user's stack
 *     through the guest's PID. Masking in software alone lets perf in.
 *     Machine check and system reset are still taken: their handlers read no
 *     user memory, and flush the TLB for all LPIDs or not at all.
 *  Q3 A missing translation ends the copy; nothing is resolved or locked here.
 *  Q4 Buffers lie in the linear map: the parent gets their real addresses.
 *  Q5 The guest may have flushed by tlbiel on the CPU of the vCPU whose address
 *     space this is; only that CPU may use what it has, and keep what a copy
 *     translated. Any other flushes the PID before and after. Before: what a vCPU
 *     left behind there waits in need_tlb_flush for the next entry, and a copy
 *     enters nothing. After: kvmppc_prepare_radix_vcpu() looks for entries where
 *     a vCPU ran, and does not know where one was only copied for.
 */
#include <linux/bitfield.h>
#include <linux/irqflags.h>
#include <linux/kvm_host.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include <asm/kvm_ppc.h>

#include "../book3s_hv.h"
#include "quadrant.h"

#define QUADRANT_SELECT		GENMASK_ULL(63, 62)
#define QUADRANT_SET_OF_PID	PPC_BIT(53)	/* IS = 1 */

/* What was there before a guest's LPIDR and PIDR. */
struct quadrant_host {
	unsigned long flags;
	unsigned long lpid;
	unsigned long pid;
};

static void quadrant_borrow(const struct quadrant_copy *c,
			    struct quadrant_host *host)
{
	local_irq_save(host->flags);
	hard_irq_disable();
	host->lpid = mfspr(SPRN_LPID);
	host->pid = mfspr(SPRN_PID);
	asm volatile("hwsync; isync" ::: "memory");
	mtspr(SPRN_LPID, c->lpid);
	if (c->pid)
		mtspr(SPRN_PID, c->pid);
	isync();
}

static __always_inline void quadrant_tlbiel_set(u32 pid, unsigned int set,
						int ric)
{
	u64 rb = QUADRANT_SET_OF_PID | (u64)set << TLBIEL_INVAL_SET_SHIFT;
	u64 rs = (u64)pid << 32;

	asm volatile(".machine push; .machine power9; tlbiel %0, %1, %2, 1, 1; .machine pop"
		     : : "r"(rb), "r"(rs), "i"(ric) : "memory");
}

/* All that this CPU has of the borrowed LPID and @pid, process-scoped. */
static void quadrant_flush_pid(u32 pid)
{
	unsigned int set;

	asm volatile("ptesync" ::: "memory");
	quadrant_tlbiel_set(pid, 0, RIC_FLUSH_ALL);
	if (!cpu_has_feature(CPU_FTR_ARCH_31))
		for (set = 1; set < POWER9_TLB_SETS_RADIX; set++)
			quadrant_tlbiel_set(pid, set, RIC_FLUSH_TLB);
	asm volatile("ptesync; " PPC_RADIX_INVALIDATE_ERAT_GUEST "; isync"
		     ::: "memory");
}

static void quadrant_give_back(const struct quadrant_copy *c,
			       const struct quadrant_host *host)
{
	/* A fault on the way may not have enabled interrupts (I12). */
	if (IS_ENABLED(CONFIG_KVM_BOOK3S_HV_NESTED_PROVE))
		WARN_ON_ONCE(mfmsr() & MSR_EE);
	asm volatile("hwsync; isync" ::: "memory");
	if (c->pid)
		mtspr(SPRN_PID, host->pid);
	mtspr(SPRN_LPID, host->lpid);
	isync();
	local_irq_restore(host->flags);
}

/*
 * A fault is found in the exception table without a look at the address:
 * page faults are disabled, and so is MSR[EE] in the handler.
 */
static unsigned long quadrant_copy_native(const struct quadrant_copy *c,
					  gva_t eaddr, unsigned long n)
{
	u64 ea = eaddr | FIELD_PREP(QUADRANT_SELECT, c->pid ? 1 : 2);
	struct quadrant_host host;
	bool home;

	pagefault_disable();
	quadrant_borrow(c, &host);
	home = c->home_cpu == smp_processor_id();
	/* What a vCPU has left here. */
	if (!home)
		quadrant_flush_pid(c->pid);
	if (c->dir == QUADRANT_LOAD)
		n = __copy_from_user_inatomic(c->buf, (void __user *)ea, n);
	else
		n = __copy_to_user_inatomic((void __user *)ea, c->buf, n);
	/* What the copy leaves. */
	if (!home)
		quadrant_flush_pid(c->pid);
	quadrant_give_back(c, &host);
	pagefault_enable();
	return n;
}

static unsigned long quadrant_copy_parent(const struct quadrant_copy *c,
					  gva_t eaddr, unsigned long n)
{
	u64 to = c->dir == QUADRANT_LOAD ? __pa(c->buf) : 0;
	u64 from = c->dir == QUADRANT_STORE ? __pa(c->buf) : 0;

	return plpar_hcall_norets(H_COPY_TOFROM_GUEST, c->lpid, c->pid, eaddr,
				  to, from, n) ? n : 0;
}

/**
 * quadrant_copy() - copy from or to a guest effective address
 * @c: whose address space, in which direction, and the kernel's buffer
 * @eaddr: effective address without the bits that name a quadrant
 * @n: bytes
 *
 * Context: Process context, may sleep between pages. Takes no lock.
 * Return: bytes not copied.
 */
unsigned long quadrant_copy(struct quadrant_copy c, gva_t eaddr,
			    unsigned long n)
{
	unsigned long at_once = kvmhv_on_pseries() ? PAGE_SIZE : SZ_4K;
	unsigned long chunk, left = 0;

	if (kvmhv_is_nestedv2() || eaddr >= QUADRANT_EA_SPAN ||
	    n > QUADRANT_EA_SPAN - eaddr)
		return n;

	for (; n && !left; n -= chunk - left, eaddr += chunk) {
		chunk = min(n, at_once - (eaddr & (at_once - 1)));
		left = kvmhv_on_pseries() ?
		       quadrant_copy_parent(&c, eaddr, chunk) :
		       quadrant_copy_native(&c, eaddr, chunk);
		c.buf += chunk;
		cond_resched();
	}
	return n;
}
