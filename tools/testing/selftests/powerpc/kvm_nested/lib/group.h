/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A memory group that the caller joins, a RAM disk to swap to, and what the host
 * says of the memory of either.
 */
#ifndef KVM_NESTED_GROUP_H
#define KVM_NESTED_GROUP_H

#include "harness.h"

#define GROUPS		"/tmp/kvm_nested_group"
#define GROUP		GROUPS "/test"

void swap_on(u64 swap_bytes);
void swap_off(void);
void group_join(void);
void group_join_with_swap(u64 swap_bytes);
void group_reclaim(const char *bytes);
s64 group_stat(const char *name);
s64 host_sec_page_tables(void);
s64 host_vmalloc(void);

#endif /* KVM_NESTED_GROUP_H */
