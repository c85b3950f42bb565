/* SPDX-License-Identifier: GPL-2.0-only */
/* Parameters of the kernel under test, put back when the case ends well. */
#ifndef KVM_NESTED_PARAM_H
#define KVM_NESTED_PARAM_H

#include "harness.h"

u64 param_set(const char *name, u64 value);
void file_write(const char *path, const char *text);

#endif /* KVM_NESTED_PARAM_H */
