/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tiny VMM: one VM of type HV with a radix MMU, memory slots, vCPUs whose
 * hypercalls come to the test, and the files of the VM in debugfs.
 *
 * Owns file descriptors and mappings; nothing is given back before the process
 * of the case ends, except by vm_destroy().
 */
#ifndef KVM_NESTED_VMM_H
#define KVM_NESTED_VMM_H

#include <linux/kvm.h>
#include <sys/types.h>

#include "harness.h"

#define MSR_SF		(1ULL << 63)
#define MSR_VEC		(1ULL << 25)
#define MSR_VSX		(1ULL << 23)
#define MSR_PR		(1ULL << 14)
#define MSR_FP		(1ULL << 13)
#define MSR_ME		(1ULL << 12)
#define MSR_IR		(1ULL << 5)
#define MSR_DR		(1ULL << 4)
#define MSR_LE		(1ULL << 0)

struct vm {
	int kvm;
	int fd;
	pid_t creator;
	u32 next_slot;
};

/* Newer than the headers of some build machines. */
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT		39
#define KVM_CAP_MEMORY_FAULT_INFO	232
#endif

/* The part of kvm_run for KVM_EXIT_MEMORY_FAULT; in the union, as mmio is. */
struct memory_fault {
	u64 flags;
	u64 gpa;
	u64 size;
};

static inline const struct memory_fault *memory_fault(const struct kvm_run *run)
{
	return (const void *)&run->mmio;
}

/* What a vCPU did that its test has to know of. */
struct vcpu {
	struct vm *vm;
	int fd;
	u32 id;
	struct kvm_run *run;
	size_t run_bytes;
};

/* Set by a test that enables nesting itself, when the VM has memory. */
extern int vm_nest_late;

/* Set by a test that takes pages with something in them from the process. */
extern int vm_share;

void vm_create(struct vm *vm);
void vm_nest(struct vm *vm);
int vm_to_hpt(struct vm *vm);
void vm_destroy(struct vm *vm);
int vm_enable(struct vm *vm, u32 cap, u64 arg0, u64 arg1);
void *vm_map(size_t bytes);
void vm_set_slot(struct vm *vm, u32 slot, u64 gpa, void *memory, size_t bytes,
		 u32 flags);
int vm_try_slot(struct vm *vm, u32 slot, u64 gpa, void *memory, size_t bytes,
		u32 flags);
void vm_dirty_log(struct vm *vm, u32 slot, void *bitmap);

void vcpu_create(struct vm *vm, u32 id, struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);
void vcpu_start_at(struct vcpu *vcpu, u64 pc, u64 msr);
u64 vcpu_reg(struct vcpu *vcpu, u64 id);
void vcpu_set_reg(struct vcpu *vcpu, u64 id, u64 value);
int vcpu_run(struct vcpu *vcpu);

int vm_open_debugfs(struct vm *vm, const char *name);
int vm_open_debugfs_to_write(struct vm *vm, const char *name);
int vm_set_limit(struct vm *vm, const char *name, u64 value);
char *vm_read_debugfs(struct vm *vm, const char *name);
s64 vm_counter(struct vm *vm, const char *name);
void vm_check_audit(struct vm *vm);
int vm_has_audit(struct vm *vm);

int control(int fd, unsigned long request, void *argument, const char *what);
u64 timebase(void);
void sleep_ms(unsigned int ms);
void stay_on_cpu(unsigned int cpu);
size_t host_page(void);

#endif /* KVM_NESTED_VMM_H */
