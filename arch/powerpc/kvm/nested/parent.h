/* SPDX-License-Identifier: GPL-2.0-only */
/* This host as a guest of a parent hypervisor. */
#ifndef _KVM_NESTED_PARENT_H
#define _KVM_NESTED_PARENT_H

#include <linux/types.h>

int __must_check parent_init(void);
void parent_exit(void);
void parent_set_entry(u64 lpid, u64 dw0, u64 dw1);

#endif /* _KVM_NESTED_PARENT_H */
