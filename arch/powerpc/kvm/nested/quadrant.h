/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest effective addresses, through quadrants or the parent. */
#ifndef _KVM_NESTED_QUADRANT_H
#define _KVM_NESTED_QUADRANT_H

#include <linux/types.h>

/* Effective addresses that radix translates, in bytes. */
#define QUADRANT_EA_SPAN	BIT_ULL(52)

/**
 * struct quadrant_copy - an address space, and a buffer
 * @dir: QUADRANT_LOAD from the guest, QUADRANT_STORE to it
 * @buf: in the kernel's linear map
 * @lpid: host LPID of the guest
 * @pid: its PID, 0 for its kernel
 * @home_cpu: CPU that may use and keep what is translated there: where the vCPU
 *	whose address space it is ran last; -1 for none
 */
struct quadrant_copy {
	enum { QUADRANT_LOAD, QUADRANT_STORE } dir;
	void *buf;
	u64 lpid;
	u32 pid;
	int home_cpu;
};

unsigned long quadrant_copy(struct quadrant_copy c, gva_t eaddr,
			    unsigned long n);

#endif /* _KVM_NESTED_QUADRANT_H */
