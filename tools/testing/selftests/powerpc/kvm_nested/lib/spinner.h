/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An L2 vCPU that never leaves L2 by itself: it loads, or stores, until the
 * page of flags says stop. It is what finds a translation that was not flushed.
 *
 * The flags are in the first page of the data slot, mapped at L2_FLAGS.
 */
#ifndef KVM_NESTED_SPINNER_H
#define KVM_NESTED_SPINNER_H

#include "l1.h"

#define L2_FLAGS	0x30000000ULL
#define SPIN_STOP	0x0			/* offset of a doubleword */
#define SPIN_ALIVE	0x100

struct spinner {
	struct l1_vcpu v;
	struct world *w;
};

void spinner_create(struct spinner *s, struct world *w, u32 id);
void spinner_load_until(struct spinner *s, u64 ngpa, u64 value);
void spinner_store(struct spinner *s, u64 ngpa, u64 n, u64 stride);
void wait_until_set(const volatile u64 *memory);
void spinner_stop(struct spinner *s);
void spinner_wait_for(struct spinner *s, unsigned int seconds);

#endif /* KVM_NESTED_SPINNER_H */
