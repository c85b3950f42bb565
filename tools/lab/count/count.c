// SPDX-License-Identifier: GPL-2.0-only
/*
 * count - a tiny VMM that measures what a guest of KVM-HV pays
 *
 * Runs a few instructions as a guest in real mode and lets it read the time base around
 * a hypercall, a store and a load. On an emulator that counts instructions, the time base
 * counts them, too. Run on a host it measures a plain guest; run in a guest, a nested one.
 *
 * Prints one line:
 *
 *	@lab LEVEL count hypercall=TICKS store=TICKS load=TICKS
 *
 * Owns one VM with one vCPU for each measurement, so that every table starts empty.
 * Integers only: floating point of a VMM was seen to be lost across KVM_RUN.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/kvm.h>

#define H_PING		0xf004
#define H_DONE		0xf008
#define MSR_SF		(1UL << 63)
#define MSR_ME		(1UL << 12)
#define MSR_LE		(1UL << 0)
#define LPCR_ILE	(1UL << 25)
#define PATB_GR		(1UL << 63)
#define STRIDE		0x10000UL
#define ROUNDS		64UL
#define CODE_BYTES	STRIDE
#define MEMORY_BYTES	(32UL << 20)
#define MAX_EXITS	10000

extern const char guest_hypercall[], guest_store[], guest_load[], guest_end[];

/* What to run, and whether the VMM touches the pages first. */
struct measurement {
	const char *name;
	const char *code;
	int touch;
};

static const struct measurement measurements[] = {
	{ "hypercall", guest_hypercall, 0 },
	{ "store", guest_store, 0 },
	{ "load", guest_load, 1 },
};

struct vm {
	int kvm, vm, vcpu;
	char *memory;
	struct kvm_run *run;
	size_t run_bytes;
};

static int control(int fd, unsigned long request, void *argument, const char *what)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		err(1, "%s", what);
	return result;
}

static void *map(size_t bytes, int fd, int flags)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	return memory;
}

/* Base pages only: what is measured is the fault of one page. */
static void add_memory(struct vm *vm)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY_BYTES };

	vm->memory = map(MEMORY_BYTES, -1, MAP_PRIVATE | MAP_ANONYMOUS);
	madvise(vm->memory, MEMORY_BYTES, MADV_NOHUGEPAGE);
	region.userspace_addr = (uintptr_t)vm->memory;
	control(vm->vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	memcpy(vm->memory, guest_hypercall, guest_end - guest_hypercall);
	__builtin___clear_cache(vm->memory, vm->memory + CODE_BYTES);
}

static void add_vcpu(struct vm *vm)
{
	struct kvm_enable_cap papr = { .cap = KVM_CAP_PPC_PAPR };

	vm->vcpu = control(vm->vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	control(vm->vcpu, KVM_ENABLE_CAP, &papr, "KVM_CAP_PPC_PAPR");
	vm->run_bytes = control(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	vm->run = map(vm->run_bytes, vm->vcpu, MAP_SHARED);
}

static void set_lpcr(struct vm *vm)
{
	uint64_t lpcr;
	struct kvm_one_reg reg = { .id = KVM_REG_PPC_LPCR_64, .addr = (uintptr_t)&lpcr };

	control(vm->vcpu, KVM_GET_ONE_REG, &reg, "KVM_GET_ONE_REG LPCR");
	lpcr |= LPCR_ILE;
	control(vm->vcpu, KVM_SET_ONE_REG, &reg, "KVM_SET_ONE_REG LPCR");
}

static void make_vm(struct vm *vm)
{
	struct kvm_ppc_mmuv3_cfg radix = {
		.flags = KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE,
		.process_table = PATB_GR,
	};

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		err(1, "/dev/kvm");
	vm->vm = control(vm->kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	control(vm->vm, KVM_PPC_CONFIGURE_V3_MMU, &radix, "KVM_PPC_CONFIGURE_V3_MMU");
	add_memory(vm);
	add_vcpu(vm);
	set_lpcr(vm);
}

static void drop_vm(struct vm *vm)
{
	munmap(vm->run, vm->run_bytes);
	close(vm->vcpu);
	close(vm->vm);
	close(vm->kvm);
	munmap(vm->memory, MEMORY_BYTES);
}

static void start_at(struct vm *vm, const char *code, unsigned long rounds, unsigned long page)
{
	struct kvm_regs regs;

	control(vm->vcpu, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	regs.pc = code - guest_hypercall;
	regs.msr = MSR_SF | MSR_ME | MSR_LE;
	regs.gpr[14] = rounds;
	regs.gpr[15] = page;
	regs.gpr[16] = STRIDE;
	control(vm->vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

/* Serve the guest until it is done; return the ticks it counted. */
static unsigned long serve(struct vm *vm)
{
	int exits;

	for (exits = 0; exits < MAX_EXITS; exits++) {
		control(vm->vcpu, KVM_RUN, NULL, "KVM_RUN");
		if (vm->run->exit_reason != KVM_EXIT_PAPR_HCALL)
			errx(1, "unexpected exit %u", vm->run->exit_reason);
		if (vm->run->papr_hcall.nr == H_DONE)
			return vm->run->papr_hcall.args[0];
		if (vm->run->papr_hcall.nr != H_PING)
			errx(1, "unexpected hypercall 0x%llx",
			     (unsigned long long)vm->run->papr_hcall.nr);
		vm->run->papr_hcall.ret = 0;
	}
	errx(1, "no end after %d exits", exits);
}

static void touch_pages(struct vm *vm)
{
	unsigned long at;

	for (at = CODE_BYTES; at < MEMORY_BYTES; at += 4096)
		vm->memory[at] = 1;
}

/* One round on pages of its own warms up code and host, then the measured rounds. */
static unsigned long measure(const struct measurement *what)
{
	struct vm vm;
	unsigned long ticks;

	make_vm(&vm);
	if (what->touch)
		touch_pages(&vm);
	start_at(&vm, what->code, 1, CODE_BYTES);
	serve(&vm);
	start_at(&vm, what->code, ROUNDS, CODE_BYTES + 2 * STRIDE);
	ticks = serve(&vm);
	drop_vm(&vm);
	return (ticks + ROUNDS / 2) / ROUNDS;
}

int main(int argc, char **argv)
{
	size_t n;

	printf("@lab %s count", argc > 1 ? argv[1] : "-");
	fflush(stdout);
	for (n = 0; n < sizeof(measurements) / sizeof(measurements[0]); n++) {
		printf(" %s=%lu", measurements[n].name, measure(&measurements[n]));
		fflush(stdout);
	}
	printf("\n");
	return 0;
}
