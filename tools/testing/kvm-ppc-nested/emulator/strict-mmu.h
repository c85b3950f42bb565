/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the radix walker of the emulator tells the model of an MMU that forgets
 * nothing; see strict-mmu.c.
 */
#ifndef PPC_STRICT_MMU_H
#define PPC_STRICT_MMU_H

extern bool strict_mmu_on;

/**
 * struct strict_mmu_xlate - one translation that the emulated CPU needs
 * @ea: effective address; real address of the guest without @relocation
 * @lpid: effective LPID
 * @pid: effective PID
 * @access: what for
 * @relocation: whether the process tables are used
 * @privileged: whether privileged pages may be used
 * @raddr: result: address in the emulated machine
 * @shift: result: log2 of the size of the page
 * @prot: result: PAGE_READ, PAGE_WRITE, PAGE_EXEC
 */
struct strict_mmu_xlate {
	vaddr ea;
	uint64_t lpid;
	uint64_t pid;
	MMUAccessType access;
	bool relocation;
	bool privileged;
	hwaddr raddr;
	int shift;
	int prot;
};

/* True if a stale entry is to be used: then the results are filled in. */
bool strict_mmu_walk(PowerPCCPU *cpu, struct strict_mmu_xlate *x);

/* A tlbie or tlbiel with R=1; @flags as TLBIE_F_*. */
void strict_mmu_tlbie(CPUPPCState *env, uint64_t rb, uint64_t rs, uint32_t flags);

#endif /* PPC_STRICT_MMU_H */
