/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory whose pages come when the test gives them: userfaultfd. */
#ifndef KVM_NESTED_HELD_H
#define KVM_NESTED_HELD_H

#include "harness.h"

int held_watch(void *memory, size_t bytes);
u64 held_fault(int fd);
void held_give(int fd, u64 address, const void *page);
int held_take(void *memory, void *saved, size_t bytes);
void held_give_back(int fd, void *memory, const void *saved, size_t bytes);

#endif /* KVM_NESTED_HELD_H */
