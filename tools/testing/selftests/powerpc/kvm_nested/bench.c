// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench - what a nested guest costs L0
 *
 *	bench LEVEL NAME ...
 *
 * The L1 is ours and has no operating system, so only the work of L0 is
 * counted: in ticks of the time base, which on an emulator that counts
 * instructions counts them, too. Prints one line for each result:
 *
 *	@lab LEVEL count RESULT=NUMBER
 *
 * Each NAME is measured in a process of its own. How is described in
 * Documentation/virt/kvm/ppc-nested-mmu.rst, "Measurements".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/l1.h"
#include "lib/param.h"

#define ROUNDS		64ULL
#define FAR_AT		(16ULL << SHIFT_1G)	/* ngpa, above all else */
#define LINE_PAGES	16ULL		/* L1's entries in 128 bytes */
#define MANY		131072ULL
#define TICKS_PER_US	512ULL
#define MS_TO_DRAIN	300
#define TABLE_BYTES	(64ULL << 20)	/* of shadow tables, for MANY leaves */

static const char *level;
static unsigned int shift;		/* of a page, L0's and L1's */
static unsigned int ap;
static u64 page;

static void record(const char *name, u64 n, u64 total, u64 rounds)
{
	printf("@lab %s count %s", level, name);
	if (n)
		printf("_%llu", (unsigned long long)n);
	printf("=%llu\n", (unsigned long long)((total + rounds / 2) / rounds));
	fflush(stdout);
}

/* --- worlds --------------------------------------------------------------- */

/*
 * L1 itself loads from or stores to all of its data: L0 has own leaves for it.
 * The vCPU is for this alone; its number cannot be used again.
 */
static void use_data(struct l1 *l1, const char *snippet)
{
	struct l1_vcpu v;

	l1_add_vcpu(l1, &v, L1_VCPUS - 1);
	l1_do(&v, snippet, L1_DATA, l1->data_bytes / page, page);
	vcpu_destroy(&v.vcpu);
	l1->vcpus[L1_VCPUS - 1] = NULL;
}

/* One L2 with @pages of L1's data, mapped from L2_DATA on; none used yet. */
static void begin(struct world *w, u64 pages, const char *snippet)
{
	world_create_sized(w, L1_LITTLE, pages * page);
	use_data(&w->l1, snippet);
	l1_map_range(&w->tree, L2_DATA, L1_DATA, pages * page, shift, PTE_ALL);
}

/* L2 loads from @n pages. */
static u64 look(struct l1_vcpu *v, u64 ngpa, u64 n)
{
	l2_goto(v, l2_look);
	SET_REG(v, 4, ngpa);
	SET_REG(v, 5, n);
	SET_REG(v, 6, page);
	if (l1_run(v) != TRAP_HCALL)
		fail("L2 did not finish its loads");
	return REG(v, 8);
}

/* --- one page at a time --------------------------------------------------- */

static void round_trip(void)
{
	static struct world w;
	u64 ticks = 0, n;

	begin(&w, ROUNDS, l2_touch);
	for (n = 0; n <= ROUNDS; n++) {
		l2_goto(&w.v, l2_hcall);
		if (l1_enter(&w.v) != TRAP_HCALL)
			fail("L2 did not make its hypercall");
		ticks += n ? w.v.ticks : 0;
	}
	record("bare_round_trip", 0, ticks, ROUNDS);
	world_end(&w);
}

/* Stores where the tables are there; loads; stores where a leaf is read-only. */
static void faults(void)
{
	static struct world w;
	u64 at = L2_DATA + 16 * page, n;

	begin(&w, 16 + ROUNDS, l2_touch);
	l2_touch_pages(&w.v, L2_DATA, 1, page);
	record("bare_store", 0, l2_touch_pages(&w.v, at, ROUNDS, page), ROUNDS);
	l1_inval_lpid(&w.v, 1);
	for (n = 0; n < ROUNDS; n++)
		l1_map(&w.tree, at + n * page, L1_DATA + (16 + n) * page, shift,
		       PTE_REF | PTE_READ);
	l2_touch_pages(&w.v, L2_DATA, 1, page);
	record("bare_load", 0, look(&w.v, at, ROUNDS), ROUNDS);
	l1_map_range(&w.tree, L2_DATA, L1_DATA, (16 + ROUNDS) * page, shift,
		     PTE_ALL);
	/* The first one makes an unmodified kernel print a warning, once. */
	l2_touch_pages(&w.v, at, LINE_PAGES, page);
	record("bare_upgrade", 0,
	       l2_touch_pages(&w.v, at + LINE_PAGES * page, ROUNDS - LINE_PAGES, page),
	       ROUNDS - LINE_PAGES);
	world_end(&w);
}

/* --- invalidation by L1 --------------------------------------------------- */

static void inval(void)
{
	static struct world w;
	u64 ticks = 0, n;

	begin(&w, 512, l2_touch);
	l2_touch_pages(&w.v, L2_DATA, 512, page);
	for (n = 0; n <= ROUNDS; n++) {
		l1_inval_page(&w.v, 1, L2_DATA + n * page, ap);
		ticks += n ? w.v.ticks : 0;
	}
	record("inval_page", 0, ticks, ROUNDS);
	for (ticks = 0, n = 0; n < 4; n++) {
		l2_touch_pages(&w.v, L2_DATA, 512, page);
		l1_rpt(&w.v, 1, RPTI_TYPE_TLB,
		       shift == SHIFT_4K ? RPTI_PAGE_4K : RPTI_PAGE_64K,
		       L2_DATA, L2_DATA + 32 * page);
		ticks += w.v.ticks;
	}
	record("inval_range", 32, ticks, 4);
	for (ticks = 0, n = 0; n < 4; n++) {
		l2_touch_pages(&w.v, L2_DATA, 512, page);
		l1_inval_lpid(&w.v, 1);
		ticks += w.v.ticks;
	}
	record("inval_guest", 512, ticks, 4);
	world_end(&w);
}

static void refault_pages(struct world *w, u64 n)
{
	u64 rounds = n < ROUNDS ? ROUNDS / n : 1, ticks = 0, round;

	for (round = 0; round < rounds; round++) {
		l2_touch_pages(&w->v, L2_DATA, n, page);
		CHECK_EQ(l1_inval_lpid(&w->v, 1), H_SUCCESS);
		ticks += l2_touch_pages(&w->v, L2_DATA, n, page);
	}
	record("refault", n, ticks, n * rounds);
}

static void refault(void)
{
	static struct world w;

	begin(&w, 4096, l2_touch);
	refault_pages(&w, 1);
	refault_pages(&w, 16);
	refault_pages(&w, 256);
	refault_pages(&w, 4096);
	world_end(&w);
}

/* --- many aliases --------------------------------------------------------- */

#define STORES		8ULL

/*
 * A page for one more alias: in a region of its own, whose tables L2 has made by
 * using another page, and in another line of L1's entries than that.
 */
static u64 lone_alias(u64 n)
{
	return 2 * FAR_AT + (n << SHIFT_2M) + LINE_PAGES * page;
}

static u64 store_aliases(struct world *w)
{
	u64 ticks = 0, i;

	for (i = 0; i < STORES; i++) {
		u64 at = lone_alias(i);

		l1_map(&w->tree, at, L1_DATA, shift, PTE_ALL);
		l1_map(&w->tree, at - LINE_PAGES * page, L1_DATA + page, shift,
		       PTE_ALL);
		l2_touch_pages(&w->v, at - LINE_PAGES * page, 1, page);
		ticks += l2_touch_pages(&w->v, at, 1, page);
		CHECK_EQ(l1_inval_page(&w->v, 1, at, ap), H_SUCCESS);
	}
	return ticks;
}

/* @n pages of L2 that are one page of L1; L2 stores to one more, L0 takes it. */
static void alias_pages(u64 n)
{
	static struct world w;
	u64 begun, i;

	world_create_sized(&w, L1_LITTLE, 32 * page);
	use_data(&w.l1, l2_touch);
	for (i = 0; i < n; i++)
		l1_map(&w.tree, FAR_AT + i * page, L1_DATA, shift, PTE_ALL);
	l2_touch_pages(&w.v, FAR_AT, n, page);
	record("alias_store", n, store_aliases(&w), STORES);
	begun = timebase();
	CHECK(!madvise(l1_memory(&w.l1, L1_DATA), page, MADV_DONTNEED));
	record("alias_unmap", n, timebase() - begun, 1);
	CHECK_EQ(l2_must_load(&w.v, FAR_AT + (n - 1) * page), 0);
	world_end(&w);
}

static void alias(void)
{
	alias_pages(1);
	alias_pages(16);
	alias_pages(256);
	alias_pages(4096);
	alias_pages(65536);
}

/* --- many leaves ---------------------------------------------------------- */

/*
 * Pages that L1 never wrote are all the zero page of L0, so that many of them
 * take no memory. The quota of shadow tables must not matter here.
 */
static void begin_many(struct world *w)
{
	world_create_sized(w, L1_LITTLE, MANY * page);
	if (vm_has_audit(&w->l1.vm))
		param_set("nested_quota", TABLE_BYTES);
	use_data(&w->l1, l2_look);
	l1_map_range(&w->tree, L2_DATA, L1_DATA, MANY * page, shift,
		     PTE_REF | PTE_READ);
	look(&w->v, L2_DATA, 1);
}

static void end_many(struct world *w)
{
	world_end(w);
	if (!getenv("KVM_NESTED_NO_AUDIT"))
		param_set("nested_quota", 0);
}

/* Bytes of the objects in all slab caches. */
static u64 slab_bytes(void)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	unsigned long long active, all, size;
	char line[512];
	u64 bytes = 0;

	if (!file)
		fail("no /proc/slabinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %llu %llu %llu", &active, &all, &size) == 3)
			bytes += active * size;
	fclose(file);
	return bytes;
}

static void footprint(void)
{
	static struct world w;
	u64 before;

	begin_many(&w);
	before = slab_bytes();
	look(&w.v, L2_DATA, MANY);
	record("footprint", 0, (slab_bytes() - before) * 100, MANY);
	end_many(&w);
}

/*
 * The longest time for which any mmu_lock was held since the last time, as the
 * kernel's own lock statistics have it: microseconds with two decimals.
 */
static u64 longest_hold(void)
{
	FILE *file = fopen("/proc/lock_stat", "r");
	unsigned long long us, cents;
	char line[512], *numbers;
	u64 ticks = 0;

	if (!file)
		fail("no /proc/lock_stat");
	while (fgets(line, sizeof(line), file)) {
		numbers = strstr(line, "mmu_lock:");
		if (numbers && sscanf(numbers, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu.%llu",
				      &us, &cents) == 2)
			ticks = (us * 100 + cents) * TICKS_PER_US / 100;
	}
	fclose(file);
	file_write("/proc/lock_stat", "0");
	return ticks;
}

/*
 * Every size flushes MANY leaves in all, so that as many timer interrupts fall
 * into the holds of one as into those of another.
 */
static void hold_leaves(struct world *w, u64 n)
{
	u64 worst = 0, ticks, round;

	for (round = 0; round < MANY / n; round++) {
		look(&w->v, L2_DATA, n);
		longest_hold();
		CHECK_EQ(l1_inval_lpid(&w->v, 1), H_SUCCESS);
		sleep_ms(MS_TO_DRAIN);
		ticks = longest_hold();
		worst = ticks > worst ? ticks : worst;
	}
	record("hold", n, worst, 1);
}

static void hold(void)
{
	static struct world w;

	begin_many(&w);
	hold_leaves(&w, 1024);
	hold_leaves(&w, 16384);
	hold_leaves(&w, MANY);
	end_many(&w);
}

/* --- two vCPUs ------------------------------------------------------------ */

#define PAIR_PAGES	1024ULL
#define PAIR_STRIDE	(LINE_PAGES * page)
#define PAIR_ROUNDS	15

/* Each page has a line of L1's entries for itself: no fault serves two pages. */
static void fault_all(struct l1_vcpu *v)
{
	u64 at = FAR_AT + v->vcpu.id * PAIR_PAGES * PAIR_STRIDE;

	l2_touch_pages(v, at, PAIR_PAGES, PAIR_STRIDE);
}

/* In and out of L2 as often, without a fault: what the emulator itself allows. */
static void trip_all(struct l1_vcpu *v)
{
	u64 n;

	for (n = 0; n < PAIR_PAGES; n++) {
		l2_goto(v, l2_hcall);
		l1_run(v);
	}
}

static u64 together(struct world *w, struct l1_vcpu *other, void (*body)(struct l1_vcpu *v))
{
	u64 begun;

	CHECK_EQ(l1_inval_lpid(&w->v, 1), H_SUCCESS);
	begun = timebase();
	if (other)
		l1_go(other, body);
	body(&w->v);
	if (other)
		l1_join(other);
	return timebase() - begun;
}

/* Times a second, in the best of some rounds: the one least disturbed. */
static void throughput(const char *name, struct world *w, struct l1_vcpu *other,
		       void (*body)(struct l1_vcpu *v))
{
	u64 best = ~0ULL, ticks, n;

	for (n = 0; n < PAIR_ROUNDS; n++) {
		ticks = together(w, other, body);
		best = ticks < best ? ticks : best;
	}
	record(name, 0, (other ? 2 : 1) * PAIR_PAGES * TICKS_PER_MS * 1000, best);
}

static void pair(void)
{
	static struct world w;
	static struct l1_vcpu other;
	u64 n;

	world_create_sized(&w, L1_LITTLE, 2 * PAIR_PAGES * page);
	use_data(&w.l1, l2_touch);
	for (n = 0; n < 2 * PAIR_PAGES; n++)
		l1_map(&w.tree, FAR_AT + n * PAIR_STRIDE, L1_DATA + n * page,
		       shift, PTE_ALL);
	l1_add_vcpu(&w.l1, &other, 1);
	l2_prepare(&other, 1);
	together(&w, &other, fault_all);
	throughput("pair_faults_one", &w, NULL, fault_all);
	throughput("pair_faults_two", &w, &other, fault_all);
	throughput("pair_trips_one", &w, NULL, trip_all);
	throughput("pair_trips_two", &w, &other, trip_all);
	world_end(&w);
}

/* --- which ---------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
} measurements[] = {
	{ "round_trip", round_trip },
	{ "faults", faults },
	{ "inval", inval },
	{ "refault", refault },
	{ "alias", alias },
	{ "footprint", footprint },
	{ "hold", hold },
	{ "pair", pair },
};

/* A VM that is lost takes no other measurement with it. */
static int measure(const char *name)
{
	int status = 0;
	unsigned int n;
	pid_t child;

	for (n = 0; n < ARRAY_SIZE(measurements); n++) {
		if (strcmp(measurements[n].name, name))
			continue;
		child = fork();
		if (!child) {
			measurements[n].run();
			exit(0);
		}
		waitpid(child, &status, 0);
		return status != 0;
	}
	fprintf(stderr, "nothing is called %s\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	int status = 0, n;

	if (argc < 3) {
		fprintf(stderr, "usage: bench LEVEL NAME ...\n");
		return 2;
	}
	level = argv[1];
	page = host_page();
	shift = __builtin_ctzll(page);
	ap = shift == SHIFT_4K ? AP_4K : AP_64K;
	for (n = 2; n < argc; n++)
		status |= measure(argv[n]);
	return status;
}
