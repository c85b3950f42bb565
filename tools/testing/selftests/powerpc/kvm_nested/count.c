// SPDX-License-Identifier: GPL-2.0-only
/*
 * count - what a plain and a nested guest cost, in ticks of the time base
 *
 * To be run under an emulator that counts instructions instead of time; the
 * time base then counts them, too, and results repeat. The L1 is ours and has
 * no operating system: only the work of L0 is counted.
 *
 * Prints "NAME TICKS" lines, and at the end one line for the lab:
 *
 *	@lab LEVEL count NAME=TICKS ...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/l1.h"

#define ROUNDS		64ULL
#define PAGE		BIT(SHIFT_64K)
#define MAX_NAMES	32
#define ALIASES_AT	(16ULL << SHIFT_1G)

static struct {
	const char *name;
	u64 ticks;
} results[MAX_NAMES];
static unsigned int nr_results;

static void record(const char *name, u64 ticks, u64 rounds)
{
	results[nr_results].name = name;
	results[nr_results++].ticks = (ticks + rounds / 2) / rounds;
}

/* --- a plain guest: L1 itself runs the snippet --- */

static u64 plain_pages(struct l1_vcpu *v, const char *snippet, u64 gpa, u64 n)
{
	l1_do(v, snippet, gpa, n, PAGE);
	return v->vcpu.run->papr_hcall.args[4];
}

static void plain(void)
{
	static struct l1 l1;
	static struct l1_vcpu v;
	u64 ticks = 0, n;

	l1_start(&l1, L1_LITTLE);
	l1_add_vcpu(&l1, &v, 0);
	for (n = 0; n <= ROUNDS; n++) {
		L1_HCALL(&v, H_PING, 0);
		ticks += n ? v.ticks : 0;
	}
	record("plain_hypercall", ticks, ROUNDS);
	plain_pages(&v, l2_touch, L1_DATA, 1);
	record("plain_store_cold",
	       plain_pages(&v, l2_touch, L1_DATA + 2 * PAGE, ROUNDS), ROUNDS);
	memset(l1_memory(&l1, L1_DATA + 128 * PAGE), 1, (ROUNDS + 1) * PAGE);
	plain_pages(&v, l2_look, L1_DATA + 128 * PAGE, 1);
	record("plain_load",
	       plain_pages(&v, l2_look, L1_DATA + 129 * PAGE, ROUNDS), ROUNDS);
	l1_finish(&l1);
}

/* --- a nested guest --- */

/* L1 has used all of its data itself: L0 has leaves for it. */
static void nested_world(struct world *w)
{
	struct l1_vcpu touch;

	world_create(w, L1_LITTLE);
	memset(l1_memory(&w->l1, L1_DATA), 1, L1_DATA_BYTES);
	l1_add_vcpu(&w->l1, &touch, 1);
	plain_pages(&touch, l2_touch, L1_DATA, L1_DATA_BYTES / PAGE);
	vcpu_destroy(&touch.vcpu);
	w->l1.vcpus[1] = NULL;
	l1_map_range(&w->tree, L2_DATA, L1_DATA, L1_DATA_BYTES, SHIFT_64K,
		     PTE_ALL);
	l2_touch_pages(&w->v, L2_DATA, 1, PAGE);
}

static void round_trip(void)
{
	static struct world w;
	u64 ticks = 0, n;

	nested_world(&w);
	for (n = 0; n <= ROUNDS; n++) {
		l2_goto(&w.v, l2_hcall);
		if (l1_enter(&w.v) != TRAP_HCALL)
			fail("L2 did not make its hypercall");
		ticks += n ? w.v.ticks : 0;
	}
	record("nested_round_trip", ticks, ROUNDS);
	world_end(&w);
}

static void stores(void)
{
	static struct world w;
	u64 at = L2_DATA + 16 * PAGE;

	nested_world(&w);
	record("nested_store_first", l2_touch_pages(&w.v, at, ROUNDS, PAGE),
	       ROUNDS);
	l1_inval_lpid(&w.v, 1);
	l2_touch_pages(&w.v, L2_DATA, 1, PAGE);
	record("nested_store_again", l2_touch_pages(&w.v, at, ROUNDS, PAGE),
	       ROUNDS);
	world_end(&w);
}

/* The first load, then the first store where a read-only leaf is. */
static void upgrade(void)
{
	static struct world w;
	u64 at = L2_DATA + 16 * PAGE, n;

	nested_world(&w);
	for (n = 0; n < ROUNDS; n++)
		l1_map(&w.tree, at + n * PAGE, L1_DATA + (16 + n) * PAGE,
		       SHIFT_64K, PTE_REF | PTE_READ);
	l2_goto(&w.v, l2_look);
	SET_REG(&w.v, 4, at);
	SET_REG(&w.v, 5, ROUNDS);
	SET_REG(&w.v, 6, PAGE);
	if (l1_run(&w.v) != TRAP_HCALL)
		fail("L2 did not finish its loads");
	record("nested_load_first", REG(&w.v, 8), ROUNDS);
	for (n = 0; n < ROUNDS; n++)
		l1_map(&w.tree, at + n * PAGE, L1_DATA + (16 + n) * PAGE,
		       SHIFT_64K, PTE_ALL);
	record("nested_store_upgrade", l2_touch_pages(&w.v, at, ROUNDS, PAGE),
	       ROUNDS);
	world_end(&w);
}

static void invalidate(void)
{
	static struct world w;
	u64 ticks = 0, n;

	nested_world(&w);
	l2_touch_pages(&w.v, L2_DATA, 512, PAGE);
	for (n = 0; n <= ROUNDS; n++) {
		l1_inval_page(&w.v, 1, L2_DATA + n * PAGE, AP_64K);
		ticks += n ? w.v.ticks : 0;
	}
	record("inval_page", ticks, ROUNDS);
	ticks = 0;
	for (n = 0; n < 4; n++) {
		l2_touch_pages(&w.v, L2_DATA, 512, PAGE);
		l1_inval_lpid(&w.v, 1);
		ticks += w.v.ticks;
	}
	record("inval_lpid_512", ticks, 4);
	ticks = 0;
	for (n = 0; n < 4; n++) {
		l2_touch_pages(&w.v, L2_DATA, 512, PAGE);
		l1_rpt(&w.v, 1, RPTI_TYPE_TLB, RPTI_PAGE_64K, L2_DATA,
		       L2_DATA + 32 * PAGE);
		ticks += w.v.ticks;
	}
	record("inval_range_32", ticks, 4);
	world_end(&w);
}

/* All of them the one page of L1; then one more. */
static u64 aliased_store(u64 n)
{
	static struct world w;
	u64 ticks, i;

	nested_world(&w);
	for (i = 0; i < n + 8; i++)
		l1_map(&w.tree, ALIASES_AT + i * PAGE, L1_DATA, SHIFT_64K,
		       PTE_ALL);
	l2_touch_pages(&w.v, ALIASES_AT, n, PAGE);
	ticks = l2_touch_pages(&w.v, ALIASES_AT + n * PAGE, 8, PAGE);
	world_end(&w);
	return ticks;
}

static void aliases(void)
{
	record("aliases_1", aliased_store(1), 8);
	record("aliases_256", aliased_store(256), 8);
	record("aliases_1280", aliased_store(1280), 8);
	record("aliases_3840", aliased_store(3840), 8);
}

int main(int argc, char **argv)
{
	unsigned int n;

	plain();
	round_trip();
	stores();
	upgrade();
	invalidate();
	aliases();
	for (n = 0; n < nr_results; n++)
		printf("%s %llu\n", results[n].name,
		       (unsigned long long)results[n].ticks);
	printf("@lab %s count", argc > 1 ? argv[1] : "-");
	for (n = 0; n < nr_results; n++)
		printf(" %s=%llu", results[n].name,
		       (unsigned long long)results[n].ticks);
	printf("\n");
	return 0;
}
