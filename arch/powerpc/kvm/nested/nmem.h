/* SPDX-License-Identifier: GPL-2.0-only */
/* L1's memory, which is user space's, from the thread of a vCPU. */
#ifndef _KVM_NESTED_NMEM_H
#define _KVM_NESTED_NMEM_H

#include <linux/kvm_host.h>

/**
 * enum nmem_access - what a page of user space is needed for
 * @NMEM_READ: to be read
 * @NMEM_WRITE: to be written
 */
enum nmem_access {
	NMEM_READ,
	NMEM_WRITE,
};

int __must_check nmem_fault_in(struct mm_struct *mm, unsigned long hva,
			       enum nmem_access access);
int __must_check nmem_read(struct kvm *kvm, gpa_t gpa, void *to, size_t n);
int __must_check nmem_write(struct kvm *kvm, gpa_t gpa, const void *from,
			    size_t n);
int __must_check nmem_make_writable(struct kvm *kvm, gpa_t gpa, size_t n);

#endif /* _KVM_NESTED_NMEM_H */
