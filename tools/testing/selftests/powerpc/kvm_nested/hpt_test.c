// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who else is at an HPT when it goes: the work that prepares one for a resize that
 * never comes, and the dirty log of a memslot.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/group.h"
#include "lib/l1.h"

#define SMALL		18
#define LARGE		24
#define ROUNDS		16
#define AT_ONCE		8
#define MS_TO_PREPARE	20000

static void begin(struct vm *vm)
{
	struct kvm_ppc_mmuv3_cfg hash = {};
	u32 shift = SMALL;

	vm_nest_late = 1;
	vm_create(vm);
	control(vm->fd, KVM_PPC_CONFIGURE_V3_MMU, &hash,
		"KVM_PPC_CONFIGURE_V3_MMU");
	control(vm->fd, KVM_PPC_ALLOCATE_HTAB, &shift, "KVM_PPC_ALLOCATE_HTAB");
}

/* Milliseconds to wait for it; 0 if it is done. */
static int prepare(struct vm *vm, u32 shift)
{
	struct kvm_ppc_resize_hpt resize = { .shift = shift };

	return control(vm->fd, KVM_PPC_RESIZE_HPT_PREPARE, &resize,
		       "KVM_PPC_RESIZE_HPT_PREPARE");
}

static void wait_until_prepared(struct vm *vm, u32 shift)
{
	unsigned int ms;

	for (ms = 0; prepare(vm, shift); ms += 10) {
		CHECK(ms < MS_TO_PREPARE);
		sleep_ms(10);
	}
}

/* As much as the reverse entries of one HPT in sixteen is not for other things. */
static void wait_for_vmalloc(s64 most)
{
	unsigned int ms;

	for (ms = 0; host_vmalloc() > most && ms < MS_TO_PREPARE; ms += 100)
		sleep_ms(100);
	note("VmallocUsed %lld bytes, at most %lld bytes", (long long)host_vmalloc(),
	     (long long)most);
	CHECK(host_vmalloc() <= most);
}

static void l15_prepared_hpt_goes_with_its_vm(void)
{
	s64 before = host_vmalloc(), one = BIT(LARGE);
	struct vm vm;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		begin(&vm);
		wait_until_prepared(&vm, LARGE);
		vm_destroy(&vm);
	}
	wait_for_vmalloc(before + one);
}

/* On one CPU one is prepared after the other: the last have not begun. */
static void vm_may_go_before_its_hpt_is_prepared(void)
{
	s64 before = host_vmalloc(), one = BIT(LARGE);
	struct vm vm[AT_ONCE];
	int i;

	stay_on_cpu(0);
	for (i = 0; i < AT_ONCE; i++)
		begin(&vm[i]);
	for (i = 0; i < AT_ONCE; i++) {
		prepare(&vm[i], LARGE);
		/* Another one takes its place. */
		prepare(&vm[i], LARGE - 1);
	}
	for (i = AT_ONCE; i--;)
		vm_destroy(&vm[i]);
	wait_for_vmalloc(before + one);
}

/* --- the dirty log ------------------------------------------------------- */

/* As kvm_htab_write() takes them: one header, then HPTEs of two doublewords. */
#define ENTRIES		32768
#define HPTE_VALID	BIT(0)
#define HPTE_M		BIT(4)
#define HPTE_READ_ONLY	3
#define HPTE_PAGES	64ULL

static struct {
	struct kvm_get_htab_header head;
	u64 hpte[ENTRIES][2];
} chunk;

static struct vm logged;
static int go_on;
static unsigned long logs;

/* Very many HPTEs for one page: the kernel looks at each. */
static void fill(struct vm *vm)
{
	struct kvm_get_htab_fd get = { .flags = KVM_GET_HTAB_WRITE };
	int fd = control(vm->fd, KVM_PPC_GET_HTAB_FD, &get,
			 "KVM_PPC_GET_HTAB_FD");
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		chunk.hpte[i][0] = __builtin_bswap64(HPTE_VALID);
		chunk.hpte[i][1] = __builtin_bswap64(HPTE_M | HPTE_READ_ONLY);
	}
	chunk.head.n_valid = ENTRIES;
	if (write(fd, &chunk, sizeof(chunk)) != sizeof(chunk))
		fail("HTAB write: %s", strerror(errno));
	close(fd);
}

static void *log_dirty(void *unused)
{
	static u64 bitmap[HPTE_PAGES];

	(void)unused;
	while (__atomic_load_n(&go_on, __ATOMIC_ACQUIRE)) {
		vm_dirty_log(&logged, 0, bitmap);
		__atomic_add_fetch(&logs, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void allocate(struct vm *vm, u32 shift)
{
	control(vm->fd, KVM_PPC_ALLOCATE_HTAB, &shift, "KVM_PPC_ALLOCATE_HTAB");
}

/* Filled before: who fills waits for the lock that each look takes. */
static void replace_while_logged(u32 shift)
{
	pthread_t thread;

	fill(&logged);
	logs = 0;
	go_on = 1;
	CHECK(!pthread_create(&thread, NULL, log_dirty, NULL));
	/* Then the next one is on its way. */
	while (!__atomic_load_n(&logs, __ATOMIC_ACQUIRE))
		sched_yield();
	allocate(&logged, shift);
	__atomic_store_n(&go_on, 0, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

static void c3_hpt_stays_while_the_dirty_log_walks_it(void)
{
	size_t bytes = HPTE_PAGES * host_page();
	void *memory = vm_map(bytes);
	unsigned int round;

	memset(memory, 1, bytes);
	begin(&logged);
	vm_set_slot(&logged, 0, 0, memory, bytes, KVM_MEM_LOG_DIRTY_PAGES);
	allocate(&logged, LARGE);
	for (round = 0; round < 4; round++)
		replace_while_logged(LARGE - 1 + round % 2);
	vm_destroy(&logged);
}

/* --- a memslot without memory -------------------------------------------- */

#define MANY_FRAMES	BIT(23)

static u64 longest_gap;

/* On the CPU that the dirty log is on: how long was it kept from it? */
static void *watch_gaps(void *unused)
{
	u64 before = timebase(), now;

	(void)unused;
	while (__atomic_load_n(&go_on, __ATOMIC_ACQUIRE)) {
		sleep_ms(1);
		now = timebase();
		if (now - before > longest_gap)
			longest_gap = now - before;
		before = now;
	}
	return NULL;
}

static void *slot_memory;

/* A VM with one memslot, and the watch is on. */
static pthread_t begin_watched(void *memory, u64 bytes, u32 flags)
{
	pthread_t thread;

	stay_on_cpu(0);
	begin(&logged);
	vm_set_slot(&logged, 0, 0, memory, bytes, flags);
	slot_memory = memory;
	go_on = 1;
	CHECK(!pthread_create(&thread, NULL, watch_gaps, NULL));
	return thread;
}

/* As many frames, without memory. */
static pthread_t begin_large(u64 frames, u32 flags)
{
	u64 bytes = frames * host_page();
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(memory != MAP_FAILED);
	return begin_watched(memory, bytes, flags);
}

/* Memory for fill(), and an HPT that holds as many HPTEs. */
static pthread_t begin_for_fill(void)
{
	size_t bytes = HPTE_PAGES * host_page();
	void *memory = vm_map(bytes);
	pthread_t thread;

	memset(memory, 1, bytes);
	thread = begin_watched(memory, bytes, 0);
	allocate(&logged, LARGE);
	return thread;
}

static u64 begin_watch(void)
{
	sleep_ms(20);
	longest_gap = 0;
	return timebase();
}

static void end_large(pthread_t thread, u64 began)
{
	u64 took = timebase() - began;

	__atomic_store_n(&go_on, 0, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	note("took %llu ms, longest gap %llu ms",
	     (unsigned long long)(took / TICKS_PER_MS),
	     (unsigned long long)(longest_gap / TICKS_PER_MS));
	CHECK(longest_gap < took / 2);
	vm_destroy(&logged);
}

static void l5_dirty_log_of_an_hpt_reschedules(void)
{
	void *bitmap = vm_map(MANY_FRAMES / 8);
	pthread_t thread;
	u64 began;

	memset(bitmap, 0, MANY_FRAMES / 8);
	thread = begin_large(MANY_FRAMES, KVM_MEM_LOG_DIRTY_PAGES);
	began = begin_watch();
	vm_dirty_log(&logged, 0, bitmap);
	end_large(thread, began);
}

/* Nothing is there to be taken away. */
static void l5_notifier_of_an_hpt_reschedules(void)
{
	pthread_t thread = begin_large(MANY_FRAMES, 0);
	u64 began;

	allocate(&logged, SMALL);
	began = begin_watch();
	CHECK(!madvise(slot_memory, MANY_FRAMES * host_page(), MADV_DONTNEED));
	end_large(thread, began);
}

/* One page is, in very many HPTEs. */
static void l5_notifier_of_many_hptes_reschedules(void)
{
	pthread_t thread = begin_for_fill();
	u64 began;

	fill(&logged);
	began = begin_watch();
	CHECK(!madvise(slot_memory, host_page(), MADV_DONTNEED));
	end_large(thread, began);
}

/* With the lock of the notifier held, too. */
static void l5_reset_of_an_hpt_reschedules(void)
{
	pthread_t thread = begin_large(4 * MANY_FRAMES, 0);
	u64 began;

	allocate(&logged, SMALL);
	began = begin_watch();
	allocate(&logged, SMALL);
	end_large(thread, began);
}

/* --- who else does not let others run ------------------------------------ */

/* One page in very many HPTEs, and its memslot goes. */
static void l5_flush_of_many_hptes_reschedules(void)
{
	pthread_t thread = begin_for_fill();
	u64 began;

	fill(&logged);
	began = begin_watch();
	vm_set_slot(&logged, 0, 0, slot_memory, 0, 0);
	end_large(thread, began);
}

#define HPTE_1TB	BIT(62)
#define HPTE_VRMA	(HPTE_1TB | 0x1ffffffULL << 24)
#define HPTE_LARGE	BIT(2)
#define HPTE_BOLTED	BIT(4)
#define NO_MEMORY	BIT(40)

/* One HPTE; the one for VRMA makes the VM ready to be resized. */
static void write_hpte(struct vm *vm, u32 index, u64 v, u64 r)
{
	struct kvm_get_htab_fd get = { .flags = KVM_GET_HTAB_WRITE };
	int fd = control(vm->fd, KVM_PPC_GET_HTAB_FD, &get,
			 "KVM_PPC_GET_HTAB_FD");
	struct {
		struct kvm_get_htab_header head;
		u64 hpte[2];
	} one = {
		.head = { .index = index, .n_valid = 1 },
		.hpte = { __builtin_bswap64(v), __builtin_bswap64(r) },
	};

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		fail("HTAB write of HPTE %u: %s", index, strerror(errno));
	close(fd);
}

static int commit(struct vm *vm, u32 shift)
{
	struct kvm_ppc_resize_hpt resize = { .shift = shift };

	return ioctl(vm->fd, KVM_PPC_RESIZE_HPT_COMMIT, &resize) ? errno : 0;
}

/*
 * Nobody says that an HPTE stands where its address leads: a guest may have two of
 * one address in two groups, and both belong into one place of the next HPT.
 */
static void l10_hptes_that_collide_in_a_larger_hpt(void)
{
	const u64 v = HPTE_VRMA | HPTE_LARGE | HPTE_BOLTED | HPTE_VALID;
	struct vm vm;
	u32 shift;

	for (shift = SMALL; shift <= SMALL + 1; shift++) {
		begin(&vm);
		write_hpte(&vm, 0, v, HPTE_M);
		write_hpte(&vm, 8, v, HPTE_M);
		wait_until_prepared(&vm, shift);
		CHECK_EQ(commit(&vm, shift), ENOSPC);
		vm_destroy(&vm);
	}
}

/* HPTEs are looked at one by one, and there is only one. */
#define LARGER			(LARGE + 2)

static void l5_resize_of_an_hpt_reschedules(void)
{
	pthread_t thread = begin_large(1, 0);
	u64 began;

	allocate(&logged, LARGER);
	write_hpte(&logged, 0, HPTE_VRMA | HPTE_LARGE | HPTE_VALID,
		   HPTE_M | NO_MEMORY);
	wait_until_prepared(&logged, LARGER);
	began = begin_watch();
	CHECK_EQ(commit(&logged, LARGER), 0);
	end_large(thread, began);
}

#define HTAB_BYTES	65536

static void l5_read_of_an_hpt_reschedules(void)
{
	pthread_t thread = begin_large(1, 0);
	struct kvm_get_htab_fd get = {};
	char *buf = vm_map(HTAB_BYTES);
	u64 began;
	int fd;

	allocate(&logged, LARGE);
	fd = control(logged.fd, KVM_PPC_GET_HTAB_FD, &get,
		     "KVM_PPC_GET_HTAB_FD");
	began = begin_watch();
	/* All of it once, as it is; then what has changed, which is nothing. */
	CHECK(read(fd, buf, HTAB_BYTES) > 0);
	CHECK_EQ(read(fd, buf, HTAB_BYTES), 0);
	close(fd);
	end_large(thread, began);
}

static void l5_write_of_an_hpt_reschedules(void)
{
	pthread_t thread = begin_for_fill();
	u64 began = begin_watch();

	fill(&logged);
	end_large(thread, began);
}

/* --- HPTEs are made while their memslot goes ------------------------------ */

#define RACE_MS		20000

static void *fill_again(void *unused)
{
	(void)unused;
	stay_on_cpu(1);
	while (__atomic_load_n(&go_on, __ATOMIC_ACQUIRE)) {
		fill(&logged);
		__atomic_add_fetch(&logs, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void i4_memslot_goes_while_hptes_are_written(void)
{
	size_t bytes = HPTE_PAGES * host_page();
	void *memory = vm_map(bytes);
	u64 end = timebase() + RACE_MS * TICKS_PER_MS;
	unsigned long slots = 0;
	pthread_t thread;

	memset(memory, 1, bytes);
	stay_on_cpu(0);
	begin(&logged);
	allocate(&logged, LARGE);
	go_on = 1;
	CHECK(!pthread_create(&thread, NULL, fill_again, NULL));
	while (timebase() < end) {
		vm_set_slot(&logged, 0, 0, memory, bytes, 0);
		vm_set_slot(&logged, 0, 0, memory, 0, 0);
		slots++;
	}
	__atomic_store_n(&go_on, 0, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	note("%lu memslots, %lu times filled", slots, logs);
	vm_destroy(&logged);
}

static const struct test_case cases[] = {
	{ "l15_prepared_hpt_goes_with_its_vm",
	  l15_prepared_hpt_goes_with_its_vm, 120 },
	{ "vm_may_go_before_its_hpt_is_prepared",
	  vm_may_go_before_its_hpt_is_prepared, 120 },
	{ "c3_hpt_stays_while_the_dirty_log_walks_it",
	  c3_hpt_stays_while_the_dirty_log_walks_it, 120 },
	{ "l5_dirty_log_of_an_hpt_reschedules",
	  l5_dirty_log_of_an_hpt_reschedules, 120 },
	{ "l5_notifier_of_an_hpt_reschedules",
	  l5_notifier_of_an_hpt_reschedules, 120 },
	{ "l5_notifier_of_many_hptes_reschedules",
	  l5_notifier_of_many_hptes_reschedules, 120 },
	{ "l5_reset_of_an_hpt_reschedules", l5_reset_of_an_hpt_reschedules, 120 },
	{ "l5_flush_of_many_hptes_reschedules",
	  l5_flush_of_many_hptes_reschedules, 120 },
	{ "l5_resize_of_an_hpt_reschedules", l5_resize_of_an_hpt_reschedules, 120 },
	{ "l5_read_of_an_hpt_reschedules", l5_read_of_an_hpt_reschedules, 120 },
	{ "l5_write_of_an_hpt_reschedules", l5_write_of_an_hpt_reschedules, 120 },
	{ "i4_memslot_goes_while_hptes_are_written",
	  i4_memslot_goes_while_hptes_are_written, 120 },
	{ "l10_hptes_that_collide_in_a_larger_hpt",
	  l10_hptes_that_collide_in_a_larger_hpt, 60 },
};

TEST_MAIN(cases)
