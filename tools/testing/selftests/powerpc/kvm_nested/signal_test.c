// SPDX-License-Identifier: GPL-2.0-only
/*
 * L6, L7: what L1 asks for ends early when its vCPU has a signal; what waits
 * for user space ends with its process.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/held.h"
#include "lib/l1.h"

#define GPA		(L1_DATA + 0x200000)
#define HELD_GPA	(L1_DATA + 0x400000)
#define HELD_BYTES	0x100000

/* Half of the entries of a root: more than one hold of the lock, and no limit. */
#define LONG_RANGE	BIT(51)
#define SECONDS		25
#define ENOUGH		3

static struct world w;

static void begin(void)
{
	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, BIT(SHIFT_2M), SHIFT_64K, PTE_ALL);
	l2_must_store(&w.v, L2_DATA, 1);
}

static void invalidate_long_range(void)
{
	CHECK_EQ(l1_rpt(&w.v, 1, RPTI_TYPE_TLB, RPTI_PAGE_4K, 0x1000,
			LONG_RANGE), H_SUCCESS);
}

static s64 guest_invals(void)
{
	return vm_counter(&w.l1.vm, "guest_invals");
}

/* --- L6 ------------------------------------------------------------------ */

static volatile int annoying;

static void *annoy(void *thread)
{
	const struct timespec pause = { .tv_nsec = 200000 };

	while (annoying) {
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* Without one, a range of that size is done as a range. */
static void long_range_without_a_signal(void)
{
	unsigned int round;
	s64 before;

	begin();
	before = guest_invals();
	for (round = 0; round < 200; round++)
		invalidate_long_range();
	CHECK_EQ(guest_invals(), before);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), 0);
	l2_must_store(&w.v, L2_DATA, 2);
	world_end(&w);
}

/* With one, the whole guest goes, which takes no time. */
static void l6_range_notices_a_signal(void)
{
	pthread_t me = pthread_self(), thread;
	unsigned int rounds = 0;
	s64 before;
	u64 end;

	begin();
	before = guest_invals();
	end = timebase() + SECONDS * 1000 * TICKS_PER_MS;
	annoying = 1;
	CHECK(!pthread_create(&thread, NULL, annoy, &me));
	while (guest_invals() < before + ENOUGH && timebase() < end) {
		invalidate_long_range();
		rounds++;
	}
	annoying = 0;
	pthread_join(thread, NULL);
	note("%lld of %u calls noticed", (long long)(guest_invals() - before),
	     rounds);
	CHECK(guest_invals() >= before + ENOUGH);
	CHECK_EQ(l1_shadow_leaves(&w.l1, 1), 0);
	l2_must_store(&w.v, L2_DATA, 2);
	world_end(&w);
}

/* --- L7, L8: killed ------------------------------------------------------- */

static int told[2];

/* Say that somebody waits, and let it wait for ever. */
static void *tell(void *fd)
{
	held_fault(*(int *)fd);
	CHECK_EQ(write(told[1], "", 1), 1);
	for (;;)
		pause();
}

static void hold(void *memory, size_t bytes)
{
	static pthread_t thread;
	static int fd;

	fd = held_watch(memory, bytes);
	CHECK(!pthread_create(&thread, NULL, tell, &fd));
}

static void copy_from_held(void)
{
	hold(l1_memory(&w.l1, HELD_GPA), HELD_BYTES);
	L1_HCALL(&w.v, H_COPY_TOFROM_GUEST, 1, 0, L2_DATA, 0, HELD_GPA,
		 HELD_BYTES);
}

static void enter_with_held_state(void)
{
	hold(l1_memory(&w.l1, HELD_GPA), HELD_BYTES);
	L1_HCALL(&w.v, H_ENTER_NESTED, HELD_GPA, w.v.regs_gpa);
}

/* L2's page is there, L1's table for it is not. */
static void walk_held_table(void)
{
	u64 table = L1_LOW_BYTES - 0x10000;

	w.l1.pool = table;
	l1_map(&w.tree, L2_DATA + 0x200000, GPA, SHIFT_64K, PTE_ALL);
	CHECK(!madvise(l1_memory(&w.l1, table), 0x10000, MADV_DONTNEED));
	hold(l1_memory(&w.l1, table), 0x10000);
	l2_do_load(&w.v, L2_DATA + 0x200000, NULL);
}

static void read_held_entry(void)
{
	CHECK(!madvise(l1_memory(&w.l1, L1_TABLE), 0x10000, MADV_DONTNEED));
	hold(l1_memory(&w.l1, L1_TABLE), 0x10000);
	l1_inval_entry(&w.v, 1);
}

static int is_gone(pid_t child)
{
	unsigned int ms;

	for (ms = 0; ms < 5000; ms += 5) {
		if (waitpid(child, NULL, WNOHANG) == child)
			return 1;
		sleep_ms(5);
	}
	return 0;
}

/* The VM is of a process of its own, as that is what is killed. */
static void killed_in(void (*body)(void))
{
	pid_t child;
	char byte;

	CHECK(!pipe(told));
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		alarm(30);
		begin();
		body();
		fail("nobody waited");
	}
	close(told[1]);
	CHECK_EQ(read(told[0], &byte, 1), 1);
	sleep_ms(50);
	CHECK(!kill(child, SIGKILL));
	CHECK(is_gone(child));
}

static void l7_killed_in_a_copy(void)
{
	killed_in(copy_from_held);
}

static void l8_killed_in_an_entry(void)
{
	killed_in(enter_with_held_state);
}

static void l8_killed_in_a_walk(void)
{
	killed_in(walk_held_table);
}

static void l8_killed_in_an_invalidation(void)
{
	killed_in(read_held_entry);
}

static const struct test_case cases[] = {
	{ "long_range_without_a_signal", long_range_without_a_signal },
	{ "l6_range_notices_a_signal", l6_range_notices_a_signal, 60 },
	{ "l7_killed_in_a_copy", l7_killed_in_a_copy },
	{ "l8_killed_in_an_entry", l8_killed_in_an_entry },
	{ "l8_killed_in_a_walk", l8_killed_in_a_walk },
	{ "l8_killed_in_an_invalidation", l8_killed_in_an_invalidation },
};

TEST_MAIN(cases)
