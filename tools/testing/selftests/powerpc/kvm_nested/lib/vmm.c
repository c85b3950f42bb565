// SPDX-License-Identifier: GPL-2.0-only
/* A tiny VMM; see vmm.h. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

#define DEBUGFS		"/sys/kernel/debug/kvm"
#define PATB_GR		(1ULL << 63)
#define SMALLEST_READ	65536

int control(int fd, unsigned long request, void *argument, const char *what)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		fail("%s: %s", what, strerror(errno));
	return result;
}

u64 timebase(void)
{
	u64 now;

	asm volatile("mftb %0" : "=r" (now));
	return now;
}

void sleep_ms(unsigned int ms)
{
	struct timespec wait = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&wait, &wait) < 0 && errno == EINTR)
		;
}

void stay_on_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("CPU %u: %s", cpu, strerror(errno));
}

size_t host_page(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* --- the VM ------------------------------------------------------------- */

int vm_enable(struct vm *vm, u32 cap, u64 arg0, u64 arg1)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg0, arg1 } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &enable);
}

int vm_nest_late;

void vm_nest(struct vm *vm)
{
	if (vm_enable(vm, KVM_CAP_PPC_NESTED_HV, 1, 0))
		fail("KVM_CAP_PPC_NESTED_HV: %s", strerror(errno));
}

/* As a pseries machine does when its guest asks for hash translation. */
int vm_to_hpt(struct vm *vm)
{
	struct kvm_ppc_mmuv3_cfg hash = {};
	u32 shift = 24;

	return ioctl(vm->fd, KVM_PPC_CONFIGURE_V3_MMU, &hash) ?:
	       ioctl(vm->fd, KVM_PPC_ALLOCATE_HTAB, &shift);
}

/**
 * vm_create() - make a radix VM that may nest
 * @vm: filled
 */
void vm_create(struct vm *vm)
{
	struct kvm_ppc_mmuv3_cfg radix = {
		.flags = KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE,
		.process_table = PATB_GR,
	};

	*vm = (struct vm){ .creator = getpid() };
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		fail("/dev/kvm: %s", strerror(errno));
	vm->fd = control(vm->kvm, KVM_CREATE_VM, (void *)1UL, "KVM_CREATE_VM");
	control(vm->fd, KVM_PPC_CONFIGURE_V3_MMU, &radix,
		"KVM_PPC_CONFIGURE_V3_MMU");
	if (!vm_nest_late)
		vm_nest(vm);
}

void vm_destroy(struct vm *vm)
{
	close(vm->fd);
	close(vm->kvm);
}

int vm_share;

/* A file in memory, or -1 for memory without a file. */
static int file_for(size_t bytes)
{
	int fd = vm_share ? memfd_create("l1", MFD_CLOEXEC) : -1;

	if (vm_share && (fd < 0 || ftruncate(fd, bytes)))
		fail("memfd of %zu bytes: %s", bytes, strerror(errno));
	return fd;
}

/**
 * vm_map() - memory of base pages, aligned to 2M
 * @bytes: how much
 *
 * Anonymous; with vm_share, of a file, so that it keeps what is in it when its
 * pages are taken from the process.
 */
void *vm_map(size_t bytes)
{
	size_t align = 2UL << 20;
	int fd = file_for(bytes + align);
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	char *memory = mmap(NULL, bytes + align, PROT_READ | PROT_WRITE,
			    flags | MAP_NORESERVE, fd, 0);

	if (memory == MAP_FAILED)
		fail("mmap of %zu bytes: %s", bytes, strerror(errno));
	if (fd >= 0)
		close(fd);
	memory = (char *)(((uintptr_t)memory + align - 1) & ~(align - 1));
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

int vm_try_slot(struct vm *vm, u32 slot, u64 gpa, void *memory, size_t bytes,
		u32 flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)memory,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

void vm_set_slot(struct vm *vm, u32 slot, u64 gpa, void *memory, size_t bytes,
		 u32 flags)
{
	if (vm_try_slot(vm, slot, gpa, memory, bytes, flags))
		fail("memory slot %u: %s", slot, strerror(errno));
}

void vm_dirty_log(struct vm *vm, u32 slot, void *bitmap)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	control(vm->fd, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
}

/* --- vCPUs -------------------------------------------------------------- */

void vcpu_create(struct vm *vm, u32 id, struct vcpu *vcpu)
{
	struct kvm_enable_cap papr = { .cap = KVM_CAP_PPC_PAPR };

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = control(vm->fd, KVM_CREATE_VCPU, (void *)(uintptr_t)id,
			   "KVM_CREATE_VCPU");
	control(vcpu->fd, KVM_ENABLE_CAP, &papr, "KVM_CAP_PPC_PAPR");
	vcpu->run_bytes = control(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL,
				  "KVM_GET_VCPU_MMAP_SIZE");
	vcpu->run = mmap(NULL, vcpu->run_bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		fail("mmap of kvm_run: %s", strerror(errno));
}

void vcpu_destroy(struct vcpu *vcpu)
{
	munmap(vcpu->run, vcpu->run_bytes);
	close(vcpu->fd);
}

void vcpu_start_at(struct vcpu *vcpu, u64 pc, u64 msr)
{
	struct kvm_regs regs;

	control(vcpu->fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	regs.pc = pc;
	regs.msr = msr;
	control(vcpu->fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

u64 vcpu_reg(struct vcpu *vcpu, u64 id)
{
	u64 value = 0;
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	control(vcpu->fd, KVM_GET_ONE_REG, &reg, "KVM_GET_ONE_REG");
	return value;
}

void vcpu_set_reg(struct vcpu *vcpu, u64 id, u64 value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	control(vcpu->fd, KVM_SET_ONE_REG, &reg, "KVM_SET_ONE_REG");
}

/**
 * vcpu_run() - KVM_RUN once
 * @vcpu: vCPU
 *
 * Return: 0 with an exit reason, or -errno.
 */
int vcpu_run(struct vcpu *vcpu)
{
	return ioctl(vcpu->fd, KVM_RUN, NULL) < 0 ? -errno : 0;
}

/* --- debugfs ------------------------------------------------------------ */

static int open_debugfs(struct vm *vm, const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%d-%d/%s", (int)vm->creator,
		 vm->fd, name);
	return open(path, flags | O_CLOEXEC);
}

int vm_open_debugfs(struct vm *vm, const char *name)
{
	return open_debugfs(vm, name, O_RDONLY);
}

int vm_open_debugfs_to_write(struct vm *vm, const char *name)
{
	return open_debugfs(vm, name, O_WRONLY);
}

/**
 * vm_set_limit() - give one VM a limit of its own
 * @vm: the VM
 * @name: nested_quota or nested_max_guests
 * @value: new value, 0 for what the module says
 *
 * Return: 0 or an errno.
 */
int vm_set_limit(struct vm *vm, const char *name, u64 value)
{
	int fd = vm_open_debugfs_to_write(vm, name), err;
	char text[32];

	if (fd < 0)
		return errno;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	err = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return err;
}

/**
 * vm_read_debugfs() - read a whole file of the VM
 * @vm: VM
 * @name: file
 *
 * Return: text that the caller frees, or NULL if there is no such file.
 */
char *vm_read_debugfs(struct vm *vm, const char *name)
{
	size_t used = 0, size = SMALLEST_READ;
	int fd = vm_open_debugfs(vm, name);
	char *text;
	ssize_t got;

	if (fd < 0)
		return NULL;
	text = malloc(size);
	while (text && (got = read(fd, text + used, size - used - 1)) > 0) {
		used += got;
		if (size - used < SMALLEST_READ / 2)
			text = realloc(text, size *= 2);
	}
	close(fd);
	if (!text)
		fail("no memory for %s", name);
	text[used] = 0;
	return text;
}

/* Whether the kernel under test offers the audit: an unmodified one does not. */
int vm_has_audit(struct vm *vm)
{
	(void)vm;
	return !getenv("KVM_NESTED_NO_AUDIT");
}

/**
 * vm_counter() - one value of the file "nested"
 * @vm: VM
 * @name: which
 *
 * Return: the value. A counter that does not exist fails the case.
 */
s64 vm_counter(struct vm *vm, const char *name)
{
	char *text = vm_read_debugfs(vm, "nested"), *line;
	size_t length = strlen(name);
	s64 value;

	if (!text)
		fail("the VM has no debugfs file 'nested'");
	for (line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ' ') {
			value = strtoll(line + length, NULL, 0);
			free(text);
			return value;
		}
	}
	fail("no counter '%s'", name);
}

/**
 * vm_check_audit() - fail unless every shadow leaf follows from the trees below
 * @vm: VM
 */
void vm_check_audit(struct vm *vm)
{
	char *text, *last, *bad;

	if (!vm_has_audit(vm))
		return;
	text = vm_read_debugfs(vm, "nested_audit");
	if (!text)
		fail("the VM has no debugfs file 'nested_audit'");
	bad = strstr(text, "bad LPID");
	if (bad) {
		bad[strcspn(bad, "\n")] = 0;
		fail("audit: %s", bad);
	}
	last = strstr(text, "incoherent ");
	if (!last)
		fail("audit has no last line: %.80s", text);
	if (strtoull(last + strlen("incoherent "), NULL, 0))
		fail("audit: %.200s", text);
	free(text);
}
