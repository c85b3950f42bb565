// SPDX-License-Identifier: GPL-2.0-only
/*
 * L14: a vCPU thread that waits for user space to give a page leaves KVM_RUN on
 * a signal, whatever it is that it waits for; the access completes later.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/held.h"
#include "lib/spinner.h"

#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#define HELD_GPA	(L1_DATA + 0x400000)
#define HELD		(L2_DATA + 0x200000)
#define TABLES		(L1_LOW_BYTES - 0x10000)
#define NOWHERE		0x7000000000ULL
#define VALUE		0x0102030405060708ULL

/* Far more than a tick, far less than anybody's patience. */
#define SOON_MS		1000

/* One thread that calls KVM_RUN, once each time it is told to. */
static struct runner {
	struct l1_vcpu *v;
	pthread_t thread;
	volatile unsigned int asked, answered;
	volatile int err;
} runner;

static struct world w;
static char saved[0x10000];

static void *run_when_asked(void *unused)
{
	(void)unused;
	for (;;) {
		while (runner.answered == runner.asked)
			sleep_ms(1);
		runner.err = vcpu_run(&runner.v->vcpu);
		__atomic_add_fetch(&runner.answered, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void runner_create(struct l1_vcpu *v)
{
	runner.v = v;
	CHECK(!pthread_create(&runner.thread, NULL, run_when_asked, NULL));
}

static void runner_ask(void)
{
	__atomic_add_fetch(&runner.asked, 1, __ATOMIC_SEQ_CST);
}

static int runner_answers(unsigned int in_ms)
{
	unsigned int ms;

	for (ms = 0; ms < in_ms && runner.answered != runner.asked; ms++)
		sleep_ms(1);
	return runner.answered == runner.asked;
}

static u64 cpu_time_ms(void)
{
	struct timespec t;
	clockid_t clock;

	CHECK(!pthread_getcpuclockid(runner.thread, &clock));
	CHECK(!clock_gettime(clock, &t));
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* Somebody waits for a page: it costs nothing, and one signal ends it. */
static void interrupt_it(void)
{
	u64 before = cpu_time_ms();

	sleep_ms(100);
	CHECK(runner.answered != runner.asked);
	CHECK(cpu_time_ms() - before < 50);
	CHECK(!pthread_kill(runner.thread, SIGUSR1));
	if (!runner_answers(SOON_MS))
		fail("KVM_RUN goes on with a signal pending; CPU time %llu ms",
		     (unsigned long long)(cpu_time_ms() - before));
}

static void waits_and_is_interrupted(int fd)
{
	runner_ask();
	held_fault(fd);
	interrupt_it();
	CHECK_EQ(runner.err, -EINTR);
}

/* From now on, who reads what L1 has at @gpa waits. */
static int take_away(u64 gpa)
{
	return held_take(l1_memory(&w.l1, gpa), saved, sizeof(saved));
}

static void give_back(int fd, u64 gpa)
{
	held_give_back(fd, l1_memory(&w.l1, gpa), saved, sizeof(saved));
	CHECK_EQ(close(fd), 0);
}

static void begin(void)
{
	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, 8 * PAGE_BYTES, SHIFT_64K, PTE_ALL);
	l1_map(&w.tree, HELD, HELD_GPA, SHIFT_64K, PTE_ALL);
	*(u64 *)l1_memory(&w.l1, HELD_GPA) = VALUE;
	l2_must_store(&w.v, L2_DATA, 1);
	runner_create(&w.v);
}

static void begin_enter(const char *snippet, u64 r4)
{
	const u64 args[] = { w.v.state_gpa, w.v.regs_gpa };

	l2_goto(&w.v, snippet);
	SET_REG(&w.v, 4, r4);
	SET_REG(&w.v, 7, L2_DATA + 0x100);
	SET_STATE(&w.v, hdec_expiry, timebase() + 30000 * TICKS_PER_MS);
	l1_begin(&w.v, H_ENTER_NESTED, args, ARRAY_SIZE(args));
}

/* L1 saw that it has to enter again, and does. */
static void enter_again(void)
{
	const u64 args[] = { w.v.state_gpa, w.v.regs_gpa };

	CHECK_EQ(l1_resume(&w.v), 0);
	l1_begin(&w.v, H_ENTER_NESTED, args, ARRAY_SIZE(args));
}

/* L1 enters again for as long as it is told to. */
static s64 finish(void)
{
	s64 r = l1_resume(&w.v);

	return !r || r == TRAP_EXTERNAL || r == TRAP_HDEC ? l1_run(&w.v) : r;
}

static void loads_value(s64 r)
{
	CHECK_EQ(r, TRAP_HCALL);
	CHECK_EQ(REG(&w.v, 5), VALUE);
}

/* --- before L2 runs ------------------------------------------------------- */

/* Both buffers are in one page of L1. */
static void l14_buffers(void)
{
	int fd;

	begin();
	begin_enter(l2_load, HELD);
	fd = take_away(L1_BUFFERS);
	waits_and_is_interrupted(fd);
	enter_again();
	waits_and_is_interrupted(fd);
	give_back(fd, L1_BUFFERS);
	loads_value(finish());
	world_end(&w);
}

/* The regs are where pages are held, the state is not. */
static void l14_regs_buffer(void)
{
	int fd;

	begin();
	begin_enter(l2_load, HELD);
	memcpy(l1_memory(&w.l1, GPA + PAGE_BYTES), w.v.regs, sizeof(*w.v.regs));
	w.v.regs_gpa = GPA + PAGE_BYTES;
	w.v.regs = l1_memory(&w.l1, w.v.regs_gpa);
	w.v.vcpu.run->papr_hcall.args[1] = w.v.regs_gpa;
	fd = take_away(GPA + PAGE_BYTES);
	waits_and_is_interrupted(fd);
	give_back(fd, GPA + PAGE_BYTES);
	loads_value(finish());
	world_end(&w);
}

static void l14_partition_table(void)
{
	int fd;

	begin();
	l1_install(&w.l1, 2, &w.tree);
	SET_STATE32(&w.v, lpid, 2);
	begin_enter(l2_load, HELD);
	fd = take_away(L1_TABLE);
	waits_and_is_interrupted(fd);
	give_back(fd, L1_TABLE);
	loads_value(finish());
	world_end(&w);
}

/* --- while L2 runs -------------------------------------------------------- */

static void l14_table_of_l1(void)
{
	int fd;

	begin();
	w.l1.pool = TABLES;
	l1_map(&w.tree, HELD + BIT(SHIFT_1G), HELD_GPA, SHIFT_64K, PTE_ALL);
	begin_enter(l2_load, HELD + BIT(SHIFT_1G));
	fd = take_away(TABLES);
	waits_and_is_interrupted(fd);
	enter_again();
	waits_and_is_interrupted(fd);
	give_back(fd, TABLES);
	loads_value(finish());
	world_end(&w);
}

static void l14_page_of_l2(void)
{
	int fd;

	begin();
	begin_enter(l2_load, HELD);
	fd = take_away(HELD_GPA);
	waits_and_is_interrupted(fd);
	give_back(fd, HELD_GPA);
	loads_value(finish());
	world_end(&w);
}

static void l14_page_of_a_plain_guest(void)
{
	const u64 args[] = { HELD_GPA };
	int fd;

	begin();
	vcpu_start_at(&w.v.vcpu, L1_SNIPPETS + (l2_load - snippets_begin),
		      l1_msr(&w.l1));
	l1_begin(&w.v, H_DONE, args, 1);
	fd = take_away(HELD_GPA);
	waits_and_is_interrupted(fd);
	give_back(fd, HELD_GPA);
	CHECK_EQ(l1_resume(&w.v), HELD_GPA);
	CHECK_EQ(w.v.vcpu.run->papr_hcall.args[1], VALUE);
	vcpu_start_at(&w.v.vcpu, L1_STUB, l1_msr(&w.l1));
	world_end(&w);
}

/* --- after L2 has run ----------------------------------------------------- */

static volatile u64 *alive(void)
{
	return l1_memory(&w.l1, GPA);
}

/* L2 runs; the buffers go away; a signal takes it out of L2. */
static int owed(void)
{
	int fd;

	begin();
	*alive() = 0;
	*(u64 *)l1_memory(&w.l1, GPA + 0x100) = 0;
	begin_enter(l2_signal_spin, L2_DATA);
	SET_REG(&w.v, 20, VALUE);
	runner_ask();
	wait_until_set((u64 *)alive());
	fd = take_away(L1_BUFFERS);
	CHECK(!pthread_kill(runner.thread, SIGUSR1));
	CHECK(runner_answers(SOON_MS));
	CHECK_EQ(runner.err, -EINTR);
	return fd;
}

static void ends_l2(void)
{
	__atomic_store_n((u64 *)l1_memory(&w.l1, GPA + 0x100), 1,
			 __ATOMIC_SEQ_CST);
}

/* What L2 left is in L1's memory before L1 runs, and not lost meanwhile. */
static void l14_delivery(void)
{
	int fd = owed();
	s64 r;

	waits_and_is_interrupted(fd);
	waits_and_is_interrupted(fd);
	give_back(fd, L1_BUFFERS);
	CHECK_EQ(REG(&w.v, 8), 0);
	r = l1_resume(&w.v);
	CHECK_EQ(r, 0);
	CHECK_EQ(REG(&w.v, 8), 1);
	CHECK_EQ(REG(&w.v, 20), VALUE);
	CHECK(REGS(&w.v, nip) > L2_SNIPPETS + (l2_signal_spin - snippets_begin));
	ends_l2();
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	CHECK_EQ(REG(&w.v, 20), VALUE);
	world_end(&w);
}

/* Who saves the VM completes it without letting L1 run. */
static void l14_delivery_with_immediate_exit(void)
{
	int fd = owed();

	give_back(fd, L1_BUFFERS);
	CHECK_EQ(REG(&w.v, 8), 0);
	w.v.vcpu.run->immediate_exit = 1;
	runner_ask();
	CHECK(runner_answers(SOON_MS));
	CHECK_EQ(runner.err, -EINTR);
	w.v.vcpu.run->immediate_exit = 0;
	CHECK_EQ(REG(&w.v, 8), 1);
	CHECK_EQ(REG(&w.v, 20), VALUE);
	ends_l2();
	CHECK_EQ(finish(), TRAP_HCALL);
	world_end(&w);
}

/* An L1 that was reset gets nothing of the old one into its memory. */
static void l14_delivery_and_a_reset(void)
{
	int fd = owed();
	struct l1_vcpu *v = &w.v;
	struct kvm_regs regs;

	control(v->vcpu.fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	regs.pc = L1_STUB;
	regs.gpr[3] = H_SET_PARTITION_TABLE;
	regs.gpr[4] = L1_PTCR;
	control(v->vcpu.fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
	give_back(fd, L1_BUFFERS);
	memset(v->regs, 0, sizeof(*v->regs));
	CHECK_EQ(l1_resume(v), H_SUCCESS);
	CHECK_EQ(REGS(v, nip), 0);
	CHECK_EQ(REG(v, 8), 0);
	CHECK_EQ(REG(v, 20), 0);
	world_end(&w);
}

/* The guest dies, and its name is another's, while state is owed. */
static void l14_delivery_and_a_killer(void)
{
	static struct l1_vcpu other;
	int fd;

	fd = owed();
	/* Its buffers would be in the page that is held. */
	give_back(fd, L1_BUFFERS);
	l1_add_vcpu(&w.l1, &other, 1);
	CHECK_EQ(l1_set_table(&other, 0), H_SUCCESS);
	CHECK_EQ(l1_set_table(&other, L1_PTCR), H_SUCCESS);
	l1_install(&w.l1, 1, &w.tree);
	CHECK_EQ(l1_resume(&w.v), 0);
	CHECK_EQ(REG(&w.v, 8), 1);
	ends_l2();
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	world_end(&w);
}

/* The memory does not come at all: L1 is told, as if it had gone before. */
static void l14_delivery_to_memory_that_is_gone(void)
{
	void *memory;
	int fd;

	fd = owed();
	memory = l1_memory(&w.l1, L1_BUFFERS);
	CHECK(!munmap(memory, PAGE_BYTES));
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(l1_resume(&w.v), H_AUTHORITY);
	CHECK(mmap(memory, PAGE_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	l2_prepare(&w.v, 1);
	l2_must_store(&w.v, L2_DATA, 1);
	world_end(&w);
}

/* What L2 loads from a device is in the registers that L1 has for it. */
static int load_from_device(void)
{
	begin();
	l1_map(&w.tree, HELD, NOWHERE, SHIFT_64K, PTE_ALL);
	CHECK_EQ(l1_inval_page(&w.v, 1, HELD, AP_64K), H_SUCCESS);
	begin_enter(l2_load, HELD);
	runner_ask();
	CHECK(runner_answers(SOON_MS));
	CHECK_EQ(runner.err, 0);
	CHECK_EQ(w.v.vcpu.run->exit_reason, KVM_EXIT_MMIO);
	memcpy(w.v.vcpu.run->mmio.data, &(u64){ VALUE }, sizeof(u64));
	return take_away(L1_BUFFERS);
}

static void l14_mmio_result(void)
{
	int fd = load_from_device();

	waits_and_is_interrupted(fd);
	waits_and_is_interrupted(fd);
	give_back(fd, L1_BUFFERS);
	loads_value(finish());
	world_end(&w);
}

static void l14_mmio_result_with_immediate_exit(void)
{
	int fd = load_from_device();

	waits_and_is_interrupted(fd);
	give_back(fd, L1_BUFFERS);
	CHECK(REG(&w.v, 5) != VALUE);
	w.v.vcpu.run->immediate_exit = 1;
	runner_ask();
	CHECK(runner_answers(SOON_MS));
	CHECK_EQ(runner.err, -EINTR);
	w.v.vcpu.run->immediate_exit = 0;
	CHECK_EQ(REG(&w.v, 5), VALUE);
	loads_value(finish());
	world_end(&w);
}

/* Who says immediate_exit at once has the result in L1's memory, too. */
static void l14_mmio_result_is_not_left_for_later(void)
{
	int fd = load_from_device();

	give_back(fd, L1_BUFFERS);
	w.v.vcpu.run->immediate_exit = 1;
	runner_ask();
	CHECK(runner_answers(SOON_MS));
	w.v.vcpu.run->immediate_exit = 0;
	CHECK_EQ(runner.err, -EINTR);
	CHECK_EQ(REG(&w.v, 5), VALUE);
	loads_value(finish());
	world_end(&w);
}

/* --- other hypercalls ----------------------------------------------------- */

/*
 * L1 writes or reads HELD_GPA. The emulator may not reach L2's memory by
 * quadrants; L1's side comes first if L2 is written.
 */
static void l14_copy(void)
{
	const u64 args[] = { 1, 0, L2_DATA, 0, HELD_GPA, 2 * PAGE_BYTES };
	int fd;

	begin();
	l1_begin(&w.v, H_COPY_TOFROM_GUEST, args, ARRAY_SIZE(args));
	fd = take_away(HELD_GPA);
	waits_and_is_interrupted(fd);
	waits_and_is_interrupted(fd);
	give_back(fd, HELD_GPA);
	switch (l1_resume(&w.v)) {
	case H_SUCCESS:
		CHECK_EQ(*(u64 *)l1_memory(&w.l1, GPA), VALUE);
		break;
	case H_NOT_FOUND:
		note("this CPU does not reach L2 through quadrants");
		break;
	default:
		fail("not a result of H_COPY_TOFROM_GUEST");
	}
	world_end(&w);
}

/* An invalidation is done although the entry cannot be read; L1 goes on. */
static void l14_invalidation_is_done(void)
{
	const u64 args[] = { 2ULL << 18 | BIT(16), 1, 0x800 };
	int fd;

	begin();
	l2_must_store(&w.v, L2_DATA, 1);
	CHECK(l1_shadow_leaves(&w.l1, 1));
	l1_begin(&w.v, H_TLB_INVALIDATE, args, ARRAY_SIZE(args));
	fd = take_away(L1_TABLE);
	waits_and_is_interrupted(fd);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), 0);
	CHECK_EQ(l1_resume(&w.v), H_SUCCESS);
	give_back(fd, L1_TABLE);
	l2_must_store(&w.v, L2_DATA, 1);
	world_end(&w);
}

/* --- hypercalls that the kernel's own files answer ------------------------ */

#define REGISTER_VPA		(1ULL << (63 - 18))
#define VPA_BYTES		640
#define LIOBN			0x80000001ULL

/* The hypercall waits for HELD_GPA; a signal ends KVM_RUN, not the hypercall. */
static void other_hcall(u64 nr, const u64 *args, unsigned int n)
{
	int fd;

	vm_enable(&w.l1.vm, KVM_CAP_PPC_ENABLE_HCALL, nr, 1);
	l1_begin(&w.v, nr, args, n);
	fd = take_away(HELD_GPA);
	waits_and_is_interrupted(fd);
	waits_and_is_interrupted(fd);
	give_back(fd, HELD_GPA);
	CHECK_EQ(l1_resume(&w.v), H_SUCCESS);
}

static void l14_page_that_is_cleared(void)
{
	const u64 args[] = { H_ZERO_PAGE, HELD_GPA, 0 };

	begin();
	other_hcall(H_PAGE_INIT, args, ARRAY_SIZE(args));
	CHECK_EQ(*(u64 *)l1_memory(&w.l1, HELD_GPA), 0);
	world_end(&w);
}

static void l14_page_that_is_copied(void)
{
	const u64 args[] = { H_COPY_PAGE, GPA, HELD_GPA };

	begin();
	other_hcall(H_PAGE_INIT, args, ARRAY_SIZE(args));
	CHECK_EQ(*(u64 *)l1_memory(&w.l1, GPA), VALUE);
	world_end(&w);
}

static void l14_list_of_tces(void)
{
	const u64 args[] = { LIOBN, 0, HELD_GPA, 4 };
	struct kvm_create_spapr_tce_64 table = {
		.liobn = LIOBN, .page_shift = 12, .size = 16,
	};

	begin();
	memset(l1_memory(&w.l1, HELD_GPA), 0, PAGE_BYTES);
	control(w.l1.vm.fd, KVM_CREATE_SPAPR_TCE_64, &table,
		"KVM_CREATE_SPAPR_TCE_64");
	other_hcall(H_PUT_TCE_INDIRECT, args, ARRAY_SIZE(args));
	world_end(&w);
}

static void l14_vpa(void)
{
	const u64 args[] = { REGISTER_VPA, 0, HELD_GPA };

	begin();
	/* Its size, as two bytes of big endian at 4. */
	*((u8 *)l1_memory(&w.l1, HELD_GPA) + 4) = VPA_BYTES >> 8;
	*((u8 *)l1_memory(&w.l1, HELD_GPA) + 5) = VPA_BYTES & 0xff;
	other_hcall(H_REGISTER_VPA, args, ARRAY_SIZE(args));
	world_end(&w);
}

/* As at migration. It is there before the guest runs, or the guest does not. */
static void l14_vpa_that_user_space_sets(void)
{
	u64 *vpa;
	int fd;

	begin();
	vpa = l1_memory(&w.l1, HELD_GPA);
	memset(vpa, 0, PAGE_BYTES);
	l1_begin(&w.v, H_PING, NULL, 0);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_VPA_ADDR, HELD_GPA);
	fd = take_away(HELD_GPA);
	waits_and_is_interrupted(fd);
	waits_and_is_interrupted(fd);
	give_back(fd, HELD_GPA);
	l1_resume(&w.v);
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_VPA_ADDR), HELD_GPA);
	/* Where the host counts dispatches. */
	CHECK(*(u32 *)((char *)vpa + 0x100));
	world_end(&w);
}

/* --- many signals, and a page that comes and goes ------------------------- */

static volatile int annoying;

static void *annoy(void *unused)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	(void)unused;
	while (annoying) {
		pthread_kill(runner.thread, SIGUSR1);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

#define SHARED_GPA	0x100000000ULL
#define SHARED_SLOT	5

static char *shared;

/* The mapping goes, and the content stays: it is in a file. */
static void *drop_pages(void *unused)
{
	const struct timespec pause = { .tv_nsec = 3000000 };

	(void)unused;
	while (annoying) {
		madvise(shared, PAGE_BYTES, MADV_DONTNEED);
		madvise(l1_memory(&w.l1, GPA + 4 * PAGE_BYTES), PAGE_BYTES,
			MADV_DONTNEED);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* The guest dies, and another one of its name comes. */
static void kill_again_and_again(struct l1_vcpu *v)
{
	while (!v->stop) {
		l1_inval_entry(v, 1);
		l1_set_table(v, L1_PTCR);
		sleep_ms(20);
	}
}

static void share_buffers(struct l1_vcpu *v)
{
	int fd = memfd_create("buffers", MFD_CLOEXEC);

	CHECK(fd >= 0 && !ftruncate(fd, PAGE_BYTES));
	shared = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      0);
	CHECK(shared != MAP_FAILED);
	vm_set_slot(&w.l1.vm, SHARED_SLOT, SHARED_GPA, shared, PAGE_BYTES, 0);
	v->state_gpa = SHARED_GPA;
	v->regs_gpa = SHARED_GPA + 0x400;
	v->state = (void *)shared;
	v->regs = (void *)(shared + 0x400);
	l2_prepare(v, 1);
}

static void count_in_l2(unsigned int round)
{
	u64 n;

	for (n = 0; n < 4; n++) {
		SET_REG(&w.v, 21, round * 4 + n);
		l2_must_store(&w.v, L2_DATA + n * PAGE_BYTES + 8, round);
		CHECK_EQ(REG(&w.v, 21), round * 4 + n);
	}
	l2_touch_pages(&w.v, L2_DATA, 4, PAGE_BYTES);
	l2_must_store(&w.v, L2_DATA + 4 * PAGE_BYTES, round);
	for (n = 0; n < 4; n++)
		CHECK_EQ(l2_must_load(&w.v, L2_DATA + n * PAGE_BYTES + 8),
			 round);
}

/* L2 counts: no step of it is lost, and none is done twice. */
static void l14_signals_beside_all_else(void)
{
	static struct l1_vcpu killer;
	pthread_t one, two;
	unsigned int round;

	begin();
	l1_add_vcpu(&w.l1, &killer, 1);
	share_buffers(&w.v);
	runner.thread = pthread_self();
	annoying = 1;
	CHECK(!pthread_create(&one, NULL, annoy, NULL));
	CHECK(!pthread_create(&two, NULL, drop_pages, NULL));
	l1_go(&killer, kill_again_and_again);
	for (round = 0; round < 20; round++)
		count_in_l2(round);
	l1_stop(&killer);
	annoying = 0;
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l14_buffers", l14_buffers },
	{ "l14_regs_buffer", l14_regs_buffer },
	{ "l14_partition_table", l14_partition_table },
	{ "l14_table_of_l1", l14_table_of_l1 },
	{ "l14_page_of_l2", l14_page_of_l2 },
	{ "l14_page_of_a_plain_guest", l14_page_of_a_plain_guest },
	{ "l14_delivery", l14_delivery },
	{ "l14_delivery_with_immediate_exit", l14_delivery_with_immediate_exit },
	{ "l14_delivery_and_a_reset", l14_delivery_and_a_reset },
	{ "l14_delivery_and_a_killer", l14_delivery_and_a_killer },
	{ "l14_delivery_to_memory_that_is_gone",
	  l14_delivery_to_memory_that_is_gone },
	{ "l14_mmio_result", l14_mmio_result },
	{ "l14_mmio_result_with_immediate_exit",
	  l14_mmio_result_with_immediate_exit },
	{ "l14_mmio_result_is_not_left_for_later", l14_mmio_result_is_not_left_for_later },
	{ "l14_copy", l14_copy },
	{ "l14_invalidation_is_done", l14_invalidation_is_done },
	{ "l14_page_that_is_cleared", l14_page_that_is_cleared },
	{ "l14_page_that_is_copied", l14_page_that_is_copied },
	{ "l14_list_of_tces", l14_list_of_tces },
	{ "l14_vpa", l14_vpa },
	{ "l14_vpa_that_user_space_sets", l14_vpa_that_user_space_sets },
	{ "l14_signals_beside_all_else", l14_signals_beside_all_else, 100 },
};

TEST_MAIN(cases)
