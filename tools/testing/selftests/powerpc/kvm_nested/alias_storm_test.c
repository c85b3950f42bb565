// SPDX-License-Identifier: GPL-2.0-only
/*
 * L4, L13 under load: 65,536 shadow leaves over one frame that is aligned to 2M
 * and to 1G, one vCPU of L2 that makes them again and another that uses the
 * frames beside it. Meanwhile the host takes these frames away in each way that
 * it has. Each call has an end in bounded time.
 *
 * ALIAS_STORM_SECONDS says for how long.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/group.h"
#include "lib/param.h"
#include "lib/spinner.h"
#include "lib/watch.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define SLOT		6
#define FRAME		0x80000000ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define BYTES		(64ULL << 20)
#define PAGES		(BYTES / PAGE_BYTES)

/* What the second vCPU stores to; some beyond have one content for KSM. */
#define BUSY_PAGES	(PAGES / 2)
#define CALM		(FRAME + BUSY_PAGES * PAGE_BYTES)
#define CALM_PAGES	32ULL

/* L2's names: of 4K, which are the most for the least memory of L1. */
#define ALIAS		(16ULL << SHIFT_1G)
#define ALIASES		65536ULL
#define VIEW		L2_DATA

#define QUOTA		(64ULL << 20)
#define DEFAULT_TIME	20
#define SECONDS_BEYOND	60

/*
 * Coarse: an emulator on a busy machine has no time, and ksmd has less than the
 * vCPUs leave it.
 */
#define CALL		10
#define SCANS		40
#define ONE_SECOND	(1000 * TICKS_PER_MS)

#define KSM(file)	"/sys/kernel/mm/ksm/" file

static struct world w;
static struct spinner aliases, neighbours;
static char *memory;

static char *at(u64 gpa)
{
	return memory + (gpa - FRAME);
}

static u64 view(u64 gpa)
{
	return VIEW + (gpa - FRAME);
}

/* --- what the host does ----------------------------------------------------- */

static void give_one_back(unsigned int round)
{
	u64 n = 1 + round % (BUSY_PAGES - 1);

	CHECK(!madvise(at(FRAME + n * PAGE_BYTES), PAGE_BYTES, MADV_DONTNEED));
}

static void give_all_back(unsigned int round)
{
	(void)round;
	CHECK(!madvise(at(FRAME + PAGE_BYTES), (BUSY_PAGES - 1) * PAGE_BYTES,
		       MADV_DONTNEED));
}

/* Whole 2M: to split a mapping within, the host takes all of them. */
static void forbid_and_allow(unsigned int round)
{
	char *first = at(FRAME + (1 + round % 8) * BIT(SHIFT_2M));

	CHECK(!mprotect(first, 2 * BIT(SHIFT_2M), PROT_READ));
	CHECK(!mprotect(first, 2 * BIT(SHIFT_2M), PROT_READ | PROT_WRITE));
}

static void swap_out(unsigned int round)
{
	u64 first = 1 + round * 37 % (BUSY_PAGES - 128);

	madvise(at(FRAME + first * PAGE_BYTES), 128 * PAGE_BYTES, MADV_PAGEOUT);
}

static u64 number_in(const char *path)
{
	unsigned long long value = 0;
	FILE *file = fopen(path, "r");

	if (!file || fscanf(file, "%llu", &value) != 1)
		fail("no number in %s", path);
	fclose(file);
	return value;
}

/* Two whole scans; what is equal is one page then. */
static void merge(unsigned int round)
{
	u64 scans = number_in(KSM("full_scans"));

	(void)round;
	memset(at(CALM), 0x77, CALM_PAGES * PAGE_BYTES);
	l2_goto(&w.v, l2_look);
	SET_REG(&w.v, 4, view(CALM));
	SET_REG(&w.v, 5, CALM_PAGES);
	SET_REG(&w.v, 6, PAGE_BYTES);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	file_write(KSM("run"), "1");
	while (number_in(KSM("full_scans")) < scans + 2)
		sleep_ms(5);
}

static void unmerge(unsigned int round)
{
	(void)round;
	file_write(KSM("run"), "2");
}

static void compact(unsigned int round)
{
	(void)round;
	file_write("/proc/sys/vm/compact_memory", "1");
}

static struct way {
	const char *name;
	void (*run)(unsigned int round);
	unsigned int seconds;
	u64 worst;
	unsigned int calls;
} ways[] = {
	{ "madvise of one page", give_one_back, CALL },
	{ "madvise of all pages", give_all_back, CALL },
	{ "mprotect and back", forbid_and_allow, CALL },
	{ "swap", swap_out, CALL },
	{ "KSM, two scans", merge, SCANS },
	{ "KSM, back", unmerge, CALL },
	{ "compaction", compact, CALL },
};

static void report(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways); i++)
		note("%-20s %5u times, at most %7llu us", ways[i].name,
		     ways[i].calls, (unsigned long long)(ways[i].worst / 512));
	note("%u shadow leaves at the end", l1_shadow_leaves(&w.l1, 1));
}

/* --- a watch, for who does not come back cannot say so ------------------------ */

static struct way *volatile current;
static volatile u64 begun;

static void *watch(void *argument)
{
	(void)argument;
	for (;; sleep_ms(100)) {
		struct way *way = current;
		/* The next way may begin after the time is read: below zero. */
		s64 ticks = timebase() - begun;

		if (!way || ticks <= (s64)(way->seconds * ONE_SECOND))
			continue;
		report();
		watch_say_where(getpid(), "# ");
		watch_ask_kernel();
		fail("%s: has not come back in %u s", way->name, way->seconds);
	}
	return NULL;
}

static void do_one(struct way *way, unsigned int round)
{
	u64 ticks;

	begun = timebase();
	current = way;
	way->run(round);
	current = NULL;
	ticks = timebase() - begun;
	way->calls++;
	if (ticks > way->worst)
		way->worst = ticks;
}

/* --- the storm ---------------------------------------------------------------- */

static unsigned int seconds(void)
{
	const char *text = getenv("ALIAS_STORM_SECONDS");

	return text ? atoi(text) : DEFAULT_TIME;
}

static void begin(void)
{
	pthread_t watcher;
	u64 n;

	swap_off();
	swap_on(48 << 20);
	file_write(KSM("pages_to_scan"), "4000");
	file_write(KSM("sleep_millisecs"), "1");
	world_create(&w, L1_LITTLE);
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_quota", QUOTA), 0);
	memory = vm_map(BYTES);
	CHECK(!madvise(at(CALM), CALM_PAGES * PAGE_BYTES, MADV_MERGEABLE));
	vm_set_slot(&w.l1.vm, SLOT, FRAME, memory, BYTES, 0);
	l1_map_range(&w.tree, VIEW, FRAME, BYTES, SHIFT_64K, PTE_ALL);
	for (n = 0; n < ALIASES; n++)
		l1_map(&w.tree, ALIAS + (n << SHIFT_4K), FRAME, SHIFT_4K,
		       PTE_ALL);
	spinner_create(&aliases, &w, 1);
	spinner_create(&neighbours, &w, 2);
	/* See forbid_and_allow(). */
	aliases.v.cured = 1;
	neighbours.v.cured = 1;
	l2_touch_pages(&w.v, ALIAS, ALIASES, BIT(SHIFT_4K));
	CHECK(l1_shadow_leaves(&w.l1, 1) >= ALIASES);
	CHECK(!pthread_create(&watcher, NULL, watch, NULL));
}

static void l13_alias_storm(void)
{
	u64 started = timebase(), end;
	unsigned int round = 0;

	begin();
	note("all aliases are there after %llu ms",
	     (unsigned long long)((timebase() - started) / TICKS_PER_MS));
	end = timebase() + seconds() * 1000 * TICKS_PER_MS;
	spinner_store(&aliases, ALIAS, ALIASES, BIT(SHIFT_4K));
	spinner_store(&neighbours, view(FRAME + PAGE_BYTES), BUSY_PAGES - 1,
		      PAGE_BYTES);
	wait_until_set((u64 *)at(CALM - PAGE_BYTES));
	do {
		do_one(&ways[round % ARRAY_SIZE(ways)], round);
		round++;
	} while (timebase() < end || round < ARRAY_SIZE(ways));
	file_write(KSM("run"), "2");
	report();
	vm_check_audit(&w.l1.vm);
	__atomic_store_n((u64 *)((char *)l1_memory(&w.l1, L1_DATA) + SPIN_STOP),
			 ~0ULL, __ATOMIC_SEQ_CST);
	spinner_wait_for(&aliases, 20);
	spinner_wait_for(&neighbours, 20);
	world_end(&w);
	swap_off();
}

static struct test_case cases[] = {
	{ "l13_alias_storm", l13_alias_storm },
};

int main(void)
{
	cases[0].seconds = seconds() + SECONDS_BEYOND;
	return run_cases(cases, ARRAY_SIZE(cases));
}
