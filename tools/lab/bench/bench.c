// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench - a tiny VMM that measures what a guest of KVM-HV pays
 *
 *	bench LEVEL PREFIX NAME ...
 *
 * Runs a few instructions as a guest in real mode and lets it read the time base around
 * a hypercall, a store and a load. On an emulator that counts instructions, the time base
 * counts them, too. Run on a host it measures a plain guest; run in a guest, a nested one.
 *
 * Prints one line for each NAME:
 *
 *	@lab LEVEL count PREFIX_NAME=NUMBER
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
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <linux/perf_event.h>

#define H_PING		0xf004
#define H_DONE		0xf008
#define MSR_SF		(1UL << 63)
#define MSR_ME		(1UL << 12)
#define MSR_LE		(1UL << 0)
#define LPCR_ILE	(1UL << 25)
#define PATB_GR		(1UL << 63)
#define ROUNDS		64UL
#define CODE_BYTES	0x10000UL
#define PAGES_BYTES	(80UL << 20)
#define SPARSE		16UL
#define UNMAP_BYTES	(64UL << 20)
#define MEMORY_BYTES	(PAGES_BYTES + UNMAP_BYTES)
#define MAX_EXITS	10000
#define HCALL_ENTRY	"/sys/kernel/debug/tracing/events/powerpc/hcall_entry/id"

extern const char guest_user_hcall[], guest_kernel_hcall[], guest_store[], guest_load[];
extern const char guest_end[];

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
	memcpy(vm->memory, guest_user_hcall, guest_end - guest_user_hcall);
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

static void start_at(struct vm *vm, const char *code, unsigned long rounds, unsigned long page,
		     unsigned long stride)
{
	struct kvm_regs regs;

	control(vm->vcpu, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	regs.pc = code - guest_user_hcall;
	regs.msr = MSR_SF | MSR_ME | MSR_LE;
	regs.gpr[14] = rounds;
	regs.gpr[15] = page;
	regs.gpr[16] = stride;
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

/*
 * Each round uses the page @distance pages after that of the last one. The same code on
 * a page of its own first: it warms up code and host.
 */
static unsigned long per_round(struct vm *vm, const char *code, unsigned long distance)
{
	unsigned long stride = distance * sysconf(_SC_PAGESIZE), ticks;

	make_vm(vm);
	if (code == guest_load)
		memset(vm->memory + CODE_BYTES, 1, PAGES_BYTES - CODE_BYTES);
	start_at(vm, code, 1, PAGES_BYTES - CODE_BYTES, 0);
	serve(vm);
	start_at(vm, code, ROUNDS, 2 * CODE_BYTES, stride);
	ticks = serve(vm);
	drop_vm(vm);
	return (ticks + ROUNDS / 2) / ROUNDS;
}

static unsigned long hypercall_user(struct vm *vm)
{
	return per_round(vm, guest_user_hcall, 1);
}

static unsigned long hypercall_kernel(struct vm *vm)
{
	return per_round(vm, guest_kernel_hcall, 1);
}

static unsigned long store(struct vm *vm)
{
	return per_round(vm, guest_store, 1);
}

static unsigned long load(struct vm *vm)
{
	return per_round(vm, guest_load, 1);
}

static unsigned long load_sparse(struct vm *vm)
{
	return per_round(vm, guest_load, SPARSE);
}

static unsigned long timebase(void)
{
	unsigned long now;

	asm volatile("mftb %0" : "=r" (now));
	return now;
}

/* Take memory from the guest of which it has used every page. */
static void fill(struct vm *vm)
{
	unsigned long page = sysconf(_SC_PAGESIZE);

	start_at(vm, guest_store, UNMAP_BYTES / page, PAGES_BYTES, page);
	serve(vm);
}

static void empty(struct vm *vm)
{
	if (madvise(vm->memory + PAGES_BYTES, UNMAP_BYTES, MADV_DONTNEED))
		err(1, "MADV_DONTNEED");
}

static unsigned long unmap_64m(struct vm *vm)
{
	unsigned long begun, ticks;

	make_vm(vm);
	fill(vm);
	begun = timebase();
	empty(vm);
	ticks = timebase() - begun;
	drop_vm(vm);
	return ticks;
}

/* A counter of the hypercalls that this program makes the kernel below it issue. */
static int hcall_counter(void)
{
	struct perf_event_attr what = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(what),
		.disabled = 1,
	};
	FILE *file = fopen(HCALL_ENTRY, "r");
	unsigned long long id;
	int fd;

	if (!file || fscanf(file, "%llu", &id) != 1)
		err(1, HCALL_ENTRY);
	fclose(file);
	what.config = id;
	fd = syscall(SYS_perf_event_open, &what, 0, -1, -1, 0);
	if (fd < 0)
		err(1, "perf_event_open");
	return fd;
}

static unsigned long unmap_64m_hypercalls(struct vm *vm)
{
	int counter = hcall_counter();
	uint64_t hypercalls;

	make_vm(vm);
	fill(vm);
	control(counter, PERF_EVENT_IOC_ENABLE, NULL, "PERF_EVENT_IOC_ENABLE");
	empty(vm);
	control(counter, PERF_EVENT_IOC_DISABLE, NULL, "PERF_EVENT_IOC_DISABLE");
	if (read(counter, &hypercalls, sizeof(hypercalls)) != sizeof(hypercalls))
		err(1, "reading the count");
	close(counter);
	drop_vm(vm);
	return hypercalls;
}

static const struct {
	const char *name;
	unsigned long (*measure)(struct vm *vm);
} measurements[] = {
	{ "hypercall_kernel", hypercall_kernel },
	{ "hypercall_user", hypercall_user },
	{ "store", store },
	{ "load", load },
	{ "load_sparse", load_sparse },
	{ "unmap_64m", unmap_64m },
	{ "unmap_64m_hypercalls", unmap_64m_hypercalls },
};

static unsigned long measure(const char *name)
{
	struct vm vm;
	size_t n;

	for (n = 0; n < sizeof(measurements) / sizeof(measurements[0]); n++)
		if (!strcmp(measurements[n].name, name))
			return measurements[n].measure(&vm);
	errx(2, "nothing is called %s", name);
}

int main(int argc, char **argv)
{
	int n;

	if (argc < 4)
		errx(2, "usage: bench LEVEL PREFIX NAME ...");
	for (n = 3; n < argc; n++) {
		printf("@lab %s count %s_%s=%lu\n", argv[1], argv[2], argv[n], measure(argv[n]));
		fflush(stdout);
	}
	return 0;
}
