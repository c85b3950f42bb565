// SPDX-License-Identifier: GPL-2.0-only
/* C6: readers of debugfs race with everything, and with the end of the VM. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/spinner.h"

#define PAGES		64ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#define READERS		3
#define BUSY_MS		4000

static struct world w;
static struct spinner s;
static volatile int reading;
static const char *const files[READERS] = { "radix", "nested", "nested_audit" };

static void *read_on(void *name)
{
	unsigned int *rounds = calloc(1, sizeof(*rounds));
	char *text;

	while (reading) {
		text = vm_read_debugfs(&w.l1.vm, name);
		if (text && strstr(text, "pgdir: c0"))
			fail("a kernel pointer is shown");
		free(text);
		(*rounds)++;
	}
	return rounds;
}

static void start_readers(pthread_t *threads)
{
	unsigned int i;

	reading = 1;
	for (i = 0; i < READERS; i++)
		CHECK(!pthread_create(&threads[i], NULL, read_on,
				      (void *)files[i]));
}

static void stop_readers(pthread_t *threads)
{
	unsigned int i, *rounds;

	reading = 0;
	for (i = 0; i < READERS; i++) {
		CHECK(!pthread_join(threads[i], (void **)&rounds));
		CHECK(*rounds > 0);
	}
}

static void c6_under_churn(void)
{
	pthread_t threads[READERS];
	unsigned int round;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	spinner_create(&s, &w, 1);
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	start_readers(threads);
	for (round = 0; round < 60; round++) {
		l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
		CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
		l1_install(&w.l1, 2, &w.tree);
		SET_STATE32(&w.v, lpid, 2);
		l2_touch_pages(&w.v, L2_DATA, 4, PAGE_BYTES);
		l1_set_entry(&w.l1, 2, 0, 0);
		CHECK_EQ(l1_inval_entry(&w.v, 2), H_SUCCESS);
		SET_STATE32(&w.v, lpid, 1);
	}
	stop_readers(threads);
	spinner_stop(&s);
	world_end(&w);
}

/* A file that is open while the VM ends, and is read afterwards. */
static void c6_while_the_vm_ends(void)
{
	char buffer[64];
	unsigned int round, i;
	int fds[READERS];

	for (round = 0; round < 5; round++) {
		world_create(&w, L1_LITTLE);
		l1_map_range(&w.tree, L2_DATA, GPA, PAGES * PAGE_BYTES,
			     SHIFT_64K, PTE_ALL);
		l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
		for (i = 0; i < READERS; i++) {
			fds[i] = vm_open_debugfs(&w.l1.vm, files[i]);
			CHECK(fds[i] >= 0);
			CHECK(read(fds[i], buffer, sizeof(buffer)) > 0);
		}
		vcpu_destroy(&w.v.vcpu);
		vm_destroy(&w.l1.vm);
		for (i = 0; i < READERS; i++) {
			while (read(fds[i], buffer, sizeof(buffer)) > 0)
				;
			close(fds[i]);
		}
	}
}

#define SLOTS		8U
#define SLOTS_MS	1500
#define SLOT_BYTES	(16ULL << 20)
#define SLOT_GPA(n)	(4 * BIT(30) + 2 * (n) * SLOT_BYTES)

/* Whoever walks all memslots has to keep to one of their two sets. */
static void c6_while_slots_come_and_go(void)
{
	void *memory = vm_map(SLOT_BYTES);
	pthread_t threads[READERS];
	unsigned int slot;
	u64 end;

	world_create(&w, L1_LITTLE);
	l1_map(&w.tree, L2_DATA, GPA, SHIFT_64K, PTE_ALL);
	l2_must_store(&w.v, L2_DATA, 1);
	start_readers(threads);
	for (end = timebase() + SLOTS_MS * TICKS_PER_MS; timebase() < end; ) {
		for (slot = 0; slot < SLOTS; slot++)
			vm_set_slot(&w.l1.vm, 10 + slot, SLOT_GPA(slot),
				    memory, SLOT_BYTES, 0);
		for (slot = 0; slot < SLOTS; slot++)
			vm_set_slot(&w.l1.vm, 10 + slot, SLOT_GPA(slot), NULL,
				    0, 0);
	}
	stop_readers(threads);
	l2_must_store(&w.v, L2_DATA, 2);
	world_end(&w);
	munmap(memory, SLOT_BYTES);
}

/* VMs come and go while others look for their files. */
static void c6_while_vms_come_and_go(void)
{
	pthread_t threads[READERS];
	unsigned int round;

	start_readers(threads);
	for (round = 0; round < 8; round++) {
		/* Other descriptors, so another directory: the last may be read. */
		while (open("/dev/null", O_RDONLY) < 20 * (int)(round + 1))
			;
		world_create(&w, L1_LITTLE);
		l1_map(&w.tree, L2_DATA, GPA, SHIFT_64K, PTE_ALL);
		l2_must_store(&w.v, L2_DATA, 1);
		world_end(&w);
	}
	stop_readers(threads);
}

/* --- limits ---------------------------------------------------------------- */

#define WRITERS	2

static const char *const limits[WRITERS] = {
	"nested_quota", "nested_max_guests",
};

/* From next to nothing to far more than is used, and the default. */
static const u64 values[WRITERS][4] = {
	{ 1, 0, BIT(30), 256 << 10 },
	{ 1, 0, 4096, 2 },
};

/* All limits, by turns; the files of a VM that has ended are gone. */
static void *write_on(void *which)
{
	unsigned int *rounds = calloc(1, sizeof(*rounds));
	uintptr_t i = (uintptr_t)which;
	int err;

	while (reading) {
		err = vm_set_limit(&w.l1.vm, limits[i],
				   values[i][*rounds % ARRAY_SIZE(values[i])]);
		if (err && err != ENOENT && err != EIO)
			fail("%s: %s", limits[i], strerror(err));
		(*rounds)++;
	}
	return rounds;
}

static void start_writers(pthread_t *threads)
{
	uintptr_t i;

	reading = 1;
	for (i = 0; i < WRITERS; i++)
		CHECK(!pthread_create(&threads[i], NULL, write_on, (void *)i));
}

static void stop_writers(pthread_t *threads)
{
	unsigned int i, *rounds;

	reading = 0;
	for (i = 0; i < WRITERS; i++) {
		CHECK(!pthread_join(threads[i], (void **)&rounds));
		CHECK(*rounds > 0);
	}
}

/* As a VMM that resets L1 again and again. */
static void *reset_on(void *unused)
{
	unsigned int round;

	(void)unused;
	for (round = 0; reading; round++)
		vcpu_set_reg(&s.v.vcpu, KVM_REG_PPC_PTCR,
			     round & 1 ? L1_PTCR : 0);
	vcpu_set_reg(&s.v.vcpu, KVM_REG_PPC_PTCR, L1_PTCR);
	return NULL;
}

/*
 * L1 uses several guests as well as it can: without a table, or with a limit of
 * one while a reader looks at that one, it is refused. On a busy machine the time
 * may be over before one of them has ended: not without it.
 */
static unsigned int use_guests(u64 end)
{
	unsigned int done = 0;
	u32 lpid;
	s64 r;

	while (timebase() < end || !done) {
		for (lpid = 1; lpid <= 5; lpid++) {
			l2_prepare(&w.v, lpid);
			l2_goto(&w.v, l2_touch);
			SET_REG(&w.v, 4, L2_DATA);
			SET_REG(&w.v, 5, 8);
			SET_REG(&w.v, 6, PAGE_BYTES);
			r = l1_run(&w.v);
			if (r != TRAP_HCALL && r != H_NOT_AVAILABLE &&
			    r != H_PARAMETER)
				fail("r3 is 0x%llx", (unsigned long long)r);
			done += r == TRAP_HCALL;
		}
	}
	return done;
}

static void c6_limits_and_resets(void)
{
	pthread_t readers[READERS], writers[WRITERS], resetter;
	unsigned int done;
	u32 lpid;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	for (lpid = 1; lpid <= 5; lpid++)
		l1_install(&w.l1, lpid, &w.tree);
	l1_add_vcpu(&w.l1, &s.v, 1);
	start_readers(readers);
	start_writers(writers);
	CHECK(!pthread_create(&resetter, NULL, reset_on, NULL));
	done = use_guests(timebase() + BUSY_MS * TICKS_PER_MS);
	stop_writers(writers);
	stop_readers(readers);
	CHECK(!pthread_join(resetter, NULL));
	note("%u guests ran to their end, %lld were refused", done,
	     (long long)vm_counter(&w.l1.vm, "refusals"));
	CHECK(done > 0);
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_quota", 0), 0);
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_max_guests", 0), 0);
	l2_must_store(&w.v, L2_DATA, 1);
	world_end(&w);
}

/* Files that are open while the VM ends, and written meanwhile and after. */
static int limit_fds[WRITERS];
static int is_over;

static void *write_to_the_end(void *which)
{
	uintptr_t i = (uintptr_t)which;
	ssize_t r;

	for (;;) {
		int over = __atomic_load_n(&is_over, __ATOMIC_SEQ_CST);

		r = write(limit_fds[i], "1", 1);
		if (r < 0 && errno != EIO && errno != ENOENT)
			fail("%s: %s", limits[i], strerror(errno));
		if (over)
			return (void *)(uintptr_t)(r < 0);
	}
}

static void end_of_a_vm_with_writers(void)
{
	pthread_t threads[WRITERS];
	void *refused;
	uintptr_t i;

	world_create(&w, L1_LITTLE);
	l1_map(&w.tree, L2_DATA, GPA, SHIFT_64K, PTE_ALL);
	l2_must_store(&w.v, L2_DATA, 1);
	__atomic_store_n(&is_over, 0, __ATOMIC_SEQ_CST);
	for (i = 0; i < WRITERS; i++) {
		limit_fds[i] = vm_open_debugfs_to_write(&w.l1.vm, limits[i]);
		CHECK(limit_fds[i] >= 0);
		CHECK(!pthread_create(&threads[i], NULL, write_to_the_end,
				      (void *)i));
	}
	sleep_ms(20);
	vcpu_destroy(&w.v.vcpu);
	vm_destroy(&w.l1.vm);
	__atomic_store_n(&is_over, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < WRITERS; i++) {
		CHECK(!pthread_join(threads[i], &refused));
		CHECK(refused);
		close(limit_fds[i]);
	}
}

static void c6_limits_while_the_vm_ends(void)
{
	unsigned int round;

	for (round = 0; round < 10; round++)
		end_of_a_vm_with_writers();
}

static const struct test_case cases[] = {
	{ "c6_under_churn", c6_under_churn },
	{ "c6_while_the_vm_ends", c6_while_the_vm_ends },
	{ "c6_while_slots_come_and_go", c6_while_slots_come_and_go },
	{ "c6_while_vms_come_and_go", c6_while_vms_come_and_go },
	{ "c6_limits_and_resets", c6_limits_and_resets },
	{ "c6_limits_while_the_vm_ends", c6_limits_while_the_vm_ends },
};

TEST_MAIN(cases)
