/* SPDX-License-Identifier: GPL-2.0-only */
/* What a VM that nests may use. */
#ifndef _KVM_NESTED_NESTED_LIMIT_H
#define _KVM_NESTED_NESTED_LIMIT_H

#include <linux/kvm_host.h>

/**
 * enum nlimit - a limit that a VM may have for itself
 * @NLIMIT_GUESTS: nested guests
 * @NLIMIT_QUOTA: bytes of shadow tables
 */
enum nlimit {
	NLIMIT_GUESTS,
	NLIMIT_QUOTA,
};

int __must_check nlimit_init(void);
void nlimit_exit(void);
unsigned int nlimit_count_guests(struct kvm *kvm);
unsigned int nlimit_max_guests(struct kvm *kvm);
u64 nlimit_quota(struct kvm *kvm);
int nlimit_set(struct kvm *kvm, enum nlimit which, u64 val);
int __must_check nlimit_admit(struct kvm *kvm);
long nlimit_alloc_lpid(struct kvm *kvm);
void nlimit_make_room(struct kvm_nested_guest *ng);

#if IS_ENABLED(CONFIG_KUNIT)
extern struct shrinker *nlimit_shrinker;
#endif

#endif /* _KVM_NESTED_NESTED_LIMIT_H */
