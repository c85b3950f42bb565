// SPDX-License-Identifier: GPL-2.0-only
/*
 * I4: a page that the host is taking away is mapped for nobody any more, not
 * even beside a page that is not taken. The host calls the notifier first and
 * clears its own entries after that, the last pages of the range last.
 */
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/l1.h"

#define SLOT		6
#define START		0x80000000ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define BYTES		(64ULL << 20)
#define VIEW		L2_DATA

/* The first page that stays: in the middle of a line of the host's entries. */
#define LINE		16ULL
#define ROUNDS		40U
#define SECONDS		60

#define OLD		0x0123456789abcdefULL
#define NEW		0x5a5aULL

static struct world w;
static char *memory;
static u64 edge;
static atomic_uint begun, ended;

static u64 *page(u64 n)
{
	return (u64 *)(memory + n * host_page());
}

static u64 view(u64 n)
{
	return VIEW + n * host_page();
}

static int is_resident(void *at)
{
	unsigned char vec = 0;

	CHECK(!mincore(at, 1, &vec));
	return vec & 1;
}

/* Load from the page that stays as soon as the first one is gone. */
static void load_beside(struct l1_vcpu *v)
{
	unsigned int round;

	for (round = 1; round <= ROUNDS; round++) {
		while (atomic_load(&begun) < round)
			;
		while (is_resident(memory))
			;
		l2_must_load(v, view(edge));
		atomic_store(&ended, round);
	}
}

static void fill(void)
{
	u64 n;

	for (n = 0; n < BYTES / host_page(); n++)
		*page(n) = OLD;
}

static void i4_beside_a_range_that_goes(void)
{
	unsigned int round, stale = 0;
	struct l1_vcpu other;
	u64 n, got;

	world_create(&w, L1_LITTLE);
	memory = vm_map(BYTES);
	CHECK(!madvise(memory, BYTES, MADV_NOHUGEPAGE));
	vm_set_slot(&w.l1.vm, SLOT, START, memory, BYTES, 0);
	l1_map_range(&w.tree, VIEW, START, BYTES, SHIFT_64K, PTE_ALL);
	edge = BYTES / host_page() - LINE / 2;
	l1_add_vcpu(&w.l1, &other, 1);
	l2_prepare(&other, 1);
	l1_go(&other, load_beside);

	for (round = 1; round <= ROUNDS; round++) {
		CHECK(!madvise(memory, BYTES, MADV_DONTNEED));
		fill();
		CHECK_EQ(l2_must_load(&w.v, view(edge + 1)), OLD);
		atomic_store(&begun, round);
		CHECK(!madvise(memory, edge * host_page(), MADV_DONTNEED));
		while (atomic_load(&ended) < round)
			;
		for (n = edge - LINE / 2; n < edge; n++) {
			*page(n) = NEW;
			got = l2_must_load(&w.v, view(n));
			if (got == NEW)
				continue;
			if (!stale++)
				note("round %u page -%llu: %llx", round,
				     (unsigned long long)(edge - n),
				     (unsigned long long)got);
		}
	}
	l1_join(&other);
	note("%u stale pages", stale);
	CHECK_EQ(stale, 0);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i4_beside_a_range_that_goes", i4_beside_a_range_that_goes, SECONDS },
};

TEST_MAIN(cases)
